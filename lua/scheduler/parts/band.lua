-- band: the sizes of HyperBand's brackets, in Ray's doubles: steps of a power may miss a whole number.

local core = require "hpo.core"
local round = require "hpo.scheduler.parts.rounding"

-- The brackets of a band in the order in which they are filled: { s = halvings, n = trials, r = first milestone }.
return function(o)
  local eta, list = o.reduction_factor, {}
  local most = round(core.log(o.max_t) / core.log(eta)) + 1
  for i = 0, most - 1 do
    local s = o.order == "bohb" and most - 1 - i or i
    local n = math.ceil(most / (s + 1) * core.pow(eta, s))
    local r = math.tointeger(o.max_t * core.pow(eta, -s) // 1)
    if r > 0 then list[#list + 1] = { s = s, n = n, r = r } end
  end
  return list
end
