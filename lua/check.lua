-- check: what a recipe may write, and the sentence that says so where it is something else.
--
-- A rule is a function (field, value) that returns the value to use, or fails with a message that
-- names the field. check.fields applies rules to a table of options; other fields do not exist.

local core = require "hpo.core"
local spelling = require "hpo.spelling"

local check = {}
local sorted = setmetatable({}, { __mode = "k" }) -- rules → their names

-- The names of a table, sorted by bytes, and whether it has no other keys. Positions are not names.
check.names = core.names

-- True for what the DSL makes (artifacts, studies, spaces, ...): it knows how to show itself.
function check.is_object(value)
  local meta = getmetatable(value)
  return type(value) == "table" and type(meta) == "table" and meta.__tostring ~= nil
end

-- The value as a person would write it.
function check.show(value)
  local kind = type(value)
  if kind == "nil" then return "nothing" end
  if kind == "string" then return '"' .. (#value <= 60 and value or value:sub(1, 57) .. "...") .. '"' end
  if value == core.null then return "hpo.null" end
  if kind == "number" then return core.number(value) end
  if kind == "boolean" or check.is_object(value) then return tostring(value) end
  return "a " .. kind
end

function check.expected(field, what, value, hint)
  core.fail(field, "expected " .. what .. ", found " .. check.show(value), hint)
end

-- Applies rules to the options of `what` and returns a new table. rules[name] is a rule, or
-- { rule, default = x }, or { rule, required = "what is expected" }.
function check.fields(what, options, rules)
  local known, result = sorted[rules] or check.names(rules), {}
  sorted[rules] = known
  if type(options) ~= "table" or check.is_object(options) then
    check.expected(what, "a table of fields", options, what .. " { " .. table.concat(known, ", ") .. " }")
  end
  local names, named = check.names(options)
  for key, value in pairs(named and {} or options) do
    if type(key) ~= "string" then
      core.fail(what, "expected named fields, found " .. check.show(value) .. " without a name",
        "there are: " .. table.concat(known, ", "))
    end
  end
  for _, name in ipairs(names) do
    if not rules[name] then core.fail(what .. "." .. name, "no such field", spelling.hint(name, known)) end
  end
  for _, name in ipairs(known) do
    local rule, value = rules[name], options[name]
    local alone = type(rule) == "function"
    if value ~= nil then
      result[name] = (alone and rule or rule[1])(what .. "." .. name, value)
    elseif not alone and rule.required then
      check.expected(what .. "." .. name, rule.required, nil)
    elseif not alone then
      result[name] = rule.default
    end
  end
  return result
end

function check.is_finite(x) return type(x) == "number" and x - x == 0 end

-- A whole number from low to high (either may be nil), as an integer.
function check.whole(low, high)
  local what = "a whole number" .. (low and " ≥ " .. core.number(low) or "")
  return function(field, value)
    local whole = check.is_finite(value) and math.tointeger(value)
    if not whole or low and whole < low then check.expected(field, what, value) end
    if high and whole > high then check.expected(field, "a whole number ≤ " .. core.number(high), value) end
    return whole
  end
end

-- A finite number that is > above or ≥ least, and ≤ most (each may be absent).
function check.number(limit)
  local low = limit.above and " > " .. core.number(limit.above) or limit.least and " ≥ " .. core.number(limit.least) or ""
  local high = limit.most and (low ~= "" and " and" or "") .. " ≤ " .. core.number(limit.most) or ""
  return function(field, value)
    local above, least, most = limit.above or -math.huge, limit.least or value, limit.most or value
    if not check.is_finite(value) or value <= above or value < least or value > most then check.expected(field, "a number" .. low .. high, value) end
    return value
  end
end

local function readable(field, value)
  if value:find("\0", 1, true) or not utf8.len(value) then
    core.fail(field, "expected UTF-8 text without NUL, found other bytes")
  end
  return value
end

function check.text(field, value)
  if type(value) ~= "string" then check.expected(field, "a text", value) end
  if value == "" then core.fail(field, "expected a text, found an empty one") end
  return readable(field, value)
end

-- A parameter's value. An empty text is one.
function check.scalar(field, value)
  if type(value) == "boolean" or check.is_finite(value) then return value end
  if type(value) ~= "string" then check.expected(field, "a text, a finite number, true or false", value) end
  return readable(field, value)
end

function check.callable(field, value)
  if type(value) ~= "function" then check.expected(field, "a function", value) end
  return value
end

function check.one_of(...)
  local words = { ... }
  return function(field, value)
    for _, word in ipairs(words) do if value == word then return value end end
    check.expected(field, '"' .. table.concat(words, '" or "') .. '"', value)
  end
end

-- A list whose elements follow a rule, at least `least` (0 or 1) of them.
function check.list(rule, least)
  return function(field, value)
    local n, result = 0, {}
    if type(value) ~= "table" or check.is_object(value) then check.expected(field, "a list", value) end
    for _ in pairs(value) do n = n + 1 end
    if n ~= #value then core.fail(field, "expected a list, found a table with names or holes", "a nil in it leaves a hole: in a choice hpo.null is the value for it") end
    if n < least then core.fail(field, "expected at least one element, found an empty list") end
    for i, element in ipairs(value) do result[i] = rule(field .. "[" .. i .. "]", element) end
    return result
  end
end

-- A path that stays inside its folder (file_is_inner_path in C).
function check.inner_path(field, value)
  check.text(field, value)
  if ("/" .. value .. "/"):find "/%.?%.?/" then
    check.expected(field, 'a path without "." and "..", that does not begin or end with "/"', value)
  end
  return value
end

return check
