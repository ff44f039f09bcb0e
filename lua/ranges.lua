-- ranges: domains of numbers.
--
--   uniform(low, high)         any number from low to high
--   loguniform(low, high)      any number > 0, its logarithm uniform
--   quniform(low, high, q)     the multiples of q from low to high, all as likely
--   qloguniform(low, high, q)  the same multiples, k·q as likely as loguniform falls within q/2 of it
--   randint(low, high)         the whole numbers from low to high, both ends, all as likely
-- In quniform and qloguniform 3·0.1 is 0.3: where 1/q is a whole number n, k·q is computed as k/n.

local core = require "hpo.core"
local check = require "hpo.check"
local domain = require "hpo.domain"

local ranges = {}

local function range(kind, low, high, least)
  local field, rule = "hpo." .. kind, check.number(least or {})
  rule(field .. ": low", low)
  rule(field .. ": high", high)
  if low > high then core.fail(field, "expected low ≤ high, found " .. core.number(low) .. ", " .. core.number(high)) end
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

function ranges.uniform(low, high) return domain.new(range("uniform", low, high)) end
function ranges.loguniform(low, high) return domain.new(range("loguniform", low, high, { above = 0 })) end
function ranges.quniform(low, high, q) return domain.new(quantized("quniform", low, high, q)) end
function ranges.qloguniform(low, high, q) return domain.new(quantized("qloguniform", low, high, q, { above = 0 })) end
function ranges.randint(low, high)
  local whole = check.whole(-(1 << 52), 1 << 52)
  return domain.new(range("randint", whole("hpo.randint: low", low), whole("hpo.randint: high", high)))
end

return ranges
