-- XGBoost's own evaluation lines: hpo build recipes/script/xgboost.lua     (xgboost-cpu, or xgboost)
local hpo = require "hpo"
local python = hpo.param("python", "python3")

local study = hpo.study {
  name = "trees", space = { eta = hpo.loguniform(0.01, 1), max_depth = hpo.randint(1, 6) },
  samples = 5, concurrency = 2, metric = "rmse", seed = 1,
  search = hpo.search.tpe { n_startup_trials = 4 },
  scheduler = hpo.scheduler.median { max_t = 30, grace_period = 3 },
  trial = function(p)
    return hpo.script {
      run = { python, hpo.source "train_xgboost.py", "--eta", p.eta, "--max-depth", p.max_depth, "--model", hpo.output "model.json" },
      report = { t = "^%[(%d+)%]", rmse = "eval%-rmse:(%S+)", train_rmse = "train%-rmse:(%S+)" }, -- [12]  train-rmse:0.2  eval-rmse:0.3
    }
  end,
}
return { default = study, best = study.best.checkpoint / "model.json" }
