-- The tables that people see: text to the letter, CSV with every digit.

package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua"
local t = require "harness"
local core = require "hpo.core"
local tables = require "hpo.table"

local study = [[{"study": "asha", "metric": "eval_loss", "mode": "min", "best_of": "last", "best": 1, "trials": [
  {"trial": 0, "params": {"lr": 0.0012345678901, "bs": 4, "opt": "a,b"}, "status": "stopped", "reached": 1, "judged_by": {"t": 1, "value": 3.5},
   "metrics": [{"t": 1, "eval_loss": 3.5}], "segments": [{"t": 1, "seconds": 1.25}]},
  {"trial": 1, "params": {"lr": 1.2e-05, "bs": 8, "opt": "ü"}, "status": "completed", "reached": 2, "judged_by": {"t": 1, "value": 2.5},
   "metrics": [{"t": 1, "eval_loss": 2.5}, {"t": 2, "eval_loss": null}],
   "segments": [{"t": 1, "seconds": 1.25}, {"t": 2, "seconds": 2.5}]},
  {"trial": 2, "params": {"lr": 1, "bs": 8}, "status": "failed", "reached": 0, "judged_by": null, "metrics": [], "segments": []}],
  "decisions": []}]]

-- What `hpo table` shows of one study, or of several with a view of them: text, CSV.
local function shown(studies, view)
  return tables.studies('{"studies": [' .. studies .. "]" .. (view and ", " .. view or "") .. "}")
end

t.test("a study as text", function()
  t.equal((shown(study)), [[
trial  bs          lr  opt  eval loss  wall time  t  status
    0   4  0.00123457  a,b        3.5      1.2 s  1  stopped
    1   8     1.2e-05  ü          2.5      3.8 s  2  completed
    2   8           1  –            –      0.0 s  0  failed

best trial   1
  bs         8
  lr         1.2e-05
  opt        ü
  eval loss  2.5
  at t       1
  wall time  5.0 s
  t          2
]])
end)

t.test("a study as CSV", function()
  t.equal(select(2, shown(study)), [[
trial,bs,lr,opt,eval_loss,runtime_s,t,status
0,4,0.0012345678901,"a,b",3.5,1.25,1,stopped
1,8,1.2e-05,ü,2.5,3.75,2,completed
2,8,1,,,0,0,failed
]])
end)

t.test("what a build draws has a heading", function()
  local function heading(json) return (tables.study(json):match "[^\n]*") end
  t.equal({ tables.study(study) }, { "study asha: best trial 1, t = 1, eval_loss 2.5 (min)\n" .. shown(study), select(2, shown(study)) })
  t.equal(heading(study:gsub('"best": 1', '"best": null')), "study asha: no finite eval_loss (min)")
  t.equal(heading(study:gsub('"best": 1', '"best": 1, "decided": false'):gsub("asha", "a\\n\\u009b")),
    "study a\\n\\u009B: undecided, best so far trial 1, t = 1, eval_loss 2.5 (min)")
end)

t.test("a study that did not come to its end has a best so far", function()
  local text = shown((study:gsub('"best": 1', '"best": 1, "decided": false')))
  t.equal(text:match "\nbest so far +%d\n", "\nbest so far  1\n")
  t.equal(text:find "best trial", nil)
end)

-- A study of trials with these parameters, costs and seconds of their units.
local function timed(trials, costs)
  local list, busy = {}, 0
  for i, trial in ipairs(trials) do
    local segments = {}
    for k, seconds in ipairs(trial.seconds) do segments[k] = ('{"t": %d, "seconds": %g}'):format(k, seconds) end
    busy = busy + #segments
    list[i] = ('{"trial": %d, "params": %s, "status": "completed", "reached": %d, "metrics": [], "segments": [%s]}'):format(
      i - 1, trial.params, #segments, table.concat(segments, ", "))
  end
  return ('{"study": "s", "metric": "m", "mode": "min", "best": 0, "decisions": [], "trials": [%s], "info": {"workers": 2, "time": %g, "busy": %g%s}}'):format(
    table.concat(list, ", "), busy / 2, busy, costs and ', "costs": ' .. costs or "")
end

local function four(a, b)
  return {
    { params = '{"bs": 2, "kind": "x y"}', seconds = { a, a } }, { params = '{"bs": 4, "kind": "z"}', seconds = { b, 9, b } },
    { params = '{"bs": 2, "kind": "z"}', seconds = { a } }, { params = '{"bs": 4, "kind": "x y"}', seconds = { b } },
  }
end
local nothing = ""
local function advice(cost) return "s: a unit's time depends on bs; a clock that knows it keeps workers busy:\n  cost = " .. cost .. "\n" end

t.test("the cost that measured times suggest", function()
  t.equal(tables.effort(timed(four(1, 0.5))), advice "function(p) return ({ [2] = 2, [4] = 1 })[p.bs] end")
  t.equal(tables.effort(timed(four(0.5, 0.7))), advice "function(p) return ({ [2] = 1, [4] = 1.4 })[p.bs] end")
  t.equal(tables.effort(timed(four(0.5, 0.55))), nothing) -- too little
  t.equal(tables.effort(timed(four(0.02, 0.04))), nothing) -- too short to be sure of
  t.equal(tables.effort(timed(four(1, 0.5), "[2, 1, 2, 1]")), nothing) -- it is there
  t.equal(tables.effort(timed(four(1, 0.5), "[1, 2, 1, 2]")), advice "function(p) return ({ [2] = 2, [4] = 1 })[p.bs] end")
  t.equal(tables.effort(timed { { params = '{"lr": 0.1}', seconds = { 1 } }, { params = '{"lr": 0.2}', seconds = { 3 } } }), nothing)
end)

t.test("a study without a finite report says so", function()
  local json = timed(four(0.5, 0.55)):gsub('"best": 0', '"best": null')
  t.equal(tables.effort(json), "s: no trial reported a finite m, so there is no best\n")
end)

t.test("words and names in a cost", function()
  local words = { { '{"a b": "x\\"y"}', 3 }, { '{"a b": "x\\"y"}', 3 }, { '{"a b": true}', 1 }, { '{"a b": true}', 1 } }
  for i, word in ipairs(words) do words[i] = { params = word[1], seconds = { word[2] } } end
  local text = tables.effort(timed(words))
  local cost = load(text:match "cost = (.*)\n" and "return " .. text:match "cost = (.*)\n")()
  t.equal({ cost { ["a b"] = 'x"y' }, cost { ["a b"] = true } }, { 3, 1 })
end)

t.test("what was reused", function()
  local segments = [[{"t": 1, "key": "a", "cached": true, "seconds": 90}, {"t": 2, "key": "b", "cached": false, "seconds": 30}]]
  local trial = '{"trial": %d, "params": {}, "status": "completed", "reached": 2, "metrics": [], "segments": [' .. segments .. "]}"
  t.equal(tables.effort('{"study": "s", "trials": [' .. trial:format(0) .. ", " .. trial:format(1) .. "]}"),
    "s: 3 of its 4 units were reused, not trained: 3.5 min\n") -- b of trial 1 is b of trial 0
end)

t.test("a study without a best trial", function()
  local empty = [[{"study": "s", "metric": "m", "mode": "max", "best_of": "last", "best": null, "trials": [], "decisions": []}]]
  t.equal((shown(empty)), "trial  m  wall time  t  status\n\nbest trial  –\n")
  t.equal(select(2, shown(empty)), "trial,m,runtime_s,t,status\n")
end)

-- A study of one completed trial; fields are put over those of the table and the trial.
local function one(params, fields, trial_fields)
  local trial = { trial = 0, params = params, status = "completed", reached = 2, judged_by = { t = 2, value = 0.5 }, metrics = {}, segments = {} }
  local study = { study = "s", metric = "loss", mode = "min", best_of = "last", best = 0, trials = { trial }, decisions = {} }
  for name, value in pairs(fields or {}) do study[name] = value end
  for name, value in pairs(trial_fields or {}) do trial[name] = value end
  return core.encode(study)
end

t.test("best of any report: its value, its t, the parameters it was trained with", function()
  local text, csv = shown(one({ lr = 0.2 }, { best_of = "any" }, { judged_by = { t = 1, value = 0.25, params = { lr = 0.1 } } }))
  t.equal(csv, "trial,lr,loss,at_t,runtime_s,t,status\n0,0.1,0.25,1,0,2,completed\n")
  t.equal(text, [[
trial   lr  loss  at t  wall time  t  status
    0  0.1  0.25     1      0.0 s  2  completed

best trial   0
  lr         0.1
  loss       0.25
  at t       1
  wall time  0.0 s
  t          2
]])
end)

t.test("no two columns have one name", function()
  local function heads(params, metric)
    local text, csv = shown(one(params, { metric = metric }))
    return { csv:match "[^\n]*", (text:match "[^\n]*":gsub("  +", ",")) }
  end
  t.equal(heads({ epochs = 10, runtime = 2, ["eval loss"] = 3, trial = 4 }, "eval_loss"),
    { "trial,epochs,params.eval loss,runtime,params.trial,eval_loss,runtime_s,t,status",
      "trial,epochs,params.eval loss,runtime,params.trial,eval loss,wall time,t,status" })
  t.equal(heads({ status = 1, ["params.status"] = 2, metric = 3 }, "status"),
    { "trial,params.metric,params.status,params.params.status,metric,runtime_s,t,status",
      "trial,params.metric,params.status,params.params.status,metric,wall time,t,status" })
  t.equal((tables.compare '{"rows": [{"run": "a", "EM": 0.5, "epochs": 2}]}'):match "^[^\n]*",
    "run type  metric EM  epochs  best params  t  wall time  slots  worker minutes  ratio")
end)

t.test("options that are tables of names are shown with them", function()
  local run = [[{"run": "%s", "scheduler": {"name": "%s", "options": {"mutations": {"lr": [1, 2]}, "none": {}}}, "decided": true}]]
  local text = require "hpo.simulation"(('{"metric": "loss", "runs": [%s, %s]}'):format(run:format("as it is", "pbt"), run:format("instead", "own")))
  t.equal(text:match "pbt mutations=%b{} none= ", 'pbt mutations={"lr": [1, 2]} none= ')
end)

t.test("long values are cut for the eye, and whole for programs", function()
  local long = ("wörd "):rep(20000)
  local text, csv = shown(one { prompt = long, say = "a\nb\27[2J" })
  t.equal(text:match "wörd.-…", ("wörd "):rep(12):sub(1, -2) .. "…")
  t.equal({ #text < 1000, text:find("a\\nb\\u001B[2J", 1, true) ~= nil, text:find "\27" }, { true, true })
  t.equal(csv:match "0,([^,]*)", long)
  t.equal((shown(one { prompt = ("w"):rep(60) })):match "www+", ("w"):rep(60))
end)

t.test("a table that does not say by what a trial is judged is refused, not shown without its values", function()
  t.fails(function() shown((one({ x = 1 }):gsub('"best_of": "last", ', ""))) end, "table", "an older hpo wrote it", "hpo build RECIPE")
end)

local rows = [[{"rows": [
  {"run": "manual", "eval_loss": 2.123456789, "exact_match": 55.5, "f1": 60.123, "params": {"lr": 0.001, "bs": 4},
   "t": 5, "runtime_s": 12.34, "slots": 2, "minutes": 0.4113, "ratio": 1},
  {"run": "as \"ha\"", "eval_loss": null, "params": {}, "t": 0}]}]]

t.test("a comparison as text", function()
  t.equal((tables.compare(rows)), [[
run type  eval loss     EM     F1  best params    t  wall time  slots  worker minutes  ratio
manual      2.12346  55.50  60.12  bs=4 lr=0.001  5     12.3 s      2            0.41   1.00
as "ha"           –      –      –  –              0          –      –               –      –
]])
end)

t.test("a comparison as CSV", function()
  t.equal(select(2, tables.compare(rows)), [[
run,eval_loss,exact_match,f1,params,t,runtime_s,slots,minutes,ratio
manual,2.123456789,55.5,60.123,bs=4 lr=0.001,5,12.34,2,0.4113,1
"as ""ha""",,,,,0,,,,
]])
end)

t.test("a comparison of studies with a metric of their own", function()
  t.equal(select(2, tables.compare('{"rows": [{"run": "a", "accuracy": 0.5}]}')),
    "run,accuracy,params,t,runtime_s,slots,minutes,ratio\na,0.5,,,,,,\n")
end)

t.test("EM and F1 are columns where some row answers questions, and only there", function()
  local function heads(row)
    local text, csv = tables.compare('{"rows": [{"run": "a", "loss": 0.5}, {"run": "b", "loss": 0.5' .. row .. "}]}")
    return { text:match "[^\n]*", csv:match "[^\n]*" }
  end
  t.equal(heads ', "exact_match": null, "f1": null',
    { "run type  loss  best params  t  wall time  slots  worker minutes  ratio", "run,loss,params,t,runtime_s,slots,minutes,ratio" })
  t.equal(heads ', "f1": 0',
    { "run type  loss  EM    F1  best params  t  wall time  slots  worker minutes  ratio", "run,loss,exact_match,f1,params,t,runtime_s,slots,minutes,ratio" })
end)

os.exit(t.finish())
