-- table: what people see of a study and of a comparison, drawn from the JSON that programs get.

local core = require "hpo.core"
local check = require "hpo.check"
local columns = require "hpo.columns"
local effort = require "hpo.effort"
local simulation = require "hpo.simulation"

local tables = {}
local seconds, hundredths = columns.rounded "%.1f s", columns.rounded "%.2f"

-- The report by which a trial is judged, or nothing of one.
local function judged(trial) return trial.judged_by or {} end

-- The parameters of that report: the trial's own, unless an exploit has given it others since.
local function params_of(trial) return judged(trial).params or trial.params end

local function runtime(trial)
  local sum = 0
  for _, segment in ipairs(trial.segments) do sum = sum + (segment.seconds or 0) end
  return sum
end

local function total_runtime(study)
  local sum = 0
  for _, trial in ipairs(study.trials) do sum = sum + runtime(trial) end
  return sum
end

-- Every parameter that some trial has, sorted.
local function parameters(study)
  local seen = {}
  for _, trial in ipairs(study.trials) do
    for name in pairs(params_of(trial)) do seen[name] = true end
  end
  return check.names(seen)
end

local function spaced(name) return (name:gsub("_", " ")) end

-- What tables call the metric, and each parameter: no two columns have one name, nor one title. The metric
-- gives way to our own columns, a parameter to both: it is then "params." and its name.
local function names_of(study)
  local taken, names = { combo = true, runtime = true, runtime_s = true, epochs = true, status = true, t = true, ["at t"] = true }, {}
  local metric = taken[study.metric] and "metric" or study.metric
  taken[metric], taken[spaced(metric)] = true, true
  for _, name in ipairs(parameters(study)) do
    names[name] = name
    while taken[names[name]] do names[name] = "params." .. names[name] end
    taken[names[name]] = true
  end
  return metric, names
end

local function study_columns(study)
  local list = { { title = "combo", key = "combo", value = function(trial) return trial.trial end } }
  local metric, names = names_of(study)
  local function add(title, key, value, show)
    list[#list + 1] = { title = title, key = key, value = value, show = show }
  end
  for _, name in ipairs(parameters(study)) do
    add(names[name], names[name], function(trial) return params_of(trial)[name] end)
  end
  add(spaced(metric), metric, function(trial) return judged(trial).value end)
  if study.best_of == "any" then add("at t", "t", function(trial) return judged(trial).t end) end
  add("runtime", "runtime_s", runtime, seconds)
  add("epochs", "epochs", function(trial) return trial.reached end)
  add("status", "status", function(trial) return trial.status end)
  return list
end

-- The best trial, a line a fact.
local function best_block(study)
  local best
  for _, trial in ipairs(study.trials) do best = trial.trial == study.best and trial or best end
  if not best then return "\nbest trial  –\n" end
  local facts, metric, names = { { "best trial", best.trial } }, names_of(study)
  for _, name in ipairs(parameters(study)) do facts[#facts + 1] = { "  " .. names[name], params_of(best)[name] } end
  facts[#facts + 1] = { "  " .. spaced(metric), judged(best).value }
  if judged(best).t ~= best.reached then facts[#facts + 1] = { "  at t", judged(best).t } end
  facts[#facts + 1] = { "  total runtime", seconds(study.seconds or total_runtime(study)) }
  facts[#facts + 1] = { "  epochs", best.reached }
  local widest, lines = 0, { "\n" }
  for _, fact in ipairs(facts) do
    fact[1] = columns.cut(fact[1])
    widest = math.max(widest, columns.width(fact[1]))
  end
  for _, fact in ipairs(facts) do
    local gap = (" "):rep(widest - columns.width(fact[1]) + 2)
    lines[#lines + 1] = fact[1] .. gap .. (columns.for_eyes(fact[2]) or "–") .. "\n"
  end
  return table.concat(lines)
end

local compare_columns = {
  columns.new("run type", "run"), columns.new("EM", "exact_match", hundredths), columns.new("F1", "f1", hundredths),
  columns.new("best params", "params", columns.points(columns.for_eyes), columns.points(columns.plain)), columns.new("epochs", "t"),
  columns.new("runtime to find", "runtime_s", seconds), columns.new("slots", "slots"),
  columns.new("minutes", "minutes", hundredths), columns.new("ratio", "ratio", hundredths),
}

-- Those, and behind the first one the metrics of the studies (eval loss, as a rule).
local function columns_of(rows)
  local known, titles, metrics, list = {}, {}, {}, {}
  for i, c in ipairs(compare_columns) do known[c.key], titles[c.title], list[i] = true, true, c end
  for _, row in ipairs(rows) do
    for name in pairs(row) do metrics[name] = not known[name] or nil end
  end
  if next(metrics) == nil then metrics.eval_loss = true end
  for i, name in ipairs(check.names(metrics)) do
    local title = spaced(name)
    table.insert(list, i + 1, columns.new(titles[title] and "metric " .. title or title, name))
  end
  return list
end

-- The object of `hpo table --json` → text, CSV.
function tables.study(json)
  local study = core.decode(json)
  if not study.best_of then
    core.fail("table", "an older hpo wrote it, and does not say by which report a trial is judged", "hpo build RECIPE draws it anew, and runs nothing that is known")
  end
  local list = study_columns(study)
  local lines = effort(study)
  table.insert(lines, 1, columns.text(list, study.trials) .. best_block(study))
  if #lines > 1 then lines[#lines + 1] = "" end
  return table.concat(lines, "\n"), columns.csv(list, study.trials)
end

-- What the end of a build says of a study: a line with its name for each text of effort.lua.
function tables.effort(json)
  local study = core.decode(json)
  local lines = {}
  for i, line in ipairs(effort(study)) do lines[i] = study.study .. ": " .. line .. "\n" end
  return table.concat(lines)
end

-- { "rows": [...] } → text, CSV.
function tables.compare(json)
  local rows = core.decode(json).rows
  local list = columns_of(rows)
  return columns.text(list, rows), columns.csv(list, rows)
end

tables.simulation = simulation

return tables
