"""Runs that go on: a trainer that can train more is asked to, and no table shows it."""
import pathlib
import re
import unittest

from case import ROOT, Case, without_measured

# Its state is a sum that depends on everything before; STARTS gets a line for each process. What goes wrong lies beside it, in
# no key.
TRAINER = '''
echo "start $HPO_PARAMS from $HPO_FROM until $HPO_UNTIL" >> "$STARTS"
x=$(sed 's/[^0-9]//g' "$HPO_PARAMS")
s=0
[ -n "$HPO_CHECKPOINT_IN" ] && s=$(cat "$HPO_CHECKPOINT_IN/s")
t=$((HPO_FROM + 1))
until=$HPO_UNTIL
can=true
[ -e "$STARTS.can" ] && can=$(cat "$STARTS.can")
while [ $t -le $until ]; do
  s=$(( (s * 7 + x * t) % 101 ))
  more=
  [ -n "$HPO_MORE" ] && [ $t -eq $until ] && more=", \\"more\\": $can"
  echo "{\\"t\\": $t, \\"loss\\": $s$more}"
  if [ -n "$more" ]; then
    [ -e "$STARTS.before" ] && . "$STARTS.before"
    word=save
    while case $word in *'"save":'*|save) true ;; *) false ;; esac; do
      read -r word || exit 0
      echo "$word" >> "$STARTS.words"
      case $word in *'"save":'*)
        mkdir "$HPO_CHECKPOINT_OUT/t$t"
        echo $s > "$HPO_CHECKPOINT_OUT/t$t/s"
        echo '{"saved": "'t$t'"}' ;;
      esac
    done
    case $word in *until*) until=$(echo "$word" | tr -dc 0-9) ;; esac
    [ -e "$STARTS.after" ] && . "$STARTS.after"
  fi
  t=$((t + 1))
done
echo $s > "$HPO_CHECKPOINT_OUT/s"
'''
RECIPE = '''
local hpo = require "hpo"
local points = {}
for i = 1, 12 do points[i] = { x = i * 5 } end
local s = hpo.study {
  name = "s", space = { x = hpo.randint(1, 100) }, search = hpo.search.points(points), concurrency = 4, metric = "loss", seed = 3,
  scheduler = hpo.scheduler.%s,
  trial = function(p)
    return hpo.command { run = { "sh", hpo.source "train.sh" }, env = { STARTS = "%s" }, live = %s, retries = 3 }
  end,
}
return { default = s, best = s.best.checkpoint / "s" }
'''
SCHEDULERS = ("fifo { max_t = 3 }", "asha { max_t = 9, reduction_factor = 3 }", "hyperband { max_t = 9 }", "median { max_t = 6 }",
              "pbt { max_t = 6, perturbation_interval = 2, mutations = { x = hpo.randint(1, 100) } }")


class GoingOn(Case):
    sandbox = "off"

    def setUp(self):
        super().setUp()
        self.write("train.sh", TRAINER)

    def run_once(self, scheduler, *arguments, live="true", recipe=RECIPE):
        """The table, the best's checkpoint, how many processes were started, and the words said to them."""
        for name in ("starts", "starts.words"):
            (self.folder / name).unlink(missing_ok=True)
        self.write("r.lua", recipe % (scheduler, self.folder / "starts", live))
        self.number = getattr(self, "number", 0) + 1
        cache = f"store-{self.number}"
        self.build("r.lua", "--cache", cache, "default", "best", *arguments)
        words = self.read("starts.words").splitlines() if (self.folder / "starts.words").exists() else []
        table = without_measured(self.table("r.lua", "--cache", cache))
        return (table, self.read("out/r/best")), self.read("starts").count("start"), words

    def test_the_same_tables(self):
        for scheduler in SCHEDULERS:
            expected, alone, words = self.run_once(scheduler, live="false")
            self.assertEqual(words, [])
            for arguments in (("-j1",), ("-j4",), ("-j3", "--waiting", "1")):
                found, starts, words = self.run_once(scheduler, *arguments)
                self.assertEqual(found, expected, (scheduler, arguments))
                self.assertLessEqual(starts, alone, (scheduler, arguments))

    def test_no_more_starts_than_trials(self):
        _, starts, words = self.run_once("asha { max_t = 9, reduction_factor = 3 }", "-j4")
        self.assertEqual(starts, 12, self.read("starts"))
        self.assertTrue(any("until" in word for word in words))
        self.assertIn('"more": true', self.hpo("log", "r.lua", "s/0", "--cache", "store-1")[0])

    def test_who_dies_while_it_waits_has_not_failed(self):
        expected = self.run_ordinary()
        self.write("starts.before", "[ $((x % 10)) -eq 0 ] && exit 7\n")
        found, _, _ = self.run_once("asha { max_t = 9, reduction_factor = 3 }", "-j2")
        self.assertEqual(found, expected)

    def test_who_fails_after_it_went_on_is_begun_anew(self):
        expected = self.run_ordinary()
        self.write("starts.after", "case $word in *until*) exit 9 ;; esac\n")
        found, _, _ = self.run_once("asha { max_t = 9, reduction_factor = 3 }", "-j2")
        self.assertEqual(found, expected)

    def run_ordinary(self):
        return self.run_once("asha { max_t = 9, reduction_factor = 3 }", live="false")[0]

    def test_it_saves_and_waits_on(self):
        expected = {s: self.run_once(s, live="false")[0] for s in SCHEDULERS}
        self.write("starts.can", '"save"\n')
        for scheduler in SCHEDULERS:
            for arguments in (("-j1", "--waiting", "99"), ("-j3",), ("-j4", "--waiting", "1")):
                found, _, _ = self.run_once(scheduler, *arguments)
                self.assertEqual(found, expected[scheduler], (scheduler, arguments))

    def test_a_population_begins_only_exploits_anew(self):
        scheduler = SCHEDULERS[-1]
        (table, _), alone, _ = self.run_once(scheduler, "-j4", "--waiting", "99")
        self.write("starts.can", '"save"\n')
        (found, _), starts, words = self.run_once(scheduler, "-j4", "--waiting", "99")
        exploits = sum(d["decision"] == "exploit" for d in table["decisions"])
        self.assertEqual(found, table)
        self.assertLess(exploits, 24)
        self.assertEqual(starts, 12 + exploits)
        self.assertLess(starts, alone)
        self.assertIn('{"save": "t2"}', words)
        self.assertIn('{"end": "stop"}', words)  # what it would save is kept already

    def test_who_waits_on_a_gpu_makes_room_for_another(self):
        self.make_cards("NVIDIA L4", "NVIDIA L4")
        self.held_by_those_that_wait("gpus = 1")

    def test_who_waits_in_memory_makes_room_for_another(self):
        total, = re.findall(r"MemTotal: +([0-9]+) kB", pathlib.Path("/proc/meminfo").read_text())
        self.held_by_those_that_wait(f"memory = {int(total) * 1024 * 0.6 / 1e9}")

    def test_more_memory_than_there_is(self):
        recipe = RECIPE.replace("retries = 3", "resources = { memory = 1e6 }")
        self.write("r.lua", recipe % ("fifo { max_t = 1 }", self.folder / "starts", "true"))
        _, err = self.hpo("build", "r.lua", status=2)
        self.assertRegex(err, r"r.lua:8: resources.memory: it needs 1e\+06 GB, there are [0-9.]+")

    def held_by_those_that_wait(self, resources):
        recipe = RECIPE.replace("retries = 3", f"retries = 3, resources = {{ {resources} }}")
        scheduler = "asha { max_t = 9, reduction_factor = 3 }"
        cards = ["--gpus", "1"] if "gpus" in resources else []
        expected = self.run_once(scheduler, *cards, live="false", recipe=recipe)[0]
        for arguments in (("-j1",), ("-j4", "--waiting", "99")):
            found, starts, _ = self.run_once(scheduler, *cards, *arguments, recipe=recipe)
            self.assertEqual(found, expected)
            self.assertGreater(starts, 12)

    def test_paused_trials_begin_once(self):
        for scheduler in ("hyperband { max_t = 9 }", "asha { max_t = 9, reduction_factor = 3 }"):
            _, starts, _ = self.run_once(scheduler, "-j4", "--waiting", "99")
            self.assertEqual(starts, 12, scheduler)

    def test_who_cannot_save_and_wait_after_all_ends(self):
        self.write("train.sh", TRAINER.replace('mkdir "$HPO_CHECKPOINT_OUT/t$t"', "true").replace(
            'echo $s > "$HPO_CHECKPOINT_OUT/t$t/s"', "true"))
        expected = self.run_once(SCHEDULERS[-1], live="false")[0]
        self.write("starts.can", '"save"\n')
        found, _, words = self.run_once(SCHEDULERS[-1])
        self.assertEqual(found, expected)
        self.assertIn('{"end": "save"}', words)

    def test_a_wish_that_nobody_knows_is_named(self):
        self.write("starts.can", '"perhaps"\n')
        self.write("r.lua", RECIPE % ("fifo { max_t = 1 }", self.folder / "starts", "true"))
        _, err = self.hpo("build", "r.lua", status=1)
        self.assertIn('"more" of t = 1: expected true or "save"', err)

    def test_nothing_is_saved_that_nobody_keeps(self):
        expected = self.run_ordinary()
        recipe = RECIPE.replace('metric = "loss",', 'metric = "loss", keep = "best",')
        found, _, words = self.run_once("asha { max_t = 9, reduction_factor = 3 }", "-j2", recipe=recipe)
        self.assertEqual(found, expected)
        self.assertIn('{"end": "stop"}', words)
        self.assertIn('"loss"', self.hpo("log", "r.lua", "s/0", "--cache", f"store-{self.number}")[0])

    def test_it_is_told_to_save_where_nobody_wants_more(self):
        _, _, words = self.run_once("fifo { max_t = 2 }", "-j2")
        self.assertEqual(set(words), {'{"end": "save"}'})

    def test_the_python_module(self):
        self.write("hpo.py", (ROOT / "recipes/python/hpo.py").read_text())
        self.write("train.py", '''
import json, os
import hpo
open(os.environ["STARTS"], "a").write("start\\n")
x, s = hpo.param("x"), 0
if hpo.checkpoint:
    s = int(open(hpo.checkpoint + "/s").read())
def save(folder):
    open(folder + "/s", "w").write(f"{s}\\n")
for t in hpo.steps(9):
    s = (s * 7 + x * t) % 101
    hpo.report(loss=s, checkpoint=save)
''')
        recipe, tables = RECIPE.replace('"sh", hpo.source "train.sh"', '"python3", hpo.source "train.py"').replace(
            "live =", 'inputs = { ["hpo.py"] = hpo.source "hpo.py" }, live ='), []
        for live in ("true", "false"):
            (self.folder / "starts").unlink(missing_ok=True)
            self.write("r.lua", recipe % ("asha { max_t = 9, reduction_factor = 3 }", self.folder / "starts", live))
            self.build("r.lua", "--cache", "store-" + live, "-j2", "default", "best")
            tables.append((without_measured(self.table("r.lua", "--cache", "store-" + live)), self.read("out/r/best"),
                           self.read("starts").count("start")))
        self.assertEqual(tables[0][:2], tables[1][:2])
        self.assertEqual(tables[0][2], 12)
        self.assertGreater(tables[1][2], 12)


if __name__ == "__main__":
    unittest.main()
