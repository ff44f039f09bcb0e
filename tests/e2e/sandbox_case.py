"""What the tests of the sandbox stand on: an action of one script."""
import pathlib
import subprocess
import sys

from case import Case

HEAD = 'local hpo = require "hpo"\n'


class SandboxCase(Case):
    def setUp(self):
        super().setUp()
        done = subprocess.run(["unshare", "-Ur", "true"], capture_output=True)
        if done.returncode:
            self.skipTest("SKIP: the kernel refuses namespaces here")

    def x(self, script, more="", arguments=(), **keywords):
        """What a script in sh writes into the file x."""
        self.write("r.lua", f'{HEAD}return {{ x = hpo.command {{ run = {{ "sh", "-c", [==[{script}]==] }}, outputs = {{ "x" }}, {more} }} }}')
        answer = self.build("r.lua", "--sandbox", "on", *arguments, **keywords)
        self.assertNotIn("does not let hpo hide", answer["messages"])
        return self.read("out/r/x") if not keywords else answer["messages"]

    def strict(self, script, more="", **keywords):
        self.write("r.lua", f'{HEAD}return {{ x = hpo.command {{ run = {{ "sh", "-c", [==[{script}]==] }}, outputs = {{ "x" }}, {more} }} }}')
        return self.build("r.lua", "--sandbox", "strict", **keywords)["messages"]

    def refused_by(self, calls, *arguments, status=0):
        """A build where a container's profile refuses these calls."""
        refuse = pathlib.Path(__file__).with_name("refuse.py")
        done = subprocess.run([sys.executable, refuse, calls, self.program, "build", "r.lua", *arguments], cwd=self.folder, env=self.environment,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stderr
