"""The command line: help of every command from one table, flags where they mean something and nowhere else, the nearest
name of one that is not known, and whoever stops reading."""
import os
import re
import signal
import subprocess
import unittest

from case import ROOT, Case

RECIPE = 'local hpo = require "hpo"\nreturn { x = hpo.command { name = "x", run = { "sh", "-c", "echo hi; echo 1 > y" }, outputs = { "y" } } }\n'
AS_BUILD = ("table", "why", "graph", "log", "watch", "audit")


class CommandLine(Case):
    def setUp(self):
        super().setUp()
        self.write("r.lua", RECIPE)

    def commands(self):
        """Every command that the help lists, with the words that follow it."""
        found = re.findall(r"^  hpo ((?:cache )?[a-z]+) +([A-Z\[][^ ]*(?: [A-Z\[][^ ]*)*)?", self.hpo("--help")[0], re.M)
        self.assertGreater(len(found), 10)
        return [(name.split(), words) for name, words in found]

    def flags(self, command):
        """The flags on the help page of a command: name → what follows it."""
        page = self.hpo(*command, "--help")[0]
        return dict(re.findall(r"^  (--?[a-z-]+) ([^ ]*)", page, re.M))

    def refused(self, *arguments):
        out, err = self.hpo(*arguments, status=2)
        self.assertEqual(out, "")
        return err

    def test_help_of_each_command(self):
        for command, words in self.commands():
            pages = [self.hpo(*arguments) for arguments in ((*command, "--help"), (*command, "-h"), ("help", *command))]
            self.assertEqual(pages[0], pages[1])
            self.assertEqual(pages[0], pages[2])
            self.assertEqual(pages[0][1], "")
            self.assertTrue(pages[0][0].startswith(f"usage: hpo {' '.join([*command, words]).strip()} [FLAG...]\n"), pages[0][0])
            self.assertIn("--help", self.flags(command))

    def test_help_of_all(self):
        pages = [self.hpo(*arguments)[0] for arguments in ((), ("--help",), ("-h",), ("help",))]
        self.assertEqual(len(set(pages)), 1)
        self.assertEqual(self.hpo("--version")[0], "hpo 0.1.0\n")
        cache = self.hpo("cache", "--help")[0]
        self.assertIn("hpo cache gc", cache)
        self.assertNotIn("hpo build", cache)
        self.assertEqual(self.hpo("help", "cache")[0], cache)

    def test_help_comes_before_what_lacks(self):
        self.assertIn("usage: hpo why", self.hpo("why", "--cache", "nowhere", "--help")[0])
        self.assertIn("there is no such flag", self.refused("why", "--nonsense", "--help"))

    def test_a_flag_is_refused_where_it_means_nothing(self):
        of = {tuple(command): self.flags(command) for command, _ in self.commands()}
        every = {name: argument for flags in of.values() for name, argument in flags.items()}
        build = of["build",]
        for command, flags in of.items():
            accepted = {**flags, **(build if command[0] in AS_BUILD else {})}
            for name in set(every) - set(accepted):
                value = ["1"] if every[name] else []
                message = self.refused(*command, name, *value)
                self.assertTrue(message.startswith(f"hpo: {name}: hpo {' '.join(command)} has no use for it"), message)
                for other, others in of.items():  # it says where it belongs
                    said = re.search(rf"\bhpo {' '.join(other)}(,|$)", message.split("it is a flag of", 1)[1], re.M)
                    self.assertEqual(bool(said), name in others, (other, message))

    def test_one_command_line_serves_for_build_and_for_what_asks_about_it(self):
        line = ["--set", "n=1", "-j2", "--waiting", "3", "--gpus", "auto", "--gpu-identity", "card.json", "--out", "o", "--cache", "store", "--mirror", "a=b",
                "--dry-run", "--keep-going", "--keep-failed", "--retry-failed", "--cached-only", "--rerun", "x", "--update",
                "--rehash", "--sandbox", "on", "--system", "/", "-v", "--json"]
        self.write("card.json", '{"class": "sm_90"}')
        self.assertEqual({word for word in line if word.startswith("-")} - {"-j2"} | {"-j", "--help"}, set(self.flags(["build"])))
        self.build("r.lua", "--cache", "store")
        line.remove("--set"), line.remove("n=1")  # the recipe has no parameter
        self.assertEqual(self.hpo("log", "r.lua", "x", *line)[0], "hi\n")
        self.assertIn("made in run 1", self.hpo("why", "r.lua", "x", *line)[0])
        self.assertIn('"name": "x"', self.hpo("graph", "r.lua", *line)[0])
        self.assertIn("has a study", self.refused("table", "r.lua", *line))

    def test_a_message_names_the_flag_as_it_was_typed(self):
        for typed, message in [(["-j", "0"], "-j: expected a whole number from 1"), (["-j0"], "-j0: expected a whole number from 1"),
                               (["-j=0"], "-j: expected"), (["-jx"], "-jx: there is no such flag"), (["--set=n"], "--set: expected NAME=VALUE"),
                               (["--out="], "--out: expected DIR, found an empty text"), (["--out"], "--out: expected DIR after it, found nothing"),
                               (["--dry-run=1"], '--dry-run: expected no value, found "1"'), (["--gpus", "0,x"], "--gpus: expected numbers"),
                               (["--mirror", "x"], "expected FROM=TO"), (["--sandbox", "of"], "--sandbox: expected off, on or strict")]:
            self.assertIn(f"hpo: {message}" if message[0] == "-" else message, self.refused("build", "r.lua", *typed))
        self.assertIn("--format: expected dot, json or text", self.refused("graph", "r.lua", "--format", "svg"))
        for value in ("-1", "x", "inf"):
            self.assertIn("--max-gb: expected a number", self.refused("cache", "gc", "--max-gb", value))

    def test_the_nearest_name(self):
        for typed, meant in [(["buld"], "hpo build"), (["build", "r.lua", "--dryrun"], "--dry-run"), (["build", "r.lua", "-json"], "--json"),
                             (["table", "r.lua", "--cv"], "--csv"), (["cache", "gc", "--max-day=3"], "--max-days")]:
            self.assertIn(f"did you mean {meant}?", self.refused(*typed))
        self.assertNotIn("did you mean", self.refused("build", "r.lua", "--everything"))
        self.assertNotIn("did you mean", self.refused("everything"))
        for typed, found in [(["cache"], "nothing"), (["cache", "sta"], '"sta"')]:
            self.assertIn(f"cache: expected stat, verify or gc after it, found {found}", self.refused(*typed))

    def test_too_few_words_and_too_many(self):
        self.assertIn("build: expected a recipe\n  usage: hpo build RECIPE [TARGET...]", self.refused("build"))
        self.assertIn("why: expected one word more after the recipe\n  usage: hpo why RECIPE NODE", self.refused("why", "r.lua"))
        self.assertIn('log: "y" is one word too many', self.refused("log", "r.lua", "x", "y"))
        self.assertIn('table: "y" is one word too many', self.refused("table", "r.lua", "x", "y"))
        self.assertIn('runs: "x" is one word too many', self.refused("runs", "x"))
        self.assertIn('cache stat: "x" is one word too many', self.refused("cache", "stat", "x"))

    def test_words_behind_two_dashes_are_no_flags(self):
        refused = self.refused("build", "r.lua", "--", "--json")
        self.assertIn('there is no target "--json"\n  there are: ', refused)

    def test_the_last_of_equal_flags_counts(self):
        self.hpo("build", "r.lua", "--out", "a", "--out", "b")
        self.assertEqual(self.read("b/r/x"), "1\n")
        self.assertFalse((self.folder / "a").exists())

    def test_who_stops_reading_ends_the_command_without_a_word(self):
        self.write("r.lua", RECIPE.replace("echo hi", "seq 200000"))
        self.hpo("build", "r.lua")
        log = self.start("log", "r.lua", "x")
        self.assertEqual(log.stdout.readline(), "1\n")
        log.stdout.close()
        self.assertEqual(log.stderr.read(), "")
        self.assertEqual(log.wait(timeout=60), -signal.SIGPIPE)
        log.stderr.close()

    def test_a_build_whose_table_nobody_reads_has_not_failed(self):
        self.write("r.lua", """local hpo = require "hpo"
local s = hpo.study { name = "s", space = { x = hpo.choice { 1, 2 } }, search = hpo.search.grid(), metric = "loss",
  scheduler = hpo.scheduler.fifo { max_t = 1 }, trial = function() return hpo.command { run = { "sh", "-c", [[echo '{"t": 1, "loss": 1}']] } } end }
return { default = hpo.compare { s } }""")
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([str(self.program), "build", "r.lua"], cwd=self.folder, env=self.environment, stdout=write, stderr=subprocess.PIPE, timeout=60)
        os.close(write)
        self.assertEqual(done.returncode, -signal.SIGPIPE)
        self.assertIn(" interrupted ", self.hpo("runs")[0])
        self.assertEqual(self.build("r.lua")["units_trained"], 0)

    def test_nor_is_anything_said_where_nobody_reads_at_all(self):
        self.write("r.lua", RECIPE)
        self.hpo("build", "r.lua")
        self.hpo("build", "r.lua")
        for command in ("build r.lua --dry-run", "build r.lua --json", "why r.lua x", "graph r.lua", "log r.lua x", "runs", "diff 1 2", "cache stat", "--help"):
            read, write = os.pipe()
            os.close(read)
            done = subprocess.run([str(self.program), *command.split()], cwd=self.folder, env=self.environment, stdout=write,
                                  stderr=subprocess.PIPE, text=True, timeout=60)
            os.close(write)
            self.assertEqual((done.returncode, "Broken pipe" in done.stderr), (-signal.SIGPIPE, False), command)

    def test_a_limit_on_the_size_of_files_is_said(self):
        self.write("r.lua", RECIPE.replace("echo hi", "seq 500000"))
        self.hpo("build", "r.lua")
        done = subprocess.run(["sh", "-c", f'ulimit -f 2000; exec "{self.program}" log r.lua x > big'], cwd=self.folder,
                              env=self.environment, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("standard output: cannot write: File too large\n  a limit on the size of files is set: \"ulimit -f\"", done.stderr)

    def test_a_limit_on_the_size_of_files_ends_an_action_as_ever(self):
        """What hpo does about the signal is not handed down."""
        self.write("r.lua", RECIPE.replace("echo 1 > y", "ulimit -f 1; head -c 10000 /dev/zero > y"))
        self.assertIn("signal 25", self.hpo("build", "r.lua", status=1)[1])

    def test_every_command_that_the_documents_show_is_one(self):
        shown = []
        for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "recipes").glob("**/*.lua"))]:
            shown += re.findall(r"^(?:    (?:\$ )?|--   )(hpo [a-z].*)$", path.read_text(), re.M)
        self.assertGreater(len(shown), 25)
        for line in shown:
            line = re.split(r"\s{2,}| #", line)[0].replace('"$1"', "1")
            done = subprocess.run(["sh", "-c", f'hpo() {{ "{self.program}" "$@" --help; }}; {line}'], cwd=self.folder,
                                  env=self.environment, capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, f"{line}\n{done.stderr}")
            self.assertTrue(done.stdout.startswith("usage: hpo "), f"{line}\n{done.stdout}")


if __name__ == "__main__":
    unittest.main()
