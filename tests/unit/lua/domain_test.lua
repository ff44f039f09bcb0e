-- Domains: what is drawn, at the edges too; what is counted; what is refused.

package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua"
local t = require "harness"
local domain = require "hpo"
local rng = require "hpo.rng"

local almost_one = 1 - 0x1p-53

local function shares(d, n)
  local counts = {}
  for i = 1, n do
    local value = d:draw(rng.open(5, i, "test"))
    counts[value] = (counts[value] or 0) + 1
  end
  for value in pairs(counts) do counts[value] = counts[value] / n end
  return counts
end

local function near(found, expected, tolerance)
  assert(math.abs(found - expected) <= tolerance, found .. " is not near " .. expected)
end

t.test("uniform and loguniform keep their ends", function()
  local u, l = domain.uniform(-3, 5), domain.loguniform(1e-5, 1e-1)
  t.equal(u:at(0), -3)
  assert(u:at(almost_one) <= 5 and u:at(almost_one) > 4.999)
  near(u:at(0.5), 1, 1e-15)
  t.equal(l:at(0), 1e-5)
  near(l:at(0.5), 1e-3, 1e-17)
  assert(l:at(almost_one) <= 1e-1)
  t.equal(u:size(), nil)
end)

t.test("randint has both ends, all as likely", function()
  local counts = shares(domain.randint(-1, 2), 20000)
  for k = -1, 2 do near(counts[k], 0.25, 0.015) end
  t.equal(math.type(domain.randint(1, 3):at(0)), "integer")
  t.equal(domain.randint(1, 3):at(almost_one), 3)
  t.equal(domain.randint(1, 3):size(), 3)
end)

t.test("quniform gives the multiples as a person writes them, all as likely", function()
  local d = domain.quniform(0.1, 0.5, 0.1)
  t.equal(d:size(), 5)
  t.equal({ d:item(0), d:item(1), d:item(2), d:item(3), d:item(4) }, { 0.1, 0.2, 0.3, 0.4, 0.5 })
  local counts = shares(d, 20000)
  for i = 0, 4 do near(counts[d:item(i)], 0.2, 0.015) end
  t.equal(domain.quniform(1, 10, 3):size(), 3) -- 3, 6, 9: ends move inwards
  t.equal(domain.quniform(1, 10, 3):at(0), 3)
  t.equal(math.type(domain.quniform(1, 10, 3):at(0)), "integer")
  t.equal(domain.quniform(0.3, 0.35, 0.1):size(), 1)
  t.equal(domain.quniform(-0.2, 0.2, 0.1):item(2), 0)
end)

t.test("qloguniform gives the multiples, small ones more often", function()
  local d = domain.qloguniform(1, 8, 1)
  t.equal(d:at(0), 1)
  t.equal(d:at(almost_one), 8)
  local counts, whole = shares(d, 20000), math.log(8.5 / 0.5)
  for k = 1, 8 do near(counts[k], math.log((k + 0.5) / (k - 0.5)) / whole, 0.015) end
end)

t.test("choice and ordered draw their values", function()
  local counts = shares(domain.choice { "adam", "sgd", "lion", "adamw" }, 20000)
  for _, name in ipairs { "adam", "sgd", "lion", "adamw" } do near(counts[name], 0.25, 0.015) end
  t.equal(domain.ordered { 16, 32, 64 }:at(0.5), 32)
  t.equal(domain.choice { true, false }:at(almost_one), false)
end)

t.test("contains takes what lies in range", function()
  local d = domain.loguniform(1e-4, 1e-2)
  t.equal({ d:contains(1e-4), d:contains(1e-2), d:contains(2e-2), d:contains "x", d:contains(0 / 0) },
    { true, true, false, false, false })
  t.equal(domain.randint(1, 3):contains(1.5), false)
  t.equal(domain.choice { "a", false }:contains(false), true)
  t.equal(domain.choice { 1, 2 }:contains(1.0), true)
end)

t.test("it shows itself as it was written", function()
  t.equal(tostring(domain.loguniform(5e-6, 2e-4)), "hpo.loguniform(5e-06, 0.0002)")
  t.equal(tostring(domain.quniform(0, 1, 0.25)), "hpo.quniform(0, 1, 0.25)")
  t.equal(tostring(domain.choice { 1, "a" }), 'hpo.choice [1, "a"]')
end)

t.test("what is wrong is refused by name", function()
  t.fails(function() domain.uniform("a", 1) end, "hpo.uniform: low", 'expected a number, found "a"')
  t.fails(function() domain.uniform(1, 1 / 0) end, "hpo.uniform: high", "expected a number, found inf")
  t.fails(function() domain.uniform(2, 1) end, "hpo.uniform", "expected low ≤ high, found 2, 1")
  t.fails(function() domain.uniform(-1.7e308, 1.7e308) end, "hpo.uniform", "too wide")
  t.fails(function() domain.loguniform(0, 1) end, "hpo.loguniform: low", "expected a number > 0, found 0")
  t.fails(function() domain.quniform(0, 1) end, "hpo.quniform: q", "expected a number > 0, found nothing")
  t.fails(function() domain.quniform(0, 1, 1e-300) end, "hpo.quniform", "too small")
  t.fails(function() domain.quniform(0.4, 0.6, 1) end, "hpo.quniform", "no multiple")
  t.fails(function() domain.randint(0, 1.5) end, "hpo.randint: high", "expected a whole number")
  t.fails(function() domain.choice {} end, "hpo.choice", "at least one")
  t.fails(function() domain.choice { 1, 1.0 } end, "hpo.choice[2]", "is there twice")
  t.fails(function() domain.choice { {} } end, "hpo.choice[1]", "found an empty one")
  t.fails(function() domain.choice { a = 1 } end, "hpo.choice", "found a table with names")
  t.fails(function() domain.ordered(3) end, "hpo.ordered", "expected a list, found 3")
end)

t.test("qloguniform far below its step begins at the first multiple", function()
  local d = domain.qloguniform(1e-12, 4, 1)
  for k = 0, 20 do
    local x = d:at(k / 21)
    t.equal(x >= 1 and x <= 4, true)
  end
end)

os.exit(t.finish())
