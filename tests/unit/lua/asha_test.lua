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

os.exit(t.finish())
