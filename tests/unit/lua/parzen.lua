-- parzen: core.parzen and core.normal_between written plainly from their formulas, for the stand-in of
-- the engine's table; everything is computed anew when a point came or went.

local parzen = {}
parzen.__index = parzen

-- The normal distribution below -t: Laplace's continued fraction, or the series near 0.
local function tail(t)
  local density = math.exp(-t * t / 2) / math.sqrt(2 * math.pi)
  if t > 3 then
    local f = 0
    for k = 80, 1, -1 do f = k / (t + f) end
    return density / (t + f)
  end
  local term, sum, k = t, t, 1
  while term > sum * 1e-17 do
    term, k = term * t * t / (2 * k + 1), k + 1
    sum = sum + term
  end
  return 0.5 - density * sum
end

local function cdf(x) return x <= 0 and tail(-x) or 1 - tail(x) end

local function mass(a, b)
  if a > 0 then return tail(a) - tail(b) end
  return b <= 0 and tail(-b) - tail(-a) or 1 - tail(-a) - tail(b)
end

-- By bisection.
function parzen.normal_between(mean, deviation, low, high, u)
  local a, b = (low - mean) / deviation, (high - mean) / deviation
  local from, all, start = math.max(a, -39), mass(a, b), a
  local to = math.min(b, 39)
  for _ = 1, 60 do
    local middle = (from + to) / 2
    if mass(start, middle) < u * all then from = middle else to = middle end
  end
  return math.max(low, math.min(high, mean + deviation * from))
end

function parzen.new(axes, prior_weight)
  return setmetatable({ axes = axes, prior_weight = prior_weight, points = {}, shapes = {} }, parzen)
end

function parzen:add(id, x)
  self:remove(id)
  self.shapes = {}
  table.insert(self.points, { id = id, x = x })
  table.sort(self.points, function(a, b) return a.id < b.id end)
end

function parzen:remove(id)
  self.shapes = {}
  for i, point in ipairs(self.points) do
    if point.id == id then return table.remove(self.points, i) end
  end
end

local function inner(axis, x) return axis.log and math.log(x) or x end

local function ends(axis)
  local half = axis.kind == "whole" and 0.5 or 0
  return inner(axis, axis.low - half), inner(axis, axis.high + half)
end

-- { mu, sigma } of each point on axis j, then of the prior.
local function kernels(self, j)
  if self.shapes[j] then return self.shapes[j] end
  local axis, sorted, n, result = self.axes[j], {}, #self.points, {}
  local low, high = ends(axis)
  for i, point in ipairs(self.points) do sorted[i] = { i = i, mu = inner(axis, point.x[j]) } end
  table.sort(sorted, function(a, b) return a.mu < b.mu or a.mu == b.mu and a.i < b.i end)
  for k, one in ipairs(sorted) do
    local left = one.mu - (k > 1 and sorted[k - 1].mu or low)
    local right = (k < n and sorted[k + 1].mu or high) - one.mu
    if n > 1 and k == 1 then left = 0 end
    if n > 1 and k == n then right = 0 end
    local sigma = math.max(math.max(left, right), (high - low) / math.min(100, n + 2))
    result[one.i] = { one.mu, math.min(sigma, high - low) }
  end
  result[n + 1] = { (low + high) / 2, high - low }
  for _, kernel in ipairs(result) do
    local mu, sigma = kernel[1], kernel[2]
    kernel.whole = mass((low - mu) / sigma, (high - mu) / sigma)
  end
  self.shapes[j] = result
  return result
end

local function probability(axis, kernel, x)
  local mu, sigma, whole = kernel[1], kernel[2], kernel.whole
  if axis.kind == "continuous" then
    return math.exp(-((x - mu) / sigma) ^ 2 / 2) / math.sqrt(2 * math.pi) / sigma / whole
  end
  return mass((inner(axis, x - 0.5) - mu) / sigma, (inner(axis, x + 0.5) - mu) / sigma) / whole
end

local function weights(self)
  local n, result, sum = #self.points, {}, self.prior_weight
  for i = 1, n do
    local ramp = n - 25
    result[i] = i > ramp and 1 or ramp == 1 and 1 / n or 1 / n + (i - 1) * (1 - 1 / n) / (ramp - 1)
    sum = sum + result[i]
  end
  result[n + 1] = self.prior_weight
  return result, sum
end

function parzen:log_density(x)
  local weight, total = weights(self)
  local n, terms, sum = #self.points, {}, 0
  for i = 1, n + 1 do terms[i] = weight[i] / total end
  for j, axis in ipairs(self.axes) do
    local shape = axis.kind ~= "category" and kernels(self, j)
    local share, choices = self.prior_weight / (n + 1), axis.high + 1
    for i = 1, n + 1 do
      local p = shape and probability(axis, shape[i], x[j]) or 1 / choices
      if not shape and i <= n then
        p = (share + (self.points[i].x[j] == x[j] and 1 or 0)) / (1 + choices * share)
      end
      terms[i] = terms[i] * p
    end
  end
  for i = 1, n + 1 do sum = sum + terms[i] end
  return math.log(sum)
end

local function pick(weight, left)
  for i = 1, #weight - 1 do
    left = left - weight[i]
    if left < 0 then return i end
  end
  return #weight
end

function parzen:draw(uniforms)
  local weight, total = weights(self)
  local x, n, chosen = {}, #self.points, pick(weight, uniforms[1] * total)
  for j, axis in ipairs(self.axes) do
    local u, low, high = uniforms[j + 1], ends(axis)
    if axis.kind == "category" then
      local row = {}
      for k = 0, axis.high do
        row[k + 1] = chosen > n and 1 or self.prior_weight / (n + 1) + (self.points[chosen].x[j] == k and 1 or 0)
      end
      x[j] = pick(row, u * (chosen > n and axis.high + 1 or 1 + (axis.high + 1) * self.prior_weight / (n + 1))) - 1
    else
      local kernel = kernels(self, j)[chosen]
      local value = parzen.normal_between(kernel[1], kernel[2], low, high, u)
      if axis.kind == "whole" then
        value = math.floor((axis.log and math.exp(value) or value) + 0.5)
        value = math.max(axis.low, math.min(axis.high, value))
      end
      x[j] = value
    end
  end
  return x
end

return parzen
