-- spelling: which known name was probably meant.

local spelling = {}

-- How many letters to change, add, remove, or swap with the next to make b of a (optimal string alignment).
local function distance(a, b)
  local above, row = {}, {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local two_above
    two_above, above, row = above, row, { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      row[j] = math.min(above[j - 1] + (same and 0 or 1), above[j] + 1, row[j - 1] + 1)
      local swapped = i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j)
      if swapped then row[j] = math.min(row[j], two_above[j - 2] + 1) end
    end
  end
  return row[#b]
end

-- A hint: the nearest of the sorted names, or all of them where none is near.
function spelling.hint(name, names)
  local nearest, least = nil, math.max(1, #name // 3) + 1
  if #name <= 60 then
    for _, known in ipairs(names) do
      local d = distance(name, known)
      if d < least then nearest, least = known, d end
    end
  end
  if nearest then return 'did you mean "' .. nearest .. '"?' end
  return "there are: " .. table.concat(names, ", ")
end

return spelling
