-- A progress bar that is drawn over itself, as Keras and Lightning do: hpo build recipes/script/bar.lua     (PyTorch, tqdm)
local hpo = require "hpo"
local python = hpo.param("python", "python3")

local study = hpo.study {
  name = "bar", space = { lr = hpo.loguniform(1e-3, 1.0), dropout = hpo.choice { 0.0, 0.2 } },
  samples = 4, concurrency = 4, metric = "val_loss", seed = 1,
  scheduler = hpo.scheduler.hyperband { max_t = 4, reduction_factor = 2 },
  trial = function(p)
    return hpo.script {
      run = { python, hpo.source "train_bar.py", "--lr=" .. tostring(p.lr), "--dropout=" .. tostring(p.dropout) },
      outputs = { "net.pt" },
      report = { t = "^Epoch (%d+):", val_loss = "val_loss=([%d.]+)", val_acc = "val_acc=([%d.]+)" }, -- a bar is drawn more than once
    }
  end,
}
return { default = study, best = study.best.checkpoint / "net.pt" }
