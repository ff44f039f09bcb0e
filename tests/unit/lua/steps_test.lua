-- Artifacts, hpo.command and the steps of hpo-trainer: what reaches the graph, what is refused.

package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua"
local t = require "harness"
local core = require "hpo.core"
local artifact = require "hpo.artifact"
local hpo = require "hpo"

-- The node that an artifact stands for, and its path there.
local function node(x)
  local id, path = artifact.node(x)
  return core.node(id), path, id
end

local function targets(returned)
  return (require "hpo.compare").targets(returned)
end

t.test("run holds names; inputs are sorted; an output in run is declared", function()
  local script, data = hpo.source "tools/clean.py", hpo.text("a b", "words")
  local action = node(hpo.command {
    name = "clean", run = { "python3", script, "--level", 3, data, hpo.output "out/words" },
    env = { LEVEL = 0.5, A = "x" }, resources = { cpus = 2 }, timeout = 10, retries = 1, outputs = { "log" },
  })
  t.equal(action.run, { "python3", "clean.py", "--level", "3", "words", "out/words" })
  t.equal(action.outputs, { "log", "out/words" })
  t.equal(action.env, { { "A", "x" }, { "LEVEL", "0.5" } })
  t.equal({ action.inputs[1].name, action.inputs[2].name }, { "clean.py", "words" })
  t.equal({ action.name, action.kind, action.timeout, action.retries }, { "clean", "command", 10, 1 })
  t.equal(action.resources, { cpus = 2, gpus = 0 })
  t.equal({ action.params, action.stateless }, {})
  t.equal(node(hpo.command { run = { "true" }, stateless = true }).stateless, true)
end)

t.test("a named input stands for its path in run; run[1] is run from the folder", function()
  local tool, data = hpo.source "tool", hpo.source "data"
  local action = node(hpo.command {
    run = { tool, data, data / "a" }, inputs = { ["in/all"] = data, ["x"] = data / "a", hpo.source "extra" },
  })
  t.equal(action.run, { "./tool", "in/all", "x" })
  local names = {}
  for i, input in ipairs(action.inputs) do names[i] = input.name .. ":" .. tostring(input.path) end
  t.equal(names, { "extra:nil", "in/all:nil", "tool:nil", "x:a" })
end)

t.test("one output stands for the action, several for the folder", function()
  local one = hpo.command { run = { "make" }, outputs = { "bin/tool" } }
  local two = hpo.command { run = { "make" }, outputs = { "a", "b" } }
  t.equal(select(2, node(one)), "bin/tool")
  t.equal(select(2, node(two)), nil)
  t.equal(select(2, node(two / "a/x")), "a/x")
  t.equal(select(2, node(one / "bin/tool")), "bin/tool")
  t.equal(node(hpo.command { run = { "cat", one } }).inputs[1].name, "tool")
  t.equal(node(hpo.command { run = { "ls", two / "a" / "x" } }).inputs[1].path, "a/x")
  t.fails(function() hpo.command { run = { "ls", two } } end, "hpo.command.run[2]", "has several outputs", "inputs = {")
  t.fails(function() return two / "c" end, "hpo.command /", 'expected a path in "a", "b", found "c"')
end)

t.test("an action is added once, when it is first needed", function()
  local before = #core.nodes
  local x = hpo.command { run = { "true" }, outputs = { "y" } }
  t.equal(#core.nodes, before)
  local _, _, first = node(x)
  local _, _, second = node(x / "y")
  t.equal({ first, #core.nodes }, { second, before + 1 })
end)

t.test("names that meet are refused with advice", function()
  local a, b = hpo.source "x/data", hpo.source "y/data"
  t.fails(function() hpo.command { run = { "cat", a, b } } end, "hpo.command.inputs",
    'two inputs are called "data"', "inputs = {")
  t.fails(function() hpo.command { run = { "cp", a, hpo.output "data" } } end, "hpo.command.outputs",
    'an input is called "data" too')
  t.fails(function() hpo.command { run = { "cp", a, hpo.output "data/x" } } end, "hpo.command.outputs",
    '"data/x" lies inside the input "data"')
  t.fails(function() hpo.command { run = { "x" }, inputs = { ["o/i"] = a }, outputs = { "o" } } end,
    "hpo.command.inputs", '"o/i" lies inside the output "o"')
end)

t.test("hpo.command says which field is wrong", function()
  local function command(o)
    return function() hpo.command(o) end
  end
  t.fails(command(nil), "hpo.command", "expected a table of fields, found nothing")
  t.fails(command {}, "hpo.command.run", "expected a list such as")
  t.fails(command { run = {} }, "hpo.command.run", "at least one")
  t.fails(command { run = "ls -l" }, "hpo.command.run", 'expected a list, found "ls -l"')
  t.fails(command { run = { "ls", {} } }, "hpo.command.run[2]", "found a table")
  t.fails(command { run = { hpo.output "x" } }, "hpo.command.run[1]", "expected a program")
  t.fails(command { run = { "a\0b" } }, "hpo.command.run[1]", "without NUL")
  t.fails(command { run = { "ls" }, input = {} }, "hpo.command.input", "no such field", 'did you mean "inputs"?')
  t.fails(command { "ls" }, "hpo.command", 'expected named fields, found "ls" without a name')
  t.fails(command { run = { "ls" }, outputs = { "../x" } }, "hpo.command.outputs[1]", "expected a path")
  t.fails(command { run = { "ls" }, inputs = { x = "file" } }, 'hpo.command.inputs["x"]', "expected an artifact",
    'hpo.source "file"')
  t.fails(command { run = { "ls" }, env = { HPO_FROM = "1" } }, "hpo.command.env.HPO_FROM", "the engine's")
  t.fails(command { run = { "ls" }, env = { ["a b"] = "1" } }, "hpo.command.env.a b", "a variable's name")
  t.fails(command { run = { "ls" }, env = { A = true } }, "hpo.command.env.A", "expected a text, found true")
  t.fails(command { run = { "ls" }, pass = "HF_HOME" }, "hpo.command.pass", 'expected a list, found "HF_HOME"')
  t.fails(command { run = { "ls" }, resources = { cpus = 0 } }, "hpo.command.resources.cpus", "≥ 1, found 0")
  t.fails(command { run = { "ls" }, resources = { cpu = 1 } }, "hpo.command.resources.cpu", "no such field")
  t.fails(command { run = { "ls" }, timeout = 0 }, "hpo.command.timeout", "expected a number > 0, found 0")
  t.fails(command { run = { "ls" }, retries = 1.5 }, "hpo.command.retries", "expected a whole number ≥ 0, found 1.5")
  t.fails(command { run = { "ls" }, stateless = 1 }, "hpo.command.stateless", "expected true or false, found 1")
  t.fails(command { run = { "ls" }, identity = {} }, "hpo.command.identity", "at least one")
  t.fails(command { run = { "ls" }, params = { f = print } }, "hpo.command.params.f", "no JSON form")
  t.fails(command { run = { "ls" }, name = "\xff" }, "hpo.command.name", "UTF-8")
end)

t.test("a script is a trial's template: its report as the engine reads it", function()
  local function template(o, scheduler)
    o.run = { "sh", hpo.source "a.sh", hpo.output "model" }
    hpo.study {
      space = {}, samples = 2, metric = "loss", scheduler = scheduler or hpo.scheduler.fifo { max_t = 2 },
      trial = function() return hpo.script(o) end,
    }
    return core.node(core.node(#core.nodes - 1).trial '{"x": 1}')
  end
  local spec = template { report = "loss=(%S+)", timeout = 5 }
  t.equal({ spec.kind, spec.run, spec.outputs, spec.report, spec.may_end, spec.timeout },
    { "script", { "sh", "a.sh", "model" }, { "model" }, '{"patterns": {"loss": "loss=(%S+)"}}', true, 5 })
  t.equal({ spec.params, spec.tty }, {})
  spec = template { report = { loss = "a(b)", t = "(%d)" }, tty = true, may_end = false }
  t.equal({ spec.report, spec.tty }, { '{"patterns": {"loss": "a(b)", "t": "(%d)"}}', true })
  t.equal(spec.may_end, nil)
  t.equal(template { report = { file = "a/m.csv" } }.report, '{"file": "a/m.csv", "metric": "loss"}')
  t.equal(template { report = { last = "(.)" } }.report, '{"last": true, "patterns": {"loss": "(.)"}}')
  t.equal(template { report = { last = { file = "m.json" } } }.report, '{"file": "m.json", "last": true, "metric": "loss"}')
  t.fails(function() template { report = { acc = "(.)" } } end, "hpo.script.report", "no pattern for the study's metric, loss")
  t.fails(function()
    template({ report = "(.)" }, hpo.scheduler.pbt { max_t = 4, perturbation_interval = 2, mutations = {} })
  end, "hpo.script", "a script has none", "another scheduler")
end)

t.test("an end of its own is a trial's alone", function()
  t.equal(node(hpo.command { run = { "true" }, outputs = { "a" }, may_end = true }).may_end, nil)
end)

t.test("pass names variables of whoever builds, for every action", function()
  local names = { "WANDB_API_KEY", "HF_HOME" }
  t.equal(node(hpo.command { run = { "ls" }, pass = names }).pass, names)
  t.equal(node(hpo.command { run = { "ls" } }).pass, nil)
  t.equal(node(hpo.tokenizer { data = { hpo.source "a.json" }, vocab_size = 300, pass = names }).pass, names)
  local function refuse(pass, field, ...)
    t.fails(function() hpo.command { run = { "ls" }, env = { A = "1" }, pass = pass } end, "hpo.command." .. field, ...)
  end
  refuse({ "B", "a b" }, "pass[2]", 'expected a variable\'s name, found "a b"')
  refuse({ "B=1" }, "pass[1]", "a variable's name")
  refuse({ "" }, "pass[1]", "an empty one")
  refuse({ 3 }, "pass[1]", "expected a text, found 3")
  refuse({ "HPO_CACHE" }, "pass[1]", "the engine's")
  refuse({ "PATH" }, "pass[1]", "PATH is set by the engine", "has the PATH")
  refuse({ "HOME" }, "pass[1]", "HOME is set by the engine", "HF_HOME")
  refuse({ "OMP_NUM_THREADS" }, "pass[1]", "set by the engine", "cpus = N")
  refuse({ "LD_LIBRARY_PATH" }, "pass[1]", "which code runs", 'env = { LD_LIBRARY_PATH = "..." }')
  refuse({ "PYTHONPATH" }, "pass[1]", "which code runs", 'env = { PYTHONPATH = "..." }')
  refuse({ "B", "C", "B" }, "pass[3]", "B is there twice")
  refuse({ "B", "A" }, "pass[2]", "env gives A as well", "in the key")
end)

t.test("an artifact says what it is and what it is not", function()
  local x = hpo.source "data"
  t.equal(tostring(x), 'hpo.source "data"')
  t.equal(tostring(x / "a" / "b"), 'hpo.source "data" / "a/b"')
  t.fails(function() return "a" .. x end, 'hpo.source "data"', "cannot be joined")
  t.fails(function() return x .. "a" end, 'hpo.source "data"', "cannot be joined")
  t.fails(function() return x.path end, 'hpo.source "data".path', "no such field")
  t.fails(function() x.y = 1 end, 'hpo.source "data"', "cannot be changed")
  t.fails(function() return x() end, 'hpo.source "data"', "cannot be called")
  t.fails(function() return #x end, 'hpo.source "data"', "no length")
  t.fails(function() return x / 3 end, 'hpo.source "data" /', "expected a text, found 3")
  t.fails(function() return x / "/etc" end, 'hpo.source "data" /', "expected a path")
  t.fails(function() return "x" / x end, 'hpo.source "data"', 'expected ARTIFACT / "path"')
  t.fails(function() return hpo.text "a" / "x" end, "hpo.text /", "it is one file")
  t.fails(function() return hpo.output "o" / "x" end, 'hpo.output "o"', "has no parts")
end)

t.test("sources, texts, clones", function()
  t.equal(node(hpo.source "a/b/").path, "a/b/")
  t.equal(node(hpo.text("body", "name.txt")), { content = "body", name = "name.txt", node_kind = "text" })
  local repo = hpo.clone { url = "https://host/group/thing.git", rev = "v1", paths = { "b", "a/c" } }
  t.equal(node(repo).paths, { "a/c", "b" })
  t.equal({ node(repo).rev, artifact.name("", repo) }, { "v1", "thing" })
  t.equal(artifact.name("", hpo.clone { url = "host:thing.git/" }), "thing")
  t.equal(select(2, node(repo / "a/c/d")), "a/c/d")
  t.fails(function() return repo / "z" end, 'hpo.clone "https://host/group/thing.git" /', 'expected a path in "a/c", "b"')
  t.fails(function() hpo.clone { rev = "x" } end, "hpo.clone.url", "expected the address of a git repository")
  t.fails(function() hpo.clone { url = "x", rev = "--upload-pack=y" } end, "hpo.clone.rev", "branch, tag or commit")
  t.fails(function() hpo.clone { url = "x", paths = { "../y" } } end, "hpo.clone.paths[1]", "expected a path")
  t.fails(function() hpo.text("x", "a/b") end, "hpo.text: name", 'without "/"')
  t.fails(function() hpo.text(3) end, "hpo.text", "expected a text, found 3", "hpo.json")
  t.fails(function() hpo.source(nil) end, "hpo.source", "expected a text, found nothing")
end)

local repo = hpo.clone { url = "hpo:mini.git", rev = "master", paths = { "dataset" } }
local tokenizer = hpo.tokenizer { data = { repo / "dataset/a.json", repo / "dataset/b.json" }, vocab_size = 512 }
local model = hpo.model { config = { n_layer = 2 }, tokenizer = tokenizer }
local data = hpo.squad {
  train = repo / "dataset/a.json", validation = repo / "dataset/b.json", tokenizer = model / "tokenizer.json",
  max_length = 64, labels = "seed",
}
local function train(changes)
  local o = { model = model, data = data, lr = 1e-5, epochs = 3 }
  for name, value in pairs(changes or {}) do o[name] = value end
  return hpo.train(o)
end

t.test("the steps of hpo-trainer are commands with its flags", function()
  local action, path = node(tokenizer)
  t.equal(table.concat(action.run, " "), "hpo-trainer train-tokenizer --squad squad-1.json --squad squad-2.json " ..
    "--vocab-size 512 --min-frequency 2 --out tokenizer.json")
  t.equal({ path, action.kind }, { "tokenizer.json", "train-tokenizer" })
  t.equal(action.identity, { "hpo-trainer", "fingerprint" })
  action, path = node(model)
  t.equal(table.concat(action.run, " "),
    "hpo-trainer init --config config.json --tokenizer tokenizer.json --seed 1 --out model")
  t.equal({ path, (select(2, node(model / "tokenizer.json"))) }, { "model", "model/tokenizer.json" })
  t.equal(core.node(action.inputs[1].node).content, '{"n_layer": 2}')
  action, path = node(data)
  t.equal(table.concat(action.run, " "), "hpo-trainer squad --train train.json --validation validation.json " ..
    "--tokenizer tokenizer.json --seed 42 --train-size 1000 --validation-size 100 --max-length 64 --labels seed --out data")
  t.equal({ path, action.inputs[1].path }, { "data", "model/tokenizer.json" })
  action = node(hpo.tokenizer { data = hpo.source "a.json", vocab_size = 300, splitting = "gpt2" })
  t.equal(table.concat(action.run, " ", #action.run - 3), "--out tokenizer.json --splitting gpt2")
  action = node(hpo.squad { train = tokenizer, validation = tokenizer, tokenizer = tokenizer, truncate = "context" })
  t.equal(table.concat(action.run, " ", #action.run - 1), "--truncate context")
  action, path = node(hpo.evaluate { checkpoint = model, data = data, max_new_tokens = 8 })
  t.equal(table.concat(action.run, " "),
    "hpo-trainer evaluate --model checkpoint --data data --max-new-tokens 8 --eval-batch-size 8 --out scores.json")
  t.equal({ path, action.resources.share }, { "scores.json", true })
  t.equal(action.identity, { "hpo-trainer", "fingerprint" })
end)

local function template(training)
  return core.node(core.node(node(training).study).trial "{}")
end

t.test("presets and precisions become flags in one order, and nothing where they say what is so anyway", function()
  local function trained(changes)
    return table.concat(template(train(changes)).run, " "):match "%-%-eval%-batch%-size 8(.*)$"
  end
  t.equal(trained { precision = "fp32", preset = "default" }, "")
  t.equal(trained { loss_scale = 512, preset = "seed", precision = "fp16" },
    " --precision fp16 --preset seed --loss-scale 512")
  t.equal(trained { max_grad_norm = 0, decay = "ignored", loss_denominator = "labels", loss_scale = "dynamic" },
    " --loss-denominator labels --decay ignored --max-grad-norm 0 --loss-scale dynamic")
  t.equal(template(train { pass = { "HF_HOME" } }).pass, { "HF_HOME" })
  t.equal(template(train { precision = "bf16" }).identity, { "hpo-trainer", "fingerprint", "--precision", "bf16" })
  t.equal(trained { precision = "bf16", bf16 = "dot" }, " --precision bf16")
  t.equal(trained { precision = "bf16", bf16 = "tile" }, " --precision bf16 --bf16 tile")
  t.equal(template(train { precision = "bf16", bf16 = "tile" }).identity,
    { "hpo-trainer", "fingerprint", "--precision", "bf16", "--bf16", "tile" })
  t.fails(function() train { bf16 = "tile" } end, "hpo.train.bf16", 'the sums of precision = "bf16"; this is "fp32"')
  local scores = hpo.evaluate { checkpoint = model, data = data, f1 = "set", pad_prompts = 512, preset = "seed" }
  t.equal(table.concat(node(scores).run, " "):match "scores.json(.*)$", " --preset seed --pad-prompts 512 --f1 set")
  t.fails(function() train { preset = "tree" } end, "hpo.train.preset", 'expected "default" or "seed", found "tree"')
  t.fails(function() train { precision = "fp8" } end, "hpo.train.precision", 'expected "fp32" or "bf16" or "fp16"')
  t.fails(function() train { loss_scale = 0 } end, "hpo.train.loss_scale", 'expected "dynamic" or a number > 0, found 0')
  t.fails(function() train { max_grad_norm = -1 } end, "hpo.train.max_grad_norm", "expected a number ≥ 0")
  t.fails(function() train { f1 = "set" } end, "hpo.train.f1", "no such field")
  t.fails(function() hpo.evaluate { checkpoint = model, data = data, decay = "ignored" } end, "hpo.evaluate.decay", "no such")
end)

t.test("a model that exists is a source; a hub is not there", function()
  core.folders["llm"] = "/models/llm"
  t.equal(node(hpo.model { "llm" }).path, "/models/llm")
  t.equal(select(2, node(hpo.model { "llm" } / "tokenizer.json")), "tokenizer.json")
  t.fails(function() hpo.model { "bigscience/bloomz-560m" } end, "hpo.model",
    'there is no folder "bigscience/bloomz-560m"', "downloading from a hub is not built in")
  t.fails(function() hpo.model { "llm", seed = 1 } end, "hpo.model", "alone")
  t.fails(function() hpo.model { config = {} } end, "hpo.model.tokenizer", "expected a tokenizer.json")
end)

t.test("a training outside of a study is a study of one, added once", function()
  local before = #core.nodes
  local trained = train { name = "baseline" }
  t.equal(#core.nodes, before)
  local best = node(trained / "model.safetensors")
  t.equal(best.node_kind, "best")
  local study = core.node(best.study)
  t.equal({ study.name, study.max_t, study.samples, study.metric, study.mode }, { "baseline", 3, 1, "eval_loss", "min" })
  t.equal(study.suggest(0), "{}")
  t.equal(study.suggest(1), nil)
  local template = core.node(study.trial "{}")
  t.equal({ template.node_kind, template.params, template.name }, { "action", nil, nil })
  t.equal(table.concat(template.run, " "), "hpo-trainer train --model model --data data --eval data --lr 1e-05 " ..
    "--batch-size 8 --weight-decay 0 --epochs 3 --seed 42 --accumulate 1 --eval-batch-size 8")
  t.equal(template.outputs, {})
  node(trained)
  t.equal(#core.nodes, before + 3)
  local scores = hpo.evaluate { checkpoint = trained, data = data }
  targets { c = hpo.compare { scores } }
  t.equal(core.nodes[#core.nodes].items[1].checkpoint_study, best.study)
end)

t.test("numbers are one text, however they are written", function()
  local function lr(x)
    local made = train { lr = x }
    return template(made).run[10]
  end
  t.equal({ lr(1e-5), lr(0.00001), lr(1), lr(1.0), lr(0.1 + 0.2) },
    { "1e-05", "1e-05", "1", "1", "0.30000000000000004" })
end)

t.test("the steps say which field is wrong", function()
  t.fails(function() train { lr = 0 } end, "hpo.train.lr", "expected a number > 0, found 0")
  t.fails(function() train { lr = "1e-5" } end, "hpo.train.lr", 'found "1e-5"')
  t.fails(function() train { weight_decay = -1 } end, "hpo.train.weight_decay", "expected a number ≥ 0")
  t.fails(function() train { batchsize = 1 } end, "hpo.train.batchsize", "no such field", 'did you mean "batch_size"?')
  t.fails(function() train { model = "llm" } end, "hpo.train.model", "expected an artifact")
  t.fails(function() train { seed = 1 << 32 } end, "hpo.train.seed", "≤ 4294967295")
  t.fails(function() hpo.train { model = model, data = data, lr = 1 } end, "hpo.train.epochs", "found nothing")
  t.fails(function() hpo.squad { labels = "both" } end, "hpo.squad.labels", 'expected "answer" or "seed", found "both"')
  t.fails(function() hpo.squad { train = tokenizer, validation = tokenizer, tokenizer = tokenizer, truncate = "left" } end,
    "hpo.squad.truncate", 'expected "context" or "end", found "left"')
  t.fails(function() hpo.tokenizer { data = {}, vocab_size = 3 } end, "hpo.tokenizer.data", "at least one")
  t.fails(function() hpo.tokenizer { data = { hpo.source "a.json" }, vocab_size = 300, splitting = "gpt3" } end,
    "hpo.tokenizer.splitting", 'expected "bloom" or "gpt2", found "gpt3"')
  t.fails(function() hpo.tokenizer { data = { "x" }, vocab_size = 3 } end, "hpo.tokenizer.data[1]", "an artifact")
end)

t.test("what a recipe returns becomes targets, sorted", function()
  local many = hpo.command { run = { "x" }, outputs = { "a", "b" } }
  local list = targets { z = hpo.text "t", a = many, b = many / "b", s = hpo.source "d" }
  local names = {}
  for i, target in ipairs(list) do names[i] = target.name .. ":" .. tostring(target.path) end
  t.equal(names, { "a:nil", "b:b", "s:nil", "z:nil" })
  t.equal(list[1].node, list[2].node)
  t.fails(function() targets(nil) end, "targets", "found nothing", "return { default")
  t.fails(function() targets {} end, "targets", "at least one target")
  t.fails(function() targets(hpo.text "x") end, "targets", "found hpo.text")
  t.fails(function() targets { hpo.text "x" } end, "targets", "expected names, found hpo.text")
  t.fails(function() targets { x = "text" } end, 'target "x"', 'found "text"', "hpo.text(...)")
  t.fails(function() targets { ["a/b"] = hpo.text "x" } end, 'target "a/b"', 'without "/"')
  t.fails(function() targets { x = hpo.output "y" } end, 'target "x"', 'found hpo.output "y"')
end)

t.test("a source and what it leaves out", function()
  local before = #core.nodes
  t.equal(tostring(hpo.source { "src", exclude = { "*.log", "a/b" } }), 'hpo.source "src"')
  t.equal(core.nodes[before + 1].path, "src")
  t.equal(core.nodes[before + 1].exclude, { "*.log", "a/b" })
  hpo.source { "src" }
  t.equal(core.nodes[before + 2].exclude, {})
  t.fails(function() hpo.source { "src", "other" } end, "hpo.source", "without a name", "there are: exclude")
  t.fails(function() hpo.source { "src", exclude = { "" } } end, "hpo.source.exclude[1]", "an empty one")
  t.fails(function() hpo.source { "src", exclude = { "a\r" } } end, "hpo.source.exclude[1]", "one pattern")
  t.fails(function() hpo.source(hpo.text "x") end, "hpo.source", "expected a text, found hpo.text")
end)

t.test("parameters and JSON", function()
  core.sets.n = 7
  t.equal({ hpo.param("n", 3), hpo.param("m", 3) }, { 7, 3 })
  t.equal(math.type(hpo.param("list", { 0, 0.5 })[1]), "float")
  t.equal(math.type(hpo.param("list", { 0, 5 })[1]), "integer")
  t.fails(function() hpo.param("a b", 1) end, "hpo.param", "expected a name")
  t.fails(function() hpo.param "x" end, 'hpo.param("x")', "found nothing")
  t.fails(function() hpo.param("x", { 1, "a" }) end, 'hpo.param("x")[2]', "the same kind")
  t.fails(function() hpo.param("x", { {} }) end, 'hpo.param("x")[1]', "the same kind")
  t.equal(hpo.json { b = { 1, 2.5 }, a = { c = 0 / 0 }, d = "ü\n" }, '{"a": {"c": null}, "b": [1, 2.5], "d": "ü\\n"}')
  t.fails(function() hpo.json { a = { print } } end, "hpo.json.a[1]", "a function has no JSON form")
  t.fails(function() hpo.json { 1, x = 2 } end, "hpo.json", "names and positions")
  t.fails(function() hpo.json { x = hpo.text "y" } end, "hpo.json.x", "hpo.text has no JSON form")
  t.fails(function() hpo.json "\xff" end, "hpo.json", "not UTF-8")
  local loop = {}
  loop.x = loop
  local ok, e = pcall(hpo.json, loop)
  t.equal({ ok, e.text:find("deeper", 1, true) ~= nil }, { false, true })
end)

t.test("names that do not exist are refused", function()
  t.fails(function() return hpo.comand end, "hpo.comand", "no such name", 'did you mean "command"?')
  t.fails(function() return hpo.search.rando end, "hpo.search.rando", "no such name", "random")
  t.fails(function() return hpo.scheduler.x end, "hpo.scheduler.x", "no such name", "there are: asha, fifo")
end)

os.exit(t.finish())
