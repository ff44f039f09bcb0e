-- promotion: ASHA as its paper has it (Li et al. 2020, algorithm 2): a trial pauses at each rung; a free worker
-- takes the best paused trial of the highest rung that is among the best 1/reduction_factor there, else a
-- new trial. A start that was only lucky costs one rung; who was slow at first may still be promoted.

local open_rungs = require "hpo.scheduler.parts.rungs"

-- The better one first; of equals the one that began earlier. Reports without a number are not listed.
local function insert(list, entry)
  local low, high = 1, #list + 1
  while low < high do
    local middle = (low + high) // 2
    local other = list[middle]
    if other.reward > entry.reward or other.reward == entry.reward and other.trial < entry.trial then
      low = middle + 1
    else
      high = middle
    end
  end
  table.insert(list, low, entry)
end

return function(o, study)
  local sign = study.mode == "max" and 1 or -1
  local rungs, ladders, busy = open_rungs(o, study), {}, {}
  local scheduler = { max_t = o.max_t, passes = 1 / o.reduction_factor }
  local n_busy = 0

  local function occupy(trial) busy[trial], n_busy = true, n_busy + 1 end

  local function leave(trial)
    if busy[trial] then busy[trial], n_busy = nil, n_busy - 1 end
  end

  function scheduler:start(trial)
    rungs:start(trial)
    occupy(trial)
    local ladder = rungs:of(trial)
    if not ladder.known then ladders[#ladders + 1] = ladder end
    ladder.known = true
  end

  -- The best of those at a rung that may go on and has not yet.
  local function promotable(rung)
    for place = 1, #(rung.entries or {}) // o.reduction_factor do
      local entry = rung.entries[place]
      if not entry.promoted then return entry, place end
    end
  end

  -- Who goes on while workers are free, from the highest rung down.
  local function promote(answer)
    for _, ladder in ipairs(ladders) do
      for _, rung in ipairs(ladder) do
        while n_busy < study.concurrency do
          local entry, place = promotable(rung)
          if not entry then break end
          entry.promoted = true
          occupy(entry.trial)
          answer[#answer + 1] = { trial = entry.trial, decision = "continue",
            why = ("rank %d of %d at rung %d, of which the best %d go on"):format(
              place, #rung.entries, rung.number, #rung.entries // o.reduction_factor) }
        end
      end
    end
    return answer
  end

  function scheduler:report(trial, t, value)
    if t >= o.max_t then
      leave(trial)
      return promote { { trial = trial, decision = "stop" } }
    end
    for _, rung in ipairs(rungs:of(trial)) do
      rung.seen = rung.seen or {}
      if t >= rung.milestone and not rung.seen[trial] then
        rung.seen[trial], rung.entries = true, rung.entries or {}
        if value == value then insert(rung.entries, { trial = trial, reward = sign * value }) end
        leave(trial)
        return promote { { trial = trial, decision = "pause", why = ("it waits at rung %d"):format(rung.number) } }
      end
    end
    return "continue"
  end

  function scheduler:finish(trial)
    leave(trial)
    return promote {}
  end

  function scheduler:idle() return promote {} end
  scheduler["until"] = function(_, trial, t) return rungs:beyond(trial, t) end
  return scheduler
end
