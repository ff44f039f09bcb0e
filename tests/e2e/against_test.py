"""hpo audit --against: a signer who says what is not true of a target's files, its nodes or its table."""
import base64
import hashlib
import json
import shutil
import unittest

from case import Case

try:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
except ImportError:
    load_pem_private_key = None

RECIPE = '''local hpo = require "hpo"
local made = hpo.command { run = { "/bin/sh", "-c", "mkdir d d/empty; echo word > d/a; ln -s a d/b; echo '#!/bin/sh' > d/run; chmod +x d/run" }, outputs = { "d" } }
local loss = hpo.command { run = { "/bin/sh", "-c", "echo 0.5 > loss" }, outputs = { "loss" } }
local s = hpo.study { name = "s", space = { i = hpo.randint(1, 9) }, samples = 3, metric = "loss", mode = "min", seed = 1, scheduler = hpo.scheduler.fifo { max_t = 1 },
  trial = function(p) return hpo.command { run = { "/bin/sh", "-c", [[echo '{"t": 1, "loss": '$(sed 's/[^0-9]//g' "$HPO_PARAMS")'.25}']] }, params = p, inputs = { loss = loss } } end }
return { default = s, made = made, text = hpo.text "words\\n" }
'''


@unittest.skipUnless(load_pem_private_key, "SKIP: no cryptography (tools/install-tests)")
class Against(Case):
    def setUp(self):
        super().setUp()
        self.hpo("key")
        self.write("r.lua", RECIPE)
        self.hpo("build", "r.lua", "default", "made", "text")
        self.theirs = self.folder / "theirs"
        shutil.copytree(self.folder / "out/r", self.theirs, symlinks=True)

    def sign(self, target, change):
        """With the signer's own key, what he likes."""
        path = self.theirs / f"{target}.intoto.jsonl"
        envelope = json.loads(path.read_text())
        payload = json.loads(base64.b64decode(envelope["payload"]))
        change(payload)
        body, kind = json.dumps(payload).encode(), envelope["payloadType"]
        key = load_pem_private_key((self.folder / "config/hpo/key.pem").read_bytes(), None)
        signature = key.sign(f"DSSEv1 {len(kind)} {kind} {len(body)} ".encode() + body)
        envelope["payload"] = base64.b64encode(body).decode()
        envelope["signatures"][0]["sig"] = base64.b64encode(signature).decode()
        path.write_text(json.dumps(envelope) + "\n")

    def put(self, target, name, content):
        """Another file, rightly stated and signed."""
        (self.theirs / name).write_text(content)

        def change(payload):
            for resource in payload["subject"] + payload["predicate"]["runDetails"]["byproducts"]:
                if resource["name"] == name:
                    resource["digest"]["sha256"] = hashlib.sha256(content.encode()).hexdigest()
        self.sign(target, change)
        self.hpo("verify", self.theirs / f"{target}.intoto.jsonl")

    def audit(self, target, status):
        out = self.hpo("audit", "r.lua", "--against", self.theirs / f"{target}.intoto.jsonl", "--cache", "elsewhere", "--json", status=status)[0]
        shutil.rmtree(self.folder / "elsewhere")
        return json.loads(out)

    def differs(self, target):
        found, = self.audit(target, 3)["targets"]
        self.assertEqual(found["name"], target)
        return found["what"]

    def test_honest(self):
        for target in ("default", "made", "text"):
            found = self.audit(target, 0)
            self.assertEqual((found["targets"], found["not_read"]), ([], None))
            self.assertEqual(found["identical"], len(found["nodes"]))
            self.hpo("verify", self.theirs / f"audit/{target}.intoto.jsonl")
        shutil.rmtree(self.theirs / "default")
        self.assertIn("the table of default was not compared", self.audit("default", 0)["not_read"])

    def test_files(self):
        self.put("text", "text", "other words\n")
        self.assertIn("text is stated with other bytes than are made now", self.differs("text"))
        self.put("made", "made/a", "other\n")
        self.assertIn("made/a is stated with other bytes", self.differs("made"))

    def test_what_is_no_file(self):
        inner = lambda p: p["predicate"]["buildDefinition"]["internalParameters"]
        for change, words in (
                (lambda p: inner(p)["links"][0].update(target="run"), "made/b is made now, and is not stated"),
                (lambda p: inner(p).update(links=[]), "made/b is made now, and is not stated"),
                (lambda p: inner(p).update(executable=[]), "made/run is not stated as a program"),
                (lambda p: inner(p).update(executable=["made/run", "made/a"]), "made/a is stated as a program"),
                (lambda p: inner(p).update(empty_folders=[]), "made/empty is made now, and is not stated"),
                (lambda p: inner(p)["empty_folders"].append("made/more"), "made/more is stated, and is not made now"),
                (lambda p: p["subject"].pop(), "is made now, and is not stated")):
            with self.subTest(words=words):
                shutil.rmtree(self.theirs)
                shutil.copytree(self.folder / "out/r", self.theirs, symlinks=True)
                self.sign("made", change)
                self.assertIn(words, self.differs("made"))

    def test_nodes(self):
        lines = (self.theirs / "default.nodes.jsonl").read_text().splitlines(keepends=True)
        self.put("default", "default.nodes.jsonl", "".join(lines[1:]))
        self.assertIn("which the statement does not list", self.differs("default"))
        self.put("made", "made.nodes.jsonl", "")
        self.assertIn("which the statement does not list", self.differs("made"))
        line = json.loads((self.folder / "out/r/made.nodes.jsonl").read_text())
        line.pop("outputs")
        self.put("made", "made.nodes.jsonl", json.dumps(line) + "\n")
        node, = self.audit("made", 3)["nodes"]
        self.assertIn("it left no files, and now leaves some", node["what"])

    def test_another_tool(self):
        """What is in a key is named, as far as the statement has it."""
        self.environment["PATH"] = f"{self.folder}/bin:{self.environment['PATH']}"
        self.write("bin/tool", "#!/bin/sh\necho $1 > x\n", 0o755)
        self.write("r.lua", """local hpo = require "hpo"
return { x = hpo.command { run = { "tool", "a" }, outputs = { "x" } } }
""")
        self.hpo("build", "r.lua", "x")
        self.theirs = self.folder / "out/r"
        self.audit("x", 0)
        self.write("bin/tool", "#!/bin/sh\necho $1 > x; :\n", 0o755)
        node, = self.audit("x", 5)["nodes"]
        self.assertRegex(node["what"], "its key is another here: its tool is .+, and was ")

    def test_tables(self):
        table = json.loads((self.theirs / "default/table.json").read_text())
        table["trials"][1]["metrics"][0]["loss"] = 0.125
        self.put("default", "default/table.json", json.dumps(table) + "\n")
        self.assertRegex(self.differs("default"), "default/table.json: trials/1/metrics/0/loss was 0.125, and now is")
        shutil.copytree(self.folder / "out/r/default", self.theirs / "default", dirs_exist_ok=True)
        shutil.copy(self.folder / "out/r/default.intoto.jsonl", self.theirs)
        self.put("default", "default/table.csv", (self.theirs / "default/table.csv").read_text().replace(".25", ".125"))
        self.assertIn("default/table.csv is stated otherwise than table.json says", self.differs("default"))


if __name__ == "__main__":
    unittest.main()
