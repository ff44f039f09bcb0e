-- clock: runs a study's calls under the virtual clock of the engine, one process, no training.

local clock = {}
local over = { stop = true, complete = true, drop = true }

-- spec: what core.study was given; curve(trial, t) → value. Returns the decisions { trial, t, decision }
-- in their order and the last t of each trial. Trials may pause; exploits are not simulated.
function clock.run(spec, curve)
  local trials, events, running, now, exhausted = {}, {}, {}, 0, false

  local function occupy(trial)
    trial.status, trial.start, trial.start_t = "running", now, trial.t
    running[#running + 1] = trial
  end

  local function fill()
    while #running < spec.concurrency do
      local trial
      for _, other in ipairs(trials) do
        if other.status == "released" then trial = trial or other end
      end
      if not trial and not exhausted and #trials < spec.samples then
        local params = spec.suggest(#trials)
        exhausted = params == nil
        if params then
          trial = { number = #trials, params = params, t = 0, cost = spec.cost(params) }
          trials[#trials + 1] = trial
          spec.start(trial.number, params)
        end
      end
      if not trial then return end
      occupy(trial)
    end
  end

  local function due(trial) return trial.start + (trial.t + 1 - trial.start_t) * trial.cost end

  local function take_next()
    local first
    for i, trial in ipairs(running) do
      local other = running[first]
      if not other or due(trial) < due(other) or due(trial) == due(other) and trial.number < other.number then
        first = i
      end
    end
    return table.remove(running, first)
  end

  -- What is decided about others than the trial of this number; its own decision is returned.
  local function decide(number, decisions)
    local own
    for _, d in ipairs(decisions) do
      if d.trial == number then
        own = own or d.decision
      elseif d.decision == "continue" then
        trials[d.trial + 1].status = "released"
      elseif over[d.decision] then
        trials[d.trial + 1].status = "ended"
      end
    end
    return own
  end

  spec.open()
  fill()
  while true do
    if #running == 0 then
      decide(-1, spec.idle())
      spec.observe(-1, 0, 0)
      fill()
    end
    if #running == 0 then break end
    local trial = take_next()
    now = due(trial)
    trial.t = trial.t + 1
    local value = curve(trial.number, trial.t)
    local own = decide(trial.number, spec.report(trial.number, trial.t, value))
    spec.observe(trial.number, trial.t, value)
    if trial.t >= spec.max_t or own == "complete" then own = "stop" end
    events[#events + 1] = { trial.number, trial.t, own }
    if own == "continue" then
      assert(spec.until_t(trial.number, trial.t) > trial.t)
      running[#running + 1] = trial
    else
      trial.status = own == "pause" and "paused" or "ended"
    end
    fill()
  end

  local reached = {}
  for i, trial in ipairs(trials) do reached[i] = trial.t end
  return events, reached, trials
end

return clock
