-- Hugging Face's Trainer behind argparse, as it is: hpo build recipes/script/bert.lua     (transformers, accelerate)
local hpo = require "hpo"
local python = hpo.param("python", "python3")

local study = hpo.study {
  name = "bert", space = { lr = hpo.loguniform(1e-4, 1e-1), hidden = hpo.choice { 16, 32 } },
  samples = 3, concurrency = 3, metric = "eval_loss", seed = 2,
  scheduler = hpo.scheduler.asha { max_t = 3, grace_period = 1, reduction_factor = 2 },
  trial = function(p)
    return hpo.script {
      run = { python, hpo.source "train_bert.py", "--learning_rate", p.lr, "--hidden_size", p.hidden,
        "--output_dir", hpo.output "model" },
      report = { eval_loss = "'eval_loss': ([^,}]+)", eval_accuracy = "'eval_accuracy': ([^,}]+)" },
    }
  end,
}
return { default = study, best = study.best.checkpoint / "model" }
