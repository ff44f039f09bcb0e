-- asha: asynchronous successive halving (Li et al. 2020).
--
-- type = "stopping" (their algorithm 2, as Ray Tune's AsyncHyperBandScheduler runs it): a trial that reaches
-- a rung's milestone is stopped when it is worse than the best 1/reduction_factor of those recorded there
-- before it; ties pass. Nobody waits, and nobody comes back. type = "promotion" is hpo.scheduler.parts.promotion.

local check = require "hpo.check"
local method = require "hpo.method"
local open_promotion = require "hpo.scheduler.parts.promotion"
local open_quantile = require "hpo.scheduler.parts.quantile"
local open_rungs = require "hpo.scheduler.parts.rungs"

local rules = {
  max_t = { check.whole(1, 1000000000), required = "a whole number ≥ 1" },
  grace_period = { check.whole(1, 1000000000), default = 1 },
  reduction_factor = { check.number { above = 1 }, default = 4 },
  brackets = { check.whole(1, 100), default = 1 },
  type = { check.one_of("stopping", "promotion"), default = "stopping" },
}

-- The decision in words; cut is what the reward was compared with.
local function judgement(rung, sign, reward, cut)
  local at = ("rung %d, at t = %g"):format(rung.number, rung.milestone)
  if reward ~= reward then return "a report without a number passes " .. at end
  if not cut then return ("%.6g is the first at %s"):format(sign * reward + 0.0, at) end
  local word = reward < cut and "worse than" or reward == cut and "equal to" or "better than"
  return ("%.6g is %s the cut-off %.6g of %s (rank %d of %d)"):format(sign * reward + 0.0, word, sign * cut + 0.0, at,
    rung.rewards.above(reward) + 1, rung.rewards.count())
end

local function open(o, study)
  local sign = study.mode == "max" and 1 or -1
  local rungs = open_rungs(o, study)
  local scheduler = { max_t = o.max_t, passes = 1 / o.reduction_factor }

  function scheduler:start(trial) rungs:start(trial) end

  function scheduler:report(trial, t, value)
    if t >= o.max_t then return "stop" end
    for _, rung in ipairs(rungs:of(trial)) do
      rung.rewards = rung.rewards or open_quantile(((1 - 1 / o.reduction_factor) * 100) / 100)
      rung.seen = rung.seen or {}
      if t >= rung.milestone and not rung.seen[trial] then
        local reward, cut = sign * value, rung.rewards.value()
        rung.seen[trial] = true
        if reward == reward then rung.rewards.add(reward) end -- a report without a number never counts
        return cut and reward < cut and "stop" or "continue", function() return judgement(rung, sign, reward, cut) end
      end
    end
    return "continue"
  end

  scheduler["until"] = function(_, trial, t) return rungs:beyond(trial, t) end
  return scheduler
end

return function(options)
  local o = check.fields("hpo.scheduler.asha", options, rules)
  if o.grace_period > o.max_t then
    check.expected("hpo.scheduler.asha.grace_period", "a whole number ≤ max_t, " .. o.max_t, o.grace_period)
  end
  local opener = o.type == "promotion" and open_promotion or open
  return method.new("scheduler", "asha", o, function(study) return opener(o, study) end)
end
