-- The searches of the original experiment side by side: the best of each trained anew for 30 epochs, then as
-- it was found.
--   hpo build recipes/compare.lua
--   hpo build recipes/compare.lua --set final_epochs=10
local hpo = require "hpo"
local profile = require "profiles" -- --set profile=mini|squad|original, --set family=bloom|gpt2

local epochs = hpo.param("final_epochs", 30)
local rows, found = {}, {}
for i, name in ipairs { "manual", "asha", "pbt", "bohb" } do
  local search = require(name)
  local final = hpo.after(search.trials, function(best) return profile.train(best.params, epochs) end)
  rows[2 * i - 1] = search.trials
  rows[2 * i] = profile.evaluate(final)
  found[i] = { run = name .. ", as found", of = search.scores }
end
table.move(found, 1, #found, #rows + 1, rows)
rows[#rows + 1] = profile.published.compare

return { default = hpo.compare(rows) }
