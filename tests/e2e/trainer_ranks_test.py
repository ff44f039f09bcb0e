"""hpo-trainer train with ranks, on emulated devices: any number of them and any ZeRO stage, cut anywhere, the bits of one;
a rank that fails, hangs or finds no memory ends the run with one sentence."""
import itertools
import re
import signal
import subprocess
import time
import unittest

from case import BIN, LONG
from trainer_protocol_test import CONFIG, GPT2, Small, flags

ROUNDED = 64 * 4  # bytes that a shard is rounded up to
PAIRS = list(itertools.product((2, 3, 4), range(4))) if LONG else [(2, 0), (3, 1), (4, 2), (3, 3)]  # ranks, stage


class Ranks(Small):
    """Windows of 12 examples and one of 3: in the last some ranks have nothing to do, in a micro-batch or in all."""

    def setUp(self):
        super().setUp()
        self.environment.update(HPO_BACKEND="cuda", HPO_EMULATION_DEVICES="4")
        self.make_data(15, 5)

    def train(self, out, **changes):
        """Its reports without what is measured, and what it said on standard error."""
        changes = {"batch_size": 1, "accumulate": 12, "eval_batch_size": 2, "epochs": 2, "log_steps": True, **changes}
        named = {"--" + name.strip("_").replace("_", "-"): value for name, value in changes.items()}
        words = [str(BIN / "hpo-trainer"), "train", *map(str, flags({"--out": out, **named}))]
        done = subprocess.run(words, cwd=self.folder, env=self.environment, capture_output=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return re.sub(r', "info".*', "", done.stdout.decode()), done.stderr.decode()

    def check_all(self, pairs, **changes):
        """Each pair of (ranks, stage) trains an epoch, the next goes on from its checkpoint."""
        first = self.train("one/1", until=1, **changes)[0]
        second = self.train("one/2", _from="one/1", **changes)[0]
        wanted = [(first, self.tree("one/1")), (second, self.tree("one/2"))]
        for (ranks, zero), (then, and_zero) in zip(pairs, pairs[1:] + pairs[:1]):
            name = f"{ranks}-{zero}"
            got = [self.train(f"{name}/1", until=1, ranks=ranks, zero=zero, **changes)[0], self.tree(f"{name}/1")]
            self.assertEqual(tuple(got), wanted[0], name)
            got = [self.train(f"{name}/2", _from=f"{name}/1", ranks=then, zero=and_zero, **changes)[0], self.tree(f"{name}/2")]
            self.assertEqual(tuple(got), wanted[1], f"{name}, then {then}-{and_zero}")

    def test_every_number_and_stage(self):
        self.check_all(PAIRS)
        del self.environment["HPO_BACKEND"]
        self.train("cpu/1", until=1)
        self.assertEqual(self.tree("cpu/1"), self.tree("one/1"))

    def test_half_precision(self):
        self.check_all(PAIRS if LONG else [(4, 3)], precision="bf16")

    def test_rows_with_padding(self):
        """Widths that are no multiple of 8: what pads a row reaches no norm, whoever's gradient lay there before."""
        self.make_model({**CONFIG, "hidden_size": 36}, "odd")
        self.check_all(PAIRS if LONG else [(3, 3)], precision="bf16", model="odd", max_grad_norm=0.5)

    def test_loss_scale_of_fp16(self):
        """It grows and halves with the steps: part of what a cut must not change."""
        self.check_all(PAIRS if LONG else [(2, 1)], precision="fp16", lr="0.05")

    def test_another_family(self):
        """Embeddings of positions, a head of its own, no clipping, a mean for each micro-batch."""
        self.make_model({**GPT2, "tie_word_embeddings": False}, "gpt2")
        self.check_all(PAIRS if LONG else [(2, 2)], model="gpt2", max_grad_norm=0, loss_mean="rank")

    def test_ranks_on_one_device(self):
        """NCCL refuses that: bytes move by copies."""
        self.environment.update(HPO_RANKS_SHARE="1", HPO_EMULATION_DEVICES="1")
        self.check_all(PAIRS if LONG else [(2, 3), (3, 0)])

    def test_ranks_go_on(self):
        """A run that is asked to train on, to save and stay, to end."""
        words = [str(BIN / "hpo-trainer"), "train", *map(str, flags({"--batch-size": 1, "--accumulate": 12, "--epochs": 4}))]
        results = []
        for ranks, zero in ((1, None), (3, 3)):
            folder = self.folder / f"more-{ranks}"
            folder.mkdir()
            environment = {**self.environment, "HPO_UNTIL": "1", "HPO_CHECKPOINT_OUT": str(folder), "HPO_MORE": "1",
                           "HPO_RANKS": str(ranks), **({"HPO_ZERO": str(zero)} if zero else {})}
            said = '{"save": "t1"}\n{"until": 2}\n{"end": "save"}\n'
            done = subprocess.run(words, cwd=self.folder, env=environment, input=said.encode(), capture_output=True, timeout=120)
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            results.append((re.sub(rb', "info": {[^}]*}', b"", done.stdout), self.tree(f"more-{ranks}")))
        self.assertEqual(results[0], results[1])

    def test_states_are_divided(self):
        """A rank keeps 1/ranks of what the stage divides, rounded up to blocks of every tensor."""
        said = {zero: self.memory(2, zero) for zero in range(4)}
        tensors = 60  # no fewer than there are
        whole, sharded = said[0]["whole"], said[3]["states"]
        self.assertEqual(said[3]["whole"], 0)
        self.assertGreater(whole, 2 * sharded - 5 * tensors * ROUNDED)
        for zero, parts in ((1, 4), (2, 4), (3, 4)):  # values, two moments, sums
            values = said[zero]["states"] / parts
            self.assertLessEqual(abs(values - whole / 4 / 2), tensors * ROUNDED, said[zero])
        self.assertEqual(said[2]["whole"] * 2, said[1]["whole"])  # without the gradients of a micro-batch
        self.assertGreater(said[2]["bucket"], 0)
        self.assertGreater(said[3]["gathered"], 0)

    def memory(self, ranks, zero):
        err = self.train(f"m{zero}", ranks=ranks, zero=zero, epochs=1)[1]
        found = re.search(r"states (\d+) bytes, whole (\d+), gathered weights (\d+), largest bucket (\d+)", err)
        return dict(zip(("states", "whole", "gathered", "bucket"), map(int, found.groups())))

    def test_wrong_numbers(self):
        self.refuses("--accumulate: expected a multiple of the 5 ranks", "train", *flags({"--accumulate": 12, "--ranks": 5, "--out": "o"}))
        self.refuses("--zero: is 2, but there is one rank", "train", *flags({"--zero": 2, "--out": "o"}))
        self.refuses("--zero: expected a whole number from 0 to 3, found", "train", *flags({"--zero": 4, "--out": "o"}))
        self.refuses("--ranks: is 2, but only --backend cuda has ranks", "train",
                     *flags({"--ranks": 2, "--accumulate": 2, "--backend": "cpu", "--out": "o"}))
        self.refuses("libnccl.so.2 is not found in HPO_CUDA_LIBRARIES=/nowhere", "train",
                     *flags({"--ranks": 2, "--accumulate": 2, "--out": "o"}), environment={"HPO_CUDA_LIBRARIES": "/nowhere"})

    def refuses(self, message, *arguments, environment=None, **keywords):
        before = dict(self.environment)
        self.environment.update(environment or {})
        super().refuses(message, *arguments, **keywords)
        self.environment = before
        self.assertFalse((self.folder / "o/model.safetensors").exists())


class Failures(Ranks):
    """One sentence of the rank that failed; nothing that looks like a checkpoint."""

    def fails(self, status, pattern, ranks=3, zero=3, **environment):
        words = [str(BIN / "hpo-trainer"), "train",
                 *map(str, flags({"--out": "out", "--batch-size": 1, "--accumulate": 12, "--ranks": ranks, "--zero": zero}))]
        done = subprocess.run(words, cwd=self.folder, env={**self.environment, **environment}, capture_output=True, timeout=60)
        err = done.stderr.decode()
        self.assertEqual(done.returncode, status, err)
        self.assertRegex(err, rf"^(hpo-trainer: each of .*\n)?hpo-trainer: {pattern}.*\n(  .*\n)?$")
        self.assertFalse((self.folder / "out/model.safetensors").exists())

    def test_a_call_that_fails(self):
        said = r"(rank \d: )?(cuda|device \d.*): .*(unknown|unhandled cuda) error"
        for n in range(20, 3000, 7) if LONG else (40, 2500):
            self.fails(1, said, HPO_EMULATION_FAIL=str(n))
        self.fails(1, said, HPO_EMULATION_FAIL="1500", HPO_RANKS_SHARE="1")

    def test_a_broken_card(self):
        self.fails(76, r"rank \d: device \d .emulated device, GPU-\S+: .*uncorrectable ECC error", HPO_EMULATION_FAIL="1500", HPO_EMULATION_ERROR="214")

    def test_a_rank_that_hangs(self):
        said = r"ranks: rank \d did not answer the others for 1 seconds"
        for n in (400, 1500):
            self.fails(1, said, HPO_EMULATION_HANG=str(n), HPO_RANK_SECONDS="1")

    def test_a_program_that_stands_still_is_late_for_nobody(self):
        words = [str(BIN / "hpo-trainer"), "train",
                 *map(str, flags({"--out": "out", "--batch-size": 1, "--accumulate": 12, "--ranks": 2, "--epochs": 8}))]
        process = subprocess.Popen(words, cwd=self.folder, env={**self.environment, "HPO_RANK_SECONDS": "2"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()  # an epoch is done
        process.send_signal(signal.SIGSTOP)
        time.sleep(3)
        process.send_signal(signal.SIGCONT)
        self.assertEqual((process.wait(), process.stderr.read().decode().splitlines()[1:]), (0, []))
        process.stdout.close()
        process.stderr.close()

    def test_a_failure_while_ranks_open(self):
        """What one has is read by others until all have ended."""
        for n in range(36, 52, 1 if LONG else 7):
            self.fails(76, "", ranks=2, zero=0, HPO_RANKS_SHARE="1", HPO_EMULATION_FAIL=str(n), HPO_EMULATION_ERROR="214")

    def test_no_memory(self):
        self.fails(2, r"(rank \d: )?cuda: needs \d+ bytes of the device's memory, it has 2000000", HPO_EMULATION_MEMORY="2000000")

    def test_no_communicator(self):
        self.fails(1, r"rank \d: device \d .*: NCCL: unhandled system error", HPO_EMULATION_NCCL="refuse")

    def test_interrupted(self):
        words = [str(BIN / "hpo-trainer"), "train", *map(str, flags({"--out": "out", "--batch-size": 1, "--accumulate": 4,
                                                                     "--ranks": 2, "--epochs": 100000, "--log-steps": True}))]
        with subprocess.Popen(words, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
            run.stdout.readline()
            time.sleep(0.2)
            run.send_signal(signal.SIGTERM)
            _, err = run.communicate(timeout=60)
        self.assertEqual(run.returncode, 130, err)
        self.assertIn(b"interrupted by SIGTERM", err)


def load_tests(loader, _, __):
    """What Ranks tests is not tested twice."""
    own = [name for name in loader.getTestCaseNames(Failures) if not hasattr(Ranks, name)]
    return unittest.TestSuite([loader.loadTestsFromTestCase(Ranks), *map(Failures, own)])


if __name__ == "__main__":
    unittest.main()
