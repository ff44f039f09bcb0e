-- studies: made-up tables of studies, as `hpo table --json` has them, for tests of what is drawn.

local core = require "hpo.core"

local studies = {}

-- list: a trial each, { params, { t, value, others = { name = number } }... }: what it reported of "loss".
function studies.new(name, list, fields)
  local study = { study = name, metric = "loss", mode = "min", best_of = "last", best = 0, trials = {}, decisions = core.null }
  for field, value in pairs(fields or {}) do study[field] = value end
  for i, given in ipairs(list) do
    local trial = { trial = i - 1, params = given[1], status = "completed", reached = 0, metrics = {}, segments = {} }
    for r = 2, #given do
      local t, value = given[r][1], given[r][2]
      trial.metrics[r - 1] = { t = t, [study.metric] = value }
      for other, x in pairs(given[r].others or {}) do trial.metrics[r - 1][other] = x end
      trial.reached = t
      local chosen = trial.judged_by
      local better = chosen and value and (study.mode == "max") == (value > chosen.value) and value ~= chosen.value
      if value and (not chosen or study.best_of == "last" or better) then trial.judged_by = { t = t, value = value } end
    end
    study.trials[i] = trial
  end
  return (core.encode(study):gsub('"metrics": {}', '"metrics": []'):gsub('"segments": {}', '"segments": []'))
end

-- What `hpo table` shows of several, with a view of them, { sort = , top = }: text, CSV.
function studies.shown(list, view)
  local words = { '"studies": [' .. table.concat(list, ", ") .. "]" }
  for _, name in ipairs { "sort", "top" } do
    if view and view[name] then words[#words + 1] = ('"%s": %s'):format(name, core.encode(view[name])) end
  end
  return require "hpo.table".studies("{" .. table.concat(words, ", ") .. "}")
end

return studies
