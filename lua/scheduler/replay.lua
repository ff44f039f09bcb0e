-- replay: one trial along a schedule of parameters, such as that of a population's winner (best.schedule).

local check = require "hpo.check"
local core = require "hpo.core"
local json = require "hpo.json"
local method = require "hpo.method"

local function stretch(field, value)
  return check.fields(field, value, {
    t = { check.whole(1, 1000000000), required = "the last t of the stretch" },
    params = { json.object, required = "a table of parameters" },
  })
end

local function schedule(field, value)
  local list = check.list(stretch, 1)(field, value)
  for i = 2, #list do
    if list[i].t <= list[i - 1].t then
      check.expected(field .. "[" .. i .. "].t", "a t above " .. list[i - 1].t, list[i].t)
    end
  end
  return list
end

local rules = { schedule = { schedule, required = "a list such as { { t = 2, params = {...} }, ... }: best.schedule" } }

return function(options)
  local list = check.fields("hpo.scheduler.replay", options, rules).schedule
  local max_t = list[#list].t
  local ends = {} -- t → what follows
  for i = 1, #list - 1 do ends[list[i].t] = list[i + 1].params end
  return method.new("scheduler", "replay", { schedule = list }, function()
    local scheduler = { max_t = max_t, exploits = true }

    function scheduler:start(_, params)
      if core.encode(params) ~= core.encode(list[1].params) then
        check.expected("hpo.scheduler.replay", "a trial with " .. core.encode(list[1].params), core.encode(params),
          "search = hpo.search.points { best.schedule[1].params }")
      end
    end

    function scheduler:report(trial, t)
      if t >= max_t then return "stop" end
      if not ends[t] then return "continue" end
      return { { trial = trial, decision = "exploit", parent = trial, params = ends[t], why = "the schedule goes on" } }
    end

    scheduler["until"] = function(_, _, t)
      for _, part in ipairs(list) do
        if part.t > t then return part.t end
      end
    end

    return scheduler
  end)
end
