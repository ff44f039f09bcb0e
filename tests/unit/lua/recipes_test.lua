-- The shipped recipes, read with every profile.

package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua"
local t = require "harness"
local core = require "hpo.core"
local hpo = require "hpo"

package.path = package.path .. ";" .. t.root .. "/recipes/?.lua"

-- The targets of a recipe, its study, and the graph's nodes by kind.
local function read(recipe, sets)
  core.nodes, core.sets, package.loaded.profiles = {}, sets or {}, nil
  local targets = hpo.targets(dofile(t.root .. "/recipes/" .. recipe .. ".lua"))
  local study
  for _, node in ipairs(core.nodes) do study = node.node_kind == "study" and node or study end
  study.open()
  return targets, study
end

local function names(targets)
  local list = {}
  for i, target in ipairs(targets) do list[i] = target.name end
  return table.concat(list, " ")
end

local function argument(run, flag)
  for i, word in ipairs(run) do
    if word == flag then return run[i + 1] end
  end
end

t.test("asha, mini", function()
  local targets, study = read "asha"
  t.equal(names(targets), "best default scores trials")
  t.equal({ study.samples, study.concurrency, study.max_t, study.name }, { 12, 4, 5, "asha" })
  local template = core.node(study.trial(study.suggest(0)))
  t.equal(argument(template.run, "--epochs"), "5")
  t.equal({ template.node_kind, template.name }, { "action", nil })
end)

t.test("asha: more samples, a shorter or longer search keep what was drawn", function()
  local _, twelve = read "asha"
  local _, twenty = read("asha", { samples = 20 })
  local _, short = read("asha", { max_t = 3 })
  t.equal(twenty.suggest(11), twelve.suggest(11))
  t.equal(twenty.identity, twelve.identity)
  t.equal(short.suggest(3), twelve.suggest(3))
  t.equal(core.node(short.trial(short.suggest(3))).run, core.node(short.trial(twelve.suggest(3))).run)
end)

t.test("manual: the original's grid", function()
  core.folders["bigscience/bloomz-560m"] = "/models/bloomz"
  local targets, study = read("manual", { profile = "original" })
  t.equal(names(targets), "best default scores trials")
  t.equal({ study.samples, study.concurrency, study.max_t }, { 12, 1, 5 })
  t.equal({ study.suggest(0), study.suggest(11) },
    { '{"bs": 1, "lr": 1e-05, "wd": 0}', '{"bs": 2, "lr": 5e-06, "wd": 0.01}' })
  core.folders["bigscience/bloomz-560m"] = nil
end)

t.test("original needs a folder, squad and mini make their model", function()
  t.fails(function() read("asha", { profile = "original" }) end, "hpo.model", "there is no folder", "--set model=FOLDER")
  core.folders.bloom = "/models/bloom"
  for _, profile in ipairs { "mini", "squad", "original" } do
    local _, study = read("asha", { profile = profile, model = "bloom" })
    t.equal(study.samples, 12)
  end
  local _, study = read("manual", { profile = "squad" })
  t.equal(study.max_t, 5)
  local ok, message = pcall(read, "asha", { profile = "maxi" })
  t.equal({ ok, tostring(message):find('found "maxi"', 1, true) ~= nil }, { false, true })
end)

os.exit(t.finish())
