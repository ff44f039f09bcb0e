-- kde: a kernel density over rows of numbers and categories, as statsmodels' KDEMultivariate: normal
-- kernels for numbers, Aitchison & Aitken's for categories, "normal_reference" bandwidths. A category
-- shares what it does not keep among the values that the rows have, so a value that none has is
-- infinitely likely where all are alike: that, too, is statsmodels'.

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

-- The density of the rows, rows of coordinates; h are its bandwidths, at least `least`.
function kde.new(list, rows, least)
  local h, shapes = {}, {}
  for j, a in ipairs(list) do
    local category = a.kind == "category"
    h[j] = bandwidth(rows, j, #list, least)
    shapes[j] = { category = category, h = h[j], miss = category and h[j] / (distinct(rows, j) - 1) }
  end
  local density = core.kde(shapes, rows)
  return { rows = rows, h = h, at = function(x) return density:density(x) end }
end

return kde
