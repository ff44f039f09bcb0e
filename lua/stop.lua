-- stop: a study's metric, and what ends a trial, or the study, before its scheduler is asked.

local core = require "hpo.core"
local check = require "hpo.check"

local stop = {}

-- A rule: a name under which trainers report a number.
function stop.metric(field, value)
  if value == "t" then core.fail(field, '"t" says where a trial is, and is no metric', "the scheduler's max_t ends a trial at a t") end
  return check.text(field, value)
end

-- A rule: { metric =, limit =, at_least = true or false; nil: the direction of the study's own metric }
function stop.rule(field, value)
  local names = type(value) == "table" and not check.is_object(value) and check.names(value) or {}
  if #names ~= 1 then check.expected(field, "one metric and its limit, such as { eval_loss = 0.1 }", value) end
  local metric, inner = names[1], field .. "." .. names[1]
  local limit = value[stop.metric(inner, metric)]
  if type(limit) ~= "table" then return { metric = metric, limit = check.number {} (inner, limit) } end
  local o = check.fields(inner, limit, { at_least = check.number {}, at_most = check.number {} })
  if (o.at_least == nil) == (o.at_most == nil) then check.expected(inner, "{ at_least = NUMBER } or { at_most = NUMBER }", limit) end
  return { metric = metric, limit = o.at_least or o.at_most, at_least = o.at_least ~= nil }
end

-- A rule: { units = N }: so many units are delivered, then the study ends.
function stop.budget(field, value)
  return check.fields(field, value, { units = { check.whole(1, 1000000000), required = "a whole number ≥ 1" } })
end

-- A number alone is a limit of the study's own metric; any other needs a direction. name: "stop" or "stop_study".
function stop.direct(o, name)
  local limit = o[name]
  if not limit or limit.at_least ~= nil then return end
  if limit.metric ~= o.metric then
    check.expected("study." .. name .. "." .. limit.metric, "{ at_least = NUMBER } or { at_most = NUMBER }", limit.limit,
      "a number alone is for the study's metric, " .. o.metric .. ", whose mode says which way is good")
  end
  limit.at_least = o.mode == "max"
end

return stop
