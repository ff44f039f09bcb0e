-- tpe: the tree-structured Parzen estimator (Bergstra et al. 2011), with the rules of Optuna 5's
-- TPESampler: points are drawn from a mixture around the good trials, and the one is taken that is
-- most likely there compared to a mixture around the others. Parameters of a branch have mixtures of
-- their own (Optuna's group = True).

local axes = require "hpo.search.parts.axes"
local check = require "hpo.check"
local core = require "hpo.core"
local history = require "hpo.search.parts.history"
local method = require "hpo.method"
local random = require "hpo.search.random"
local rng = require "hpo.rng"
local space = require "hpo.space"
local split = require "hpo.search.parts.split"

local function truth(field, value)
  if type(value) ~= "boolean" then check.expected(field, "true or false", value) end
  return value
end

local rules = {
  n_startup_trials = { check.whole(0, 1000000000), default = 10 },
  n_ei_candidates = { check.whole(1, 100000), default = 24 },
  multivariate = { truth, default = true },
  constant_liar = { truth, default = true },
  prior_weight = { check.number { above = 0 }, default = 1 },
}

-- Of `candidates` points drawn from below, the one with the best ratio, put into params; those that
-- `allows` refuses do not count. False: none is left.
local function choose(pair, candidates, generator, params, allows)
  local best, most = nil, -math.huge
  local function put(x)
    for i, a in ipairs(pair.axes) do params[a.name] = a:value(x[i]) end
    return params
  end
  for _ = 1, candidates do
    local uniforms = {}
    for i = 1, #pair.axes + 1 do uniforms[i] = generator:uniform() end
    local x = pair.below:draw(uniforms)
    if not allows or allows(put(x)) then
      local score = pair.below:log_density(x) - pair.above:log_density(x)
      if not best or score > most then best, most = x, score end
    end
  end
  return best and put(best) ~= nil
end

-- Whether no group behind g belongs to the point.
local function is_last(groups, g, params)
  for i = g + 1, #groups do
    if space.has(params, groups[i]) then return false end
  end
  return true
end

local function open(o, study)
  local groups, lists = axes.groups(space.of(study), o.multivariate)
  local model = split.new(o, lists)
  local startup, sign = random {}.open(study), study.mode == "max" and -1 or 1
  local searcher = {}

  -- Only who chooses a point's last parameters sees all of it, and can say that it is allowed.
  local function allows(g, i)
    return study.allows and i == #groups[g].lists and function(params)
      return not is_last(groups, g, params) or study.allows(params)
    end
  end

  -- A point, or nil: none that is allowed was found.
  local function suggestion(generator)
    local params, m = {}, 0
    for g, group in ipairs(groups) do
      local has = space.has(params, group)
      for name, value in pairs(has and group.constants or {}) do params[name] = value end
      for i in ipairs(group.lists) do
        m = m + 1
        if has and not choose(model[m], o.n_ei_candidates, generator, params, allows(g, i)) then return nil end
      end
    end
    return (not study.allows or study.allows(params)) and params or nil
  end

  function searcher:suggest(n)
    if model:divide() < o.n_startup_trials then return startup:suggest(n) end
    return suggestion(rng.open(study.seed, n, "tpe")) or startup:suggest(n)
  end

  function searcher:start(trial, params) model:start(trial, params) end
  function searcher:observe(trial, t, value) model:observe(trial, t, sign * value) end
  function searcher:finish(trial, status) model:finish(trial, status) end

  return searcher
end

-- { joint = { below, above }, NAME = { below, above }, ... } of each point, as natural logarithms: of all
-- parameters that it has, and of each.
local function densities(o, domains, trials, points)
  if domains.joint then
    core.fail("hpo.search.tpe:density: space.joint", "the name stands for the density of all parameters", "call it otherwise")
  end
  local list, constants = axes.of(domains)
  local _, groups = axes.groups(domains, true)
  local lists = axes.singles(list)
  local model, result = split.new(o, table.move(groups, 1, #groups, #list + 1, lists)), {}
  for i, trial in ipairs(trials) do
    model:start(i, trial.params)
    model:observe(i, 1, trial.value)
    model:finish(i, "completed")
  end
  model:divide()
  for k, point in ipairs(points) do
    local joint = { 0, 0 }
    result[k] = { joint = joint }
    for name in pairs(constants) do result[k][name] = point[name] ~= nil and { 0, 0 } or nil end
    for i, pair in ipairs(model) do
      local x = axes.coordinates(pair.axes, point)
      local pl, pg = x and pair.below:log_density(x), x and pair.above:log_density(x)
      if x and list[i] then
        result[k][list[i].name] = { pl, pg }
      elseif x then
        joint[1], joint[2] = joint[1] + pl, joint[2] + pg
      end
    end
  end
  return result
end

return function(options)
  local o = check.fields("hpo.search.tpe", options or {}, rules)
  return method.new("search", "tpe", o, function(study) return open(o, study) end, {
    density = history.reader("hpo.search.tpe", function(...) return densities(o, ...) end),
  })
end
