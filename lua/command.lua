-- command: hpo.command, any program as an action, and what it shares with the steps of our own.

local core = require "hpo.core"
local artifact = require "hpo.artifact"
local check = require "hpo.check"
local digits = require "hpo.digits"
local inputs = require "hpo.inputs"
local json = require "hpo.json"

local command = {}

local function variable(field, name)
  if not name:find "^[%a_][%w_]*$" then check.expected(field, "a variable's name", name) end
  if name:find "^HPO_" then core.fail(field, "variables that begin with HPO_ are the engine's") end
end

local function environment(field, value)
  if type(value) ~= "table" or check.is_object(value) or #value > 0 then
    check.expected(field, "a table of names and values", value)
  end
  local list = {}
  for _, name in ipairs(check.names(value)) do
    local inner, x = field .. "." .. name, value[name]
    variable(inner, name)
    list[#list + 1] = { name, check.is_finite(x) and core.number(x) or digits.whole(inner, check.text(inner, x)) }
  end
  return list
end

local function argument(field, value)
  if artifact.is(value) or artifact.output_name(value) then return value end
  if check.is_finite(value) then return core.number(value) end
  if type(value) ~= "string" then check.expected(field, "a text, a number, an artifact or an hpo.output", value) end
  if value:find("\0", 1, true) then core.fail(field, "expected a text without NUL") end
  return digits.whole(field, value)
end

command.resources = function(field, value)
  return check.fields(field, value, {
    cpus = { check.whole(1, 4096), default = 1 },
    gpus = { check.whole(0, 4096), default = 0 },
    gpu = check.text,
  })
end

-- Fields of every action.
command.common = {
  name = check.text,
  resources = command.resources,
  timeout = check.number { above = 0 },
  retries = { check.whole(0, 100), default = 0 },
}

local function truth(field, value)
  if type(value) ~= "boolean" then check.expected(field, "true or false", value) end
  return value
end

local rules = {
  run = { check.list(argument, 1), required = 'a list such as { "program", "argument" }' },
  inputs = inputs.rule,
  outputs = check.list(check.inner_path, 0),
  env = environment,
  identity = check.list(check.text, 1),
  params = json.object,
  stateless = truth,
}
for _, name in ipairs(check.names(command.common)) do rules[name] = command.common[name] end

-- The origin of an action: spec as core.action takes it, but inputs = { { name =, artifact = }, ... }.
-- as_template(params) adds it as a trial's template: anew for each trial, and without its name.
function command.origin(show, spec)
  spec.where = core.where()
  local function add(params, template)
    local copy = {}
    for _, field in ipairs(check.names(spec)) do copy[field] = spec[field] end
    copy.inputs, copy.params = inputs.nodes(spec.inputs), spec.params or params
    if template then copy.name, copy.template = nil, true end
    return core.action(copy)
  end
  return {
    show = spec.name and show .. ' "' .. spec.name .. '"' or show,
    make = function() return add(nil, false) end,
    as_template = function(params) return add(params, true) end,
    whole = #spec.outputs == 1 and spec.outputs[1] or nil,
    holds = spec.outputs,
    inputs = spec.inputs,
    unnamed = #spec.outputs == 0 and "has no outputs" or "has several outputs, and no name as a whole",
    study = function() return inputs.study(spec.inputs) end,
  }
end

function command.new(options)
  local o = check.fields("hpo.command", options, rules)
  local list, declared = o.inputs or {}, {}
  for _, name in ipairs(o.outputs or {}) do declared[name] = true end
  local argv = inputs.resolve(o.run, list, declared)
  local outputs = check.names(declared)
  inputs.check_clashes(list, outputs)
  local origin = command.origin("hpo.command", {
    kind = "command", name = o.name, run = argv, inputs = list, outputs = outputs, env = o.env or {},
    resources = o.resources or { cpus = 1, gpus = 0 }, timeout = o.timeout, retries = o.retries,
    identity = o.identity, params = o.params and core.encode(o.params), stateless = o.stateless,
  })
  origin.template = origin.as_template
  return artifact.new(origin)
end

return command
