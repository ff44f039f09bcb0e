"""Plain commands through the whole program: caching, cut-off, failure, order, messages."""
import os
import re
import time
import unittest

from case import Case, uuid

CHAIN = '''
local hpo = require "hpo"
local source = hpo.source "in.txt"
local upper = hpo.command { name = "upper", run = { "sh", "-c", "echo upper >> $COUNT; tr a-z A-Z < in.txt | tr -d '#' > up.txt" },
  inputs = { ["in.txt"] = source }, outputs = { "up.txt" }, env = { COUNT = "%(count)s" } }
local size = hpo.command { name = "size", run = { "sh", "-c", "echo size >> $COUNT; wc -c < up.txt > n" },
  inputs = { ["up.txt"] = upper }, outputs = { "n" }, env = { COUNT = "%(count)s" } }
return { default = size, upper = upper }
'''


class Actions(Case):
    def chain(self):
        self.write("in.txt", "hello#\n")
        self.write("r.lua", CHAIN % {"count": self.folder / "count"})

    def build_counted(self, *arguments):
        """Where actions see the file that they count in."""
        return self.build("r.lua", "--sandbox", "off", *arguments)

    def counted(self):
        try:
            return self.read("count").split()
        except FileNotFoundError:
            return []

    def test_runs_once_and_then_never(self):
        self.chain()
        first = self.build_counted()
        self.assertEqual((first["ran"], first["cached"], first["failed"]), (2, 0, 0))
        self.assertEqual(self.read("out/r/default").strip(), "6")
        second = self.build_counted()
        self.assertEqual((second["ran"], second["cached"]), (0, 2))
        self.assertEqual(self.counted(), ["upper", "size"])

    def test_equal_actions_run_once(self):
        self.write("r.lua", '''local hpo = require "hpo"
local function same() return hpo.command { run = { "sh", "-c", "sleep 0.3; echo hi > x" }, outputs = { "x" } } end
return { a = same(), b = same(), c = same() }''')
        self.assertEqual(self.build("r.lua", "-j3")["ran"], 1)
        self.assertEqual([self.read("out/r/" + name) for name in "abc"], ["hi\n"] * 3)

    def test_an_equal_output_cuts_off_what_follows(self):
        self.chain()
        self.build_counted()
        self.write("in.txt", "he#llo\n")
        again = self.build_counted()
        self.assertEqual((again["ran"], again["cached"]), (1, 1))
        self.assertEqual(self.counted(), ["upper", "size", "upper"])

    def test_a_source_that_comes_back_costs_nothing(self):
        self.chain()
        self.build("r.lua")
        self.write("in.txt", "other\n")
        self.build("r.lua")
        self.write("in.txt", "hello#\n")
        self.assertEqual(self.build("r.lua")["ran"], 0)
        self.assertEqual(self.read("out/r/default").strip(), "6")

    def test_out_is_put_right(self):
        self.chain()
        self.build("r.lua", "upper")
        self.write("out/r/upper.txt", "edited\n")
        self.assertEqual(self.build("r.lua", "upper")["ran"], 0)
        self.assertEqual(self.read("out/r/upper.txt"), "HELLO\n")
        os.remove(self.folder / "out/r/upper.txt")
        self.build("r.lua", "upper")
        self.assertEqual(self.read("out/r/upper.txt"), "HELLO\n")

    def test_targets_of_any_name(self):
        self.write("r.lua", """local hpo = require "hpo"
return { x = hpo.text "1", ["x.new"] = hpo.text "2", ["x.new.new"] = hpo.text "3" }""")
        self.build("r.lua")
        self.write("r.lua", self.read("r.lua").replace('text "1"', 'text "4"'))
        self.build("r.lua", "x")
        self.assertEqual([self.read("out/r/" + name) for name in ("x", "x.new", "x.new.new")], ["4", "2", "3"])

    def test_a_lost_blob_is_made_again(self):
        self.write("r.lua", '''
local hpo = require "hpo"
local big = hpo.command { run = { "sh", "-c", "seq 1 5000 > big" }, outputs = { "big" } }
return { default = hpo.command { run = { "sh", "-c", "tail -n 1 big > last" }, inputs = { big = big }, outputs = { "last" } } }
''')
        self.build("r.lua")
        blobs = [p for p in (self.folder / ".hpo/blobs").rglob("*") if p.is_file()]
        self.assertTrue(blobs)
        for blob in blobs:
            blob.unlink()
        text = (self.folder / "r.lua").read_text().replace("tail -n 1", "tail -n 2")
        self.write("r.lua", text)
        answer = self.build("r.lua")
        self.assertEqual(answer["ran"], 2)
        self.assertIn("made again", answer["messages"])
        self.assertEqual(self.read("out/r/default"), "4999\n5000\n")

    def test_failure_shows_the_log_and_keeps_the_folder(self):
        self.write("r.lua", '''
local hpo = require "hpo"
return { default = hpo.command { name = "bad", run = { "sh", "-c", "seq 1 30; echo oops >&2; exit 3" }, outputs = { "x" } } }
''')
        answer = self.build("r.lua", status=1)
        self.assertEqual(answer["failed"], 1)
        self.assertIn("status 3", answer["messages"])
        self.assertIn("oops", answer["messages"])
        self.assertNotIn("\n10\n", answer["messages"])
        self.assertIn("\n12\n", answer["messages"])
        folder = answer["messages"].split("its folder is kept: ")[1].splitlines()[0]
        self.assertTrue(os.path.isdir(folder))
        self.assertIn("oops", self.hpo("log", "r.lua", "bad")[0])
        self.assertEqual(self.build("r.lua", "--sandbox", "off", status=1)["ran"], 1)

    def test_keep_going_builds_the_rest(self):
        self.write("r.lua", '''
local hpo = require "hpo"
local bad = hpo.command { run = { "false" }, outputs = { "x" } }
local needs = hpo.command { run = { "cp", bad, hpo.output "y" } }
local good = hpo.command { run = { "sh", "-c", "sleep 0.3; echo ok > z" }, outputs = { "z" } }
local after = hpo.command { run = { "cp", good, hpo.output "w" } }
return { needs = needs, after = after }
''')
        self.build("r.lua", "-j1", "--keep-going", status=1)
        self.assertEqual(self.read("out/r/after"), "ok\n")
        self.assertFalse((self.folder / "out/r/needs").exists())

    def test_missing_output(self):
        self.write("r.lua", '''
local hpo = require "hpo"
return { default = hpo.command { run = { "true" }, outputs = { "x/y" } } }
''')
        self.assertIn('did not make its output "x/y"', self.build("r.lua", status=1)["messages"])

    def test_timeout_and_retries(self):
        self.write("r.lua", f'''
local hpo = require "hpo"
local slow = hpo.command {{ name = "slow", run = {{ "sleep", "60" }}, timeout = 0.3, outputs = {{ "x" }} }}
local flaky = hpo.command {{ name = "flaky", retries = 2, outputs = {{ "x" }}, env = {{ COUNT = "{self.folder}/count" }},
  run = {{ "sh", "-c", "echo x >> $COUNT; [ $(wc -l < $COUNT) -ge 3 ] && echo done > x" }} }}
return {{ slow = slow, flaky = flaky }}
''')
        begin = time.time()
        self.assertIn("0.3 s", self.build("r.lua", "slow", status=1)["messages"])
        self.assertLess(time.time() - begin, 20)
        answer = self.build_counted("flaky")
        self.assertEqual(answer["ran"], 3)
        self.assertEqual(self.read("out/r/flaky"), "done\n")

    def test_no_orphan_survives(self):
        self.write("r.lua", f'''
local hpo = require "hpo"
return {{ default = hpo.command {{ run = {{ "sh", "-c", "(sleep 1; echo alive > {self.folder}/orphan) & echo x > x" }}, outputs = {{ "x" }} }} }}
''')
        self.build("r.lua", "--sandbox", "off")
        time.sleep(1.5)
        self.assertFalse((self.folder / "orphan").exists())

    def test_an_input_that_changes_meanwhile_is_an_error(self):
        self.write("in.txt", "one\n")
        self.write("r.lua", f'''
local hpo = require "hpo"
return {{ default = hpo.command {{ name = "reader", outputs = {{ "x" }}, inputs = {{ ["in.txt"] = hpo.source "in.txt" }},
  run = {{ "sh", "-c", "echo two > {self.folder}/in.txt; cp in.txt x" }} }} }}
''')
        answer = self.build("r.lua", "--sandbox", "off", status=1)
        self.assertIn("in.txt: it changed while reader read it", answer["messages"])
        self.assertEqual(self.build("r.lua", "--cached-only", status=1)["ran"], 0)

    def test_environment_is_clean(self):
        self.environment["SECRET"] = "1"
        self.write("r.lua", '''
local hpo = require "hpo"
return { default = hpo.command { run = { "sh", "-c", "env | cut -d= -f1 | sort > names; pwd > where; ls -A >> where" },
  outputs = { "names", "where" }, env = { MINE = "x" } } }
''')
        self.build("r.lua")
        names = self.read("out/r/default/names").split()
        self.assertNotIn("SECRET", names)
        for name in ("PATH", "HOME", "TMPDIR", "LANG", "TZ", "HPO_CPUS", "MINE"):
            self.assertIn(name, names)
        self.assertEqual(self.read("out/r/default/where").splitlines()[1:], ["names", "where"])

    def test_threads_follow_the_cpus_and_are_in_no_key(self):
        recipe = '''
local hpo = require "hpo"
return { default = hpo.command { name = "x", run = { "sh", "-c", 'echo "$HPO_CPUS $OMP_NUM_THREADS $MKL_NUM_THREADS" > y' },
  outputs = { "y" }, resources = { cpus = %d }, env = { %s } } }
'''
        self.write("r.lua", recipe % (2, ""))
        self.assertEqual(self.build("r.lua", "-j", 4)["ran"], 1)
        self.assertEqual(self.read("out/r/default"), "2 2 2\n")
        self.write("r.lua", recipe % (3, ""))
        self.assertEqual(self.build("r.lua", "-j", 4)["ran"], 0)
        self.assertNotIn("THREADS", re.sub("run .*", "", self.hpo("why", "r.lua", "x")[0]))
        self.write("r.lua", recipe % (3, 'MKL_NUM_THREADS = "1"'))
        self.assertEqual(self.build("r.lua", "-j", 4)["ran"], 1)
        self.assertEqual(self.read("out/r/default"), "3 3 1\n")

    def test_dry_run_says_what_and_why(self):
        self.chain()
        self.assertIn("run upper\n  it has not run yet", self.hpo("build", "r.lua", "--sandbox", "off", "--dry-run")[0])
        self.assertFalse((self.folder / "count").exists())
        self.build("r.lua")
        self.assertEqual(self.hpo("build", "r.lua", "--dry-run")[0], "nothing to do\n")
        self.write("in.txt", "other\n")
        self.assertIn("input.in.txt", self.hpo("build", "r.lua", "--dry-run")[0])

    def test_why_names_the_fields(self):
        self.chain()
        self.build("r.lua")
        self.assertIn("known: made in run 1", self.hpo("why", "r.lua", "upper")[0])
        self.write("in.txt", "other\n")
        self.build("r.lua")
        text = self.hpo("why", "r.lua", "upper")[0]
        self.assertIn("input.in.txt", text)
        self.assertNotIn("outputs:", text)
        self.assertIn("run[3]", self.change_run())

    def change_run(self):
        self.write("r.lua", self.read("r.lua").replace("-d '#'", "-d '#!'"))
        self.build("r.lua")
        return self.hpo("why", "r.lua", "upper")[0]

    def test_rerun_finds_what_is_not_reproducible(self):
        self.write("r.lua", '''
local hpo = require "hpo"
return { default = hpo.command { name = "clock", run = { "sh", "-c", "date +%N > x" }, outputs = { "x" } } }
''')
        self.build("r.lua")
        before = self.read("out/r/default")
        answer = self.build("r.lua", "--rerun", "clock")
        self.assertEqual(answer["ran"], 1)
        self.assertIn("clock is not reproducible", answer["messages"])
        self.assertEqual(self.build("r.lua")["ran"], 0)
        self.assertEqual(self.read("out/r/default"), before)

    def test_gpus_are_shared_out(self):
        self.write("r.lua", '''
local hpo = require "hpo"
local t = {}
for i = 1, 4 do
  t["t" .. i] = hpo.command { run = { "sh", "-c", "sleep 0.1; echo $CUDA_VISIBLE_DEVICES > x; echo " .. i .. " > y" }, outputs = { "x", "y" },
    resources = { gpus = i == 4 and 2 or 1 } }
end
t.none = hpo.command { run = { "sh", "-c", "echo [$CUDA_VISIBLE_DEVICES] > x" }, outputs = { "x" } }
return t
''')
        self.assertIn("it needs 1, there are 0", self.hpo("build", "r.lua", "t1", status=2)[1])
        self.make_cards(*["NVIDIA L4"] * 6)
        self.build("r.lua", "-j8", "--gpus", "3,5")
        self.assertTrue({self.read(f"out/r/t{i}/x").strip() for i in (1, 2, 3)} <= {uuid(3), uuid(5)})
        self.assertEqual(self.read("out/r/t4/x"), f"{uuid(3)},{uuid(5)}\n")
        self.assertEqual(self.read("out/r/none"), "[]\n")

    def test_runs_lists_builds(self):
        self.chain()
        self.build("r.lua")
        self.build("r.lua")
        self.assertEqual(len(self.hpo("runs")[0].splitlines()), 2)

    def test_interrupt_loses_nothing(self):
        self.write("r.lua", '''
local hpo = require "hpo"
local quick = hpo.command { name = "quick", run = { "sh", "-c", "echo 1 > x" }, outputs = { "x" } }
local slow = hpo.command { name = "slow", run = { "sh", "-c", "cat x; exec sleep 60" }, inputs = { x = quick }, outputs = { "y" } }
return { default = slow, quick = quick }
''')
        child = self.start("build", "r.lua", "-v")
        while "start slow" not in child.stderr.readline():
            pass
        child.send_signal(2)
        child.communicate(timeout=20)
        self.assertEqual(child.returncode, 130)
        self.assertEqual(self.build("r.lua", "quick")["ran"], 0)

    def test_two_builds_run_each_action_once(self):
        actions = "\n".join(f'''t["t{i:02}"] = hpo.command {{ run = {{ "sh", "-c", "echo {i} >> {self.folder}/count; sleep 0.02; echo {i} > x" }}, outputs = {{ "x" }} }}'''
                            for i in range(40))
        self.write("r.lua", f'local hpo = require "hpo"\nlocal t = {{}}\n{actions}\nreturn t\n')
        children = [self.start("build", "r.lua", "--sandbox", "off", "--json", "--out", f"out{i}") for i in range(2)]
        outputs = [c.communicate(timeout=120) for c in children]
        self.assertEqual([c.returncode for c in children], [0, 0], outputs)
        self.assertEqual(sorted(self.counted(), key=int), [str(i) for i in range(40)])
        self.hpo("cache", "verify")


class Refusals(Case):
    """Wrong recipes and command lines: exit 2, with the place."""

    def refuse(self, recipe, *expected, arguments=()):
        self.write("r.lua", recipe)
        _, err = self.hpo("build", "r.lua", *arguments, status=2)
        for text in expected:
            self.assertIn(text, err)

    def test_lua(self):
        self.refuse("return {", "r.lua:1: ")
        self.refuse("local x = nil\nreturn x.y\n", "r.lua:2: ", "nil value")
        self.refuse("return 5", "r.lua")
        self.refuse("return io.open", "r.lua:1: ")
        self.refuse("return os.time()", "r.lua:1: ")
        self.refuse("return math.random()", "r.lua:1: ")

    def test_commands(self):
        self.refuse('local hpo = require "hpo"\nreturn { x = hpo.command { run = { "no-such-program" }, outputs = { "x" } } }',
                    "r.lua:2", 'no program "no-such-program"')
        self.refuse('local hpo = require "hpo"\nreturn { x = hpo.source "nowhere" }', "r.lua:2", "nowhere")
        self.refuse('local hpo = require "hpo"\nreturn { x = hpo.command { run = { "true" }, outputs = { "../x" } } }', "r.lua:2")
        self.refuse('local hpo = require "hpo"\nreturn { x = hpo.command { run = { "true" }, outptus = { "x" } } }',
                    "r.lua:2", "outputs")
        self.refuse('local hpo = require "hpo"\nreturn { x = hpo.command { run = { "true" }, outputs = { "a", "a/b" } } }', "lies inside the output")

    def test_command_line(self):
        self.write("r.lua", 'local hpo = require "hpo"\nlocal n = hpo.param("n", 3)\nreturn { x = hpo.text(tostring(n)) }')
        for arguments, text in [(["-j", "0"], "-j: expected a whole number"), (["--jobs"], "--jobs: there is no such flag"),
                                (["--set", "m=1"], "no parameter \"m\""), (["--set", "n=x"], "n: expected a whole number"),
                                (["--sandbox", "no"], "--sandbox"), (["nothing"], "no target \"nothing\""),
                                (["--rerun", "q"], "no node \"q\""), (["--rerun", "x", "--rerun=y"], "one node a build: \"x\" is named already")]:
            self.assertIn(text, self.hpo("build", "r.lua", *arguments, status=2)[1])
        self.hpo("build", "absent.lua", status=2)
        self.hpo("nonsense", status=2)
        self.hpo("build", status=2)
        self.hpo("build", "r.lua", "--set", "n=7")
        self.assertEqual(self.read("out/r/x"), "7")

    def test_store(self):
        self.write("r.lua", 'local hpo = require "hpo"\nreturn { x = hpo.text "1" }')
        self.hpo("build", "r.lua")
        self.write(".hpo/version", "hpo store 99\n")
        self.assertIn("newer", self.hpo("build", "r.lua", status=2)[1])


if __name__ == "__main__":
    unittest.main()
