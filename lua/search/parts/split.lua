-- split: which trials TPE takes for good ones ("below") and which not ("above"), as Optuna 5 does.
--
-- Ranked are trials that ended: first those that were trained to their end, by their last value; then
-- those that a scheduler stopped, the longest first, a report without a number last. Good are the
-- first gamma(n) = min(⌈n/10⌉, 25) of n. The others are not, and neither are, unranked, running ones
-- (constant_liar) and those that failed or ended without a number. A mixture holds the trials that
-- have its parameters.

local axes = require "hpo.search.parts.axes"
local core = require "hpo.core"

local split = {}

local function gamma(n) return math.min(math.ceil(0.1 * n), 25) end

local function better(a, b)
  if a.stopped ~= b.stopped then return b.stopped end
  if a.stopped and a.t ~= b.t then return a.t > b.t end
  if a.loss ~= b.loss then return a.loss < b.loss end
  return a.number < b.number
end

local function insert(ranked, trial)
  local low, high = 1, #ranked + 1
  while low < high do
    local middle = (low + high) // 2
    if better(ranked[middle], trial) then low = middle + 1 else high = middle end
  end
  table.insert(ranked, low, trial)
end

-- A pair of mixtures for each list of axes, and the trials in them. It is told what a searcher is told.
function split.new(o, lists)
  local model, trials, ranked, good = {}, {}, {}, {}
  for i, list in ipairs(lists) do
    model[i] = { axes = list, below = core.parzen(list, o.prior_weight), above = core.parzen(list, o.prior_weight) }
  end

  local function move(trial, part)
    if trial.part == part then return end
    for i, pair in ipairs(model) do
      if trial.part then pair[trial.part]:remove(trial.number) end
      if part and trial.x[i] then pair[part]:add(trial.number, trial.x[i]) end
    end
    trial.part = part
  end

  function model:start(number, params)
    local trial = trials[number] or { number = number, t = 0, loss = math.huge }
    move(trial, nil)
    trials[number], trial.x = trial, {}
    for i, pair in ipairs(model) do trial.x[i] = axes.coordinates(pair.axes, params) end
    if o.constant_liar then move(trial, "above") end
  end

  function model:observe(number, t, loss)
    local trial = trials[number]
    trial.t, trial.counts, trial.loss = t, loss == loss, loss == loss and loss or math.huge
  end

  function model:finish(number, status)
    local trial = trials[number]
    trial.stopped = status == "stopped"
    move(trial, "above")
    if trial.stopped or trial.counts then insert(ranked, trial) end
  end

  -- Puts the trials where they belong by now, and says how many were ranked.
  function model:divide()
    local before = good
    good = table.move(ranked, 1, gamma(#ranked), 1, {})
    for _, trial in ipairs(before) do trial.good = false end
    for _, trial in ipairs(good) do trial.good = true end
    for _, trial in ipairs(before) do move(trial, trial.good and "below" or "above") end
    for _, trial in ipairs(good) do move(trial, "below") end
    return #ranked
  end

  return model
end

return split
