-- domain: the values one parameter may have, and how one is drawn.
--
-- A domain is a plain description (kind, low, high, q, values) with a few methods; each draw takes
-- exactly one uniform number of the generator:
--   uniform(low, high)         any number from low to high
--   loguniform(low, high)      any number > 0, its logarithm uniform
--   quniform(low, high, q)     the multiples of q from low to high, all as likely
--   qloguniform(low, high, q)  the same multiples, k·q as likely as loguniform falls within q/2 of it
--   randint(low, high)         the whole numbers from low to high, both ends, all as likely
--   choice {...}, ordered {...}  one of the values, all as likely; ordered: neighbours are alike
-- In quniform and qloguniform 3·0.1 is 0.3: where 1/q is a whole number n, k·q is computed as k/n.

local core = require "hpo.core"
local check = require "hpo.check"

local make = {} -- what this module returns
local domain = {}
domain.__index = domain

function make.is(value) return getmetatable(value) == domain end

function domain.__tostring(self)
  if self.values then return "hpo." .. self.kind .. " " .. core.encode(self.values) end
  local q = self.q and ", " .. core.number(self.q) or ""
  return "hpo." .. self.kind .. "(" .. core.number(self.low) .. ", " .. core.number(self.high) .. q .. ")"
end

local function range(kind, low, high, least)
  local field, rule = "hpo." .. kind, check.number(least or {})
  rule(field .. ": low", low)
  rule(field .. ": high", high)
  if low > high then check.expected(field, "low ≤ high", core.number(low) .. ", " .. core.number(high)) end
  if not check.is_finite(high - low) then core.fail(field, "the range is too wide") end
  return { kind = kind, low = low, high = high }
end

-- x / q as a whole number where it nearly is one, else rounded by `round`.
local function steps(x, q, round)
  local k = math.floor(x / q + 0.5)
  if math.abs(k * q - x) <= 1e-9 * math.max(math.abs(x), q) then return k end
  return round(x / q)
end

local function quantized(kind, low, high, q, least)
  local d = range(kind, low, high, least)
  d.q = check.number { above = 0 } ("hpo." .. kind .. ": q", q)
  if math.max(math.abs(low), math.abs(high)) / q > 2 ^ 50 then
    core.fail("hpo." .. kind, "q is too small for this range")
  end
  d.first, d.last = steps(low, q, math.ceil), steps(high, q, math.floor)
  if least then d.first = math.max(d.first, 1) end -- 0 is nearly there, and has no logarithm
  if d.first > d.last then core.fail("hpo." .. kind, "no multiple of q lies from low to high") end
  return d
end

-- The k-th multiple of q, as the double a person would write.
local function multiple(q, k)
  local n = math.floor(1 / q + 0.5)
  local x = n > 1 and 1 / n == q and k / n or k * q
  return math.tointeger(x) or x
end

local function list(kind, values)
  local field, seen = "hpo." .. kind, {}
  values = check.list(function(inner, value)
    local text = core.encode(check.scalar(inner, value))
    if seen[text] then core.fail(inner, "the value " .. text .. " is there twice") end
    seen[text] = true
    return value
  end, 1)(field, values)
  return { kind = kind, values = values }
end

function make.uniform(low, high) return setmetatable(range("uniform", low, high), domain) end
function make.loguniform(low, high) return setmetatable(range("loguniform", low, high, { above = 0 }), domain) end
function make.quniform(low, high, q) return setmetatable(quantized("quniform", low, high, q), domain) end
function make.qloguniform(low, high, q)
  return setmetatable(quantized("qloguniform", low, high, q, { above = 0 }), domain)
end
function make.randint(low, high)
  local whole = check.whole(-(1 << 52), 1 << 52)
  local d = range("randint", whole("hpo.randint: low", low), whole("hpo.randint: high", high))
  return setmetatable(d, domain)
end
function make.choice(values) return setmetatable(list("choice", values), domain) end
function make.ordered(values) return setmetatable(list("ordered", values), domain) end

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

-- How many values there are, or nil: uncountably many.
function domain:size()
  if self.values then return #self.values end
  if self.kind == "randint" then return self.high - self.low + 1 end
  return self.q and self.last - self.first + 1
end

-- The i-th value of those, from 0.
function domain:item(i)
  if self.values then return self.values[i + 1] end
  if self.kind == "randint" then return self.low + i end
  return multiple(self.q, self.first + i)
end

-- Whether a value given by hand lies in the domain; it need not be a multiple of q.
function domain:contains(value)
  if self.values then
    for _, own in ipairs(self.values) do
      if own == value then return true end
    end
    return false
  end
  return check.is_finite(value) and value >= self.low and value <= self.high and
    (self.kind ~= "randint" or math.tointeger(value) ~= nil)
end

return make
