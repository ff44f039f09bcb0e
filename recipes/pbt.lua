-- Population based training, as in the original experiment: 12 trials, 4 at once; after each interval the
-- worst take the checkpoints of the best, and their parameters perturbed.
--   hpo build recipes/pbt.lua
--   hpo build recipes/pbt.lua --set perturbation_interval=1
local hpo = require "hpo"
local profile = require "profiles" -- --set profile=mini|squad|original, --set family=bloom|gpt2

local space = {
  lr = hpo.loguniform(hpo.param("lr_lower", profile.lr_lower), hpo.param("lr_upper", profile.lr_upper)),
  bs = hpo.choice(hpo.param("bs_choices", profile.bs_choices)),
  wd = hpo.choice(hpo.param("wd_choices", profile.wd_choices)),
}
local study = hpo.study {
  name = "pbt", space = space,
  samples = hpo.param("samples", 12), concurrency = hpo.param("concurrency", 4),
  metric = "eval_loss", mode = "min", seed = hpo.param("seed", 1),
  search = hpo.search.random {},
  scheduler = hpo.scheduler.pbt {
    max_t = hpo.param("max_t", profile.epochs), perturbation_interval = hpo.param("perturbation_interval", 2),
    mutations = space,
  },
  trial = profile.train,
}
local scores = profile.evaluate(study.best.checkpoint)

return { default = hpo.compare { study, scores, profile.published.pbt }, trials = study, best = study.best.checkpoint, scores = scores }
