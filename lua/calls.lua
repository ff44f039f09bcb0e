-- calls: what the engine asks of a study while it runs: numbers and JSON text in, the same out.
--
-- The searcher and the scheduler are made anew by open(), which the engine may call again; between two
-- openings they hear everything in the same order. o are the study's checked fields.

local core = require "hpo.core"
local artifact = require "hpo.artifact"
local check = require "hpo.check"
local json = require "hpo.json"
local method = require "hpo.method"
local space = require "hpo.space"

-- What the searcher gave for trial n, as JSON text, or nil.
local function suggested(field, params, allows)
  if params == nil then return nil end
  return core.encode(space.allowed(space.point(nil), allows)(field, params))
end

-- The scheduler's answer as the engine wants it; a word alone is about the trial that reported.
local function decisions(field, trial, answer, why)
  if trial and type(answer) == "string" then return { { trial = trial, decision = answer, why = why } } end
  if type(answer) ~= "table" then check.expected(field, '"continue", "stop" or a list of decisions', answer) end
  local list = {}
  for i, d in ipairs(check.list(function(_, d) return d end, trial and 1 or 0)(field, answer)) do
    list[i] = check.fields(field .. "[" .. i .. "]", d, {
      trial = { check.whole(0), required = "a trial's number" },
      decision = { check.text, required = "a decision" },
      parent = check.whole(0),
      t = check.whole(1),
      params = json.object,
      why = function(_, value) return value end,
    })
    list[i].params = list[i].params and core.encode(list[i].params)
  end
  return list
end

-- Adds the calls to spec. view is what searcher and scheduler may know of the study.
return function(spec, o, view)
  local searcher, scheduler
  local given, ended -- trial → its parameters as JSON; trial → true
  local answer -- of the scheduler to the present report
  -- Calls come from the engine: where no line of the recipe runs, the study's own is the place.
  local function field(name) return (core.where() == "" and spec.where .. ": " or "") .. "study." .. name end

  function spec.open()
    searcher = method.open(field "search", "suggest", o.search, view)
    scheduler = method.open(field "scheduler", "report", o.scheduler, view)
    given, ended, answer = {}, {}, {}
    return searcher, scheduler
  end
  -- What another study came to is told to the searcher as trials with numbers below 0: those whose
  -- parameters are points of this one's space, without names that it does not have.
  function spec.warm_up(history)
    local past = core.decode(history)
    for i, trial in ipairs(past) do
      local n, given_as = i - 1 - #past, nil
      for _, report in ipairs(trial.reports) do
        local point = space.within(o.space, report.params)
        local text = point and core.encode(point)
        if text and text ~= given_as and searcher.start then searcher:start(n, point) end
        if text and searcher.observe then searcher:observe(n, report.t, report.value or 0 / 0) end
        given_as = text or given_as
      end
      if given_as and searcher.finish then searcher:finish(n, trial.status) end
    end
  end
  function spec.suggest(n)
    return suggested(field "search: suggest", o.first[n + 1] or searcher:suggest(n), view.allows)
  end
  -- Asked before, and answered: our own searchers know that from start and observe alone.
  function spec.replay(n)
    if not method.modules(o.search) and not o.first[n + 1] then return spec.suggest(n) or "null" end
  end
  local function begin(n, params)
    given[n] = params
    if searcher.start then searcher:start(n, core.decode(params)) end
  end
  local function finish(n, status)
    if searcher.finish and given[n] and not ended[n] then searcher:finish(n, status) end
    ended[n] = true
  end
  function spec.start(n, params)
    begin(n, params)
    if scheduler.start then scheduler:start(n, core.decode(params)) end
  end
  -- Tells the searcher what becomes of the present answer.
  local function settle(n, t, how)
    for _, d in ipairs(answer) do
      if d.decision == "exploit" then
        local params = d.params or given[d.parent]
        if params then begin(d.trial, params) end
      elseif d.trial == n and how then
        finish(n, how)
      elseif d.decision == "complete" or d.trial == n and t >= spec.max_t then
        finish(d.trial, "completed")
      elseif d.decision == "stop" or d.decision == "drop" then
        finish(d.trial, "stopped")
      end
    end
    answer = {}
  end
  -- Called after spec.report, and after spec.idle with n = -1.
  function spec.observe(n, t, value, how)
    if n >= 0 and searcher.observe then searcher:observe(n, t, value) end
    settle(n, t, how)
  end
  -- `how` the trial ends by itself ("completed", "failed"): then the scheduler decides about others only.
  function spec.report(n, t, value, how)
    if not how then
      answer = decisions(field "scheduler: report", n, scheduler:report(n, t, value))
    else
      answer = scheduler.finish and decisions(field "scheduler: finish", nil, scheduler:finish(n, how) or {}) or {}
      table.insert(answer, 1, { trial = n, decision = "stop" })
    end
    return answer
  end
  -- No trial runs and none can begin: whether paused ones go on.
  function spec.idle()
    answer = scheduler.idle and decisions(field "scheduler: idle", nil, scheduler:idle()) or {}
    return answer
  end
  -- The scheduler's reason for its present decision about trial n, or nil. Asked only by those who
  -- tell people: a reason may be a function, so that it costs nothing otherwise.
  function spec.why(n)
    for _, d in ipairs(answer) do
      if d.trial == n and d.why ~= nil then
        return check.text(field "scheduler: why", type(d.why) == "function" and d.why() or d.why)
      end
    end
  end
  function spec.until_t(n, t)
    local answer = scheduler["until"] and scheduler["until"](scheduler, n, t) or t + 1
    return math.min(spec.max_t, check.whole(t + 1)(field "scheduler: until", answer))
  end
  function spec.cost(params)
    return o.cost and check.number { above = 0 } (field "cost", o.cost(core.decode(params))) or 1
  end
  function spec.trial(params)
    local step = o.trial(core.decode(params))
    local origin = artifact.is(step) and not artifact.is_picked(step) and artifact.origin(step)
    if not origin or not origin.template then check.expected(field "trial", "hpo.train or hpo.command", step) end
    if origin.last_t and spec.max_t > origin.last_t then
      core.fail(field "trial", "the scheduler's max_t is " .. spec.max_t .. ", but hpo.train has epochs = " .. origin.last_t,
        "past its epochs the learning rate is 0: raise epochs, which is another experiment, or lower max_t")
    end
    return origin.template(params)
  end
end
