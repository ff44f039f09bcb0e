-- environment: what an action's process sees of variables: `env` gives them values, which are in
-- the key, and `pass` names those that come from whoever builds, which are in no key.

local core = require "hpo.core"
local check = require "hpo.check"
local digits = require "hpo.digits"

local environment = {}

local function name_of_variable(field, name)
  if not name:find "^[%a_][%w_]*$" then check.expected(field, "a variable's name", name) end
  if name:find "^HPO_" then core.fail(field, "variables that begin with HPO_ are the engine's") end
end

-- A rule: { NAME = value } → list of { name, text }, sorted by name.
function environment.env(field, value)
  if type(value) ~= "table" or check.is_object(value) or #value > 0 then
    check.expected(field, "a table of names and values", value)
  end
  local list = {}
  for _, name in ipairs(check.names(value)) do
    local inner, x = field .. "." .. name, value[name]
    name_of_variable(inner, name)
    if name == "HOME" then
      core.fail(inner, "HOME is the process's own folder", "a program's caches elsewhere have variables of their own, such as HF_HOME")
    end
    list[#list + 1] = { name, check.is_finite(x) and core.number(x) or digits.whole(inner, check.text(inner, x)) }
  end
  return list
end

-- What the engine sets itself (engine/executor/environment.c) → what to write instead.
local set = {
  PATH = "the process has the PATH of whoever builds anyway",
  HOME = "it is the process's own folder; a program's caches elsewhere have variables of their own, such as HF_HOME",
  TMPDIR = "it is the process's own folder",
  CUDA_VISIBLE_DEVICES = "resources = { gpus = N } asks for GPUs",
  CUDA_DEVICE_ORDER = "resources = { gpus = N } asks for GPUs",
}
for _, name in ipairs { "LANG", "TZ" } do set[name] = "env = { " .. name .. ' = "..." } gives it another value, which is in the key' end
for _, library in ipairs { "OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "BLIS_NUM", "NUMEXPR_NUM", "VECLIB_MAXIMUM" } do
  set[library .. "_THREADS"] = "it follows resources = { cpus = N }; env gives it another value, which is in the key"
end

local function passed(field, value)
  local name = check.text(field, value)
  name_of_variable(field, name)
  if set[name] then core.fail(field, name .. " is set by the engine", set[name]) end
  if name:find "^LD_" or name:find "^PYTHON" then
    core.fail(field, name .. " says which code runs, and that has to be in the key", "env = { " .. name .. ' = "..." }')
  end
  return name
end

local list_of_passed = check.list(passed, 0)

-- A rule: a list of names, each once.
function environment.pass(field, value)
  local list, seen = list_of_passed(field, value), {}
  for i, name in ipairs(list) do
    if seen[name] then core.fail(field .. "[" .. i .. "]", name .. " is there twice") end
    seen[name] = true
  end
  return list
end

-- A variable has one origin. env, pass and resources as the rules leave them; any may be absent.
function environment.check(step, env, pass, resources)
  local given = {}
  for _, variable in ipairs(env or {}) do given[variable[1]] = true end
  if given.CUDA_VISIBLE_DEVICES and resources and resources.gpus > 0 then
    core.fail(step .. ".env.CUDA_VISIBLE_DEVICES", "it is told the cards that it gets: resources.gpus is " .. resources.gpus,
      "hpo build --gpus chooses cards")
  end
  for i, name in ipairs(pass or {}) do
    if given[name] then
      core.fail(step .. ".pass[" .. i .. "]", "env gives " .. name .. " as well",
        "a value in env is in the key; one that is passed is not")
    end
  end
end

return environment
