-- change: hpo simulate puts another scheduler or searcher in the place of a study's own.

local core = require "hpo.core"

local studies = -1 -- of the recipe so far

-- The value of a word of the command line, in which hpo.scheduler's (or hpo.search's) names are known.
local function value_of(option, words, room)
  local hpo = require "hpo"
  local known = setmetatable({}, {
    __index = function(_, name)
      if name == "hpo" then return hpo end
      return _G[name] == nil and hpo[room][name] or _G[name]
    end,
  })
  local chunk, message = load("return " .. words, "=" .. option, "t", known)
  if not chunk then core.fail(option, (message:gsub("^[^:]*:%d+: ", "")), "hpo simulate RECIPE --scheduler 'asha { max_t = 5 }'") end
  return chunk()
end

-- The fields of a study as a recipe gave them, or with what takes the place of its own.
return function(options)
  studies = studies + 1
  local search, scheduler, samples = core.change(studies)
  if type(options) ~= "table" or not (search or scheduler) then return options end
  local result = {}
  for name, value in pairs(options) do result[name] = value end
  if search then result.search, result.samples = value_of("--search", search, "search"), options.samples or samples end
  if scheduler then result.scheduler = value_of("--scheduler", scheduler, "scheduler") end
  return result
end
