-- asha: asynchronous successive halving, the stopping variant (Li et al. 2020, algorithm 2, as Ray
-- Tune's AsyncHyperBandScheduler runs it).
--
-- A trial that reaches a rung's milestone is stopped when it is worse than the best 1/reduction_factor
-- of those recorded there before it; ties pass. Nobody waits, and nobody is promoted later. Bracket s
-- has rungs at grace_period · reduction_factor^(k+s), k = 0, 1, ... below max_t; with several brackets
-- a trial's is drawn with probability ∝ e^(number of rungs). All steps are those of Ray in doubles.

local check = require "hpo.check"
local core = require "hpo.core"
local method = require "hpo.method"
local rng = require "hpo.rng"

local rules = {
  max_t = { check.whole(1, 1000000000), required = "a whole number ≥ 1" },
  grace_period = { check.whole(1, 1000000000), default = 1 },
  reduction_factor = { check.number { above = 1 }, default = 4 },
  brackets = { check.whole(1, 100), default = 1 },
}

-- The rungs of bracket s, the highest first: { milestone =, number = 1 for the lowest, values = sorted
-- rewards, seen = by trial }.
local function rungs(o, s)
  local n = core.log(o.max_t / o.grace_period) / core.log(o.reduction_factor) - s + 1
  local list = {}
  for k = math.floor(n) - 1, 0, -1 do
    local milestone = o.grace_period * core.pow(o.reduction_factor, k + s)
    list[#list + 1] = { milestone = milestone, number = k + 1, values = {}, seen = {} }
  end
  return list
end

-- The (1 - 1/factor) quantile of sorted values: linear interpolation (Hyndman & Fan 1996, type 7) in
-- numpy's steps. nil: no values.
local function cutoff(values, factor)
  local n = #values
  if n == 0 then return nil end
  local x = (n - 1) * (((1 - 1 / factor) * 100) / 100)
  local i = math.floor(x)
  local g, a, b = x - i, values[i + 1], values[math.min(i + 1, n - 1) + 1]
  if g < 0.5 then return a + (b - a) * g end
  return b - (b - a) * (1 - g)
end

-- Puts the reward at its place among the sorted values, and returns that; a report without a number
-- never counts.
local function record(values, reward)
  if reward ~= reward then return end
  local low, high = 1, #values + 1
  while low < high do
    local middle = (low + high) // 2
    if values[middle] <= reward then low = middle + 1 else high = middle end
  end
  table.insert(values, low, reward)
  return low
end

-- The decision in words: `place` is where the reward now stands, cut what it was compared with.
local function judgement(rung, sign, reward, cut, place)
  local at = ("rung %d, at t = %g"):format(rung.number, rung.milestone)
  if not place then return "a report without a number passes " .. at end
  if not cut then return ("%.6g is the first at %s"):format(sign * reward + 0.0, at) end
  local word = reward < cut and "worse than" or reward == cut and "equal to" or "better than"
  return ("%.6g is %s the cut-off %.6g of %s (rank %d of %d)"):format(
    sign * reward + 0.0, word, sign * cut + 0.0, at, #rung.values - place + 1, #rung.values)
end

-- The bracket of a trial: 1, 2, ...
local function draw(brackets, generator)
  local most, sum, weights = 0, 0, {}
  for _, bracket in ipairs(brackets) do most = math.max(most, #bracket) end
  for s, bracket in ipairs(brackets) do
    weights[s] = core.exp(#bracket - most)
    sum = sum + weights[s]
  end
  local left = generator:uniform() * sum
  for s = 1, #brackets do
    left = left - weights[s]
    if left < 0 then return s end
  end
  return #brackets
end

return function(options)
  local o = check.fields("hpo.scheduler.asha", options, rules)
  if o.grace_period > o.max_t then
    check.expected("hpo.scheduler.asha.grace_period", "a whole number ≤ max_t, " .. o.max_t, o.grace_period)
  end
  return method.new("scheduler", "asha", o, function(study)
    local sign = study.mode == "max" and 1 or -1
    local brackets, of_trial = {}, {}
    for s = 1, o.brackets do brackets[s] = rungs(o, s - 1) end
    local scheduler = { max_t = o.max_t }

    function scheduler:start(trial)
      of_trial[trial] = brackets[draw(brackets, rng.open(study.seed, trial, "bracket"))]
    end

    function scheduler:report(trial, t, value)
      if t >= o.max_t then return "stop" end
      for _, rung in ipairs(of_trial[trial]) do
        if t >= rung.milestone and not rung.seen[trial] then
          local reward, cut = sign * value, cutoff(rung.values, o.reduction_factor)
          local place = record(rung.values, reward)
          rung.seen[trial] = true
          return cut and reward < cut and "stop" or "continue",
            function() return judgement(rung, sign, reward, cut, place) end
        end
      end
      return "continue"
    end

    scheduler["until"] = function(_, trial, t)
      local next_t = o.max_t
      for _, rung in ipairs(of_trial[trial]) do
        if rung.milestone > t then next_t = math.min(next_t, math.ceil(rung.milestone)) end
      end
      return next_t
    end

    return scheduler
  end)
end
