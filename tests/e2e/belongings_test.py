"""A task that puts links in the place of its own folders: what they lead to is the user's, and stays as it is."""
import unittest

from case import Case

STUDY = '''
local hpo = require "hpo"
return { default = hpo.study { name = "s", space = { x = hpo.randint(1, 9) }, samples = 1, metric = "loss",
  scheduler = hpo.scheduler.fifo { max_t = 2 }, on_failure = "prune",
  trial = function(p) return hpo.command { run = { "/bin/sh", "-c", [[%s]] } } end } }
'''
REPORT = '''echo "{\\"t\\": %d, \\"loss\\": 1%s}"'''


def report(t, checkpoint=None):
    return REPORT % (t, f', \\"checkpoint\\": \\"{checkpoint}\\"' if checkpoint else "")


class Belongings(Case):
    def setUp(self):
        super().setUp()
        self.mine = self.folder / "mine"
        self.write("mine/precious", "mine\n")
        self.write("mine/t1/large", "x" * 100000)
        self.mine.chmod(0o755)

    def look(self):
        files = {str(p.relative_to(self.mine)): (p.stat().st_mode, p.stat().st_ino, p.read_text() if p.is_file() else None)
                 for p in self.mine.rglob("*")}
        return self.mine.stat().st_mode, files

    def train(self, script):
        """Builds a study of one trial with that script → its messages, and nothing of mine has changed."""
        before = self.look()
        self.write("r.lua", STUDY % script.replace("MINE", str(self.mine)))
        messages = self.build("r.lua")["messages"]
        self.assertEqual(self.look(), before)
        return messages

    def test_a_working_folder_replaced_by_a_link(self):
        before = self.look()
        self.write("r.lua", f'''local hpo = require "hpo"
return {{ x = hpo.command {{ run = {{ "/bin/sh", "-c", "p=$PWD; rmdir $p; ln -s {self.mine} $p" }}, outputs = {{ "precious", "t1" }} }} }}''')
        self.assertIn("a symbolic link is in the place of this folder", self.build("r.lua", status=1)["messages"])
        self.assertEqual(self.look(), before)

    def test_the_checkpoints_folder_replaced_by_a_link(self):
        messages = self.train(f'rmdir "$HPO_CHECKPOINT_OUT"; ln -s MINE "$HPO_CHECKPOINT_OUT"; {report(1)}; {report(2)}')
        self.assertIn("a symbolic link is in the place of this folder", messages)

    def test_a_named_checkpoint_behind_such_a_link(self):
        messages = self.train(f'rmdir "$HPO_CHECKPOINT_OUT"; ln -s MINE "$HPO_CHECKPOINT_OUT"; {report(1)}; {report(2, "t1")}')
        self.assertIn("HPO_CHECKPOINT_OUT is no folder any more", messages)

    def test_a_newer_checkpoint_removes_nothing_behind_such_a_link(self):
        self.train(f'o="$HPO_CHECKPOINT_OUT"; mkdir "$o/t1" "$o/t2"; {report(1, "t1")}; sleep 0.3; '
                   f'mv "$o" "$o.old"; ln -s MINE "$o"; {report(2, "t2")}')

    def test_a_log_replaced_by_a_link(self):
        messages = self.train(f'l="$HPO_CHECKPOINT_OUT/../log"; ln -s MINE/precious new; mv new "$l"; {report(1)}; sleep 0.1; {report(2)}')
        self.assertIn("log: expected a regular file", messages)

    def test_a_trainer_that_removes_all_its_folders_fails_alone(self):
        """The build goes on: the study is told, and ends."""
        messages = self.train(f'rm -rf "${{HPO_CHECKPOINT_OUT%/*}}"; {report(1)}; sleep 0.1; {report(2)}')
        self.assertIn("failed: s/0", messages)
        messages = self.train(f'rm -rf "$HPO_CHECKPOINT_OUT"; {report(1)}; {report(2, "t2")}')
        self.assertIn("HPO_CHECKPOINT_OUT is no folder any more", messages)


if __name__ == "__main__":
    unittest.main()
