-- Which rows of a table are shown, and in which order.

package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua"
local t = require "harness"
local studies = require "studies"

local list = {
  { { lr = 3, kind = "b" }, { 1, 5, others = { acc = 0.5 } }, { 2, 4, others = { acc = 0.5 } } },
  { { lr = 1, kind = "a" }, { 1, 3, others = { acc = 0.75 } } },
  { { lr = 2, kind = "b" }, { 1, nil } },
  { { lr = 1 }, { 1, 4 }, { 2, 4 }, { 3, 4 } },
  { { lr = 10, kind = true }, { 1, 2, others = { acc = 0.5 } } },
}

-- The trials that are shown, as "4 1 0".
local function rows(sort, top, fields)
  local _, csv = studies.shown({ studies.new("s", list, fields) }, { sort = sort, top = top })
  local numbers = {}
  for number in csv:gmatch "\n(%d+)," do numbers[#numbers + 1] = number end
  return table.concat(numbers, " ")
end

t.test("as they began, where nothing is asked", function() t.equal(rows(), "0 1 2 3 4") end)

t.test("by the study's metric the best first, what has none last, equals by trial", function()
  t.equal(rows "loss", "4 1 0 3 2")
  t.equal(rows "-loss", "0 3 1 4 2")
  t.equal(rows("loss", nil, { mode = "max" }), "0 3 1 4 2")
  t.equal(rows("-loss", nil, { mode = "max" }), "4 1 0 3 2")
end)

t.test("by anything else the least first", function()
  t.equal(rows "acc", "0 4 1 2 3")
  t.equal(rows "-acc", "1 0 4 2 3")
  t.equal(rows("acc", nil, { mode = "max" }), "0 4 1 2 3")
  t.equal(rows "lr", "1 3 2 0 4")
  t.equal(rows "at_t", "1 4 0 3 2")
  t.equal(rows "-trial", "4 3 2 1 0")
  t.equal(rows "trial", "0 1 2 3 4")
  t.equal(rows "t", "1 2 4 0 3")
end)

t.test("values of several kinds: numbers, then true and false, then texts", function()
  t.equal(rows "kind", "4 1 0 2 3")
  t.equal(rows "-kind", "0 2 1 4 3")
end)

t.test("the first of them", function()
  t.equal(rows(nil, 2), "4 1")
  t.equal(rows(nil, 2, { mode = "max" }), "0 3")
  t.equal(rows("lr", 3), "1 3 2")
  t.equal(rows(nil, 99), "4 1 0 3 2")
end)

t.test("of several studies each by itself, and its best stays that of all trials", function()
  local a, b = studies.new("a", list, { best = 4 }), studies.new("b", { { { x = 1 }, { 1, 7 } }, { { x = 2 }, { 1, 8 } } }, { metric = "v" })
  local text, csv = studies.shown({ a, b }, { top = 1, sort = "lr" })
  t.equal(csv:gsub("[^\n]*\n", "", 1):gsub("(%a,%d)[^\n]*", "%1"), "a,1\nb,0\n")
  t.equal(text:match "study a: best trial (%d)", "4")
end)

t.test("no such column", function()
  local function refused(sort, hint)
    t.fails(function() rows(sort) end, "--sort", 'there is no column "' .. sort:gsub("^-", "") .. '"', hint)
  end
  refused("los", 'did you mean "loss"?')
  refused("-ac", 'did you mean "acc"?')
  refused("everything", "there are: acc, at_t, kind, loss, lr, runtime_s, status, t, trial")
end)

os.exit(t.finish())
