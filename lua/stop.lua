-- stop: a study's metric, and the limit at which a trial ends before its scheduler is asked.

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

-- A number alone ends a trial of the study's own metric that is that good; any other needs a direction.
function stop.direct(o)
  local limit = o.stop
  if not limit or limit.at_least ~= nil then return end
  if limit.metric ~= o.metric then
    check.expected("study.stop." .. limit.metric, "{ at_least = NUMBER } or { at_most = NUMBER }", limit.limit,
      "a number alone is for the study's metric, " .. o.metric .. ", whose mode says which way is good")
  end
  limit.at_least = o.mode == "max"
end

return stop
