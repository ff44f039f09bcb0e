-- rounding: to the nearest whole number, halves to the even one, as Python's round does.

return function(x)
  local below = math.floor(x)
  local rest = x - below
  if rest > 0.5 or rest == 0.5 and below % 2 == 1 then below = below + 1 end
  return math.tointeger(below)
end
