-- table: what people see of a study and of a comparison, drawn from the JSON that programs get.

local core = require "hpo.core"
local check = require "hpo.check"
local columns = require "hpo.columns"

local tables = {}
local seconds, hundredths = columns.rounded "%.1f s", columns.rounded "%.2f"

-- "bs=4 lr=0.003"
local function points(show)
  return function(params)
    local parts = {}
    for i, name in ipairs(check.names(params or {})) do parts[i] = name .. "=" .. (show(params[name]) or "") end
    return #parts > 0 and table.concat(parts, " ") or nil
  end
end

-- The last report that is a number, which is what a trial is judged by.
local function last_value(trial, metric)
  local value
  for _, report in ipairs(trial.metrics) do value = type(report[metric]) == "number" and report[metric] or value end
  return value
end

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
    for name in pairs(trial.params) do seen[name] = true end
  end
  return check.names(seen)
end

local function study_columns(study)
  local list = { { title = "combo", key = "combo", value = function(trial) return trial.trial end } }
  local function add(title, key, value, show)
    list[#list + 1] = { title = title, key = key, value = value, show = show }
  end
  for _, name in ipairs(parameters(study)) do
    add(name, name, function(trial) return trial.params[name] end)
  end
  add((study.metric:gsub("_", " ")), study.metric, function(trial) return last_value(trial, study.metric) end)
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
  local facts = { { "best trial", best.trial } }
  for _, name in ipairs(parameters(study)) do facts[#facts + 1] = { "  " .. name, best.params[name] } end
  facts[#facts + 1] = { "  " .. study.metric:gsub("_", " "), last_value(best, study.metric) }
  facts[#facts + 1] = { "  total runtime", seconds(study.seconds or total_runtime(study)) }
  facts[#facts + 1] = { "  epochs", best.reached }
  local widest, lines = 0, { "\n" }
  for _, fact in ipairs(facts) do widest = math.max(widest, columns.width(fact[1])) end
  for _, fact in ipairs(facts) do
    local gap = (" "):rep(widest - columns.width(fact[1]) + 2)
    lines[#lines + 1] = fact[1] .. gap .. (columns.for_eyes(fact[2]) or "–") .. "\n"
  end
  return table.concat(lines)
end

local function column(title, key, show, exact)
  return { title = title, key = key, value = function(row) return row[key] end, show = show, exact = exact }
end

local compare_columns = {
  column("run type", "run"), column("EM", "exact_match", hundredths), column("F1", "f1", hundredths),
  column("best params", "params", points(columns.for_eyes), points(columns.plain)), column("epochs", "t"),
  column("runtime to find", "runtime_s", seconds), column("slots", "slots"),
  column("minutes", "minutes", hundredths), column("ratio", "ratio", hundredths),
}

-- Those, and behind the first one the metrics of the studies (eval loss, as a rule).
local function columns_of(rows)
  local known, metrics, list = {}, {}, {}
  for i, c in ipairs(compare_columns) do known[c.key], list[i] = true, c end
  for _, row in ipairs(rows) do
    for name in pairs(row) do metrics[name] = not known[name] or nil end
  end
  if next(metrics) == nil then metrics.eval_loss = true end
  for i, name in ipairs(check.names(metrics)) do table.insert(list, i + 1, column((name:gsub("_", " ")), name)) end
  return list
end

-- format is "text" or "csv"; json is the object of `hpo table --json`.
function tables.study(json, format)
  local study = core.decode(json)
  local list = study_columns(study)
  if format == "csv" then return columns.csv(list, study.trials) end
  return columns.text(list, study.trials) .. best_block(study)
end

-- json is { "rows": [...] }.
function tables.compare(json, format)
  local rows = core.decode(json).rows
  local list = columns_of(rows)
  return format == "csv" and columns.csv(list, rows) or columns.text(list, rows)
end

-- "asha max_t=4 reduction_factor=2"
local function method_words(method)
  if type(method) ~= "table" then return method end
  return (method.name .. " " .. (points(columns.for_eyes)(method.options) or "")):gsub(" $", "")
end

local function run_columns(metric)
  return {
    column("run", "run"), column("search", "search", method_words), column("scheduler", "scheduler", method_words),
    column("trials", "trials"), column("units", "units"), column("best trial", "best"),
    column((metric:gsub("_", " ")), "value"), column("params", "params", points(columns.for_eyes)),
    column("virtual time", "time"),
    column("idle", "idle", function(x) return x and columns.rounded "%.0f%%"(100 * x) end),
  }
end

-- What a run that is not decided lacks.
local function missing_lines(run)
  if run.decided then return "" end
  local lines = { ("\n%s: undecided at virtual time %s, the best is that so far\n"):format(run.run, columns.for_eyes(run.time)) }
  for _, m in ipairs(run.missing) do
    local units = m.from == m["until"] and ("t = %d"):format(m.from) or ("t = %d to %d"):format(m.from, m["until"])
    lines[#lines + 1] = ("  trial %d: %s is not known%s\n"):format(m.trial, units, m.inputs and "" or ", nor is what it reads")
  end
  if run.next then
    lines[#lines + 1] = ("  open: what follows the report of trial %d at t = %d\n"):format(run.next.trial, run.next.t)
  end
  return table.concat(lines)
end

-- json is the object of `hpo simulate --json`.
function tables.simulation(json)
  local simulation = core.decode(json)
  local text = columns.text(run_columns(simulation.metric), simulation.runs)
  for _, run in ipairs(simulation.runs) do text = text .. missing_lines(run) end
  return text
end

return tables
