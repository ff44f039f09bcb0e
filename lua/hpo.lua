-- hpo: what `require "hpo"` returns to a recipe. docs/recipes.md explains each name.

local core = require "hpo.core"
local after = require "hpo.after"
local artifact = require "hpo.artifact"
local check = require "hpo.check"
local choices = require "hpo.choices"
local command = require "hpo.command"
local compare = require "hpo.compare"
local prior = require "hpo.prior"
local python = require "hpo.python"
local json = require "hpo.json"
local param = require "hpo.param"
local ranges = require "hpo.ranges"
local script = require "hpo.script"
local sources = require "hpo.sources"
local spelling = require "hpo.spelling"
local steps = require "hpo.steps"
local study = require "hpo.study"
local train = require "hpo.train"

-- A table whose unknown names are errors, and that cannot be changed.
local function named(prefix, members)
  local function index(_, name)
    if members[name] ~= nil then return members[name] end
    core.fail(prefix .. "." .. tostring(name), "no such name", spelling.hint(tostring(name), check.names(members)))
  end
  return setmetatable({}, {
    __index = index,
    __pairs = function() return pairs(members) end,
    __newindex = function(_, name) core.fail(prefix .. "." .. tostring(name), "it cannot be changed") end,
  })
end

-- The methods of a room, each found by its file: lua/scheduler/asha.lua is hpo.scheduler.asha.
local function methods(room)
  local members = {}
  for _, name in ipairs(core.methods(room)) do members[name] = require("hpo." .. room .. "." .. name) end
  return named("hpo." .. room, members)
end

return named("hpo", {
  param = param.read,
  source = sources.source, text = sources.text, clone = sources.clone, python = python.script,
  json = function(value) return json.encode("hpo.json", value) end,
  command = command.new, script = script.new, output = artifact.output,
  tokenizer = steps.tokenizer, model = steps.model, squad = steps.squad,
  train = train.train, evaluate = train.evaluate,
  study = study.new, history = prior.new, after = after, compare = compare.new,
  null = core.null, -- a value of a choice that trial(p) sees as nil
  uniform = ranges.uniform, loguniform = ranges.loguniform, quniform = ranges.quniform,
  qloguniform = ranges.qloguniform, randint = ranges.randint, choice = choices.choice, ordered = choices.ordered,
  search = methods "search", scheduler = methods "scheduler",
  targets = compare.targets, -- the engine's: what a recipe returned
})
