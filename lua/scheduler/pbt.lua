-- pbt: population based training (Jaderberg et al. 2017), as Ray Tune's asynchronous
-- PopulationBasedTraining decides.
--
-- Every perturbation_interval units a trial is ranked among the population. One of the worst takes the
-- checkpoint of one of the best, and its parameters, each of them perturbed. All trials exist from the
-- start; a free worker goes to the waiting one that has trained least.

local check = require "hpo.check"
local core = require "hpo.core"
local explore = require "hpo.scheduler.parts.explore"
local method = require "hpo.method"
local rng = require "hpo.rng"

local rules = {
  max_t = { check.whole(1, 1000000000), required = "a whole number ≥ 1" },
  perturbation_interval = { check.whole(1, 1000000000), default = 1 },
  burn_in_period = { check.whole(0, 1000000000), default = 0 },
  quantile_fraction = { check.number { above = 0, most = 0.5 }, default = 0.25 },
  resample_probability = { check.number { least = 0, most = 1 }, default = 0.25 },
  perturbation_factors = { check.list(check.number { above = 0 }, 1), default = { 1.2, 0.8 } },
  mutations = { explore.mutations, default = {} },
}

local function open(o, study)
  local sign = study.mode == "max" and 1 or -1
  local trials, list = {}, {} -- by number; in order of their beginning
  local complete = false -- no further trial will begin
  local scheduler = { max_t = o.max_t, population = true, exploits = true }

  for _, name in ipairs(check.names(study.space and o.mutations or {})) do
    if not study.space[name] then
      core.fail("hpo.scheduler.pbt.mutations." .. name, "the study's space has no such parameter")
    end
  end

  function scheduler:start(number, params)
    trials[number] = { number = number, params = params, trained = 0, exploits = 0 }
    list[#list + 1] = trials[number]
    complete = #list == study.samples
  end

  -- The worst and the best part of those that have a score and are not at their end.
  local function quantiles()
    local ranked = {}
    for _, trial in ipairs(list) do
      if trial.score and not trial.ended then ranked[#ranked + 1] = trial end
    end
    table.sort(ranked, function(a, b)
      if a.score ~= b.score then return a.score < b.score end
      return a.number < b.number
    end)
    local m = #ranked
    local k = math.ceil(m * o.quantile_fraction)
    if k > m / 2 then k = m // 2 end
    if m <= 1 then k = 0 end
    local rank = {}
    for i, trial in ipairs(ranked) do rank[trial] = i end
    return table.move(ranked, 1, k, 1, {}), table.move(ranked, m - k + 1, m, 1, {}), rank, m
  end

  -- The trial that waits and has trained least; nil: one that has not begun comes before it, or none waits.
  local function next_waiting()
    local least
    for _, trial in ipairs(complete and list or {}) do
      if trial.paused and (not least or trial.trained < least.trained) then least = trial end
    end
    return least
  end

  local function others_wait()
    if not complete then return true end
    for _, trial in ipairs(list) do
      if trial.paused then return true end
    end
    return false
  end

  local function release(answer)
    local trial = next_waiting()
    if not trial then return answer end
    trial.paused = false
    answer[#answer + 1] = { trial = trial.number, decision = "continue", why = "a worker is free, and it has trained least" }
    return answer
  end

  local function exploit(trial, donor, why)
    local generator = rng.open(study.seed, trial.number, "explore " .. trial.exploits)
    trial.exploits = trial.exploits + 1
    trial.params = explore.params(o, donor.params, generator, study)
    trial.trained = donor.trained
    return { trial = trial.number, decision = "exploit", parent = donor.number, t = donor.checkpoint, params = trial.params, why = why }
  end

  -- The trial that it takes over from, or nil.
  local function donor_of(trial, upper)
    local generator = rng.open(study.seed, trial.number, "exploit " .. trial.exploits)
    local donor = upper[generator:below(#upper) + 1]
    return donor.checkpoint and donor
  end

  local function perturb(trial, t, value)
    local wait, answer = others_wait(), {}
    trial.score = value == value and sign * value or nil
    trial.trained, trial.checkpoint = t, nil
    local lower, upper, rank, m = quantiles()
    local low = false
    for _, other in ipairs(lower) do low = low or other == trial end
    for _, other in ipairs(upper) do
      if other == trial then trial.checkpoint = t end
    end
    local why = rank[trial] and ("rank %d of %d"):format(m - rank[trial] + 1, m) or "a report without a number"
    local donor = low and study.may_exploit() and donor_of(trial, upper)
    if low and not study.may_exploit() then why = why .. "; nobody exploits any more" end
    if donor then answer[1] = exploit(trial, donor, why .. (", among the worst %d"):format(#lower)) end
    if not donor and not wait then return { { trial = trial.number, decision = "continue", why = why } } end
    answer[#answer + 1] = { trial = trial.number, decision = "pause", why = why .. "; others wait" }
    trial.paused = true
    return release(answer)
  end

  local function ended(trial, answer)
    trial.ended = true
    return release(answer)
  end

  function scheduler:report(number, t, value)
    local trial = trials[number]
    if t >= o.max_t then return ended(trial, { { trial = number, decision = "stop" } }) end
    if t < o.burn_in_period or t - trial.trained < o.perturbation_interval then return "continue" end
    return perturb(trial, t, value)
  end

  function scheduler:finish(number) return ended(trials[number], {}) end
  -- Also where the searcher had fewer points than the study has samples.
  function scheduler:idle()
    complete = true
    return release {}
  end
  scheduler["until"] = function(_, number)
    return math.max(o.burn_in_period, trials[number].trained + o.perturbation_interval)
  end
  return scheduler
end

return function(options)
  local o = check.fields("hpo.scheduler.pbt", options, rules)
  return method.new("scheduler", "pbt", o, function(study) return open(o, study) end)
end
