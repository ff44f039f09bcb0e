"""What the tests of preloaded interpreters share: a study of a Python trainer, forked and fresh."""
import re
import sys

from case import Case, without_measured

RECIPE = '''
local hpo = require "hpo"
local study = hpo.study {
  name = "s", space = { %(space)s }, search = %(search)s, samples = %(samples)d, concurrency = 2, metric = "loss", seed = 1, on_failure = "prune",
  scheduler = hpo.scheduler.fifo { max_t = 2 },
  trial = function(p)
    return hpo.command { run = { %(run)s }, inputs = { %(inputs)s }, env = { PLACE = "%(place)s", %(env)s }, preload = %(preload)s, %(more)s }
  end,
}
return { default = study }
'''
HEAD = '''import json, os, sys

def report(loss=None):
    x = json.load(open(os.environ["HPO_PARAMS"]))["x"]
    for t in range(int(os.environ["HPO_FROM"]) + 1, int(os.environ["HPO_UNTIL"]) + 1):
        print(json.dumps({"t": t, "loss": x * t if loss is None else loss}), flush=True)
'''
FORKED = "'preload.py' in open('/proc/self/cmdline').read()"  # inside a run
PYTHON = f'"{sys.executable}"'


class PreloadCase(Case):
    sandbox = "off"

    def setUp(self):
        super().setUp()
        self.stores = 0

    def recipe(self, preload="true", run=None, inputs="", samples=3, env="", more="", space="x = hpo.uniform(0, 1)",
               search="hpo.search.random {}"):
        run = run or PYTHON + ', hpo.source "train.py"'
        self.write("r.lua", RECIPE % {"preload": preload, "run": run, "inputs": inputs, "samples": samples, "env": env, "more": more, "space": space, "search": search,
                                      "place": self.folder})

    def run_it(self, preload="true", status=0, **options):
        """In a store of its own: the table, the logs of all trials without what is drawn anew, and what hpo said."""
        self.stores += 1
        store = f"store-{self.stores}"
        self.recipe(preload, **options)
        messages = self.build("r.lua", "--cache", store, "-j2", status=status)["messages"]
        logs = []
        for trial in range(options.get("samples", 3)):
            log = self.hpo("log", "r.lua", f"s/{trial}", "--cache", store)[0]
            log = re.sub(r"/store-\d+/", "/store/", re.sub(r"[/-][0-9a-f]{16}\b", "/X", log))
            logs.append("".join(sorted(log.splitlines(True))))  # output and error are two pipes
        return without_measured(self.table("r.lua", "--cache", store)), logs, messages

    def notes(self, messages):
        return [line.partition(": ")[2] for line in messages.splitlines() if "fresh interpreter" in line]

    def lines_of(self, name):
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def assert_forked(self, expected, name="forked"):
        found = set(self.lines_of(name))
        (self.folder / name).unlink()
        self.assertEqual(found, {str(expected)})

    def same(self, script, **options):
        """Forked and fresh give the same tables and logs, and the first was forked."""
        self.write("train.py", script + f'\nif __name__ == "__main__": open(os.environ["PLACE"] + "/forked", "a").write(f"{{{FORKED}}}\\n")\n')
        forked = self.run_it("true", **options)
        self.assert_forked(True)
        fresh = self.run_it("false", **options)
        self.assert_forked(False)
        self.assertEqual(self.notes(forked[2]), [])
        self.assertEqual(forked[0], fresh[0])
        self.assertEqual(forked[1], fresh[1])
        return forked
