-- grid: every combination once. Names are sorted, the last varies fastest; a value with a branch counts
-- as many times as that has combinations.

local check = require "hpo.check"
local core = require "hpo.core"
local method = require "hpo.method"
local space = require "hpo.space"

local MOST = 1000000

-- Gives each group its size, the number of its combinations, and `of`: name → value → the group of its
-- branch. Returns the first group.
local function measure(domains)
  local groups = space.groups(domains)
  local of = {}
  for g = #groups, 1, -1 do
    local group = groups[g]
    group.size, group.sizes, group.of = 1, {}, of
    for _, name in ipairs(group.names) do
      local size = domains[name]:size()
      if not size then
        core.fail("study.space." .. name, "a grid needs values that can be counted, found " .. tostring(domains[name]),
          "hpo.choice { ... }, hpo.randint, hpo.quniform")
      end
      for _, inner in pairs(of[name] or {}) do size = size + inner.size - 1 end
      group.sizes[name], group.size = size, group.size * size
      if group.size > MOST then core.fail("study.space", "a grid of more than " .. MOST .. " points") end
    end
    if group.parent then
      of[group.parent] = of[group.parent] or {}
      of[group.parent][group.value] = group
    end
  end
  return groups[1]
end

-- Puts the i-th combination of a group, from 0, into params.
local function put(domains, group, i, params)
  for k = #group.names, 1, -1 do
    local name = group.names[k]
    local d, inner, j = domains[name], group.of[name], i % group.sizes[name]
    i = i // group.sizes[name]
    if not inner then params[name] = d:item(j) end
    for _, value in ipairs(inner and d.values or {}) do
      local size = inner[value] and inner[value].size or 1
      if j >= 0 and j < size then
        params[name] = value
        if inner[value] then put(domains, inner[value], j, params) end
      end
      j = j - size
    end
  end
  return params
end

local function open(study)
  local domains = space.of(study)
  local all = measure(domains)
  local kept -- the numbers of the points that the study's `where` allows; nil: all
  local function point(i) return put(domains, all, i, {}) end

  if study.allows then
    kept = {}
    for i = 0, all.size - 1 do
      if study.allows(point(i)) then kept[#kept + 1] = i end
    end
    if #kept == 0 then core.fail("study.where", "it refuses every point of the grid") end
  end

  local searcher = { size = kept and #kept or all.size }
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
