-- TPE with ASHA, as in the original experiment: 12 points, 4 at once; the worse half ends early. With so
-- few points TPE never has its ten ended trials: it draws them at random (see docs/search.md).
--   hpo build recipes/asha.lua
--   hpo build recipes/asha.lua --set samples=20 --set lr_upper=3e-3
local hpo = require "hpo"
local profile = require "profiles" -- --set profile=mini|squad|original, --set family=bloom|gpt2

local study = hpo.study {
  name = "asha",
  space = {
    lr = hpo.loguniform(hpo.param("lr_lower", profile.lr_lower), hpo.param("lr_upper", profile.lr_upper)),
    bs = hpo.choice(hpo.param("bs_choices", profile.bs_choices)),
    wd = hpo.choice(hpo.param("wd_choices", profile.wd_choices)),
  },
  samples = hpo.param("samples", 12), concurrency = hpo.param("concurrency", 4),
  metric = "eval_loss", mode = "min", seed = hpo.param("seed", 1),
  search = hpo.search.tpe { n_startup_trials = hpo.param("n_startup_trials", 10) },
  scheduler = hpo.scheduler.asha {
    max_t = hpo.param("max_t", profile.epochs),
    grace_period = hpo.param("grace_period", 1), reduction_factor = hpo.param("reduction_factor", 2.0),
  },
  trial = profile.train,
}
local scores = profile.evaluate(study.best.checkpoint)

return { default = hpo.compare { study, scores, profile.published.asha }, trials = study, best = study.best.checkpoint, scores = scores }
