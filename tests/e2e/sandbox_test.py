"""The sandbox: what an action sees, may do, leaves behind and asks for; interpreters in homes; trials."""
import ctypes
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

from case import uuid
from sandbox_case import HEAD, SandboxCase

DAEMON = '''
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in range(3): os.close(fd)
        time.sleep(1000)
    os._exit(0)
'''
TRAINER = '''
t=$((HPO_FROM + 1)); until=$HPO_UNTIL
while :; do
  while [ $t -le $until ]; do
    more=; [ -n "$HPO_MORE" ] && [ $t -eq $until ] && more=', "more": true'
    echo "{\\"t\\": $t, \\"loss\\": $((20 * $1 + t))$more}"; t=$((t + 1))
  done
  [ -n "$HPO_MORE" ] || break
  read -r word || exit 0
  case $word in *until*) until=$(echo "$word" | tr -dc 0-9) ;; *) break ;; esac
done
ls -A /tmp > "$HPO_CHECKPOINT_OUT/t"
'''


class Sandbox(SandboxCase):
    def test_only_what_is_declared_is_there(self):
        self.write("declared", "one\n")
        self.write("undeclared", "two\n")
        seen = self.x(f"cat in > x; cat {self.folder}/undeclared >> x 2>&1; ls -A {self.folder} >> x 2>&1; :", 'inputs = { ["in"] = hpo.source "declared" }')
        self.assertEqual(seen.splitlines()[0], "one")
        self.assertIn("No such file", seen)
        self.assertEqual(seen.splitlines()[-1], ".hpo")  # the way to its own folder
        self.assertNotIn("two", seen)

    def test_homes_are_hidden(self):
        """But for the folders of PATH, whose programs the user's shell would run, too."""
        home = self.home()
        for name in ("mine/bin/tool", "mine/lib/part", "secret"):
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text("#!/bin/sh\ncat \"${0%/*}/../lib/part\"\n" if name == "mine/bin/tool" else name + "\n")
        (home / "mine/bin/tool").chmod(0o755)
        self.environment["PATH"] = f"{home}/mine/bin:{self.environment['PATH']}"
        self.assertEqual(self.x(f"tool > x; ls -A {home} >> x; find {pathlib.Path.home()} /home -maxdepth 1 -type f >> x; :"), "mine/lib/part\nmine\n")
        self.environment["PATH"] = f"{self.folder}:{self.environment['PATH']}"  # the recipe's own folder is not shown so
        self.assertIn("No such file", self.x(f"cat {self.folder}/r.lua > x 2>&1; :", "network = true"))

    def test_the_system_cannot_be_changed(self):
        self.assertEqual(self.x("touch /usr/x 2> /dev/null || touch /etc/x 2> /dev/null || touch /x 2> /dev/null || echo refused > x").strip(), "refused")
        self.assertFalse(pathlib.Path("/usr/x").exists())

    def test_there_is_no_network(self):
        seen = self.x("""python3 -c '
import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print("loopback")
try: socket.create_connection(("192.0.2.1", 80), 1)
except OSError as e: print(e.strerror)
' > x""")
        self.assertEqual(seen.splitlines(), ["loopback", "Network is unreachable"])

    def test_what_it_is_allowed(self):
        self.write("tools/t", "#!/bin/sh\necho tool\n", 0o755)
        seen = self.x(f"{self.folder}/tools/t > x; tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' >> x", "network = true", arguments=["--system", "tools"])
        devices = [line.split(":")[0].strip() for line in pathlib.Path("/proc/net/dev").read_text().splitlines()[2:]]
        self.assertEqual(seen.split(), ["tool", *devices])
        self.assertIn('--system: expected a folder, found "nowhere"', self.hpo("build", "r.lua", "--sandbox", "on", "--system", "nowhere", status=2)[1])

    def test_temporary_files_are_its_own(self):
        self.write("r.lua", HEAD + 'local t = {}\nfor i = 1, 4 do t["t" .. i] = hpo.command { run = { "sh", "-c", '
                   '"ls -A /tmp > x; echo " .. i .. " > /tmp/left; echo > /dev/shm/left" }, outputs = { "x" } } end\nreturn t')
        self.build("r.lua", "--sandbox", "on", "-j1")
        for i in range(1, 5):
            self.assertNotIn("left", self.read(f"out/r/t{i}"))

    def test_daemons_end_with_it(self):
        self.write("daemon.py", DAEMON)
        self.write("r.lua", HEAD + 'return { x = hpo.command { run = { "sh", "-c", "python3 daemon.py; nohup setsid sleep 1000 & echo > x" }, '
                   'inputs = { ["daemon.py"] = hpo.source "daemon.py" }, outputs = { "x" } } }')
        self.build("r.lua", "--sandbox", "on", timeout=30)
        left = subprocess.run(["pgrep", "-f", "daemon.py|sleep 1000"], capture_output=True, text=True).stdout.split()
        for pid in left:
            environment = pathlib.Path(f"/proc/{pid}/environ")
            self.assertNotIn(str(self.folder), environment.read_text() if environment.exists() else "")

    def test_a_python_of_a_home(self):
        """A virtual environment of this Python, made in a folder that no action sees."""
        home = self.home()
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", home / "venv"], check=True)
        site = next((home / "venv/lib").glob("python*")) / "site-packages"
        (home / "editable").mkdir()
        (home / "editable/mine.py").write_text("word = 'editable'\n")
        (home / "secret").write_text("secret")
        (site / "mine.pth").write_text(f"{home}/editable\n")
        self.write("t.py", f"import mine, os\nopen('x', 'w').write(mine.word + str(os.path.exists('{home}/secret')))\n")
        self.write("r.lua", HEAD + f'return {{ x = hpo.command {{ run = {{ "{home}/venv/bin/python", hpo.source "t.py" }}, outputs = {{ "x" }} }} }}')
        self.build("r.lua", "--sandbox", "on")
        self.assertEqual(self.read("out/r/x"), "editableFalse")
        self.assertLessEqual({f"{home}/editable", f"{home}/venv"}, self.seen())

    def seen(self):
        """What `hpo why` says that x saw besides its inputs and the system."""
        return set(re.search("  it saw besides its inputs and the system: (.*)\n", self.hpo("why", "r.lua", "x")[0])[1].split(", "))

    def home(self):
        """A folder that no action sees."""
        place = pathlib.Path.cwd() / "build-tests"
        home = pathlib.Path(tempfile.mkdtemp(prefix="home-", dir=place if place.exists() else None))
        self.addCleanup(shutil.rmtree, home)
        return home

    def test_an_environment_of_conda(self):
        """Laid out as conda does: a Python of its own in a prefix of a home, and what that needs."""
        home = self.home()
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        prefix, base = home / "miniconda3/envs/mine", pathlib.Path(sys.base_prefix)
        (prefix / "bin").mkdir(parents=True)
        (prefix / "conda-meta").mkdir()
        shutil.copy(pathlib.Path(sys.executable).resolve(), prefix / "bin" / version)
        (prefix / "bin/python").symlink_to(version)
        shutil.copytree(base / "lib" / version, prefix / "lib" / version, symlinks=True,
                        ignore=shutil.ignore_patterns("site-packages", "dist-packages", "test", "tests", "__pycache__", "config-*", "idlelib", "ensurepip"))
        for library in (base / "lib").glob("libpython*"):
            shutil.copy(library, prefix / "lib" / library.name)
        for packages in ("site-packages", "dist-packages"):  # as Debian calls it
            (prefix / "lib" / version / packages).mkdir()
            (prefix / "lib" / version / packages / "mine.py").write_text("word = 'conda '\n")
        (home / "secret").write_text("secret")
        self.write("t.py", f"import mine, os, sys\nopen('x', 'w').write(mine.word + sys.prefix + str(os.path.exists('{home}/secret')))\n")
        self.write("r.lua", HEAD + f'return {{ x = hpo.command {{ run = {{ "{prefix}/bin/python", hpo.source "t.py" }}, outputs = {{ "x" }} }} }}')
        self.build("r.lua", "--sandbox", "strict")
        self.assertEqual(self.read("out/r/x"), f"conda {prefix}False")
        self.assertIn(str(prefix), self.seen())

    def test_links_on_the_way(self):
        """Absolute ones, above a program and of a folder that is shown."""
        self.write("real/bin/t", "#!/bin/sh\ncat $1\n", 0o755)
        self.write("data/words", "two words\n")
        (self.folder / "link").symlink_to(self.folder / "real")
        (self.folder / "shown").symlink_to(self.folder / "data")
        self.write("r.lua", f'{HEAD}return {{ x = hpo.command {{ run = {{ "{self.folder}/link/bin/t", "{self.folder}/shown/words" }}, outputs = {{}}, pass = {{ "SHOWN" }} }} }}')
        self.environment["SHOWN"] = str(self.folder / "shown")
        self.build("r.lua", "--sandbox", "on")
        self.assertEqual(self.hpo("log", "r.lua", "x")[0], "two words\n")
        self.assertIn(f"{self.folder}/shown", self.hpo("why", "r.lua", "x")[0])

    def test_a_cache_of_pass_can_be_written_to(self):
        home = self.home()
        (home / "cache").mkdir()
        (home / "undeclared").mkdir()
        self.environment["CACHE"] = str(home / "cache")
        script = 'echo one > "$CACHE/$1"; echo two 2> /dev/null > "$CACHE/../undeclared/$1"; ls "$CACHE" > x'
        self.write("r.lua", f"""{HEAD}local function step(name)
  return hpo.command {{ run = {{ "sh", "-c", [==[{script}]==], "sh", name }}, outputs = {{ "x" }}, pass = {{ "CACHE" }} }}
end return {{ a = step "a", b = step "b" }}""")
        self.build("r.lua", "a")
        self.refused_by("docker", "b")
        self.assertEqual(self.read("out/r/b"), "a\nb\n")
        self.assertEqual(list((home / "undeclared").iterdir()), [])
        self.assertRegex(self.hpo("why", "r.lua", "a")[0], f"it saw besides its inputs and the system: .*{home}/cache\n")

    def test_no_value_that_is_no_folder_is_noted(self):
        self.environment["SECRET"] = "/aB3/secret+word=="
        self.write("r.lua", HEAD + 'return { x = hpo.command { run = { "sh", "-c", "echo > x" }, outputs = { "x" }, pass = { "SECRET" } } }')
        self.build("r.lua")
        self.assertNotIn("secret", self.hpo("why", "r.lua", "x")[0])
        for path in (self.folder / ".hpo").glob("index.db*"):
            self.assertNotIn(b"secret+word", path.read_bytes())

    def test_hpo_py_is_there(self):
        self.write("t.py", "import hpo\nfor t in hpo.steps(2): hpo.report(loss=1 / t)\n")
        self.write("r.lua", HEAD + f'''return {{ default = hpo.study {{ name = "s", metric = "loss", search = hpo.search.grid {{}}, space = {{ x = hpo.choice {{ 1, 2 }} }},
  scheduler = hpo.scheduler.fifo {{ max_t = 2 }}, trial = function(p) return hpo.command {{ run = {{ "{sys.executable}", hpo.source "t.py" }}, params = p, stateless = true }} end }} }}''')
        for mode in ("strict", "on"):
            shutil.rmtree(self.folder / ".hpo", ignore_errors=True)
            self.build("r.lua", "--sandbox", mode)
            self.assertEqual([t["reached"] for t in self.table("r.lua")["trials"]], [2, 2])

    def test_our_own_trainer(self):
        self.write("r.lua", HEAD + 'return { x = hpo.command { run = { "hpo-trainer", "permutation", "--size", "3" }, outputs = {} } }')
        self.build("r.lua", "x", "--sandbox", "on")

    def test_a_trial_goes_on(self):
        self.write("train.sh", TRAINER)
        self.write("r.lua", HEAD + '''return { default = hpo.study { name = "s", metric = "loss", search = hpo.search.grid {}, space = { x = hpo.choice { 1, 2, 3, 4 } },
  scheduler = hpo.scheduler.asha { max_t = 4, reduction_factor = 2 }, concurrency = 2,
  trial = function(p) return hpo.command { run = { "sh", hpo.source "train.sh", tostring(p.x) }, params = p } end } }''')
        self.build("r.lua", "--sandbox", "on")
        inside = self.table("r.lua")
        for trial in inside["trials"]:
            for t in range(1, trial["reached"] + 1):  # the last ones have a checkpoint, which comes after their reports
                self.assertIn("isolation: room\n", self.hpo("why", "r.lua", f"s/{trial['trial']}/{t}")[0])
        shutil.rmtree(self.folder / ".hpo")
        self.build("r.lua", "--sandbox", "off")
        outside = self.table("r.lua")
        self.assertEqual([(t["reached"], t["status"]) for t in inside["trials"]], [(t["reached"], t["status"]) for t in outside["trials"]])

    def python_study(self):
        """A study whose trials say where they are; it is run by an interpreter that is loaded once."""
        self.write("secret", "")
        self.write("t.py", f"""import json, os
with open("/proc/self/status") as file:
    status = dict(line.split(":", 1) for line in file)
x, secret = json.load(open(os.environ["HPO_PARAMS"]))["x"], int(os.path.exists("{self.folder}/secret"))
for t in range(int(os.environ["HPO_FROM"]) + 1, int(os.environ["HPO_UNTIL"]) + 1):
    print(json.dumps({{"t": t, "loss": x / t, "pid": os.getpid(), "secret": secret, "rights": int(status["CapEff"], 16) & 1 << 21,
                       "tmp": len([name for name in os.listdir("/tmp") if not name.startswith("hpo-test-")]), "home": int(os.access(os.environ["HOME"], os.W_OK))}}), flush=True)
    open("/tmp/left", "w").close()
    if x == 3 and t == 1 and os.fork() == 0:
        os.setsid()
        os.execvp("sleep", ["sleep", "1000"])
open(os.environ["HPO_CHECKPOINT_OUT"] + "/c", "w").close()
""")
        self.write("r.lua", HEAD + f"""return {{ default = hpo.study {{ name = "s", metric = "loss", search = hpo.search.grid {{}}, space = {{ x = hpo.choice {{ 1, 2, 3 }} }},
  scheduler = hpo.scheduler.fifo {{ max_t = 2 }}, concurrency = 1,
  trial = function(p) return hpo.command {{ run = {{ "{sys.executable}", hpo.source "t.py" }}, params = p }} end }} }}""")

    def test_a_loaded_interpreter_forks_into_rooms(self):
        self.python_study()
        answer = self.build("r.lua", "--sandbox", "on", "-j1")
        self.assertNotIn("fresh interpreter", answer["messages"])
        for trial in self.table("r.lua")["trials"]:
            for report in trial["metrics"]:
                self.assertEqual((report["secret"], report["rights"], report["home"]), (0, 0, 1), report)
                self.assertLess(report["pid"], 10)
                self.assertEqual(report["tmp"], report["t"] - 1)  # of its own

    def test_a_card_is_shown(self):
        self.make_cards("NVIDIA L4", "NVIDIA L4")
        seen = self.x("ls nvidia dev 2> /dev/null; echo $CUDA_VISIBLE_DEVICES > x; ls -d " + str(self.folder / "nvidia/dev") + "/* >> x", "resources = { gpus = 1 }")
        self.assertEqual(seen.split(), [uuid(0), str(self.folder / "nvidia/dev/nvidia0")])

    def test_an_interrupt_and_a_limit_end_it(self):
        message = self.x("trap '' TERM; sleep 1777", "timeout = 1", status=1, timeout=60)
        self.assertIn("nothing came from it for 1 s", message)

    def test_a_failure_is_as_ever(self):
        self.assertIn("it ended with status 3", self.x("echo said; exit 3", status=1))
        self.assertIn("ended by signal 9", self.x("kill -9 $$", status=1))
        self.assertIn('no program "nowhere"', self.refused())

    def test_what_it_puts_in_the_place_of_ours(self):
        """Its log is no way out, and what is written beside it needs nobody who reads."""
        self.write("secret", "hidden words\n")
        scripts = (f"rm ../log; ln -s {self.folder}/secret ../log; exit 3", "mkfifo ../run.sh; exit 3", "truncate -s 1T ../log; exit 3")
        for mode in ("on", "off"):
            for script in scripts:
                self.write("r.lua", f'{HEAD}return {{ x = hpo.command {{ run = {{ "sh", "-c", [==[{script} # {mode}]==] }}, outputs = {{ "x" }} }} }}')
                message = self.build("r.lua", "--sandbox", mode, status=1, timeout=30)["messages"]
                self.assertIn("it ended with status 3", message)
                self.assertNotIn("hidden words", message)

    def test_who_leaves_his_group_is_ended(self):
        self.write("leave.py", """import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    time.sleep(1888)
time.sleep(0.2)
try:
    os.setpgid(0, child)
except PermissionError:
    print("refused", flush=True)
time.sleep(1888)
""")
        for mode in ("on", "off"):
            self.write("r.lua", f'{HEAD}return {{ x = hpo.command {{ run = {{ "python3", hpo.source "leave.py", "{mode}" }}, outputs = {{ "x" }}, timeout = 1 }} }}')
            message = self.build("r.lua", "--sandbox", mode, status=1, timeout=60)["messages"]
            self.assertIn("nothing came from it for 1 s", message)
            self.assertEqual("refused" in message, mode == "on")

    def test_without_descriptors_nothing_is_shown_in_silence(self):
        self.write("r.lua", HEAD + 'local t = {}\nfor i = 1, 40 do t["t" .. i] = hpo.command { run = { "sh", "-c", "ls -A / > x # " .. i }, outputs = { "x" } } end\nreturn t')
        for most in (40, 70, 100):
            done = subprocess.run(["sh", "-c", f'ulimit -n {most}; exec "{self.program}" build r.lua --sandbox on -j16'], cwd=self.folder,
                                  env=self.environment, capture_output=True, text=True)
            self.assertNotIn("does not let hpo hide", done.stderr)
            self.assertNotIn("Landlock", done.stderr)
            for path in (self.folder / "out/r").glob("t*"):
                self.assertNotIn("home", path.read_text())

    def test_strict_fails_who_asks(self):
        """Also who bears that there is no answer, in a process of its own, or by another name."""
        self.write("vocab.txt", "a\n")
        (self.folder / "link").symlink_to(self.folder / "vocab.txt")
        self.write("run.sh", "#!/bin/sh\n", 0o755)
        for asks in (f"cat {self.folder}/vocab.txt", "cat ../../../../vocab.txt", f"( cat {self.folder}/vocab.txt & wait )", f"test -e absent || cat {self.folder}/link",
                     "echo > /var/hpo-new", "mkdir /var/hpo-new", f"{self.folder}/run.sh", f"python3 -c 'open(\"{self.folder}/vocab.txt\")'"):
            message = self.strict(f"echo > x; {asks} 2> /dev/null; exit 0", status=1)
            self.assertIn("failed: x: it asked for what it does not declare (--sandbox strict)", message, asks)
            self.assertRegex(message, f"  it asked for ({self.folder}/(vocab.txt|run.sh), which is not among its inputs|/var/hpo-new to write there)")
            self.assertNotIn("again:", message)
        message = self.strict("echo > x; python3 -c 'import socket; socket.create_connection((\"192.0.2.1\", 80), 1)'; exit 0", status=1)
        self.assertIn("it asked for the network (192.0.2.1:80), and there is none in its sandbox", message)

    def test_strict_sees_who_asks_by_other_ways(self):
        self.write("vocab.txt", "a\n")
        many = f"for i in range(5000):\n  try: open('/tmp/' + str(i))\n  except OSError: pass\ntry: open('{self.folder}/vocab.txt')\nexcept OSError: pass\n"
        self.write("many.py", many)
        for asks in (f"ln -s {self.folder}/vocab.txt l; cat l", "ls /", "python3 many.py"):
            message = self.strict(f"echo > x; {asks} 2> /dev/null; exit 0", 'inputs = { ["many.py"] = hpo.source "many.py" }', status=1)
            self.assertRegex(message, f"  it asked for ({self.folder}/vocab.txt|/), which is not among its inputs")

    def test_strict_ends_a_trial_that_goes_on(self):
        self.write("vocab.txt", "a\n")
        self.write("train.sh", TRAINER.replace("done\nls", f"done\ncat {self.folder}/vocab.txt 2> /dev/null\nls").replace("  read -r", f"  cat {self.folder}/vocab.txt 2> /dev/null\n  read -r"))
        self.write("r.lua", HEAD + '''return { default = hpo.study { name = "s", metric = "loss", search = hpo.search.grid {}, space = { x = hpo.choice { 1, 2 } },
  scheduler = hpo.scheduler.asha { max_t = 4, reduction_factor = 2 }, concurrency = 2,
  trial = function(p) return hpo.command { run = { "sh", hpo.source "train.sh", tostring(p.x) }, params = p } end } }''')
        message = self.build("r.lua", "--sandbox", "strict", status=1)["messages"]
        self.assertIn(f"it asked for {self.folder}/vocab.txt, which is not among its inputs", message)

    def test_the_next_in_a_room_finds_nothing(self):
        """Keys, ports, what lies under the cover: two actions, one after the other."""
        self.write("t.py", """import ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
add_key, keyctl, USER = 248 if os.uname().machine == "x86_64" else 217, 250 if os.uname().machine == "x86_64" else 219, -4
found = libc.syscall(keyctl, 10, USER, b"user", b"mine", 0)
libc.syscall(add_key, b"user", b"mine", b"word", 4, USER)
try: os.chmod("/outside", 0o777); covered = False
except OSError: covered = True
server = socket.socket(); server.bind(("127.0.0.1", 5005)); server.listen()
client = socket.create_connection(("127.0.0.1", 5005)); peer, _ = server.accept(); peer.close(); client.close(); server.close()
print(found, covered, socket.gethostbyname(socket.gethostname()), file=open("x", "w"))
""")
        self.write("r.lua", HEAD + 'local t = {}\nfor i = 1, 3 do t["t" .. i] = hpo.command { run = { "python3", hpo.source "t.py", i }, outputs = { "x" } } end\nreturn t')
        self.build("r.lua", "--sandbox", "strict", "-j1")
        for i in range(1, 4):
            self.assertEqual(self.read(f"out/r/t{i}"), "-1 True 127.0.0.1\n")

    def test_strict_lets_others_be(self):
        self.write("vocab.txt", "a\n")
        self.strict("cat in > x; cat /etc/absent /absent/everywhere /tmp/absent; echo > /tmp/t; mkdir -p $HOME/d; python3 -c 'import json, socket, tempfile; tempfile.mkstemp()'; :",
                    'inputs = { ["in"] = hpo.source "vocab.txt" }')
        self.assertEqual(self.read("out/r/x"), "a\n")
        self.strict("python3 -c 'import socket; socket.create_connection((\"192.0.2.1\", 80), 0.1)'; echo > x", "network = true")
        self.hpo("build", "r.lua", "--sandbox", "no", status=2)

    def test_strict_ends_a_trial_where_it_asks(self):
        """What it has reported before counts; what comes behind does not."""
        self.write("vocab.txt", "a\n")
        self.write("t.sh", f"""echo '{{"t": 1, "loss": 1}}'; sleep 0.5
cat {self.folder}/vocab.txt 2> /dev/null; echo '{{"t": 2, "loss": 1}}'; echo > $HPO_CHECKPOINT_OUT/c\n""")
        self.write("r.lua", HEAD + """return { default = hpo.study { name = "s", metric = "loss", search = hpo.search.grid {}, space = { x = hpo.choice { 1 } },
  scheduler = hpo.scheduler.fifo { max_t = 2 }, trial = function(p) return hpo.command { run = { "sh", hpo.source "t.sh" }, params = p } end } }""")
        message = self.build("r.lua", "--sandbox", "strict", status=1)["messages"]
        self.assertIn(f"it asked for {self.folder}/vocab.txt", message)
        self.assertEqual(self.table("r.lua")["trials"][0]["reached"], 1)
        self.python_study()  # looks whether a file is there, and opens none
        self.build("r.lua", "--sandbox", "strict")
        self.assertEqual([t["status"] for t in self.table("r.lua")["trials"]], ["completed"] * 3)

    def test_strict_says_what_was_made_with_less(self):
        """Of actions below others too, and of units; whether the build is begun where the last ended or not."""
        self.write("train.sh", TRAINER)
        self.write("r.lua", HEAD + """local a = hpo.command { name = "a", run = { "sh", "-c", "echo > x" }, outputs = { "x" } }
return { a = a, b = hpo.command { name = "b", run = { "sh", "-c", "cat in > x" }, inputs = { ["in"] = a }, outputs = { "x" } },
  s = hpo.study { name = "s", metric = "loss", search = hpo.search.grid {}, space = { x = hpo.choice { 1, 2 } },
  scheduler = hpo.scheduler.fifo { max_t = 2 }, trial = function(p) return hpo.command { run = { "sh", hpo.source "train.sh", tostring(p.x) }, params = p } end } }""")
        said = "that it uses"
        self.assertNotIn(said, self.build("r.lua", "a", "--sandbox", "off")["messages"])
        for more in ((), ("--json",), ("--out", "other")):
            message = self.hpo("build", "r.lua", "b", "--sandbox", "strict", *more)[1]
            self.assertIn("1 result that it uses was made with less isolation (none): a; hpo why r.lua NODE says how, and --rerun NODE makes it again\n", message)
        self.assertNotIn(said, self.build("r.lua", "b", "--sandbox", "on")["messages"])
        self.refused_by("docker", "s")
        self.assertIn("4 results that it uses were made with less isolation (landlock): s/0/1, s/0/2, s/1/1, ...; ", self.hpo("build", "r.lua", "s", "--sandbox", "strict")[1])
        self.assertIn("5 results that it uses were made with less isolation (none, landlock): ", self.hpo("build", "r.lua", "b", "s", "--sandbox", "strict")[1])
        self.build("r.lua", "b", "--sandbox", "off", "--rerun", "a")  # takes nothing from it
        self.assertIn("(none): a", self.build("r.lua", "b", "--sandbox", "strict")["messages"])
        self.assertNotIn(said, self.build("r.lua", "b", "--sandbox", "strict", "--rerun", "a")["messages"])
        self.build("r.lua", "b", "--sandbox", "off", "--rerun", "a")
        self.assertNotIn(said, self.build("r.lua", "b", "--sandbox", "strict")["messages"])
        self.assertNotIn(said, self.hpo("build", "r.lua", "b", "s", "--sandbox", "strict", "--cache", "new", "--out", "new")[1])

    def test_a_checkpoint_counts_as_it_was_made(self):
        """It is of another run than the unit's reports: a longer trial passes over it, or had passed over it."""
        self.write("train.sh", """t=$((HPO_FROM + 1)); while [ $t -le $HPO_UNTIL ]; do echo "{\\"t\\": $t, \\"loss\\": 1}"; t=$((t + 1)); done
echo same > "$HPO_CHECKPOINT_OUT/state" """)
        self.write("r.lua", HEAD + """local s = hpo.study { name = "s", space = { x = hpo.choice { 1 } }, search = hpo.search.grid {}, metric = "loss",
  seed = 1, concurrency = 1, scheduler = hpo.scheduler.asha { max_t = hpo.param("max_t", 4), grace_period = 2, reduction_factor = 2 },
  trial = function(p) return hpo.command { run = { "sh", hpo.source "train.sh" } } end }
return { default = s, best = s.best.checkpoint }""")
        short = ("best", "--set", "max_t=2", "--sandbox")
        self.build("r.lua", "--sandbox", "off")
        self.build("r.lua", "--sandbox", "on", "--rerun", "s/0")
        self.assertIn("less isolation (none): s/0/2", self.build("r.lua", *short, "strict")["messages"])
        self.build("r.lua", *short, "on", "--rerun", "s/0/2")
        self.assertNotIn("less isolation", self.build("r.lua", *short, "strict")["messages"])
        self.write("r.lua", self.read("r.lua").replace("asha", "fifo").replace(", grace_period = 2, reduction_factor = 2", ""))
        self.build("r.lua", "--sandbox", "on", "--cache", "new")
        self.build("r.lua", *short, "off", "--cache", "new")
        self.assertIn("less isolation (none): s/0/2", self.build("r.lua", *short, "strict", "--cache", "new")["messages"])

    def test_strict_needs_namespaces(self):
        self.write("r.lua", HEAD + 'return { x = hpo.command { run = { "sh", "-c", "echo > x" }, outputs = { "x" } } }')
        script = f'echo 0 > /proc/sys/user/max_user_namespaces && exec "{self.program}" build r.lua --sandbox strict'
        done = subprocess.run(["unshare", "-Ur", "sh", "-c", script], cwd=self.folder, env=self.environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("--sandbox: strict needs namespaces, which the kernel refuses", done.stderr)
        self.assertFalse((self.folder / "out").exists())

    def refused(self):
        self.write("r.lua", HEAD + 'return { x = hpo.command { run = { "nowhere" }, outputs = { "x" } } }')
        return self.hpo("build", "r.lua", "--sandbox", "on", status=2)[1]

    def test_where_the_kernel_refuses(self):
        """It is said once, and the results are the same."""
        self.write("r.lua", HEAD + 'local t = {}\nfor i = 1, 3 do t["t" .. i] = hpo.command { run = { "sh", "-c", "echo " .. i .. " > x" }, outputs = { "x" } } end\nreturn t')
        script = f'echo 0 > /proc/sys/user/max_user_namespaces && exec "{self.program}" build r.lua --sandbox on --json'
        done = subprocess.run(["unshare", "-Ur", "sh", "-c", script], cwd=self.folder, env=self.environment, capture_output=True, text=True)
        self.assertEqual((done.returncode, json.loads(done.stdout)["ran"]), (0, 3), done.stderr)
        self.assertEqual(done.stderr.count("files are hidden from actions by Landlock"), 1, done.stderr)
        self.assertIn("the kernel refuses namespaces (cannot have namespaces of its own: No space left on device)", done.stderr)
        self.assertEqual(self.build("r.lua", "--sandbox", "on")["ran"], 0)
        self.python_study()
        done = subprocess.run(["unshare", "-Ur", "sh", "-c", script.replace("--json", "")], cwd=self.folder, env=self.environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 1, done.stderr)  # it may not look into /tmp
        self.assertIn("Permission denied: '/tmp'", done.stderr)
        self.assertNotIn("fresh interpreter", done.stderr)

    def test_in_a_container(self):
        self.write("undeclared", "secret\n")
        script = f'cat {self.folder}/undeclared > x 2> /dev/null || echo hidden > x'
        self.write("r.lua", f'{HEAD}local t = {{}} for i = 1, 3 do t["t" .. i] = hpo.command {{ run = {{ "sh", "-c", "{script} #" .. i }}, outputs = {{ "x" }} }} end return t')
        refusal = "(cannot have namespaces of its own: Operation not permitted)"
        for calls, said, seen, isolation in (("docker", f"files are hidden from actions by Landlock, and the network is not: the kernel refuses namespaces {refusal}", "hidden", "landlock"),
                                             ("unshare,landlock_create_ruleset", f"actions see all files of this machine: the kernel does not let hpo hide them {refusal}", "secret", "none")):
            shutil.rmtree(self.folder / ".hpo", ignore_errors=True)
            self.assertEqual(self.refused_by(calls).count(said), 1)
            self.assertEqual(self.read("out/r/t3"), seen + "\n")
            self.assertIn(f"isolation: {isolation}\n", self.hpo("why", "r.lua", "t3")[0])
            self.assertIn("--sandbox: strict needs namespaces, which the kernel refuses", self.refused_by(calls, "--sandbox", "strict", "--rerun", "t1", status=2))

    def test_where_nobody_may_watch(self):
        """Then a failure is told by its log, and strict is refused."""
        for calls in ("seccomp", "pidfd_getfd"):
            self.write("r.lua", f'{HEAD}return {{ x = hpo.command {{ run = {{ "sh", "-c", "cat {self.folder}/r.lua 2> /dev/null || exit 3 # {calls}" }}, outputs = {{ "x" }} }} }}')
            message = self.refused_by(calls, status=1)
            self.assertIn("failed: x: it ended with status 3", message)
            self.assertNotIn("it asked for", message)
            self.assertIn("sh: cannot watch it: Operation not permitted", self.refused_by(calls, "--sandbox", "strict", status=1))

    def test_landlock_hides_files(self):
        self.write("undeclared", "secret\n")
        self.write("r.lua", HEAD + f"""return {{ x = hpo.command {{ run = {{ "sh", "-c", [==[cat in > x; cat {self.folder}/undeclared >> x 2>&1; echo > {self.folder}/new; mv x x2; mv x2 x; mkdir d; echo y > d/y; rm -r d; :]==] }},
          inputs = {{ ["in"] = hpo.text "declared\\n" }}, outputs = {{ "x" }} }} }}""")
        script = f'echo 0 > /proc/sys/user/max_user_namespaces && exec "{self.program}" build r.lua --sandbox on'
        done = subprocess.run(["unshare", "-Ur", "sh", "-c", script], cwd=self.folder, env=self.environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.read("out/r/x").splitlines(), ["declared", f"cat: {self.folder}/undeclared: Permission denied"])
        self.assertFalse((self.folder / "new").exists())

    def test_landlock_hides_no_more(self):
        """What it holds back, and what it does not: as docs/sandbox.md has it."""
        version = ctypes.CDLL(None, use_errno=True).syscall(444, None, 0, 1)
        other = subprocess.Popen(["sleep", "1000"])
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        place = pathlib.Path("/dev/shm") / f"hpo-test-{os.getpid()}"
        self.addCleanup(lambda: place.unlink(missing_ok=True))
        self.write("theirs", "whole\n")
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(f"\0{place}")
        server.listen()
        named = socket.socket(socket.AF_UNIX)
        self.addCleanup(named.close)
        named.bind(str(self.folder / "socket"))
        named.listen()
        self.write("t.py", f"""import multiprocessing, os, pathlib, signal, socket
theirs, place = pathlib.Path("{self.folder}/theirs"), pathlib.Path("{place}")
def fails(act, *arguments):
    try: act(*arguments)
    except OSError: return "refused"
    return "done"
def square(x): return x * x
if __name__ == "__main__":
    said = [fails(theirs.read_text), fails(theirs.write_text, "changed"), fails(theirs.unlink), fails(theirs.rename, theirs.with_name("moved")), fails(os.listdir, theirs.parent),
            fails(os.truncate, theirs, 1) if {version} >= 3 else "refused"]
    print(*said, file=open("held", "w"))
    print(fails(os.kill, {other.pid}, 0), fails(os.kill, {other.pid}, signal.SIGTERM), fails(socket.socket(socket.AF_UNIX).connect, "\\0{place}"), file=open("scopes", "w"))
    print(fails(theirs.chmod, 0o600), fails(os.utime, theirs, (1, 1)), fails(theirs.stat), fails(place.write_text, "left"), os.path.exists("/proc/{other.pid}"),
          fails(socket.socket(socket.AF_UNIX).connect, "{self.folder}/socket"), multiprocessing.Pool(2).map(square, [3]), file=open("free", "w"))
""")
        self.write("r.lua", HEAD + 'return { x = hpo.command { run = { "python3", hpo.source "t.py" }, outputs = { "held", "scopes", "free" } } }')
        self.assertIn("hidden from actions by Landlock", self.refused_by("docker"))
        self.assertEqual(self.read("out/r/x/held").split(), ["refused"] * 6)
        if version >= 6:
            self.assertEqual(self.read("out/r/x/scopes").split(), ["refused"] * 3)
            self.assertIsNone(other.poll())
        self.assertEqual(self.read("out/r/x/free"), "done done done done True done [9]\n")
        self.assertEqual(((self.folder / "theirs").read_text(), int((self.folder / "theirs").stat().st_mtime)), ("whole\n", 1))
        self.assertEqual(place.read_text(), "left")  # it stays

    def test_as_an_ordinary_user(self):
        if os.geteuid() != 0:
            self.skipTest("this is one")
        self.write("r.lua", HEAD + 'return { x = hpo.command { run = { "sh", "-c", "id -u > x; ls / >> x" }, outputs = { "x" } } }')
        program = self.folder / "bin"
        shutil.copytree(self.program.parent, program, symlinks=True)
        shutil.copytree(self.program.parent.parent / "share", self.folder / "share")
        self.folder.chmod(0o777)
        done = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program / "hpo", "build", "r.lua", "--sandbox", "on",
                               "--json"], cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("does not let hpo hide", done.stderr)
        self.assertEqual(json.loads(done.stdout)["ran"], 1)
        self.assertEqual(self.read("out/r/x").split()[0], "65534")
        if not os.access(sys.executable, os.X_OK) or str(pathlib.Path(sys.executable).resolve()).startswith("/root"):
            return
        self.python_study()
        done = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program / "hpo", "build", "r.lua", "--sandbox", "on"],
                              cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("fresh interpreter", done.stderr)


if __name__ == "__main__":
    unittest.main()
