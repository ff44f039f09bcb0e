"""The identity of a tool: asked in each build, once, side by side, whole."""
import unittest

from case import Case

HEAD = 'local hpo = require "hpo"\n'


def command(name, identity):
    return f'{name} = hpo.command {{ name = "{name}", identity = {identity}, run = {{ "sh", "-c", "echo {name} > y" }}, outputs = {{ "y" }} }}'


class Identity(Case):
    def recipe(self, *commands):
        self.write("r.lua", HEAD + "return { " + ", ".join(commands) + " }\n")

    def script(self, text, name="version.sh"):
        self.write(name, text)
        return f'{{ "sh", "{self.folder}/{name}" }}'

    def ran(self, *arguments):
        return self.build("r.lua", *arguments)["ran"]

    def test_it_is_asked_in_each_build(self):
        """It comes from a script that is an argument, and from what that reads."""
        self.write("installed", "one\n")
        identity = self.script(f"cat {self.folder}/installed")
        self.recipe(command("a", identity))
        self.assertEqual([self.ran(), self.ran(), self.ran()], [1, 0, 0])
        self.write("installed", "two\n")
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.script(f"echo three; cat {self.folder}/installed")
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.script(f"cat {self.folder}/installed")  # as it was before
        self.assertEqual(self.ran(), 0)
        self.assertIn("two", self.hpo("why", "r.lua", "a")[0])

    def test_it_is_asked_once_in_a_build(self):
        identity = self.script(f"echo asked >> {self.folder}/count; echo 1")
        self.recipe(*(command(name, identity) for name in "abc"))
        for builds in (1, 2, 3):
            self.build("r.lua")
            self.assertEqual(self.read("count"), "asked\n" * builds)

    def test_only_what_is_wanted_is_asked(self):
        self.recipe(command("a", self.script("echo 1")), command("b", self.script(f"touch {self.folder}/asked", "other.sh")))
        self.build("r.lua", "a")
        self.assertFalse((self.folder / "asked").exists())

    def test_several_are_asked_side_by_side(self):
        """Each waits for the other to have begun."""
        wait = "touch {0}/{1}; for i in $(seq 600); do [ -e {0}/{2} ] && echo met && exit; sleep 0.05; done; exit 1"
        one = self.script(wait.format(self.folder, "one", "two"), "one.sh")
        two = self.script(wait.format(self.folder, "two", "one"), "two.sh")
        self.write("r.lua", HEAD + "local " + command("a", one) + "\nlocal " + command("b", two)
                   + '\nreturn { default = hpo.command { inputs = { a = a, b = b }, run = { "sh", "-c", "cat a b > y" }, outputs = { "y" } } }\n')
        self.assertEqual(self.ran(), 3)
        self.assertEqual(self.ran(), 0)

    def test_what_it_cannot_be(self):
        for script, sentence in (("printf '1\\0002'", "zero byte"), ("echo no such version >&2; exit 3", "it ended with status 3: no such version"),
                                 ("head -c 70000 /dev/zero | tr '\\0' x", "expected at most 65536 bytes")):
            self.recipe(command("a", self.script(script)), command("b", '{ "true" }'))
            err = self.hpo("build", "r.lua", "a", status=1)[1]
            self.assertIn("r.lua:2: identity: ", err)
            self.assertIn(sentence, err)
            self.build("r.lua", "b")


if __name__ == "__main__":
    unittest.main()
