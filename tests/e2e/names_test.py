"""Names that anybody chose cannot command a terminal: of branches, recipes, nodes, targets, parameters, in messages, tables
and logs. Bytes that a program reads stay what they are."""
import http.server
import json
import os
import pty
import subprocess
import threading
import unittest

from case import Case

TITLE = "\x1b]0;owned\x07"  # sets a terminal's title
SHOWN = "\\u001B]0;owned\\u0007"
OBEYED = [*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]


class Branches(http.server.BaseHTTPRequestHandler):
    """A server of git with one branch, whose name sets a title."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        line = b"1" * 40 + b" refs/heads/" + TITLE.encode() + b"\0 side-band-64k\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
        self.end_headers()
        self.wfile.write(b"001e# service=git-upload-pack\n0000" + b"%04x" % (len(line) + 4) + line + b"0000")


class Names(Case):
    def harmless(self, *arguments, status=0):
        """Both outputs of a command, in which nothing is that a terminal obeys."""
        out, err = self.hpo(*arguments, status=status)
        found = [hex(ord(c)) for c in out + err if ord(c) in OBEYED and c not in "\n\t"]
        self.assertEqual(found, [], out + err)
        return out + err

    def recipe(self, text, name="r.lua"):
        self.write(name, 'local hpo = require "hpo"\n' + text)

    def test_a_branch(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Branches)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.recipe(f'return {{ x = hpo.clone {{ url = "http://127.0.0.1:{server.server_port}/r", rev = "main" }} }}')
        self.assertIn(SHOWN, self.harmless("build", "r.lua", status=2))

    def test_a_recipe_a_target_and_a_parameter(self):
        self.recipe("return { x = hpo.nothing }", f"{TITLE}.lua")
        self.assertIn(SHOWN, self.harmless("build", f"{TITLE}.lua", status=2))
        self.assertIn(SHOWN, self.harmless("build", "absent" + TITLE, status=2))
        self.recipe('return { x = hpo.text(hpo.param("n", "1")) }')
        self.assertIn(SHOWN, self.harmless("build", "r.lua", TITLE, status=2))
        self.assertIn(SHOWN, self.harmless("build", "r.lua", "--set", f"{TITLE}=1", status=2))
        self.assertIn(SHOWN, self.harmless("build", "r.lua", f"--{TITLE}", status=2))
        self.assertIn(SHOWN, self.harmless(TITLE, status=2))
        self.harmless("build", "r.lua", "--set", f"n={TITLE}")
        self.assertIn(SHOWN, self.harmless("runs").replace("\\u001b", "\\u001B"))
        self.assertEqual(json.loads(self.hpo("runs", "--json")[0])["runs"][0]["set"], {"n": TITLE})

    def test_a_node(self):
        for name, shown in ((TITLE, SHOWN), ("\u202egnp", "\\u202Egnp"), ("a\x9b2J", "a\\u009B2J"), ("a\u2066b\x7f", "a\\u2066b\\u007F")):
            lua = "".join(f"\\u{{{ord(c):x}}}" for c in name)
            self.recipe(f'return {{ x = hpo.command {{ name = "{lua}", run = {{ "sh", "-c", "echo $NAME > y; exit $STATUS" }}, '
                        f'outputs = {{ "y" }}, env = {{ NAME = "{sum(map(ord, name))}", STATUS = tostring(hpo.param("status", 0)) }} }} }}')
            for command in (("build", "r.lua", "-v"), ("why", "r.lua", name), ("graph", "r.lua"), ("build", "r.lua", "--rerun", name, "-v")):
                self.assertIn(shown, self.harmless(*command))
            self.assertIn(shown, self.harmless("build", "r.lua", "--set", "status=3", status=1))
            nodes = json.loads(self.hpo("graph", "r.lua", "--json")[0])["nodes"]
            self.assertIn(name, [node["name"] for node in nodes])

    def test_a_name_that_is_not_text(self):
        done = subprocess.run([self.program, "build", b"\xff\x9b2J.lua"], cwd=self.folder, env=self.environment, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertTrue(done.stderr.startswith(b"hpo: \\xFF\\x9B2J.lua: "), done.stderr)

    def test_a_log(self):
        self.recipe(r'return { x = hpo.command { name = "x", run = { "sh", "-c", "printf \"\\033[1mhi\\t\\377\\n\"; echo 1 > y; exit $S" }, '
                    'outputs = { "y" }, env = { S = tostring(hpo.param("s", 0)) } } }')
        self.hpo("build", "r.lua")
        raw = subprocess.run([self.program, "log", "r.lua", "x"], cwd=self.folder, env=self.environment, capture_output=True, timeout=60)
        self.assertEqual(raw.stdout, b"\x1b[1mhi\t\xff\n")
        self.assertEqual(self.on_a_terminal("log", "r.lua", "x"), "\\u001B[1mhi\t\\xFF\r\n")
        self.assertIn("\\u001B[1mhi\t\\xFF\n", self.harmless("build", "r.lua", "--set", "s=3", status=1))

    def test_a_table(self):
        self.recipe('''
return { s = hpo.study { name = "s", space = { x = hpo.choice { "\\27[2J" } }, search = hpo.search.grid {}, metric = "loss",
  scheduler = hpo.scheduler.fifo { max_t = 1 },
  trial = function(p) return hpo.command { run = { "sh", "-c", "echo '{\\"t\\": 1, \\"loss\\": 1}'" }, params = p } end } }''')
        self.hpo("build", "r.lua")
        self.assertIn("\\u001B[2J", self.harmless("table", "r.lua"))
        self.assertEqual(self.table("r.lua")["trials"][0]["params"]["x"], "\x1b[2J")
        self.assertIn("\x1b[2J", self.hpo("table", "r.lua", "--csv")[0])
        self.assertNotIn("\x1b[2J", self.on_a_terminal("table", "r.lua", "--csv"))

    def on_a_terminal(self, *arguments):
        """What a terminal would be told on standard output."""
        master, slave = pty.openpty()
        child = subprocess.Popen([self.program, *arguments], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=slave)
        os.close(slave)
        seen = b""
        while True:
            try:
                some = os.read(master, 65536)
            except OSError:  # the other end is closed
                break
            if not some:
                break
            seen += some
        os.close(master)
        self.assertEqual(child.wait(timeout=60), 0)
        return seen.decode()


if __name__ == "__main__":
    unittest.main()
