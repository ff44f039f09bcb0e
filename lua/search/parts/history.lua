-- history: trials given by hand, for a model's `density`: { { params = {...}, value = X }, ... }.

local check = require "hpo.check"
local space = require "hpo.space"

local history = {}

-- A report's number; NaN and the infinities are some.
local function number(field, value)
  if type(value) ~= "number" then check.expected(field, "a number", value) end
  return value
end

-- The method `density(self, space, history, points)` of what `name` says: checks, then
-- densities(domains, trials, points).
function history.reader(name, densities)
  local field = name .. ":density: "
  return function(_, domains, trials, points)
    domains = space.rule(field .. "space", domains)
    local point = space.point(domains)
    trials = check.list(function(inner, trial)
      return check.fields(inner, trial, {
        params = { point, required = "a table of parameters" },
        value = { number, required = "a number" },
      })
    end, 0)(field .. "history", trials)
    return densities(domains, trials, check.list(point, 0)(field .. "points", points))
  end
end

return history
