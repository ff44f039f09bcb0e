-- param: hpo.param, what --set NAME=VALUE sets.

local core = require "hpo.core"
local check = require "hpo.check"

local param = {}
local values = {}

local kinds = { string = true, number = true, boolean = true }

local function check_default(field, default)
  if kinds[type(default)] then return default end
  if type(default) ~= "table" or check.is_object(default) then
    check.expected(field, "a text, a number, true or false, or a list of such", default)
  end
  local list = check.list(function(inner, value)
    if type(value) ~= type(default[1]) or not kinds[type(value)] then
      check.expected(inner, "a value of the same kind as the first", value)
    end
    return value
  end, 1)(field, default)
  -- One float makes a list of numbers, not of whole numbers.
  for _, value in ipairs(list) do
    if math.type(value) == "float" and math.type(list[1]) == "integer" then list[1] = list[1] + 0.0 end
  end
  return list
end

function param.read(name, default)
  if type(name) ~= "string" or not name:find "^[%a_][%w_]*$" then
    check.expected("hpo.param", "a name of letters, digits and _", name)
  end
  local value = core.param(name, check_default("hpo.param(" .. check.show(name) .. ")", default))
  values[name] = value
  return value
end

-- What was read so far, by name.
function param.all() return values end

return param
