"""What a failed action is told of what it asked for: as its log has it, or as it is seen when it is watched."""
import unittest

from sandbox_case import HEAD, SandboxCase


class Missed(SandboxCase):
    def test_what_it_missed_is_told(self):
        self.write("vocab.txt", "a\n")
        told = f'it asked for {self.folder}/vocab.txt, which is not among its inputs: add hpo.source "{self.folder}/vocab.txt"'
        message = self.x(f"python3 -c 'open(\"{self.folder}/vocab.txt\")'", status=1)
        self.assertEqual(message.count(told), 1, message)
        self.assertNotIn("watched", message)  # its log says it
        message = self.x("cat /absent/everywhere; cat /etc/absent; exit 1", status=1)
        self.assertNotIn("asked for", message)
        message = self.x("""python3 -c 'import socket; socket.create_connection(("192.0.2.1", 80), 1)'""", status=1)
        self.assertIn("it asked for the network, and there is none in its sandbox", message)
        self.assertIn(told, self.hpo("why", "r.lua", "x")[0] + self.x(f"cat {self.folder}/vocab.txt", status=1))

    def test_names_beside_the_recipe_are_told(self):
        """As the words of python, cat, sh and others name them, and nothing else that is there."""
        for name in ("data.csv", "my data.csv", "data/words", "script.py", "known", "x"):
            self.write(name, "")
        told = 'it asked for {0}, which lies beside the recipe and is not among its inputs: add hpo.source "{0}"'
        for script, name in (("python3 -c 'open(\"data.csv\")'", "data.csv"), ("python3 -c 'open(\"my data.csv\")'", "my data.csv"), ("python3 -c 'open(\"./data/words\")'", "data/words"),
                             ("python3 script.py", "script.py"), ("cat data.csv", "data.csv"), ("cat 'my data.csv'", "my data.csv"), ("read x < data.csv", "data.csv"), ("ls data", "data"),
                             ("echo \"I can't: Error: ENOENT: no such file or directory, open 'data.csv'\"; exit 1", "data.csv"),
                             ("echo 'FileNotFoundException: data.csv (No such file or directory)'; exit 1", "data.csv")):
            message = self.x(script, status=1)
            self.assertEqual((message.count(told.format(name)), message.count("it asked for")), (1, 1), message)
            self.assertNotIn("watched", message)
        self.assertIn(told.format("data.csv"), self.x("cat data.csv #", arguments=["--sandbox", "off"], status=1))
        for script in ("echo data: No such thing; cat absent; exit 1", "cat x; echo 'data.csv is read'; exit 1", "rm known; cat known", "echo 'data: absent: No such file'; exit 1"):
            self.assertNotIn("it asked for", self.x(script, 'inputs = { known = hpo.source "known" }', status=1))

    def test_what_is_there_by_another_name_is_told(self):
        self.write("data/words", "")
        (self.folder / "link").symlink_to(self.folder / "data")
        for path, source, name in (("data/words", "data/words", "words"), ("link/words", "data/words", "words"), ("data/words", "data", "words/words"), ("data", "link", "words")):
            inputs = f'inputs = {{ words = hpo.source "{source}" }}'
            told = f"it asked for {self.folder}/{path}, which is among its inputs as {name}: it has to open it by that name\n"
            self.assertIn(told, self.x(f"ls {self.folder}/{path}", inputs, status=1))
        self.assertIn(f"it asked for {self.folder}/data/words, which is among its inputs as words:", self.strict(f"cat {self.folder}/link/words", 'inputs = { words = hpo.source "data/words" }', status=1))

    def test_who_writes_elsewhere_is_told_so(self):
        for script, path in (("python3 -c 'import os; os.makedirs(\"/srv/hpo/new\")'", "/srv"), ("mkdir -p /srv/hpo/new", "/srv"), ("touch /srv/hpo", "/srv/hpo"), ("echo > /hpo-new", "/hpo-new"),
                             ("python3 -c 'open(\"/srv/hpo\", \"w\")'", "/srv/hpo")):
            message = self.x(script, status=1)
            self.assertIn(f"  it asked for {path} to write there, which is not in its folder: what it leaves has to be among its outputs, hpo.output\n", message)
            self.assertNotIn("hpo.source", message)
        for script, path in (("echo > /etc/hpo", "/etc/hpo"), ("touch /usr/lib/hpo", "/usr/lib/hpo"), ("python3 -c 'open(\"/etc/hpo\", \"w\")'", "/etc/hpo")):
            message = self.x(script, status=1)
            self.assertIn(f"  it asked for {path} to write there, and the system is read-only in a sandbox: what it writes has to be in its folder, or in /tmp\n", message)
            self.assertNotIn("watched", message)

    def test_words_that_name_what_is_hidden_are_enough(self):
        self.write("my data/words", "")
        for words, path in ((f"no such dataset: {self.folder}/my", None), (f"no such dataset: {self.folder}/r.lua.", "r.lua"), (f"give me '{self.folder}/my data'", "my data")):
            message = self.x(f'echo "{words}"; exit 1', status=1)
            if path:
                self.assertIn(f'  it asked for {self.folder}/{path}, which is not among its inputs: add hpo.source "{self.folder}/{path}"\n', message)
            else:
                self.assertNotIn("it asked for", message)

    def test_failures_have_no_empty_lines(self):
        self.write("data.csv", "")
        self.x("cat data.csv", status=1)
        self.assertRegex(self.hpo("why", "r.lua", "x")[0], r'status 1\n  it asked for data.csv, .* "data.csv"\n  its first key')
        self.assertNotIn("\n\n", self.hpo("build", "r.lua", "--dry-run")[0])
        self.write("r.lua", HEAD + """return { default = hpo.study { name = "s", metric = "loss", search = hpo.search.grid {}, space = { x = hpo.choice { 1 } },
  scheduler = hpo.scheduler.fifo { max_t = 2 }, trial = function(p) return hpo.command { run = { "cat", "data.csv" }, params = p } end } }""")
        self.build("r.lua", status=1)
        self.assertRegex(self.hpo("why", "r.lua", "s/0")[0], r'status 1; a build tries it again\n  it asked for data.csv, .* "data.csv"\n')

    def test_what_it_missed_in_silence_is_told(self):
        """It is run once more to see it, and never where it must not be."""
        self.write("vocab.txt", "a\n")
        silent = "cat ../../../../vocab.txt 2> /dev/null > x || exit 3"
        message = self.x(silent, status=1)
        self.assertIn("again: x: it ended with status 3; it is watched now, to see what it asks for", message)
        self.assertIn(f"it asked for {self.folder}/vocab.txt, which is not among its inputs", message)
        self.assertIn(f"it asked for {self.folder}/vocab.txt", self.hpo("why", "r.lua", "x")[0])
        self.assertNotIn("watched", self.x(silent, "network = true", status=1))
        self.assertNotIn("watched", self.x(silent, arguments=["--sandbox", "off", "--cache", "other"], status=0))
        self.assertEqual(self.x(silent + " #", "retries = 2", status=1).count("again:"), 3)
        self.write("t.sh", "echo '{\"t\": 1, \"loss\": 1}'; cat ../../../../vocab.txt 2> /dev/null || exit 3\n")
        self.write("r.lua", HEAD + """return { default = hpo.study { name = "s", metric = "loss", search = hpo.search.grid {}, space = { x = hpo.choice { 1, 2, 3, 4, 5 } },
  scheduler = hpo.scheduler.fifo { max_t = 2 }, on_failure = "prune", trial = function(p) return hpo.command { run = { "sh", hpo.source "t.sh" }, params = p } end } }""")
        message = self.build("r.lua", "-j1")["messages"]
        self.assertEqual((message.count("watched now"), message.count("it asked for")), (3, 3), message)  # they will do


if __name__ == "__main__":
    unittest.main()
