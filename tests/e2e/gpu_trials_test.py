"""Trials on GPUs: minutes in tables and comparison, the status line, runs that wait, cards that fail under a trial. The cards
are made up; so is what trains on them."""
import json
import re
import unittest

from case import LONG, Case, uuid

TRAINER = '''
t=$((HPO_FROM + 1))
while [ $t -le "$HPO_UNTIL" ]; do
  {0}
  sleep {1}
  echo "{{\\"t\\": $t, \\"loss\\": $((20 - t))}}"
  t=$((t + 1))
done
echo $t > "$HPO_CHECKPOINT_OUT/t"
'''
RECIPE = '''
local hpo = require "hpo"
local s = hpo.study {{ name = "s", metric = "loss", search = hpo.search.grid {{}}, space = {{ x = hpo.choice {{ {choices} }} }}, concurrency = {concurrency},
  scheduler = hpo.scheduler.fifo {{ max_t = 2 }},
  trial = function(p) return hpo.command {{ run = {{ "sh", hpo.source "train.sh", tostring(p.x) }}, params = p, resources = {{ {resources} }} }} end }}
return {{ default = hpo.compare {{ s }}, s = s }}
'''


class GpuTrials(Case):
    def setUp(self):
        super().setUp()
        self.trainer()

    def trainer(self, each="true", seconds=0.1):
        self.write("train.sh", TRAINER.format(each, seconds))

    def recipe(self, resources="gpus = 1", choices="1, 2", concurrency=2):
        self.write("r.lua", RECIPE.format(resources=resources, choices=choices, concurrency=concurrency))

    def compared(self):
        return json.loads(self.read("out/r/default/table.json"))["rows"][0]

    def gpu_seconds(self):
        return [s["info"]["gpu_seconds"] / s["seconds"] for t in self.table("r.lua", "s")["trials"] for s in t["segments"]]

    def test_minutes_are_cards_by_seconds(self):
        self.make_cards(*["NVIDIA L4"] * 4)
        self.recipe("gpus = 2")
        self.build("r.lua", "default", "s", "-j4")
        for ratio in self.gpu_seconds():
            self.assertAlmostEqual(ratio, 2)
        row = self.compared()
        seconds = sum(s["seconds"] for t in self.table("r.lua", "s")["trials"] for s in t["segments"])
        self.assertAlmostEqual(row["gpu_minutes"], 2 * seconds / 60)
        self.assertEqual(row["slots"], 4)  # 2 workers × 2 GPUs, as ever
        self.assertIn("GPU minutes", self.read("out/r/default/table.txt"))
        self.assertIn("gpu_minutes", self.read("out/r/default/table.csv").splitlines()[0])
        self.assertIn("GPU minutes", self.hpo("table", "r.lua", "s")[0])
        self.assertIn("gpu_minutes", self.hpo("table", "r.lua", "s", "--csv")[0].splitlines()[0])

    def test_of_a_shared_card_a_part(self):
        self.make_cards("NVIDIA L4")
        self.recipe()
        self.build("r.lua", "-j4", "--gpus", "0:4")
        for ratio in self.gpu_seconds():
            self.assertAlmostEqual(ratio, 0.25)

    def test_a_build_with_nothing_to_do_leaves_them(self):
        self.make_cards("NVIDIA L4")
        self.recipe()
        self.build("r.lua", "default", "s")
        before = [self.read(f"out/r/default/table.{kind}") for kind in ("txt", "json", "csv")] + [self.table("r.lua", "s")["trials"][0]["segments"][0]["info"]]
        self.environment["HPO_NVIDIA"] = str(self.folder / "none")
        self.assertEqual(self.build("r.lua", "default", "s")["ran"], 0)
        after = [self.read(f"out/r/default/table.{kind}") for kind in ("txt", "json", "csv")] + [self.table("r.lua", "s")["trials"][0]["segments"][0]["info"]]
        self.assertEqual(after, before)

    def test_without_gpus_nothing_is_said_of_them(self):
        self.recipe("cpus = 1")
        self.build("r.lua", "default", "s")
        self.assertNotIn("gpu_minutes", self.compared())
        self.assertNotIn("GPU", self.read("out/r/default/table.txt") + self.hpo("table", "r.lua", "s")[0])

    def test_a_row_by_hand_may_have_them(self):
        self.make_cards("NVIDIA L4")
        self.recipe()
        self.write("r.lua", self.read("r.lua").replace("hpo.compare { s }", 'hpo.compare { s, { run = "published", gpu_minutes = 354 } }'))
        self.build("r.lua")
        self.assertRegex(self.read("out/r/default/table.txt"), r"published.*354\.00")

    def test_the_progress_of_a_build_shows_cards_in_use(self):
        self.make_cards(*["NVIDIA L4"] * 4)
        self.trainer(seconds=1.5)
        self.recipe(choices="1, 2, 3", concurrency=3)
        process = self.start("build", "r.lua", "-j4")
        found = set()
        while process.poll() is None and (3, 4) not in found:
            for run in json.loads(self.hpo("runs", "--json")[0])["runs"] if (self.folder / ".hpo/version").exists() else []:
                progress = run.get("progress", {})
                found.add((progress.get("gpus_used"), progress.get("gpus")))
                if (3, 4) in found:
                    self.assertIn("3 of 4 GPUs", self.hpo("runs")[0])
        process.communicate()
        self.assertIn((3, 4), found)

    def test_a_full_card_is_tried_again_without_retries(self):
        self.make_cards("NVIDIA L4")
        self.trainer(f'[ $t = 2 ] && ! [ -e {self.folder}/tried-$1 ] && touch {self.folder}/tried-$1 && exit 75')
        self.recipe()
        answer = self.build("r.lua", "--sandbox", "off")
        self.assertEqual((answer["ran"], answer["failed"]), (4, 0))
        self.assertEqual(answer["messages"].count("has no room for it now"), 2)  # once a trial

    def test_ten_times_without_room_is_a_failure(self):
        self.make_cards(*["NVIDIA L4"] * 10)  # each is tried at once
        self.trainer("exit 75")
        self.recipe(choices="1", concurrency=1)
        answer = self.build("r.lua", status=1)
        self.assertIn("failed: s/0: its card had no room for it 10 times in 0 s (status 75)", answer["messages"])

    @unittest.skipUnless(LONG, "it lasts as long as its timeouts")
    def test_what_had_room_begins_to_count_anew(self):
        """A trial that finds its card full twice, with work between that lasts longer than its timeout, has not failed."""
        self.make_cards("NVIDIA L4")
        self.trainer(f'[ $t = $((HPO_FROM + 1)) ] && ! [ -e {self.folder}/tried-$1-$t ] && touch {self.folder}/tried-$1-$t && exit 75', seconds=1)
        self.recipe(choices="1, 2", concurrency=2)
        self.write("r.lua", self.read("r.lua").replace("params = p", "params = p, live = false, timeout = 3")
                   .replace("fifo { max_t = 2 }", "asha { max_t = 4, grace_period = 1, reduction_factor = 2 }"))
        self.assertEqual(self.build("r.lua", "--sandbox", "off")["failed"], 0)

    def test_or_its_time_is_over(self):
        self.make_cards("NVIDIA L4")
        self.trainer("exit 75")
        self.recipe(choices="1", concurrency=1)
        self.write("r.lua", self.read("r.lua").replace("params = p", "params = p, timeout = 1.5"))
        answer = self.build("r.lua", status=1)
        self.assertRegex(answer["messages"], r"failed: s/0: its card had no room for it [23] times")

    def test_who_waits_makes_room_for_its_class_alone(self):
        """A run that waits on one class of card is not ended for one that wants another."""
        self.make_cards("NVIDIA A100", "NVIDIA H100")
        self.write("train.sh", f'''
t=$((HPO_FROM + 1)); until=$HPO_UNTIL
echo "$2" >> {self.folder}/starts
while :; do
  while [ $t -le $until ]; do
    more=; [ -n "$HPO_MORE" ] && [ $t -eq $until ] && more=', "more": true'
    sleep 0.02; echo "{{\\"t\\": $t, \\"loss\\": $((20 * $1 + t))$more}}"; t=$((t + 1))
  done
  [ -n "$HPO_MORE" ] || break
  read -r word || exit 0
  case $word in *until*) until=$(echo "$word" | tr -dc 0-9) ;; *) break ;; esac
done
echo $t > "$HPO_CHECKPOINT_OUT/t"
''')
        study = '''hpo.study {{ name = "{0}", metric = "loss", search = hpo.search.grid {{}}, space = {{ x = hpo.choice {{ {1} }} }}, concurrency = 2,
  scheduler = hpo.scheduler.asha {{ max_t = 3, reduction_factor = 2 }},
  trial = function(p) return hpo.command {{ run = {{ "sh", hpo.source "train.sh", tostring(p.x), "{0}" }}, params = p, resources = {{ gpus = 1, gpu = "{0}" }} }} end }}'''
        self.write("r.lua", 'local hpo = require "hpo"\nreturn { a = ' + study.format("a100", "1") + ", h = " + study.format("h100", "1, 2, 3, 4") + " }\n")
        self.assertEqual(self.build("r.lua", "-j4", "--sandbox", "off")["failed"], 0)
        self.assertEqual(self.read("starts").split().count("a100"), 1)

    def test_a_broken_card_leaves_under_a_trial(self):
        self.make_cards("NVIDIA L4", "NVIDIA L4")
        self.trainer(f'[ "$CUDA_VISIBLE_DEVICES" = {uuid(0)} ] && [ $t = 2 ] && echo "GPU is lost" >&2 && exit 1')
        self.recipe(choices="1, 2, 3")
        answer = self.build("r.lua", "-j1")
        self.assertEqual(answer["failed"], 0)
        self.assertEqual(answer["messages"].count(f"card {uuid(0)} is broken and leaves this build"), 1)

    def test_no_card_is_left_for_trials(self):
        self.make_cards("NVIDIA L4")
        self.trainer("exit 76")
        self.recipe()
        answer = self.build("r.lua", status=1)
        self.assertIn(f"0 are left of the cards that it could have: broken ones left this build, {uuid(0)}", answer["messages"])

    def test_a_script_that_knows_no_protocol(self):
        self.make_cards("NVIDIA L4", "NVIDIA L4")
        self.write("train.sh", f'[ "$CUDA_VISIBLE_DEVICES" = {uuid(0)} ] && exit 76; echo "loss 3 on $CUDA_VISIBLE_DEVICES"; sleep 0.2; echo "loss 2"\n')
        self.write("r.lua", '''
local hpo = require "hpo"
return { default = hpo.study { name = "s", metric = "loss", search = hpo.search.grid {}, space = { x = hpo.choice { 1 } },
  scheduler = hpo.scheduler.fifo { max_t = 2 },
  trial = function(p) return hpo.script { run = { "sh", hpo.source "train.sh" }, report = "loss (%d+)", resources = { gpus = 1 } } end } }
''')
        answer = self.build("r.lua")
        self.assertIn(f"card {uuid(0)} is broken", answer["messages"])
        self.assertIn(f"on {uuid(1)}", self.hpo("log", "r.lua", "s/0")[0])
        self.assertGreater(self.gpu_seconds()[0], 0.9)

    def test_who_waits_on_a_full_card_makes_room(self):
        """A run that waits for a word holds its slot, and with it the memory that another lacks."""
        self.make_cards("NVIDIA L4")
        on = self.folder / "on"
        self.write("train.sh", f'''
t=$((HPO_FROM + 1)); until=$HPO_UNTIL
[ -e {on} ] && exit 75
echo $1 > {on}; trap 'rm -f {on}' EXIT
while :; do
  while [ $t -le $until ]; do
    more=; [ -n "$HPO_MORE" ] && [ $t -eq $until ] && more=', "more": true'
    echo "{{\\"t\\": $t, \\"loss\\": $((20 * $1 + t))$more}}"; t=$((t + 1))
  done
  [ -n "$HPO_MORE" ] || break
  read -r word || exit 0
  case $word in *until*) until=$(echo "$word" | tr -dc 0-9) ;; *) break ;; esac
done
echo $t > "$HPO_CHECKPOINT_OUT/t"
''')
        self.write("r.lua", RECIPE.format(resources="gpus = 1", choices="1, 2, 3", concurrency=3)
                   .replace("fifo { max_t = 2 }", "asha { max_t = 4, reduction_factor = 2 }"))
        answer = self.build("r.lua", "-j4", "--gpus", "0:2", "--sandbox", "off", timeout=100)
        self.assertEqual(answer["failed"], 0)

    def test_torch_sees_what_it_is_given(self):
        """PyTorch is as foreign as any: it hears of its cards by the same variable."""
        self.make_cards("NVIDIA L4", "NVIDIA L4")
        self.write("train.py", '''
import os, json
try:
    import torch
    devices = torch.cuda.device_count()
except ImportError:
    devices = 0
print(os.environ["CUDA_VISIBLE_DEVICES"], os.environ["CUDA_DEVICE_ORDER"], devices)
print(json.dumps({"t": 1, "loss": 1.0}))
''')
        self.write("r.lua", '''
local hpo = require "hpo"
return { default = hpo.study { name = "s", metric = "loss", search = hpo.search.grid {}, space = { x = hpo.choice { 1 } },
  scheduler = hpo.scheduler.fifo { max_t = 1 },
  trial = function(p) return hpo.command { run = { "python3", hpo.source "train.py" }, identity = { "true" }, stateless = true, resources = { gpus = 2 } } end } }
''')
        self.build("r.lua")
        self.assertRegex(self.hpo("log", "r.lua", "s/0")[0], re.escape(f"{uuid(0)},{uuid(1)} PCI_BUS_ID") + " [0-9]+")


if __name__ == "__main__":
    unittest.main()
