-- effort: the outcome of a study in words: that there is no best, that exploits ended, the units that were there before, the
-- virtual workers that waited, and the cost function by which they would wait less, where measured times
-- say so.
--
-- A cost is only suggested where what a unit takes differs, by one parameter's value, by more than a fifth
-- from what its cost says, and where that parameter explains most of the differences between trials.

local check = require "hpo.check"
local columns = require "hpo.columns"

local SHORTEST = 0.05 -- seconds: below, it is starting a process that is measured
local MOST_VALUES = 12
local LONGEST = 60 -- letters of a value that stands in a cost function

local minutes = columns.rounded "%.1f min"

local function no_best(study)
  if study.best ~= nil or not study.info or #study.trials == 0 then return nil end
  return "no trial reported a finite " .. study.metric .. ", so there is no best"
end

-- Units that were known before their build, and those that it trained for another trial.
local function reuse(study)
  local units, reused, seconds, seen = 0, 0, 0, {}
  for _, trial in ipairs(study.trials) do
    for _, unit in ipairs(trial.segments) do
      if unit.cached == nil then return nil end
      units = units + 1
      if unit.cached or seen[unit.key] then reused, seconds = reused + 1, seconds + unit.seconds end
      seen[unit.key] = true
    end
  end
  if reused == 0 then return nil end
  return ("%d of its %d units were reused, not trained: %s"):format(reused, units, minutes(seconds / 60))
end

local function idle(info)
  if not info or info.time == 0 then return nil end
  local share = math.max(0, 100 - 100 * info.busy / (info.workers * info.time))
  return share >= 0.5 and ("virtual workers idle %.0f%% of the time"):format(share) or nil
end

local function exploits_ended(info)
  if not info or not info.units_with_exploits then return nil end
  return ("after %d units, 2 × samples × max_t, no trial exploited another any more"):format(info.units_with_exploits)
end

local function median(values)
  table.sort(values)
  return (values[(#values + 1) // 2] + values[#values // 2 + 1]) / 2
end

-- What a unit takes in each trial that kept its parameters: { params =, seconds =, ratio = to its cost }.
local function paces(study)
  local list = {}
  for i, trial in ipairs(study.trials) do
    local seconds, kept = {}, true
    for k, unit in ipairs(trial.segments) do
      seconds[k] = unit.seconds
      kept = kept and not unit.parent_trial
    end
    if kept and #seconds > 0 then
      local middle, cost = median(seconds), study.info.costs and study.info.costs[i] or 1
      list[#list + 1] = { params = trial.params, seconds = middle, ratio = middle / cost }
    end
  end
  return list
end

local function squares(values)
  local sum, squared = 0, 0
  for _, x in ipairs(values) do sum = sum + x end
  for _, x in ipairs(values) do squared = squared + (x - sum / #values) ^ 2 end
  return squared
end

-- The paces by a parameter's values: { values = sorted, [value] = { seconds =, ratio = } }, each a list;
-- nil where some trial lacks it, or its values are too many to say anything.
local function by_value(list, name)
  local groups = { values = {} }
  for _, pace in ipairs(list) do
    local value = pace.params[name]
    if value == nil or type(value) == "table" or #tostring(value) > LONGEST then return nil end
    if not groups[value] then
      groups[value] = { seconds = {}, ratio = {} }
      groups.values[#groups.values + 1] = value
    end
    table.insert(groups[value].seconds, pace.seconds)
    table.insert(groups[value].ratio, pace.ratio)
  end
  local n = #groups.values
  if n < 2 or n > MOST_VALUES or 2 * n > #list then return nil end
  return groups
end

-- How much of the differences the parameter explains, from 0 to 1; 0 where its values differ by a fifth at most.
local function explained(list, groups)
  local all, within, low, high = {}, 0, math.huge, 0
  for i, pace in ipairs(list) do all[i] = pace.ratio end
  for _, value in ipairs(groups.values) do
    within = within + squares(groups[value].ratio)
    local middle = median(groups[value].ratio)
    low, high = math.min(low, middle), math.max(high, middle)
  end
  if high <= 1.2 * low then return 0 end
  return 1 - within / squares(all)
end

local function literal(value) return type(value) == "string" and ("%q"):format(value) or columns.plain(value) end

-- "cost = function(p) return ({ [2] = 1.9, [4] = 1 })[p.bs] end", or nil.
local function cost(study)
  local list = paces(study)
  local names, best, name, groups = {}, 0.5, nil, nil
  for _, pace in ipairs(list) do
    if pace.seconds < SHORTEST then return nil end
    for key in pairs(pace.params) do names[key] = true end
  end
  for _, key in ipairs(check.names(names)) do
    local some = by_value(list, key)
    local share = some and explained(list, some) or 0
    if share > best then best, name, groups = share, key, some end
  end
  if not groups then return nil end
  local least, cells = math.huge, {}
  for _, value in ipairs(groups.values) do least = math.min(least, median(groups[value].seconds)) end
  for i, value in ipairs(groups.values) do
    cells[i] = ("[%s] = %s"):format(literal(value), ("%.2g"):format(median(groups[value].seconds) / least))
  end
  table.sort(cells)
  local field = name:find "^[%a_][%w_]*$" and "." .. name or ("[%q]"):format(name)
  return ("a unit's time depends on %s; a clock that knows it keeps workers busy:\n  cost = function(p) return ({ %s })[p%s] end"):format(
    name, table.concat(cells, ", "), field)
end

-- study is the object of `hpo table --json`; a list of texts.
return function(study)
  local list = {}
  list[#list + 1] = no_best(study)
  list[#list + 1] = exploits_ended(study.info)
  list[#list + 1] = reuse(study)
  list[#list + 1] = idle(study.info)
  list[#list + 1] = study.info and cost(study)
  return list
end
