-- TPE: what it suggests, how it ranks trials, the densities of Optuna, what is refused.

package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua"
local t = require "harness"
local core = require "hpo.core"
local hpo = require "hpo"
local searching = require "searching"
local split = require "hpo.search.parts.split"

for _, multivariate in ipairs { true, false } do
  searching.check(function()
    return hpo.search.tpe { n_startup_trials = 12, n_ei_candidates = 8, multivariate = multivariate }
  end, 12)
end

-- A model that writes down which trials are in which part.
local function recorded(o)
  local parts, parzen = {}, core.parzen
  core.parzen = function()
    local mixture = { ids = {} }
    parts[#parts + 1] = mixture
    function mixture:add(id) self.ids[id] = true end
    function mixture:remove(id) self.ids[id] = nil end
    return mixture
  end
  local model = split.new(o, { { { name = "x", coordinate = function(_, x) return x end } } })
  core.parzen = parzen
  return model, function()
    local lists = {}
    for i, part in ipairs(parts) do
      lists[i] = {}
      for id in pairs(part.ids) do table.insert(lists[i], id) end
      table.sort(lists[i])
    end
    return { below = lists[1], above = lists[2] }
  end
end

-- { t, value, status } of trials 1, 2, ...; without status they run.
local function tell(model, trials)
  for number, trial in ipairs(trials) do
    model:start(number, { x = number })
    if trial[1] then model:observe(number, trial[1], trial[2]) end
    if trial[3] then model:finish(number, trial[3]) end
  end
end

t.test("completed before stopped, the longest first, then by value, then by number", function()
  local model, parts = recorded { prior_weight = 1, constant_liar = true }
  local stopped = {}
  for i = 1, 11 do stopped[i] = { i == 4 and 3 or 2, i == 7 and 0.5 or 1.0, "stopped" } end
  tell(model, stopped)
  t.equal({ model:divide(), parts() }, { 11, { below = { 4, 7 }, above = { 1, 2, 3, 5, 6, 8, 9, 10, 11 } } })
  model:start(12, { x = 1 })
  model:observe(12, 1, 99.0)
  t.equal({ model:divide(), parts().below }, { 11, { 4, 7 } })
  model:finish(12, "completed")
  t.equal({ model:divide(), parts().below }, { 12, { 4, 12 } })
end)

t.test("without a number: a stopped one is last of its t, others count for nothing but are not good", function()
  local model, parts = recorded { prior_weight = 1, constant_liar = false }
  tell(model, { { 2, 0 / 0, "stopped" }, { 2, 5.0, "stopped" }, { 3, 0 / 0, "completed" }, { 1, 0 / 0, "failed" },
    { 1, 1.0 }, { nil } })
  t.equal({ model:divide(), parts() }, { 2, { below = { 2 }, above = { 1, 3, 4 } } })
end)

t.test("constant_liar counts running trials as not good", function()
  for _, liar in ipairs { true, false } do
    local model, parts = recorded { prior_weight = 1, constant_liar = liar }
    tell(model, { { 1, 1.0, "completed" }, { 1, 0.5 }, { nil } })
    t.equal({ model:divide(), parts() }, { 1, { below = { 1 }, above = liar and { 2, 3 } or {} } })
  end
end)

t.test("ten of a hundred are good, never more than 25", function()
  local model, parts = recorded { prior_weight = 1, constant_liar = true }
  for i = 1, 300 do
    model:start(i, { x = i })
    model:observe(i, 1, -i + 0.0)
    model:finish(i, "completed")
    local below = (model:divide() and parts()).below
    t.equal({ #below, below[#below] }, { math.min(math.ceil(0.1 * i), 25), i })
  end
end)

t.test("an exploit moves a trial to its new parameters", function()
  local model = recorded { prior_weight = 1, constant_liar = true }
  model:start(1, { x = 1 })
  model:start(1, { x = 2 })
  model:observe(1, 1, 0.0)
  model:finish(1, "completed")
  t.equal(model:divide(), 1)
end)

local function near(found, expected)
  assert(math.abs(found - expected) <= 1e-9 * math.max(1, math.abs(expected)), found .. " is not " .. expected)
end

local text = t.shared "fixtures/samplers.json"
for i, case in ipairs(text and core.decode((text:gsub("null", "NaN"))) or {}) do
  t.test("densities, case " .. i .. ": the formulas written plainly", function()
    local space, history = {}, {}
    for name, domain in pairs(case.space) do
      local kind, values = next(domain)
      space[name] = kind == "choice" and hpo.choice(values) or hpo[kind](values[1], values[2])
    end
    for k, trial in ipairs(case.history) do history[k] = { params = trial.config, value = trial.loss } end
    for k, found in ipairs(hpo.search.tpe {}:density(space, history, case.queries)) do
      for name, pair in pairs(case.tpe.log_density[k]) do
        near(found[name][1], pair[1])
        near(found[name][2], pair[2])
      end
    end
  end)
end

t.test("density: constants are certain, no history is the prior", function()
  local found = hpo.search.tpe {}:density({ a = hpo.uniform(0, 2), b = 3 }, {}, { { a = 1, b = 3 } })[1]
  t.equal({ found.b, found.joint[1] == found.a[1], found.a[1] == found.a[2] }, { { 0, 0 }, true, true })
  near(found.a[1], -math.log(2) - 0.5 * math.log(2 * math.pi) - math.log(0.38292492254802624))
end)

t.test("what is wrong is refused by name", function()
  local tpe = hpo.search.tpe
  t.fails(function() tpe { n_startup = 4 } end, "hpo.search.tpe.n_startup", "no such field")
  t.fails(function() tpe { n_startup_trials = -1 } end, "hpo.search.tpe.n_startup_trials", "a whole number ≥ 0, found -1")
  t.fails(function() tpe { n_ei_candidates = 0 } end, "hpo.search.tpe.n_ei_candidates", "a whole number ≥ 1, found 0")
  t.fails(function() tpe { multivariate = 1 } end, "hpo.search.tpe.multivariate", "expected true or false, found 1")
  t.fails(function() tpe { prior_weight = 0 } end, "hpo.search.tpe.prior_weight", "a number > 0, found 0")
  t.fails(function() tpe { seed = 3 } end, "hpo.search.tpe.seed", "no such field")
  t.fails(function() searching.study { search = tpe {}, space = false } end, "study.space", "a table of names and domains")
  local space = { a = hpo.uniform(0, 1) }
  local field = "hpo.search.tpe:density: "
  t.fails(function() tpe {}:density(3, {}, {}) end, field .. "space", "a table of names and domains, found 3")
  t.fails(function() tpe {}:density(space, { { params = { a = 2 }, value = 1 } }, {}) end,
    field .. "history[1].params.a", "expected a value of hpo.uniform(0, 1), found 2")
  t.fails(function() tpe {}:density(space, { { params = { a = 1 } } }, {}) end, field .. "history[1].value", "a number")
  t.fails(function() tpe {}:density({ joint = space.a }, {}, {}) end, field .. "space.joint", "stands for the density")
  t.fails(function() tpe {}:density(space, {}, { {} }) end, field .. "points[1].a", "every parameter")
end)

os.exit(t.finish())
