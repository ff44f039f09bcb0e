-- compare: hpo.compare, and what a recipe may return.

local core = require "hpo.core"
local artifact = require "hpo.artifact"
local check = require "hpo.check"
local json = require "hpo.json"
local study = require "hpo.study"

local compare = {}
local methods = {}
local nodes = setmetatable({}, { __mode = "k" }) -- comparison → node

function methods.__tostring() return "hpo.compare" end

local row_rules = {
  run = { check.text, required = "a row's name" },
  exact_match = check.number {}, f1 = check.number {}, params = json.object, t = check.whole(0),
  runtime_s = check.number { least = 0 }, slots = check.whole(0), minutes = check.number { least = 0 },
  gpu_minutes = check.number { least = 0 }, ratio = check.number { least = 0 },
}

-- A row given by hand, from a paper for instance: the columns of the table, and metrics under their names.
local function given_row(field, value)
  local rules = setmetatable({}, { __index = row_rules })
  for _, name in ipairs(check.names(value)) do rules[name] = row_rules[name] or check.number {} end
  rules.run = row_rules.run
  local row = check.fields(field, value, rules)
  return { row = core.encode(row), name = row.run }
end

local item

-- A study or scores, with a name for their row.
local function named(field, value)
  local given = check.fields(field, value, { run = row_rules.run, of = { function(_, of) return of end, required = "a study or scores" } })
  local row = item(field .. ".of", given.of)
  if row.row then check.expected(field .. ".of", "a study or scores", given.of) end
  row.name = given.run
  return row
end

-- A row: a study, the scores of a checkpoint, either of them with a name, or one given by hand.
function item(field, value)
  if study.is(value) then
    local node, name = study.node(value)
    return { study = node, name = name }
  end
  if type(value) == "table" and not check.is_object(value) then return (value.of ~= nil and named or given_row)(field, value) end
  if not artifact.is(value) then check.expected(field, "a study, or scores such as hpo.evaluate { ... }", value) end
  local node, path = artifact.node(value)
  local best_of, after = artifact.study(value)
  return { scores = node, path = path, checkpoint_study = best_of, after = after }
end

-- hpo.compare { study, scores, ... }: a table, drawn when a build ends.
function compare.new(items)
  local self, row_of = setmetatable({}, methods), {}
  local list = check.list(item, 1)("hpo.compare", items)
  for i, row in ipairs(list) do
    local other = row.name and row_of[row.name]
    if other and (row.row or list[other].row) then
      core.fail(("hpo.compare[%d]"):format(i), ("row %d is called %s, too"):format(other, check.show(row.name)), "each row has a name of its own: run")
    end
    if row.name then row_of[row.name] = row_of[row.name] or i end
  end
  nodes[self] = core.compare { items = list, where = core.where() }
  return self
end

local function target(name, value)
  local field = "target " .. check.show(name)
  if type(name) ~= "string" then core.fail("targets", "expected names, found " .. check.show(value) .. " without one", "return { default = ... }") end
  check.inner_path(field, name)
  if name:find "/" then check.expected(field, 'a name without "/"', name) end
  if nodes[value] then return { name = name, node = nodes[value] } end
  if study.is(value) then return { name = name, node = (study.node(value)) } end
  if artifact.is(value) then
    local node, path = artifact.node(value)
    return { name = name, node = node, path = path }
  end
  local hint = type(value) == "string" and "hpo.text(...) is a file with that content" or nil
  check.expected(field, "a step, an artifact, a study or a comparison", value, hint)
end

-- What the recipe returned → list of { name =, node =, path = }, sorted by name.
function compare.targets(returned)
  if type(returned) ~= "table" or check.is_object(returned) then
    check.expected("targets", "a table of targets by name", returned, "a recipe ends with return { default = ... }")
  end
  local list = {}
  for key, value in pairs(returned) do
    if type(key) ~= "string" then target(key, value) end
  end
  for i, name in ipairs(check.names(returned)) do list[i] = target(name, returned[name]) end
  if #list == 0 then core.fail("targets", "expected at least one target, found an empty table", "return { default = ... }") end
  if not study.any() then artifact.forget() end
  return list
end

return compare
