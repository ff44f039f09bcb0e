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

local function open(study)
  local names, sizes, total = sizes(study)
  local kept -- the numbers of the points that the study's `where` allows; nil: all

  -- The i-th combination, from 0.
  local function point(i)
    local params = {}
    for k = #names, 1, -1 do
      local name = names[k]
      params[name] = study.space[name]:item(i % sizes[name])
      i = i // sizes[name]
    end
    return params
  end

  if study.allows then
    kept = {}
    for i = 0, total - 1 do
      if study.allows(point(i)) then kept[#kept + 1] = i end
    end
    if #kept == 0 then core.fail("study.where", "it refuses every point of the grid") end
  end

  local searcher = { size = kept and #kept or total }
  function searcher:suggest(n)
    local i = n - study.first
    if i < searcher.size then return point(kept and kept[i + 1] or i) end
  end
  return searcher
end

return function(options)
  check.fields("hpo.search.grid", options or {}, {})
  return method.new("search", "grid", nil, open)
end
