-- trainer: a command of hpo-trainer as an action: fields become flags, inputs have fixed names. Numbers
-- become text here, once (core.number), and the text is what the key holds.

local core = require "hpo.core"
local artifact = require "hpo.artifact"
local backend = require "hpo.backend"
local check = require "hpo.check"
local command = require "hpo.command"

local trainer = {}

trainer.seed = check.whole(0, (1 << 32) - 1)
trainer.natural = check.whole(1, (1 << 31) - 1)

-- A step's own rules, others that it shares, and those of every action.
function trainer.rules(own, ...)
  for _, rules in ipairs { command.common, ... } do
    for _, name in ipairs(check.names(rules)) do own[name] = own[name] or rules[name] end
  end
  return own
end

-- The origin of `step`, which runs hpo-trainer KIND. flags = { "--lr", 0.1, ... }; inputs = { name = artifact }; output is a name, or nil for a template.
function trainer.origin(step, kind, o, flags, inputs, output)
  local run, list = { "hpo-trainer", kind }, {}
  for _, flag in ipairs(flags) do run[#run + 1] = type(flag) == "number" and core.number(flag) or flag end
  for _, name in ipairs(check.names(inputs)) do list[#list + 1] = { name = name, artifact = inputs[name] } end
  if o.bf16 and o.precision ~= "bf16" then
    core.fail(step .. ".bf16", 'it is the order of the sums of precision = "bf16"; this is ' .. check.show(o.precision or "fp32"))
  end
  local identity = { "hpo-trainer", "fingerprint" }
  if o.precision and o.precision ~= "fp32" then table.move({ "--precision", o.precision }, 1, 2, 3, identity) end
  if o.bf16 == "tile" then table.move({ "--bf16", "tile" }, 1, 2, #identity + 1, identity) end
  if o.backend == "cuda" then table.move({ "--backend", "cuda" }, 1, 2, #identity + 1, identity) end
  local resources = backend.resources(step, o)
  resources.share = kind == "train" or kind == "evaluate" or nil
  return command.origin {
    step = step, kind = kind, name = o.name, run = run, inputs = list, outputs = { output }, resources = resources,
    timeout = o.timeout, retries = o.retries, pass = o.pass, identity = identity, alone = o.live == false or nil,
  }
end

-- The artifact of a step whose output is one folder, from which "/" picks.
function trainer.folder(origin)
  origin.root = origin.whole
  return artifact.new(origin)
end

-- The artifact of a step whose output is one file.
function trainer.file(origin)
  origin.is_file = true
  return artifact.new(origin)
end

return trainer
