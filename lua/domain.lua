-- domain: the values one parameter may have, and how one is drawn.
--
-- A domain is a plain description with a few methods: its kind; low, high and q of a range (ranges.lua);
-- values and branches of a choice (choices.lua), which is special where a value is a list or core.null.
-- Each draw takes exactly one uniform number of the generator. A parameter that is there only where
-- another one has a certain value has places (groups.lua).
-- A recipe has a handle of it, which tells and cannot be changed: what a study draws from is described in
-- its identity.

local core = require "hpo.core"
local check = require "hpo.check"

local make = {} -- what this module returns
local domain = {}
domain.__index = domain

local handle = {} -- the metatable of handles
local described = setmetatable({}, { __mode = "k" }) -- handle → its domain

function make.new(fields)
  local self = setmetatable({}, handle)
  described[self] = setmetatable(fields, domain)
  return self
end

function make.is(value) return described[value] ~= nil or getmetatable(value) == domain end
function make.of(value) return described[value] or value end -- the domain itself

function handle.__tostring(self) return tostring(described[self]) end
function handle.__newindex(self) core.fail(tostring(self), "it cannot be changed") end
function handle.__index(self, name)
  local own = described[self]
  local value = own[name]
  if type(value) == "function" then return function(_, ...) return value(own, ...) end end
  if type(value) ~= "table" then return value end
end

-- A value of a choice as its recipe has it: alone, or with its branch.
local function show_item(self, i)
  local parts = { core.encode(self.values[i]) }
  for _, name in ipairs(check.names(self.branches[i] or {})) do
    parts[#parts + 1] = name .. " = " .. tostring(self.branches[i][name])
  end
  return #parts > 1 and "{" .. table.concat(parts, ", ") .. "}" or parts[1]
end

function domain.__tostring(self)
  if self.values then
    local items = {}
    for i in ipairs(self.values) do items[i] = show_item(self, i) end
    return "hpo." .. self.kind .. " [" .. table.concat(items, ", ") .. "]"
  end
  local q = self.q and ", " .. core.number(self.q) or ""
  return "hpo." .. self.kind .. "(" .. core.number(self.low) .. ", " .. core.number(self.high) .. q .. ")"
end

-- The k-th multiple of q, as the double a person would write.
local function multiple(q, k)
  local n = math.floor(1 / q + 0.5)
  local x = n > 1 and 1 / n == q and k / n or k * q
  return math.tointeger(x) or x
end

-- exp of a point between log a and log b.
local function log_between(a, b, u)
  local x, y = core.log(a), core.log(b)
  return core.exp(x + u * (y - x))
end

local function clamp(x, low, high) return math.max(low, math.min(high, x)) end

-- One value, from one uniform number in [0, 1).
function domain:at(u)
  local kind = self.kind
  if kind == "uniform" then return clamp(self.low + u * (self.high - self.low), self.low, self.high) end
  if kind == "loguniform" then return clamp(log_between(self.low, self.high, u), self.low, self.high) end
  if kind == "qloguniform" then
    local x = log_between(self.first - 0.5, self.last + 0.5, u)
    return multiple(self.q, clamp(math.floor(x + 0.5), self.first, self.last))
  end
  return self:item(math.tointeger(u * self:size() // 1))
end

function domain:draw(generator) return self:at(generator:uniform()) end

-- A copy of the domain, for a parameter that is there only where another one has this value; nil: always.
function domain:under(parent, value)
  local result = setmetatable({ places = parent and { { parent = parent, value = value } } or nil }, domain)
  for k, v in pairs(self) do result[k] = v end
  result.values = self.values and table.move(self.values, 1, #self.values, 1, {})
  return result
end

-- How many values there are, or nil: uncountably many.
function domain:size()
  if self.values then return #self.values end
  if self.low == self.high then return 1 end
  if self.kind == "randint" then return self.high - self.low + 1 end
  return self.q and self.last - self.first + 1
end

-- The i-th value of those, from 0.
function domain:item(i)
  if self.values then return self.values[i + 1] end
  if self.kind == "randint" then return self.low + i end
  return self.q and multiple(self.q, self.first + i) or self.low
end

-- The place of a value among those of a choice, from 1, or nil. Lists are equal where their elements are.
function domain:place(value)
  if value == nil then value = core.null end
  local text = type(value) == "table" and core.encode(value)
  for i, own in ipairs(self.values) do
    if own == value or text and type(own) == "table" and core.encode(own) == text then return i end
  end
end

-- The value as this domain has it, or what it is where it has none such.
function domain:own(value)
  local i = self.values and self:place(value)
  if i then return self.values[i] end
  return value
end

-- Whether a value given by hand lies in the domain; it need not be a multiple of q.
function domain:contains(value)
  if self.values then return self:place(value) ~= nil end
  return check.is_finite(value) and value >= self.low and value <= self.high and
    (self.kind ~= "randint" or math.tointeger(value) ~= nil)
end

return make
