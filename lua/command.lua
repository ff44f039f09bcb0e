-- command: hpo.command, any program as an action, and what it shares with the steps of our own.

local core = require "hpo.core"
local artifact = require "hpo.artifact"
local check = require "hpo.check"
local digits = require "hpo.digits"
local environment = require "hpo.environment"
local inputs = require "hpo.inputs"
local json = require "hpo.json"
local preload = require "hpo.preload"

local command = {}

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
    memory = check.number { above = 0 },
  })
end

-- Fields of every action.
command.common = {
  name = check.text,
  resources = command.resources,
  timeout = check.number { above = 0 },
  retries = check.whole(0, 100),
  pass = environment.pass,
}

function command.truth(field, value)
  if type(value) ~= "boolean" then check.expected(field, "true or false", value) end
  return value
end

-- A rule of trainers: live = false, it is never asked to go on.
command.live = command.truth

-- Fields of every program that a recipe runs.
command.program = {
  run = { check.list(argument, 1), required = 'a list such as { "program", "argument" }' },
  inputs = inputs.rule,
  outputs = check.list(check.inner_path, 0),
  env = environment.env,
  identity = check.list(check.text, 1),
  preload = preload.rule,
  network = command.truth,
  not_reproducible = command.truth,
}
for _, name in ipairs(check.names(command.common)) do command.program[name] = command.common[name] end

local rules = { live = command.live, params = json.object, stateless = command.truth, may_end = command.truth }
for _, name in ipairs(check.names(command.program)) do rules[name] = command.program[name] end

-- What an action is, as core.action takes it, but inputs = { { name =, artifact = }, ... }.
local fields = {
  "kind", "run", "outputs", "env", "pass", "resources", "timeout", "retries", "identity", "stateless", "where",
  "alone", "fresh", "preload", "report", "tty", "network", "not_reproducible",
}

-- may_end: of a trial's process alone.
local function add(self, params, name, may_end)
  local spec = { name = name, inputs = inputs.nodes(self.inputs), params = self.params or params, may_end = may_end }
  for _, field in ipairs(fields) do spec[field] = self[field] end
  return core.action(spec)
end

-- The class of actions' origins.
local action = {}
function action:show() return self.name and self.step .. ' "' .. self.name .. '"' or self.step end
function action:make() return add(self, nil, self.name) end
function action:study() return inputs.study(self.inputs) end
function action:unnamed() return #self.outputs == 0 and "has no outputs" or "has several outputs, and no name as a whole" end

-- As a trial's template: anew for each trial, and without its name.
function command.template(origin, params) return add(origin, params, nil, origin.may_end) end

local of_step = { __index = action }
local of_command = { __index = setmetatable({ step = "hpo.command", kind = "command", template = command.template }, of_step) }

local function origin(self, class)
  setmetatable(self, class)
  local asked = self.resources
  if asked and asked.gpu and asked.gpus == 0 then
    core.fail(self.step .. ".resources.gpu", "it is a class of GPU, and gpus is 0", 'gpus = 1; of hpo.train, backend = "cuda"')
  end
  self.where = core.where()
  self.whole = #self.outputs == 1 and self.outputs[1] or nil
  return self
end

-- The origin of a step of our own: an action's fields, and `step`, what people call it.
function command.origin(self) return origin(self, of_step) end

-- The origin of what is a trial and nothing else: methods has `template` besides.
function command.trial(self, methods) return origin(self, { __index = setmetatable(methods, of_step) }) end

-- The checked fields of `step`, which runs a program: what its run names is found among inputs and outputs.
function command.fields(step, options, step_rules)
  local o = check.fields(step, options, step_rules)
  local declared = {}
  environment.check(step, o.env, o.pass, o.resources)
  o.inputs = o.inputs or {}
  for _, name in ipairs(o.outputs or {}) do declared[name] = true end
  o.run = inputs.resolve(step, o.run, o.inputs, declared)
  inputs.add_modules(o.inputs)
  preload.apply(step, o)
  o.outputs = check.names(declared)
  inputs.check_clashes(step, o.inputs, o.outputs)
  return o
end

function command.new(options)
  local o = command.fields("hpo.command", options, rules)
  o.params = o.params and core.encode(o.params)
  o.alone = o.live == false or nil
  return artifact.new(origin(o, of_command))
end

return command
