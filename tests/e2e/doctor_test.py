"""hpo doctor: one screen of what this machine offers and lacks, each lack with what to do."""
import json
import shutil
import unittest

from case import BIN, Case, uuid


class Doctor(Case):
    def findings(self, *arguments):
        return {f["name"]: f for f in json.loads(self.hpo("doctor", "--json", *arguments)[0])["findings"]}

    def screen(self, *arguments):
        """What it shows; every line fits, and what is lacking says what to do."""
        text = self.hpo("doctor", *arguments)[0]
        for line in text.splitlines():
            self.assertLessEqual(len(line), 80, line)
        return text

    def test_one_screen(self):
        self.make_cards("NVIDIA H100 80GB HBM3", "NVIDIA A100-SXM4-40GB")
        text = self.screen()
        self.assertLessEqual(len(text.splitlines()), 30)
        for word in ("hpo-trainer", "git", "python3", "store", "copies", "driver", "NVIDIA 580.95.05", "CUDA", "2, of which builds use 2",
                     "card 0", "NVIDIA H100 80GB HBM3", uuid(0), "card 1", uuid(1), "isolation"):
            self.assertIn(word, text)

    def test_it_says_the_same_to_programs(self):
        answer = self.hpo("doctor", "--json")[0]
        self.assertEqual(len(answer.splitlines()), 1)
        for f in json.loads(answer)["findings"]:
            self.assertEqual(set(f), {"name", "found", "do"})
            self.assertIn(f"{'!' if f['do'] else ' '} {f['name']}", self.screen())

    def test_the_key(self):
        self.environment.update(XDG_CONFIG_HOME=str(self.folder / "config"), HPO_KEY_FILE="")
        self.assertIn("key          none: builds sign nothing (hpo key makes one)", self.screen())
        said = self.hpo("key")[1]
        self.assertIn(f"key          {said.split('key ')[1].split(':')[0]}: builds sign with it", self.screen())
        (self.folder / "config/hpo/key.pem").chmod(0o644)
        self.assertIn("! key          cannot be used", self.screen())

    def test_it_makes_nothing(self):
        self.hpo("doctor")
        self.assertEqual(list(self.folder.iterdir()), [])
        self.hpo("doctor", "--cache", "deep/in/the/woods")
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_machine_without_cards(self):
        found = self.findings()
        self.assertIn("none", found["driver"]["found"])
        self.assertTrue(found["driver"]["do"])
        self.assertNotIn("GPUs", found)

    def test_what_builds_use(self):
        self.make_cards("NVIDIA L4", "NVIDIA L4", "NVIDIA L4")
        self.environment["CUDA_VISIBLE_DEVICES"] = "1,2"
        self.assertIn("3, of which builds use 2", self.screen())
        cards = json.loads(self.hpo("doctor", "--json", "--gpus", "2,")[0])["cards"]
        self.assertEqual([c["slots"] for c in cards], [0, 0, 1])
        self.assertEqual(self.screen("--gpus", "2:3").count("left out by --gpus or CUDA_VISIBLE_DEVICES"), 2)
        self.assertIn("3 slots", self.screen("--gpus", "2:3"))
        self.assertEqual(cards[0]["bus"], "0000:00:00.0")
        found = self.findings("--gpus", "7,")["GPUs"]
        self.assertIn("there is no card 7", found["do"])
        self.environment["CUDA_VISIBLE_DEVICES"] = ""
        self.assertIn("names no card", self.findings()["GPUs"]["do"])

    def test_a_card_that_cannot_be_opened(self):
        self.make_cards("NVIDIA L4", "NVIDIA L4")
        (self.folder / "nvidia/dev/nvidia1").unlink()
        (self.folder / "nvidia/dev/nvidia1").mkdir()
        self.assertIn("cannot open", self.screen())
        self.assertIn("2, of which builds use 1", self.screen())

    def trainer(self, script):
        (self.folder / "bin").mkdir()
        shutil.copy(BIN / "hpo", self.folder / "bin/hpo")
        self.write("bin/hpo-trainer", "#!/bin/sh\n" + script, 0o755)
        self.program = self.folder / "bin/hpo"

    def test_what_the_trainer_says(self):
        self.make_cards("NVIDIA H100 80GB HBM3")
        device = {"index": 0, "uuid": uuid(0), "class": "sm_90", "memory": 85e9, "free": 84e9, "usable": True, "why": None}
        self.trainer(f"""[ "$1" = devices ] && echo '{json.dumps({"cuda": {"cublaslt": "13.1.0", "nccl": None, "why": None, "devices": [device]}})}'\n""")
        found = self.findings()
        self.assertIn("cuBLASLt 13.1.0, NCCL none", found["CUDA"]["found"])
        self.assertIn("HPO_CUDA_LIBRARIES", found["CUDA"]["do"])
        self.assertIn("NVIDIA H100 80GB HBM3, sm_90, 84 of 85 GB free", self.screen())

    def test_a_trainer_that_says_nothing(self):
        self.trainer("echo 'hpo-trainer: --json: no such flag' >&2; exit 2\n")
        self.assertIn("--json: no such flag", self.findings()["CUDA"]["do"])

    def test_without_programs(self):
        self.trainer("exit 1\n")
        (self.folder / "bin/hpo-trainer").unlink()
        self.environment["PATH"] = str(self.folder)
        found = self.findings()
        for name in ("hpo-trainer", "git", "python3"):
            self.assertEqual(found[name]["found"], "is not found")
            self.assertTrue(found[name]["do"])


if __name__ == "__main__":
    unittest.main()
