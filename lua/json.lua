-- json: which Lua values have a JSON form. The form itself is written in C (core.encode).

local core = require "hpo.core"
local check = require "hpo.check"

local json = {}
local DEEPEST = 60 -- base/json reads 64 levels

local function refuse(field, what) core.fail(field, what .. " has no JSON form") end

local function walk(field, value, depth)
  local kind = type(value)
  if kind == "string" and not utf8.len(value) then refuse(field, "a string that is not UTF-8") end
  if value == core.null or kind == "nil" or kind == "boolean" or kind == "number" or kind == "string" then return end
  if kind ~= "table" or check.is_object(value) then refuse(field, check.show(value)) end
  if depth == DEEPEST then refuse(field, "a value nested deeper than " .. DEEPEST .. " levels") end
  local names, n = check.names(value), 0
  for _ in pairs(value) do n = n + 1 end
  if n ~= (#value > 0 and #value or #names) then refuse(field, "a table with names and positions, or with holes,") end
  for _, name in ipairs(names) do walk(field .. "." .. name, value[name], depth + 1) end
  for i, element in ipairs(value) do walk(field .. "[" .. i .. "]", element, depth + 1) end
end

-- Canonical JSON text: names sorted, shortest numbers, NaN and infinities as null.
function json.encode(field, value)
  walk(field, value, 0)
  return core.encode(value)
end

-- A rule: a table of names that has a JSON form.
function json.object(field, value)
  if type(value) ~= "table" or check.is_object(value) or #value > 0 then
    check.expected(field, "a table of names and values", value)
  end
  walk(field, value, 0)
  return value
end

return json
