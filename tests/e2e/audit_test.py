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
  space = { lr = hpo.uniform(0.01, 0.5) }, samples = 6, concurrency = 4, metric = "loss", mode = "min", seed = 1,
  search = hpo.search.random {}, scheduler = hpo.scheduler.asha { max_t = 4, grace_period = %(grace)d, reduction_factor = 2 },
  trial = function(p) return hpo.command { run = { "python3", hpo.source "train.py" }, inputs = { a = made }, params = p %(more)s } end }
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

    def test_path(self):
        self.assertIn("the path of its working folder", self.cause(end='open(out + "/log", "w").write(os.getcwd())'))

    def test_threads(self):
        self.assertIn("number of threads", self.cause(step='x += 1e-9 * int(os.environ["OMP_NUM_THREADS"])'))

    def test_seed(self):
        self.assertIn("a seed is not set", self.cause(step="x += random.random() / 100"))

    def test_undeclared_file(self):
        with tempfile.TemporaryDirectory(prefix="hpo-home-") as home:
            extra = pathlib.Path(home) / "vocab.txt"
            extra.write_text("0.5")
            self.make(begin=f'x += float(open("{extra}").read()) if os.path.exists("{extra}") else 0')
            self.build("r.lua")
            self.assertIn("hidden in the clean room", self.differs()["cause"])

    def test_undeclared_file_that_it_needs(self):
        with tempfile.TemporaryDirectory(prefix="hpo-home-") as home:
            extra = pathlib.Path(home) / "vocab.txt"
            extra.write_text("0.5")
            self.make(begin=f'x += float(open("{extra}").read())')
            self.build("r.lua")
            found = self.differs()
            self.assertIn(f"{extra} is hidden", found["what"])
            self.assertIn("hidden in the clean room", found["cause"])

    def test_network(self):
        self.make(begin="import socket\ntry: socket.create_connection(('127.0.0.1', PORT), 2); x += 1\nexcept OSError: pass".replace(
            "PORT", str(self.listen())))
        self.build("r.lua")
        self.assertIn("hidden in the clean room", self.differs()["cause"])

    def listen(self):
        import socket
        server = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.addCleanup(server.close)
        return server.getsockname()[1]

    def test_until(self):
        self.assertIn("HPO_UNTIL", self.cause(step="x += 0.01 * last", grace=4))

    def test_goes_on_otherwise(self):
        self.assertIn("when it goes on", self.cause(begin="boost = 1.0", step="boost *= 1.01; x *= boost"))

    def test_not_reproducible(self):
        """The recipe says so: it is shown, and no reason for a status."""
        self.make(step="x += random.random() / 100", more=", not_reproducible = true")
        self.build("r.lua")
        found = self.audit()
        self.assertEqual((found["differs"], found["follows"]), (0, 0))
        self.assertGreater(found["excepted"], 6)

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
        self.write("r.lua", 'local hpo = require "hpo"\nreturn { m = hpo.command { run = { "python3", hpo.source "made.py" }, outputs = { "m.safetensors" } } }')
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
        self.make(step="time.sleep(0.2)")
        self.build("r.lua")
        audit = self.start("audit", "r.lua", "-j", "1")
        time.sleep(1.5)
        audit.send_signal(signal.SIGINT)
        _, err = audit.communicate(timeout=60)
        self.assertEqual(audit.returncode, 130, err)
        out, err = self.hpo("audit", "r.lua")
        self.assertIn("going on", err)
        self.assertNotIn("asha/0 t = 1", err)


if __name__ == "__main__":
    unittest.main()
