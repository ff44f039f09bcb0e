-- A trainer in shell: gradient descent on a parabola with bc. hpo build recipes/shell/search.lua
local hpo = require "hpo"

local study = hpo.study {
  name = "descent",
  space = { rate = hpo.loguniform(0.01, 1.1) },
  samples = 8, concurrency = 4, metric = "loss", mode = "min", seed = 1,
  scheduler = hpo.scheduler.asha { max_t = 9, grace_period = 1, reduction_factor = 3 },
  trial = function() return hpo.command { run = { "sh", hpo.source "train.sh" } } end,
}
return { default = study, best = study.best.checkpoint }
