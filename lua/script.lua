-- script: hpo.script, a program that knows nothing of the protocol as a trial. What it prints, or the
-- file that it writes, has the reports; engine/execution/script.c reads them.

local core = require "hpo.core"
local artifact = require "hpo.artifact"
local check = require "hpo.check"
local command = require "hpo.command"

local script = {}

-- The place behind the set that begins at i, or nil: it does not end.
local function behind_set(text, i)
  i = i + (text:sub(i + 1, i + 1) == "^" and 2 or 1)
  repeat -- a "]" at its beginning is one of the set
    local c = text:sub(i, i)
    if c == "" then return nil end
    i = i + (c == "%" and 2 or 1)
  until text:sub(i, i) == "]"
  return i + 1
end

-- The place behind the element of a pattern that begins at i, or nil: it is not whole.
local function behind(text, i)
  local c, escaped = text:sub(i, i), text:sub(i + 1, i + 1)
  if c == "[" then return behind_set(text, i) end
  if c ~= "%" then return i + 1 end
  if escaped == "b" then return #text >= i + 3 and i + 4 or nil end
  if escaped == "f" then return text:sub(i + 2, i + 2) == "[" and behind_set(text, i + 2) or nil end
  return escaped:find "^%D" and i + 2 or nil
end

-- How many captures a pattern has, or nil: Lua would refuse it, but only once it is matched.
local function captures(text)
  local n, open, i = 0, false, 1
  while i <= #text do
    local c = text:sub(i, i)
    if c == "(" then
      if open or text:sub(i + 1, i + 1) == ")" then return nil end
      n, open = n + 1, true
    elseif c == ")" then
      if not open then return nil end
      open = false
    end
    i = behind(text, i)
    if not i then return nil end
  end
  return not open and n or nil
end

local function pattern(field, value)
  check.text(field, value)
  if captures(value) ~= 1 then
    check.expected(field, "a Lua pattern with one capture", value, 'such as "val_loss=(%S+)"; a "%", "(" or "-" of the line itself is "%%", "%(" or "%-"')
  end
  return value
end

local function file_name(last)
  local names = last and ".csv, .tsv, .jsonl or .json" or ".csv, .tsv, .jsonl, or .json where it is replaced as a whole"
  return function(field, value)
    check.inner_path(field, value)
    local ending = value:match "%.(%a+)$"
    if not (ending == "csv" or ending == "tsv" or ending == "jsonl" or ending == "json") then
      check.expected(field, "a name that ends with " .. names, value)
    end
    return value
  end
end

local function patterns(field, value)
  local result, names, named = {}, check.names(value)
  if not named or #names == 0 then check.expected(field, 'a pattern, or { METRIC = pattern, ... }', value) end
  for _, name in ipairs(names) do result[name] = pattern(field .. "." .. name, value[name]) end
  return result
end

-- What is reported where: { pattern = }, { patterns = } or { file = }.
local function place(field, value, last)
  if type(value) == "string" then return { pattern = pattern(field, value) } end
  if type(value) ~= "table" or check.is_object(value) then
    check.expected(field, 'a pattern such as "val_loss=(%S+)", { METRIC = pattern, ... } or { file = "metrics.csv" }', value)
  end
  if value.file == nil then return { patterns = patterns(field, value) } end
  return { file = check.fields(field, value, { file = file_name(last) }).file }
end

local function report(field, value)
  if type(value) ~= "table" or check.is_object(value) or value.last == nil then return place(field, value, false) end
  local only = check.fields(field, value, { last = function(inner, x) return place(inner, x, true) end }).last
  only.last = true
  return only
end

local rules = {
  report = { report, required = 'a pattern such as "val_loss=(%S+)"' },
  tty = command.truth,
  may_end = { command.truth, default = true },
}
for _, name in ipairs(check.names(command.program)) do rules[name] = command.program[name] end

local methods = { kind = "script", step = "hpo.script", without_checkpoint = true }

-- The report as the engine reads it. A single pattern is of the study's metric; a row of a file counts where it has that.
local function told(r, metric)
  local all = r.pattern and { [metric] = r.pattern } or r.patterns
  if all and not all[metric] then
    core.fail("hpo.script.report", "it has no pattern for the study's metric, " .. metric, "report = { " .. metric .. " = PATTERN, ... }")
  end
  if all and metric == "t" then core.fail("study.metric", "t is no metric: it numbers the reports") end
  return core.encode { patterns = all, file = r.file, metric = r.file and metric or nil, last = r.last }
end

function methods:template(_, metric)
  local own = setmetatable({ report = told(self.report, metric) }, { __index = self })
  return command.template(own, nil)
end

function methods:make() core.fail("hpo.script", "it is a trial, and nothing else: return it from study.trial", "hpo.command runs a program by itself") end

function script.new(options)
  local o = command.fields("hpo.script", options, rules)
  o.may_end = o.may_end or nil
  return artifact.new(command.trial(o, methods))
end

return script
