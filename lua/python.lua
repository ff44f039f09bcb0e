-- python: a script of Python with the files beside it that it imports.

local core = require "hpo.core"
local artifact = require "hpo.artifact"
local check = require "hpo.check"
local sources = require "hpo.sources"

local python = {}

local scripts, files = {}, {} -- by name: what was made of it before

local script = {} -- the class of origins
function script:show() return "hpo.python " .. check.show(self.name) end
local of_script = { __index = script }

local function file(name)
  files[name] = files[name] or sources.source(name)
  return files[name]
end

-- hpo.python "train.py": the script, as hpo.source "train.py" is. Where an action has it as an input it has the
-- modules of the recipe's folder that it imports too, at the same places beside it.
function python.script(name)
  if not scripts[check.inner_path("hpo.python", name)] then
    local modules = {}
    for found in core.python(name):gmatch "[^\n]+" do
      if found ~= name then modules[#modules + 1] = { name = found, artifact = file(found) } end
    end
    local node = artifact.node(file(name))
    scripts[name] = artifact.new(setmetatable({ node = node, name = name, is_file = true, modules = modules }, of_script))
  end
  return scripts[name]
end

return python
