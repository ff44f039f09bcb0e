-- space: the parameters of a study, each with its domain; and points of it, given by hand.

local core = require "hpo.core"
local check = require "hpo.check"
local choices = require "hpo.choices"
local groups = require "hpo.groups"
local spelling = require "hpo.spelling"

local space = {}

-- The domains of the study that a searcher is opened for.
function space.of(study)
  if not study.space then
    check.expected("study.space", "a table of names and domains", nil, "space = { lr = hpo.loguniform(1e-5, 1e-3) }")
  end
  return study.space
end

-- A parameter of this name is there already: in another branch with the same domain it is one parameter.
local function share(field, name, d, known, parent, value)
  if not known.places or tostring(known) ~= tostring(d) then
    core.fail(field .. "." .. name, "the space has two parameters of this name",
      "with the same domain in several branches it is one parameter; else call it otherwise, such as " .. parent .. "_" .. name)
  end
  known.places[#known.places + 1] = { parent = parent, value = value }
end

-- Puts domains beside the others, then those of their branches.
local function flatten(field, result, domains, parent, value)
  local names, new = check.names(domains), {}
  for _, name in ipairs(names) do
    if result[name] then
      share(field, name, domains[name], result[name], parent, value)
    else
      new[#new + 1], result[name] = name, domains[name]:under(parent, value)
    end
  end
  for _, name in ipairs(new) do
    local d = domains[name]
    for i, branch in ipairs(d.branches or {}) do
      if branch then flatten(field .. "." .. name .. "[" .. i .. "]", result, branch, name, d.values[i]) end
    end
  end
end

-- A rule: the space of a study: every parameter by name, also those of branches, whose domains have places.
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

space.groups, space.has, space.fill, space.owner = groups.of, groups.has, groups.fill, groups.owner

-- "opt is "sgd" or opt is "lion""
local function where_of(group)
  local list = {}
  for i, place in ipairs(group.places) do list[i] = place.parent .. " is " .. check.show(place.value) end
  return table.concat(list, " or ")
end

-- A rule: a copy of one point, with exactly the names of the space (any names where domains is nil).
function space.point(domains)
  local all, own = domains and space.groups(domains) or {}, space.owner(domains)
  return function(field, point)
    if type(point) ~= "table" or check.is_object(point) or #point > 0 then
      check.expected(field, "a table of parameters", point)
    end
    local copy = {}
    for _, name in ipairs(check.names(point)) do copy[name] = choices.value(field .. "." .. name, point[name]) end
    point = own(copy)
    for _, name in ipairs(check.names(point)) do
      local inner, value = field .. "." .. name, point[name]
      if domains and not domains[name] then
        core.fail(inner, "no such parameter in the study's space", spelling.hint(name, check.names(domains)))
      end
      if domains and not domains[name]:contains(value) then
        check.expected(inner, "a value of " .. tostring(domains[name]), value)
      end
    end
    for _, group in ipairs(all) do
      local has = space.has(point, group)
      for _, name in ipairs(group.names) do
        if has and point[name] == nil then
          core.fail(field .. "." .. name, "a point gives every parameter of the space a value")
        elseif not has and point[name] ~= nil then
          core.fail(field .. "." .. name, "it is a parameter only where " .. where_of(group))
        end
      end
    end
    return point
  end
end

-- Of a point of another space the part that is a point of this one, or nil.
function space.within(domains, point)
  if not domains then return point end
  local outside, own = false, space.owner(domains)(point)
  local result = space.fill(space.groups(domains), function(name)
    outside = outside or own[name] == nil or not domains[name]:contains(own[name])
    return own[name]
  end)
  return not outside and result or nil
end

-- A study's `where` as a function of a point: it gets a copy as trial(p) does, and answers true or false.
function space.condition(field, where)
  return function(point)
    local copy = {}
    for name, value in pairs(point) do
      if type(value) == "table" then value = core.decode(core.encode(value)) end
      if value ~= core.null then copy[name] = value end
    end
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
