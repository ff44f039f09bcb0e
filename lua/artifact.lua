-- artifact: what a step gives back: a file or a folder that will exist, as a value of a recipe.
--
-- An artifact is an origin (a node, made when it is first needed) and, where "/" has picked, a path in its tree. An origin has
--   show      a method: what people call it: 'hpo.source "data"'
--   node      its number, once it is made
--   make      a method that adds the node and returns its number; called at most once
--   inputs    list of { artifact = }: what its node needs; nil: nothing
--   whole     the path that the artifact stands for before "/" picks; nil: the whole tree
--   root      where "/" starts; nil: at the top of the tree
--   outputs   the paths that the tree has, where they are known
--   is_file   nothing can be picked; modules: list of { name =, artifact = } that go where it goes (hpo.python)
--   name      what an input is called where nobody names it; nil: the last part of `whole`, or unnamed, a method: why none
--   study     a method: the node of the study whose best it comes from, or nil; of hpo.after in between
--   template  a method (params JSON, the study's metric) → number of a new node, where a trial may return this artifact
--   without_checkpoint  such a trial leaves nothing that another could go on from

local core = require "hpo.core"
local check = require "hpo.check"

local artifact = {}
local methods = {} -- the metatable of all artifacts
-- Not weak: a chain of artifacts through weak keys costs the collector the square of its length.
local origins, paths = {}, {} -- artifact → its origin, and what was picked
local outputs = setmetatable({}, { __mode = "k" }) -- what hpo.output returns → its name

local function wrap(origin, path)
  local self = setmetatable({}, methods)
  origins[self], paths[self] = origin, path
  return self
end

-- No function of the recipe will be called any more: a large graph's artifacts are hundreds of MB.
function artifact.forget() origins, paths = {}, {} end
function artifact.new(origin) return wrap(origin, nil) end
function artifact.is(value) return origins[value] ~= nil end

-- A rule for check.fields.
function artifact.rule(field, value)
  if not origins[value] then
    local hint = type(value) == "string" and 'a file beside the recipe is hpo.source "' .. value .. '"' or nil
    check.expected(field, "an artifact (hpo.source, hpo.command, ...)", value, hint)
  end
  return value
end

function artifact.origin(self) return origins[self] end
function artifact.is_picked(self) return paths[self] ~= nil end

-- The node of the study whose best checkpoint this is, or is made from, and of hpo.after in between; nil: of none.
function artifact.study(self)
  if origins[self].study then return origins[self]:study() end -- both values: "and" would keep one
end

-- Makes the node and first those that it needs. A chain of steps may be longer than a stack is deep.
local function make(origin)
  local way = { { origin = origin, i = 1 } }
  while #way > 0 do
    local here = way[#way]
    local input = here.origin.inputs and here.origin.inputs[here.i]
    local needs = input and origins[input.artifact]
    here.i = here.i + 1
    if not needs then
      here.origin.node = here.origin.node or here.origin:make()
      way[#way] = nil
    elseif not needs.node then
      way[#way + 1] = { origin = needs, i = 1 }
    end
  end
end

-- The node's number, and the path in its tree or nil.
function artifact.node(self)
  local origin = origins[self]
  if not origin.node then make(origin) end
  return origin.node, paths[self] or origin.whole
end

-- What an input of it is called where nobody names it.
function artifact.name(field, self)
  local origin = origins[self]
  local path = paths[self] or not origin.name and origin.whole
  if path then return path:match "[^/]*$" end
  if origin.name then return origin.name end
  core.fail(field, tostring(self) .. " " .. origin:unnamed(), 'name it: inputs = { ["NAME"] = ... }')
end

-- Equal for artifacts that are the same file or folder.
function artifact.same(a, b) return origins[a] == origins[b] and paths[a] == paths[b] end

-- hpo.output "name": inside `run`, a path that the command will write.
function artifact.output(name)
  local self = setmetatable({}, methods)
  outputs[self] = check.inner_path("hpo.output", name)
  return self
end

function artifact.output_name(value) return outputs[value] end

function methods.__tostring(self)
  local origin, path = origins[self], paths[self]
  if not origin then return 'hpo.output "' .. outputs[self] .. '"' end
  local show, root = origin:show(), origin.root
  if not path then return show end
  return show .. ' / "' .. (root and path:sub(#root + 2) or path) .. '"'
end

-- A path can be picked that is, holds, or lies inside one of the paths that are there.
local function is_held(path, outputs)
  for _, held in ipairs(outputs) do
    local a, b = path .. "/", held .. "/"
    if a:sub(1, #b) == b or b:sub(1, #a) == a then return true end
  end
  return false
end

function methods.__div(self, path)
  if not origins[self] then
    if origins[path] then check.expected(tostring(path), 'ARTIFACT / "path"', self) end
    core.fail(tostring(self), "a declared output has no parts: pick from what hpo.command returns")
  end
  local origin, field = origins[self], tostring(self) .. " /"
  check.inner_path(field, path)
  if origin.is_file then core.fail(field, "it is one file: it has no parts") end
  local base = paths[self] or origin.root
  local full = base and base .. "/" .. path or path
  if origin.outputs and not is_held(full, origin.outputs) then
    check.expected(field, 'a path in "' .. table.concat(origin.outputs, '", "') .. '"', path)
  end
  return wrap(origin, full)
end

local function refuse(name, text, hint)
  methods[name] = function(a, b)
    local self = (origins[a] or outputs[a]) and a or b
    core.fail(tostring(self), text, hint)
  end
end

local in_run = 'run = { "program", artifact } hands its path to the program'
refuse("__concat", "an artifact is no text and cannot be joined to one", in_run)
refuse("__call", "an artifact cannot be called", 'ARTIFACT / "path" picks a file of it')
refuse("__len", "an artifact has no length", in_run)
refuse("__pairs", "an artifact is no table: what it holds is not known before it is built")
refuse("__newindex", "an artifact cannot be changed")

function methods.__index(self, name)
  core.fail(tostring(self) .. "." .. check.show(name):gsub('"', ""), "no such field", 'ARTIFACT / "path" picks a file of it')
end

return artifact
