-- The columns of studies' tables: every metric that was reported, one name for one thing, several studies in one CSV.

package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua"
local t = require "harness"
local studies = require "studies"

local function csv(list, view) return select(2, studies.shown(list, view)) end
local function head(list) return csv(list):match "[^\n]*" end

t.test("metrics beside the study's own: of the report by which a trial is judged", function()
  local list = {
    { { lr = 1 }, { 1, 5, others = { acc = 0.1, zeal = 7 } }, { 2, 4, others = { acc = 0.25, b_c = 3 } } },
    { { lr = 2 }, { 1, 3, others = { acc = 0.5 } }, { 2, nil, others = { acc = 0.75 } } },
    { { lr = 3 }, { 1, nil, others = { acc = 0.9 } } },
  }
  local one = studies.new("s", list, { best = 1 })
  t.equal(csv { one }, "trial,lr,loss,acc,b_c,zeal,runtime_s,t,status\n0,1,4,0.25,3,,0,2,completed\n1,2,3,0.5,,,0,2,completed\n2,3,,,,,0,1,completed\n")
  t.equal((studies.shown { one }), [[
trial  lr  loss   acc  b c  zeal  wall time  t  status
    0   1     4  0.25    3     –      0.0 s  2  completed
    1   2     3   0.5    –     –      0.0 s  2  completed
    2   3     –     –    –     –      0.0 s  1  completed

best trial   1
  lr         2
  loss       3
  acc        0.5
  b c        –
  zeal       –
  at t       1
  wall time  0.0 s
  t          2
]])
end)

t.test("after an exploit a t comes twice", function()
  local list = { { { lr = 1 }, { 1, 5, others = { acc = 1 } }, { 2, 4, others = { acc = 2 } }, { 1, 5, others = { acc = 3 } }, { 2, 4, others = { acc = 4 } } } }
  t.equal(csv { studies.new("s", list) }:match "\n0,1,4,(%d)", "4")
  t.equal(csv { studies.new("s", list, { best_of = "any" }) }:match "\n0,1,4,(%d)", "2")
end)

t.test("a metric gives way to our columns, to the study's own and to parameters", function()
  local others = { acc = 1, status = 2, lr = 3, runtime = 4, ["metric.lr"] = 5, ["b c"] = 6, b_c = 7 }
  t.equal(head { studies.new("s", { { { acc = 1, lr = 2 }, { 1, 3, others = others } } }) },
    "trial,acc,lr,loss,metric.acc,b c,metric.b_c,metric.lr,metric.metric.lr,runtime,metric.status,runtime_s,t,status")
end)

local a = studies.new("a", { { { lr = 1 }, { 1, 5, others = { acc = 0.5 } } }, { { lr = 2 }, { 1, 4 } } }, { best = 1 })
local b = studies.new("b", { { { loss = "x", study = 1 }, { 2, 9, others = { Acc = 1 } } } }, { metric = "acc", mode = "max", best_of = "any" })

t.test("several studies as text: a heading each, and their own columns under the names of all", function()
  t.equal((studies.shown { a, b }), [[
study a: best trial 1, t = 1, loss 4 (min)
trial  lr  loss  acc  wall time  t  status
    0   1     5  0.5      0.0 s  1  completed
    1   2     4    –      0.0 s  1  completed

best trial   1
  lr         2
  loss       4
  acc        –
  wall time  0.0 s
  t          1

study b: best trial 0, t = 2, acc 9 (max)
trial  params.loss  params.study  acc  Acc  at t  wall time  t  status
    0  x                       1    9    1     2      0.0 s  2  completed

best trial      0
  params.loss   x
  params.study  1
  acc           9
  Acc           1
  wall time     0.0 s
  t             2
]])
end)

t.test("several studies as one CSV", function()
  t.equal(csv { a, b }, [[
study,trial,params.loss,lr,params.study,loss,acc,Acc,at_t,runtime_s,t,status
a,0,,1,,5,0.5,,1,0,1,completed
a,1,,2,,4,,,1,0,1,completed
b,0,x,,1,,9,1,2,0,2,completed
]])
end)

t.test("a study's own metric stands in front of its others", function()
  local text = studies.shown { a, studies.new("c", { { {}, { 1, 9, others = { loss = 1 } } } }, { metric = "zeal" }) }
  t.equal(text:match "trial  zeal  loss ", "trial  zeal  loss ")
end)

t.test("one study has no heading, and no column of its name", function()
  t.equal({ studies.shown { a }:match "^%a+", csv { a }:match "^%a+" }, { "trial", "trial" })
end)

os.exit(t.finish())
