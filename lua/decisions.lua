-- decisions: what a scheduler answered, checked.

local core = require "hpo.core"
local check = require "hpo.check"
local json = require "hpo.json"

local word = check.one_of("continue", "stop", "complete", "pause", "exploit", "drop")

-- The list without its exploits, with a decision about the trial that reported, where one did.
local function without_exploits(list, trial)
  local rest, own = {}, trial == nil
  for _, d in ipairs(list) do
    if d.decision ~= "exploit" then
      rest[#rest + 1] = d
      own = own or d.trial == trial
    end
  end
  if not own then table.insert(rest, 1, { trial = trial, decision = "continue", why = "nobody exploits any more" }) end
  return rest
end

-- The scheduler's answer as the engine wants it; a word alone is about the trial that reported. Where
-- may_exploit is false a trial that should exploit another goes on as it is.
return function(field, trial, answer, why, may_exploit)
  if trial and type(answer) == "string" then return { { trial = trial, decision = word(field, answer), why = why } } end
  if type(answer) ~= "table" then check.expected(field, '"continue", "stop" or a list of decisions', answer) end
  local list = {}
  for i, d in ipairs(check.list(function(_, d) return d end, trial and 1 or 0)(field, answer)) do
    list[i] = check.fields(field .. "[" .. i .. "]", d, {
      trial = { check.whole(0), required = "a trial's number" },
      decision = { word, required = "a decision" },
      parent = check.whole(0),
      t = check.whole(1),
      params = json.object,
      why = function(_, value) return value end,
    })
    list[i].params = list[i].params and core.encode(list[i].params)
  end
  return may_exploit and list or without_exploits(list, trial)
end
