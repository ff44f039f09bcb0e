-- core: a stand-in for the table `core` that the engine writes in C, so that lua/ can be tested by the
-- plain interpreter. Nodes are tables in core.nodes; core.fail raises a table { field, text, hint }.

local parzen = require "parzen"

local core = { nodes = {}, sets = {}, folders = {}, modules = {}, studies = {} }

local function add(kind, spec)
  spec.node_kind = kind
  core.nodes[#core.nodes + 1] = spec
  return #core.nodes - 1
end

function core.node(id) return core.nodes[id + 1] end
function core.fail(field, text, hint) error({ field = field, text = text, hint = hint }, 0) end
function core.where() return "recipe.lua:1" end
function core.within() end
function core.source(spec) return add("source", spec) end
function core.text(content, name) return add("text", { content = content, name = name }) end
function core.folder(name) return core.folders[name] end
function core.python(name) return core.modules[name] or name .. "\n" end
function core.action(spec) return add("action", spec) end
function core.fetch(spec) return add("fetch", spec) end
function core.study(spec) return add("study", spec) end
function core.best(study) return add("best", { study = study }) end
function core.after(study, outcome, where) return add("after", { study = study, outcome = outcome, where = where }) end
function core.change() end
function core.unread() end

-- As engine/recipe/recipe_methods.c: the files of lua/search or lua/scheduler.
function core.methods(room)
  local folder, names = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/../../../lua/" .. room, {}
  for file in io.popen("ls " .. folder):lines() do names[#names + 1] = file:match "^(.*)%.lua$" end
  return names
end

function core.compare(spec) return add("compare", spec) end

function core.param(name, default)
  if core.sets[name] ~= nil then return core.sets[name] end
  return default
end

function core.names(t)
  local names, alone = {}, true
  for name in pairs(t) do
    if type(name) == "string" then names[#names + 1] = name else alone = false end
  end
  table.sort(names)
  return names, alone
end

-- Shortest digits that read back; plain between 1e-4 and 1e16, as base/text writes them.
function core.number(x)
  if math.type(x) == "integer" then return string.format("%d", x) end
  if x ~= x then return "nan" end
  if x == math.huge or x == -math.huge then return x > 0 and "inf" or "-inf" end
  local digits
  for precision = 1, 17 do
    digits = string.format("%." .. precision - 1 .. "e", x)
    if tonumber(digits) == x then break end
  end
  local sign, lead, rest, exponent = digits:match "^(%-?)(%d)%.?(%d*)e([+-]%d+)$"
  local e, all = tonumber(exponent), lead .. rest
  if e < -4 or e >= 16 then
    return sign .. lead .. (rest ~= "" and "." .. rest or "") .. string.format("e%s%02d", e < 0 and "-" or "+", math.abs(e))
  end
  if e < 0 then return sign .. "0." .. ("0"):rep(-e - 1) .. all end
  all = all .. ("0"):rep(e + 1 - #all)
  return sign .. all:sub(1, e + 1) .. (#all > e + 1 and "." .. all:sub(e + 2) or "")
end

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ["\b"] = "\\b", ["\f"] = "\\f" }

local function quote(s)
  return '"' .. s:gsub('[%c"\\]', function(c) return escapes[c] or string.format("\\u%04x", c:byte()) end) .. '"'
end

core.null = setmetatable({}, { __tostring = function() return "null" end })

function core.encode(value)
  local kind = type(value)
  if value == core.null then return "null" end
  if kind == "nil" or kind == "number" and value - value ~= 0 then return "null" end
  if kind == "number" then return core.number(value) end
  if kind == "boolean" then return tostring(value) end
  if kind == "string" then return quote(value) end
  assert(kind == "table", "a " .. kind .. " has no JSON form")
  local parts, names = {}, {}
  if #value > 0 then
    for i, element in ipairs(value) do parts[i] = core.encode(element) end
    return "[" .. table.concat(parts, ", ") .. "]"
  end
  for name in pairs(value) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do parts[i] = quote(name) .. ": " .. core.encode(value[name]) end
  return "{" .. table.concat(parts, ", ") .. "}"
end

local read

local function read_string(s, i)
  local parts = {}
  while true do
    local plain, stop = s:match('^([^"\\]*)(["\\])', i)
    parts[#parts + 1], i = plain, i + #plain + 1
    if stop == '"' then return table.concat(parts), i end
    local c = s:sub(i, i)
    local simple = ({ n = "\n", t = "\t", r = "\r", b = "\b", f = "\f" })[c] or c
    if c == "u" then simple, i = utf8.char(tonumber(s:sub(i + 1, i + 4), 16)), i + 4 end
    parts[#parts + 1], i = simple, i + 1
  end
end

local function skip(s, i) return s:find("[^ \n\r\t]", i) end

local function read_table(s, i, close)
  local result = {}
  i = skip(s, i)
  while s:sub(i, i) ~= close do
    local key, value = #result + 1, nil
    if close == "}" then
      key, i = read(s, i)
      i = skip(s, i) + 1
    end
    value, i = read(s, i)
    result[key] = value
    i = skip(s, i)
    if s:sub(i, i) == "," then i = skip(s, i + 1) end
  end
  return result, i + 1
end

function read(s, i)
  i = skip(s, i)
  local c = s:sub(i, i)
  if c == "{" then return read_table(s, i + 1, "}") end
  if c == "[" then return read_table(s, i + 1, "]") end
  if c == '"' then return read_string(s, i + 1) end
  local word = s:match("^[%w+.-]+", i)
  if word == "null" then return nil, i + 4 end
  if word == "NaN" then return 0 / 0, i + 3 end
  if word == "true" or word == "false" then return word == "true", i + #word end
  return tonumber(word), i + #word
end

function core.decode(text) return (read(text, 1)) end
function core.array(t) return t end

core.log, core.exp = function(x) return math.log(x) end, math.exp
core.pow = function(x, y) return x ^ y end
-- As engine/recipe/kde.c.
function core.kde(axes, rows)
  return { density = function(_, x)
    local sum, volume = 0, #rows
    for _, row in ipairs(rows) do
      local product = 1
      for j, a in ipairs(axes) do
        local own = a.category and 1 - a.h or math.exp(-((row[j] - x[j]) / a.h) ^ 2 / 2)
        product = product * ((not a.category or row[j] == x[j]) and own or a.miss)
      end
      sum = sum + product
    end
    for _, a in ipairs(axes) do volume = volume * (a.category and 1 or a.h * math.sqrt(2 * math.pi)) end
    return sum / volume
  end }
end

core.parzen, core.normal_between = parzen.new, parzen.normal_between

return core
