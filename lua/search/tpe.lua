-- tpe: the tree-structured Parzen estimator (Bergstra et al. 2011), with the rules of Optuna 5's
-- TPESampler: points are drawn from a mixture around the good trials, and the one is taken that is
-- most likely there compared to a mixture around the others.

local axes = require "hpo.search.axes"
local check = require "hpo.check"
local core = require "hpo.core"
local history = require "hpo.search.history"
local method = require "hpo.method"
local random = require "hpo.search.random"
local rng = require "hpo.rng"
local space = require "hpo.space"
local split = require "hpo.search.split"

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

local function singles(list)
  local result = {}
  for i, a in ipairs(list) do result[i] = { a } end
  return result
end

local function open(o, study)
  local list, constants = axes.of(space.of(study))
  local model = split.new(o, #list > 0 and o.multivariate and { list } or singles(list))
  local startup, sign = random {}.open(study), study.mode == "max" and -1 or 1
  local searcher = {}

  function searcher:suggest(n)
    if model:divide() < o.n_startup_trials then return startup:suggest(n) end
    local generator, params = rng.open(study.seed, n, "tpe"), {}
    for name, value in pairs(constants) do params[name] = value end
    -- With a mixture for each parameter only the last one sees a whole point.
    for i, pair in ipairs(model) do
      if not choose(pair, o.n_ei_candidates, generator, params, i == #model and study.allows) then return startup:suggest(n) end
    end
    return params
  end

  function searcher:start(trial, params) model:start(trial, params) end
  function searcher:observe(trial, t, value) model:observe(trial, t, sign * value) end
  function searcher:finish(trial, status) model:finish(trial, status) end

  return searcher
end

-- { joint = { below, above }, NAME = { below, above }, ... } of each point, as natural logarithms.
local function densities(o, domains, trials, points)
  local list, constants = axes.of(domains)
  local lists = singles(list)
  if domains.joint then
    core.fail("hpo.search.tpe:density: space.joint", "the name stands for the density of all parameters", "call it otherwise")
  end
  if #list > 0 then table.insert(lists, list) end
  local model, result = split.new(o, lists), {}
  for i, trial in ipairs(trials) do
    model:start(i, trial.params)
    model:observe(i, 1, trial.value)
    model:finish(i, "completed")
  end
  model:divide()
  for k, point in ipairs(points) do
    result[k] = { joint = { 0, 0 } }
    for name in pairs(constants) do result[k][name] = { 0, 0 } end
    for i, pair in ipairs(model) do
      local x = axes.coordinates(pair.axes, point)
      result[k][list[i] and list[i].name or "joint"] = { pair.below:log_density(x), pair.above:log_density(x) }
    end
  end
  return result
end

return function(options)
  local o = check.fields("hpo.search.tpe", options or {}, rules)
  local self = method.new("search", "tpe", o, function(study) return open(o, study) end, { "axes", "random", "split" })
  self.density = history.reader("hpo.search.tpe", function(...) return densities(o, ...) end)
  return self
end
