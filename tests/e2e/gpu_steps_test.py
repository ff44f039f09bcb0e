"""hpo.train and hpo.evaluate on GPUs: what reaches hpo-trainer, what is in no key, whose results they are. The trainer is made
up: it says what it was told, and reports."""
import json
import pathlib
import shutil
import unittest

from case import BIN, Case, uuid

FAKE = '''#!/bin/sh
told=$(echo "$*"; env | grep -E '^(HPO_BACKEND|HPO_RANKS|HPO_ZERO|HPO_GPU_IDENTITY|CUDA_)' | sort)
printf '%s\\n--\\n' "$told" >> {folder}/told # at once: several may be asked
case "$1" in
fingerprint)
  case "$*" in
  *precision*cuda*)
    [ -n "$HPO_GPU_IDENTITY" ] && exec cat "$HPO_GPU_IDENTITY"
    . {folder}/classes
    echo "{{\\"numerics\\": 1, \\"precision\\": \\"bf16\\", \\"class\\": \\"$class\\"}}" ;;
  *) echo '{{"numerics": 1, "precision": "fp32"}}' ;;
  esac ;;
devices) cat {folder}/devices ;;
train)
  t=$((HPO_FROM + 1))
  while [ $t -le "$HPO_UNTIL" ]; do echo "{{\\"t\\": $t, \\"eval_loss\\": $t}}"; t=$((t + 1)); done
  echo 1 > "$HPO_CHECKPOINT_OUT/model" ;;
evaluate) echo '{{"exact_match": 1, "f1": 2}}' > scores.json ;;
esac
'''
RECIPE = '''
local hpo = require "hpo"
local text = hpo.text "{{}}"
local options = {{ model = text, data = text, lr = 0.1, epochs = 2, {options} }}
local s = hpo.study {{ name = "s", metric = "eval_loss", search = hpo.search.grid {{}}, space = {{ x = hpo.choice {{ 1 }}, a = hpo.choice {{ {accumulates} }} }},
  scheduler = hpo.scheduler.fifo {{ max_t = 2 }},
  trial = function(p) options.accumulate = {accumulate} return hpo.train(options) end }}
return {{ default = s, scores = hpo.evaluate {{ checkpoint = s.best.checkpoint, data = text, {evaluate} }} }}
'''
H100, A100 = "NVIDIA H100 80GB HBM3", "NVIDIA A100-SXM4-40GB"


class GpuSteps(Case):
    sandbox = "off"

    def setUp(self):
        super().setUp()
        (self.folder / "bin").mkdir()
        shutil.copy(BIN / "hpo", self.folder / "bin/hpo")
        (self.folder / "share").symlink_to(BIN.parent / "share")
        self.program = self.folder / "bin/hpo"
        self.write("bin/hpo-trainer", FAKE.format(folder=self.folder), 0o755)
        self.write("classes", "class=sm_90\n")
        self.write("devices", json.dumps({"cuda": {"driver": "580", "nccl": "2.28.9", "devices": []}}))

    def recipe(self, options, accumulate="2", evaluate="", accumulates="2"):
        self.write("r.lua", RECIPE.format(options=options, accumulate=accumulate, evaluate=evaluate, accumulates=accumulates))

    def told(self, command):
        """The variables of the calls of this command."""
        calls = [call.splitlines() for call in self.read("told").split("--\n") if call.startswith(command)]
        return [dict(line.split("=", 1) for line in call[1:]) for call in calls]

    def refused(self, *arguments):
        message = self.hpo("build", "r.lua", *arguments, status=2)[1]
        self.assertNotIn(" ran, ", message)
        return message

    def test_what_changes_no_bit_travels_as_variables(self):
        self.make_cards(H100, H100)
        self.recipe('backend = "cuda", ranks = 2, zero = 3', evaluate='backend = "cuda"')
        self.assertEqual(self.build("r.lua", "default", "scores")["failed"], 0)
        train, = self.told("train")
        self.assertEqual(train, {"HPO_BACKEND": "cuda", "HPO_RANKS": "2", "HPO_ZERO": "3", "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
                                 "HPO_GPU_IDENTITY": '{"numerics": 1, "precision": "fp32"}',
                                 "CUDA_VISIBLE_DEVICES": f"{uuid(0)},{uuid(1)}"})
        evaluate, = self.told("evaluate")
        self.assertEqual((evaluate["HPO_RANKS"], evaluate["CUDA_VISIBLE_DEVICES"]), ("1", uuid(0)))
        self.assertNotIn("HPO_ZERO", evaluate)
        self.assertNotIn("rank", self.read("told").split("train --")[1].split("\n")[0])

    def test_they_are_in_no_key(self):
        """In 32 bits the processor's results are the cards', and any number of ranks the same."""
        self.recipe("")
        self.assertEqual(self.build("r.lua")["ran"], 1)
        self.make_cards(H100, H100)
        for options in ('backend = "cuda"', 'backend = "cuda", ranks = 2', 'backend = "cuda", ranks = 2, zero = 0', 'backend = "cpu"'):
            self.recipe(options)
            self.assertEqual(self.build("r.lua")["ran"], 0, options)

    def test_zero_is_1_with_ranks(self):
        self.make_cards(H100, H100)
        self.recipe('backend = "cuda", ranks = 2')
        self.build("r.lua")
        self.assertEqual(self.told("train")[0]["HPO_ZERO"], "1")

    def test_the_processor_hears_of_none(self):
        self.make_cards(H100)
        self.recipe('backend = "cpu"')
        self.build("r.lua")
        self.assertEqual(self.told("train"), [{"CUDA_VISIBLE_DEVICES": ""}])

    def test_mistakes_are_refused_when_the_recipe_is_read(self):
        self.make_cards(H100, H100)
        cuda = 'backend = "cuda", '
        for options, accumulate, message in (
                ("ranks = 2", "2", 'hpo.train.ranks: 2 ranks are that many GPUs, and the backend is "cpu"'),
                ('backend = "cpu", ranks = 2', "2", 'hpo.train.ranks: 2 ranks are that many GPUs, and the backend is "cpu"'),
                (cuda + "zero = 2", "2", "hpo.train.zero: it shares out what ranks keep, and there is one rank: zero = 2"),
                ("zero = 1", "2", "hpo.train.zero"), (cuda + "ranks = 2, zero = 4", "2", "hpo.train.zero: expected a whole number ≤ 3"),
                (cuda + "ranks = 2", "3", "hpo.train.accumulate: expected a multiple of ranks, found accumulate = 3 and ranks = 2"),
                (cuda + "ranks = 2", "nil", "found accumulate = 1 and ranks = 2"),
                (cuda + "ranks = 2", "p.a", "found accumulate = 5 and ranks = 2"),
                (cuda + "ranks = 2, resources = { gpus = 1 }", "2", "hpo.train.resources.gpus: each rank has a GPU: found gpus = 1 and ranks = 2"),
                (cuda + 'precision = "bf16", bf16 = "tile"', "2", "hpo.train.bf16: only the processor has an order"),
                ('resources = { gpu = "h100" }', "2", "hpo.train.resources.gpu: it is a class of GPU, and gpus is 0"),
                ('backend = "rocm"', "2", 'hpo.train.backend: expected "cpu" or "cuda", found "rocm"'),
                (cuda + "ranks = 0", "2", "hpo.train.ranks: expected a whole number ≥ 1"),
                (cuda + "ranks = 65", "65", "hpo.train.ranks: expected a whole number ≤ 64"),
                ("resources = { gpus = 1 }", "2", "hpo.train.resources.gpus: found 1, and the backend is cpu")):
            self.recipe(options, accumulate, accumulates="5")
            self.assertIn(message, self.refused(), options)
            self.assertEqual(self.told("train") if (self.folder / "told").exists() else [], [])
        self.recipe(cuda + "ranks = 2", "p.a", accumulates="4, 2")
        self.build("r.lua")

    def test_more_ranks_than_cards(self):
        self.make_cards(H100)
        self.recipe('backend = "cuda", ranks = 4', "4")
        self.assertIn("resources.gpus: it needs 4, there is 1", self.refused())

    def test_a_trainer_that_cannot(self):
        """What it would say of itself is said before anything starts, and in a dry run."""
        self.make_cards(H100, H100)
        self.recipe('backend = "cuda", ranks = 2')
        for devices, message in (({"cuda": None}, 'backend: hpo-trainer cannot use "cuda": this hpo-trainer was built without it'),
                                 ({"cuda": {"why": "the driver is too old", "devices": []}}, "the driver is too old"),
                                 ({"cuda": {"nccl": None, "devices": []}}, "ranks: 2 of them need libnccl")):
            self.write("devices", json.dumps(devices))
            self.assertIn(message, self.refused())
            self.assertIn(message, self.refused("--dry-run"))
        self.assertEqual(self.told("train"), [])

    def test_libraries_in_a_folder_beside_the_recipe(self):
        self.make_cards(H100)
        self.write("bin/hpo-trainer", FAKE.format(folder=self.folder).replace("CUDA_)", "HPO_CUDA_LIBRARIES)"), 0o755)
        self.environment["HPO_CUDA_LIBRARIES"] = "libraries"
        (self.folder / "libraries").mkdir()
        self.recipe('backend = "cuda"')
        self.build("r.lua")
        self.assertEqual({v["HPO_CUDA_LIBRARIES"] for v in self.told("train") + self.told("devices")[-1:]}, {str(self.folder / "libraries")})

    # ---- identity

    def test_in_16_bits_it_is_asked_beside_the_card(self):
        self.make_cards(H100, H100)
        self.recipe('backend = "cuda", precision = "bf16"')
        self.build("r.lua")
        asked = sorted(self.told("fingerprint --precision bf16 --backend cuda"), key=lambda v: v["CUDA_VISIBLE_DEVICES"])
        self.assertEqual(asked, [{"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": uuid(i)} for i in (0, 1)])
        self.assertEqual(json.loads(self.told("train")[0]["HPO_GPU_IDENTITY"])["class"], "sm_90")  # it refuses another card
        self.assertEqual(self.build("r.lua")["ran"], 0)
        self.write("classes", "class=sm_100\n")
        self.assertEqual(self.build("r.lua")["ran"], 1)  # another card was put in

    def test_cards_that_answer_differently(self):
        self.make_cards(A100, H100)
        self.write("classes", f'case $CUDA_VISIBLE_DEVICES in *{uuid(0)}*) class=sm_80 ;; *) class=sm_90 ;; esac\n')
        self.recipe('backend = "cuda", precision = "bf16"')
        self.assertIn(f"results depend on which card it gets: {A100} and {H100} differ", self.refused())
        self.build("r.lua", "--gpus", "1,")
        self.recipe('backend = "cuda", precision = "bf16", resources = { gpu = "h100" }')
        self.build("r.lua")
        self.assertEqual(self.told("train")[-1]["CUDA_VISIBLE_DEVICES"], uuid(1))
        self.recipe('backend = "cuda", precision = "bf16", resources = { gpu = "h100" }',
                    evaluate='backend = "cuda", precision = "bf16", resources = { gpu = "a100" }')
        self.assertIn('results on "a100" are others than on "h100", which this build uses too', self.hpo("build", "r.lua", "scores", status=2)[1])

    def test_two_cards_of_one_name(self):
        """A model may be sold with several numbers of SMs, and one of two cards may be divided (MIG)."""
        self.make_cards(H100, H100)
        self.write("classes", f'case $CUDA_VISIBLE_DEVICES in *{uuid(0)}*) class=sm_90 ;; *) class=sm_91 ;; esac\n')
        self.recipe('backend = "cuda", precision = "bf16"')
        self.assertIn("results depend on which card it gets", self.refused())

    def test_a_class_only_places_what_says_itself_on_what_it_depends(self):
        self.make_cards(H100)
        self.recipe('backend = "cuda"')
        self.build("r.lua")
        self.recipe('backend = "cuda", resources = { gpu = "H100" }')
        self.assertEqual(self.build("r.lua")["ran"], 0)

    def test_a_file_stands_for_a_card(self):
        """On a machine without one the key is known, and with it the results that are."""
        self.make_cards(H100)
        self.recipe('backend = "cuda", precision = "bf16"')
        self.build("r.lua")
        self.write("identity", '{"numerics": 1, "precision": "bf16", "class": "sm_90"}\n')
        self.environment["HPO_NVIDIA"] = str(self.folder / "none")
        self.assertIn("results in 16 bits depend on the card, and there is none", self.refused())
        self.assertEqual(self.build("r.lua", "--gpu-identity", "identity")["ran"], 0)
        self.assertEqual(self.told("fingerprint --precision")[-1]["HPO_GPU_IDENTITY"], str(self.folder / "identity"))
        self.environment["HPO_NVIDIA"] = str(self.folder / "nvidia")
        self.recipe('backend = "cuda", precision = "bf16", lr = 0.2')
        self.build("r.lua", "--gpu-identity", "identity")
        self.assertEqual(self.told("train")[-1]["HPO_GPU_IDENTITY"].strip(), self.read("identity").strip())
        self.assertIn("--gpu-identity: ", self.refused("--gpu-identity", "nothing"))
        self.write("bad", "garbage")
        self.recipe("")
        self.assertIn("--gpu-identity: ", self.refused("--gpu-identity", "bad"))  # though the processor has no use for it

    def test_a_class_of_the_trainers(self):
        self.make_cards(A100, H100)
        devices = [{"index": i, "uuid": uuid(i), "name": "", "class": c, "memory": 8e10, "free": 7e10, "usable": True, "why": None}
                   for i, c in enumerate(("sm_80", "sm_90"))]
        self.write("devices", json.dumps({"backends": ["cpu", "cuda"], "cuda": {"driver": "580", "nccl": None, "devices": devices}}) + "\n")
        self.recipe('backend = "cuda", resources = { gpu = "sm_90" }')
        self.build("r.lua")
        self.assertEqual(self.told("train")[0]["CUDA_VISIBLE_DEVICES"], uuid(1))
        self.recipe('backend = "cuda", lr = 0.2, resources = { gpu = "sm_100" }')
        self.assertIn(f'there is no "sm_100" among the cards of this build: {A100} (sm_80), {H100} (sm_90)', self.refused())

    # ---- shipped recipes

    def test_the_shipped_recipes_take_it_as_parameters(self):
        self.make_cards(H100, H100)
        root = pathlib.Path(__file__).resolve().parents[2]
        for name in ("asha", "bohb", "manual", "pbt", "compare"):
            recipe = root / f"recipes/{name}.lua"
            out = self.hpo("graph", recipe, "--set", "backend=cuda", "--set", "ranks=2", "--set", "accumulate=2", "--set", "zero=3",
                           "--set", "precision=fp16", "--set", "gpu=h100", "--json")[0]
            self.assertIn("evaluate", out)
            self.assertIn("expected a multiple of ranks, found accumulate = 1 and ranks = 2",
                          self.hpo("build", recipe, "--set", "backend=cuda", "--set", "ranks=2", status=2)[1])


if __name__ == "__main__":
    unittest.main()
