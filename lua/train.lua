-- train: hpo.train, the template of a trial's units, and hpo.evaluate.

local artifact = require "hpo.artifact"
local backend = require "hpo.backend"
local check = require "hpo.check"
local command = require "hpo.command"
local fifo = require "hpo.scheduler.fifo"
local points = require "hpo.search.points"
local study = require "hpo.study"
local trainer = require "hpo.trainer"

local train = {}

-- What both steps take besides, and pass on as flags where it is given and not what the program does anyway.
local usual = { precision = "fp32", bf16 = "dot", preset = "default", loss_mean = "window" }
local shared = {
  precision = check.one_of("fp32", "bf16", "fp16"), bf16 = check.one_of("dot", "tile"),
  preset = check.one_of("default", "seed"),
}
local switches = {
  loss_denominator = check.one_of("predicted", "labels"), loss_mean = check.one_of("window", "rank"),
  decay = check.one_of("applied", "ignored"),
  max_grad_norm = check.number { least = 0 },
  loss_scale = function(field, value)
    if value ~= "dynamic" and not (check.is_finite(value) and value > 0) then
      check.expected(field, '"dynamic" or a number > 0', value)
    end
    return value
  end,
}

local function given(flags, o, ...)
  for _, name in ipairs { "precision", "bf16", "preset", ... } do
    if o[name] ~= nil and o[name] ~= usual[name] then
      flags[#flags + 1], flags[#flags + 2] = "--" .. name:gsub("_", "-"), o[name]
    end
  end
end

-- A training outside of a study: a study of one trial, so that its units are those of any study. Its best
-- checkpoint is that of the last epoch whose eval_loss is a number.
local function alone(name, epochs, self)
  return study.new {
    name = name, search = points { {} }, scheduler = fifo { max_t = epochs },
    trial = function() return self end,
  }
end

-- hpo.train: one trial's training. In a study it is the template of its units, one an epoch.
function train.train(options)
  local o = check.fields("hpo.train", options, trainer.rules({
    model = { artifact.rule, required = "a model's folder" },
    data = { artifact.rule, required = "hpo.squad { ... }, or a .jsonl file" },
    eval = artifact.rule,
    lr = { check.number { above = 0 }, required = "a number > 0" },
    batch_size = { trainer.natural, default = 8 },
    weight_decay = { check.number { least = 0 }, default = 0 },
    live = command.live,
    epochs = { trainer.natural, required = "a whole number ≥ 1" },
    seed = { trainer.seed, default = 42 },
    accumulate = { trainer.natural, default = 1 },
    eval_batch_size = { trainer.natural, default = 8 },
  }, shared, backend.rules, switches))
  if o.accumulate == 1 then o.loss_mean = nil end -- a window of one micro-batch has one mean
  local flags = { "--model", "model", "--data", "data", "--eval", o.eval and "eval" or "data", "--lr", o.lr,
    "--batch-size", o.batch_size, "--weight-decay", o.weight_decay, "--epochs", o.epochs, "--seed", o.seed,
    "--accumulate", o.accumulate, "--eval-batch-size", o.eval_batch_size }
  given(flags, o, "loss_denominator", "loss_mean", "decay", "max_grad_norm", "loss_scale")
  local inputs = { model = o.model, data = o.data, eval = o.eval }
  local training = trainer.origin("hpo.train", "train", o, flags, inputs, nil)
  local trained, one
  local origin = { name = "checkpoint", last_t = o.epochs }
  function origin:show() return training:show() end
  function origin:template() return command.template(training, nil) end -- argv holds what it needs of the parameters
  function origin:make()
    one = alone(o.name, o.epochs, trained)
    return (artifact.node(one.best.checkpoint))
  end
  function origin:study() return one and (study.node(one)) end
  trained = artifact.new(origin)
  return trained
end

-- hpo.evaluate: exact match, F1 and loss of a checkpoint on the data's validation part.
function train.evaluate(options)
  local o = check.fields("hpo.evaluate", options, trainer.rules({
    checkpoint = { artifact.rule, required = "a model's folder, such as STUDY.best.checkpoint" },
    data = { artifact.rule, required = "hpo.squad { ... }" },
    max_new_tokens = { trainer.natural, default = 32 },
    eval_batch_size = { trainer.natural, default = 8 },
    pad_prompts = check.whole(0, 1 << 20),
    f1 = check.one_of("official", "set"), backend = backend.rules.backend, -- on one GPU
  }, shared))
  local flags = { "--model", "checkpoint", "--data", "data", "--max-new-tokens", o.max_new_tokens,
    "--eval-batch-size", o.eval_batch_size, "--out", "scores.json" }
  given(flags, o, "pad_prompts", "f1")
  local inputs = { checkpoint = o.checkpoint, data = o.data }
  return trainer.file(trainer.origin("hpo.evaluate", "evaluate", o, flags, inputs, "scores.json"))
end

return train
