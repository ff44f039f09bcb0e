-- profiles: what --set profile=NAME stands for: data, model, and the space that suits them.
local hpo = require "hpo"

local squad = "https://github.com/rajpurkar/SQuAD-explorer"
local profiles = {
  -- The first five minutes: a corpus that comes with hpo, a tokenizer and a small model made here.
  mini = {
    url = "hpo:mini.git", vocab_size = 512, model = "",
    config = { hidden_size = 64, n_layer = 2, n_head = 4, initializer_range = 0.1 },
    train_size = 1000, validation_size = 200,
    lr_lower = 3e-4, lr_upper = 1e-2, lr_choices = { 3e-4, 1e-3, 3e-3 }, bs_choices = { 2, 4 },
  },
  -- Real text, the same two steps; or --set model=FOLDER.
  squad = {
    url = squad, vocab_size = 4096, model = "",
    config = { hidden_size = 64, n_layer = 2, n_head = 4, initializer_range = 0.05 },
    train_size = 1000, validation_size = 100,
    lr_lower = 1e-4, lr_upper = 1e-2, lr_choices = { 3e-4, 1e-3, 3e-3 }, bs_choices = { 2, 4 },
  },
  -- The original experiment.
  original = {
    url = squad, model = "bigscience/bloomz-560m",
    train_size = 1000, validation_size = 100,
    lr_lower = 5e-6, lr_upper = 2e-4, lr_choices = { 1e-5, 2e-4, 5e-6 }, bs_choices = { 1, 2 },
  },
}

local name = hpo.param("profile", "mini")
local profile = profiles[name] or error('profile: expected "mini", "squad" or "original", found "' .. name .. '"')

local repo = hpo.clone { url = profile.url, rev = hpo.param("rev", "master"), paths = { "dataset" } }
local train, validation = repo / "dataset/train-v1.1.json", repo / "dataset/dev-v1.1.json"

-- --set family=gpt2: the model made here is a GPT-2 of the same size, its tokenizer too.
local configs = {
  bloom = function(c) return c end,
  gpt2 = function(c)
    return {
      model_type = "gpt2", n_embd = c.hidden_size, n_layer = c.n_layer, n_head = c.n_head, n_positions = 1024,
      initializer_range = c.initializer_range, resid_pdrop = 0, embd_pdrop = 0, attn_pdrop = 0,
    }
  end,
}

-- A model that exists has its own tokenizer; for ours one is trained on the same text.
local folder = hpo.param("model", profile.model)
local function make_model()
  local family = hpo.param("family", "bloom")
  local config_of = configs[family] or error('family: expected "bloom" or "gpt2", found "' .. family .. '"')
  local config = config_of(profile.config or error('model: the profile "' .. name .. '" has none: --set model=FOLDER'))
  config.vocab_size = profile.vocab_size
  local tokenizer = hpo.tokenizer { data = train, vocab_size = profile.vocab_size, splitting = family }
  return hpo.model { config = config, tokenizer = tokenizer, seed = 1 }
end
local model = folder == "" and make_model() or hpo.model { folder }

-- --set preset=seed: everything as the original experiment's scripts did it.
local preset, precision = hpo.param("preset", "default"), hpo.param("precision", "fp32")
local data = hpo.squad {
  train = train, validation = validation, tokenizer = model / "tokenizer.json", seed = 42,
  train_size = hpo.param("train_size", profile.train_size),
  validation_size = hpo.param("validation_size", profile.validation_size),
  max_length = hpo.param("max_length", 512),
  labels = preset == "seed" and "seed" or "answer",
}

-- --set backend=cuda: on a GPU; --set ranks=2 --set accumulate=2: each trial on two, as if there were one.
local backend, ranks = hpo.param("backend", "cpu"), hpo.param("ranks", 1)
local accumulate, zero = hpo.param("accumulate", 1), hpo.param("zero", ranks > 1 and 1 or 0)
local class = hpo.param("gpu", "") -- --set gpu=h100: on no other
local function resources() return class ~= "" and { gpu = class } or nil end

-- What the recipes need of it: the space's limits as defaults, and a trial's training.
profile.wd_choices = { 0.0, 0.01 }
profile.data, profile.preset = data, preset
profile.epochs = hpo.param("epochs", 5)
function profile.train(p, epochs)
  return hpo.train {
    model = model, data = data, lr = p.lr, batch_size = p.bs, weight_decay = p.wd, epochs = epochs or profile.epochs,
    preset = preset, precision = precision, accumulate = accumulate, backend = backend, ranks = ranks, zero = zero,
    loss_mean = preset == "seed" and ranks > 1 and "rank" or "window", -- as its ranks did
    resources = resources(),
  }
end
function profile.evaluate(checkpoint)
  return hpo.evaluate { checkpoint = checkpoint, data = data, preset = preset, backend = backend, resources = resources() }
end

-- What the original experiment published, to stand beside ours where everything is done its way.
profile.published = preset == "seed" and {
  manual = { run = "manual (published)", eval_loss = 9.3347, params = { lr = 5e-6, bs = 1 } },
  asha = { run = "asha (published)", eval_loss = 9.49014, params = { lr = 1.20387e-5, bs = 1, wd = 0 }, runtime_s = 336 },
  pbt = { run = "pbt (published)", eval_loss = 9.57514, params = { lr = 7.80525e-6, bs = 1 } },
  bohb = { run = "bohb (published)", eval_loss = 9.3748, params = { lr = 1.12689e-5, bs = 1 } },
  compare = { run = "manual (published)", eval_loss = 11.7463, t = 30, runtime_s = 10620, slots = 2, minutes = 354, ratio = 1 },
} or {}
return profile
