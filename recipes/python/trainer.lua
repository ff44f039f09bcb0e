-- Hugging Face's Trainer: hpo build recipes/python/trainer.lua --set python=/venv/bin/python
local hpo = require "hpo"
local python = hpo.param("python", "python3")

local study = hpo.study {
  name = "trainer", space = { lr = hpo.loguniform(1e-3, 1e-1) }, samples = 3, concurrency = 3, metric = "eval_loss", seed = 1,
  scheduler = hpo.scheduler.asha { max_t = 4, grace_period = 1, reduction_factor = 2 },
  trial = function()
    return hpo.command { run = { python, hpo.source "train_trainer.py" } }
  end,
}
return { default = study, best = study.best.checkpoint }
