-- grid: every combination once. Names are sorted, the last varies fastest; a value with a branch counts
-- as many times as that has combinations.

local check = require "hpo.check"
local core = require "hpo.core"
local method = require "hpo.method"
local space = require "hpo.space"

local MOST = 1000000

-- The parent of a group. Where there are two, combinations of branches are no product of their sizes.
local function parent_of(group)
  for _, place in ipairs(group.places) do
    if place.parent ~= group.places[1].parent then
      core.fail("study.space." .. group.names[1], "a grid needs parameters in branches of one choice, found it in branches of "
        .. group.places[1].parent .. " and " .. place.parent)
    end
  end
  return #group.places > 0 and group.places[1].parent
end

-- How many combinations a value's branch has.
local function size_of(inner)
  local size = 1
  for _, group in ipairs(inner or {}) do size = math.min(size * group.size, MOST + 1) end
  return size
end

-- Gives each group its size, the number of its combinations, and `of`: name → value → the groups of its
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
      for _, inner in pairs(of[name] or {}) do size = size + size_of(inner) - 1 end
      group.sizes[name], group.size = size, group.size * size
      if group.size > MOST then core.fail("study.space", "a grid of more than " .. MOST .. " points") end
    end
    local parent = parent_of(group)
    if parent then of[parent] = of[parent] or {} end
    for _, place in ipairs(group.places) do
      of[parent][place.value] = of[parent][place.value] or {}
      table.insert(of[parent][place.value], group)
      table.sort(of[parent][place.value], function(a, b) return a.names[1] < b.names[1] end)
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
      local size = size_of(inner[value])
      if j >= 0 and j < size then
        params[name] = value
        local rest = j
        for k = #(inner[value] or {}), 1, -1 do
          put(domains, inner[value][k], rest % inner[value][k].size, params)
          rest = rest // inner[value][k].size
        end
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
