"""hpo key, statements beside targets, hpo verify, audits as signed test-results; read by others' tools, too."""
import base64
import hashlib
import json
import os
import shutil
import subprocess
import unittest

from case import Case

RECIPE = '''local hpo = require "hpo"
local made = hpo.command { run = { "/bin/sh", "-c", "echo hello > a.txt; mkdir d; echo 1 > d/x; ln -s x d/l" }, outputs = { "a.txt", "d" } }
local study = hpo.study { name = "s", space = { i = hpo.randint(1, 4) }, samples = hpo.param("samples", 3), concurrency = 2,
  metric = "loss", mode = "min", seed = 1, search = hpo.search.random {}, scheduler = hpo.scheduler.fifo { max_t = 2 },
  trial = function(p) return hpo.command { run = { "/bin/sh", hpo.source "train.sh", p.i }, inputs = { a = made }, stateless = true } end }
return { default = study, made = made }
'''
TRAINER = 't=$HPO_FROM; while [ $t -lt $HPO_UNTIL ]; do t=$((t + 1)); echo "{\\"t\\": $t, \\"loss\\": $((20 * $1 + t))}"; done\n'


class Statements(Case):
    def setUp(self):
        super().setUp()
        self.environment["XDG_CONFIG_HOME"] = str(self.folder / "config")
        self.environment.pop("HPO_KEY_FILE", None)
        self.write("r.lua", RECIPE)
        self.write("train.sh", TRAINER)

    def signed(self, *arguments):
        self.hpo("key")
        self.hpo("build", "r.lua", "default", "made", *arguments)
        return self.folder / "out/r"

    def payload(self, path):
        return json.loads(base64.b64decode(json.loads(path.read_text())["payload"]))

    def forge(self, path, change):
        """The envelope with another payload, and the old signature."""
        envelope = json.loads(path.read_text())
        payload = json.loads(base64.b64decode(envelope["payload"]))
        change(payload)
        envelope["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()
        path.write_text(json.dumps(envelope) + "\n")

    def sign(self, path, change):
        """A statement that is signed rightly, by a hostile hand."""
        envelope = json.loads(path.read_text())
        payload = json.loads(base64.b64decode(envelope["payload"]))
        change(payload)
        body = json.dumps(payload).encode()
        kind = envelope["payloadType"].encode()
        (self.folder / "bytes").write_bytes(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body))
        subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.folder / "config/hpo/key.pem", "-in", self.folder / "bytes",
                        "-out", self.folder / "sig"], check=True)
        signed = {"payload": base64.b64encode(body).decode(), "payloadType": kind.decode(),
                  "signatures": [{"keyid": "", "sig": base64.b64encode((self.folder / "sig").read_bytes()).decode()}]}
        path.write_text(json.dumps(signed) + "\n")

    # ---- keys ----

    def test_key(self):
        public, err = self.hpo("key")
        path = self.folder / "config/hpo/key.pem"
        self.assertIn("made", err)
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(path.parent.stat().st_mode & 0o777, 0o700)
        again, err = self.hpo("key")
        self.assertEqual(again, public)
        self.assertIn("there is", err)
        made = subprocess.run(["openssl", "pkey", "-in", path, "-pubout"], capture_output=True, text=True, check=True)
        self.assertEqual(made.stdout, public)
        path.chmod(0o640)
        self.assertIn("others than you", self.hpo("build", "r.lua", status=2)[1])
        path.chmod(0o600)
        path.write_text("no key")
        self.assertIn("expected a private key", self.hpo("build", "r.lua", status=2)[1])

    def test_key_file(self):
        self.environment["HPO_KEY_FILE"] = str(self.folder / "ci.pem")
        self.assertIn("there is no file", self.hpo("build", "r.lua", status=2)[1])
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.folder / "ci.pem"], check=True)
        (self.folder / "ci.pem").chmod(0o600)
        self.hpo("build", "r.lua")
        self.assertIn("holds: signed by your own key", self.hpo("verify", "out/r/default.intoto.jsonl")[0])
        everywhere = b"".join(p.read_bytes() for p in (self.folder / ".hpo").rglob("*") if p.is_file())
        secret = (self.folder / "ci.pem").read_text().splitlines()[1].encode()
        self.assertNotIn(secret, everywhere)

    # ---- statements ----

    def test_what_is_stated(self):
        out = self.signed("--sandbox", "off")
        s = self.payload(out / "made.intoto.jsonl")
        self.assertEqual({f["name"] for f in s["subject"]}, {"made/a.txt", "made/d/x"})
        internal = s["predicate"]["buildDefinition"]["internalParameters"]
        self.assertEqual(internal["links"], [{"name": "made/d/l", "target": "x"}])
        self.assertEqual((internal["isolation"], internal["accepted"]), ("none", 0))
        dependencies = self.payload(out / "default.intoto.jsonl")["predicate"]["buildDefinition"]["resolvedDependencies"]
        self.assertEqual([d["name"] for d in dependencies], ["r.lua", "train.sh"])
        nodes = [json.loads(line) for line in (out / "default.nodes.jsonl").read_text().splitlines()]
        self.assertEqual(len([n for n in nodes if "reports" in n]), len({n["key"] for n in nodes if "reports" in n}))
        self.assertIn({"loss": 21, "t": 1}, [n.get("reports") for n in nodes] + [{"loss": 21, "t": 1}])
        self.assertNotIn(str(self.folder), json.dumps(s))

    def test_the_same_again(self):
        out = self.signed()
        before = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in out.glob("*.jsonl")}
        self.assertEqual(len(before), 4)
        self.hpo("build", "r.lua", "default", "made")
        self.assertEqual({p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in out.glob("*.jsonl")}, before)
        (out / "made.intoto.jsonl").write_text("edited")
        self.hpo("build", "r.lua", "default", "made")
        self.assertEqual((out / "made.intoto.jsonl").read_bytes(), before["made.intoto.jsonl"][0])
        self.hpo("build", "r.lua", "default", "made", "--set", "samples=2")
        self.assertNotEqual((out / "default.intoto.jsonl").read_bytes(), before["default.intoto.jsonl"][0])
        shutil.rmtree(self.folder / "config")  # without a key nothing is stated any more
        self.hpo("build", "r.lua", "default", "made", "--set", "samples=2")
        self.assertFalse(list(out.glob("*.jsonl")))

    def test_the_weakest_isolation(self):
        self.hpo("key")
        if subprocess.run(["unshare", "-Ur", "true"], capture_output=True).returncode:
            self.skipTest("SKIP: the kernel refuses namespaces here")
        self.hpo("build", "r.lua", "made", "--sandbox", "on")
        isolation = lambda t: self.payload(self.folder / f"out/r/{t}.intoto.jsonl")["predicate"]["buildDefinition"]["internalParameters"]["isolation"]
        self.assertEqual(isolation("made"), "room")
        self.hpo("build", "r.lua", "default", "made", "--sandbox", "off")
        self.assertEqual((isolation("made"), isolation("default")), ("room", "none"))

    # ---- hpo verify ----

    def refused(self, *arguments, status=3):
        target = "m" if (self.folder / "out/r/m.intoto.jsonl").exists() else "made"
        return self.hpo("verify", f"out/r/{target}.intoto.jsonl", *arguments, status=status)[1]

    def test_verify(self):
        out = self.signed()
        said = self.hpo("verify", "out/r/made.intoto.jsonl", "--recipe", "r.lua")[0]
        self.assertIn("proven: 2 files of target made", said)
        self.assertIn("it is this recipe\n", said)
        self.write("other.lua", "return {}")
        self.assertIn("not the recipe", self.refused("--recipe", "other.lua"))
        (out / "made/more").write_text("x")
        self.assertIn("not in the statement", self.refused())
        (out / "made/more").unlink()
        (out / "made/a.txt").write_text("tampered")
        self.assertIn("its bytes differ", self.refused())
        (out / "made/a.txt").unlink()
        self.assertIn("is not there", self.refused())
        self.hpo("build", "r.lua", "made")
        (out / "made.nodes.jsonl").write_text("")
        self.assertIn("its bytes differ", self.refused())
        self.hpo("build", "r.lua", "made")
        self.forge(out / "made.intoto.jsonl", lambda s: s["subject"].pop())
        self.assertIn("no key that you trust", self.refused())
        (out / "made.intoto.jsonl").write_text("{}\n")
        self.assertIn("payloadType", self.refused(status=2))
        (out / "made.intoto.jsonl").unlink()
        self.assertIn("no such file", self.refused(status=2).lower())

    def test_verify_the_recipe(self):
        """Its modules and sources, too, however its path is typed; one that it tries to require may be missing."""
        self.write("above.sh", "echo 1 > o")
        self.write("deep/lib/sub.lua", 'return "x"')
        self.write("deep/data/x", "x")
        source = ('local hpo = require "hpo"\nlocal sub = require "lib.sub"\nlocal there = pcall(require, "missing")\nreturn { m = hpo.command {'
                  'run = { "/bin/sh", hpo.source "../above.sh", hpo.source "in.txt", hpo.source "data", sub }, outputs = { "o" } } }')
        self.write("deep/r.lua", source)
        self.write("deep/in.txt", "1")
        self.hpo("key")
        self.hpo("build", "deep/r.lua")
        definition = self.payload(self.folder / "out/r/m.intoto.jsonl")["predicate"]["buildDefinition"]
        self.assertEqual([d["name"] for d in definition["resolvedDependencies"]], ["r.lua", "lib/sub.lua", "../above.sh", "in.txt", "data"])
        self.assertEqual(definition["internalParameters"]["modules"], ["lib/sub.lua"])
        kept = self.read("out/r/m.intoto.jsonl")
        self.hpo("build", self.folder / "deep/r.lua")
        self.assertEqual(self.read("out/r/m.intoto.jsonl"), kept)
        said = self.hpo("verify", "out/r/m.intoto.jsonl", "--recipe", "deep/r.lua")[0]
        self.assertIn("and it is this recipe with its 3 other files\n", said)
        self.assertIn("not checked, as they are folders or not there: data\n", said)
        self.write("deep/lib/sub.lua", 'return "y"')
        self.assertIn("deep/lib/sub.lua: the recipe requires it, and it is another", self.refused("--recipe", "deep/r.lua"))
        (self.folder / "deep/lib/sub.lua").unlink()
        self.assertIn("deep/lib/sub.lua: the recipe of the statement requires this file", self.refused("--recipe", "deep/r.lua"))
        self.write("deep/lib/sub.lua", 'return "x"')
        self.write("deep/in.txt", "2")
        self.assertIn("deep/in.txt: the statement has a source of this name", self.refused("--recipe", "deep/r.lua"))
        (self.folder / "deep/in.txt").unlink()
        os.mkfifo(self.folder / "deep/in.txt")  # nobody writes to it
        self.assertIn("not there: in.txt, data\n", self.hpo("verify", "out/r/m.intoto.jsonl", "--recipe", "deep/r.lua")[0])

    def test_verify_what_is_no_statement(self):
        """What lies beside a statement is answered with the statement's name."""
        self.signed()
        for given in ("made", "made/", "made.nodes.jsonl", "default.nodes.jsonl"):
            target = given.rstrip("/").split(".")[0]
            self.assertIn(f"\n  the statement is out/r/{target}.intoto.jsonl\n", self.hpo("verify", f"out/r/{given}", status=2)[1])
        self.write("p.lua", 'local hpo = require "hpo"\nreturn { ["a.b"] = hpo.command { run = { "/bin/sh", "-c", "echo 1 > p.png" }, outputs = { "p.png" } } }')
        self.hpo("build", "p.lua")
        self.assertIn("\n  the statement is out/p/a.b.intoto.jsonl\n", self.hpo("verify", "out/p/a.b.png", status=2)[1])
        self.assertEqual(len(self.hpo("verify", "r.lua", status=2)[1].splitlines()), 1)
        self.assertEqual(len(self.hpo("verify", "out", status=2)[1].splitlines()), 1)

    def test_verify_kinds(self):
        """Bits, empty folders, links in the place of folders; a target without files; sources above the recipe."""
        self.write("above.txt", "x")
        self.write("deep/r.lua", 'local hpo = require "hpo"\nreturn { m = hpo.command { run = { "/bin/sh", "-c", '
                   '"mkdir d e; echo 1 > d/x; echo 2 > d/run; chmod +x d/run", hpo.source "../above.txt" }, outputs = { "d", "e" } },'
                   'empty = hpo.command { run = { "/bin/mkdir", "d" }, outputs = { "d" } } }')
        self.hpo("key")
        self.hpo("build", "deep/r.lua")
        path = self.folder / "out/r/m/d/run"
        path.chmod(0o644)
        self.assertIn("may be run", self.refused())
        path.chmod(0o4755)
        self.assertIn("may be run", self.refused())
        path.chmod(0o755)
        self.refused(status=0)
        (self.folder / "out/r/m/f").mkdir()
        self.assertIn("an empty folder", self.refused())
        (self.folder / "out/r/m/f").rmdir()
        os.rename(self.folder / "out/r/m", self.folder / "elsewhere")
        os.symlink(self.folder / "elsewhere", self.folder / "out/r/m")
        self.assertIn("is not there", self.refused())
        empty = lambda status: self.hpo("verify", "out/r/empty.intoto.jsonl", status=status)[1]
        empty(0)
        self.write("out/r/empty/evil", "x")
        empty(3)

    def test_verify_one_file(self):
        """It is named, and nothing else has its target's name."""
        self.write("r.lua", 'local hpo = require "hpo"\nreturn { m = hpo.command { run = { "/bin/sh", "-c", "echo 1 > p.png" }, outputs = { "p.png" } } }')
        self.hpo("key")
        self.hpo("build", "r.lua")
        self.assertIn("1 file of target m (m.png) is what", self.hpo("verify", "out/r/m.intoto.jsonl")[0])
        self.write("out/r/m/p.png", "forged")
        self.assertIn("out/r/m: it is in the target's place, and not in the statement", self.refused())

    def test_names_that_statements_have(self):
        self.hpo("key")
        for name in ("audit", "m.nodes.jsonl", "m.intoto.jsonl"):
            self.write("n.lua", f'local hpo = require "hpo"\nreturn {{ ["{name}"] = hpo.text "x" }}')
            self.assertIn("statements have such names", self.hpo("build", "n.lua", status=2)[1])

    def test_accepted_actions(self):
        self.write("mk.sh", "echo 1 > o")
        self.write("a.lua", 'local hpo = require "hpo"\nreturn { m = hpo.command { run = { "/bin/sh", hpo.source "mk.sh" }, outputs = { "o" }, name = "m" } }')
        self.hpo("key")
        self.hpo("build", "a.lua")
        self.write("mk.sh", "echo 2 > o")
        self.hpo("accept", "a.lua", "--yes")
        self.hpo("build", "a.lua")
        self.assertIn("1 accepted by hand", self.hpo("verify", "out/a/m.intoto.jsonl")[0])
        node = json.loads(self.hpo("audit", "a.lua", "--json", status=3)[0])["nodes"][0]
        self.assertTrue(node["accepted"])
        self.assertIn("accepted", node["cause"])

    def test_keys_of_others(self):
        self.signed()
        self.write("mine.pem", self.hpo("key")[0])
        self.environment["XDG_CONFIG_HOME"] = str(self.folder / "theirs")
        self.assertIn("there is no key", self.refused(status=2))
        self.write("theirs.pem", self.hpo("key")[0])
        self.assertIn("no key that you trust", self.refused())
        mine = json.loads((self.folder / "out/r/made.intoto.jsonl").read_text())["signatures"][0]["keyid"]
        self.assertIn(f"no key that you trust has signed this, or it was changed since: it names the key {mine[:16]}\n", self.refused("--key", "theirs.pem"))
        self.assertIn("signed by mine.pem", self.hpo("verify", "out/r/made.intoto.jsonl", "--key", "theirs.pem", "--key", "mine.pem")[0])
        self.assertIn("expected a public key", self.refused("--key", "r.lua", status=2))

    def test_names_that_lead_elsewhere(self):
        out = self.signed()
        secret = self.write("secret", "x")
        kept = (out / "made.intoto.jsonl").read_text()
        internal = lambda s: s["predicate"]["buildDefinition"]["internalParameters"]
        external = lambda s: s["predicate"]["buildDefinition"]["externalParameters"]

        def above(s):
            external(s)["target"] = ".."
            internal(s)["empty_folders"] = [".."]
            s["subject"] = []

        for name in ("../../secret", str(secret), "made/../../../secret", ""):
            for change in (lambda s: s["subject"][0].update(name=name), lambda s: internal(s).update(executable=[name]),
                           lambda s: internal(s)["links"][0].update(name=name), lambda s: internal(s).update(empty_folders=[name]),
                           lambda s: s["predicate"]["runDetails"]["byproducts"][0].update(name=name)):
                (out / "made.intoto.jsonl").write_text(kept)
                self.sign(out / "made.intoto.jsonl", change)
                self.assertIn("a path inside its folder", self.refused(status=2))
        for target in ("..", "../..", "", "made/d", str(self.folder)):
            (out / "made.intoto.jsonl").write_text(kept)
            self.sign(out / "made.intoto.jsonl", lambda s: external(s).update(target=target))
            self.assertIn("target: expected a name", self.refused(status=2))
        (out / "made.intoto.jsonl").write_text(kept)
        self.sign(out / "made.intoto.jsonl", above)
        (out / "made.intoto.jsonl").rename(out / "...intoto.jsonl")
        self.hpo("verify", "out/r/...intoto.jsonl", status=2)

    def test_words_that_forge_words(self):
        """Whatever is signed is shown on one line: nobody writes a line of hpo's but hpo."""
        out = self.signed()
        kept = (out / "made.intoto.jsonl").read_text()
        forged = "x\nholds: signed by ada.pem\r\t\x1b[1m\x7f\u202e"
        definition = lambda s: s["predicate"]["buildDefinition"]
        for change in (lambda s: s["predicate"]["runDetails"]["builder"]["version"].update(hpo=forged), lambda s: definition(s)["internalParameters"].update(isolation=forged),
                       lambda s: definition(s)["externalParameters"]["set"].update({forged: forged}), lambda s: definition(s)["resolvedDependencies"][0].update(name=forged),
                       lambda s: definition(s)["resolvedDependencies"].append({"name": forged, "digest": {"sha256": 64 * "0"}})):
            (out / "made.intoto.jsonl").write_text(kept)
            self.sign(out / "made.intoto.jsonl", change)
            said = self.hpo("verify", "out/r/made.intoto.jsonl", "--recipe", "r.lua")[0]
            self.assertEqual([line.split()[0] for line in said.splitlines() if line[0] != " "], ["holds:", "proven:", "said,", "not"])
            self.assertFalse(set("\r\t\x1b\x7f\u202e") & set(said))
        (out / "made.intoto.jsonl").write_text(kept)
        self.sign(out / "made.intoto.jsonl", lambda s: s["subject"][0].update(name=f"made/{forged}"))
        self.assertEqual(len(self.refused().splitlines()), 1)
        self.write("m.lua", 'local hpo = require "hpo"\nreturn { ["x\\nholds: y"] = hpo.text "x" }')
        self.hpo("build", "m.lua")
        self.hpo("audit", "m.lua")
        for folder in ("out/m", "out/m/audit"):
            said = self.hpo("verify", f"{folder}/x\nholds: y.intoto.jsonl")[0]
            self.assertIn("target x\\u000Aholds: y", said)
            self.assertEqual(said.count("\nholds"), 0)

    def test_another_target(self):
        """No statement speaks for the files of another target: not by its own name, and not by theirs."""
        out = self.signed()
        kept = (out / "made.intoto.jsonl").read_text()
        self.hpo("audit", "r.lua", "made")
        for folder, what in ((out, "a statement"), (out / "audit", "an audit")):
            shutil.copy(folder / "made.intoto.jsonl", folder / "default.intoto.jsonl")
            self.assertIn(f"it is {what} of target made, and is named default.intoto.jsonl",
                          self.hpo("verify", folder / "default.intoto.jsonl", status=3)[1])
        for change in (lambda s: s["subject"][0].update(name="default/table.json"), lambda s: s["subject"][0].update(name="made.d/x"),
                       lambda s: s["predicate"]["buildDefinition"]["internalParameters"].update(empty_folders=["model"])):
            (out / "made.intoto.jsonl").write_text(kept)
            self.sign(out / "made.intoto.jsonl", change)
            self.assertIn("expected a file of target made", self.refused(status=2))
        (out / "made.intoto.jsonl").write_text(kept)
        self.sign(out / "made.intoto.jsonl", lambda s: s["predicate"]["runDetails"]["byproducts"][0].update(name="default.nodes.jsonl"))
        self.assertIn("byproducts: expected made.nodes.jsonl", self.refused(status=2))

    # ---- audits ----

    def test_audit_is_signed(self):
        out = self.signed()
        self.hpo("audit", "r.lua", "made")
        result = self.payload(out / "audit/made.intoto.jsonl")
        self.assertEqual(result["predicate"]["result"], "PASSED")
        stated, = self.payload(out / "made.intoto.jsonl")["predicate"]["runDetails"]["byproducts"]
        self.assertEqual(result["subject"], [stated])
        said = self.hpo("verify", "out/r/audit/made.intoto.jsonl", "--recipe", "r.lua")[0]
        self.assertIn("who has this key says that the audit of target made came to PASSED", said)
        self.assertIn("of the nodes in made.nodes.jsonl, by r.lua, and it is this file;", said)
        self.assertIn(f"said, and not proven: {len(result['predicate']['passedTests'])} passed, 0 inconclusive, 0 excepted, 0 differ; 0 of 1 not asked for", said)
        self.assertIn("expected the statement of a build", self.hpo("audit", "r.lua", "--against", "out/r/audit/made.intoto.jsonl", status=2)[1])
        shutil.copytree(out, self.folder / "theirs")  # where it was taken to, too; beside a statement of theirs it has the same place
        self.assertIn("came to PASSED", self.hpo("verify", "theirs/audit/made.intoto.jsonl")[0])
        there = subprocess.run([self.program, "verify", "made.intoto.jsonl"], cwd=self.folder / "theirs/audit", env=self.environment, capture_output=True, text=True)
        self.assertIn("came to PASSED", there.stdout)
        nodes = (out / "made.nodes.jsonl").read_text()
        (out / "made.nodes.jsonl").write_text(nodes + "\n")
        self.assertIn("made.nodes.jsonl: it is not the file that the statement names", self.hpo("verify", "out/r/audit/made.intoto.jsonl", status=3)[1])
        (out / "made.nodes.jsonl").write_text(nodes)
        self.hpo("audit", "r.lua", "--sample", 1)
        self.assertEqual(self.payload(out / "audit/default.intoto.jsonl")["predicate"]["result"], "WARNED")

    def test_what_an_audit_came_to(self):
        """The status of verify is that of the audit."""
        self.write("f.lua", 'local hpo = require "hpo"\nlocal function random(except) return hpo.command { run = { "/bin/sh", "-c", '
                   '"head -c 9 /dev/urandom > o", tostring(except) }, outputs = { "o" }, not_reproducible = except } end\n'
                   'local sure = hpo.command { run = { "/bin/sh", "-c", "echo 1 > o" }, outputs = { "o" } }\n'
                   'return { bad = random(), fine = random(true), good = hpo.command { run = { "/bin/cp", sure / "o", "p" }, outputs = { "p" } } }')
        self.hpo("key")
        self.hpo("build", "f.lua")
        self.hpo("audit", "f.lua", status=3)
        verify = lambda target, status: "".join(self.hpo("verify", f"out/f/audit/{target}.intoto.jsonl", status=status))
        said = verify("bad", 3)
        self.assertIn("came to FAILED", said)
        self.assertIn("0 passed, 0 inconclusive, 0 excepted, 1 differ; 0 of 1 not asked for", said)
        self.assertIn("bad.intoto.jsonl: the signature holds; the audit has found differences: bad\n", said)
        said = verify("fine", 0)
        self.assertIn("came to WARNED", said)
        self.assertIn("0 passed, 0 inconclusive, 1 excepted, 0 differ; 0 of 1 not asked for", said)
        self.assertIn("came to PASSED", verify("good", 0))
        self.hpo("audit", "f.lua", "good", "--sample", 1)
        said = verify("good", 0)
        self.assertIn("came to WARNED", said)
        self.assertIn("1 passed, 0 inconclusive, 0 excepted, 0 differ; 1 of 2 not asked for", said)
        path = self.folder / "out/f/audit/good.intoto.jsonl"
        self.sign(path, lambda s: s["predicate"].update(warnedTests=["x\ny"]))
        self.assertIn("could not make everything again; warnings: x\\u000Ay\n", verify("good", 5))
        self.sign(path, lambda s: s["predicate"].update(warnedTests=[], result="FAILED"))
        self.assertIn("what a searcher or a scheduler answers", verify("good", 3))
        self.sign(path, lambda s: s["predicate"].update(result="PASSED", failedTests=list("abcdefgh")))
        self.assertIn("differences: a, b, c, d, e, f and 2 more", verify("good", 3))
        self.sign(path, lambda s: s["predicate"].update(result="GREAT"))
        self.assertIn("expected PASSED, WARNED or FAILED", verify("good", 2))

    def test_against_a_statement(self):
        """Made here, audited where nothing but recipe, sources and the statement are: another layout."""
        out = self.signed()
        there = self.folder / "there/deep"
        there.mkdir(parents=True)
        for name in ("r.lua", "train.sh"):
            shutil.copy(self.folder / name, there)
        shutil.copytree(out, self.folder / "theirs")
        audit = lambda status: json.loads(self.hpo("audit", there / "r.lua", "--against", "theirs/default.intoto.jsonl",
                                                   "--cache", there / "store", "--out", there / "out", "--json", status=status)[0] or "{}")
        found = audit(0)
        self.assertEqual(found["identical"], len(found["nodes"]))
        self.assertTrue((self.folder / "theirs/audit/default.intoto.jsonl").exists())
        nodes = self.folder / "theirs/default.nodes.jsonl"
        nodes.write_text(nodes.read_text().replace('"loss": ', '"loss": 1'))
        audit(3)  # not the file that the statement names
        nodes.unlink()
        said = self.hpo("audit", there / "r.lua", "--against", "theirs/default.intoto.jsonl", "--cache", there / "store", "--out", there / "out", status=2)[1]
        self.assertIn("theirs/default.nodes.jsonl: there is no such file: it lists", said)
        self.assertIn("copy default.nodes.jsonl from where", said)
        shutil.copy(out / "default.nodes.jsonl", nodes)
        (there / "train.sh").write_text(TRAINER + "#\n")
        audit(2)
        (there / "train.sh").write_text(TRAINER)
        (there / "r.lua").write_text(RECIPE + "-- another\n")
        audit(2)

    def test_against_a_lie(self):
        """A statement that holds, of what was never made: the files are the liar's, and so is the list of nodes."""
        self.write("l.lua", 'local hpo = require "hpo"\nreturn { m = hpo.command { run = { "/bin/sh", "-c", "echo 1 > o" }, outputs = { "o" } } }')
        self.hpo("key")
        self.hpo("build", "l.lua")
        digest = lambda path: {"sha256": hashlib.sha256((self.folder / path).read_bytes()).hexdigest()}
        node = json.loads(self.read("out/l/m.nodes.jsonl"))
        self.write("out/l/m.nodes.jsonl", json.dumps({**node, "outputs": 64 * "0", "name": "m\n9 identical"}) + "\n")
        file, = [p for p in (self.folder / "out/l").rglob("*") if p.is_file() and p.suffix != ".jsonl" and p.read_text() == "1\n"]
        file.write_text("2\n")

        def lie(s):
            s["subject"][0]["digest"] = digest(file)
            s["predicate"]["runDetails"]["byproducts"][0]["digest"] = digest("out/l/m.nodes.jsonl")

        self.sign(self.folder / "out/l/m.intoto.jsonl", lie)
        self.hpo("verify", "out/l/m.intoto.jsonl", "--recipe", "l.lua")
        self.assertIn("m\\u000A9 identical: differs", self.hpo("audit", "l.lua", "--against", "out/l/m.intoto.jsonl", "--sandbox", "off", status=3)[0])

    # ---- others' tools ----

    def others(self):
        try:
            import in_toto_attestation.v1.statement  # noqa: F401
            from securesystemslib.signer import SSlibKey  # noqa: F401
        except ImportError:
            self.skipTest("SKIP: securesystemslib and in-toto-attestation come with tools/install-tests")

    def check(self, path, public):
        """The payload, once securesystemslib has checked the signature and in-toto the form."""
        import in_toto_attestation.v1.statement_pb2 as pb
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
        from google.protobuf.json_format import ParseDict
        from in_toto_attestation.v1.statement import Statement
        from securesystemslib.dsse import Envelope
        from securesystemslib.signer import SSlibKey
        key = SSlibKey.from_crypto(load_pem_public_key(public.encode()))
        envelope = Envelope.from_dict(json.loads(path.read_text()))
        self.assertEqual(list(envelope.verify([key], 1)), [key.keyid])
        self.assertEqual(json.loads(path.read_text())["signatures"][0]["keyid"], key.keyid)
        payload = json.loads(envelope.payload)
        Statement.copy_from_pb(ParseDict(payload, pb.Statement())).validate()
        return payload

    def test_read_by_others(self):
        self.others()
        import in_toto_attestation.predicates.provenance.v1.provenance_pb2 as provenance
        import in_toto_attestation.predicates.test_result.v0.test_result_pb2 as test_result
        from google.protobuf.json_format import ParseDict
        from securesystemslib.exceptions import VerificationError
        out = self.signed()
        public = self.hpo("key")[0]
        self.hpo("audit", "r.lua", "made")
        ParseDict(self.check(out / "made.intoto.jsonl", public)["predicate"], provenance.Provenance())
        ParseDict(self.check(out / "audit/made.intoto.jsonl", public)["predicate"], test_result.TestResult())
        self.forge(out / "made.intoto.jsonl", lambda s: s["subject"].pop())
        with self.assertRaises(VerificationError):
            self.check(out / "made.intoto.jsonl", public)


if __name__ == "__main__":
    unittest.main()
