-- rungs: where ASHA compares trials. Bracket s has rungs at grace_period · reduction_factor^(k+s) for k = 0,
-- 1, ... below max_t; a trial's bracket is drawn with probability ∝ e^(number of its rungs). All steps are
-- those of Ray Tune's AsyncHyperBandScheduler in doubles.

local core = require "hpo.core"
local rng = require "hpo.rng"

-- The rungs of bracket s, the highest first: { milestone =, number = 1 for the lowest }.
local function bracket_of(o, s)
  local n = core.log(o.max_t / o.grace_period) / core.log(o.reduction_factor) - s + 1
  local list = {}
  for k = math.floor(n) - 1, 0, -1 do
    list[#list + 1] = { milestone = o.grace_period * core.pow(o.reduction_factor, k + s), number = k + 1 }
  end
  return list
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

-- rungs:start(trial) draws its bracket; rungs:of(trial) are that bracket's; rungs:beyond(trial, t) is the next
-- t at which it is compared.
return function(o, study)
  local brackets, of_trial, rungs = {}, {}, {}
  for s = 1, o.brackets do brackets[s] = bracket_of(o, s - 1) end

  function rungs:start(trial)
    of_trial[trial] = brackets[draw(brackets, rng.open(study.seed, trial, "bracket"))]
  end

  function rungs:of(trial) return of_trial[trial] end

  function rungs:beyond(trial, t)
    local next_t = o.max_t
    for _, rung in ipairs(of_trial[trial]) do
      if rung.milestone > t then next_t = math.min(next_t, math.ceil(rung.milestone)) end
    end
    return next_t
  end

  return rungs
end
