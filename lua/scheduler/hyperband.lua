-- hyperband: HyperBand (Li et al. 2018) with the brackets of Ray Tune's HyperBandScheduler, or with
-- order = "bohb" those of its HyperBandForBOHB, which begins with the largest.
--
-- Trials of a bracket pause at its milestone until all are there; the best 1/reduction_factor go on to
-- the next one, the others are given up. After the last milestone a trial has had all that there is.

local band_of = require "hpo.scheduler.parts.band"
local check = require "hpo.check"
local method = require "hpo.method"

local rules = {
  max_t = { check.whole(1, 1000000000), required = "a whole number ≥ 1" },
  reduction_factor = { check.number { above = 1 }, default = 3 },
  order = check.one_of("bohb"),
}

-- Reports without a number are worst; of equals the one that began earlier.
local function is_worse(a, b)
  local x, y = a.reward, b.reward
  if (x == x) ~= (y == y) then return x ~= x end
  if x < y or y < x then return x < y end
  return a.number < b.number
end

local function open(o, study)
  local sign = study.mode == "max" and 1 or -1
  local band, brackets, trials = band_of(o), {}, {}
  local scheduler = { max_t = o.max_t, passes = 1 / o.reduction_factor }
  local answer -- the decisions that are being made

  local function decide(trial, decision, why)
    answer[#answer + 1] = { trial = trial.number, decision = decision, why = why }
  end

  local function remove(trial)
    local live = trial.bracket.live
    for i, other in ipairs(live) do
      if other == trial then return table.remove(live, i) end
    end
  end

  function scheduler:start(number)
    local bracket = brackets[#brackets]
    if not bracket or #bracket.live == bracket.n then
      local size = band[#brackets % #band + 1]
      bracket = { number = #brackets, s = size.s, n = size.n, r = size.r, live = {} }
      brackets[#brackets + 1] = bracket
    end
    trials[number] = { number = number, bracket = bracket, t = 0, paused = false }
    bracket.live[#bracket.live + 1] = trials[number]
  end

  local function halve(bracket)
    bracket.halved, bracket.s, bracket.n = true, bracket.s - 1, math.ceil(bracket.n / o.reduction_factor)
    bracket.r = math.tointeger(math.min(bracket.r * o.reduction_factor, o.max_t) // 1)
    local live, ranked = bracket.live, table.move(bracket.live, 1, #bracket.live, 1, {})
    table.sort(ranked, is_worse)
    for place, trial in ipairs(ranked) do trial.rank = #ranked - place + 1 end
    bracket.live = {}
    for _, trial in ipairs(live) do
      local word, on = trial.paused and "drop" or "stop", trial.rank <= bracket.n
      if on then
        word = trial.t < bracket.r and "continue" or "pause"
        bracket.live[#bracket.live + 1] = trial
      end
      if not on or word == "continue" or not trial.paused then
        decide(trial, word, ("rank %d of %d in bracket %d, whose best %d go on to t = %d"):format(
          trial.rank, #live, bracket.number, bracket.n, bracket.r))
      end
      trial.paused = word == "pause"
    end
  end

  -- What follows once all of the bracket are at its milestone; false: somebody is not.
  local function process(bracket)
    for _, trial in ipairs(bracket.live) do
      if trial.t < bracket.r then return false end
    end
    if bracket.s > 0 then
      halve(bracket)
    else
      local why = ("t = %d is the last milestone of bracket %d"):format(bracket.r, bracket.number)
      for _, trial in ipairs(bracket.live) do decide(trial, "complete", why) end
      bracket.live = {}
    end
    return true
  end

  -- BOHB's order waits until the bracket is full and everybody else is paused.
  local function is_ready(trial)
    local bracket = trial.bracket
    for _, other in ipairs(o.order and bracket.live or {}) do
      if other ~= trial and not other.paused then return false end
    end
    return not o.order or #bracket.live == bracket.n
  end

  local function leave(trial)
    remove(trial)
    -- After the first halving Ray does not look at a bracket again when a trial leaves it.
    if not trial.bracket.halved and trial.bracket.s > 0 then process(trial.bracket) end
  end

  function scheduler:report(number, t, value)
    local trial = trials[number]
    trial.t, trial.reward, answer = t, sign * value, {}
    if t < trial.bracket.r then
      decide(trial, "continue")
    elseif not is_ready(trial) or not process(trial.bracket) then
      decide(trial, "pause", ("it waits at t = %d for the others of bracket %d"):format(trial.bracket.r, trial.bracket.number))
      trial.paused = true
    end
    if t >= o.max_t then leave(trial) end
    return answer
  end

  function scheduler:finish(number)
    answer = {}
    leave(trials[number])
    return answer
  end

  -- Brackets that will never be full go on as they are.
  function scheduler:idle()
    answer = {}
    for _, bracket in ipairs(brackets) do
      if #bracket.live > 0 then process(bracket) end
      for _, d in ipairs(answer) do
        if d.decision == "continue" then return answer end
      end
    end
    return answer
  end

  scheduler["until"] = function(_, number, t) return math.max(trials[number].bracket.r, t + 1) end
  return scheduler
end

return function(options)
  local o = check.fields("hpo.scheduler.hyperband", options, rules)
  return method.new("scheduler", "hyperband", o, function(study) return open(o, study) end)
end
