-- random: independent draws, name by name in sorted order, those of a branch behind the others
-- (Bergstra & Bengio 2012).

local check = require "hpo.check"
local core = require "hpo.core"
local method = require "hpo.method"
local rng = require "hpo.rng"
local space = require "hpo.space"

local MOST = 10000 -- draws for a point that the study's `where` allows

return function(options)
  check.fields("hpo.search.random", options or {}, {})
  return method.new("search", "random", nil, function(study)
    local domains = space.of(study)
    local groups = space.groups(domains)
    local searcher = {}

    function searcher:suggest(n)
      local generator = rng.open(study.seed, n, "suggest")
      for _ = 1, MOST do
        local params = space.fill(groups, function(name) return domains[name]:draw(generator) end)
        if not study.allows or study.allows(params) then return params end
      end
      core.fail("study.where", "it refuses " .. MOST .. " random points, one after the other", "a wider space, or a weaker condition")
    end

    return searcher
  end)
end
