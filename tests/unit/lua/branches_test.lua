-- Spaces with branches: parameters that are there only where a choice has a certain value.

package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua"
local t = require "harness"
local core = require "hpo.core"
local explore = require "hpo.scheduler.parts.explore"
local hpo = require "hpo"
local rng = require "hpo.rng"
local searching = require "searching"
local space = require "hpo.space"

-- sgd has two parameters of its own, one of which has a branch again.
local function branched()
  return {
    lr = hpo.loguniform(1e-4, 1),
    opt = hpo.choice { "adam", { "sgd", momentum = hpo.uniform(0, 1), schedule = hpo.choice { "flat", { "step", every = hpo.randint(1, 5) } } }, { "lion", beta = 0.9 } },
  }
end

-- The names that a point must have.
local function names_of(p)
  local names = { "lr", "opt" }
  if p.opt == "sgd" then table.move({ "momentum", "schedule" }, 1, 2, 3, names) end
  if p.schedule == "step" then names[#names + 1] = "every" end
  if p.opt == "lion" then names[#names + 1] = "beta" end
  table.sort(names)
  return names
end

local function study(changes)
  changes.space = changes.space or branched()
  return searching.study(changes)
end

-- Best with sgd, momentum 0.9, steps of 2; each branch has a loss of its own.
local function loss(p)
  local own = p.opt == "sgd" and (p.momentum - 0.9) ^ 2 + (p.every and (p.every - 2) ^ 2 / 20 or 0.5) or 1
  return own + (math.log(p.lr / 0.01)) ^ 2 / 10
end

local function check_points(suggested)
  local seen = {}
  for _, text in ipairs(suggested) do
    local p, names = core.decode(text), {}
    for name in pairs(p) do names[#names + 1] = name end
    table.sort(names)
    t.equal(names, names_of(p))
    seen[#names] = (seen[#names] or 0) + 1
  end
  return seen
end

local searchers = {
  random = function() return hpo.search.random {} end,
  tpe = function() return hpo.search.tpe {} end,
  independent = function() return hpo.search.tpe { multivariate = false } end,
  bohb = function() return hpo.search.bohb { random_fraction = 0.2 } end,
}

for name, search in pairs(searchers) do
  t.test(name .. ": a point has exactly the parameters of its branches, the same ones again", function()
    local suggested = searching.run(study { search = search(), samples = 80 }, loss)
    local seen = check_points(suggested)
    for n = 2, 5 do assert(seen[n], "no point with " .. n .. " parameters") end
    t.equal(searching.run(study { search = search(), samples = 80 }, loss), suggested)
    local more = searching.run(study { search = search(), samples = 90 }, loss)
    t.equal(table.move(more, 1, 80, 1, {}), suggested)
  end)

  t.test(name .. ": where sees whole points", function()
    local function where(p)
      t.equal(p.opt ~= "sgd" or p.momentum ~= nil and (p.schedule ~= "step" or p.every ~= nil), true)
      return p.opt == "sgd" and p.momentum < 0.95
    end
    for _, text in ipairs(searching.run(study { search = search(), samples = 60, where = where }, loss)) do
      local p = core.decode(text)
      t.equal(p.opt == "sgd" and p.momentum < 0.95, true)
    end
  end)
end

t.test("models learn what a branch's own parameters are worth", function()
  local function mean(search)
    local sum = 0
    local suggested = searching.run(study { search = search, samples = 120 }, loss)
    for i = 61, 120 do sum = sum + loss(core.decode(suggested[i])) end
    return sum / 60
  end
  local random = mean(hpo.search.random {})
  for _, name in ipairs { "tpe", "independent", "bohb" } do
    local found = mean(searchers[name]())
    assert(found < 0.7 * random, name .. ": " .. found .. " is not much less than random's " .. random)
  end
end)

t.test("a plain space draws what it drew before", function()
  local plain = searching.run(study { space = { a = hpo.uniform(0, 1), b = hpo.choice { 1, 2 } } }, function() return 1 end)
  local beside = searching.run(study { space = { a = hpo.uniform(0, 1), b = hpo.choice { 1, { 2, c = hpo.uniform(0, 1) } } } }, function() return 1 end)
  for i, text in ipairs(plain) do
    local p = core.decode(beside[i])
    t.equal({ a = p.a, b = p.b }, core.decode(text))
  end
end)

t.test("grid: each combination of each branch once, the last name fastest", function()
  local s = study { search = hpo.search.grid {}, samples = 40,
    space = { a = hpo.choice { 1, 2 }, b = hpo.choice { "x", { "y", c = hpo.choice { true, false }, d = hpo.ordered { 5, 6 } } } } }
  local found = {}
  s.open()
  for n = 0, 40 do found[#found + 1] = s.suggest(n) end
  t.equal(found, {
    '{"a": 1, "b": "x"}', '{"a": 1, "b": "y", "c": true, "d": 5}', '{"a": 1, "b": "y", "c": true, "d": 6}',
    '{"a": 1, "b": "y", "c": false, "d": 5}', '{"a": 1, "b": "y", "c": false, "d": 6}',
    '{"a": 2, "b": "x"}', '{"a": 2, "b": "y", "c": true, "d": 5}', '{"a": 2, "b": "y", "c": true, "d": 6}',
    '{"a": 2, "b": "y", "c": false, "d": 5}', '{"a": 2, "b": "y", "c": false, "d": 6}',
  })
end)

t.test("what another study knows is of use where it is a point of this space", function()
  local domains = space.rule("space", branched())
  t.equal(space.within(domains, { lr = 0.1, opt = "adam", momentum = 0.5 }), { lr = 0.1, opt = "adam" })
  t.equal(space.within(domains, { lr = 0.1, opt = "sgd", momentum = 0.5 }), nil)
  t.equal(space.within(domains, { lr = 2, opt = "adam" }), nil)
end)

t.test("densities: the sum over a point's branches", function()
  local domains = { x = hpo.uniform(0, 1), k = hpo.choice { "a", { "b", y = hpo.uniform(0, 1) } } }
  local history = { { params = { x = 0.2, k = "a" }, value = 2 }, { params = { x = 0.3, k = "b", y = 0.5 }, value = 1 } }
  local plain = hpo.search.tpe {}:density({ x = hpo.uniform(0, 1), k = hpo.choice { "a", "b" } },
    { { params = { x = 0.2, k = "a" }, value = 2 }, { params = { x = 0.3, k = "b" }, value = 1 } }, { { x = 0.4, k = "b" } })[1]
  local only_y = hpo.search.tpe {}:density({ y = hpo.uniform(0, 1) }, { { params = { y = 0.5 }, value = 1 } }, { { y = 0.4 } })[1]
  local found = hpo.search.tpe {}:density(domains, history, { { x = 0.4, k = "b", y = 0.4 }, { x = 0.4, k = "a" } })
  t.equal(found[1].joint[1], plain.joint[1] + only_y.joint[1])
  t.equal(found[2].y, nil)
  t.equal(found[2].x, plain.x)
  t.fails(function() hpo.search.bohb {}:density(domains, history, {}) end, "hpo.search.bohb:density: space", "without branches")
end)

t.test("exploring: a branch that is entered is drawn, one that is left is gone", function()
  local domains = space.rule("space", branched())
  local o = { resample_probability = 0, perturbation_factors = { 1.2 }, mutations = explore.mutations("m", { lr = hpo.loguniform(1e-4, 1), opt = { "adam", "sgd" } }) }
  local seen = {}
  for k = 1, 60 do
    local p = explore.params(o, { lr = 0.01, opt = "sgd", momentum = 0.5, schedule = "flat" }, rng.open(1, k, "explore"), { space = domains })
    t.equal(p.opt == "sgd" and p.momentum, p.opt == "sgd" and 0.5)
    local q = explore.params(o, { lr = 0.01, opt = "adam" }, rng.open(2, k, "explore"), { space = domains })
    check_points { core.encode(p), core.encode(q) }
    seen[p.opt], seen["from adam to " .. q.opt] = true, true
  end
  t.equal(seen, { adam = true, sgd = true, ["from adam to adam"] = true, ["from adam to sgd"] = true })
end)

t.test("what is wrong is refused by name", function()
  local function of(domains) return function() study { space = domains } end end
  t.fails(of { lr = hpo.uniform(0, 1), opt = hpo.choice { { "sgd", lr = 3 } } }, "study.space.opt[1].lr", "two parameters of this name", "opt_lr")
  t.fails(of { a = hpo.choice { { 1, x = 3 }, { 2, x = 4 } } }, "study.space.a[2].x", "two parameters of this name")
  t.fails(function() hpo.choice { { "sgd", "adam", x = 1 } } end, "hpo.choice[1]", "a value, or a value and its parameters")
  t.fails(function() hpo.choice { { "sgd", momentum = { 1, 2 } } } end, "hpo.choice[1].momentum", "expected a domain")
  t.fails(function() hpo.choice { "sgd", { "sgd", m = 1 } } end, "hpo.choice[2]", "is there twice")
  local function first(point) return function() study { first = { point } } end end
  t.fails(first { lr = 0.1, opt = "adam", momentum = 0.5 }, "study.first[1].momentum", 'only where opt is "sgd"')
  t.fails(first { lr = 0.1, opt = "sgd", schedule = "flat" }, "study.first[1].momentum", "gives every parameter")
  t.fails(first { lr = 0.1, opt = "sgd", momentum = 2, schedule = "flat" }, "study.first[1].momentum", "expected a value of hpo.uniform(0, 1), found 2")
  t.fails(function() explore.mutations("m", { opt = hpo.choice { { "a", b = 1 } } }) end, "m.opt[1]", "no branches")
end)

t.test("a choice shows its branches", function()
  t.equal(tostring(hpo.choice { "a", { "b", x = hpo.uniform(0, 1), y = 2 } }), 'hpo.choice ["a", {"b", x = hpo.uniform(0, 1), y = hpo.choice [2]}]')
  t.equal(tostring(hpo.ordered { 1, 2 }), "hpo.ordered [1, 2]")
end)

os.exit(t.finish())
