-- axes: a space as models of density see it: one axis for each parameter that varies, names sorted.
--
--   continuous  uniform, loguniform    the number, or its logarithm
--   whole       randint; the k of a multiple k·q; the place, from 0, of a value of `ordered`
--   category    choice                 the place of the value
-- low and high are the ends of what coordinates can be. `log`: distances between whole numbers are
-- those of their logarithms (qloguniform).

local core = require "hpo.core"
local check = require "hpo.check"
local space = require "hpo.space"

local axes = {}
local axis = {}
axis.__index = axis

local kinds = { uniform = "continuous", loguniform = "continuous", choice = "category" }

local function new(name, domain)
  local a = { name = name, domain = domain, kind = kinds[domain.kind] or "whole" }
  a.low, a.high = domain.low, domain.high
  if domain.values then
    a.low, a.high, a.place = 0, #domain.values - 1, {}
    for i, value in ipairs(domain.values) do a.place[value] = i - 1 end
  elseif domain.q then
    a.low, a.high, a.log = domain.first, domain.last, domain.kind == "qloguniform"
  elseif domain.kind == "loguniform" then
    a.low, a.high = core.log(a.low), core.log(a.high)
  end
  return setmetatable(a, axis)
end

-- The axes of some of a space's parameters (all of them), and those that have but one value.
function axes.of(domains, names)
  local list, constants = {}, {}
  for _, name in ipairs(names or check.names(domains)) do
    local a = new(name, domains[name])
    if a.low < a.high then list[#list + 1] = a else constants[name] = a:value(a.low) end
  end
  return list, constants
end

function axis:coordinate(value)
  if self.place then return self.place[value] end
  if self.domain.q then return value / self.domain.q end
  return self.domain.kind == "loguniform" and core.log(value) or value
end

function axis:value(x)
  if self.kind == "continuous" then
    if self.domain.kind == "loguniform" then x = core.exp(x) end
    return math.max(self.domain.low, math.min(self.domain.high, x))
  end
  return self.domain:item(math.tointeger(x - self.low))
end

-- Where kernels see x: whole numbers fill the half steps around them.
local function ends(a)
  local half = a.kind == "whole" and 0.5 or 0
  local low, high = a.low - half, a.high + half
  if a.log then return core.log(low), core.log(high) end
  return low, high
end

-- The place of a coordinate from 0 to 1; a category stays what it is.
function axis:to_cube(x)
  if self.kind == "category" then return x end
  local low, high = ends(self)
  return ((self.log and core.log(x) or x) - low) / (high - low)
end

-- The value there.
function axis:from_cube(x)
  if self.kind == "category" then return self:value(x) end
  local low, high = ends(self)
  x = low + x * (high - low)
  if self.kind == "continuous" then return self:value(x) end
  x = math.floor((self.log and core.exp(x) or x) + 0.5)
  return self:value(math.max(self.low, math.min(self.high, x)))
end

-- A list for each axis.
function axes.singles(list)
  local result = {}
  for i, a in ipairs(list) do result[i] = { a } end
  return result
end

-- The groups of a space, each with its constants and its lists of axes: all of them together, or each
-- alone. Also returns all lists, one behind the other.
function axes.groups(domains, together)
  local groups, all = space.groups(domains), {}
  for _, group in ipairs(groups) do
    local list, constants = axes.of(domains, group.names)
    group.lists, group.constants = together and #list > 0 and { list } or axes.singles(list), constants
    table.move(group.lists, 1, #group.lists, #all + 1, all)
  end
  return groups, all
end

-- The coordinates of a point on each axis of the list, parameters that are there together. Nil: the
-- point does not have them.
function axes.coordinates(list, params)
  if params[list[1].name] == nil then return nil end
  local x = {}
  for i, a in ipairs(list) do x[i] = a:coordinate(params[a.name]) end
  return x
end

-- The same in the unit cube, of any parameters; NaN for those that the point does not have.
function axes.cube(list, params)
  local x = {}
  for i, a in ipairs(list) do
    local value = params[a.name]
    x[i] = value == nil and 0 / 0 or a:to_cube(a:coordinate(value))
  end
  return x
end

return axes
