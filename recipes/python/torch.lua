-- Plain PyTorch: hpo build recipes/python/torch.lua     (Debian: python3-torch)
local hpo = require "hpo"
local python = hpo.param("python", "python3")

local study = hpo.study {
  name = "network", space = { lr = hpo.loguniform(1e-3, 1e-1), dropout = hpo.choice { 0.0, 0.1, 0.3 } },
  samples = 4, concurrency = 2, metric = "loss", seed = 1,
  scheduler = hpo.scheduler.asha { max_t = 4, grace_period = 1, reduction_factor = 2 },
  trial = function()
    return hpo.command { run = { python, hpo.source "train_torch.py" } }
  end,
}
return { default = study, best = study.best.checkpoint }
