-- A program in C, compiled by the recipe: hpo build recipes/script/c.lua
local hpo = require "hpo"

local program = hpo.command { run = { "cc", "-O2", "-o", hpo.output "descent", hpo.source "descent.c", "-lm" } }
local study = hpo.study {
  name = "descent", space = { lr = hpo.loguniform(1e-4, 1e-2), momentum = hpo.uniform(0, 0.99) },
  samples = 9, concurrency = 3, metric = "loss", seed = 1,
  scheduler = hpo.scheduler.asha { max_t = 9, grace_period = 1, reduction_factor = 3 },
  trial = function(p)
    return hpo.script {
      run = { program, p.lr, p.momentum },
      report = { loss = "loss (%S+)", distance = "distance (%S+)" },
      tty = true, -- into a pipe it would write what it prints at its end, all at once
      outputs = { "x.txt" },
    }
  end,
}
return { default = study, best = study.best.checkpoint / "x.txt" }
