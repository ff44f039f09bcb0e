-- steps: hpo.tokenizer, hpo.model and hpo.squad: what hpo-trainer makes before it trains.

local core = require "hpo.core"
local artifact = require "hpo.artifact"
local check = require "hpo.check"
local json = require "hpo.json"
local sources = require "hpo.sources"
local trainer = require "hpo.trainer"

local steps = {}

local function one_or_list(field, value)
  return artifact.is(value) and { value } or check.list(artifact.rule, 1)(field, value)
end

-- hpo.tokenizer: byte-level BPE, trained on the texts of SQuAD files.
function steps.tokenizer(options)
  local o = check.fields("hpo.tokenizer", options, trainer.rules {
    data = { one_or_list, required = "a SQuAD file, or a list of them" },
    vocab_size = { trainer.natural, required = "a whole number ≥ 1" },
    min_frequency = { trainer.natural, default = 2 },
    splitting = check.one_of("bloom", "gpt2"),
  })
  local flags, inputs = {}, {}
  for i, x in ipairs(o.data) do
    local name = "squad-" .. i .. ".json"
    flags[#flags + 1], flags[#flags + 2], inputs[name] = "--squad", name, x
  end
  table.move({ "--vocab-size", o.vocab_size, "--min-frequency", o.min_frequency, "--out", "tokenizer.json" },
    1, 6, #flags + 1, flags)
  if o.splitting then flags[#flags + 1], flags[#flags + 2] = "--splitting", o.splitting end
  return trainer.file(trainer.origin("hpo.tokenizer", "train-tokenizer", o, flags, inputs, "tokenizer.json"))
end

local function existing_model(name)
  check.text("hpo.model", name)
  local path = core.folder(name)
  if not path then
    core.fail("hpo.model", "there is no folder " .. check.show(name),
      "downloading from a hub is not built in: give a local folder, --set model=FOLDER")
  end
  return sources.source(path)
end

-- hpo.model { "folder" }: one that exists. hpo.model { config =, tokenizer =, seed = }: one made here.
function steps.model(options)
  if type(options) == "table" and not check.is_object(options) and options[1] ~= nil then
    if #options > 1 or #check.names(options) > 0 then
      core.fail("hpo.model", 'expected { "FOLDER" } alone, or { config =, tokenizer =, seed = }')
    end
    return existing_model(options[1])
  end
  local o = check.fields("hpo.model", options, trainer.rules {
    config = { json.object, required = "the fields of config.json" },
    tokenizer = { artifact.rule, required = "a tokenizer.json, such as hpo.tokenizer { ... }" },
    seed = { trainer.seed, default = 1 },
  })
  local flags = { "--config", "config.json", "--tokenizer", "tokenizer.json", "--seed", o.seed, "--out", "model" }
  local config = sources.text(core.encode(o.config), "config.json")
  local inputs = { ["config.json"] = config, ["tokenizer.json"] = o.tokenizer }
  return trainer.folder(trainer.origin("hpo.model", "init", o, flags, inputs, "model"))
end

-- hpo.squad: SQuAD's JSON to token ids and labels.
function steps.squad(options)
  local o = check.fields("hpo.squad", options, trainer.rules {
    train = { artifact.rule, required = "a SQuAD file" },
    validation = { artifact.rule, required = "a SQuAD file" },
    tokenizer = { artifact.rule, required = "a tokenizer.json" },
    seed = { trainer.seed, default = 42 },
    train_size = { trainer.natural, default = 1000 },
    validation_size = { trainer.natural, default = 100 },
    max_length = { trainer.natural, default = 512 },
    labels = { check.one_of("answer", "seed"), default = "answer" },
    truncate = check.one_of("context", "end"),
  })
  local flags = { "--train", "train.json", "--validation", "validation.json", "--tokenizer",
    "tokenizer.json", "--seed", o.seed, "--train-size", o.train_size, "--validation-size", o.validation_size,
    "--max-length", o.max_length, "--labels", o.labels, "--out", "data" }
  if o.truncate then flags[#flags + 1], flags[#flags + 2] = "--truncate", o.truncate end
  local inputs = { ["train.json"] = o.train, ["validation.json"] = o.validation, ["tokenizer.json"] = o.tokenizer }
  return trainer.folder(trainer.origin("hpo.squad", "squad", o, flags, inputs, "data"))
end

return steps
