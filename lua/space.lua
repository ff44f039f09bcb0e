-- space: the parameters of a study, each with its domain; and points of it, given by hand.

local core = require "hpo.core"
local check = require "hpo.check"
local domain = require "hpo.domain"
local spelling = require "hpo.spelling"

local space = {}

-- The domains of the study that a searcher is opened for.
function space.of(study)
  if not study.space then
    check.expected("study.space", "a table of names and domains", nil, "space = { lr = hpo.loguniform(1e-5, 1e-3) }")
  end
  return study.space
end

-- A rule: the space of a study. A plain value is a parameter that does not vary.
function space.rule(field, value)
  if type(value) ~= "table" or check.is_object(value) or #value > 0 then
    check.expected(field, "a table of names and domains", value, "space = { lr = hpo.loguniform(1e-5, 1e-3) }")
  end
  local result = {}
  for _, name in ipairs(check.names(value)) do
    local inner, d = field .. "." .. check.text(field, name), value[name]
    if type(d) == "table" and not domain.is(d) then
      check.expected(inner, "a domain", d, "a list of values is hpo.choice { ... }")
    end
    result[name] = domain.is(d) and d or domain.choice { d }
  end
  return result
end

-- A rule: one point, with exactly the names of the space (any names where domains is nil).
function space.point(domains)
  return function(field, point)
    if type(point) ~= "table" or check.is_object(point) or #point > 0 then
      check.expected(field, "a table of parameters", point)
    end
    for _, name in ipairs(check.names(point)) do
      local inner, value = field .. "." .. name, point[name]
      check.scalar(inner, value)
      if domains and not domains[name] then
        core.fail(inner, "no such parameter in the study's space", spelling.hint(name, check.names(domains)))
      end
      if domains and not domains[name]:contains(value) then
        check.expected(inner, "a value of " .. tostring(domains[name]), value)
      end
    end
    for _, name in ipairs(domains and check.names(domains) or {}) do
      if point[name] == nil then
        core.fail(field .. "." .. name, "a point gives every parameter of the space a value")
      end
    end
    return point
  end
end

-- Of a point of another space the part that is a point of this one, or nil.
function space.within(domains, point)
  local result = {}
  for _, name in ipairs(check.names(domains or point)) do
    if point[name] == nil or domains and not domains[name]:contains(point[name]) then return nil end
    result[name] = point[name]
  end
  return result
end

-- A study's `where` as a function of a point: it gets a copy, and answers true or false.
function space.condition(field, where)
  return function(point)
    local copy = {}
    for name, value in pairs(point) do copy[name] = value end
    local answer = where(copy)
    if type(answer) ~= "boolean" then check.expected(field, "true or false", answer) end
    return answer
  end
end

-- A rule: a point that follows a rule and that `allows`, where there is one, does not refuse.
function space.allowed(rule, allows)
  return function(field, point)
    point = rule(field, point)
    if allows and not allows(point) then core.fail(field, "the study's `where` refuses " .. core.encode(point)) end
    return point
  end
end

return space
