-- bohb: the kernel densities of BOHB (Falkner, Klein & Hutter 2018), with the rules of HpBandSter's
-- generator and of statsmodels' KDEMultivariate.
--
-- Points lie in the unit cube, a category as its place. For each t that trials reached, the best
-- top_n_percent of the reports there make one density, the others another; points drawn near good
-- ones compete by their ratio. The largest t with enough reports counts. A parameter that a point does
-- not have, as it belongs to another branch, is filled in from other points (Falkner et al., HpBandSter).

local axes = require "hpo.search.parts.axes"
local check = require "hpo.check"
local core = require "hpo.core"
local history = require "hpo.search.parts.history"
local holes = require "hpo.search.parts.holes"
local kde = require "hpo.search.parts.kde"
local method = require "hpo.method"
local random = require "hpo.search.random"
local rng = require "hpo.rng"
local space = require "hpo.space"

local rules = {
  min_points_in_model = check.whole(1, 1000000000),
  top_n_percent = { check.whole(1, 99), default = 15 },
  num_samples = { check.whole(1, 100000), default = 64 },
  random_fraction = { check.number { least = 0, most = 1 }, default = 1 / 3 },
  bandwidth_factor = { check.number { above = 0 }, default = 3 },
  min_bandwidth = { check.number { above = 0 }, default = 1e-3 },
}

-- How many of n reports make the good and the other density, or nil: too few for a model.
local function sizes(o, list, n)
  local least = math.max(o.min_points_in_model or 0, #list + 1)
  local good = math.max(least, o.top_n_percent * n // 100)
  local bad = math.min(math.max(least, (100 - o.top_n_percent) * n // 100), n - good)
  if #list > 0 and bad > #list then return good, bad end
end

-- The densities l of the good and g of the other ones of sorted observations { x =, loss = }.
local function new_model(o, list, sorted, generator)
  local good, bad = sizes(o, list, #sorted)
  local rows = {}
  for i, observation in ipairs(sorted) do rows[i] = observation.x end
  local function density(first, n)
    return kde.new(list, holes.filled(list, table.move(rows, first, first + n - 1, 1, {}), generator), o.min_bandwidth)
  end
  return { l = density(1, good), g = density(good + 1, bad) }
end

-- Puts an observation behind those that are not worse; without a finite loss it is worst.
local function insert(sorted, x, loss)
  local low, high = 1, #sorted + 1
  if not check.is_finite(loss) then loss = math.huge end
  while low < high do
    local middle = (low + high) // 2
    if sorted[middle].loss <= loss then low = middle + 1 else high = middle end
  end
  table.insert(sorted, low, { x = x, loss = loss })
end

-- A point near a random good row.
local function near(o, list, model, generator)
  local row, x = model.l.rows[generator:below(#model.l.rows) + 1], {}
  for j, a in ipairs(list) do
    local h, u = model.l.h[j], generator:uniform()
    if a.kind ~= "category" then
      x[j] = core.normal_between(row[j], o.bandwidth_factor * h, 0, 1, u)
    else
      h = math.min(h, 1) -- keep it with probability 1 - h, else any
      x[j] = u < 1 - h and row[j] or math.min((u - (1 - h)) / h * (a.high + 1) // 1, a.high)
    end
  end
  return x
end

-- The point whose g/l is least, or nil. allowed(x): it may be suggested at all.
local function choose(o, list, model, generator, allowed)
  local best, least = nil, math.huge
  for _ = 1, o.num_samples do
    local x = near(o, list, model, generator)
    local l, g = model.l.at(x), model.g.at(x)
    local may = allowed(x)
    local ratio = (g > 1e-32 and g or 1e-32) / (1e-32 > l and 1e-32 or l) -- a NaN of g is 1e-32, of l stays
    if may and not check.is_finite(ratio) then
      if check.is_finite(l) then return x end -- no bad point has this category
    elseif may and ratio < least then
      best, least = x, ratio
    end
  end
  return best
end

-- The reports at each t, the best first, and the largest t that has a model.
local function open(o, study)
  local list, constants = axes.of(space.of(study))
  local groups, places = space.groups(study.space), {}
  for j, a in ipairs(list) do places[a.name] = j end
  local startup, sign = random {}.open(study), study.mode == "max" and -1 or 1
  local searcher, at, xs, latest, model = {}, {}, {}, 0, nil

  function searcher:start(trial, params) xs[trial] = axes.cube(list, params) end

  function searcher:observe(trial, t, value)
    if t < latest then return end
    at[t] = at[t] or {}
    insert(at[t], xs[trial], sign * value)
    if sizes(o, list, #at[t]) then latest, model = t, nil end
  end

  function searcher:suggest(n)
    local generator = rng.open(study.seed, n, "bohb")
    if latest == 0 or generator:uniform() < o.random_fraction then return startup:suggest(n) end
    -- A model is made when it is first asked for, which may be in another trial after a wake.
    model = model or new_model(o, list, at[latest], rng.open(study.seed, #at[latest], "bohb holes"))
    local function point(x)
      return space.fill(groups, function(name)
        local j = places[name]
        if not j then return constants[name] end
        return list[j]:from_cube(x[j])
      end)
    end
    local x = choose(o, list, model, generator, function(x) return not study.allows or study.allows(point(x)) end)
    return x and point(x) or startup:suggest(n)
  end

  return searcher
end

local function densities(o, domains, trials, points)
  if #space.groups(domains) > 1 then core.fail("hpo.search.bohb:density: space", "expected a space without branches") end
  local list, sorted, result = axes.of(domains), {}, {}
  for _, trial in ipairs(trials) do
    insert(sorted, axes.cube(list, trial.params), trial.value)
  end
  if not sizes(o, list, #sorted) then
    core.fail("hpo.search.bohb:density: history", "too few trials for a model: " .. #sorted)
  end
  local model = new_model(o, list, sorted, nil)
  for k, point in ipairs(points) do
    local x = axes.cube(list, point)
    result[k] = { model.l.at(x), model.g.at(x) }
  end
  return result
end

return function(options)
  local o = check.fields("hpo.search.bohb", options or {}, rules)
  return method.new("search", "bohb", o, function(study) return open(o, study) end, {
    density = history.reader("hpo.search.bohb", function(...) return densities(o, ...) end),
  })
end
