-- median: the median stopping rule (Golovin et al., Google Vizier, 2017), as Ray Tune's MedianStoppingRule.
--
-- A trial stops at t when the best of its reports is worse than the median of the other trials' means up
-- to t. Only trials that came as far count; those that ended are among them, and their last report twice.

local check = require "hpo.check"
local method = require "hpo.method"

local rules = {
  max_t = { check.whole(1, 1000000000), required = "a whole number ≥ 1" },
  grace_period = { check.whole(1, 1000000000), default = 1 },
  min_samples_required = { check.whole(1, 1000000000), default = 3 },
}

-- The sum of values[from + 1 .. from + n], in the order of numpy's additions.
local function sum(values, from, n)
  if n < 8 then
    local s = 0.0
    for i = from + 1, from + n do s = s + values[i] end
    return s
  elseif n > 128 then
    local half = n // 2 - n // 2 % 8
    return sum(values, from, half) + sum(values, from + half, n - half)
  end
  local r = table.move(values, from + 1, from + 8, 1, {})
  local whole = n - n % 8
  for i = 8, whole - 1 do r[i % 8 + 1] = r[i % 8 + 1] + values[from + i + 1] end
  local s = ((r[1] + r[2]) + (r[3] + r[4])) + ((r[5] + r[6]) + (r[7] + r[8]))
  for i = from + whole + 1, from + n do s = s + values[i] end
  return s
end

local function median(sorted)
  local n = #sorted
  if n % 2 == 1 then return sorted[n // 2 + 1] end
  return (sorted[n // 2] + sorted[n // 2 + 1]) / 2
end

local function judgement(value, middle, n, good)
  return ("its best %.6g is %s the median %.6g of %d others' means"):format(
    value + 0.0, good and "not worse than" or "worse than", middle + 0.0, n)
end

return function(options)
  local o = check.fields("hpo.scheduler.median", options, rules)
  if o.grace_period > o.max_t then
    check.expected("hpo.scheduler.median.grace_period", "a whole number ≤ max_t, " .. o.max_t, o.grace_period)
  end
  return method.new("scheduler", "median", o, function(study)
    local least = study.mode == "min"
    local trials, list = {}, {} -- by number; in order of their beginning
    local scheduler = { max_t = o.max_t }

    function scheduler:start(trial)
      trials[trial] = { number = trial, t = 0, ts = {}, values = {} }
      list[#list + 1] = trials[trial]
    end

    -- The mean of a trial's reports from grace_period to t; nil: it is no number.
    local function mean(trial, t)
      local window = {}
      for i, at in ipairs(trial.ts) do
        if at >= o.grace_period and at <= t then window[#window + 1] = trial.values[i] end
      end
      local m = sum(window, 0, #window) / #window
      return check.is_finite(m) and m or nil
    end

    local function means_of_others(number, t)
      local means = {}
      for _, other in ipairs(list) do
        if other.number ~= number and other.t >= t then means[#means + 1] = mean(other, t) end
      end
      table.sort(means)
      return means
    end

    local function add(trial, t, value)
      trial.t = t
      trial.ts[#trial.ts + 1], trial.values[#trial.values + 1] = t, value
      -- A first report that is no number stays the best for ever, as in Python's min and max.
      local best = trial.best
      if best == nil or (least and value < best) or (not least and value > best) then trial.best = value end
    end

    local function decide(trial, t)
      if t < o.grace_period then return "continue" end
      local means = means_of_others(trial.number, t)
      if #means < o.min_samples_required then return "continue" end
      local middle, best = median(means), trial.best
      local good = least and best <= middle or not least and best >= middle
      return good and "continue" or "stop", function() return judgement(best, middle, #means, good) end
    end

    function scheduler:report(number, t, value)
      local trial = trials[number]
      add(trial, t, value)
      local decision, why = decide(trial, t)
      if t >= o.max_t then decision = "stop" end
      if decision == "stop" then add(trial, t, value) end
      return decision, why
    end

    function scheduler:finish(number, status)
      local trial = trials[number]
      if status ~= "failed" and trial.t > 0 then add(trial, trial.t, trial.values[#trial.values]) end
    end

    scheduler["until"] = function(_, _, t) return math.max(o.grace_period, t + 1) end
    return scheduler
  end)
end
