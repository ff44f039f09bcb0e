-- explore: what PBT makes of a donor's parameters. Numbers are multiplied by a factor and stay in their
-- range; in a list a value moves to a neighbour and stays in the list.

local check = require "hpo.check"
local choices = require "hpo.choices"
local core = require "hpo.core"
local domain = require "hpo.domain"
local round = require "hpo.scheduler.parts.rounding"
local space = require "hpo.space"

local explore = {}

-- A rule: name → domain; a list of values is one whose neighbours are alike.
function explore.mutations(field, value)
  if type(value) ~= "table" or check.is_object(value) or #value > 0 then
    check.expected(field, "a table of names and domains", value, "mutations = { lr = hpo.loguniform(1e-5, 1e-3) }")
  end
  local result = {}
  for _, name in ipairs(check.names(value)) do
    local d = value[name]
    if type(d) == "table" and not check.is_object(d) then d = choices.ordered(d) end
    if not domain.is(d) then check.expected(field .. "." .. name, "a domain, or a list of values", d) end
    d = domain.of(d)
    for i, branch in ipairs(d.branches or {}) do
      if branch then
        core.fail(field .. "." .. name .. "[" .. i .. "]", "a mutation has no branches", "the study's space says what a value brings, and mutations know those parameters by name")
      end
    end
    result[name] = d
  end
  return result
end

local function pick(list, generator) return list[generator:below(#list) + 1] end

local function clamp(x, low, high) return math.max(low, math.min(high, x)) end

local function neighbour(d, value, step)
  local i = d:place(value)
  return i and d.values[clamp(i + step, 1, #d.values)]
end

-- The value one step away, or nil: it is not one of the domain's.
local function perturbed(d, value, factors, generator)
  if d.values then return neighbour(d, value, pick({ -1, 1 }, generator)) end
  local x = value * pick(factors, generator)
  if d.q then return d:item(clamp(round(x / d.q), d.first, d.last) - d.first) end
  if d.kind == "randint" then x = round(x) end
  return clamp(x, d.low, d.high)
end

-- The names of both tables, sorted.
local function union(a, b)
  local all = {}
  for name in pairs(a) do all[name] = true end
  for name in pairs(b) do all[name] = true end
  return check.names(all)
end

-- o: resample_probability, perturbation_factors, mutations = { name = domain }. Each name takes its
-- draws in the order of the names, those of a branch behind the others; a branch that the point enters
-- is drawn anew. What the study `allows`, where it says so, must hold of what comes out: else it is
-- drawn again, and after a hundred times the donor's parameters stay.
function explore.params(o, params, generator, study)
  local groups = study.space and space.groups(study.space) or { { places = {}, names = union(params, o.mutations) } }

  local function mutated(name)
    local d, value = o.mutations[name], params[name]
    local resample = generator:uniform() < o.resample_probability
    if not resample and value ~= nil then value = perturbed(d, value, o.perturbation_factors, generator) else value = nil end
    if value == nil then value = d:draw(generator) end
    return value
  end

  local function give(name)
    if o.mutations[name] then
      local value, own = mutated(name), study.space and study.space[name]
      if own then return own:own(value) end
      return value
    end
    if params[name] == nil then return study.space[name]:draw(generator) end
    return params[name]
  end

  for _ = 1, 100 do
    local result = space.fill(groups, give)
    if not study.allows or study.allows(result) then return result end
  end
  return params
end

return explore
