-- The searches of the original experiment side by side: what each one found is trained anew for 30 epochs.
--   hpo build recipes/compare.lua
--   hpo build recipes/compare.lua --set final_epochs=10
local hpo = require "hpo"
local profile = require "profiles" -- --set profile=mini|squad|original

local epochs = hpo.param("final_epochs", 30)
local rows = {}
for _, name in ipairs { "manual", "asha", "pbt", "bohb" } do
  local study = require(name).trials
  local final = hpo.after(study, function(best) return profile.train(best.params, epochs) end)
  rows[#rows + 1] = study
  rows[#rows + 1] = hpo.evaluate { checkpoint = final, data = profile.data, preset = profile.preset }
end
rows[#rows + 1] = profile.published.compare

return { default = hpo.compare(rows) }
