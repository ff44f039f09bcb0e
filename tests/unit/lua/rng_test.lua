-- The generator: the published first outputs, independence of trials and purposes, uniformity.

package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua"
local t = require "harness"
local rng = require "hpo.rng"

t.test("splitmix64 gives the published numbers", function()
  local word = rng.splitmix(1234567)
  t.equal({ word(), word(), word(), word(), word() },
    { 6457827717110365317, 3203168211198807973, -8629252141511181193, 4593380528125082431, -2037821214251327795 })
end)

t.test("xoshiro256** gives the published numbers", function()
  local generator = rng.of_words(1, 2, 3, 4)
  t.equal({ generator:bits(), generator:bits(), generator:bits(), generator:bits() },
    { 11520, 0, 1509978240, 1215971899390074240 })
end)

t.test("a stream is a function of seed, trial and purpose", function()
  t.equal(rng.open(1, 2, "suggest"):bits(), rng.open(1, 2, "suggest"):bits())
  local seen = {}
  for seed = 0, 9 do
    for n = 0, 99 do
      for _, purpose in ipairs { "suggest", "bracket" } do
        local bits = rng.open(seed, n, purpose):bits()
        assert(not seen[bits], "the same first number twice")
        seen[bits] = true
      end
    end
  end
end)

t.test("these draws never change: suggestions and keys hang on them", function()
  t.equal(rng.open(1, 0, "suggest"):bits(), 966052580680855663)
  t.equal(rng.open(42, 7, "bracket"):uniform(), 0x1.f956924b342c6p-2)
end)

t.test("uniform fills [0, 1), below its range", function()
  local n, counts, sum = 20000, {}, 0
  for i = 1, n do
    local generator = rng.open(3, i, "test")
    local u = generator:uniform()
    assert(u >= 0 and u < 1)
    sum = sum + u
    local k = generator:below(7)
    assert(math.type(k) == "integer" and k >= 0 and k < 7)
    counts[k] = (counts[k] or 0) + 1
  end
  assert(math.abs(sum / n - 0.5) < 0.01, "mean " .. sum / n)
  for k = 0, 6 do assert(math.abs(counts[k] / n - 1 / 7) < 0.01, "share of " .. k .. ": " .. counts[k] / n) end
end)

t.test("below stays below at the largest draw", function()
  local largest = setmetatable({ uniform = function() return 1 - 0x1p-53 end }, { __index = rng.of_words(1, 2, 3, 4) })
  for _, n in ipairs { 1, 2, 3, 1000003, (1 << 53) - 1, 1 << 53 } do t.equal(largest:below(n), n - 1) end
end)

os.exit(t.finish())
