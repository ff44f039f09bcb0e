-- trials: the columns of studies' tables, and what each says of a trial. Tables that are shown together have
-- one name for one thing.

local check = require "hpo.check"
local columns = require "hpo.columns"

local trials = {}
local OURS = { "trial", "wall time", "runtime_s", "GPU minutes", "gpu_minutes", "t", "at t", "at_t", "status" }

trials.seconds = columns.rounded "%.1f s"
local hundredths = columns.rounded "%.2f"

-- The report by which a trial is judged, or nothing of one.
local function judged(trial) return trial.judged_by or {} end

-- The parameters of that report: the trial's own, unless an exploit has given it others since.
local function params_of(trial) return judged(trial).params or trial.params end

function trials.runtime(trial)
  local sum = 0
  for _, segment in ipairs(trial.segments) do sum = sum + (segment.seconds or 0) end
  return sum
end

-- Of its own segments, whoever trained them; nil: no card was used.
local function gpu_minutes(trial)
  local sum = 0
  for _, segment in ipairs(trial.segments) do sum = sum + (segment.info and segment.info.gpu_seconds or 0) end
  return sum > 0 and sum / 60 or nil
end

function trials.spaced(name) return (name:gsub("_", " ")) end

-- All metrics of the report by which a trial is judged. After an exploit a t may come twice: of the last
-- finite report it is the later one, of the best the earlier.
local function report_of(study, trial)
  local own, reports = judged(trial), trial.metrics
  local from, to, step = #reports, 1, -1
  if study.best_of == "any" then from, to, step = 1, #reports, 1 end
  for i = from, to, step do
    if reports[i].t == own.t and reports[i][study.metric] == own.value then return reports[i] end
  end
  return {}
end

-- Each trial then knows its study and its report, the study the names of its parameters and metrics, as sets.
-- Before anything else.
function trials.open(study)
  local params, metrics = {}, {}
  for _, trial in ipairs(study.trials) do
    trial.study, trial.report = study, report_of(study, trial)
    for name in pairs(params_of(trial)) do params[name] = true end
    for _, report in ipairs(trial.metrics) do
      for name in pairs(report) do metrics[name] = true end
    end
  end
  metrics.t, metrics[study.metric] = nil, true
  study.params, study.metrics = params, metrics
end

local function metric_of(name)
  return function(trial)
    if trial.study.metric == name then return judged(trial).value end
    return trial.report[name]
  end
end

-- The names that some study has, sorted.
local function names_in(studies, field)
  local names = {}
  for _, study in ipairs(studies) do
    for name in pairs(study[field]) do names[name] = true end
  end
  return check.names(names)
end

-- The columns of all parameters and metrics. No two have one name, nor one title: the studies' own metrics
-- give way to our columns, parameters to both, the other metrics to all. Own metrics come first, in the order
-- of studies, the rest by name.
local function given(studies)
  local taken, own, found = { study = #studies > 1 or nil }, {}, { params = {}, metrics = {} }
  for _, name in ipairs(OURS) do taken[name] = true end
  local function put(list, of, name, prefix, title, value)
    while taken[name] or taken[title(name)] do name = prefix .. name end
    taken[name], taken[title(name)] = true, true
    list[#list + 1] = { key = name, title = title(name), value = value, of = of }
  end
  local function metric(name, key) put(found.metrics, name, key, "metric.", trials.spaced, metric_of(name)) end
  for _, study in ipairs(studies) do
    if not own[study.metric] then metric(study.metric, taken[study.metric] and "metric" or study.metric) end
    own[study.metric] = true
  end
  for _, name in ipairs(names_in(studies, "params")) do
    put(found.params, name, name, "params.", function(same) return same end, function(trial) return params_of(trial)[name] end)
  end
  for _, name in ipairs(names_in(studies, "metrics")) do
    if not own[name] then metric(name, name) end
  end
  return found
end

-- function(study) → the columns of its table, and those of parameters and metrics among them, as { params =,
-- metrics = }; without a study those of one table for all.
function trials.columns(studies)
  local all = given(studies)
  return function(study)
    local shown, list, found, best_of_any, used_gpus = study and { study } or studies, {}, { params = {}, metrics = {} }, false, false
    local function add(title, key, value, show) list[#list + 1] = { title = title, key = key, value = value, show = show } end
    local function take(field, own)
      for _, column in ipairs(all[field]) do
        local wanted = not study or study[field][column.of] and own == (field == "metrics" and column.of == study.metric)
        if wanted then list[#list + 1], found[field][#found[field] + 1] = column, column end
      end
    end
    for _, one in ipairs(shown) do
      best_of_any = best_of_any or one.best_of == "any"
      for _, trial in ipairs(one.trials) do used_gpus = used_gpus or gpu_minutes(trial) ~= nil end
    end
    if #shown > 1 then add("study", "study", function(trial) return trial.study.study end) end
    add("trial", "trial", function(trial) return trial.trial end)
    take("params", false)
    if study then take("metrics", true) end
    take("metrics", false)
    if best_of_any then add("at t", "at_t", trials.judged_t) end
    add("wall time", "runtime_s", trials.runtime, trials.seconds)
    if used_gpus then add("GPU minutes", "gpu_minutes", gpu_minutes, hundredths) end
    add("t", "t", function(trial) return trial.reached end)
    add("status", "status", function(trial) return trial.status end)
    return list, found
  end
end

function trials.judged_t(trial) return judged(trial).t end
function trials.value(trial) return judged(trial).value end

return trials
