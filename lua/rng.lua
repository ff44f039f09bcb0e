-- rng: draws that are the same on every machine, in every order.
--
-- A generator is made for (study seed, trial number, purpose), never continued from another trial, so
-- more trials do not change the first ones. xoshiro256** (Blackman & Vigna 2021), its four words
-- filled by splitmix64 (Steele, Lea & Flood 2014); Lua's integers wrap as theirs do.

local rng = {}
local generator = {}
generator.__index = generator

local GOLDEN = 0x9E3779B97F4A7C15

-- splitmix64's output function: a bijection of 64 bits.
local function mix(z)
  z = (z ~ (z >> 30)) * 0xBF58476D1CE4E5B9
  z = (z ~ (z >> 27)) * 0x94D049BB133111EB
  return z ~ (z >> 31)
end

-- FNV-1a, 64 bits: a purpose's number.
local function hash(word)
  local h = 0xCBF29CE484222325
  for i = 1, #word do h = (h ~ word:byte(i)) * 0x100000001B3 end
  return h
end

function rng.splitmix(state)
  return function()
    state = state + GOLDEN
    return mix(state)
  end
end

function rng.of_words(a, b, c, d) return setmetatable({ a, b, c, d }, generator) end

-- The generator of trial n of the study with this seed, for a purpose ("suggest", "bracket", ...).
function rng.open(seed, n, purpose)
  local word = rng.splitmix(mix(mix(mix(seed + GOLDEN) + n + GOLDEN) ~ hash(purpose)))
  return rng.of_words(word(), word(), word(), word())
end

-- The next 64 bits.
local function bits(self)
  local a, b, c, d = self[1], self[2], self[3], self[4]
  local x = b * 5
  c, d = c ~ a, d ~ b
  self[1], self[2], self[3], self[4] = a ~ d, b ~ c, c ~ (b << 17), d << 45 | d >> 19
  return (x << 7 | x >> 57) * 9
end

generator.bits = bits

-- A multiple of 2^-53 in [0, 1).
function generator:uniform() return (bits(self) >> 11) * 0x1p-53 end

-- A whole number from 0 to n - 1, for n up to 2^53.
function generator:below(n) return math.tointeger(self:uniform() * n // 1) end

return rng
