-- explore: what PBT makes of a donor's parameters. Numbers are multiplied by a factor and stay in their
-- range; in a list a value moves to a neighbour and stays in the list.

local check = require "hpo.check"
local domain = require "hpo.domain"
local round = require "hpo.scheduler.rounding"

local explore = {}

-- A rule: name → domain; a list of values is one whose neighbours are alike.
function explore.mutations(field, value)
  if type(value) ~= "table" or check.is_object(value) or #value > 0 then
    check.expected(field, "a table of names and domains", value, "mutations = { lr = hpo.loguniform(1e-5, 1e-3) }")
  end
  local result = {}
  for _, name in ipairs(check.names(value)) do
    local d = value[name]
    if type(d) == "table" and not check.is_object(d) then d = domain.ordered(d) end
    if not domain.is(d) then check.expected(field .. "." .. name, "a domain, or a list of values", d) end
    result[name] = d
  end
  return result
end

local function pick(list, generator) return list[generator:below(#list) + 1] end

local function clamp(x, low, high) return math.max(low, math.min(high, x)) end

local function neighbour(values, value, step)
  for i, own in ipairs(values) do
    if own == value then return values[clamp(i + step, 1, #values)] end
  end
end

-- The value one step away, or nil: it is not one of the domain's.
local function perturbed(d, value, factors, generator)
  if d.values then return neighbour(d.values, value, pick({ -1, 1 }, generator)) end
  local x = value * pick(factors, generator)
  if d.q then return d:item(clamp(round(x / d.q), d.first, d.last) - d.first) end
  if d.kind == "randint" then x = round(x) end
  return clamp(x, d.low, d.high)
end

-- o: resample_probability, perturbation_factors, mutations = { name = domain }. Each name takes its
-- draws in the order of the names. allows(params), where a study has it, must hold of what comes out:
-- else it is drawn again, and after a hundred times the donor's parameters stay.
function explore.params(o, params, generator, allows)
  for _ = 1, 100 do
    local result = {}
    for name, value in pairs(params) do result[name] = value end
    for _, name in ipairs(check.names(o.mutations)) do
      local d, value = o.mutations[name], nil
      local resample = generator:uniform() < o.resample_probability
      if not resample and params[name] ~= nil then value = perturbed(d, params[name], o.perturbation_factors, generator) end
      if value == nil then value = d:draw(generator) end
      result[name] = value
    end
    if not allows or allows(result) then return result end
  end
  return params
end

return explore
