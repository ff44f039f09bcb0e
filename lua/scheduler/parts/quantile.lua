-- quantile: a fixed quantile of numbers that come one by one, each in O(log n): the smaller ones lie in a
-- heap with their largest on top, the others in one with their smallest.

-- A heap whose top comes before all others.
local function push(heap, before, x)
  local i = #heap + 1
  while i > 1 and before(x, heap[i // 2]) do
    heap[i] = heap[i // 2]
    i = i // 2
  end
  heap[i] = x
end

local function pop(heap, before)
  local top, x, n, i = heap[1], heap[#heap], #heap - 1, 1
  heap[#heap] = nil
  while 2 * i <= n do
    local child = 2 * i
    if child < n and before(heap[child + 1], heap[child]) then child = child + 1 end
    if not before(heap[child], x) then break end
    heap[i] = heap[child]
    i = child
  end
  if n > 0 then heap[i] = x end
  return top
end

local function larger(a, b) return a > b end
local function smaller(a, b) return a < b end

-- The q-quantile: add(x), and value(), nil before the first. Linear interpolation (Hyndman & Fan 1996,
-- type 7) in numpy's steps.
return function(q)
  local low, high, quantile = {}, {}, {} -- low: the smallest floor((n - 1) q) + 1

  function quantile.add(x)
    if low[1] and x >= low[1] then push(high, smaller, x) else push(low, larger, x) end
    local n = #low + #high
    local want = math.floor((n - 1) * q) + 1
    if #low < want then push(low, larger, pop(high, smaller)) end
    if #low > want then push(high, smaller, pop(low, larger)) end
  end

  function quantile.value()
    local n = #low + #high
    if n == 0 then return nil end
    local x = (n - 1) * q
    local g, a, b = x - math.floor(x), low[1], high[1] or low[1]
    if g < 0.5 then return a + (b - a) * g end
    return b - (b - a) * (1 - g)
  end

  function quantile.count() return #low + #high end

  -- How many are larger than x: looks at all of them.
  function quantile.above(x)
    local n = 0
    for _, heap in ipairs { low, high } do
      for _, other in ipairs(heap) do n = n + (other > x and 1 or 0) end
    end
    return n
  end

  return quantile
end
