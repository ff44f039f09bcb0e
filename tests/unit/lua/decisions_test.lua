-- decisions: what a scheduler may answer, and what becomes of its exploits once none is obeyed.

package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua"
local t = require "harness"
local decisions = require "hpo.decisions"

t.test("a word is about the trial that reported", function()
  t.equal(decisions("f", 3, "stop", "late", true), { { trial = 3, decision = "stop", why = "late" } })
  t.fails(function() decisions("f", 3, "halt", nil, true) end, "f", 'found "halt"')
  t.fails(function() decisions("f", 3, 5, nil, true) end, "f", "a list of decisions, found 5")
  t.fails(function() decisions("f", 3, {}, nil, true) end, "f", "at least one element")
  t.equal(decisions("f", nil, {}, nil, true), {})
end)

t.test("a list is checked field by field", function()
  t.equal(decisions("f", 3, { { trial = 1, decision = "exploit", parent = 2, params = { b = 1, a = 2 } } }, nil, true),
    { { trial = 1, decision = "exploit", parent = 2, params = '{"a": 2, "b": 1}' } })
  t.fails(function() decisions("f", 3, { { trial = 1, decision = "halt" } }, nil, true) end, "f[1].decision", 'found "halt"')
  t.fails(function() decisions("f", 3, { { trial = 1 } }, nil, true) end, "f[1].decision", "expected a decision")
  t.fails(function() decisions("f", 3, { { decision = "stop" } }, nil, true) end, "f[1].trial", "expected a trial's number")
end)

t.test("without exploits a trial goes on as it is, and what else is decided stands", function()
  local exploit, pause = { trial = 3, decision = "exploit", parent = 2 }, { trial = 3, decision = "pause" }
  local other, let_go = { trial = 4, decision = "exploit", parent = 2 }, { trial = 5, decision = "continue" }
  local function left(trial, list)
    local words = {}
    for i, d in ipairs(decisions("f", trial, list, nil, false)) do words[i] = d.trial .. " " .. d.decision end
    return table.concat(words, ", ")
  end
  t.equal(left(3, { exploit }), "3 continue")
  t.equal(left(3, { exploit, pause, let_go }), "3 pause, 5 continue")
  t.equal(left(3, { exploit, other, let_go }), "3 continue, 5 continue")
  t.equal(left(nil, { other, let_go }), "5 continue")
end)

os.exit(t.finish())
