"""The recipe that the README explains line by line is one that runs."""
import re
import unittest

from case import ROOT, Case


class Readme(Case):
    def test_the_recipe(self):
        recipe = re.search(r"```lua\n(.*?)```", (ROOT / "README.md").read_text(), re.S).group(1)
        self.write("readme.lua", recipe)
        answer = self.build("readme.lua", "--set", "samples=3", "-j2")
        self.assertEqual(answer["failed"], 0)
        self.assertIn("eval_loss", self.read("out/readme/default/table.json"))
        self.assertEqual(self.build("readme.lua", "--set", "samples=3")["ran"], 0)

    def test_the_commands_exist(self):
        text, _ = self.hpo("--help")
        for command in re.findall(r"^    hpo (\w+)", (ROOT / "README.md").read_text(), re.M):
            self.assertIn(f"hpo {command} ", text)


if __name__ == "__main__":
    unittest.main()
