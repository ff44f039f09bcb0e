-- harness: finds lua/ from the project's root, runs tests, and fails with a status.
--
--   local t = require "harness"
--   t.test("what it does", function() t.equal(1 + 1, 2) end)
--   os.exit(t.finish())

local folder = arg[0]:match "^(.*)/[^/]*$" or "."
local root = folder .. "/../../.."
package.path = folder .. "/?.lua"

-- "hpo" is lua/hpo.lua, "hpo.search.grid" is lua/search/grid.lua, "hpo.core" the stand-in.
table.insert(package.searchers, 2, function(name)
  local path
  if name == "hpo.core" then path = folder .. "/core.lua" end
  if name == "hpo" then path = root .. "/lua/hpo.lua" end
  path = path or name:match "^hpo%." and root .. "/lua/" .. name:gsub("^hpo%.", ""):gsub("%.", "/") .. ".lua"
  if not path then return nil end
  local chunk, message = loadfile(path)
  return chunk or error(message), path
end)

local t = { root = root, failed = 0, skipped = 0, passed = 0 }

local function show(value)
  if type(value) ~= "table" or getmetatable(value) then return tostring(value) end
  local ok, text = pcall(require "hpo.core".encode, value)
  return ok and text or "a table"
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" or getmetatable(a) or getmetatable(b) then
    return a == b or a ~= a and b ~= b
  end
  for k, v in pairs(a) do if not same(v, b[k]) then return false end end
  for k in pairs(b) do if a[k] == nil then return false end end
  return true
end

function t.equal(found, expected)
  if not same(found, expected) then error("expected " .. show(expected) .. ", found " .. show(found), 2) end
end

-- f must fail through core.fail: field and text as given (text: a part of it), hint too where given.
function t.fails(f, field, text, hint)
  local ok, e = pcall(f)
  if ok then error("expected a failure of " .. field, 2) end
  if type(e) ~= "table" then error("expected core.fail, found " .. tostring(e), 2) end
  local found = e.field .. ": " .. e.text .. (e.hint and "\n  " .. e.hint or "")
  if e.field ~= field or not e.text:find(text, 1, true) or hint and not (e.hint or ""):find(hint, 1, true) then
    error("expected " .. field .. ": " .. text .. ", found " .. found, 2)
  end
end

function t.test(name, f)
  local ok, message = xpcall(f, function(e)
    if type(e) == "table" and e.field then e = e.field .. ": " .. e.text end
    return debug.traceback(tostring(e), 2)
  end)
  if ok then
    t.passed = t.passed + 1
  else
    t.failed = t.failed + 1
    io.stderr:write("FAILED ", name, ": ", message, "\n")
  end
end

-- The text of a reference file, or nil after saying that its test is skipped.
function t.shared(path)
  local file = io.open(root .. "/../shared/" .. path)
  if not file then
    print("SKIP: ../shared/" .. path .. " is not there")
    t.skipped = t.skipped + 1
    return nil
  end
  local text = file:read "a"
  file:close()
  return text
end

function t.finish()
  print(t.passed .. " passed, " .. t.failed .. " failed, " .. t.skipped .. " skipped")
  if t.failed > 0 then return 1 end
  return t.passed == 0 and 77 or 0
end

return t
