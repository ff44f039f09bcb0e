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
local builtin = {} -- the metatable of ours
local ours = setmetatable({}, { __mode = "k" }) -- method → { role =, name =, options =, functions = }

-- One of ours: role "search" or "scheduler", options as checked, open(study) → object, and what else
-- a recipe can call of it. A recipe cannot change it: its name and options stand in keys.
function method.new(role, name, options, open, functions)
  local self = setmetatable({}, builtin)
  functions = functions or {}
  functions.open = open
  ours[self] = { role = role, name = name, options = options, functions = functions }
  return self
end

function builtin.__tostring(self) return "hpo." .. ours[self].role .. "." .. ours[self].name end
function builtin.__index(self, name) return ours[self].functions[name] end
function builtin.__newindex(self) core.fail(tostring(self), "it cannot be changed") end

-- The function that one of ours is opened with, whose module decides with all that it requires; nil
-- where it is a recipe's own.
function method.code(value) return ours[value] and ours[value].functions.open end

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
    if ours[value] then
      if ours[value].role == role then return value end
    elseif type(value) == "table" and not check.is_object(value) and type(value[needed]) == "function" then
      return value
    end
    check.expected(field, "hpo." .. role .. ".NAME { ... }, a table with " .. needed .. ", or a function that returns one", value)
  end
end

-- A fresh object. view is what a method may know of its study.
function method.open(field, needed, value, view)
  local object
  if ours[value] then
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
  local own = ours[value]
  return own and { name = own.name, options = own.options } or "custom"
end

return method
