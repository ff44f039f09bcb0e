-- method: a search method or a scheduler, as a recipe hands it to a study.
--
-- Ours are descriptions with a name, options and a function that opens a fresh object. A recipe's own
-- is a function (study) → object, or an object that is copied for each opening: state is always built
-- anew, since the engine may open a study again and tell it everything from the start.
--   searcher   { suggest = function(self, n) → params or nil, start = function(self, trial, params),
--                observe = function(self, trial, t, value), finish = function(self, trial, status) }
--   scheduler  { start = function(self, trial, params), report = function(self, trial, t, value) →
--                "continue" or "stop", why; or { { trial, decision, parent?, t?, params?, why? }, ... },
--                finish = function(self, trial, status) → decisions about others, or nil,
--                idle = function(self) → decisions, ["until"] = function(self, trial, t) → t, max_t = T,
--                population = true where study.samples decides }
-- One of ours whose answer may be an exploit has exploits = true; a recipe's own may always.
-- why, a text or a function that returns it, is the reason in words: hpo why shows it, nothing else asks.

local core = require "hpo.core"
local check = require "hpo.check"

local method = {}
local builtin = {}
builtin.__index = builtin

function builtin.__tostring(self) return "hpo." .. self.role .. "." .. self.name end

-- One of ours: role "search" or "scheduler", options as checked, open(study) → object; parts are the
-- modules of its room that it is made of, besides its own.
function method.new(role, name, options, open, parts)
  return setmetatable({ role = role, name = name, options = options, open = open, parts = parts or {} }, builtin)
end

-- The embedded modules that one of ours is written in, or nil.
function method.modules(value)
  if getmetatable(value) ~= builtin then return nil end
  local list = {}
  for i, part in ipairs(value.parts) do list[i] = "hpo." .. value.role .. "." .. part end
  list[#list + 1] = "hpo." .. value.role .. "." .. value.name
  return list
end

local function copy(value, depth)
  if type(value) ~= "table" or check.is_object(value) then return value end
  if depth > 100 then core.fail("study", "a searcher or scheduler nested deeper than 100 levels") end
  local result = {}
  for k, v in pairs(value) do result[k] = copy(v, depth + 1) end
  return setmetatable(result, getmetatable(value))
end

-- A rule for study.search and study.scheduler.
function method.rule(role, needed)
  return function(field, value)
    if type(value) == "function" then return value end
    if getmetatable(value) == builtin then
      if value.role == role then return value end
    elseif type(value) == "table" and not check.is_object(value) and type(value[needed]) == "function" then
      return value
    end
    check.expected(field, "hpo." .. role .. ".NAME { ... }, a table with " .. needed .. ", or a function that returns one", value)
  end
end

-- A fresh object. view is what a method may know of its study.
function method.open(field, needed, value, view)
  local object
  if getmetatable(value) == builtin then
    object = value.open(view)
  elseif type(value) == "function" then
    object = value(view)
  else
    object = copy(value, 0)
  end
  if type(object) ~= "table" or type(object[needed]) ~= "function" then
    check.expected(field, "a table with a function " .. needed, object)
  end
  return object
end

-- What decides, as a part of the study's identity.
function method.identity(value)
  if getmetatable(value) ~= builtin then return "custom" end
  return { name = value.name, options = value.options }
end

return method
