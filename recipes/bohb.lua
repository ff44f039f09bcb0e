-- BOHB, as in the original experiment: 12 points, 8 at once, in HyperBand's brackets. Its model wants eight
-- reports at one t and never gets them with so few trials: it draws points at random (see docs/search.md).
--   hpo build recipes/bohb.lua
--   hpo build recipes/bohb.lua --set samples=40 --set reduction_factor=3
local hpo = require "hpo"
local profile = require "profiles" -- --set profile=mini|squad|original, --set family=bloom|gpt2

local study = hpo.study {
  name = "bohb",
  space = {
    lr = hpo.loguniform(hpo.param("lr_lower", profile.lr_lower), hpo.param("lr_upper", profile.lr_upper)),
    bs = hpo.choice(hpo.param("bs_choices", profile.bs_choices)),
    wd = hpo.choice(hpo.param("wd_choices", profile.wd_choices)),
  },
  samples = hpo.param("samples", 12), concurrency = hpo.param("concurrency", 8),
  metric = "eval_loss", mode = "min", seed = hpo.param("seed", 1),
  search = hpo.search.bohb {},
  scheduler = hpo.scheduler.hyperband {
    max_t = hpo.param("max_t", profile.epochs), reduction_factor = hpo.param("reduction_factor", 4.0), order = "bohb",
  },
  trial = profile.train,
}
local scores = profile.evaluate(study.best.checkpoint)

return { default = hpo.compare { study, scores, profile.published.bohb }, trials = study, best = study.best.checkpoint, scores = scores }
