"""The README: its recipe runs, its commands install, its links lead somewhere. That every command of hpo that a document
shows is one is a test of the command line."""
import re
import subprocess
import unittest

from case import BIN, ROOT, Case


class Readme(Case):
    def test_the_recipe(self):
        recipe = re.search(r"```lua\n(.*?)```", (ROOT / "README.md").read_text(), re.S).group(1)
        self.write("readme.lua", recipe)
        answer = self.build("readme.lua", "--set", "samples=3", "-j2")
        self.assertEqual(answer["failed"], 0)
        self.assertIn("eval_loss", self.read("out/readme/default/table.json"))
        self.assertEqual(self.build("readme.lua", "--set", "samples=3")["ran"], 0)

    def test_a_max_t_beyond_epochs(self):
        """The README says where a longer max_t ends; the error says why, and what to do."""
        text = (ROOT / "README.md").read_text()
        self.assertRegex(text, r"a longer `max_t` \(up to the\s+`epochs` of the training")
        self.write("readme.lua", re.search(r"```lua\n(.*?)```", text, re.S).group(1).replace("max_t = 5", "max_t = 6"))
        err = self.hpo("build", "readme.lua", status=2)[1]
        self.assertIn("the scheduler's max_t is 6, but hpo.train has epochs = 5\n  past its epochs the learning rate is 0: raise epochs", err)

    def test_hpo_on_the_path(self):
        """Its commands that install, in a home of the test's own."""
        install = re.search(r"^    cmake --install build .*\n    export PATH=.*\n", (ROOT / "README.md").read_text(), re.M).group(0)
        (self.folder / "build").symlink_to(BIN.parent)
        done = subprocess.run(["sh", "-euc", install + "command -v hpo; command -v hpo-trainer; hpo --version"], cwd=self.folder, capture_output=True,
                              text=True, env=dict(self.environment, HOME=str(self.folder)), timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.endswith(f"{self.folder}/.local/bin/hpo\n{self.folder}/.local/bin/hpo-trainer\nhpo 0.1.0\n"), done.stdout)
        for name in ("docs/recipes.md", "recipes/asha.lua"):
            self.assertTrue((self.folder / ".local/share/doc/hpo" / name).exists())

    def test_links_lead_somewhere(self):
        for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
            for link in re.findall(r"\]\(([\w./-]+)\)", page.read_text()):
                self.assertTrue((page.parent / link).exists(), f"{page.name}: {link}")


if __name__ == "__main__":
    unittest.main()
