-- grid: every combination once. Names are sorted, the last varies fastest.

local check = require "hpo.check"
local core = require "hpo.core"
local method = require "hpo.method"
local space = require "hpo.space"

local function sizes(study)
  local domains = space.of(study)
  local names, sizes, total = check.names(domains), {}, 1
  for _, name in ipairs(names) do
    sizes[name] = domains[name]:size()
    if not sizes[name] then
      core.fail("study.space." .. name, "a grid needs values that can be counted, found " .. tostring(domains[name]),
        "hpo.choice { ... }, hpo.randint, hpo.quniform")
    end
    total = total * sizes[name]
    if total > 1000000 then core.fail("study.space", "a grid of more than 1000000 points") end
  end
  return names, sizes, total
end

return function(options)
  check.fields("hpo.search.grid", options or {}, {})
  return method.new("search", "grid", nil, function(study)
    local names, sizes, total = sizes(study)
    local searcher = { size = total }

    function searcher:suggest(n)
      local i, params = n - study.first, {}
      if i >= total then return nil end
      for k = #names, 1, -1 do
        local name = names[k]
        params[name] = study.space[name]:item(i % sizes[name])
        i = i // sizes[name]
      end
      return params
    end

    return searcher
  end)
end
