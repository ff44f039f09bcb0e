-- docs/recipes.md, docs/scripts.md, docs/search.md: every example that begins with require is read; the methods of one's own work.

package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua"
local t = require "harness"
local clock = require "clock"
local core = require "hpo.core"
local hpo = require "hpo"

local examples = {}
for _, name in ipairs { "recipes", "scripts", "search" } do
  local file = assert(io.open(t.root .. "/docs/" .. name .. ".md"))
  for code in file:read("a"):gmatch "```lua\n(local hpo = require.-)```" do examples[#examples + 1] = code end
  file:close()
end

-- The example whose code has the word, read: its targets and its study.
local function read(word)
  for _, code in ipairs(examples) do
    if code:find(word, 1, true) then
      core.nodes = {}
      local targets = hpo.targets(assert(load(code, "=example"))())
      for _, node in ipairs(core.nodes) do
        if node.node_kind == "study" then return targets, node end
      end
      return targets
    end
  end
  error("no example with " .. word)
end

t.test("every example can be read", function()
  t.equal(#examples, 7)
  for _, code in ipairs(examples) do hpo.targets(assert(load(code, "=example"))()) end
end)

t.test("the commands", function()
  t.equal(core.node(read("sorted.txt")[1].node).run, { "sort", "-u", "words.txt", "-o", "sorted.txt" })
  local targets = read "old.csv"
  t.equal({ targets[1].name, targets[1].path, targets[2].name, targets[2].path }, { "default", nil, "lines", "lines" })
end)

-- A loss whose smallest value is at lr = 0.01.
local function loss(study)
  return function(trial, at)
    local lr = core.decode(study.suggested[trial]).lr
    return math.abs(math.log(lr / 0.01)) + 1 / at
  end
end

local function run(study)
  study.suggested = {}
  local suggest = study.suggest
  study.suggest = function(n)
    study.suggested[n] = suggest(n)
    return study.suggested[n]
  end
  return clock.run(study, loss(study))
end

t.test("the searcher of one's own comes nearer, and the same again", function()
  local _, study = read "nearby"
  t.equal(study.custom, true)
  local _, reached, trials = run(study)
  t.equal(reached, { 3, 3, 3, 3, 3, 3, 3, 3 })
  local first, last = trials[1].params, trials[8].params
  local function distance(params) return math.abs(math.log(core.decode(params).lr / 0.01)) end
  assert(distance(last) < distance(first), first .. " then " .. last)
  local _, again = read "nearby"
  local _, _, second = run(again)
  for i = 1, 8 do t.equal(second[i].params, trials[i].params) end
end)

t.test("the scheduler of one's own ends what does not improve", function()
  local _, study = read "patience"
  local curves = { [0] = { 3, 2, 2, 2 }, { 5, 4, 3, 2, 1 } }
  local _, reached = clock.run(study, function(trial, at) return (curves[trial] or {})[at] or 9.0 end)
  t.equal(reached, { 4, 7, 3, 3, 3, 3, 3, 3 })
end)

os.exit(t.finish())
