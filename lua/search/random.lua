-- random: independent draws, name by name in sorted order (Bergstra & Bengio 2012).

local check = require "hpo.check"
local method = require "hpo.method"
local rng = require "hpo.rng"
local space = require "hpo.space"

return function(options)
  check.fields("hpo.search.random", options or {}, {})
  return method.new("search", "random", nil, function(study)
    local domains = space.of(study)
    local names = check.names(domains)
    local searcher = {}

    function searcher:suggest(n)
      local generator, params = rng.open(study.seed, n, "suggest"), {}
      for _, name in ipairs(names) do params[name] = domains[name]:draw(generator) end
      return params
    end

    return searcher
  end)
end
