-- ASHA against every decision of Ray Tune in the reference file, under the virtual clock.

package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua"
local t = require "harness"
local core = require "hpo.core"
local clock = require "clock"
local hpo = require "hpo"

-- The curves and the costs of a case, as a study.
local function study_of(case, brackets)
  core.nodes = {}
  hpo.study {
    space = { trial = hpo.randint(0, 1000000) },
    search = { suggest = function(_, n) return { trial = n } end },
    scheduler = hpo.scheduler.asha {
      max_t = case.max_t, grace_period = case.grace_period, reduction_factor = case.reduction_factor,
      brackets = brackets,
    },
    samples = #case.curves, concurrency = case.concurrency, metric = "loss", mode = case.mode,
    cost = case.cost and function(p) return case.cost[p.trial + 1] end,
    trial = function() return hpo.command { run = { "true" } } end,
  }
  return core.nodes[1]
end

local text = t.shared "fixtures/schedulers.json"
for i, case in ipairs(text and core.decode((text:gsub("null", "NaN"))) or {}) do
  if case.scheduler == "asha" then
    t.test("case " .. i, function()
      local events, reached = clock.run(study_of(case), function(trial, at) return case.curves[trial + 1][at] end)
      t.equal(#events, #case.events)
      t.equal(events, case.events)
      t.equal(reached, case.reached)
    end)
  end
end

t.test("the reasons", function()
  local study = study_of { max_t = 4, grace_period = 1, reduction_factor = 2, curves = { 1, 2, 3, 4 }, concurrency = 1, mode = "min" }
  study.open()
  for n = 0, 4 do study.start(n, '{"trial": ' .. n .. "}") end
  local function why(n, at, value)
    study.report(n, at, value)
    return study.why(n)
  end
  t.equal(why(0, 1, 4), "4 is the first at rung 1, at t = 1")
  t.equal(why(1, 1, 2), "2 is better than the cut-off 4 of rung 1, at t = 1 (rank 1 of 2)")
  t.equal(why(2, 1, 3), "3 is equal to the cut-off 3 of rung 1, at t = 1 (rank 2 of 3)")
  t.equal(why(3, 1, 5), "5 is worse than the cut-off 3 of rung 1, at t = 1 (rank 4 of 4)")
  t.equal(why(4, 1, 0 / 0), "a report without a number passes rung 1, at t = 1")
  t.equal(why(0, 3, 1), "1 is the first at rung 2, at t = 2")
  t.equal(why(0, 3, 1), nil)
  t.equal(why(0, 4, 1), nil)
end)

os.exit(t.finish())
