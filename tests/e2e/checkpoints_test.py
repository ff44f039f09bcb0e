"""Checkpoints: trainers that leave none, and what a trainer may name as one."""
import pathlib
import time
import unittest

from case import ROOT, Case

# A trainer whose loss is all that it has gone through: 1 + 2 + ... + t, whether it goes on from its checkpoint or from 0.
TRAINER = '''
import json, os, shutil, sys, time
first, until = int(os.environ["HPO_FROM"]), int(os.environ["HPO_UNTIL"])
given, out = os.environ.get("HPO_CHECKPOINT_IN"), os.environ["HPO_CHECKPOINT_OUT"]
x = json.load(open(os.environ["HPO_PARAMS"]))["x"]
state = json.load(open(given + "/w")) if given and os.path.exists(given + "/w") else 0
def log(text):
    with open(os.environ["LOG"], "a") as file: file.write(text + "\\n")
def save(folder):
    os.makedirs(folder, exist_ok=True)
    with open(folder + "/w", "w") as file: json.dump(state, file)
def report(t, **more):
    print(json.dumps(dict(t=t, loss=state + x, **more)), flush=True)
log("from %d to %d" % (first, until))
'''

RECIPE = '''
local hpo = require "hpo"
local study = hpo.study {
  name = "s", space = { x = %(space)s }, search = hpo.search.grid {}, metric = "loss", seed = 1, concurrency = %(concurrency)d,
  scheduler = %(scheduler)s,
  trial = function() return hpo.command { run = { "python3", hpo.source "train.py" }, env = { LOG = "%(log)s" }, %(fields)s } end,
}
return { default = study, best = study.best.checkpoint }
'''

RUNGS = "hpo.scheduler.asha { max_t = 4, grace_period = 1, reduction_factor = 2 }"
SAVES_NOTHING = '''
for t in range(first + 1, until + 1):
    state += t
    report(t)
'''
# Names a checkpoint at each unit: NAME(t) says which.
NAMES = '''
for t in range(first + 1, until + 1):
    state += t
    save(os.path.join(out, "t%%d" %% t))
    %(before)s
    report(t, checkpoint=%(name)s)
    %(after)s
'''


class Checkpoints(Case):
    sandbox = "off"

    def trial(self, body, scheduler="hpo.scheduler.fifo { max_t = 3 }", fields="", space="hpo.choice { 0 }", concurrency=1):
        self.write("train.py", TRAINER + body)
        self.write("r.lua", RECIPE % {"scheduler": scheduler, "log": self.folder / "log", "fields": fields, "space": space,
                                      "concurrency": concurrency})

    def naming(self, name="'t%d' % t", before="pass", after="pass", **keywords):
        self.trial(NAMES % {"name": name, "before": before, "after": after}, **keywords)

    def runs(self):
        return self.read("log").splitlines()

    def losses(self):
        return [m["loss"] for m in self.table("r.lua")["trials"][0]["metrics"]]

    def refused(self, sentence):
        messages = self.build("r.lua", status=1)["messages"]
        self.assertIn(sentence, messages)
        return messages


class TrainersThatLeaveNone(Checkpoints):
    def test_each_rung_is_trained_from_0_and_compared(self):
        self.trial(SAVES_NOTHING, RUNGS)
        messages = self.build("r.lua")["messages"]
        self.assertEqual(self.runs(), ["from 0 to 1", "from 0 to 2", "from 0 to 4"])
        self.assertEqual(self.losses(), [1, 3, 6, 10])
        self.assertEqual(messages.count("left no checkpoint of t = 1"), 1)
        self.assertNotIn("left no checkpoint of t = 2", messages)
        self.assertIn("stateless = true", messages)
        self.assertNotIn("not reproducible", messages)
        self.assertEqual(self.build("r.lua")["ran"], 0)

    def test_a_longer_max_t_trains_from_0(self):
        self.trial(SAVES_NOTHING)
        self.assertNotIn("left no checkpoint", self.build("r.lua")["messages"])
        self.write("r.lua", self.read("r.lua").replace("max_t = 3", "max_t = 5"))
        self.assertIn("left no checkpoint of t = 3 in HPO_CHECKPOINT_OUT: training begins again behind t = 0", self.build("r.lua")["messages"])
        self.assertEqual(self.losses(), [1, 3, 6, 10, 15])

    def test_a_run_that_breaks_off_is_not_blamed(self):
        self.trial("retried = len(open(os.environ['LOG']).readlines()) > 1\n" +
                   SAVES_NOTHING + "    t == 2 and not retried and sys.exit(7)\n", fields="retries = 1")
        self.assertNotIn("left no checkpoint", self.build("r.lua")["messages"])
        self.assertEqual(self.runs(), ["from 0 to 3", "from 0 to 3"])

    def test_what_is_trained_again_and_differs_is_said(self):
        self.trial("state += len(open(os.environ['LOG']).readlines())\n" + SAVES_NOTHING, RUNGS)
        messages = self.build("r.lua")["messages"]
        self.assertIn('is not reproducible: t = 1 was {"loss": 2, "t": 1}, and now is {"loss": 3, "t": 1}', messages)
        self.assertEqual(self.losses()[0], 2)

    def test_who_begins_where_it_was_all_the_same_is_ended(self):
        self.trial("first = max(len(open(os.environ['LOG']).readlines()) - 1, 0)\n" + SAVES_NOTHING, RUNGS)
        self.refused("expected the report of t = 1, found t = 2")

    def test_the_checkpoint_of_the_best_fails(self):
        self.trial(SAVES_NOTHING)
        messages = self.hpo("build", "r.lua", "best", status=1)[1]
        self.assertIn("it left no checkpoint of t = 3 in HPO_CHECKPOINT_OUT, and study.best.checkpoint needs it", messages)

    def test_an_exploit_fails(self):
        self.trial(SAVES_NOTHING, space="hpo.choice { 0, 5 }", concurrency=2,
                   scheduler="hpo.scheduler.pbt { max_t = 3, quantile_fraction = 0.5, mutations = { x = { 0, 5, 9 } } }")
        self.assertRegex(self.build("r.lua", status=1)["messages"],
                         "it left no checkpoint of t = [12] in HPO_CHECKPOINT_OUT, and an exploit needs it")

    def test_stateless_trainers_begin_behind_hpo_from(self):
        self.trial("for t in range(first + 1, until + 1): state = t; report(t)\n", RUNGS, "stateless = true")
        self.assertNotIn("checkpoint", self.build("r.lua", "best")["messages"])
        self.assertEqual(self.runs(), ["from 0 to 1", "from 1 to 2", "from 2 to 4"])
        self.assertEqual(self.losses(), [1, 2, 3, 4])
        self.write("r.lua", self.read("r.lua").replace("stateless = true", ""))
        self.build("r.lua")
        self.assertEqual(self.runs()[3:], ["from 0 to 1", "from 0 to 2", "from 0 to 4"])
        self.assertIn("stateless: true → absent", self.hpo("why", "r.lua", "s/0/1")[0])


class Names(Checkpoints):
    """What stands under "checkpoint" in a report is a folder inside HPO_CHECKPOINT_OUT."""

    def test_an_absolute_path_of_a_folder_inside_is_taken(self):
        self.naming("os.path.join(out, 't%d/' % t)")
        self.build("r.lua", "best")
        self.assertEqual(self.read("out/r/best/w"), "6")
        self.assertEqual(self.losses(), [1, 3, 6])

    def test_a_folder_deeper_down_is_taken(self):
        self.naming("'deep/t%d' % t", before="os.makedirs(out + '/deep', exist_ok=True); save(out + '/deep/t%d' % t)")
        self.build("r.lua")
        self.assertEqual(self.losses(), [1, 3, 6])

    def test_the_folder_itself(self):
        for name in ("'.'", "'./'", "out", "''"):
            self.naming(name)
            self.refused("is HPO_CHECKPOINT_OUT itself: expected a folder inside it")

    def test_paths_that_lead_elsewhere(self):
        for name in ("'..'", "'../t1'", "'t1/../../x'", "'/tmp'", "out + '2/t1'"):
            self.naming(name)
            self.refused("is outside HPO_CHECKPOINT_OUT")

    def test_a_file(self):
        self.naming("'t%d/w' % t")
        self.refused('its checkpoint "t1/w" is a file: a checkpoint is a folder')

    def test_links_at_the_end_and_on_the_way(self):
        precious = self.write("disk/t1/precious", "mine")
        link = f"os.symlink('{self.folder}/disk', out + '/link') if t == 1 else None"
        for name in ("link", "link/t1"):
            self.naming(f"'{name}'", before=link)
            self.refused(f'its checkpoint "{name}" is a symbolic link, or lies behind one')
        self.assertEqual(precious.read_text(), "mine")

    def test_what_is_not_there(self):
        self.naming("'u%d' % t", scheduler="hpo.scheduler.fifo { max_t = 1 }")
        self.refused('its checkpoint "u1" is not there')

    def test_a_name_used_twice(self):
        self.naming("'t1'")
        self.refused('it named the checkpoint "t1" before: each needs a folder of its own')
        self.assertEqual(self.losses(), [1])
        self.naming("'t1' if t < 2 else out + '/t1/'")
        self.refused("t1/\" before: each needs a folder of its own")


class Insurance(Checkpoints):
    """A checkpoint that was named in the middle of a run, where the run breaks off."""

    def killed_when(self, said):
        child = self.start("build", "r.lua")
        while said not in (self.read("log") if (self.folder / "log").exists() else ""):
            time.sleep(0.01)
        time.sleep(0.3)  # what was reported has been read
        child.kill()
        child.communicate(timeout=20)
        self.build("r.lua")
        self.assertEqual(self.losses(), [1, 3, 6])

    def stop_once(self, first):
        return f"if t == 2 and not os.path.exists(os.environ['LOG'] + '2'): {first}; save(os.environ['LOG'] + '2'); " \
               "log('ready'); time.sleep(60)"

    def test_it_is_gone_on_from(self):
        self.naming(after=self.stop_once("pass"))
        self.killed_when("ready")
        self.assertEqual(self.runs(), ["from 0 to 3", "ready", "from 2 to 3"])

    def test_a_folder_that_changed_after_its_line_is_not(self):
        self.naming(after=self.stop_once("time.sleep(0.3); state = 99; save(out + '/t2')"))
        self.killed_when("ready")
        self.assertEqual(self.runs(), ["from 0 to 3", "ready", "from 0 to 3"])

    def test_a_trainer_may_remove_its_older_ones_itself(self):
        for order in ("before", "after"):
            self.naming(scheduler="hpo.scheduler.fifo { max_t = 300 }",
                        **{order: "shutil.rmtree(out + '/t%d' % (t - 1), ignore_errors=True)"})
            self.build("r.lua")
            self.assertEqual(self.losses()[-1], 300 * 301 / 2)
            self.assertEqual(len(self.runs()), 1)
            (self.folder / "log").unlink()

    def test_a_second_build_takes_nothing_from_a_run_that_lives(self):
        self.naming(before="(given or t > 1) and not os.path.exists(out + '/t%d/w' % (t - 1)) and t > first + 1 and sys.exit(8)",
                    after="time.sleep(0.4)", scheduler="hpo.scheduler.fifo { max_t = 4 }")
        children = [self.start("build", "r.lua", "--out", "a")]
        while not list(pathlib.Path(self.folder, ".hpo/work").glob("*.checkpoint")):
            time.sleep(0.01)
        children.append(self.start("build", "r.lua", "--out", "b"))
        said = [child.communicate(timeout=60) for child in children]
        self.assertEqual([child.returncode for child in children], [0, 0], said)
        self.assertNotIn("not reproducible", str(said))
        self.assertEqual(self.losses(), [1, 3, 6, 10])


class InPython(Checkpoints):
    """recipes/python/hpo.py."""

    def test_a_checkpoint_that_is_not_read_is_an_error(self):
        self.write("hpo.py", (ROOT / "recipes/python/hpo.py").read_text())
        body = "import hpo\n%s\nfor t in hpo.steps():\n    state += t\n    hpo.report(loss=state, checkpoint=save_in)\n"
        self.trial("def save_in(folder): save(folder)\n" + body % "pass", RUNGS, 'live = false, inputs = { ["hpo.py"] = hpo.source "hpo.py" }')
        self.refused("t = 2 goes on from a checkpoint that was not read")
        self.write("train.py", self.read("train.py").replace("\npass\n", "\nassert hpo.checkpoint == given\n"))
        self.build("r.lua")
        self.assertEqual(self.losses(), [1, 3, 6, 10])


if __name__ == "__main__":
    unittest.main()
