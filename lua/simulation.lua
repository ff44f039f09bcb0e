-- simulation: what hpo simulate says, drawn from the JSON that programs get.

local core = require "hpo.core"
local columns = require "hpo.columns"

-- "asha max_t=4 reduction_factor=2"
local function method_words(method)
  if type(method) ~= "table" then return method end
  return (method.name .. " " .. (columns.points(columns.for_eyes)(method.options) or "")):gsub(" $", "")
end

-- The runs, with the methods in which they differ.
local function run_columns(metric, runs)
  local list = { columns.new("run", "run") }
  for _, part in ipairs { "search", "scheduler" } do
    if core.encode(runs[1][part]) ~= core.encode(runs[2][part]) then list[#list + 1] = columns.new(part, part, method_words) end
  end
  local rest = {
    columns.new("trials", "trials"), columns.new("units", "units"), columns.new("best trial", "best"),
    columns.new((metric:gsub("_", " ")), "value"), columns.new("params", "params", columns.points(columns.for_eyes)),
    columns.new("virtual time", "time"),
    columns.new("idle", "idle", function(x) return x and columns.rounded "%.0f%%"(100 * x) end),
  }
  return table.move(rest, 1, #rest, #list + 1, list)
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
return function(json)
  local simulated = core.decode(json)
  local text = columns.text(run_columns(simulated.metric, simulated.runs), simulated.runs)
  for _, run in ipairs(simulated.runs) do text = text .. missing_lines(run) end
  return text
end
