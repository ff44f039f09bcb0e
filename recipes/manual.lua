-- The manual search of the original experiment: a grid, every point trained to the end, one at a time.
--   hpo build recipes/manual.lua
--   hpo build recipes/manual.lua --set lr_choices=0.001,0.003 --set concurrency=2
local hpo = require "hpo"
local profile = require "profiles" -- --set profile=mini|squad|original, --set family=bloom|gpt2

local study = hpo.study {
  name = "manual",
  space = {
    lr = hpo.choice(hpo.param("lr_choices", profile.lr_choices)),
    bs = hpo.choice(hpo.param("bs_choices", profile.bs_choices)),
    wd = hpo.choice(hpo.param("wd_choices", profile.wd_choices)),
  },
  concurrency = hpo.param("concurrency", 1),
  metric = "eval_loss", mode = "min",
  search = hpo.search.grid {},
  scheduler = hpo.scheduler.fifo { max_t = hpo.param("max_t", profile.epochs) },
  trial = profile.train,
}
local scores = profile.evaluate(study.best.checkpoint)

return { default = hpo.compare { study, scores, profile.published.manual }, trials = study, best = study.best.checkpoint, scores = scores }
