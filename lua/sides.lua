-- sides: two builds side by side: what differs between two tables of values, and between the tables of their studies.
--
-- Trials are matched by their parameters; of several with the same, the first of one goes with the first of the
-- other. A metric is that of the report by which a trial is judged, its change is b - a.

local core = require "hpo.core"
local check = require "hpo.check"
local trials = require "hpo.trials"

-- The names of two tables, sorted.
local function names_of(a, b)
  local names = {}
  for name in pairs(a) do names[name] = true end
  for name in pairs(b) do names[name] = true end
  return check.names(names)
end

-- { name =, a =, b = } for each name whose values differ.
local function differing(a, b)
  local list = core.array {}
  for _, name in ipairs(names_of(a, b)) do
    if a[name] ~= b[name] then list[#list + 1] = { name = name, a = a[name], b = b[name] } end
  end
  return list
end

-- What a side says of a trial.
local function side_of(trial)
  if not trial then return nil end
  local metrics = {}
  for name, value in pairs(trial.report) do
    if name ~= "t" then metrics[name] = value end
  end
  return { trial = trial.trial, status = trial.status, reached = trial.reached, t = trials.judged_t(trial), metrics = metrics }
end

local function change_of(a, b)
  local change = {}
  for name, value in pairs(a and b and a.metrics or {}) do
    local other = b.metrics[name]
    if type(value) == "number" and type(other) == "number" then change[name] = other - value end
  end
  return change
end

local function pair_of(params, a, b)
  a, b = side_of(a), side_of(b)
  return { params = params, a = a, b = b, change = change_of(a, b) }
end

-- The trials of a, each with its match, then those that only b has.
local function pairs_of(a, b)
  local waiting, matched, list = {}, {}, core.array {}
  for _, trial in ipairs(b and b.trials or {}) do
    local key = core.encode(trial.params)
    waiting[key] = waiting[key] or {}
    table.insert(waiting[key], trial)
  end
  for _, trial in ipairs(a and a.trials or {}) do
    local same = waiting[core.encode(trial.params)]
    local other = same and table.remove(same, 1)
    if other then matched[other] = true end
    list[#list + 1] = pair_of(trial.params, trial, other)
  end
  for _, trial in ipairs(b and b.trials or {}) do
    if not matched[trial] then list[#list + 1] = pair_of(trial.params, nil, trial) end
  end
  return list
end

local function best_of(study)
  for _, trial in ipairs(study and study.trials or {}) do
    if trial.trial == study.best then return trial end
  end
end

local function study_of(name, a, b)
  local best_a, best_b = best_of(a), best_of(b)
  local best = pair_of(nil, best_a, best_b)
  if best.a then best.a.params = best_a.params end
  if best.b then best.b.params = best_b.params end
  local one = b or a
  return { study = name, metric = one.metric, mode = one.mode, trials = pairs_of(a, b), best = best, only = not a and "b" or not b and "a" or nil }
end

local function studies_of(a, b)
  local of_a, of_b, list = {}, {}, core.array {}
  for _, study in ipairs(a.studies) do trials.open(study); of_a[study.study] = study end
  for _, study in ipairs(b.studies) do trials.open(study); of_b[study.study] = study end
  for _, name in ipairs(names_of(of_a, of_b)) do list[#list + 1] = study_of(name, of_a[name], of_b[name]) end
  return list
end

return { differing = differing, studies = studies_of }
