-- calls: what the engine asks of a study while it runs: numbers and JSON text in, the same out.
--
-- The searcher and the scheduler are made anew by open(), which the engine may call again; between two
-- openings they hear everything in the same order. o are the study's checked fields.

local core = require "hpo.core"
local check = require "hpo.check"
local decisions = require "hpo.decisions"
local prior = require "hpo.prior"
local method = require "hpo.method"
local space = require "hpo.space"
local trials = require "hpo.trial"

local MOST_REPEATS = 1000

-- Adds the calls to spec. view is what searcher and scheduler may know of the study.
return function(spec, o, view)
  local searcher, scheduler
  local given, ended -- trial → its parameters as JSON; trial → true
  local tried, repeats -- parameters as JSON → true; how many trials in a row brought nothing new
  local answer -- of the scheduler to the present report
  local delivered -- reports and failures, so far
  local point, own = space.allowed(space.point(o.space), view.allows), space.owner(o.space)

  function spec.open()
    searcher = method.open("study.search", "suggest", o.search, view)
    scheduler = method.open("study.scheduler", "report", o.scheduler, view)
    given, ended, answer, tried, repeats, delivered = {}, {}, {}, {}, 0, 0
    return searcher, scheduler
  end
  -- An exploit sets a trial back, so a search in which nothing improves would never end.
  function view.may_exploit() return delivered < spec.units_with_exploits end
  local function exploits() return method.code(o.scheduler) and scheduler.exploits end
  local function checked(call, trial, answers, why)
    return decisions("study.scheduler: " .. call, trial, answers, why, view.may_exploit())
  end
  spec.gather = prior.is(o.warm) and prior.gatherer(o) or nil
  -- The outcome of another study, or that file, is told to the searcher as trials with numbers below 0:
  -- those whose parameters are points of this one's space, without names that it does not have.
  function spec.warm_up(history)
    local past = prior.is(o.warm) and prior.read(o, history) or core.decode(history)
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
    local params = o.first[n + 1] or searcher:suggest(n)
    return params ~= nil and core.encode(point("study.search: suggest", params)) or nil
  end
  -- Asked before, and answered: our own searchers know that from start and observe alone.
  function spec.suggest_again(n)
    if not method.code(o.search) and not o.first[n + 1] then return spec.suggest(n) or "null" end
  end
  local function begin(n, params)
    given[n] = params
    if searcher.start then searcher:start(n, own(core.decode(params))) end
  end
  local function finish(n, status)
    if searcher.finish and given[n] and not ended[n] then searcher:finish(n, status) end
    ended[n] = true
  end
  function spec.start(n, params)
    repeats, tried[params] = tried[params] and repeats + 1 or 0, true
    if repeats == MOST_REPEATS then
      core.fail("study.search: suggest", "the last " .. MOST_REPEATS .. " trials, up to trial " .. n .. ", were all tried before",
        "fewer samples, or a searcher that returns nil when it has nothing new")
    end
    begin(n, params)
    if scheduler.start then scheduler:start(n, own(core.decode(params))) end
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
    if n >= 0 and how ~= "ended" and searcher.observe then searcher:observe(n, t, value) end
    settle(n, t, how == "ended" and "completed" or how)
  end
  -- `how` the trial ends whatever the scheduler says ("completed", "failed"; "ended": its process ended before t, without a
  -- report): then it decides about others only.
  function spec.report(n, t, value, how)
    if how == "ended" then how = "completed" else delivered = delivered + 1 end
    if not how then
      answer = checked("report", n, scheduler:report(n, t, value))
    else
      answer = checked("finish", nil, scheduler.finish and scheduler:finish(n, how) or {})
      table.insert(answer, 1, { trial = n, decision = "stop" })
    end
    return answer
  end
  -- No trial runs and none can begin: whether paused ones go on.
  function spec.idle()
    answer = checked("idle", nil, scheduler.idle and scheduler:idle() or {})
    return answer
  end
  -- The scheduler's reason for its present decision about trial n, or nil. Asked only by those who
  -- tell people: a reason may be a function, so that it costs nothing otherwise.
  function spec.why(n)
    for _, d in ipairs(answer) do
      if d.trial == n and d.why ~= nil then
        return check.text("study.scheduler: why", type(d.why) == "function" and d.why() or d.why)
      end
    end
  end
  function spec.until_t(n, t)
    local answer = scheduler["until"] and scheduler["until"](scheduler, n, t) or t + 1
    return math.min(spec.max_t, check.whole(t + 1)("study.scheduler: until", answer))
  end
  function spec.cost(params)
    return o.cost and check.number { above = 0 } ("study.cost", o.cost(core.decode(params))) or 1
  end
  function spec.trial(params)
    return trials.template(o, spec.max_t, exploits(), params)
  end
  -- Where trials may exploit, the first is looked at while the recipe is read.
  function spec.check_trial()
    local params = exploits() and spec.suggest(0)
    if params then trials.check(o, spec.max_t, true, params) end
    spec.open()
  end
end
