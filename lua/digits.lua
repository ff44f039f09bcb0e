-- digits: Lua's .. writes 14 digits of a number, and a text in a trial that has fewer digits than its
-- parameter would train something else than the table says.

local core = require "hpo.core"

local digits = {}
local short_of = {} -- of the trial that is being made: parameter → what .. makes of it
local exact_of = {} -- parameter → all its digits

local function add(name, value)
  if type(value) == "table" then
    for i, element in ipairs(value) do add(name .. "[" .. i .. "]", element) end
  elseif math.type(value) == "float" and tonumber(("%.14g"):format(value)) ~= value then
    short_of[name], exact_of[name] = ("%.14g"):format(value), core.number(value)
  end
end

-- From now on the texts of actions are those of a trial with these parameters.
function digits.of(params)
  short_of, exact_of = {}, {}
  for name, value in pairs(params) do add("p." .. name, value) end
end

-- A rule: a text that has every digit of the parameters in it.
function digits.whole(field, text)
  for _, name in ipairs(next(short_of) and core.names(short_of) or {}) do
    local short = short_of[name]
    if text:find(short, 1, true) and not text:find(exact_of[name], 1, true) then
      core.fail(field, "it has " .. short .. " for " .. name .. ", which is " .. exact_of[name],
        ".. writes 14 digits of a number: pass " .. name .. " as an argument of its own, or tostring(" .. name .. ")")
    end
  end
  return text
end

return digits
