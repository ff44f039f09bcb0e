"""A store of version 1 or 2 is upgraded in place by the first program that opens it; what it knows stays known."""
import shutil
import sqlite3
import unittest

from case import Case, without_measured

# The tables of version 1, as its programs made them.
OLD = """
CREATE TABLE small(digest BLOB PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
CREATE TABLE blob_stat(digest BLOB PRIMARY KEY, ino INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE result(key BLOB PRIMARY KEY, kind TEXT NOT NULL, name TEXT, tree BLOB, bytes INTEGER NOT NULL, reports TEXT, log BLOB,
  seconds REAL NOT NULL, run INTEGER NOT NULL, kept INTEGER NOT NULL, marked INTEGER NOT NULL, used_day INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX result_tree ON result(tree) WHERE kept;
CREATE INDEX result_unit ON result(key) WHERE kept AND kind = 'unit';
CREATE TABLE detail(key BLOB PRIMARY KEY, description TEXT NOT NULL, info TEXT) STRICT;
CREATE TABLE other_result(id INTEGER PRIMARY KEY, key BLOB NOT NULL, tree BLOB, bytes INTEGER NOT NULL, reports TEXT, log BLOB,
  seconds REAL NOT NULL, run INTEGER NOT NULL, kept INTEGER NOT NULL) STRICT;
CREATE INDEX other_result_key ON other_result(key);
CREATE INDEX other_result_tree ON other_result(tree) WHERE kept;
CREATE TABLE needs(owner BLOB NOT NULL, blob BLOB NOT NULL, PRIMARY KEY(owner, blob)) STRICT, WITHOUT ROWID;
CREATE INDEX needs_blob ON needs(blob);
CREATE TABLE want(owner TEXT NOT NULL, key BLOB NOT NULL, PRIMARY KEY(owner, key)) STRICT, WITHOUT ROWID;
CREATE INDEX want_key ON want(key);
CREATE TABLE stat(path TEXT PRIMARY KEY, dev INTEGER NOT NULL, ino INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
  ctime_ns INTEGER NOT NULL, hashed_day INTEGER NOT NULL, digest BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE run(id INTEGER PRIMARY KEY AUTOINCREMENT, recipe TEXT NOT NULL, arguments TEXT NOT NULL, started INTEGER NOT NULL, seconds REAL,
  ran INTEGER, cached INTEGER, failed INTEGER, status TEXT) STRICT;
CREATE INDEX run_recipe ON run(recipe);
CREATE TABLE node(recipe TEXT NOT NULL, name TEXT NOT NULL, run INTEGER NOT NULL, key BLOB NOT NULL, PRIMARY KEY(recipe, name, run)) STRICT, WITHOUT ROWID;
CREATE TABLE journal(key BLOB PRIMARY KEY, answer TEXT NOT NULL, day INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE study_table(recipe TEXT NOT NULL, arguments TEXT NOT NULL, study TEXT NOT NULL, run INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY(recipe, arguments, study)) STRICT;
CREATE TABLE snapshot(name BLOB PRIMARY KEY, digest BLOB NOT NULL, run INTEGER NOT NULL, day INTEGER NOT NULL, revision INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE revision(number INTEGER NOT NULL) STRICT;
INSERT INTO revision VALUES(0);
CREATE TABLE failure(key BLOB PRIMARY KEY, run INTEGER NOT NULL, name TEXT, folder TEXT, log BLOB, text TEXT NOT NULL, day INTEGER NOT NULL) STRICT;
"""
COPIES = {  # table and columns then, table and columns now
    "small(digest, bytes)": "digest, bytes FROM inline_blob",
    "result(key, kind, name, tree, bytes, reports, log, seconds, run, kept, marked, used_day)":
        "key, kind, name, tree, bytes, reports, log, seconds, run, kept, marked, used_day FROM result",
    "detail(key, description, info)": "key, description, info FROM detail",
    "needs(owner, blob)": "owner, blob FROM needs",
    "want(owner, key)": "owner, key FROM root",
    "stat(path, dev, ino, size, mtime_ns, ctime_ns, digest, hashed_day)": "path, dev, ino, size, mtime_ns, ctime_ns, content, hashed_day FROM stat",
    "run(id, recipe, arguments, started, seconds, ran, cached, failed, status)":
        "id, recipe, arguments, started, seconds, ran, cached, failed, status FROM run",
    "node(recipe, name, run, key)": "recipe, name, run, key FROM node",
    "journal(key, answer, day)": "key, answer, day FROM journal",
    "study_table(recipe, arguments, study, run, body)": "recipe, arguments, study, run, body FROM study_table",
    "failure(key, run, name, folder, log, text, day)": "key, run, name, folder, log, text, day FROM failure",
}
RECIPE = '''local hpo = require "hpo"
return { s = hpo.study { name = "s", space = { x = hpo.choice { 1, 2 } }, search = hpo.search.grid {}, metric = "loss", scheduler = hpo.scheduler.fifo { max_t = 2 },
  trial = function(p) return hpo.command { run = { "sh", hpo.source "train.sh" } } end },
  big = hpo.command { run = { "sh", "-c", "head -c 20000 /dev/zero > big" }, outputs = { "big" } } }
'''
TRAINER = '''t=$((HPO_FROM + 1)); while [ $t -le $HPO_UNTIL ]; do echo "{\\"t\\": $t, \\"loss\\": 0.$t}"; t=$((t + 1)); done; echo x > "$HPO_CHECKPOINT_OUT/x"
'''


class Upgrade(Case):
    def setUp(self):
        super().setUp()
        self.write("r.lua", RECIPE)
        self.write("train.sh", TRAINER)
        self.hpo("build", "r.lua")
        self.before = without_measured(self.table("r.lua"))

    def make_old(self):
        """Turns the store into what a program of version 1 would have left."""
        store = self.folder / ".hpo"
        old = sqlite3.connect(store / "old.db")
        old.executescript("PRAGMA journal_mode=WAL;" + OLD)
        old.execute("ATTACH ? AS now", (str(store / "index.db"),))
        for then, now in COPIES.items():
            columns, table = now.split(" FROM ")
            old.execute(f"INSERT INTO main.{then} SELECT {columns} FROM now.{table}")
        old.commit()
        old.execute("PRAGMA application_id=1752198961")
        old.execute("PRAGMA user_version=1")
        old.commit()
        old.execute("DETACH now")
        old.close()
        (store / "old.db").replace(store / "index.db")
        (store / "version").write_text("hpo store 1\n")
        shutil.rmtree(store / "graphs")
        (store / "graphs").mkdir()

    def test_a_build_goes_on_with_what_was_known(self):
        self.make_old()
        answer = self.build("r.lua")
        self.assertEqual((answer["ran"], answer["units_trained"]), (0, 0))
        self.assertEqual(without_measured(self.table("r.lua")), self.before)
        self.hpo("cache", "verify")
        self.hpo("cache", "gc")
        self.hpo("cache", "verify")

    def test_a_reader_upgrades_it_too(self):
        self.make_old()
        self.assertEqual(without_measured(self.table("r.lua")), self.before)
        self.hpo("cache", "verify")
        self.assertEqual((self.folder / ".hpo/version").read_text(), "hpo store 3\n")
        self.assertEqual(sorted(p.name for p in (self.folder / ".hpo").glob("index.db*")), ["index.db"])

    def test_older_programs_are_kept_out(self):
        self.make_old()
        self.hpo("build", "r.lua")
        self.assertEqual((self.folder / ".hpo/version").read_text(), "hpo store 3\n")
        index = sqlite3.connect(self.folder / ".hpo/index.db")
        self.assertEqual(index.execute("PRAGMA user_version").fetchone(), (3,))
        index.close()

    def test_newer_stores_are_refused(self):
        (self.folder / ".hpo/version").write_text("hpo store 4\n")
        out, err = self.hpo("build", "r.lua", status=2)
        self.assertIn("store of a newer version", err)

    def test_one_of_version_2(self):
        """It has all but the last table."""
        (self.folder / ".hpo/version").write_text("hpo store 2\n")
        index = sqlite3.connect(self.folder / ".hpo/index.db")
        index.executescript("DROP TABLE acceptance; PRAGMA user_version=2")
        index.close()
        self.assertEqual(without_measured(self.table("r.lua")), self.before)
        self.hpo("cache", "verify")
        self.assertEqual((self.folder / ".hpo/version").read_text(), "hpo store 3\n")
        self.write("train.sh", "# a comment\n" + TRAINER)
        self.hpo("accept", "r.lua", "--yes")
        self.assertEqual(self.build("r.lua")["units_trained"], 0)
        self.hpo("cache", "verify")


if __name__ == "__main__":
    unittest.main()
