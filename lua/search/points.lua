-- points: the given points, in the given order.

local check = require "hpo.check"
local method = require "hpo.method"
local space = require "hpo.space"

return function(points)
  points = check.list(space.point(nil), 1)("hpo.search.points", points)
  return method.new("search", "points", points, function(study)
    check.list(space.allowed(space.point(study.space), study.allows), 1)("hpo.search.points", points)
    local searcher = { size = #points }
    function searcher:suggest(n) return points[n - study.first + 1] end
    return searcher
  end)
end
