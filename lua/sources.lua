-- sources: what an experiment starts from: the user's files, texts, repositories.

local core = require "hpo.core"
local artifact = require "hpo.artifact"
local check = require "hpo.check"
local digits = require "hpo.digits"

local sources = {}

local function last_name(path) return path:match "([^/]+)/*$" or path end

local file, text, clone = {}, {}, {} -- classes of origins
function file:show() return "hpo.source " .. check.show(self.source) end
function text:show() return "hpo.text" end
function clone:show() return "hpo.clone " .. check.show(self.url) end
local of_file, of_text, of_clone = { __index = file }, { __index = text }, { __index = clone }

local function pattern(field, value)
  check.text(field, value)
  if value:find "[\r\n]" then check.expected(field, "one pattern, without an end of line", value, 'exclude = { "ONE", "ANOTHER" }') end
  if value:find "^#" then check.expected(field, "a pattern", value, 'what begins with "#" is a comment; for a file of that name "\\\\#..."') end
  return value
end

local source_fields = { exclude = { check.list(pattern, 0), default = {} } }

-- hpo.source "path": a file or folder of the user's, relative to the recipe's folder.
-- hpo.source { "path", exclude = { pattern, ... } }: a folder without what the patterns name, which are those of a
-- .gitignore. A folder's .hpoignore, and what versions, editors and Python leave there, is left out anyway.
function sources.source(options)
  local path, exclude = options, nil
  if type(options) == "table" and not check.is_object(options) then
    local named = {}
    for name, value in pairs(options) do if name ~= 1 then named[name] = value end end
    path, exclude = options[1], check.fields("hpo.source", named, source_fields).exclude
  end
  check.text("hpo.source", path)
  local node = core.source { path = path, exclude = exclude }
  return artifact.new(setmetatable({ node = node, source = path, name = last_name(path) }, of_file))
end

-- hpo.text(content, name): a file with that content, called "text" where nobody says more.
function sources.text(content, name)
  if type(content) ~= "string" then check.expected("hpo.text", "a text", content, "hpo.json(value) makes one of any value") end
  name = name == nil and "text" or check.inner_path("hpo.text: name", name)
  if name:find "/" then check.expected("hpo.text: name", 'a name without "/"', name) end
  local node = core.text(digits.whole("hpo.text", content), name)
  return artifact.new(setmetatable({ node = node, name = name, is_file = true }, of_text))
end

local function revision(field, value)
  if type(value) == "string" and value:find "^%-" then check.expected(field, "a branch, tag or commit", value) end
  return check.text(field, value)
end

-- hpo.clone { url, rev, paths }: these paths of a commit of a git repository, or its whole tree.
function sources.clone(options)
  local o = check.fields("hpo.clone", options, {
    url = { check.text, required = "the address of a git repository" },
    rev = { revision, default = "HEAD" },
    paths = check.list(check.inner_path, 1),
    name = check.text,
  })
  if o.paths then table.sort(o.paths) end
  local node = core.fetch {
    kind = "clone", url = o.url, rev = o.rev, paths = o.paths or {}, name = o.name, where = core.where(),
  }
  local name = last_name(o.url):gsub("%.git$", ""):match "[^:]*$"
  return artifact.new(setmetatable({ node = node, name = name, url = o.url, outputs = o.paths }, of_clone))
end

return sources
