-- kde: a kernel density over rows of numbers and categories, as statsmodels' KDEMultivariate: normal
-- kernels for numbers, Aitchison & Aitken's for categories, "normal_reference" bandwidths.

local core = require "hpo.core"

local kde = {}

-- Scott's bandwidth of one coordinate of the rows, of which there are d in all.
local function bandwidth(rows, j, d, least)
  local n, sum, squares = #rows, 0, 0
  for _, row in ipairs(rows) do sum = sum + row[j] end
  for _, row in ipairs(rows) do squares = squares + (row[j] - sum / n) * (row[j] - sum / n) end
  return math.max(1.06 * math.sqrt(squares / n) * core.pow(n, -1 / (4 + d)), least)
end

local function distinct(rows, j)
  local seen, n = {}, 0
  for _, row in ipairs(rows) do
    if not seen[row[j]] then seen[row[j]], n = true, n + 1 end
  end
  return n
end

-- The density of the rows: rows, h (bandwidths, at least `least`) and a function at(x).
function kde.new(list, rows, least)
  local h, volume, continuous, categories, hit, miss = {}, #rows, {}, {}, {}, {}
  for j, a in ipairs(list) do
    h[j] = bandwidth(rows, j, #list, least)
    if a.kind == "category" then
      categories[#categories + 1] = j
      hit[j], miss[j] = 1 - h[j], h[j] / (distinct(rows, j) - 1) -- all alike: infinite, as in statsmodels
    else
      volume = volume * h[j] * 0x1.40d931ff62706p+1 -- the root of 2π
      continuous[#continuous + 1] = j
    end
  end
  local function at(x)
    local sum = 0
    for _, row in ipairs(rows) do
      local exponent = 0
      for _, j in ipairs(continuous) do
        local z = (row[j] - x[j]) / h[j]
        exponent = exponent - 0.5 * z * z
      end
      local factor = exponent > -746 and core.exp(exponent) or 0
      for _, j in ipairs(categories) do factor = factor * (row[j] == x[j] and hit[j] or miss[j]) end
      sum = sum + factor
    end
    return sum / volume
  end
  return { rows = rows, h = h, at = at }
end

return kde
