-- scikit-learn, and one number at the end: hpo build recipes/script/forest.lua     (Debian: python3-sklearn)
local hpo = require "hpo"
local python = hpo.param("python", "python3")

local study = hpo.study {
  name = "forest", space = { trees = hpo.randint(1, 20), depth = hpo.randint(1, 8) },
  samples = 4, concurrency = 2, metric = "accuracy", mode = "max", seed = 1,
  scheduler = hpo.scheduler.fifo { max_t = 1 },
  trial = function(p)
    return hpo.script {
      run = { python, hpo.source "train_forest.py", p.trees, p.depth },
      outputs = { "report.txt" },
      report = { last = "accuracy +(%S+)" }, -- of sklearn's classification report
    }
  end,
}
return { default = study, best = study.best.checkpoint / "report.txt" }
