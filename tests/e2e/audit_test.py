"""hpo audit: what is the same, what differs and by what cause, tampering, samples, broken off and gone on."""
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import tempfile
import time
import unittest

import forge
from case import Case

RECIPE = '''local hpo = require "hpo"
local made = hpo.command { run = { "/bin/sh", "-c", "echo hello > a.txt" }, outputs = { "a.txt" } }
local study = hpo.study { name = "asha",
  space = { lr = hpo.uniform(0.01, 0.5) }, samples = 3, concurrency = 3, metric = "loss", mode = "min", seed = 1,
  search = hpo.search.random {}, scheduler = hpo.scheduler.asha { max_t = 4, grace_period = %(grace)d, reduction_factor = 2 },
  trial = function(p) return hpo.command { run = { "/usr/bin/python3", hpo.source "train.py" }, inputs = { a = made }, params = p %(more)s } end }
return { default = study, best = study.best.checkpoint, made = made }
'''
# A trainer that is right, with places for what makes it wrong.
TRAINER = '''
import json, os, random, time
lr = json.load(open(os.environ["HPO_PARAMS"]))["lr"]
first, last = int(os.environ["HPO_FROM"]), int(os.environ["HPO_UNTIL"])
x = 10.0
if os.environ.get("HPO_CHECKPOINT_IN"):
    x = json.load(open(os.environ["HPO_CHECKPOINT_IN"] + "/s.json"))
state = x
%(begin)s
for t in range(first + 1, last + 1):
    x = x * (1 - lr)
    state = x
    %(step)s
    print(json.dumps({"t": t, "loss": x}), flush=True)
out = os.environ["HPO_CHECKPOINT_OUT"]
json.dump(state, open(out + "/s.json", "w"))
%(end)s
'''


class Audit(Case):
    def make(self, begin="", step="pass", end="", more="", grace=1):
        self.write("train.py", TRAINER % {"begin": begin, "step": step, "end": end})
        self.write("r.lua", RECIPE % {"grace": grace, "more": more})

    def audit(self, *arguments, status=0, recipe="r.lua", **keywords):
        return json.loads(self.hpo("audit", recipe, "--json", *arguments, status=status, **keywords)[0])

    def differs(self, *arguments, **keywords):
        """What the audit says of the first node that differs."""
        found = self.audit(*arguments, status=3, **keywords)
        return next(node for node in found["nodes"] if node["verdict"] == "differs")

    def stored(self):
        """Every row and file of the store, but for what an audit may leave."""
        db = sqlite3.connect(self.folder / ".hpo/index.db")
        rows = "\n".join(db.iterdump())
        db.close()
        files = sorted(str(p) for p in (self.folder / ".hpo/blobs").rglob("*"))
        return rows, files

    def test_all_is_the_same(self):
        self.make()
        self.build("r.lua")
        before = self.stored()
        found = self.audit()
        self.assertEqual(self.stored(), before)
        self.assertEqual((found["differs"], found["follows"], found["inconclusive"]), (0, 0, 0))
        self.assertEqual(found["identical"], len(found["nodes"]))
        self.assertGreater(found["identical"], 12)
        study, = found["studies"]
        self.assertGreater(study["answers"], 12)
        self.assertIsNone(study["differs_at"])
        self.assertFalse(list((self.folder / ".hpo/audits").iterdir()))  # nothing is left of it
        out, err = self.hpo("audit", "r.lua")
        self.assertIn(f"{found['identical']} identical", out)
        self.assertIn("1 action and", err)

    def test_from_nothing(self):
        self.make()
        self.build("r.lua")
        found = self.audit("--from-nothing")
        self.assertEqual(found["identical"], len(found["nodes"]))
        self.assertTrue(found["from_nothing"])

    def test_one_piece_is_cut_in_two(self):
        self.make(grace=4)
        self.build("r.lua")
        self.audit()

    def test_nodes_and_targets(self):
        self.make()
        self.build("r.lua", "default", "made")
        self.assertEqual([n["name"] for n in self.audit("made")["nodes"]], ["made"])
        self.assertEqual([n["name"] for n in self.audit("asha/0/1")["nodes"]], ["asha/0/1"])
        names = {n["name"].split("/")[0] for n in self.audit("asha")["nodes"]}
        self.assertEqual(names, {"asha"})
        self.assertIn("no such target", self.hpo("audit", "r.lua", "nonsense", status=2)[1])

    def test_sample(self):
        self.make()
        self.build("r.lua")
        found = self.audit("--sample", 2)
        self.assertEqual(len({"/".join(n["name"].split("/")[:2]) for n in found["nodes"]}), 2)
        self.assertEqual(len(found["nonce"]), 32)

    def test_not_built(self):
        self.make()
        self.assertIn("nothing was built", self.hpo("audit", "r.lua", status=2)[1])
        self.build("r.lua")
        self.make(step="x = x + 0")
        self.assertIn("does not know", self.hpo("audit", "r.lua", status=2)[1])

    # ---- trainers that are wrong, each in one way ----

    def cause(self, **keywords):
        self.make(**keywords)
        self.build("r.lua")
        return self.differs()["cause"]

    def test_time(self):
        self.assertIn("the time is in", self.cause(end='open(out + "/log", "w").write(time.ctime() + " " + str(time.time()))'))

    def test_time_to_the_second(self):
        cause = self.cause(end='open(out + "/log", "w").write(time.ctime())')
        self.assertIn("each run makes something else", cause)
        self.assertIn("depends on the time", cause)

    def test_length_of_the_path(self):
        self.assertIn("the path of its working folder", self.cause(step="x += len(os.getcwd()) / 1000"))

    def test_path(self):
        self.assertIn("the path of its working folder", self.cause(end='open(out + "/log", "w").write(os.getcwd())'))

    def test_threads(self):
        self.assertIn("number of threads", self.cause(step='x += 1e-9 * int(os.environ["OMP_NUM_THREADS"])'))

    def test_seed(self):
        self.assertIn("a seed is not set", self.cause(step="x += random.random() / 100"))

    @unittest.skipUnless(os.path.ismount("/dev/shm"), "no file system that lists what came last first")
    def test_folder_entries(self):
        with tempfile.TemporaryDirectory(prefix="hpo-store-", dir="/dev/shm") as store:
            self.environment["HPO_CACHE"] = store
            for name in "bdaec":
                self.write("in/deep/" + name, name)
            self.write("r.lua", """local hpo = require "hpo"
return { default = hpo.command { run = { "/bin/sh", "-c", "ls -U in/deep > x; mkdir y; cp -r in y" }, inputs = { ["in"] = hpo.source "in" }, outputs = { "x", "y" } } }
""")
            self.build("r.lua")
            found = self.differs()
            self.assertEqual(found["cause"], "it depends on the order in which folders are listed")
            self.assertNotIn(" y/", found["what"])

    def test_undeclared_file(self):
        with tempfile.TemporaryDirectory(prefix="hpo-home-") as home:
            extra = pathlib.Path(home) / "vocab.txt"
            extra.write_text("0.5")
            self.make(begin=f'x += float(open("{extra}").read()) if os.path.exists("{extra}") else 0')
            self.build("r.lua", "--sandbox", "off")
            self.assertIn("hidden in the clean room", self.differs()["cause"])

    def test_undeclared_file_that_it_needs(self):
        with tempfile.TemporaryDirectory(prefix="hpo-home-") as home:
            extra = pathlib.Path(home) / "vocab.txt"
            extra.write_text("0.5")
            self.make(begin=f'x += float(open("{extra}").read())')
            self.build("r.lua", "--sandbox", "off")
            found = self.differs()
            self.assertIn(f"it asked for {extra}, which is not among its inputs", found["what"])
            self.assertIn("hidden in the clean room", found["cause"])

    def test_network(self):
        self.make(begin="import socket\ntry: socket.create_connection(('127.0.0.1', PORT), 2); x += 1\nexcept OSError: pass".replace(
            "PORT", str(self.listen())))
        self.build("r.lua", "--sandbox", "off")
        self.assertIn("hidden in the clean room", self.differs()["cause"])

    def listen(self):
        import socket
        server = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.addCleanup(server.close)
        return server.getsockname()[1]

    def test_until(self):
        self.assertIn("HPO_UNTIL", self.cause(step="x += 0.01 * last", grace=4))

    def test_until_where_runs_go_on(self):
        """A schedule down to HPO_UNTIL, whose state is saved."""
        cause = self.cause(step="x *= 1 - 0.1 * t / last")
        self.assertIn("it reads HPO_UNTIL", cause)
        self.assertNotIn("goes on", cause)

    def test_goes_on_otherwise(self):
        self.assertIn("when it goes on", self.cause(begin="boost = 1.0", step="boost *= 1.01; x *= boost"))

    def test_not_reproducible(self):
        """The recipe says so: it is shown, and no reason for a status."""
        self.make(step="x += random.random() / 100", more=", not_reproducible = true")
        self.build("r.lua")
        found = self.audit()
        self.assertEqual((found["differs"], found["follows"]), (0, 0))
        self.assertGreater(found["excepted"], 6)

    def test_one_unit_cannot_be_cut(self):
        """So the audit does not say that it was."""
        self.write("r.lua", """local hpo = require "hpo"
local s = hpo.study { name = "s", space = { i = hpo.randint(1, 4) }, samples = 2, metric = "loss", mode = "min", seed = 1, scheduler = hpo.scheduler.fifo { max_t = 1 },
  trial = function(p) return hpo.command { run = { "/bin/sh", "-c", [[echo '{"t": 1, "loss": '$HPO_UNTIL'}']] }, params = p } end }
return { default = s }
""")
        self.build("r.lua")
        self.assertNotIn("HPO_UNTIL", str(self.audit()["varied"]))
        self.assertRegex(self.hpo("audit", "r.lua")[0], "not varied: .*HPO_UNTIL")

    def test_a_checkpoint_that_was_not_wanted(self):
        """Of a trial that was asked to stop the build has none; an honest trainer is not accused."""
        self.write("t.py", """import hpo, json, os
x = json.load(open(hpo.checkpoint + "/x")) if hpo.checkpoint else 1.0
for t in hpo.steps(9):
    x = x * 0.9 + 0.01 * t * hpo.param("x", 0.5)
    hpo.report(loss=x, checkpoint=lambda folder: json.dump(x, open(folder + "/x", "w")))
""")
        self.write("r.lua", """local hpo = require "hpo"
local s = hpo.study { name = "s", space = { x = hpo.uniform(0, 1) }, samples = 6, concurrency = 3, metric = "loss", mode = "min", seed = 1, keep = "best",
  scheduler = hpo.scheduler.asha { max_t = 4, grace_period = 1, reduction_factor = 2 },
  trial = function(p) return hpo.command { run = { "/usr/bin/python3", hpo.source "t.py" }, params = p } end }
return { default = s }
""")
        self.build("r.lua")
        self.assertEqual(self.audit()["differs"], 0)

    def test_a_goal_that_ends_a_trial(self):
        """Its checkpoint was made for `best`, and the audit of the study alone wants none."""
        self.write("t.py", """import hpo
before = open(hpo.checkpoint + "/x").read() if hpo.checkpoint else None
for t in hpo.steps(9):
    hpo.report(loss=1 / (t + 9 * hpo.param("x", 0.5)), checkpoint=lambda folder: open(folder + "/x", "w").write(str(t)))
""")
        self.write("r.lua", """local hpo = require "hpo"
local s = hpo.study { name = "s", space = { x = hpo.uniform(0, 1) }, samples = 6, concurrency = 2, metric = "loss", mode = "min", seed = 1, keep = "best",
  scheduler = hpo.scheduler.fifo { max_t = 4 }, stop = { loss = 0.12 },
  trial = function(p) return hpo.command { run = { "/usr/bin/python3", hpo.source "t.py" }, params = p } end }
return { default = s, best = s.best.checkpoint }
""")
        self.build("r.lua", "default", "best")
        for words in ((), ("default", "best"), ("best",)):
            self.assertEqual(self.audit(*words)["differs"], 0)

    # ---- what has to be compared ----

    SMALL = '''local hpo = require "hpo"
local s = hpo.study { name = "s", space = { i = hpo.randint(1, 4) }, samples = 1, metric = "loss", mode = "min", seed = 1,
  scheduler = hpo.scheduler.fifo { max_t = %d }, trial = function(p) return %s end }
return { default = s%s }
'''

    def small(self, script, max_t=1, more="", trial=None, best=True):
        self.write("train.sh", script)
        self.write("r.lua", self.SMALL % (max_t, trial or 'hpo.command { run = { "/bin/sh", hpo.source "train.sh" } %s }' % more,
                                          ", best = s.best.checkpoint" if best else ""))
        self.build("r.lua", *(["best"] if best else []))

    def test_a_checkpoint_that_is_not_made_again(self):
        self.small('echo "{\\"t\\": 1, \\"loss\\": 1}"\n[ "$TZ" = UTC ] && echo model > "$HPO_CHECKPOINT_OUT/m"\ntrue\n')
        for arguments in (("best",), ("best", "--from-nothing")):
            self.assertIn("now leaves none", self.differs(*arguments)["what"])

    def test_a_checkpoint_after_one_unit(self):
        self.make(end='open(out + "/n", "wb").write(os.urandom(8)) if last == 1 else 0')
        self.write("r.lua", self.read("r.lua").replace("samples = 3", "samples = 5"))  # of which some are stopped at once
        self.build("r.lua")
        self.assertIn("n differs at byte", self.differs()["what"])

    def test_outputs_of_a_script(self):
        self.write("t.py", 'import os\nprint("loss=0.5")\nopen("m.txt", "wb").write(os.urandom(8))\n')
        self.small("", trial='hpo.script { run = { "/usr/bin/python3", hpo.source "t.py" }, report = "loss=(%S+)", outputs = { "m.txt" } }')
        self.assertIn("m.txt differs", self.differs("best")["what"])

    def test_trials_that_end_by_themselves(self):
        self.small('echo "{\\"t\\": 1, \\"loss\\": 1}"\n', max_t=3, more=", stateless = true, may_end = true", best=False)
        self.assertGreater(self.audit()["identical"], 1)
        self.audit("--from-nothing")

    def test_a_failure_for_what_is_hidden(self):
        with tempfile.TemporaryDirectory(prefix="hpo-home-") as home:
            flag = pathlib.Path(home) / "flag"
            flag.write_text("1")
            self.write("train.py", TRAINER % {"begin": f'lr > 0.2 and open("{flag}").read() == "1" and exit("diverged")', "step": "pass", "end": ""})
            self.write("r.lua", (RECIPE % {"grace": 1, "more": ""}).replace("seed = 1,", 'seed = 1, on_failure = "prune",'))
            self.build("r.lua", "--sandbox", "off", status=0)
            found = self.audit(status=5)
            self.assertIn(f"it asked for {flag}, which is not among its inputs", next(n["what"] for n in found["nodes"] if n["verdict"] == "inconclusive"))

    def test_what_a_broken_off_audit_had_found(self):
        """Another --sandbox is another audit; what differed is made again."""
        with tempfile.TemporaryDirectory(prefix="hpo-home-") as home:
            hidden = pathlib.Path(home) / "hidden"
            hidden.write_text("x")
            self.write("r.lua", f'''local hpo = require "hpo"
local a = hpo.command {{ run = {{ "/bin/sh", "-c", "cat {hidden} > a" }}, outputs = {{ "a" }}, name = "a" }}
local b = hpo.command {{ run = {{ "/bin/sh", "-c", "sleep 2; cat $0 > b", a / "a" }}, outputs = {{ "b" }}, name = "b" }}
return {{ default = b }}''')
            self.build("r.lua", "--sandbox", "off")
            audit = self.start("audit", "r.lua", "--sandbox", "off")
            time.sleep(1)
            audit.send_signal(signal.SIGINT)
            audit.communicate(timeout=60)
            self.audit(status=3)

    def test_collected(self):
        self.make()
        self.build("r.lua")
        self.hpo("cache", "gc", "--max-gb", 0)
        self.assertIn("not in the store any more", self.hpo("audit", "r.lua", status=5)[1])

    def test_one_target_alone_was_built(self):
        self.make()
        self.build("r.lua", "made")
        self.assertEqual([n["name"] for n in self.audit("made")["nodes"]], ["made"])
        self.assertIn("hpo audit r.lua TARGET", self.hpo("audit", "r.lua", status=2)[1])
        self.assertIn("no such", self.hpo("audit", "r.lua", "nonsense", status=2)[1])

    def test_behind_the_best_checkpoint(self):
        """It gets what is on record, whatever the trial has left now."""
        self.make(end='open(out + "/n", "wb").write(os.urandom(8))')
        self.write("r.lua", (RECIPE % {"grace": 1, "more": ""}).replace(
            "return {", 'local e = hpo.command { run = { "/bin/sh", "-c", "cat $0/s.json > e", study.best.checkpoint }, outputs = { "e" }, name = "e" }\nreturn { e = e,'))
        self.build("r.lua", "e")
        found = self.audit("e", status=3)
        self.assertEqual(next(n["verdict"] for n in found["nodes"] if n["name"] == "e"), "identical")

    # ---- what differs, and what it means ----

    def test_what_differs(self):
        self.make(end='open(out + "/log", "w").write("same\\nand " + os.getcwd())')
        self.build("r.lua")
        found = self.audit(status=3)
        what = next(node["what"] for node in found["nodes"] if node["verdict"] == "differs")
        self.assertIn("log differs at byte", what)
        self.assertIn("is : and /", what)
        self.assertTrue(os.path.isdir(found["kept"]))
        self.hpo("cache", "gc")
        self.assertFalse(os.path.isdir(found["kept"]))

    def test_tensors(self):
        self.write("made.py", '''
import json, struct, sys, os
values = [1.0, 2.0, 3.0]
if os.environ["TZ"] != "UTC": values[1] = struct.unpack("<f", struct.pack("<i", struct.unpack("<i", struct.pack("<f", 2.0))[0] + 3))[0]
header = json.dumps({"w": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}}).encode()
open("m.safetensors", "wb").write(struct.pack("<Q", len(header)) + header + struct.pack("<3f", *values))
''')
        self.write("r.lua", 'local hpo = require "hpo"\nreturn { m = hpo.command { run = { "/usr/bin/python3", hpo.source "made.py" }, outputs = { "m.safetensors" } } }')
        self.build("r.lua")
        found = self.differs()
        self.assertIn("tensor w: 1 of 3 elements differ, the largest difference is 3 units in the last place", found["what"])
        self.assertIn("time zone", found["cause"])

    def test_what_it_means(self):
        """Trial by trial another thread count turns the order round."""
        self.make(step='x = x if os.environ["OMP_NUM_THREADS"] == "1" else -x')
        self.build("r.lua", "-j", 1)
        found = self.audit("-j", 1, status=3)
        self.assertIn("decided again", found["meaning"])

    # ---- what is forged ----

    def test_tampered_checkpoint(self):
        self.make(end='open(out + "/large", "wb").write(bytes(100000))')
        self.build("r.lua")
        self.audit()
        for blob in (self.folder / ".hpo/blobs").rglob("*"):
            if blob.is_file() and blob.stat().st_size == 100000:
                blob.chmod(0o644)
                blob.write_bytes(bytes(99999) + b"x")
        self.assertIn("its bytes have changed", self.differs()["what"])

    def test_forged_checkpoint(self):
        """Another folder under the key of the best, with all digests right."""
        self.make()
        self.build("r.lua")
        trees = []

        def take_first(row):
            if row["kind"] == "unit" and row["tree"] and row["name"].startswith("asha/"):
                trees.append(row["tree"])
                row["tree"] = trees[0]
                return row["tree"] != trees[-1]
            return False

        self.assertGreater(forge.alter(self.folder / ".hpo", "result", take_first), 0)
        self.assertIn("s.json differs", self.differs()["what"])

    def test_forged_table(self):
        """What `hpo table` would show."""
        self.make()
        self.build("r.lua")
        loss = self.table("r.lua")["trials"][0]["metrics"][0]["loss"]

        def change(row):
            was, row["body"] = row["body"], row["body"].replace(str(loss), "0.000001")
            return row["body"] != was

        self.assertGreater(forge.alter(self.folder / ".hpo", "study_table", change), 0)
        found, = self.audit(status=3)["targets"]
        self.assertEqual(found["name"], "the table of asha in the store")
        self.assertRegex(found["what"], "trials/0/metrics/0/loss was 1e-06, and now is " + str(loss))

    def test_a_table_of_another_search(self):
        """The recipe was edited since, or names what is measured: neither hides, nor accuses."""
        self.make()
        self.write("r.lua", self.read("r.lua").replace("lr = hpo", "ratio = hpo.uniform(0, 1), lr = hpo"))
        self.build("r.lua")

        def change(row):
            body = json.loads(row["body"])
            body["trials"][1]["params"]["ratio"] = 0.5
            row["body"] = json.dumps(body)
            return True

        self.write("r.lua", self.read("r.lua").replace("samples = 3", "samples = 2"))
        self.assertIn("of another search", self.audit()["not_read"])
        self.write("r.lua", self.read("r.lua").replace("samples = 2", "samples = 3"))
        self.assertIsNone(self.audit()["not_read"])
        self.assertGreater(forge.alter(self.folder / ".hpo", "study_table", change), 0)
        self.assertIn("of another search", self.audit()["not_read"])

    def test_altered_decision(self):
        self.make()
        self.build("r.lua")
        self.audit()

        def stop(row):
            if '"decision": "continue"' not in row["answer"]:
                return False
            row["answer"] = row["answer"].replace('"continue"', '"stop"')
            return True

        self.assertGreater(forge.alter(self.folder / ".hpo", "journal", stop), 0)
        study, = self.audit(status=3)["studies"]
        self.assertRegex(study["differs_at"], r"^report \d+ \d+")
        self.assertIn("stop", study["was"])
        self.assertIn("continue", study["is"])
        out, _ = self.hpo("audit", "r.lua", status=3)
        self.assertIn("asked again it is", out)

    def test_false_acceptance(self):
        self.make()
        self.build("r.lua")
        self.make(step="x = x + 0.001")
        self.hpo("accept", "r.lua", "--yes")
        self.build("r.lua")
        found = self.differs()
        self.assertTrue(found["accepted"])
        self.assertIn("accepted", found["cause"])

    # ---- broken off ----

    def test_goes_on(self):
        self.make(step="time.sleep(0.1)")
        self.hpo("key")
        self.build("r.lua")
        audit = self.start("audit", "r.lua", "-j", "1")
        time.sleep(0.8)
        audit.send_signal(signal.SIGINT)
        _, err = audit.communicate(timeout=60)
        self.assertEqual(audit.returncode, 130, err)
        self.assertIn("the same command line goes on", err)
        out, err = self.hpo("audit", "r.lua", "-j", 1)
        self.assertIn("auditing default of r.lua, going on", err)
        self.assertNotIn("asha/0 t = 1", err)
        self.assertRegex(out, r"\d of them were made before this audit was broken off, and were kept in the store")
        said = self.hpo("verify", "out/r/audit/default.intoto.jsonl")[0]
        self.assertIn("came to WARNED", said)
        self.assertIn("were made before the audit was broken off", said)


if __name__ == "__main__":
    unittest.main()
