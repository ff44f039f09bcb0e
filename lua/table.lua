-- table: what people see of studies and of a comparison, drawn from the JSON that programs get.

local core = require "hpo.core"
local columns = require "hpo.columns"
local comparison = require "hpo.comparison"
local diff = require "hpo.diff"
local effort = require "hpo.effort"
local order = require "hpo.order"
local simulation = require "hpo.simulation"
local trials = require "hpo.trials"

local tables = {}

local function best_of(study)
  for _, trial in ipairs(study.trials) do
    if trial.trial == study.best then return trial end
  end
end

-- A study that did not come to its end has no best trial yet: only one that is the best so far.
local function best_words(study) return study.decided == false and "best so far" or "best trial" end

-- "study asha: best trial 7, t = 5, eval_loss 1.234 (min)"
local function heading(study)
  local best = best_of(study)
  local outcome = "no finite " .. study.metric
  if best then
    local words = study.decided == false and "undecided, best so far trial" or "best trial"
    outcome = ("%s %d, t = %d, %s %s"):format(words, best.trial, trials.judged_t(best), study.metric, columns.for_eyes(trials.value(best)))
  end
  return columns.line(("study %s: %s (%s)"):format(study.study, outcome, study.mode)) .. "\n"
end

-- The best trial, a line a fact.
local function best_block(study, found)
  local best = best_of(study)
  if not best then return "\n" .. best_words(study) .. "  –\n" end
  local facts = { { best_words(study), best.trial } }
  local function add(list)
    for _, column in ipairs(list) do facts[#facts + 1] = { "  " .. column.title, column.value(best) } end
  end
  local total = 0
  for _, trial in ipairs(study.trials) do total = total + trials.runtime(trial) end
  add(found.params)
  add(found.metrics)
  if trials.judged_t(best) ~= best.reached then facts[#facts + 1] = { "  at t", trials.judged_t(best) } end
  facts[#facts + 1] = { "  wall time", trials.seconds(study.seconds or total) }
  facts[#facts + 1] = { "  t", best.reached }
  local widest, lines = 0, { "\n" }
  for _, fact in ipairs(facts) do
    fact[1] = columns.cut(fact[1])
    widest = math.max(widest, columns.width(fact[1]))
  end
  for _, fact in ipairs(facts) do
    local gap = (" "):rep(widest - columns.width(fact[1]) + 2)
    lines[#lines + 1] = fact[1] .. gap .. (columns.for_eyes(fact[2]) or "–") .. "\n"
  end
  return table.concat(lines)
end

-- A table of some of its trials, and what there is to say of all.
local function text_of(study, list, found, rows)
  local lines = effort(study)
  table.insert(lines, 1, columns.text(list, rows) .. best_block(study, found))
  if #lines > 1 then lines[#lines + 1] = "" end
  return table.concat(lines, "\n")
end

-- studies: the objects of `hpo table --json`; view: { sort =, top =, headed = } → text, CSV.
local function draw(studies, view)
  for _, study in ipairs(studies) do
    if not study.best_of then
      core.fail("table", "an older hpo wrote it, and does not say by which report a trial is judged", "hpo build RECIPE draws it anew, and runs nothing that is known")
    end
    trials.open(study)
  end
  local columns_of = trials.columns(studies)
  local all = columns_of()
  local rows_of, texts, rows = order(all, view), {}, {}
  for i, study in ipairs(studies) do
    local list, found = columns_of(study)
    local shown = rows_of(study)
    texts[i] = (view.headed and heading(study) or "") .. text_of(study, list, found, shown)
    table.move(shown, 1, #shown, #rows + 1, rows)
  end
  return table.concat(texts, "\n"), columns.csv(all, rows)
end

-- What a build draws of a study.
function tables.study(json) return draw({ core.decode(json) }, { headed = true }) end

-- What `hpo table` shows: { "studies": [...], "sort": , "top": }.
function tables.studies(json)
  local view = core.decode(json)
  view.headed = #view.studies > 1
  return draw(view.studies, view)
end

-- What the end of a build says of a study: a line with its name for each text of effort.lua.
function tables.effort(json)
  local study = core.decode(json)
  local lines = {}
  for i, line in ipairs(effort(study)) do lines[i] = study.study .. ": " .. line .. "\n" end
  return table.concat(lines)
end

tables.compare = comparison
tables.diff = diff
tables.simulation = simulation

return tables
