-- spelling: which known name was probably meant.

local spelling = {}

-- How many letters to change, add or remove to make b of a (Levenshtein 1966).
local function distance(a, b)
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local diagonal = row[0]
    row[0] = i
    for j = 1, #b do
      local change = diagonal + (a:byte(i) == b:byte(j) and 0 or 1)
      diagonal = row[j]
      row[j] = math.min(change, row[j] + 1, row[j - 1] + 1)
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
