-- A trainer in plain Python: hpo build recipes/python/search.lua
local hpo = require "hpo"

local study = hpo.study {
  name = "perceptron",
  space = { lr = hpo.loguniform(1e-3, 1.0), hidden = hpo.choice { 4, 8, 16 } },
  samples = 9, concurrency = 3, metric = "loss", mode = "min", seed = 1,
  scheduler = hpo.scheduler.asha { max_t = 8, grace_period = 1, reduction_factor = 2 },
  trial = function()
    return hpo.command { run = { "python3", hpo.source "train.py" } }
  end,
}
return { default = study, best = study.best.checkpoint }
