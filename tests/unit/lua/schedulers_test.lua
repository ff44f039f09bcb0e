-- Schedulers: every recorded decision of Ray Tune's, the promotion variant, what a population explores, a
-- schedule that is gone through again, and options that are refused.

package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua"
local t = require "harness"
local core = require "hpo.core"
local clock = require "clock"
local explore = require "hpo.scheduler.parts.explore"
local hpo = require "hpo"
local quantile = require "hpo.scheduler.parts.quantile"
local rng = require "hpo.rng"

local function study_of(scheduler, case)
  core.nodes = {}
  hpo.study {
    space = { trial = hpo.randint(0, 1000000) }, samples = #case.curves, concurrency = case.concurrency,
    search = { suggest = function(_, n) return { trial = n } end }, scheduler = scheduler,
    metric = "loss", mode = case.mode or "min", cost = case.cost and function(p) return case.cost[p.trial + 1] end,
    trial = function() return hpo.command { run = { "true" } } end,
  }
  return core.nodes[1]
end

local function run(scheduler, case)
  return clock.run(study_of(scheduler, case), function(trial, at) return case.curves[trial + 1][at] end)
end

local function of_case(case)
  local o = { max_t = case.max_t }
  if case.scheduler == "median" then
    o.grace_period, o.min_samples_required = case.grace_period, case.min_samples_required
  elseif case.scheduler == "hyperband" then
    o.reduction_factor, o.order = case.reduction_factor, "bohb"
  else
    return nil
  end
  return hpo.scheduler[case.scheduler](o)
end

local text = t.shared "fixtures/schedulers.json"
for i, case in ipairs(text and core.decode((text:gsub("null", "NaN"))) or {}) do
  local scheduler = of_case(case)
  if scheduler then
    t.test(case.scheduler .. ", case " .. i, function()
      local events, reached = run(scheduler, case)
      t.equal(events, case.events)
      t.equal(reached, case.reached)
    end)
  end
end

t.test("a quantile of numbers that come one by one is that of all of them", function()
  local generator, sorted, q = rng.open(1, 1, "quantile"), {}, quantile(0.75)
  for n = 1, 300 do
    local x = generator:below(40) + 0.0
    q.add(x)
    sorted[n] = x
    table.sort(sorted)
    local at = (n - 1) * 0.75
    local a, b, g = sorted[at // 1 + 1], sorted[math.min(at // 1 + 1, n - 1) + 1], at % 1
    t.equal(q.value(), g < 0.5 and a + (b - a) * g or b - (b - a) * (1 - g))
    t.equal(q.count(), n)
  end
  local above = 0
  for _, x in ipairs(sorted) do above = above + (x > 20 and 1 or 0) end
  t.equal(q.above(20), above)
end)

-- Nine trials whose losses never change, trial 0 the best, on one worker.
t.test("promotion: the best of each rung go on, others wait and are given up", function()
  local curves = {}
  for n = 1, 9 do
    curves[n] = {}
    for at = 1, 9 do curves[n][at] = n + 0.0 end
  end
  local events, reached = run(hpo.scheduler.asha { max_t = 9, reduction_factor = 3, type = "promotion" },
    { curves = curves, concurrency = 1 })
  t.equal(reached, { 9, 3, 3, 1, 1, 1, 1, 1, 1 })
  local order = {}
  for _, e in ipairs(events) do
    if e[3] == "pause" then order[#order + 1] = e[1] .. "@" .. e[2] end
  end
  t.equal(table.concat(order, " "), "0@1 1@1 2@1 0@3 3@1 4@1 5@1 1@3 6@1 7@1 8@1 2@3")
end)

t.test("explore: numbers stay in their range, lists move to a neighbour", function()
  local o = { resample_probability = 0, perturbation_factors = { 1.2, 0.8 },
    mutations = explore.mutations("m", { lr = hpo.loguniform(1e-3, 1e-1), bs = { 2, 4, 8 }, n = hpo.randint(1, 9) }) }
  local seen = {}
  for k = 1, 200 do
    local p = explore.params(o, { lr = 0.09, bs = 4, n = 1, other = "kept" }, rng.open(1, k, "explore"), {})
    seen[core.encode(p)] = true
    t.equal(p.other, "kept")
  end
  local list = {}
  for text in pairs(seen) do list[#list + 1] = text end
  table.sort(list)
  t.equal(list, {
    '{"bs": 2, "lr": 0.072, "n": 1, "other": "kept"}', '{"bs": 2, "lr": 0.1, "n": 1, "other": "kept"}',
    '{"bs": 8, "lr": 0.072, "n": 1, "other": "kept"}', '{"bs": 8, "lr": 0.1, "n": 1, "other": "kept"}' })
  o.resample_probability = 1
  for k = 1, 50 do
    local p = explore.params(o, { lr = 0.09, bs = 4, n = 1 }, rng.open(1, k, "explore"), {})
    t.equal(p.lr >= 1e-3 and p.lr <= 1e-1 and p.n >= 1 and p.n <= 9, true)
  end
  o.mutations = {}
  t.equal(explore.params(o, { lr = 5 }, rng.open(1, 1, "explore"), {}), { lr = 5 })
  local never = explore.params({ resample_probability = 1, perturbation_factors = { 1 }, mutations = explore.mutations("m", { lr = { 1, 2 } }) },
    { lr = 1 }, rng.open(1, 1, "explore"), { allows = function() return false end })
  t.equal(never, { lr = 1 })
end)

t.test("replay takes the schedule's parameters at its turns", function()
  local schedule = { { t = 2, params = { trial = 0 } }, { t = 3, params = { trial = 5 } } }
  local s = study_of(hpo.scheduler.replay { schedule = schedule }, { curves = { {} }, concurrency = 1 })
  s.open()
  s.start(0, '{"trial": 0}')
  t.equal(s.until_t(0, 0), 2)
  t.equal(s.report(0, 1, 1.0)[1].decision, "continue")
  local turn = s.report(0, 2, 1.0)[1]
  t.equal({ turn.decision, turn.parent, turn.params }, { "exploit", 0, '{"trial": 5}' })
  t.equal({ s.until_t(0, 2), s.report(0, 3, 1.0)[1].decision }, { 3, "stop" })
  t.fails(function() s.start(1, '{"trial": 1}') end, "hpo.scheduler.replay", 'a trial with {"trial": 0}')
end)

t.test("what is wrong is refused by name", function()
  local s = hpo.scheduler
  t.fails(function() s.asha { max_t = 2, grace_period = 3 } end, "hpo.scheduler.asha.grace_period", "a whole number ≤ max_t, 2, found 3")
  t.fails(function() s.asha { max_t = 2, type = "both" } end, "hpo.scheduler.asha.type", '"stopping" or "promotion"')
  t.fails(function() s.asha { max_t = 2, reduction_factor = 1 } end, "hpo.scheduler.asha.reduction_factor", "a number > 1, found 1")
  t.fails(function() s.hyperband { max_t = 9, reduction_factor = 0 / 0 } end, "hpo.scheduler.hyperband.reduction_factor", "found nan")
  t.fails(function() s.hyperband { max_t = 9, order = "first" } end, "hpo.scheduler.hyperband.order", '"bohb"')
  t.fails(function() s.median { max_t = 2, grace_period = 3 } end, "hpo.scheduler.median.grace_period", "≤ max_t")
  t.fails(function() s.median { max_t = 2, min_samples_required = 0 } end, "hpo.scheduler.median.min_samples_required", "≥ 1, found 0")
  t.fails(function() s.pbt { max_t = 4, quantile_fraction = 0.6 } end, "hpo.scheduler.pbt.quantile_fraction", "a number > 0 and ≤ 0.5, found 0.6")
  t.fails(function() s.pbt { max_t = 4, perturbation_factors = { -1 } } end, "hpo.scheduler.pbt.perturbation_factors[1]", "a number > 0")
  t.fails(function() s.pbt { max_t = 4, mutations = { lr = 3 } } end, "hpo.scheduler.pbt.mutations.lr", "a domain, or a list of values, found 3")
  t.fails(function() study_of(s.pbt { max_t = 4, mutations = { lr = { 1, 2 } } }, { curves = { {} }, concurrency = 1 }) end,
    "hpo.scheduler.pbt.mutations.lr", "the study's space has no such parameter")
  t.fails(function() s.replay { schedule = {} } end, "hpo.scheduler.replay.schedule", "at least one element")
  t.fails(function() s.replay { schedule = { { t = 2, params = {} }, { t = 2, params = {} } } } end,
    "hpo.scheduler.replay.schedule[2].t", "a t above 2")
end)

os.exit(t.finish())
