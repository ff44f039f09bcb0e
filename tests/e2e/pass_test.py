"""`pass`: variables of whoever builds reach the process, and nothing else."""
import pathlib
import unittest

from case import Case

SECRET = "sesame-4711-open"
HEAD = 'local hpo = require "hpo"\n'


def command(fields):
    return HEAD + f'return {{ x = hpo.command {{ name = "x", {fields}, outputs = {{ "y" }} }} }}\n'


class Pass(Case):
    def setUp(self):
        super().setUp()
        self.environment.update(TOKEN=SECRET, OTHER="other")
        self.environment.pop("ABSENT", None)

    def check_secret(self):
        """No file of ours has it: no key, log, snapshot, row or folder."""
        files = [p for p in self.folder.rglob("*") if p.is_file() and not p.is_symlink()]
        self.assertGreater(len(files), 5)
        for path in files:
            self.assertNotIn(SECRET.encode(), path.read_bytes(), path)

    def test_the_process_has_it_and_no_file_has(self):
        self.write("r.lua", command('''pass = { "TOKEN", "ABSENT" }, run = { "sh", "-c",
            'echo "${#TOKEN} ${ABSENT-none} ${OTHER-none}" | tee y >&2' }'''))
        self.assertEqual(self.build("r.lua")["ran"], 1)
        self.assertEqual(self.read("out/r/x"), f"{len(SECRET)} none none\n")
        self.hpo("build", "r.lua", "-v")
        self.check_secret()
        for shown in (("why", "r.lua", "x"), ("log", "r.lua", "x"), ("graph", "r.lua", "--format", "json")):
            out, err = self.hpo(*shown)
            self.assertNotIn(SECRET, out + err)

    def test_a_failure_does_not_show_it(self):
        self.write("r.lua", command('''pass = { "TOKEN" }, run = { "sh", "-c", 'echo "${#TOKEN}" > y; exit 3' }'''))
        answer = self.build("r.lua", "--keep-going", status=1)
        self.assertNotIn(SECRET, answer["messages"])
        self.check_secret()

    def test_neither_the_value_nor_the_list_is_in_the_key(self):
        fields = 'run = { "sh", "-c", "echo ${#TOKEN} > y" }'
        self.write("r.lua", command(fields))
        self.assertEqual(self.build("r.lua")["ran"], 1)
        self.write("r.lua", command('pass = { "TOKEN" }, ' + fields))
        self.assertEqual(self.build("r.lua")["ran"], 0)
        self.environment["TOKEN"] = "another"
        self.assertEqual(self.build("r.lua")["ran"], 0)
        self.assertNotIn("pass", self.hpo("why", "r.lua", "x")[0])

    def test_a_remembered_graph_passes_it_too(self):
        """It has the names, and the values of today."""
        self.write("in", "1")
        self.write("r.lua", command('pass = { "TOKEN" }, run = { "sh", "-c", "cat in; cat in > y; echo ${#TOKEN} >> y", hpo.source "in" }'))
        for _ in range(2):
            self.build("r.lua")
        graphs = list((self.folder / ".hpo/graphs").iterdir())
        self.assertEqual(len(graphs), 1)
        self.assertIn(b"TOKEN\0", graphs[0].read_bytes())
        self.write("in", "22")
        self.environment["TOKEN"] = "four"
        self.assertEqual(self.build("r.lua")["ran"], 1)
        self.assertEqual(self.read("out/r/x"), "224\n")

    def test_trials_have_it(self):
        self.write("r.lua", HEAD + '''return { s = hpo.study { name = "s", space = { x = hpo.uniform(0, 1) }, samples = 2,
            metric = "loss", scheduler = hpo.scheduler.fifo { max_t = 1 },
            trial = function(p) return hpo.command { pass = { "TOKEN" }, run = { "sh", "-c",
              [[touch "$HPO_CHECKPOINT_OUT/c"; echo "{\\"t\\": 1, \\"loss\\": ${#TOKEN}}"]] } } end } }\n''')
        self.build("r.lua")
        self.assertEqual({t["metrics"][0]["loss"] for t in self.table("r.lua")["trials"]}, {len(SECRET)})
        self.check_secret()

    def test_what_the_engine_sets_is_refused(self):
        """Each variable that a process sees cannot be passed: one origin, one value."""
        self.write("r.lua", command('run = { "sh", "-c", "env | cut -d= -f1 > y" }'))
        self.build("r.lua")
        names = set(self.read("out/r/x").split()) - {"PWD", "SHLVL", "_", "OLDPWD"}
        self.assertLessEqual({"PATH", "HOME", "TMPDIR", "LANG", "TZ", "HPO_CPUS", "CUDA_VISIBLE_DEVICES"}, names)
        for name in sorted(names | {"LD_PRELOAD", "PYTHONPATH", "no name"}):
            self.write("r.lua", command(f'pass = {{ "{name}" }}, run = {{ "true" }}'))
            message = self.hpo("build", "r.lua", status=2)[1]
            self.assertIn("r.lua:2: hpo.command.pass[1]: ", message)

    def test_the_cache_of_hugging_face(self):
        """What one action leaves in HF_HOME another finds, though HOME is its own each time."""
        cache = pathlib.Path(self.folder, "cache")
        self.environment["HF_HOME"] = str(cache)
        cache.mkdir()
        self.write("r.lua", HEAD + '''
            local function step(name, script)
              return hpo.command { pass = { "HF_HOME" }, run = { "sh", "-c", script }, outputs = { name } }
            end
            local first = step("a", 'echo weights > "$HF_HOME/model"; echo done > a')
            return { x = hpo.command { pass = { "HF_HOME" }, inputs = { a = first },
              run = { "sh", "-c", 'cat "$HF_HOME/model" > y' }, outputs = { "y" } } }\n''')
        self.build("r.lua")
        self.assertEqual(self.read("out/r/x"), "weights\n")


if __name__ == "__main__":
    unittest.main()
