-- study: hpo.study, a search whose trials the engine runs; hpo.calls is what it asks meanwhile.

local core = require "hpo.core"
local add_calls = require "hpo.calls"
local artifact = require "hpo.artifact"
local changed = require "hpo.change"
local check = require "hpo.check"
local prior = require "hpo.prior"
local method = require "hpo.method"
local param = require "hpo.param"
local random = require "hpo.search.random"
local rng = require "hpo.rng"
local space = require "hpo.space"
local stop = require "hpo.stop"
require "hpo.ranges" -- made the domains of the space: what it computed is part of what decides

local study = {}
local methods = {} -- the metatable of studies
local states = setmetatable({}, { __mode = "k" }) -- study → { node =, show =, best = }
local bests = setmetatable({}, { __mode = "k" }) -- study.best → its study's state
local best_methods = {}
local any = false -- a recipe has a study, whose functions are called later

local rules = {
  name = check.text,
  space = space.rule,
  samples = check.whole(1, 1000000000),
  concurrency = { check.whole(1, 1000000), default = 1 },
  metric = { stop.metric, default = "eval_loss" },
  mode = { check.one_of("min", "max"), default = "min" },
  seed = { check.whole(0), default = 1 },
  search = { method.rule("search", "suggest"), default = random {} },
  scheduler = { method.rule("scheduler", "report"),
    required = "a scheduler, such as hpo.scheduler.fifo { max_t = 5 }" },
  trial = { check.callable, required = "a function (p) that returns hpo.train, hpo.command or hpo.script" },
  cost = check.callable,
  where = check.callable,
  warm = function(field, value)
    if prior.is(value) then return value end
    if not states[value] then check.expected(field, "another study of this recipe, or hpo.history { file = ... }", value) end
    return states[value]
  end,
  first = { check.list(function(_, point) return point end, 0), default = {} },
  stop = stop.rule,
  stop_study = stop.rule,
  budget = stop.budget,
  on_failure = { check.one_of("stop", "prune"), default = "stop" },
  keep = { check.one_of("last", "best", "all"), default = "last" },
  best = { check.one_of("last", "any"), default = "last" },
}

-- All that decisions depend on besides the reports, as canonical JSON.
local function identity(o, samples)
  local custom = not method.code(o.search) or not method.code(o.scheduler) or o.cost ~= nil or o.where ~= nil
  return core.encode {
    space = space.describe(o.space), metric = o.metric, mode = o.mode, seed = o.seed, concurrency = o.concurrency,
    samples = samples, first = #o.first > 0 and o.first or nil, stop = o.stop, on_failure = o.on_failure, cost = o.cost and "custom", where = o.where and "custom",
    search = method.identity(o.search), scheduler = method.identity(o.scheduler),
    params = custom and param.all() or nil, unread = custom and core.unread() or nil, -- a recipe's own code may depend on them
  }, custom
end

-- What it comes to once it is decided, as artifacts: the best trial's checkpoint, and the table as one file.
local function outcomes(state)
  local function show(what) return function() return state.show .. what end end
  state.checkpoint = artifact.new { name = "checkpoint", show = show ".best.checkpoint",
    study = function() return state.node end, make = function() return core.best(state.node) end }
  state.table = artifact.new { name = "table.json", is_file = true, show = show ".table",
    make = function() return core.table(state.node) end }
end

function study.new(options)
  local o = check.fields("study", changed(options), rules)
  stop.direct(o, "stop")
  stop.direct(o, "stop_study")
  local allows = o.where and space.condition("study.where", o.where)
  o.first = check.list(space.allowed(space.point(o.space), allows), 0)("study.first", o.first)
  if o.warm and o.warm.node and (o.warm.metric ~= o.metric or o.warm.mode ~= o.mode) then
    check.expected("study.warm", "a study with metric " .. o.metric .. ", mode " .. o.mode, o.warm.metric .. ", " .. o.warm.mode)
  end
  local view = {
    space = o.space, metric = o.metric, mode = o.mode, seed = o.seed, concurrency = o.concurrency, first = #o.first,
    allows = allows,
    generator = function(n, purpose) return rng.open(o.seed, n, purpose) end,
  }
  local spec = {
    name = o.name, where = core.where(), concurrency = o.concurrency, metric = o.metric, mode = o.mode, seed = o.seed,
    warm = o.warm and o.warm.node, history = o.warm and o.warm.file, on_failure = o.on_failure, keep = o.keep, best = o.best,
    stop = o.stop, stop_study = o.stop_study, budget = o.budget and o.budget.units,
  }
  add_calls(spec, o, view)
  local searcher, scheduler = spec.open()
  spec.samples = check.whole(1, 1000000000)("study.samples", o.samples or searcher.size and searcher.size + #o.first)
  view.samples = scheduler.population and spec.samples or nil
  spec.max_t = check.whole(1, 1000000000)("study.scheduler.max_t", scheduler.max_t)
  spec.units_with_exploits = 2 * spec.samples * spec.max_t
  spec.code = { study.new, method.code(o.search), method.code(o.scheduler) } -- what decides, with the modules that these are from
  spec.blind = not searcher.observe and not searcher.finish
  spec.passes = tonumber(scheduler.passes) -- for the time left alone
  spec.exploits = not method.code(o.scheduler) or scheduler.exploits
  spec.check_trial()
  spec.identity, spec.custom = identity(o, spec.exploits and spec.samples or nil)

  local self = setmetatable({}, methods)
  any = true
  local state = { node = core.study(spec), show = o.name and 'study "' .. o.name .. '"' or "study", name = o.name, metric = o.metric, mode = o.mode }
  outcomes(state)
  state.best = setmetatable({}, best_methods)
  states[self], bests[state.best] = state, state
  return self
end

function study.is(value) return states[value] ~= nil end
function study.node(self) return states[self].node, states[self].name end

function methods.__tostring(self) return states[self].show end

function methods.__index(self, name)
  if name == "best" or name == "table" then return states[self][name] end
  core.fail("study." .. tostring(name), "no such field", "there are: best, table")
end

function methods.__div(self)
  core.fail(tostring(self), "a study has no parts", "its best trial's checkpoint is STUDY.best.checkpoint")
end

function best_methods.__tostring(self) return bests[self].show .. ".best" end

local later = { metric = true, params = true, t = true, trial = true }

function best_methods.__index(self, name)
  if name == "checkpoint" then return bests[self].checkpoint end
  local field = tostring(self) .. "." .. tostring(name)
  if later[name] then
    core.fail(field, "known only once the study is decided, and a recipe is read before", "hpo table shows it")
  end
  core.fail(field, "no such field", "there is: checkpoint")
end

local function constant(self) core.fail(tostring(self), "it cannot be changed") end
methods.__newindex, best_methods.__newindex = constant, constant

function study.any() return any end

return study
