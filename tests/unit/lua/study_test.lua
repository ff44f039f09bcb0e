-- hpo.study: its fields, what searchers suggest, what the engine's calls answer, a recipe's own methods.

package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua"
local t = require "harness"
local clock = require "clock"
local core = require "hpo.core"
local hpo = require "hpo"

local function command() return hpo.command { run = { "true" } } end

-- What core.study got for a study with these fields.
local function spec_of(changes)
  local o = { space = { lr = hpo.loguniform(1e-4, 1e-1), bs = hpo.choice { 4, 8 } }, samples = 5,
    scheduler = hpo.scheduler.fifo { max_t = 3 }, trial = command }
  for name, value in pairs(changes or {}) do
    o[name] = value
    if value == "none" then o[name] = nil end
  end
  local study = hpo.study(o)
  local spec = core.nodes[#core.nodes]
  spec.open()
  return spec, study
end

local function suggestions(spec, n)
  local list = {}
  for i = 0, n - 1 do list[#list + 1] = spec.suggest(i) end
  return list
end

t.test("defaults", function()
  local s = spec_of()
  t.equal({ s.concurrency, s.metric, s.mode, s.seed, s.on_failure, s.keep, s.best, s.max_t, s.samples },
    { 1, "eval_loss", "min", 1, "stop", "last", "last", 3, 5 })
  t.equal({ s.custom, s.name, s.stop, s.stop_study, s.budget }, { false })
  t.equal(s.cost "{}", 1)
end)

t.test("random: a trial's draw depends on seed and number alone", function()
  local five = suggestions(spec_of(), 5)
  local s = spec_of { samples = 20, concurrency = 4 }
  t.equal({ s.suggest(4), s.suggest(0) }, { five[5], five[1] })
  assert(spec_of { seed = 2 }.suggest(0) ~= five[1])
  local seen = {}
  for _, text in ipairs(suggestions(s, 20)) do
    local p = core.decode(text)
    assert(p.lr >= 1e-4 and p.lr <= 1e-1 and (p.bs == 4 or p.bs == 8))
    assert(not seen[p.lr], "a value drawn twice")
    seen[p.lr] = true
  end
end)

t.test("these suggestions never change: keys hang on them", function()
  local s = spec_of { space = { u = hpo.uniform(0, 1), k = hpo.randint(1, 1000), c = hpo.choice { "a", "b", "c" } } }
  t.equal(suggestions(s, 2),
    { '{"c": "a", "k": 876, "u": 0.759350430685152}', '{"c": "a", "k": 724, "u": 0.08198604916622276}' })
end)

t.test("grid: names sorted, the last varies fastest, each point once", function()
  local s = spec_of { search = hpo.search.grid {}, samples = "none",
    space = { b = hpo.randint(1, 2), a = hpo.choice { "x", "y" }, c = hpo.quniform(0, 0.5, 0.5), d = true } }
  t.equal(s.samples, 8)
  t.equal(suggestions(s, 9), {
    '{"a": "x", "b": 1, "c": 0, "d": true}', '{"a": "x", "b": 1, "c": 0.5, "d": true}',
    '{"a": "x", "b": 2, "c": 0, "d": true}', '{"a": "x", "b": 2, "c": 0.5, "d": true}',
    '{"a": "y", "b": 1, "c": 0, "d": true}', '{"a": "y", "b": 1, "c": 0.5, "d": true}',
    '{"a": "y", "b": 2, "c": 0, "d": true}', '{"a": "y", "b": 2, "c": 0.5, "d": true}',
  })
  t.fails(function() spec_of { search = hpo.search.grid {} } end, "study.space.lr", "a grid needs values", "hpo.choice")
  t.fails(function() spec_of { search = hpo.search.grid {}, space = { a = hpo.randint(1, 1 << 40) } } end,
    "study.space", "more than 1000000 points")
end)

t.test("points and first: in their order, with their number as the default of samples", function()
  local points = hpo.search.points { { lr = 1e-3, bs = 4 }, { lr = 2e-3, bs = 8 } }
  local s = spec_of { search = points, samples = "none", first = { { lr = 1e-2, bs = 8 } } }
  t.equal(s.samples, 3)
  t.equal(suggestions(s, 4), { '{"bs": 8, "lr": 0.01}', '{"bs": 4, "lr": 0.001}', '{"bs": 8, "lr": 0.002}' })
  local random = spec_of { first = { { lr = 1e-2, bs = 8 } } }
  t.equal({ random.suggest(0), random.suggest(1) }, { '{"bs": 8, "lr": 0.01}', spec_of().suggest(1) })
  t.equal(suggestions(spec_of { space = "none", samples = "none", search = hpo.search.points { { any = "x" } } }, 2),
    { '{"any": "x"}' })
end)

t.test("a point outside of the space is refused", function()
  local function first(point)
    return function() spec_of { first = { point } } end
  end
  t.fails(first { lr = 1 }, "study.first[1].lr", "expected a value of hpo.loguniform(0.0001, 0.1), found 1")
  t.fails(first { lr = 1e-3 }, "study.first[1].bs", "every parameter")
  t.fails(first { lr = 1e-3, bs = 5 }, "study.first[1].bs", "expected a value of hpo.choice [4, 8], found 5")
  t.fails(first { lr = 1e-3, bs = 4, bz = 1 }, "study.first[1].bz", "no such parameter", 'did you mean "bs"?')
  t.fails(first { lr = 0 / 0, bs = 4 }, "study.first[1].lr", "found nan")
  t.fails(first "x", "study.first[1]", 'expected a table of parameters, found "x"')
  t.fails(function() spec_of { search = hpo.search.points { { lr = 9, bs = 4 } } } end,
    "hpo.search.points[1].lr", "expected a value of hpo.loguniform")
  t.fails(function() hpo.search.points {} end, "hpo.search.points", "at least one")
  t.fails(function() hpo.search.points { { a = {} } } end, "hpo.search.points[1].a", "found an empty one")
end)

t.test("the identity holds what decisions depend on, and nothing else", function()
  local same = spec_of().identity
  for name, value in pairs { samples = 9, keep = "all", best = "any", name = "x", trial = function() return command() end } do
    t.equal(spec_of { [name] = value }.identity, same)
  end
  local different = {
    space = { lr = hpo.loguniform(1e-4, 2e-1), bs = hpo.choice { 4, 8 } }, concurrency = 2, metric = "loss", mode = "max",
    seed = 3, search = hpo.search.points { { lr = 1e-3, bs = 4 } }, scheduler = hpo.scheduler.fifo { max_t = 4 },
    first = { { lr = 1e-3, bs = 4 } }, stop = { eval_loss = 1 }, on_failure = "prune", cost = function() return 1 end,
  }
  for name, value in pairs(different) do
    assert(spec_of { [name] = value }.identity ~= same, name .. " is not in the identity")
  end
end)

t.test("what decides begins with the study's module, its searcher's and its scheduler's", function()
  local modules = {}
  for i, f in ipairs(spec_of { search = hpo.search.tpe {} }.code) do modules[i] = debug.getinfo(f, "S").source:match "[^/]*$" end
  t.equal(modules, { "study.lua", "tpe.lua", "fifo.lua" })
end)

t.test("a trial's template is made anew, with its parameters file", function()
  local made = hpo.command { run = { "train" }, name = "mine" }
  local s = spec_of { trial = function() return made end }
  local a, b = core.node(s.trial '{"lr": 1}'), core.node(s.trial '{"lr": 2}')
  t.equal({ a.params, b.params, a.node_kind, a.name }, { '{"lr": 1}', '{"lr": 2}', "action", nil })
  local own = spec_of { trial = function(p) return hpo.command { run = { "x" }, params = { rate = p.lr } } end }
  t.equal(core.node(own.trial '{"lr": 3}').params, '{"rate": 3}')
  t.equal(spec_of { trial = function(p) return hpo.command { run = { p.bs, p.lr } } end }.trial '{"lr": 1e-05, "bs": 4}' ~= nil, true)
  t.equal(core.nodes[#core.nodes].run, { "4", "1e-05" })
end)

t.test("what trial returns is checked", function()
  local function trial(f)
    return function() spec_of { trial = f }.trial "{}" end
  end
  t.fails(trial(function() end), "study.trial", "expected hpo.train, hpo.command or hpo.script, found nothing")
  t.fails(trial(function() return hpo.source "x" end), "study.trial", 'found hpo.source "x"')
  t.fails(trial(function() return hpo.command { run = { "x" }, outputs = { "y" } } / "y" end), "study.trial", "expected")
  t.fails(trial(function()
    return hpo.train { model = hpo.source "m", data = hpo.source "d", lr = 1, epochs = 2 }
  end), "study.trial", "max_t is 3, but hpo.train has epochs = 2", "raise epochs")
end)

t.test("fields are checked by name", function()
  local function study(changes)
    return function() spec_of(changes) end
  end
  t.fails(study { samples = "twelve" }, "study.samples", 'expected a whole number ≥ 1, found "twelve"')
  t.fails(study { samples = 0 }, "study.samples", "expected a whole number ≥ 1, found 0")
  t.fails(study { samples = "none" }, "study.samples", "expected a whole number ≥ 1, found nothing")
  t.fails(study { sample = 3 }, "study.sample", "no such field", 'did you mean "samples"?')
  t.fails(study { concurrency = 1.5 }, "study.concurrency", "expected a whole number ≥ 1, found 1.5")
  t.fails(study { mode = "least" }, "study.mode", 'expected "min" or "max", found "least"')
  t.fails(study { seed = -1 }, "study.seed", "≥ 0, found -1")
  t.fails(study { metric = 3 }, "study.metric", "expected a text, found 3")
  t.fails(study { space = "none" }, "study.space", "expected a table of names and domains, found nothing")
  t.fails(study { space = { lr = { 1, 2 } } }, "study.space.lr", "found a table", "hpo.choice")
  t.fails(study { space = { hpo.uniform(0, 1) } }, "study.space", "expected a table of names")
  t.fails(study { scheduler = "none" }, "study.scheduler", "expected a scheduler")
  t.fails(study { scheduler = hpo.search.random {} }, "study.scheduler", "found hpo.search.random")
  t.fails(study { search = hpo.scheduler.fifo { max_t = 1 } }, "study.search", "found hpo.scheduler.fifo")
  t.fails(study { search = { propose = print } }, "study.search", "a table with suggest")
  t.fails(study { search = function() return {} end }, "study.search", "expected a table with a function suggest")
  t.fails(study { scheduler = { report = print } }, "study.scheduler.max_t", "expected a whole number ≥ 1, found nothing")
  t.fails(study { trial = "none" }, "study.trial", "expected a function (p)")
  t.fails(study { stop = 3 }, "study.stop", "one metric and its limit")
  t.fails(study { stop = { a = 1, b = 2 } }, "study.stop", "one metric and its limit")
  t.fails(study { stop = { a = 0 / 0 } }, "study.stop.a", "expected a number, found nan")
  t.fails(study { keep = "some" }, "study.keep", '"last" or "best" or "all"')
  t.fails(function() hpo.scheduler.fifo {} end, "hpo.scheduler.fifo.max_t", "expected a whole number ≥ 1, found nothing")
  t.fails(function() hpo.scheduler.asha { max_t = 3, grace_period = 4 } end, "hpo.scheduler.asha.grace_period", "≤ max_t, 3")
  t.fails(function() hpo.scheduler.asha { max_t = 3, reduction_factor = 1 } end,
    "hpo.scheduler.asha.reduction_factor", "expected a number > 1, found 1")
  t.fails(function() hpo.scheduler.asha { max_t = 3, eta = 4 } end, "hpo.scheduler.asha.eta", "no such field")
  t.fails(function() hpo.search.random { seed = 1 } end, "hpo.search.random.seed", "no such field")
end)

t.test("a stop has a metric, a limit and a direction", function()
  local function study(options) return function() spec_of(options) end end
  local function stop_of(options)
    local stop = spec_of(options).stop or spec_of(options).stop_study or {}
    return { stop.metric, stop.limit, stop.at_least }
  end
  t.equal(stop_of {}, {})
  t.equal(stop_of { stop = { eval_loss = 0.5 } }, { "eval_loss", 0.5, false })
  t.equal(stop_of { stop = { f1 = 0.5 }, metric = "f1", mode = "max" }, { "f1", 0.5, true })
  t.equal(stop_of { stop = { acc = { at_least = 0.5 } } }, { "acc", 0.5, true })
  t.equal(stop_of { stop = { acc = { at_most = 0.5 } }, mode = "max" }, { "acc", 0.5, false })
  t.fails(study { stop = { acc = 0.5 } }, "study.stop.acc", "expected { at_least = NUMBER } or { at_most = NUMBER }, found 0.5", "metric, eval_loss")
  t.fails(study { stop = { acc = { above = 0.5 } } }, "study.stop.acc.above", "no such field")
  t.equal(stop_of { stop_study = { eval_loss = 0.5 } }, { "eval_loss", 0.5, false })
  t.equal(spec_of { budget = { units = 7 } }.budget, 7)
  t.fails(study { stop_study = { acc = 0.5 } }, "study.stop_study.acc", "expected { at_least = NUMBER } or { at_most = NUMBER }, found 0.5")
  t.fails(study { budget = { units = 0 } }, "study.budget.units", "expected a whole number ≥ 1, found 0")
  t.fails(study { budget = {} }, "study.budget.units", "expected a whole number ≥ 1, found nothing")
  t.fails(study { budget = { minutes = 3 } }, "study.budget.minutes", "no such field")
  t.fails(study { stop = { t = 3 } }, "study.stop.t", "is no metric", "max_t")
  t.fails(study { metric = "t" }, "study.metric", "is no metric")
end)

t.test("a study's best is a checkpoint, and more only once it is decided", function()
  local s, study = spec_of { name = "s" }
  t.equal(tostring(study.best.checkpoint / "x"), 'study "s".best.checkpoint / "x"')
  t.fails(function() return study.best.params end, 'study "s".best.params', "known only once the study is decided")
  t.fails(function() return study.best.chekpoint end, 'study "s".best.chekpoint', "no such field")
  t.fails(function() return study.trials end, "study.trials", "no such field")
  t.fails(function() return study / "x" end, 'study "s"', "no parts", "STUDY.best.checkpoint")
  t.fails(function() study.best = 1 end, 'study "s"', "cannot be changed")
  t.equal(s.name, "s")
end)

t.test("cost is asked for each trial's parameters", function()
  t.equal(spec_of { cost = function(p) return p.bs * 2 end }.cost '{"bs": 4}', 8)
  t.fails(function() spec_of { cost = function() return 0 end }.cost "{}" end, "study.cost", "expected a number > 0, found 0")
  t.fails(function() spec_of { cost = function() end }.cost "{}" end, "study.cost", "found nothing")
end)

t.test("fifo trains every trial to max_t", function()
  local events, reached = clock.run(spec_of { samples = 2, concurrency = 2 }, function() return 0 / 0 end)
  t.equal(reached, { 3, 3 })
  t.equal(events, { { 0, 1, "continue" }, { 1, 1, "continue" }, { 0, 2, "continue" }, { 1, 2, "continue" },
    { 0, 3, "stop" }, { 1, 3, "stop" } })
  t.equal(spec_of().until_t(0, 0), 3)
end)

t.test("asha: the worked example of docs/schedulers.md", function()
  local s = spec_of { scheduler = hpo.scheduler.asha { max_t = 4, reduction_factor = 2 } }
  for n = 0, 3 do s.start(n, "{}") end
  local decisions = {}
  for i, r in ipairs { { 0, 1, 4.0 }, { 1, 1, 2.0 }, { 2, 1, 3.0 }, { 3, 1, 5.0 }, { 0, 2, 3.5 }, { 1, 2, 1.5 },
    { 2, 2, 2.6 }, { 0, 3, 9.0 }, { 0, 4, 1.0 }, { 1, 4, 1.0 } } do
    decisions[i] = s.report(r[1], r[2], r[3])[1].decision
  end
  t.equal(table.concat(decisions, " "), "continue continue continue stop continue continue stop continue stop stop")
end)

t.test("asha: until is the next milestone, rounded up", function()
  local s = spec_of { scheduler = hpo.scheduler.asha { max_t = 20, grace_period = 3, reduction_factor = 2.5 } }
  s.start(0, "{}")
  t.equal({ s.until_t(0, 0), s.until_t(0, 3), s.until_t(0, 8), s.until_t(0, 19) }, { 3, 8, 19, 20 })
  local short = spec_of { scheduler = hpo.scheduler.asha { max_t = 5, reduction_factor = 2 } }
  short.start(0, "{}")
  t.equal({ short.until_t(0, 0), short.until_t(0, 1), short.until_t(0, 2), short.until_t(0, 4) }, { 1, 2, 4, 5 })
end)

t.test("asha: brackets are drawn with the given chances, and grow", function()
  local s = spec_of { scheduler = hpo.scheduler.asha { max_t = 81, reduction_factor = 3, brackets = 3 } }
  local counts = { [1] = 0, [3] = 0, [9] = 0 }
  for n = 0, 9999 do
    s.start(n, '{"n": ' .. n .. "}")
    local first = s.until_t(n, 0)
    counts[first] = counts[first] + 1
  end
  for first, share in pairs { [1] = 0.6652, [3] = 0.2447, [9] = 0.0900 } do
    assert(math.abs(counts[first] / 10000 - share) < 0.015, "bracket of " .. first .. ": " .. counts[first])
  end
end)

t.test("asha: reports without a number never stop a trial and never count; infinities do", function()
  local s = spec_of { scheduler = hpo.scheduler.asha { max_t = 4, reduction_factor = 2 } }
  local function report(n, value)
    s.start(n, "{}")
    return s.report(n, 1, value)[1].decision
  end
  t.equal({ report(0, 0 / 0), report(1, 5.0), report(2, 0 / 0), report(3, 6.0), report(4, 5.5) },
    { "continue", "continue", "continue", "stop", "continue" })
  t.equal({ report(5, 1 / 0), report(6, -1 / 0) }, { "stop", "continue" })
end)

t.test("opening again starts from nothing", function()
  local s = spec_of { scheduler = hpo.scheduler.asha { max_t = 4, reduction_factor = 2 } }
  local function both()
    s.open()
    local list = {}
    for n, value in ipairs { 3.0, 1.0, 2.0, 4.0 } do
      s.start(n - 1, "{}")
      list[n] = s.report(n - 1, 1, value)[1].decision
    end
    return list
  end
  local first = both()
  t.equal(both(), first)
  t.equal(first, { "continue", "continue", "continue", "stop" })
end)

t.test("a recipe's own methods: tables are copied, functions called at each opening", function()
  local mine = { seen = {}, max_t = 9 }
  function mine:suggest(n) return n < 3 and { x = n + #self.seen } or nil end
  function mine:observe(trial, at, value) self.seen[#self.seen + 1] = { trial, at, value } end
  function mine:report(trial, at) return { { trial = trial, decision = at >= 2 and "stop" or "continue" } } end
  local s = spec_of { search = mine, scheduler = mine, space = "none" }
  t.equal({ s.custom, s.max_t, s.samples }, { true, 9, 5 })
  t.equal(s.suggest(0), '{"x": 0}')
  s.observe(0, 1, 3.5)
  t.equal(s.suggest(1), '{"x": 2}')
  s.open()
  t.equal(s.suggest(1), '{"x": 1}')
  t.equal(#mine.seen, 0)
  t.equal({ s.suggest(3), s.until_t(0, 4), s.until_t(0, 8) }, { nil, 5, 9 })
  t.equal(s.report(0, 2, 1.0), { { trial = 0, decision = "stop" } })

  local view
  local from_function = spec_of { search = function(study)
    view = study
    return { suggest = function() return { lr = study.space.lr:draw(study.generator(7, "x")), bs = 4 } end, size = 4 }
  end, samples = "none", first = { { lr = 1e-3, bs = 4 } } }
  t.equal(from_function.samples, 5)
  t.equal({ view.mode, view.metric, view.seed, view.concurrency, view.first }, { "min", "eval_loss", 1, 1, 1 })
  t.equal(from_function.suggest(1), from_function.suggest(2))
end)

t.test("a searcher hears of each trial's parameters and end, whoever ends it", function()
  local heard
  local function listening()
    heard = {}
    local function note(...) heard[#heard + 1] = { ... } end
    return {
      suggest = function(_, n) return { x = n } end,
      start = function(_, trial, p) note("start", trial, p.x) end,
      observe = function(_, trial, at, value) note("observe", trial, at, value) end,
      finish = function(_, trial, status) note("finish", trial, status) end,
    }
  end
  local answer = "continue"
  local s = spec_of { search = listening, first = { { x = 9 } }, space = "none",
    scheduler = { max_t = 3, report = function() return answer end } }
  local function hear(trial, at, decisions, how)
    heard, answer = {}, decisions
    s.report(trial, at, 1.0, how)
    s.observe(trial, at, 1.0, how)
    return heard
  end
  for n = 0, 4 do s.start(n, s.suggest(n)) end
  t.equal(heard, { { "start", 0, 9 }, { "start", 1, 1 }, { "start", 2, 2 }, { "start", 3, 3 }, { "start", 4, 4 } })
  t.equal(hear(0, 1, "continue"), { { "observe", 0, 1, 1.0 } })
  t.equal(hear(0, 2, "stop"), { { "observe", 0, 2, 1.0 }, { "finish", 0, "stopped" } })
  t.equal(hear(1, 3, "continue"), { { "observe", 1, 3, 1.0 }, { "finish", 1, "completed" } })
  t.equal(hear(2, 1, { { trial = 2, decision = "exploit", parent = 0 }, { trial = 0, decision = "stop" } }),
    { { "observe", 2, 1, 1.0 }, { "start", 2, 9 } })
  t.equal(hear(2, 2, { { trial = 2, decision = "exploit", parent = 3, params = { x = 7 } }, { trial = 4, decision = "drop" } }),
    { { "observe", 2, 2, 1.0 }, { "start", 2, 7 }, { "finish", 4, "stopped" } })
  t.equal(hear(3, 1, "continue", "failed"), { { "observe", 3, 1, 1.0 }, { "finish", 3, "failed" } })
  t.equal(hear(2, 3, nil, "completed"), { { "observe", 2, 3, 1.0 }, { "finish", 2, "completed" } })
end)

t.test("where: points that it refuses are never suggested", function()
  local function where(p) return p.bs == 4 and p.lr < 1e-3 end
  local plain = suggestions(spec_of { samples = 40 }, 40)
  for _, search in ipairs { hpo.search.random {}, hpo.search.tpe { n_startup_trials = 3 },
    hpo.search.tpe { n_startup_trials = 3, multivariate = false }, hpo.search.bohb { random_fraction = 0 } } do
    local s = spec_of { search = search, where = where, samples = 40 }
    t.equal(s.custom, true)
    for n = 0, 39 do
      local text = s.suggest(n)
      local p = core.decode(text)
      t.equal({ p.bs, p.lr < 1e-3 }, { 4, true })
      if search.name == "random" and where(core.decode(plain[n + 1])) then t.equal(text, plain[n + 1]) end
      s.start(n, text)
      s.report(n, 3, -p.lr) -- better towards what is refused
      s.observe(n, 3, -p.lr)
    end
  end
  local grid = spec_of { search = hpo.search.grid {}, samples = "none", space = { a = hpo.choice { 1, 2, 3 }, b = hpo.choice { 1, 2 } },
    where = function(p) return p.a ~= p.b end }
  t.equal(grid.samples, 4)
  t.equal(suggestions(grid, 5), { '{"a": 1, "b": 2}', '{"a": 2, "b": 1}', '{"a": 3, "b": 1}', '{"a": 3, "b": 2}' })
  local none = function() return false end
  t.fails(function() spec_of { where = none }.suggest(0) end, "study.where", "it refuses 10000 random points")
  t.fails(function() spec_of { where = none, first = { { lr = 1e-3, bs = 4 } } } end, "study.first[1]", "`where` refuses")
  t.fails(function() spec_of { where = none, search = hpo.search.points { { lr = 1e-3, bs = 4 } } } end, "hpo.search.points[1]", "`where` refuses")
  t.fails(function() spec_of { where = none, search = hpo.search.grid {}, space = { a = hpo.choice { 1 } } } end, "study.where", "every point of the grid")
  t.fails(function() spec_of { where = function() return 3 end }.suggest(0) end, "study.where", "expected true or false, found 3")
  t.fails(function() spec_of { where = none, search = { suggest = function() return { lr = 1e-3, bs = 4 } end } }.suggest(0) end,
    "study.search: suggest", "`where` refuses")
end)

t.test("a known suggestion is asked again of a recipe's own searcher only", function()
  local asked = {}
  local own = spec_of { search = function() return { suggest = function(_, n) asked[#asked + 1] = n return { x = n } end } end,
    first = { { x = 9 } }, space = "none" }
  for n = 0, 2 do own.suggest_again(n) end
  t.equal(asked, { 1, 2 })
  local ours = spec_of { search = hpo.search.tpe { n_startup_trials = 1 } }
  local function resumed(replayed)
    ours.open()
    for n = 0, 9 do
      if replayed then ours.suggest_again(n) else ours.suggest(n) end
      ours.start(n, '{"bs": 4, "lr": ' .. 0.001 * (n + 1) .. "}")
      ours.report(n, 3, 1.0)
      ours.observe(n, 3, math.abs(n - 4.5))
    end
    return ours.suggest(10)
  end
  t.equal(resumed(true), resumed(false))
end)

t.test("what a recipe's own methods answer is checked", function()
  local function searching(answer)
    return function() spec_of { search = { suggest = function() return answer end } }.suggest(0) end
  end
  t.fails(searching(3), "study.search: suggest", "expected a table of parameters, found 3")
  t.fails(searching { a = { b = 1 } }, "study.search: suggest.a", "found a table")
  t.fails(searching { a = {} }, "study.search: suggest.a", "found an empty one")
  t.fails(searching { a = 1 / 0 }, "study.search: suggest.a", "found inf")
  local function deciding(answer)
    return function()
      spec_of { scheduler = { max_t = 3, report = function() return answer end } }.report(0, 1, 1.0)
    end
  end
  t.fails(deciding(nil), "study.scheduler: report", "or a list of decisions, found nothing")
  t.fails(deciding {}, "study.scheduler: report", "at least one")
  t.fails(deciding { { trial = 0 } }, "study.scheduler: report[1].decision", "found nothing")
  t.fails(deciding { { trial = "0", decision = "stop" } }, "study.scheduler: report[1].trial", "expected a whole number")
  t.fails(function()
    spec_of { scheduler = { max_t = 3, report = print, ["until"] = function(_, _, at) return at end } }.until_t(0, 1)
  end, "study.scheduler: until", "expected a whole number ≥ 2, found 1")
  local s = spec_of { scheduler = { max_t = 3, report = function() return
    { { trial = 1, decision = "exploit", parent = 0, params = { lr = 2 } }, { trial = 0, decision = "continue" } } end } }
  t.equal(s.report(0, 1, 1.0), { { trial = 1, decision = "exploit", parent = 0, params = '{"lr": 2}' },
    { trial = 0, decision = "continue" } })
end)

os.exit(t.finish())
