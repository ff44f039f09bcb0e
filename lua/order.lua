-- order: which rows of a study's table are shown, and in which order: `--sort COLUMN` and `--top N`.
--
-- By the study's own metric the best come first, by anything else the least; a "-" in front turns that
-- round. Equal values stand by trial, and what has none at the end, whichever way.

local core = require "hpo.core"
local check = require "hpo.check"
local spelling = require "hpo.spelling"
local trials = require "hpo.trials"

local KINDS = { number = 1, boolean = 2, string = 3, table = 4 }

-- What a word of --sort stands for: function(study) → function(trial), or nil where no study has it.
local function column_of(list, word)
  if word == "at_t" then return trials.judged_t end
  for _, field in ipairs { "key", "title" } do
    for _, column in ipairs(list) do
      if column[field] == word then return column.value end
    end
  end
end

-- The value function, and whether a "-" stood in front of the name.
local function read(list, sort)
  local value = column_of(list, sort)
  if value then return value, false end
  value = sort:sub(1, 1) == "-" and column_of(list, sort:sub(2))
  if value then return value, true end
  local known = { at_t = true }
  for _, column in ipairs(list) do known[column.key] = true end
  core.fail("--sort", "there is no column " .. check.show(sort:match "^%-?(.*)"), spelling.hint(sort:match "^%-?(.*)", check.names(known)))
end

-- True where a stands before b: kinds of values apart, each by its own order.
local function before(a, b)
  local kind, other = KINDS[type(a)], KINDS[type(b)]
  if kind ~= other then return kind < other end
  if kind == KINDS.boolean then return not a and b end
  return a < b
end

local function sorted(list, value_of, downward)
  local values, order = {}, table.move(list, 1, #list, 1, {})
  for _, trial in ipairs(list) do
    local value = value_of(trial)
    if type(value) == "table" then value = core.encode(value) end
    values[trial] = value
  end
  table.sort(order, function(a, b)
    local x, y = values[a], values[b]
    if x == y then return a.trial < b.trial end
    if x == nil or y == nil then return x ~= nil end
    if downward then x, y = y, x end
    return before(x, y)
  end)
  return order
end

-- function(study) → its trials as they are shown. list: the columns that may be named; view: { sort =, top = }.
return function(list, view)
  if not view.sort and not view.top then return function(study) return study.trials end end
  local value_of, turned = trials.value, false
  if view.sort then value_of, turned = read(list, view.sort) end
  return function(study)
    local own = not view.sort
    for _, column in ipairs(list) do own = own or column.of == study.metric and column.value == value_of end
    local rows = sorted(study.trials, value_of, turned ~= (own and study.mode == "max"))
    return view.top and table.move(rows, 1, math.min(view.top, #rows), 1, {}) or rows
  end
end
