-- globals: what a recipe has as globals, and the libraries that it can require. Run once, behind the
-- sandbox, before any module of the library.
--
-- What the library computes is known by its source, so a recipe cannot change it: it has copies of the
-- standard tables, and neither reaches a metatable of the library's nor writes to an object of it.

local raw_get, raw_set, raw_setmetatable, raw_load = rawget, rawset, setmetatable, load

-- Metatables: true for the library's, false for a recipe's, whose objects the library may copy.
local sealed = raw_setmetatable({}, { __mode = "k" })
function setmetatable(t, meta)
  if meta and sealed[meta] == nil then sealed[meta] = true end
  return raw_setmetatable(t, meta)
end

local own = {} -- the globals of a recipe
local libraries = { _G = own }
for name, value in pairs(_G) do
  own[name] = value
  if type(value) == "table" and value ~= _G then
    own[name] = {}
    for inner, f in pairs(value) do own[name][inner] = f end
    libraries[name] = own[name]
  end
end
own._G = own

-- The methods of a text are the library's; a recipe may add others to its table `string`.
raw_setmetatable(string, { __index = own.string })
getmetatable("").__metatable = "locked"

local function is_sealed(v)
  local meta = getmetatable(v)
  return type(v) == "table" and meta ~= nil and sealed[meta]
end

function own.getmetatable(v)
  if not is_sealed(v) then return getmetatable(v) end
end

function own.setmetatable(t, meta)
  if is_sealed(t) then error("setmetatable: " .. tostring(t) .. " cannot be changed", 2) end
  if type(meta) == "table" and (raw_get(meta, "__gc") ~= nil or raw_get(meta, "__mode") ~= nil) then
    error("setmetatable: a recipe has neither __gc nor weak tables: when memory is freed is no part of it", 2)
  end
  if type(meta) == "table" and sealed[meta] == nil then sealed[meta] = false end
  return raw_setmetatable(t, meta)
end

function own.rawset(t, key, value)
  if is_sealed(t) then error("rawset: " .. tostring(t) .. " cannot be changed", 2) end
  return raw_set(t, key, value)
end

function own.load(chunk, name, _, env)
  if type(chunk) ~= "string" then error("load: expected a string, found " .. type(chunk), 2) end
  return raw_load(chunk, name, "t", env or own)
end

return own, libraries
