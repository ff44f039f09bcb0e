-- space: the parameters of a study, each with its domain; and points of it, given by hand.

local core = require "hpo.core"
local check = require "hpo.check"
local choices = require "hpo.choices"
local spelling = require "hpo.spelling"

local space = {}

-- The domains of the study that a searcher is opened for.
function space.of(study)
  if not study.space then
    check.expected("study.space", "a table of names and domains", nil, "space = { lr = hpo.loguniform(1e-5, 1e-3) }")
  end
  return study.space
end

-- Puts domains beside the others, then those of their branches.
local function flatten(field, result, domains, parent, value)
  local names = check.names(domains)
  for _, name in ipairs(names) do
    if result[name] then
      core.fail(field .. "." .. name, "the space has two parameters of this name", "call it otherwise, such as " .. parent .. "_" .. name)
    end
    result[name] = domains[name]:under(parent, value)
  end
  for _, name in ipairs(names) do
    local d = domains[name]
    for i, branch in ipairs(d.branches or {}) do
      if branch then flatten(field .. "." .. name .. "[" .. i .. "]", result, branch, name, d.values[i]) end
    end
  end
end

-- A rule: the space of a study: every parameter by name, also those of branches, whose domains say
-- where they are there: `parent` has `value`.
function space.rule(field, value)
  local result = {}
  flatten(field, result, choices.named(field, value))
  return result
end

-- Each parameter's domain in words.
function space.describe(domains)
  local result = {}
  for _, name in ipairs(check.names(domains or {})) do result[name] = tostring(domains[name]) end
  return result
end

-- The parameters that are there together, names sorted: first those that always are, then those of
-- each branch behind the group of its choice. A group has names, and parent and value or neither.
function space.groups(domains)
  local groups, names = {}, check.names(domains)
  local function add(parent, value)
    local group = { parent = parent, value = value, names = {} }
    for _, name in ipairs(names) do
      if domains[name].parent == parent and domains[name].value == value then group.names[#group.names + 1] = name end
    end
    groups[#groups + 1] = group
    for _, name in ipairs(group.names) do
      for i, branch in ipairs(domains[name].branches or {}) do
        if branch then add(name, domains[name].values[i]) end
      end
    end
  end
  add(nil, nil)
  return groups
end

-- Whether a point has the parameters of a group.
function space.has(params, group)
  return group.parent == nil or params[group.parent] == group.value
end

-- The point whose parameters have the values of give(name): a choice is asked before its branches.
function space.fill(groups, give)
  local params = {}
  for _, group in ipairs(groups) do
    for _, name in ipairs(space.has(params, group) and group.names or {}) do params[name] = give(name) end
  end
  return params
end

-- A rule: one point, with exactly the names of the space (any names where domains is nil). The value is
-- a copy, which the recipe does not have.
function space.point(domains)
  local groups = domains and space.groups(domains) or {}
  return function(field, point)
    if type(point) ~= "table" or check.is_object(point) or #point > 0 then
      check.expected(field, "a table of parameters", point)
    end
    local copy = {}
    for _, name in ipairs(check.names(point)) do
      local inner, value = field .. "." .. name, point[name]
      copy[name] = check.scalar(inner, value)
      if domains and not domains[name] then
        core.fail(inner, "no such parameter in the study's space", spelling.hint(name, check.names(domains)))
      end
      if domains and not domains[name]:contains(value) then
        check.expected(inner, "a value of " .. tostring(domains[name]), value)
      end
    end
    for _, group in ipairs(groups) do
      local has = space.has(point, group)
      for _, name in ipairs(group.names) do
        if has and point[name] == nil then
          core.fail(field .. "." .. name, "a point gives every parameter of the space a value")
        elseif not has and point[name] ~= nil then
          core.fail(field .. "." .. name, "it is a parameter only where " .. group.parent .. " is " .. check.show(group.value))
        end
      end
    end
    return copy
  end
end

-- Of a point of another space the part that is a point of this one, or nil.
function space.within(domains, point)
  if not domains then return point end
  local outside = false
  local result = space.fill(space.groups(domains), function(name)
    outside = outside or point[name] == nil or not domains[name]:contains(point[name])
    return point[name]
  end)
  return not outside and result or nil
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
