-- scikit-learn in a population: hpo build recipes/python/sklearn.lua     (Debian: python3-sklearn)
local hpo = require "hpo"
local python = hpo.param("python", "python3")

local space = { lr = hpo.loguniform(1e-3, 1), alpha = hpo.loguniform(1e-6, 1e-1) }
local study = hpo.study {
  name = "digits", space = space, samples = 4, concurrency = 4, metric = "loss", seed = 1,
  scheduler = hpo.scheduler.pbt { max_t = 4, perturbation_interval = 2, mutations = space },
  trial = function()
    return hpo.command { run = { python, hpo.source "train_sklearn.py" } }
  end,
}
return { default = study, best = study.best.checkpoint }
