-- sandbox: what the standard library looks like inside a recipe. Run once, before anything else, with
-- the real libraries as its globals; what it does not keep does not exist afterwards.
--
-- A recipe is a pure function of its files and parameters: no clock, no files, no random numbers, and
-- no order or address that differs from process to process. Hence sorted pairs, a tostring without
-- addresses, no __gc, no weak tables. Calls that could run for hours without a hook firing are bounded
-- here where that is possible, and watched by the engine where it is not.

local core = ...
local raw_next, raw_tostring, raw_find, raw_format = next, tostring, string.find, string.format
local raw_gsub = string.gsub
local raw_get, raw_move, raw_rep = rawget, table.move, string.rep
local raw_insert, raw_concat, raw_sort, raw_pcall = table.insert, table.concat, table.sort, pcall
local raw_create, raw_wrap, raw_resume, raw_close = coroutine.create, coroutine.wrap, coroutine.resume, coroutine.close
local raw_gmatch, raw_type = string.gmatch, math.type
local LARGEST = 10000000

local rank = { number = 1, string = 2, boolean = 3 }

local function before(a, b)
  local ra, rb = rank[type(a)], rank[type(b)]
  if ra ~= rb then return ra < rb end
  if ra == 3 then return not a and b end
  return a < b
end

local function sorted_keys(t)
  local keys, alone = core.names(t)
  if not alone then
    keys = {}
    for k in raw_next, t do
      if not rank[type(k)] then
        error("a table whose keys are " .. type(k) .. "s has no order: use a list", 3)
      end
      keys[#keys + 1] = k
    end
    raw_sort(keys, before)
  end
  if core.reversed() then
    for i = 1, #keys // 2 do keys[i], keys[#keys + 1 - i] = keys[#keys + 1 - i], keys[i] end
  end
  return keys
end

function pairs(t)
  local meta = getmetatable(t)
  if type(meta) == "table" and meta.__pairs then return meta.__pairs(t) end
  if type(t) ~= "table" then error("pairs: expected a table, found " .. type(t), 2) end
  local keys, i = sorted_keys(t), 0
  return function()
    local k, v
    repeat
      i = i + 1
      k = keys[i]
      v = raw_get(t, k)
    until k == nil or v ~= nil
    return k, v
  end, t, nil
end

function next(t, key)
  if type(t) ~= "table" then error("next: expected a table, found " .. type(t), 2) end
  local found = key == nil
  for _, k in ipairs(sorted_keys(t)) do
    if found then return k, t[k] end
    found = k == key
  end
end

function tostring(v)
  local kind, meta = type(v), getmetatable(v)
  if kind == "number" then return core.number(v) end -- the shortest that reads back the same
  if rank[kind] or kind == "nil" then return raw_tostring(v) end
  if type(meta) == "table" and meta.__tostring then return raw_tostring(v) end
  return kind
end

function string.format(format, ...)
  -- A conversion is a % that no other % precedes, and ends with a letter.
  if type(format) == "string" and raw_find(format, "p", 1, true) and raw_find(raw_gsub(format, "%%%%", ""), "%%[^%a%%]*p") then
    error("string.format: %p would show an address", 2)
  end
  local n, value = select("#", ...), ...
  if n == 1 and rank[type(value)] and raw_type(value) ~= "float" then return raw_format(format, value) end -- the usual case, without a table
  local values, i = { ... }, 0
  for conversion in raw_gmatch(raw_tostring(format), "%%[^%a%%]*([%a%%])") do
    if conversion ~= "%" then
      i = i + 1
      if conversion == "s" or not rank[type(values[i])] and values[i] ~= nil then values[i] = tostring(values[i]) end
    end
  end
  return raw_format(format, table.unpack(values, 1, n))
end

function string.rep(s, n, separator)
  if type(n) == "number" and n > LARGEST and #tostring(s) + #(separator or "") == 0 then return "" end
  return raw_rep(s, n, separator)
end

local function length(t, what)
  if type(t) ~= "table" then error(what .. ": expected a table, found " .. type(t), 3) end
  return rawlen(t)
end

function table.move(a, from, to, at, b)
  if type(from) == "number" and type(to) == "number" and to - from > LARGEST then
    error("table.move: more than " .. LARGEST .. " elements", 2)
  end
  return raw_move(a, from, to, at, b)
end

function table.insert(t, ...)
  local meta = getmetatable(t)
  length(t, "table.insert")
  if type(meta) == "table" and meta.__len then error("table.insert: a table with __len", 2) end
  return raw_insert(t, ...)
end

function table.concat(t, separator, i, j)
  return raw_concat(t, separator, i or 1, j or length(t, "table.concat"))
end

-- Nothing catches the end of a limit or an interrupt, and each coroutine counts against the limit.
function pcall(...) return core.caught(raw_pcall(...)) end
function coroutine.resume(...) return core.caught(raw_resume(...)) end
function coroutine.close(...) return core.caught(raw_close(...)) end
function coroutine.create(f)
  core.begin()
  return raw_create(f)
end
function coroutine.wrap(f)
  core.begin()
  return raw_wrap(f)
end

function print(...)
  local parts = {}
  for i = 1, select("#", ...) do parts[i] = tostring((select(i, ...))) end
  core.print(raw_concat(parts, "\t"))
end

math.random, math.randomseed = nil, nil
for _, name in ipairs { "sin", "cos", "tan", "asin", "acos", "atan" } do math[name] = nil end
math.exp = core.exp
math.log = function(x, base)
  if base == nil then return core.log(x) end
  return core.log(x) / core.log(base)
end
string.dump = nil
dofile, loadfile, collectgarbage, warn, xpcall = nil, nil, nil, nil, nil
