-- BOHB: what it suggests, which t counts, the densities of HpBandSter and statsmodels, what is refused.

package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua"
local t = require "harness"
local core = require "hpo.core"
local hpo = require "hpo"
local searching = require "searching"

searching.check(function() return hpo.search.bohb { random_fraction = 0.2, num_samples = 16 } end, 16)

-- Tells an opened searcher of n reports at t, of trials from first on.
local function tell(searcher, first, n, at)
  for trial = first, first + n - 1 do
    searcher:start(trial, { x = (trial * 0.37) % 1 })
    searcher:observe(trial, at, ((trial * 0.37) % 1 - 0.3) ^ 2)
  end
end

local function opened(options)
  local study = { space = { x = hpo.uniform(0, 1) }, seed = 5, mode = "min", first = 0 }
  return hpo.search.bohb(options).open(study), hpo.search.random {}.open(study)
end

-- How many of 60 suggestions are not random's.
local function modelled(searcher, random)
  local n = 0
  for i = 0, 59 do n = n + (searcher:suggest(i).x ~= random:suggest(i).x and 1 or 0) end
  return n
end

t.test("the first model comes with 2(d + 1) reports at one t; random_fraction stays random", function()
  local searcher, random = opened {}
  tell(searcher, 0, 3, 1)
  tell(searcher, 3, 3, 2)
  t.equal(modelled(searcher, random), 0)
  tell(searcher, 6, 1, 1)
  local n = modelled(searcher, random)
  assert(n > 30 and n < 50, n)
  local always, again = opened { random_fraction = 0 }
  tell(always, 0, 4, 1)
  t.equal(modelled(always, again), 60)
end)

t.test("min_points_in_model asks for more, never for less", function()
  for points, needed in pairs { [1] = 4, [2] = 4, [5] = 7 } do
    local searcher, random = opened { min_points_in_model = points, random_fraction = 0 }
    tell(searcher, 0, needed - 1, 1)
    t.equal(modelled(searcher, random), 0)
    tell(searcher, needed - 1, 1, 1)
    t.equal(modelled(searcher, random), 60)
  end
end)

t.test("the largest t with a model counts, and smaller ones no more", function()
  local searcher, random = opened { random_fraction = 0 }
  tell(searcher, 0, 4, 1)
  tell(searcher, 0, 4, 3)
  local before = searcher:suggest(50).x
  tell(searcher, 4, 9, 1)
  t.equal(searcher:suggest(50).x, before)
  assert(before ~= random:suggest(50).x)
  tell(searcher, 4, 9, 3)
  assert(searcher:suggest(50).x ~= before)
end)

t.test("a report without a finite number is worst", function()
  local one, other = opened { random_fraction = 0 }, opened { random_fraction = 0 }
  for _, pair in ipairs { { one, 0 / 0 }, { other, 1e9 } } do
    tell(pair[1], 0, 6, 1)
    pair[1]:start(6, { x = 0.9 })
    pair[1]:observe(6, 1, pair[2])
  end
  for n = 7, 20 do t.equal(one:suggest(n), other:suggest(n)) end
end)

local function near(found, expected)
  if expected ~= expected then return assert(found - found ~= 0, found) end
  assert(math.abs(found - expected) <= 1e-9 * math.abs(expected), found .. " is not " .. expected)
end

local text = t.shared "fixtures/samplers.json"
for i, case in ipairs(text and core.decode((text:gsub("null", "NaN"))) or {}) do
  t.test("densities, case " .. i, function()
    local space, history = {}, {}
    for name, domain in pairs(case.space) do
      local kind, values = next(domain)
      space[name] = kind == "choice" and hpo.choice(values) or hpo[kind](values[1], values[2])
    end
    for k, trial in ipairs(case.history) do history[k] = { params = trial.config, value = trial.loss } end
    for k, found in ipairs(hpo.search.bohb {}:density(space, history, case.queries)) do
      near(found[1], case.bohb.density[k].l)
      near(found[2], case.bohb.density[k].g)
    end
  end)
end

t.test("what is wrong is refused by name", function()
  local bohb = hpo.search.bohb
  t.fails(function() bohb { min_points = 4 } end, "hpo.search.bohb.min_points", "no such field")
  t.fails(function() bohb { min_points_in_model = 0 } end, "hpo.search.bohb.min_points_in_model", "a whole number ≥ 1, found 0")
  t.fails(function() bohb { top_n_percent = 100 } end, "hpo.search.bohb.top_n_percent", "a whole number ≤ 99, found 100")
  t.fails(function() bohb { num_samples = 1.5 } end, "hpo.search.bohb.num_samples", "a whole number ≥ 1, found 1.5")
  t.fails(function() bohb { random_fraction = 2 } end, "hpo.search.bohb.random_fraction", "a number ≥ 0 and ≤ 1, found 2")
  t.fails(function() bohb { random_fraction = 0 / 0 } end, "hpo.search.bohb.random_fraction", "a number ≥ 0 and ≤ 1, found nan")
  t.fails(function() bohb { bandwidth_factor = 0 } end, "hpo.search.bohb.bandwidth_factor", "a number > 0, found 0")
  t.fails(function() bohb { min_bandwidth = -1 } end, "hpo.search.bohb.min_bandwidth", "a number > 0, found -1")
  local space = { a = hpo.uniform(0, 1) }
  t.fails(function() bohb {}:density(space, { { params = { a = 1 }, value = 1 } }, {}) end,
    "hpo.search.bohb:density: history", "too few trials for a model: 1")
  t.fails(function() bohb {}:density({ a = 1 }, {}, {}) end, "hpo.search.bohb:density: history", "too few")
end)

os.exit(t.finish())
