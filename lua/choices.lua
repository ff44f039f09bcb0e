-- choices: domains that are lists of values, all as likely.
--
--   choice {...}   values that are like themselves only
--   ordered {...}  neighbours are alike
-- A value may bring parameters of its own, a branch: { "sgd", momentum = hpo.uniform(0, 1) }.

local core = require "hpo.core"
local check = require "hpo.check"
local domain = require "hpo.domain"

local choices = {}

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

-- A value and its branch, or nil.
local function item(field, given)
  if type(given) ~= "table" or check.is_object(given) then return check.scalar(field, given), nil end
  if #given ~= 1 then check.expected(field, 'a value, or a value and its parameters, such as { "sgd", momentum = hpo.uniform(0, 1) }', given) end
  local branch = {}
  for name, d in pairs(given) do
    if name ~= 1 then branch[name] = d end
  end
  return check.scalar(field .. "[1]", given[1]), next(branch) ~= nil and choices.named(field, branch) or nil
end

local function list(kind, values)
  local field, seen, branches = "hpo." .. kind, {}, {}
  values = check.list(function(inner, given)
    local value, branch = item(inner, given)
    local text = core.encode(value)
    if seen[text] then core.fail(inner, "the value " .. text .. " is there twice") end
    seen[text] = true
    branches[#branches + 1] = branch or false
    return value
  end, 1)(field, values)
  return domain.new { kind = kind, values = values, branches = branches }
end

function choices.choice(values) return list("choice", values) end
function choices.ordered(values) return list("ordered", values) end

return choices
