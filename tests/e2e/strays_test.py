"""What a command leaves running in a session of its own ends with it, with its build, and with nobody else's."""
import os
import time
import unittest

from case import Case

HEAD = 'local hpo = require "hpo"\nlocal env = { PLACE = hpo.param("place", "") }\n'


def daemon(name, then):
    """A script that leaves a process behind, whose number stands in the file, and goes on."""
    return f"setsid sh -c 'echo $$ > $PLACE/{name}.new; mv $PLACE/{name}.new $PLACE/{name}; exec sleep 600' > /dev/null 2>&1 & while [ ! -e $PLACE/{name} ]; do sleep 0.01; done; {then}"


def command(script, outputs="y"):
    return f'hpo.command {{ run = {{ "sh", "-c", [=[{script}]=] }}, outputs = {{ "{outputs}" }}, env = env }}'


class Strays(Case):
    sandbox = "off"

    def place(self, recipe):
        self.write("r.lua", HEAD + recipe)
        return "--set", f"place={self.folder}"

    def pid(self, name, build=None):
        """The number of a process that a command of the build left."""
        while not (self.folder / name).exists():
            if build and build.poll() is not None:
                self.fail(build.communicate()[1])
            time.sleep(0.05)
        return int(self.read(name))

    def lives(self, pid):
        """Whether it runs; what ended and waits to be reaped does not."""
        try:
            with open(f"/proc/{pid}/stat") as stat:
                return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            return False

    def assert_gone(self, pid, seconds=20):
        for _ in range(seconds * 20):
            if not self.lives(pid):
                return
            time.sleep(0.05)
        os.kill(pid, 9)
        self.fail("it lives on")

    def test_it_ends_with_its_action(self):
        """While the build goes on with the next."""
        sets = self.place("local a = " + command(daemon("stray", "echo x > y"))
                          + '\nreturn { default = hpo.command { run = { "sh", "-c", "while [ ! -e $PLACE/go ]; do sleep 0.05; done; cp a z" }, '
                          'inputs = { a = a }, outputs = { "z" }, env = env } }')
        build = self.start("build", "r.lua", *sets)
        stray = self.pid("stray", build)
        self.assert_gone(stray)
        self.assertIsNone(build.poll())
        self.write("go", "")
        _, err = build.communicate(timeout=60)
        self.assertEqual(build.returncode, 0, err)

    def test_it_ends_when_its_build_is_killed(self):
        """Also where its parent has ended, or is the command that runs."""
        sets = self.place("return { a = " + command(daemon("one", "sleep 600"))
                          + ", b = " + command(f"({daemon('two', 'exit 0')}); sleep 600") + " }")
        build = self.start("build", "r.lua", "a", "b", "-j2", *sets)
        strays = [self.pid("one", build), self.pid("two", build)]
        self.assertEqual([self.lives(pid) for pid in strays], [True, True])
        build.kill()
        build.communicate()
        for pid in strays:
            self.assert_gone(pid)

    def test_it_ends_when_its_build_is_interrupted(self):
        sets = self.place("return { a = " + command(daemon("one", "sleep 600")) + " }")
        build = self.start("build", "r.lua", "a", *sets)
        stray = self.pid("one", build)
        build.terminate()
        _, err = build.communicate(timeout=60)
        self.assertEqual(build.returncode, 130, err)
        self.assertFalse(self.lives(stray))

    def test_another_builds_are_left_alone(self):
        """Both builds have one store, and their processes have one parent once they are orphans."""
        sets = self.place("return { a = " + command(daemon("mine", "sleep 600"))
                          + ", b = " + command(daemon("theirs", "while [ ! -e $PLACE/go ]; do sleep 0.05; done; echo x > y"))
                          + ", c = " + command(daemon("third", "echo z > y")) + " }")
        other = self.start("build", "r.lua", "b", *sets)
        theirs = self.pid("theirs", other)
        build = self.start("build", "r.lua", "a", *sets)
        mine = self.pid("mine", build)
        build.kill()
        build.communicate()
        self.assert_gone(mine)
        self.build("r.lua", "c", *sets)
        self.assert_gone(self.pid("third"))
        self.assertTrue(self.lives(theirs))
        self.assertIsNone(other.poll())
        self.write("go", "")
        _, err = other.communicate(timeout=60)
        self.assertEqual(other.returncode, 0, err)
        self.assert_gone(theirs)


if __name__ == "__main__":
    unittest.main()
