-- choices: domains that are lists of values, all as likely.
--
--   choice {...}   values that are like themselves only
--   ordered {...}  neighbours are alike
-- A value may be a list, or core.null, which trial(p) sees as nil. A value may bring parameters of its own, a branch: { "sgd", momentum = hpo.uniform(0, 1) }.

local core = require "hpo.core"
local check = require "hpo.check"
local domain = require "hpo.domain"

local choices = {}
local DEEPEST = 8 -- lists in lists, branches in branches

-- A rule: domains by name. A plain value is a parameter that does not vary.
function choices.named(field, value)
  if type(value) ~= "table" or check.is_object(value) or #value > 0 then
    check.expected(field, "a table of names and domains", value, "such as { lr = hpo.loguniform(1e-5, 1e-3) }")
  end
  local result = {}
  for _, name in ipairs(check.names(value)) do
    local inner, d = field .. "." .. check.text(field, name), value[name]
    if type(d) == "table" and not domain.is(d) then
      check.expected(inner, "a domain", d, "a list of values is hpo.choice { ... }")
    end
    result[name] = domain.of(domain.is(d) and d or choices.choice { d })
  end
  return result
end

-- A parameter's value: a text, number or boolean, core.null, or a list of them.
function choices.value(field, value, depth)
  depth = depth or 0
  if value == core.null then return value end
  if type(value) ~= "table" or check.is_object(value) then return check.scalar(field, value) end
  if next(value) == nil then core.fail(field, "a list that is a value has elements, found an empty one", "hpo.null is the value for nothing") end
  if depth == DEEPEST then core.fail(field, "a list nested deeper than " .. DEEPEST .. " levels") end
  return check.list(function(inner, element) return choices.value(inner, element, depth + 1) end, 1)(field, value)
end

-- A value and its branch, or nil: a table with names is a branch, one without is a list.
local function item(field, given)
  local branch = {}
  for name, d in pairs(type(given) == "table" and not check.is_object(given) and given or {}) do
    if math.type(name) ~= "integer" then branch[name] = d end
  end
  if next(branch) == nil then return choices.value(field, given), nil end
  if #given ~= 1 then check.expected(field, 'a value, or a value and its parameters, such as { "sgd", momentum = hpo.uniform(0, 1) }', given) end
  return choices.value(field .. "[1]", given[1]), choices.named(field, branch)
end

-- How many branches lie in each other.
local function depth_of(field, branch)
  local depth = 0
  for _, d in pairs(branch or {}) do depth = math.max(depth, d.depth or 0) end
  if depth >= DEEPEST then core.fail(field, "branches nested deeper than " .. DEEPEST .. " levels") end
  return branch and depth + 1 or 0
end

local function list(kind, values)
  local field, seen, branches, special, depth = "hpo." .. kind, {}, {}, false, 0
  values = check.list(function(inner, given)
    local value, branch = item(inner, given)
    local text = core.encode(value)
    if seen[text] then core.fail(inner, "the value " .. text .. " is there twice") end
    seen[text] = true
    special = special or value == core.null or type(value) == "table"
    branches[#branches + 1] = branch or false
    depth = math.max(depth, depth_of(inner, branch))
    return value
  end, 1)(field, values)
  return domain.new { kind = kind, values = values, branches = branches, special = special, depth = depth }
end

function choices.choice(values) return list("choice", values) end
function choices.ordered(values) return list("ordered", values) end

return choices
