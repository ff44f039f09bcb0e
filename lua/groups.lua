-- groups: the parameters of a space that are there together, and points filled group by group.
--
-- A parameter of branches has `places`, { { parent =, value = }, ... }: it is there where one of its parents
-- has that value. A group has places, none for what is always there, and names, sorted.

local core = require "hpo.core"
local check = require "hpo.check"

local groups = {}

-- The groups by their places: the one without, which may be empty, then in the order of their first names.
local function partition(domains)
  local always = { places = {}, names = {}, left = 0 }
  local list, known = { always }, { [""] = always }
  for _, name in ipairs(check.names(domains)) do
    local places, id = domains[name].places or {}, {}
    for i, place in ipairs(places) do id[i] = core.encode { place.parent, place.value } end
    id = table.concat(id, " ")
    if not known[id] then
      known[id] = { places = places, names = {}, left = #places }
      list[#list + 1] = known[id]
    end
    table.insert(known[id].names, name)
  end
  return list
end

-- All groups of a space: first what is always there, then each behind those with its parents.
function groups.of(domains)
  local result, all = {}, partition(domains)
  local visit

  local function add(group)
    result[#result + 1] = group
    for _, name in ipairs(group.names) do
      for i, branch in ipairs(domains[name].branches or {}) do
        if branch then visit(name, domains[name].values[i]) end
      end
    end
  end

  function visit(parent, value)
    for _, group in ipairs(all) do
      for _, place in ipairs(group.places) do
        if place.parent == parent and place.value == value then
          group.left = group.left - 1
          if group.left == 0 then add(group) end
        end
      end
    end
  end

  add(all[1])
  return result
end

-- Whether a point has the parameters of a group.
function groups.has(params, group)
  for _, place in ipairs(group.places) do
    if params[place.parent] == place.value then return true end
  end
  return #group.places == 0
end

-- The point whose parameters have the values of give(name): a choice is asked before its branches.
function groups.fill(list, give)
  local params = {}
  for _, group in ipairs(list) do
    for _, name in ipairs(groups.has(params, group) and group.names or {}) do params[name] = give(name) end
  end
  return params
end

-- A function that gives a point with the space's own values: a list that is equal to one of a choice's is
-- that one, and a parameter that is nil is core.null where its choice has that.
function groups.owner(domains)
  local special = false
  for _, d in pairs(domains or {}) do special = special or d.special end
  if not special then return function(point) return point end end
  local list = groups.of(domains)
  return function(point)
    local own = {}
    for name, value in pairs(point) do own[name] = value end
    for _, group in ipairs(list) do
      for _, name in ipairs(groups.has(own, group) and group.names or {}) do own[name] = domains[name]:own(own[name]) end
    end
    return own
  end
end

return groups
