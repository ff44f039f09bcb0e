"""hpo-trainer on a GPU, or on what stands for one: transformers' fixtures, the processor's bits in fp32, golden digests of
16 bits, identities, and what is said when a card cannot be used."""
import hashlib
import itertools
import json
import subprocess
import unittest

import trainer_fixtures_test
import trainer_library_test
from case import BIN, LONG
from trainer_protocol_test import GOLDEN, GPT2, Small, flags

HERE = json.loads(subprocess.run([BIN / "hpo-trainer", "devices", "--json"], stdout=subprocess.PIPE, check=True).stdout)


class OnCuda:
    """Everything runs with --backend cuda, where the build and the machine have it."""
    long = ()  # tests of the long form alone

    @classmethod
    def setUpClass(cls):
        if "cuda" not in HERE["backends"]:
            print(f"SKIP {cls.__name__}: this build has no CUDA")
            raise unittest.SkipTest("this build has no CUDA")
        super().setUpClass()

    def setUp(self):
        if not LONG and self._testMethodName in self.long:
            self.skipTest("in the long form")
        super().setUp()
        self.environment.update(HPO_BACKEND="cuda")
        for name in [n for n in self.environment if n.startswith("HPO_EMULATION")]:
            del self.environment[name]
        cuda = self.devices()["cuda"]
        if cuda["why"] or not cuda["devices"][0]["usable"]:
            self.skip(cuda["why"] or cuda["devices"][0]["why"])
        self.emulated = cuda["devices"][0]["name"] == "emulated device"

    def only_emulated(self):
        if not self.emulated:
            self.skip("needs an emulated device")


class Fixtures(OnCuda):
    def test_same_bits(self):
        """The processor's, in fp32."""
        name = self.names[-1]
        case = self.fixture(f"{name}/forward.json")[0]
        self.write("batch.json", json.dumps({k: case[k] for k in ("input_ids", "attention_mask", "labels")}))
        model, seen = self.shared(f"fixtures/{name}/model"), set()
        for backend in ("cpu", "cuda"):
            answer = self.run_trainer("forward", "--model", model, "--batch", "batch.json", "--backend", backend,
                                      "--gradients", "g.safetensors")[0]
            seen.add((answer, (self.folder / "g.safetensors").read_bytes()))
        self.assertEqual(len(seen), 1)

    def test_train_in_fp16(self):
        for name, model in self.each():
            reference, lines = self.train(name, model, f"{name}-out", "--precision", "fp16", "--loss-scale", 128)
            for got, want in zip([line["eval_loss"] for line in lines if "t" in line], reference["evals"], strict=True):
                self.near(got, want["eval_loss"], 1e-2, name)

    def test_order_of_the_data(self):
        pass  # no backend has part in it


class Bloom(Fixtures, trainer_fixtures_test.Bloom):
    # Training in fp32 has the processor's bits: see Training.
    long = ("test_train", "test_train_in_bf16", "test_train_in_fp16", "test_generate")
    names = trainer_fixtures_test.Bloom.names if LONG else ["bloom-answer"]


class Gpt2(Fixtures, trainer_fixtures_test.Gpt2):
    long = ("test_train", "test_train_in_bf16")
    made = trainer_fixtures_test.Gpt2.made if LONG else {"gpt2": []}
    names = list(made)


class LibraryBloom(OnCuda, trainer_library_test.Bloom):
    """Variants of models against the library itself."""
    long = ("test_they_read_what_we_write", "test_they_read_a_fresh_model")


class LibraryGpt2(OnCuda, trainer_library_test.Gpt2):
    long = LibraryBloom.long


class Training(OnCuda, Small):
    def digest(self, out):
        tree = self.tree(out)
        return hashlib.sha256((tree["model.safetensors"] + tree["optimizer.safetensors"]).encode()).hexdigest()[:16]

    def setUp(self):
        super().setUp()
        self.make_model(GPT2, "gpt2")

    def test_checkpoints_of_the_processor(self):
        """Byte for byte, in fp32: with and without windows and clipping, whole and cut."""
        runs = itertools.product(("model", "gpt2"), (1, 2), (0, 0.5)) if LONG else (("model", 2, 0.5), ("gpt2", 1, 0))
        for model, accumulate, clip in runs:
            with self.subTest(f"{model} {accumulate} {clip}"):
                name = f"{model}-{accumulate}-{clip}"
                options = dict(model=model, accumulate=accumulate, max_grad_norm=clip, epochs=2)
                self.train(f"{name}-cpu", backend="cpu", **options)
                self.train(f"{name}-cuda", **options)
                self.assertEqual(self.tree(f"{name}-cuda"), self.tree(f"{name}-cpu"))
                self.train(f"{name}-first", until=1, **options)
                self.train(f"{name}-second", from_=f"{name}-first", **options)
                self.assertEqual(self.tree(f"{name}-second"), self.tree(f"{name}-cpu"))

    def test_golden(self):
        """When this fails, a bit changed: see trainer/numerics.h."""
        self.only_emulated()
        for precision in ("fp32", "bf16", "fp16"):
            digests = []
            for model in ("model", "gpt2"):
                self.train(f"{model}-{precision}", model=model, accumulate=2, precision=precision)
                digests.append(self.digest(f"{model}-{precision}"))
            version = self.answers("fingerprint", "--precision", precision)[0]["numerics"]
            wanted = GOLDEN[version]["fp32"][::3] if precision == "fp32" else EMULATED[version][precision]
            self.assertEqual(digests, wanted, precision)

    def test_company_and_cuts_in_16_bits(self):
        for precision in ("bf16", "fp16"):
            options = dict(precision=precision, model="gpt2", epochs=2)
            self.train(f"{precision}-whole", **options)
            self.train(f"{precision}-first", until=1, **options)
            self.train(f"{precision}-second", from_=f"{precision}-first", **options)
            self.assertEqual(self.tree(f"{precision}-second"), self.tree(f"{precision}-whole"))

    def test_the_order_of_threads(self):
        self.only_emulated()
        trees = set()
        for order in ("forward", "backward", "shuffled"):
            self.environment["HPO_EMULATION_ORDER"] = order
            self.train(order, epochs=1, precision="fp16")
            trees.add(json.dumps(self.tree(order)))
        self.assertEqual(len(trees), 1)


class Identity(OnCuda, Small):
    def setUp(self):
        super().setUp()
        self.only_emulated()

    def fingerprint(self, precision, *words):
        return self.answers("fingerprint", "--precision", precision, *words)[0]

    def test_fingerprint(self):
        fp32 = {"numerics": 3, "precision": "fp32"}
        self.assertEqual(self.fingerprint("fp32"), fp32)
        self.assertEqual(self.fingerprint("fp32", "--backend", "cpu"), fp32)
        for precision in ("bf16", "fp16"):
            self.assertEqual(self.fingerprint(precision), {"numerics": 3, "precision": precision, "class": "emulated", "sms": 4, "cublaslt": "13.1.0"})
        self.assertEqual(self.fingerprint("bf16", "--backend", "cpu", "--bf16", "dot"), {"numerics": 3, "precision": "bf16", "order": "dot"})
        self.refuses("only --backend cpu has one", "fingerprint", "--precision", "bf16", "--bf16", "dot")

    def test_a_file_says_it(self):
        """Also where no card is."""
        there = {"numerics": 3, "precision": "bf16", "class": "sm_90", "sms": 132, "cublaslt": "13.1.0"}
        self.write("id.json", json.dumps(there) + "\n")
        self.environment["HPO_EMULATION_DRIVER"] = "0"
        self.assertEqual(self.fingerprint("bf16", "--gpu-identity", "id.json"), there)
        self.environment["HPO_GPU_IDENTITY"] = str(self.folder / "id.json")
        self.assertEqual(self.fingerprint("fp16"), {**there, "precision": "fp16"})
        self.assertEqual(self.fingerprint("fp32"), {"numerics": 3, "precision": "fp32"})
        self.refuses("--gpu-identity: only bf16 and fp16 on --backend cuda have one, this is fp32 on cuda",
                     "fingerprint", "--gpu-identity", "id.json")

    def test_bad_files(self):
        good = {"numerics": 3, "precision": "bf16", "class": "sm_90", "sms": 132, "cublaslt": "13.1.0"}
        for message, text in (
                ("cannot open", None),
                ("id.json:1", "{"),
                ("numerics: expected", json.dumps({**good, "numerics": "x"})),
                ("is of numerics version 2, this hpo-trainer has version 3", json.dumps({**good, "numerics": 2})),
                ('precision: expected bf16 or fp16, which alone name a card, found "fp32"', json.dumps({**good, "precision": "fp32"})),
                ("class: expected a short word", json.dumps({**good, "class": "x" * 40})),
                ("sms: expected", json.dumps({**good, "sms": 0})),
                ("cublaslt: expected", json.dumps({k: v for k, v in good.items() if k != "cublaslt"}))):
            with self.subTest(message):
                if text is not None:
                    self.write("id.json", text)
                err = self.refuses(message, "fingerprint", "--precision", "bf16", "--gpu-identity", "id.json")
                self.assertIn("the GPU's identity: id.json", err)
                self.assertIn("\n  where the card is: hpo-trainer fingerprint", err)

    def test_another_card_is_refused(self):
        self.write("id.json", json.dumps({"numerics": 3, "precision": "bf16", "class": "sm_90", "sms": 132, "cublaslt": "13.1.0"}))
        self.write("batch.json", json.dumps({"input_ids": [[1, 2]], "attention_mask": [[1, 1]], "labels": [[1, 2]]}))
        message = "this is another GPU: expected class sm_90, 132 SMs, cuBLASLt 13.1.0 (id.json), found class emulated, 4 SMs, cuBLASLt 13.1.0"
        for command in (["train", *flags({"--out": "o"})], ["evaluate", "--model", "model", "--data", "data"],
                        ["forward", "--model", "model", "--batch", "batch.json"]):
            self.refuses(f"--gpu-identity: {message}", *command, "--precision", "bf16", "--gpu-identity", "id.json")
        self.environment["HPO_GPU_IDENTITY"] = "id.json"
        self.refuses(f"HPO_GPU_IDENTITY: {message}", "train", *flags({"--out": "o", "--precision": "fp16"}))
        self.run_trainer("forward", "--model", "model", "--batch", "batch.json")  # fp32 is the same everywhere
        self.run_trainer("forward", "--model", "model", "--batch", "batch.json", "--backend", "cpu", "--precision", "bf16")
        self.write("id.json", json.dumps(self.fingerprint("bf16", "--gpu-identity", str(self.own()))))
        self.train("o", precision="fp16", epochs=1)

    def own(self):
        del self.environment["HPO_GPU_IDENTITY"]
        path = self.write("own.json", json.dumps(self.fingerprint("bf16")))
        self.environment["HPO_GPU_IDENTITY"] = "id.json"
        return path

    def test_cards_that_differ(self):
        self.environment.update(HPO_EMULATION_DEVICES="2", HPO_EMULATION_CLASS="90,75")
        self.refuses("bf16 needs sm_80 or newer, this card is sm_75", "fingerprint", "--precision", "bf16")
        self.assertEqual(self.fingerprint("fp16")["class"], "emulated")


class Devices(OnCuda, Small):
    def setUp(self):
        super().setUp()
        self.only_emulated()

    def test_json(self):
        self.environment.update(HPO_EMULATION_DEVICES="2", HPO_EMULATION_CLASS="90,70", HPO_EMULATION_MEMORY="8000000000")
        out = self.run_trainer("devices", "--json")[0]
        self.assertEqual(out.count("\n"), 1)
        answer = json.loads(out)
        self.assertEqual(answer["backends"], ["cpu", "cuda"])
        self.assertEqual(set(answer["cpu"]), {"instructions", "processors", "available_memory"})
        cuda = answer["cuda"]
        self.assertEqual((cuda["driver"], cuda["cublaslt"], cuda["why"]), ("580.95.05", "13.1.0", None))
        self.assertEqual(cuda["devices"][0], {
            "index": 0, "uuid": "GPU-00000000-0000-0000-0000-000000000001", "name": "emulated device", "class": "sm_90", "sms": 4,
            "memory": 8000000000, "free": 8000000000, "usable": True, "why": None})
        self.assertEqual((cuda["devices"][1]["usable"], cuda["devices"][1]["class"]), (False, "sm_70"))
        self.environment["HPO_EMULATION_MIG"] = "1"
        self.assertEqual(self.devices()["cuda"]["devices"][0]["uuid"], "MIG-00000000-0000-0000-0000-000000000001")

    def test_why(self):
        """A sentence for each, the same when the card is opened: exit 2, before anything is read."""
        for name, value, message in (
                ("DRIVER", "0", "there is no NVIDIA driver: CUDA 13.0 needs 580 or newer"),
                ("DRIVER", "12020", "the NVIDIA driver 535.54.03 is too old: it has CUDA 12.2"),
                ("DEVICES", "0", "this process sees no card"),
                ("CLASS", "70", "device 0 (emulated device) is sm_70: sm_75 is the oldest that hpo can use"),
                ("CLASS", "130", "device 0 (emulated device) is sm_130: this build has machine code for sm_75"),
                ("MODE", "exclusive", "device 0 (emulated device) is in exclusive use by another process")):
            with self.subTest(message):
                self.environment[f"HPO_EMULATION_{name}"] = value
                cuda = self.devices()["cuda"]
                self.assertIn(message, cuda["why"] or cuda["devices"][0]["why"])
                self.assertIn(message, self.run_trainer("devices")[0])
                self.refuses(message, "forward", "--model", "nowhere", "--batch", "nowhere")
                del self.environment[f"HPO_EMULATION_{name}"]
        for mode, message in (("lost", "has fallen off the bus"), ("broken", "no spare"), ("prohibited", "compute mode is prohibited")):
            self.environment["HPO_EMULATION_MODE"] = mode
            self.assertIn(message, self.devices()["cuda"]["devices"][0]["why"])

    def test_before_anything_is_read(self):
        self.environment["HPO_EMULATION_CLASS"] = "75"
        nowhere = flags({"--model": "nowhere", "--data": "nowhere", "--out": "o", "--precision": "bf16"})
        self.assertIn("\n  --precision fp16 or fp32\n", self.refuses(
            "bf16 needs sm_80 or newer, this card is sm_75 (emulated device)", "train", *nowhere))
        self.train("o", precision="fp16", epochs=1)

    def test_libraries(self):
        self.environment["HPO_CUDA_LIBRARIES"] = "/nowhere"
        cuda = self.devices()["cuda"]
        self.assertEqual((cuda["cublaslt"], cuda["nccl"], cuda["devices"][0]["usable"]), (None, None, True))
        self.assertIn("no cuBLASLt (bf16 and fp16 need it)", self.run_trainer("devices")[0])
        self.refuses("libcublasLt.so.13 is not found in HPO_CUDA_LIBRARIES=/nowhere", "train", *flags({"--out": "o", "--precision": "fp16"}))

    def test_failures(self):
        """What a card says in the middle of a training has a status of its own."""
        for error, status, message in ((214, 76, "device 0 (emulated device, GPU-00000000-0000-0000-0000-000000000001): "), (719, 1, "unspecified launch failure"), (2, 75, "out of memory")):
            self.environment.update(HPO_EMULATION_FAIL="300", HPO_EMULATION_ERROR=str(error))
            err = self.run_trainer("train", *flags({"--out": "o"}), status=status)[1]
            self.assertIn(message, err)
            self.assertFalse((self.folder / "o/trainer_state.json").exists())
        del self.environment["HPO_EMULATION_FAIL"]
        self.environment["HPO_EMULATION_MEMORY"] = "100000"
        self.refuses("bytes of the device's memory, it has 100000", "train", *flags({"--out": "o"}))


class WithoutCuda(Small):
    def test_devices(self):
        """Any build says what it has, and goes on."""
        answer = self.devices()
        if "cuda" in answer["backends"]:
            self.skip("this build has CUDA")
        self.assertEqual(answer["cuda"], {"driver": None, "cublaslt": None, "nccl": None, "why": "this build of hpo-trainer has no CUDA", "devices": []})
        self.assertIn("this build of hpo-trainer has no CUDA", self.run_trainer("devices")[0])
        self.refuses("--backend: this build does not have cuda", "train", *flags({"--out": "o", "--backend": "cuda"}))
        self.environment["HPO_BACKEND"] = "cuda"
        self.refuses("HPO_BACKEND: this build does not have cuda", "fingerprint")


EMULATED = {3: {"bf16": ["06911e47552e4b1d", "08e51c2b16d0cb1f"], "fp16": ["55f41c04494a593d", "ba89ba30219cbb6b"]}}

if __name__ == "__main__":
    unittest.main()
