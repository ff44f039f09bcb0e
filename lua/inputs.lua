-- inputs: what the inputs and outputs of an action are called in its working folder.
--
-- An artifact or an output inside `run` stands for its path there. Nobody names most of them: an
-- unnamed one has its own last name, and two that would meet are refused with advice.

local core = require "hpo.core"
local artifact = require "hpo.artifact"
local check = require "hpo.check"

local inputs = {}

-- A rule: { ["name"] = artifact, artifact, ... } → list of { name =, artifact = }.
function inputs.rule(field, value)
  if type(value) ~= "table" or check.is_object(value) then check.expected(field, "a table of artifacts", value) end
  local list, n = {}, 0
  for _ in pairs(value) do n = n + 1 end
  for _, name in ipairs(check.names(value)) do
    local inner = field .. '["' .. name .. '"]'
    list[#list + 1] = { name = check.inner_path(inner, name), artifact = artifact.rule(inner, value[name]) }
  end
  for i, x in ipairs(value) do
    local inner = field .. "[" .. i .. "]"
    list[#list + 1] = { name = artifact.name(inner, artifact.rule(inner, x)), artifact = x }
  end
  if n ~= #list then core.fail(field, "expected names or a list, found holes or other keys") end
  return list
end

-- The input's name for an artifact in `run`: as `inputs` names it, else its own.
local function name_in_run(list, field, x)
  for _, input in ipairs(list) do
    if artifact.same(input.artifact, x) then return input.name end
  end
  local name = artifact.name(field, x)
  list[#list + 1] = { name = name, artifact = x }
  return name
end

-- run with names in place of artifacts and outputs; what it meets goes into the list of inputs and the
-- set of outputs. step: what the recipe calls, for messages.
function inputs.resolve(step, run, list, outputs)
  local argv = {}
  for i, x in ipairs(run) do
    local field, output = step .. ".run[" .. i .. "]", artifact.output_name(x)
    if output then
      if i == 1 then core.fail(field, "expected a program, found an output") end
      argv[i], outputs[output] = output, true
    elseif artifact.is(x) then
      local name = name_in_run(list, field, x)
      argv[i] = i == 1 and "./" .. name or name
    else
      argv[i] = x
    end
  end
  if argv[1] == "" then core.fail(step .. ".run[1]", 'expected a program, found ""') end
  return argv
end

local function folder_of(path) return path:match "^(.*/)[^/]*$" or "" end

-- Adds what scripts of hpo.python import, at the same places beside them; what has such a name already stays.
function inputs.add_modules(list)
  local taken = {}
  for _, input in ipairs(list) do taken[input.name] = true end
  for i = 1, #list do
    local origin = artifact.origin(list[i].artifact)
    for _, module in ipairs(origin.modules or {}) do
      local was, name = folder_of(origin.name), module.name
      if name:sub(1, #was) == was then name = folder_of(list[i].name) .. name:sub(#was + 1) end
      if not taken[name] then list[#list + 1], taken[name] = { name = name, artifact = module.artifact }, true end
    end
  end
end

-- No two names are the same, and none lies inside another.
function inputs.check_clashes(step, list, outputs)
  local taken = {}
  local hint = 'name them apart: inputs = { ["NAME"] = artifact }'
  for _, input in ipairs(list) do
    if taken[input.name] then core.fail(step .. ".inputs", 'two inputs are called "' .. input.name .. '"', hint) end
    taken[input.name] = "input"
  end
  for _, name in ipairs(outputs) do
    if taken[name] then core.fail(step .. ".outputs", 'an input is called "' .. name .. '" too', hint) end
    taken[name] = "output"
  end
  for _, name in ipairs(check.names(taken)) do
    local folder = name:match "^(.*)/[^/]*$"
    while folder do
      if taken[folder] then
        core.fail(step .. "." .. taken[name] .. "s",
          '"' .. name .. '" lies inside the ' .. taken[folder] .. ' "' .. folder .. '"', hint)
      end
      folder = folder:match "^(.*)/[^/]*$"
    end
  end
end

-- The study whose best checkpoint is among the inputs, and the hpo.after in between, or nil.
function inputs.study(list)
  for _, input in ipairs(list) do
    local study, after = artifact.study(input.artifact)
    if study then return study, after end
  end
end

-- Names and nodes, sorted by name; the nodes are made here.
function inputs.nodes(list)
  local sorted = {}
  for i, input in ipairs(list) do
    local node, path = artifact.node(input.artifact)
    sorted[i] = { name = input.name, node = node, path = path }
  end
  table.sort(sorted, function(a, b) return a.name < b.name end)
  return sorted
end

return inputs
