-- Values of a space that are lists, nil or the only one; a name that several branches share.

package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua"
local t = require "harness"
local core = require "hpo.core"
local explore = require "hpo.scheduler.parts.explore"
local hpo = require "hpo"
local rng = require "hpo.rng"
local searching = require "searching"
local space = require "hpo.space"

local searchers = {
  random = function() return hpo.search.random {} end,
  tpe = function() return hpo.search.tpe { n_startup_trials = 4 } end,
  independent = function() return hpo.search.tpe { n_startup_trials = 4, multivariate = false } end,
  bohb = function() return hpo.search.bohb { random_fraction = 0.2 } end,
}

-- Points that a searcher suggests, as JSON, and how often each text was among them.
local function run(search, domains, loss, changes)
  local options = { space = domains, search = search, samples = 60 }
  for name, value in pairs(changes or {}) do options[name] = value end
  return searching.run(searching.study(options), loss)
end

local function lists()
  return { hidden = hpo.choice { { 64, 64 }, { 128 }, { { 1, 2 }, "x" } }, decay = hpo.ordered { hpo.null, 0.1, false }, x = hpo.uniform(2, 2), k = hpo.randint(3, 3),
    y = hpo.loguniform(0.3, 0.3), z = hpo.quniform(0.5, 0.5, 0.25) }
end

for name, search in pairs(searchers) do
  t.test(name .. ": lists, nil and single values are suggested, and learnt from", function()
    local seen = {}
    local function loss(p)
      t.equal({ p.x, p.k, p.y, p.z }, { 2, 3, 0.3, 0.5 })
      return #p.hidden + (p.decay == nil and 0 or 1)
    end
    for _, text in ipairs(run(search(), lists(), loss)) do
      local p = text:match '^{"decay": (.-), "hidden": (.*), "k": 3, "x": 2, "y": 0.3, "z": 0.5}$'
      assert(p, text)
      seen[p] = true
    end
    t.equal(seen, { null = true, ["0.1"] = true, ["false"] = true })
  end)

  t.test(name .. ": a parameter of two branches is one parameter", function()
    local function domains()
      return { opt = hpo.choice { "adam", { "sgd", momentum = hpo.uniform(0, 1), nesterov = hpo.choice { true, false } }, { hpo.null, momentum = hpo.uniform(0, 1) } } }
    end
    local counts = {}
    for _, text in ipairs(run(search(), domains(), function(p) return p.momentum or 1 end)) do
      local p = core.decode(text)
      t.equal(p.momentum ~= nil, p.opt ~= "adam")
      t.equal(p.nesterov ~= nil, p.opt == "sgd")
      counts[p.opt or "null"] = true
    end
    t.equal(counts, { adam = true, sgd = true, null = true })
  end)
end

t.test("draws of plain spaces do not know of it", function()
  local plain = run(hpo.search.random {}, { x = hpo.uniform(0, 1), c = hpo.choice { 1, 2, 3 } }, function() return 0 end)
  local beside = run(hpo.search.random {}, { x = hpo.uniform(0, 1), c = hpo.choice { 1, 2, hpo.null } }, function() return 0 end)
  for i, text in ipairs(plain) do t.equal(beside[i], (text:gsub('"c": 3', '"c": null'))) end
end)

t.test("a grid of lists, nil, single values and shared names", function()
  local function grid(domains) return run(hpo.search.grid {}, domains, function() return 0 end, { samples = 20 }) end
  t.equal(grid { a = hpo.choice { { 1 }, hpo.null }, x = hpo.uniform(2, 2) }, { '{"a": [1], "x": 2}', '{"a": null, "x": 2}' })
  t.equal(grid { o = hpo.choice { { "s", m = hpo.choice { 1, 2 }, n = hpo.choice { 3, 4 } }, { "t", m = hpo.choice { 1, 2 } }, "u" } },
    { '{"m": 1, "n": 3, "o": "s"}', '{"m": 1, "n": 4, "o": "s"}', '{"m": 2, "n": 3, "o": "s"}', '{"m": 2, "n": 4, "o": "s"}',
      '{"m": 1, "o": "t"}', '{"m": 2, "o": "t"}', '{"o": "u"}' })
  t.fails(function() grid { o = hpo.choice { { "s", m = 1 }, "t" }, q = hpo.choice { { "v", m = 1 }, "w" } } end,
    "study.space.m", "branches of one choice, found it in branches of o and q")
end)

t.test("points by hand: a list is equal by its elements, what is nil may be left out", function()
  local domains = space.rule("space", lists())
  local rule = space.point(domains)
  local p = rule("p", { hidden = { 128 }, x = 2, k = 3, y = 0.3, z = 0.5 })
  t.equal(core.encode(p), '{"decay": null, "hidden": [128], "k": 3, "x": 2, "y": 0.3, "z": 0.5}')
  t.equal(core.encode(rule("p", core.decode(core.encode(p)))), core.encode(p))
  t.fails(function() rule("p", { hidden = { 64 }, x = 2, k = 3, y = 0.3, z = 0.5 }) end, "p.hidden", "expected a value of hpo.choice [[64, 64], [128]")
  t.fails(function() rule("p", { hidden = { 128 }, x = 3, k = 3, y = 0.3, z = 0.5 }) end, "p.x", "hpo.uniform(2, 2), found 3")
  t.equal(core.encode(space.within(domains, { hidden = { 128 }, x = 2, k = 3, y = 0.3, z = 0.5, more = 1 })), core.encode(p))
  local seen
  space.condition("where", function(q) seen = q; q.hidden[1] = 9; return true end)(p)
  t.equal({ seen.decay, seen.hidden, p.hidden }, { nil, { 9 }, { 128 } })
end)

t.test("a population perturbs lists to their neighbours, and leaves nil where it is", function()
  local domains = space.rule("space", { h = hpo.ordered { { 1 }, { 2 }, { 3 } }, n = hpo.choice { hpo.null, { "b", m = hpo.randint(1, 1) } } })
  local o = { resample_probability = 0, perturbation_factors = { 1.2 }, mutations = explore.mutations("m", { h = { { 1 }, { 2 }, { 3 } } }) }
  local own = space.owner(domains)
  for n = 1, 10 do
    local text = core.encode(explore.params(o, own { h = { 2 } }, rng.open(1, n, "explore 0"), { space = domains }))
    t.equal(text == '{"h": [1], "n": null}' or text == '{"h": [3], "n": null}', true)
  end
end)

t.test("an empty text is a value, and no name", function()
  t.equal(hpo.choice({ "", "a" }):contains "", true)
  t.fails(function() hpo.source "" end, "hpo.source", "expected a text, found an empty one")
end)

t.test("a study tells nil to trial(p) as nil, and writes it as null", function()
  core.nodes = {}
  local seen
  hpo.study { name = "s", space = { a = hpo.choice { hpo.null }, b = hpo.choice { { 1, 2 } } }, samples = 1, scheduler = hpo.scheduler.fifo { max_t = 1 },
    trial = function(p) seen = p; return hpo.command { run = { "true" } } end }
  local spec = core.nodes[#core.nodes]
  local params = spec.suggest(0)
  t.equal(params, '{"a": null, "b": [1, 2]}')
  spec.start(0, params)
  spec.trial(params)
  t.equal({ seen.a, seen.b }, { nil, { 1, 2 } })
end)

os.exit(t.finish())
