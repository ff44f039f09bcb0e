"""Recipes and actions that nobody should write, and callers that close, remove or forget things."""
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time
import unittest

from case import BIN, LONG, Case

HPO = str(BIN / "hpo")
NOBODY = 65534


class Hostile(Case):
    def recipe(self, body, name="r.lua"):
        return self.write(name, 'local hpo = require "hpo"\n' + body)

    def command(self, script, outputs='"y"', more=""):
        """A recipe whose one action is a shell script."""
        self.recipe(f"return {{ x = hpo.command {{ run = {{ 'sh', '-c', [==[{script}]==] }}, outputs = {{ {outputs} }} {more} }} }}")

    def clean(self):
        self.assertIn("all right", self.hpo("cache", "verify")[0])


class Graphs(Hostile):
    def test_ten_thousand_actions(self):
        count = 10000 if LONG else 500
        self.recipe('''
local t = {}
for i = 1, %d do t[("t%%05d"):format(i)] = hpo.command { run = { "cp", "in", "y" }, inputs = { ["in"] = hpo.text(tostring(i)) }, outputs = { "y" } } end
return { default = hpo.command { run = { "sh", "-c", "cat t* | wc -c > sum" }, inputs = t, outputs = { "sum" } } }
''' % count)
        answer = self.build("r.lua", timeout=900)
        self.assertEqual(answer["ran"], count + 1)
        self.assertEqual(int(self.read("out/r/default")), sum(len(str(i)) for i in range(1, count + 1)))
        answer = self.build("r.lua")
        self.assertEqual((answer["ran"], answer["cached"]), (0, count + 1))

    def chain(self, length):
        self.recipe('''
local last = hpo.text("x", "x")
for i = 1, hpo.param("length", %d) do last = hpo.command { run = { "cp", "x", "y" }, inputs = { x = last }, outputs = { "y" } } end
return { default = last, wrong = hpo.command { run = { "false" }, inputs = { x = last }, outputs = { "y" } } }
''' % length)

    def test_a_chain_longer_than_the_stack(self):
        """All actions but the first have one key: what is long is the graph, not the build."""
        self.chain(20000)
        command = ["sh", "-c", f'ulimit -s 512; exec "{HPO}" build r.lua default']
        for expected in ("ran, 19999 cached", "0 ran, 20000 cached"):
            done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=300)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(expected, done.stderr)

    def test_a_failure_at_the_bottom_of_a_long_chain(self):
        self.recipe('''
local last = hpo.command { name = "bottom", run = { "false" }, outputs = { "y" } }
for i = 1, 20000 do last = hpo.command { run = { "cp", "x", "y" }, inputs = { x = last }, outputs = { "y" } } end
return { default = last }
''')
        done = subprocess.run(["sh", "-c", f'ulimit -s 512; exec "{HPO}" build r.lua'], cwd=self.folder,
                              env=self.environment, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("failed: bottom", done.stderr)

    def test_ten_thousand_inputs(self):
        count = 10000 if LONG else 2000
        self.recipe('''
local t = {}
for i = 1, %d do t["in" .. i] = hpo.text(tostring(i)) end
return { x = hpo.command { run = { "sh", "-c", "set -- *; echo $# > y" }, inputs = t, outputs = { "y" } } }
''' % count)
        self.build("r.lua", timeout=300)
        self.assertEqual(int(self.read("out/r/x")), count)

    def test_a_study_that_needs_itself(self):
        self.recipe('''
local study
study = hpo.study { name = "ouroboros", space = { x = hpo.choice { 1, 2 } }, search = hpo.search.grid {},
  metric = "loss", scheduler = hpo.scheduler.fifo { max_t = 1 },
  trial = function(p)
    local middle = hpo.command { name = "middle", run = { "cp", "-r", "c", "d" }, inputs = { c = study.best.checkpoint }, outputs = { "d" } }
    return hpo.command { name = "head", run = { "true" }, inputs = { d = middle } }
  end }
return { default = study }
''')
        message = self.hpo("build", "r.lua", status=2)[1]
        for text in ("r.lua:4", "in a circle", "ouroboros", "middle"):
            self.assertIn(text, message)

    def test_no_target(self):
        self.recipe("return {}")
        self.assertIn("at least one target", self.hpo("build", "r.lua", status=2)[1])
        self.recipe("return nil")
        self.assertIn("targets", self.hpo("build", "r.lua", status=2)[1])

    def test_more_gpus_than_there_are(self):
        self.recipe('return { x = hpo.command { run = { "cp", "/dev/null", hpo.output "y" }, resources = { gpus = 2 } } }')
        self.assertIn("r.lua:2: resources.gpus: it needs 2, there are 0", self.hpo("build", "r.lua", status=2)[1])
        self.make_cards("NVIDIA L4", "NVIDIA L4")
        self.assertIn("there is 1", self.hpo("build", "r.lua", "--gpus", "0,", status=2)[1])
        self.hpo("build", "r.lua", "--gpus", "0,1")

    def test_more_cpus_than_there_are(self):
        self.recipe('return { x = hpo.command { run = { "sh", "-c", "echo $HPO_CPUS > y" }, outputs = { "y" }, resources = { cpus = 4096 } } }')
        self.hpo("build", "r.lua", "-j3")
        self.assertEqual(self.read("out/r/x"), "3\n")


class Texts(Hostile):
    def refuse(self, body, *texts):
        self.recipe(body)
        message = self.hpo("build", "r.lua", status=2)[1]
        for text in texts:
            self.assertIn(text, message)

    def test_ten_megabytes(self):
        self.recipe('return { x = hpo.text(("0123456789"):rep(1000000)) }')
        self.build("r.lua")
        self.assertEqual((self.folder / "out/r/x").stat().st_size, 10000000)
        before = (self.folder / "out/r/x").stat().st_mtime_ns
        self.build("r.lua")
        self.assertEqual((self.folder / "out/r/x").stat().st_mtime_ns, before)

    def test_huge_arguments(self):
        self.recipe('return { x = hpo.command { run = { "sh", "-c", "printf %s \\"$1\\" | wc -c > y", "sh", ("x"):rep(100000) }, outputs = { "y" } } }')
        self.build("r.lua")
        self.assertEqual(self.read("out/r/x").strip(), "100000")
        self.recipe('return { x = hpo.command { name = "long", run = { "true", ("x"):rep(3000000) }, outputs = { "y" } } }')
        done = subprocess.run([HPO, "build", "r.lua"], cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=60)
        self.assertIn(done.returncode, (1, 2), done.stderr)
        self.assertIn("too long", done.stderr)
        self.clean()

    def test_bytes_that_are_no_text(self):
        self.recipe(r'return { x = hpo.command { run = { "sh", "-c", "printf %s \"$1\" > y", "sh", "\xff\xfe" }, outputs = { "y" } }, t = hpo.text "a\0\xff" }')
        self.build("r.lua")
        self.assertEqual((self.folder / "out/r/x").read_bytes(), b"\xff\xfe")
        self.assertEqual((self.folder / "out/r/t").read_bytes(), b"a\0\xff")
        self.hpo("why", "r.lua", "x")
        for body, field in [(r'return { x = hpo.command { run = { "true" }, outputs = { "\xff" } } }', "outputs[1]"),
                            (r'return { x = hpo.command { run = { "true" }, env = { A = "\xff" } } }', "env.A"),
                            (r'return { x = hpo.command { run = { "true" }, name = "\xff" } }', "name"),
                            (r'return { ["\xff"] = hpo.text "x" }', "target"), (r'return { ["a\0b"] = hpo.text "x" }', "target"),
                            (r'return { x = hpo.source "\xff" }', "hpo.source"),
                            (r'return { x = hpo.command { run = { "echo", "a\0b" } } }', "run[2]")]:
            self.refuse(body, field)

    def test_names_that_lead_elsewhere(self):
        for name in ("../a", "/a", "a/../../b", "./a", "a//b", "a/", ".", "..", "", "a/./b"):
            self.refuse(f'return {{ x = hpo.command {{ run = {{ "true" }}, outputs = {{ "{name}" }} }} }}', "r.lua:2")
            self.refuse(f'return {{ x = hpo.command {{ run = {{ "true" }}, inputs = {{ ["{name}"] = hpo.text "q" }} }} }}', "r.lua:2")
            if "a" not in name.strip("./") or "/" in name:
                self.refuse(f'return {{ ["{name}"] = hpo.text "q" }}', "target")
        self.assertEqual(sorted(os.listdir(self.folder)), ["r.lua"])

    def test_names_that_are_only_ugly(self):
        for name in ("-x", "a b\\nc", "$(id)", "'", '\\"', "*", ".hidden", "ünï", "a" * 200):
            self.recipe(f'''return {{ ["{name}"] = hpo.command {{ run = {{ "sh", "-c", 'cat < "./$1" > "./$2"; shift 2; [ -f "./$1" ]', "sh", "in", "{name}", "{name}" }},
  inputs = {{ ["in"] = hpo.text "{name}" }}, outputs = {{ "{name}" }} }} }}''')
            self.build("r.lua")
            real = name.replace("\\n", "\n").replace('\\"', '"')
            self.assertEqual(self.read(f"out/r/{real}"), real)
            self.hpo("graph", "r.lua", "--format", "dot")
            if not real.startswith("-"):
                self.hpo("why", "r.lua", real)
            self.assertEqual(self.build("r.lua")["ran"], 0)
        self.clean()

    def test_targets_that_differ_in_case_alone(self):
        self.recipe('return { x = hpo.text "small", X = hpo.text "large" }')
        self.build("r.lua")
        self.assertEqual((self.read("out/r/x"), self.read("out/r/X")), ("small", "large"))

    def test_a_recipe_that_is_no_file(self):
        (self.folder / "folder.lua").mkdir()
        os.mkfifo(self.folder / "fifo.lua")
        for recipe in ("folder.lua", "fifo.lua", "/dev/null", "/dev/stdin"):
            self.assertIn("expected a regular file", self.hpo("build", recipe, status=2)[1])
        self.write("large.lua", "-" * (17 << 20))
        self.assertIn("16777216", self.hpo("build", "large.lua", status=2)[1])
        (self.folder / "loop.lua").symlink_to("loop.lua")
        self.hpo("build", "loop.lua", status=2)


class Outputs(Hostile):
    def take(self, script, **keywords):
        self.command(script, **keywords)
        answer = self.build("r.lua")
        self.assertEqual(self.build("r.lua")["ran"], 0)
        self.clean()
        return answer

    def test_what_is_no_file(self):
        for script, text in [("mkfifo y", "a pipe"), ("mkdir y; mkfifo y/p", "a pipe"), ("ln -s /etc/passwd y", "symbolic link leads out"),
                             ("mkdir y; ln -s ../../../x y/z", "symbolic link leads out"), ("true", 'did not make its output "y"'),
                             ('rm -rf "$PWD"', 'did not make its output "y"'), ("mkdir d; ln -s d y", 'link to "d", which is no output'),
                             ("ln -s nowhere y", 'link to "nowhere", which is no output'), ("ln -s y y", "in a circle")]:
            self.command(script)
            answer = self.build("r.lua", status=1)
            self.assertIn(text, answer["messages"])
            self.clean()

    def test_links_inside_a_tree(self):
        self.take("mkdir y; echo 1 > y/a; ln -s a y/b; mkdir y/c; ln -s ../a y/c/d")
        self.assertEqual(os.readlink(self.folder / "out/r/x/c/d"), "../a")
        self.assertEqual(self.read("out/r/x/b"), "1\n")
        self.take("echo 1 > z; ln -s z y", outputs='"y", "z"')
        self.assertEqual(self.read("out/r/x/y"), "1\n")

    def test_empty_things(self):
        self.take("mkdir -p y/a/b y/c; : > y/c/f")
        self.assertTrue((self.folder / "out/r/x/a/b").is_dir())
        self.assertEqual(self.read("out/r/x/c/f"), "")
        self.take("mkdir y")
        self.assertEqual(os.listdir(self.folder / "out/r/x"), [])
        self.take(": > y")
        self.assertEqual(self.read("out/r/x"), "")

    def test_a_huge_tree(self):
        count = 20000 if LONG else 1000
        self.take(f"mkdir y; cd y; i=0; while [ $i -lt {count} ]; do echo $i > f$i; i=$((i+1)); done")
        self.assertEqual(len(os.listdir(self.folder / "out/r/x")), count)

    def test_a_path_deeper_than_the_system_allows(self):
        deep = "i=0; while [ $i -lt 300 ]; do mkdir dddddddddddddddd; cd dddddddddddddddd; i=$((i+1)); done; "
        self.command("mkdir y; cd y; " + deep + "echo hi > f")
        for _ in range(2):  # the second removes what the first has left
            answer = self.build("r.lua", status=1)
            self.assertIn("too long", answer["messages"])
        self.take("mkdir z; (cd z; " + deep + "echo hi > f); echo 1 > y")

    def test_names_of_any_bytes(self):
        self.take('mkdir y; echo 1 > "y/a b"; echo 2 > y/-x; echo 3 > "$(printf "y/\\377")"; echo 4 > "$(printf "y/a\\nb")"')
        names = sorted(os.listdir(os.fsencode(self.folder / "out/r/x")))
        self.assertEqual(names, [b"-x", b"a\nb", b"a b", b"\xff"])

    def test_inputs_removed_or_changed(self):
        self.write("in", "one\n")
        self.take("rm -rf *; echo 1 > y", more=', inputs = { ["in"] = hpo.source "in", t = hpo.text "t" }')
        self.assertEqual(self.read("in"), "one\n")
        self.take("echo two >> in; cat in > y", more=', inputs = { ["in"] = hpo.source "in" }')
        self.assertEqual(self.read("in"), "one\n")
        self.assertEqual(self.read("out/r/x"), "one\ntwo\n")

    def test_a_stored_input_changed_by_its_reader(self):
        self.recipe('''
local big = hpo.command { run = { "sh", "-c", "seq 1 20000 > big" }, outputs = { "big" } }
local vandal = hpo.command { run = { "sh", "-c", "chmod 666 big; echo changed > big; rm big; echo 1 > y" }, inputs = { big = big }, outputs = { "y" } }
return { vandal = vandal, big = big }
''')
        self.build("r.lua", "vandal")
        self.build("r.lua", "big")
        self.assertEqual(self.read("out/r/big").splitlines()[-1], "20000")
        self.clean()

    def test_the_working_folder_moved_away(self):
        self.command('mv "$PWD" "$PWD.moved"; mkdir "$PWD"; echo 1 > "$PWD/y"')
        for sandbox in ("off", "on"):
            self.build("r.lua", "--sandbox", sandbox, "--cache", sandbox)
            self.assertEqual(self.read("out/r/x"), "1\n")

    @unittest.skipUnless(LONG, "it writes two gigabytes")
    def test_two_gigabyte_hole(self):
        self.take("truncate -s 2200M y")
        self.assertEqual((self.folder / "out/r/x").stat().st_size, 2200 << 20)


class Modes(Hostile):
    """Read-only things, as a user who is not root."""

    def setUp(self):
        super().setUp()
        self.keywords = {}
        if os.geteuid() == 0:
            self.keywords = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            os.chown(self.folder, NOBODY, NOBODY)
            try:
                subprocess.run([HPO, "--version"], check=True, capture_output=True, **self.keywords)
            except (OSError, subprocess.CalledProcessError):
                self.skipTest("a user who is not root cannot run " + HPO)
        self.addCleanup(lambda: subprocess.run(["chmod", "-R", "u+rwx", self.folder]))

    def as_user(self, *arguments, status=0):
        done = subprocess.run([HPO, *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True,
                              timeout=60, **self.keywords)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout + done.stderr

    def test_outputs_and_folders_of_any_mode(self):
        for script in ("mkdir y; echo 1 > y/a; chmod 444 y/a; chmod 555 y", "echo 1 > y; chmod 000 y",
                       "mkdir -p y/a; echo 1 > y/a/q; chmod 000 y/a y", "mkdir -p k/m; echo 1 > k/m/q; chmod 555 k/m k; echo 1 > y; chmod 555 .",
                       "seq 1 9999 > y; chmod 111 y; chmod 000 ."):
            self.command(script)
            self.as_user("build", "r.lua")
            self.assertIn("0 ran, 1 cached", self.as_user("build", "r.lua"))
            self.assertEqual(os.listdir(self.folder / ".hpo/work"), [])
        self.assertIn("all right", self.as_user("cache", "verify"))

    def test_a_failed_action_of_any_mode(self):
        self.command("mkdir -p k/m; echo 1 > k/m/q; chmod 000 k/m k .; exit 3")
        for _ in range(2):  # the second removes what the first has left
            self.assertIn("status 3", self.as_user("build", "r.lua", status=1))

    def test_a_source_that_cannot_be_read(self):
        self.write("in", "x", mode=0)
        os.chown(self.folder / "in", NOBODY if self.keywords else -1, -1)
        self.recipe('return { x = hpo.command { run = { "cat", hpo.source "in" } } }')
        message = self.as_user("build", "r.lua", status=2)
        self.assertIn("r.lua:2", message)
        self.assertIn("Permission denied", message)

    def test_a_recipe_that_cannot_be_read(self):
        self.recipe("return {}").chmod(0)
        self.assertIn("Permission denied", self.as_user("build", "r.lua", status=2))


class Callers(Hostile):
    def setUp(self):
        super().setUp()
        self.recipe('return { x = hpo.command { name = "x", run = { "sh", "-c", "echo hi; echo oops >&2; env > y" }, outputs = { "y" } } }')

    def shell(self, script, status=0):
        done = subprocess.run(["bash", "-c", script], cwd=self.folder, env=dict(self.environment, HPO=HPO), capture_output=True,
                              text=True, timeout=60)
        self.assertEqual(done.returncode, status, f"{script}\n{done.stdout}\n{done.stderr}")
        return done.stdout + done.stderr

    def test_closed_descriptors(self):
        """What was closed must not come back as a file of the store that messages are written to."""
        for closed, status in [("<&-", 0), (">&-", 0), ("2>&-", 0), (">&- 2>&-", 0), ("<&- >&- 2>&-", 0)]:
            shutil.rmtree(self.folder / ".hpo", ignore_errors=True)
            self.shell(f'"$HPO" build r.lua {closed}', status)
            self.assertEqual(self.hpo("log", "r.lua", "x")[0], "hi\noops\n")
            self.clean()
        self.assertIn("standard output", self.shell('"$HPO" build r.lua --json >&-', 1))
        self.shell('"$HPO" build r.lua --json <&- 2>&-')
        self.clean()

    def test_nobody_listens(self):
        self.hpo("build", "r.lua")
        for command in ("build r.lua --json", "runs", "graph r.lua", "why r.lua x", "--help"):
            read, write = os.pipe()
            os.close(read)
            done = subprocess.run([HPO, *command.split()], cwd=self.folder, env=self.environment, stdout=write,
                                  stderr=subprocess.PIPE, text=True, timeout=60)
            os.close(write)
            self.assertEqual(done.returncode, -signal.SIGPIPE, done.stderr)
            self.assertNotIn("hpo: ", done.stderr)
            self.assertIn("No space left", self.shell(f'"$HPO" {command} > /dev/full', 1))
        self.assertEqual(self.build("r.lua")["ran"], 0)

    def test_messages_that_nobody_reads_stop_nothing(self):
        self.shell('"$HPO" build r.lua -v 2> /dev/full')
        self.assertEqual(self.build("r.lua")["ran"], 0)

    def test_environment(self):
        plain = dict(self.environment)
        for change in ({"PATH": None}, {"HOME": None}, {"HOME": "/nonexistent", "TMPDIR": "/nonexistent"}, {"LANG": "xx", "LC_ALL": "tr_TR.UTF-8"},
                       {"TZ": "Asia/Kolkata"}, {"IFS": "x", "ENV": "/nonexistent", "BASH_ENV": "/nonexistent"}):
            self.environment = {k: v for k, v in dict(plain, **change).items() if v is not None}
            self.build("r.lua")
            self.assertEqual(self.build("r.lua")["ran"], 0)
        self.environment = {}
        self.build("r.lua")
        self.environment = dict(plain, PATH="")
        self.assertIn('no program "sh"', self.hpo("build", "r.lua", "--rerun", "x", status=2)[1])

    def test_umask(self):
        for mask in ("000", "077", "777"):
            out = self.shell(f'umask {mask}; "$HPO" build r.lua --cache store{mask} --out out{mask}', 0 if mask != "777" or os.geteuid() == 0 else 1)
            if mask != "777":
                self.assertIn("1 ran", out)

    def test_the_folder_is_gone(self):
        self.shell('mkdir gone; cd gone; rmdir ../gone; "$HPO" build "$OLDPWD/r.lua" --cache "$OLDPWD/.hpo" --out "$OLDPWD/out"')
        self.assertIn("No such file", self.shell('mkdir gone; cd gone; rmdir ../gone; "$HPO" build ../r.lua', 2))

    def test_from_elsewhere(self):
        """A recipe's sources lie beside it, whatever it is called from; store and out are the caller's."""
        self.write("sub/s.lua", 'local hpo = require "hpo"\nreturn { x = hpo.command { run = { "cp", hpo.source "d", hpo.output "y" } } }')
        self.write("sub/d", "data\n")
        (self.folder / "other").mkdir()
        (self.folder / "alias").symlink_to("sub")
        ran = []
        for recipe in ("../sub/s.lua", self.folder / "sub/s.lua", "../sub/../sub//s.lua", "../alias/s.lua"):
            done = self.shell(f'cd other; "$HPO" build {recipe}')
            ran.append(re.search(r"(\d) ran", done).group(1))
            self.assertEqual(self.read("other/out/s/x"), "data\n")
        self.assertEqual(ran, ["1", "0", "0", "0"])
        self.assertFalse((self.folder / "sub/.hpo").exists())
        (self.folder / "other/link.lua").symlink_to("../sub/s.lua")
        self.assertIn("other", self.shell('cd other; "$HPO" build link.lua', 2))  # beside the link there is no d
        self.write("other/d", "other data\n")
        self.shell('cd other; "$HPO" build link.lua')
        self.assertEqual(self.read("other/out/link/x"), "other data\n")


class Terminal(Hostile):
    """What a person sees: run under a pseudo-terminal."""

    def watch(self, *arguments, **environment):
        master, slave = pty.openpty()
        child = subprocess.Popen([HPO, *arguments], cwd=self.folder, env=dict(self.environment, **environment), stdin=slave,
                                 stdout=slave, stderr=slave, close_fds=True)
        os.close(slave)
        seen, end = b"", time.time() + 60
        while time.time() < end:
            if select.select([master], [], [], 0.2)[0]:
                try:
                    some = os.read(master, 65536)
                except OSError:
                    break
                if not some:
                    break
                seen += some
            elif child.poll() is not None:
                break
        os.close(master)
        self.assertEqual(child.wait(timeout=60), 0, seen)
        return seen.decode()

    def setUp(self):
        super().setUp()
        self.recipe('''
local slow = hpo.command { name = "slow", run = { "sh", "-c", "sleep 1; echo 1 > y" }, outputs = { "y" } }
local last = hpo.command { name = "last", run = { "cp", slow, hpo.output "z" } }
local study = hpo.study { name = "s", space = { x = hpo.choice { 1, 2 } }, search = hpo.search.grid {}, metric = "loss",
  scheduler = hpo.scheduler.fifo { max_t = 2 },
  trial = function(p) return hpo.command { run = { "sh", "-c",
    "sleep 1.2; t=$HPO_FROM; while [ $t -lt $HPO_UNTIL ]; do t=$((t+1)); echo '{\\"t\\": '$t', \\"loss\\": 0.5}'; done" } } end }
return { default = last, trials = study }
''')

    def test_a_status_line_that_goes_away(self):
        seen = self.watch("build", "r.lua", "default", "trials", TERM="xterm")
        self.assertRegex(seen, r"of 2 trials, \d running")
        self.assertIn("1 completed; best loss 0.5", seen)
        left = seen.rsplit("\x1b[J", 1)[1]  # behind the last status that was taken away
        self.assertNotIn("running", left)
        self.assertRegex(left, r" ran, 0 cached")

    def test_no_terminal_no_status(self):
        out, err = self.hpo("build", "r.lua", "default", "trials")
        self.assertNotIn("\x1b", out + err)
        self.assertNotIn("\r", out + err)
        self.assertNotIn("running", err)

    def test_a_dumb_terminal(self):
        for term in ({"TERM": "dumb"}, {"TERM": ""}):
            shutil.rmtree(self.folder / ".hpo", ignore_errors=True)
            seen = self.watch("build", "r.lua", "default", **term)
            self.assertNotIn("\x1b", seen)
            self.assertIn(" ran", seen)

    def test_colours(self):
        self.recipe('return { x = hpo.command { name = "clock", run = { "sh", "-c", "date +%N > y" }, outputs = { "y" } } }')
        self.hpo("build", "r.lua")
        self.assertIn("\x1b[33mwarning:\x1b[0m", self.watch("build", "r.lua", "--rerun", "clock", TERM="xterm"))
        for plain in ({"NO_COLOR": "1", "TERM": "xterm"}, {"TERM": "dumb"}):
            seen = self.watch("build", "r.lua", "--rerun", "clock", **plain)
            self.assertIn("warning: clock", seen)
            self.assertNotIn("\x1b[33m", seen)
        self.assertIn("\x1b[33m", self.watch("build", "r.lua", "--rerun", "clock", NO_COLOR="", TERM="xterm"))


if __name__ == "__main__":
    unittest.main()
