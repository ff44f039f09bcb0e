-- preload: which modules are imported before a run of a Python script is forked. In no key.

local check = require "hpo.check"

local preload = {}

-- true: the libraries that the script imports at its top; false: none, each run begins fresh; a list: modules among
-- the inputs besides.
function preload.rule(field, value)
  if type(value) == "boolean" then return value end
  if type(value) ~= "table" then check.expected(field, "true, false or a list of modules", value) end
  return check.list(check.text, 1)(field, value)
end

-- Whether the file or folder of an input is the module at this path, or lies in it, or has it.
local function holds(name, path)
  return name == path .. ".py" or (path .. "/"):sub(1, #name + 1) == name .. "/" or name:sub(1, #path + 1) == path .. "/"
end

-- Each module is a file or lies in a folder of that name, beside the script: that is run[2].
local function check_modules(field, modules, run, list)
  local beside, names = (run[2] or ""):match "^.*/" or "", {}
  for i, input in ipairs(list) do names[i] = input.name end
  for i, module in ipairs(modules) do
    local found, path = false, beside .. module:gsub("%.", "/")
    for _, name in ipairs(names) do found = found or holds(name, path) end
    if not found then
      check.expected(field .. "[" .. i .. "]", "a module among the inputs", module,
        "the inputs are: " .. table.concat(names, ", ") .. "; what the script imports of libraries at its top is preloaded anyway")
    end
  end
end

-- What the field of an action says, as core.action takes it.
function preload.apply(step, o)
  o.fresh = o.preload == false or nil
  o.preload = type(o.preload) == "table" and o.preload or nil
  if o.preload then check_modules(step .. ".preload", o.preload, o.run, o.inputs) end
end

return preload
