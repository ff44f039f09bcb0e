-- prior: hpo.history, what the store knows from past studies of a space, for a searcher to begin with.
--
-- The engine gathers it once, into a file beside the recipe: a search that took it from the store each
-- time would be another one each time. Each trial stands there once, however many studies trained it, in
-- an order that depends on nothing but the trials.

local core = require "hpo.core"
local check = require "hpo.check"
local space = require "hpo.space"

local prior = {}
local object = { __tostring = function() return "hpo.history" end }

local rules = {
  file = { check.inner_path, required = 'a file beside the recipe, such as "history.json"' },
  study = check.text,
}

function prior.new(options) return setmetatable(check.fields("hpo.history", options, rules), object) end
function prior.is(value) return getmetatable(value) == object end

-- The reports of a trial in a study's table, and their units' keys, behind its last exploit: those
-- before it had other parameters.
local function reports_of(trial, metric)
  local reports, keys = {}, {}
  for i, unit in ipairs(trial.segments) do
    if unit.parent_trial then reports, keys = {}, {} end
    reports[#reports + 1] = { t = unit.t, value = trial.metrics[i][metric] }
    keys[#keys + 1] = unit.key
  end
  return reports, keys
end

local ended = { completed = "completed", failed = "failed" }

-- Adds the trials of a table (the object of `hpo table --json`) that are points of the study's space:
-- { text =, last = key } to list; to inner the keys that some trial went on from.
local function add(o, table, list, inner)
  local wanted = table.metric == o.metric and table.mode == o.mode and table.study == (o.warm.study or table.study)
  for _, trial in ipairs(wanted and table.trials or {}) do
    local reports, keys = reports_of(trial, o.metric)
    local point = space.within(o.space, trial.params)
    if point and #reports > 0 then
      for i = 1, #keys - 1 do inner[keys[i]] = true end
      local text = core.encode { params = point, reports = reports, status = ended[trial.status] or "stopped" }
      list[#list + 1] = { text = text, last = keys[#keys] }
    end
  end
end

-- The text of the file, and how many trials are in it.
local function write(o, list, inner)
  local lines = {}
  table.sort(list, function(a, b) return a.text < b.text end)
  for _, trial in ipairs(list) do
    if not inner[trial.last] then
      inner[trial.last] = true
      lines[#lines + 1] = trial.text
    end
  end
  local head = core.encode { metric = o.metric, mode = o.mode, space = space.describe(o.space) }
  return ('%s, "trials": [\n%s\n]}\n'):format(head:sub(1, -2), table.concat(lines, ",\n")), #lines
end

-- A function to call with each study's table, as JSON, and at last with nil: then it returns the text of
-- the file, for a study with the fields o, and how many trials are in it.
function prior.gatherer(o)
  local list, inner = {}, {}
  return function(json)
    if not json then return write(o, list, inner) end
    add(o, core.decode(json), list, inner)
  end
end

local function number(field, value)
  if value ~= nil and type(value) ~= "number" then check.expected(field, "a number", value) end
  return value
end

-- The trials in the text of the file, as those of a warm study.
function prior.read(o, text)
  local file = o.warm.file
  local known = check.fields(file, core.decode(text), {
    metric = { check.text, required = "a metric" }, mode = { check.text, required = "a mode" },
    space = { function(_, value) return value end, required = "a space" },
    trials = { check.list(function(field, trial)
      return check.fields(field, trial, {
        status = { check.one_of("completed", "failed", "stopped"), required = "a status" },
        params = { space.point(o.space), required = "parameters" },
        reports = { check.list(function(inner, report)
          return check.fields(inner, report, { t = { check.whole(1), required = "a t" }, value = number })
        end, 1), required = "reports" },
      })
    end, 0), required = "a list of trials" },
  })
  for name, own in pairs { metric = o.metric, mode = o.mode, space = space.describe(o.space) } do
    if core.encode(known[name]) ~= core.encode(own) then
      core.fail("study.warm", file .. " was gathered for another study, with " .. name .. " " .. core.encode(known[name]),
        "--update gathers it anew; or give this study a file of its own")
    end
  end
  for _, trial in ipairs(known.trials) do
    for _, report in ipairs(trial.reports) do report.params = trial.params end
  end
  return known.trials
end

return prior
