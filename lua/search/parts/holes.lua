-- holes: rows of coordinates that lack some (NaN), as their points are of another branch, filled in as
-- HpBandSter does for BOHB.

local holes = {}

-- The first coordinate that is NaN, or nil.
local function hole(row)
  for j, x in ipairs(row) do
    if x ~= x then return j end
  end
end

-- The rows of axes, without holes: each takes what it lacks from a random row that has it, or any value where none has.
function holes.filled(list, rows, generator)
  local result = {}
  for i, row in ipairs(rows) do
    local own, j = table.move(row, 1, #row, 1, {}), hole(row)
    while j do
      local donors = {}
      for _, other in ipairs(rows) do
        if other[j] == other[j] then donors[#donors + 1] = other end
      end
      local donor = #donors > 0 and donors[generator:below(#donors) + 1] or {}
      if #donors == 0 then
        local u = generator:uniform()
        own[j] = list[j].kind == "category" and math.min(u * (list[j].high + 1) // 1, list[j].high) or u
      end
      for k in ipairs(donor) do
        if own[k] ~= own[k] then own[k] = donor[k] end
      end
      j = hole(own)
    end
    result[i] = own
  end
  return result
end

return holes
