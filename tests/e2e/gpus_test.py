"""GPUs of actions: which cards a process gets, what is refused, what the end of a process says of its cards. The cards are made
up, as are the programs on them."""
import re
import signal
import subprocess
import time
import unittest

from case import Case, uuid

HEAD = 'local hpo = require "hpo"\n'
SHOW = 'echo "$CUDA_VISIBLE_DEVICES $CUDA_DEVICE_ORDER" > x'
H100, A100 = "NVIDIA H100 80GB HBM3", "NVIDIA A100-SXM4-40GB"


def command(name, script, resources="gpus = 1", more=""):
    return (f'{name} = hpo.command {{ name = "{name}", run = {{ "sh", "-c", [[{script}]] }}, outputs = {{ "x" }}, '
            f"resources = {{ {resources} }}{', ' + more if more else ''} }}")


class Gpus(Case):
    def recipe(self, *commands):
        self.write("r.lua", HEAD + "return {\n" + ",\n".join(commands) + "\n}\n")

    def x(self, name):
        return self.read(f"out/r/{name}").strip()

    def refused(self, *arguments, recipe="r.lua"):
        """One sentence and what to do; nothing was started."""
        message = self.hpo("build", recipe, *arguments, status=2)[1]
        self.assertNotIn(" ran, ", message)
        self.assertLessEqual(len(message.strip().splitlines()), 2, message)
        return message

    # ---- which cards

    def test_a_process_is_told_its_cards_by_uuid(self):
        self.make_cards(H100, H100, H100)
        self.recipe(command("a", SHOW), command("b", SHOW + " # b", "gpus = 2"), command("c", SHOW + " # c", "cpus = 1"))
        self.build("r.lua", "-j1")
        self.assertEqual(self.x("a"), f"{uuid(0)} PCI_BUS_ID")
        self.assertEqual(self.x("b"), f"{uuid(0)},{uuid(1)} PCI_BUS_ID")
        self.assertEqual(self.x("c"), "")
        self.assertEqual(self.build("r.lua", "--gpus", "2,1")["ran"], 0)  # in no key

    def test_the_operator_chooses(self):
        self.make_cards(H100, H100, H100)
        for typed, expected in (("2,", [2]), (uuid(1), [1]), (uuid(2)[:7], [2]), ("1", [0]), ("1:3", [1])):
            self.recipe(command("a", f"{SHOW} # {typed}"))
            self.build("r.lua", "--gpus", typed)
            self.assertEqual(self.x("a"), ",".join(map(uuid, expected)) + " PCI_BUS_ID", typed)

    def test_the_callers_cards_are_the_bound(self):
        self.make_cards(H100, H100, H100)
        self.environment["CUDA_VISIBLE_DEVICES"] = f"2,{uuid(0)}"
        self.recipe(command("a", SHOW, "gpus = 2"))
        self.build("r.lua")
        self.assertEqual(self.x("a"), f"{uuid(2)},{uuid(0)} PCI_BUS_ID")
        self.recipe(command("a", SHOW + " # 3", "gpus = 3"))
        self.assertIn("it needs 3, there are 2", self.refused())
        self.assertIn("card 1 is none of those that CUDA_VISIBLE_DEVICES names", self.refused("--gpus", "1,"))
        self.assertIn("3 GPUs are asked for, there are 2", self.refused("--gpus", "3"))
        self.environment["CUDA_VISIBLE_DEVICES"] = ""
        self.assertIn("CUDA_VISIBLE_DEVICES is set where hpo was called, and names no card", self.refused())

    def test_a_part_of_a_card(self):
        self.make_cards(H100)
        self.environment["CUDA_VISIBLE_DEVICES"] = "MIG-11,MIG-22"
        self.recipe(command("a", SHOW))
        self.build("r.lua", "--gpus", "MIG-22")
        self.assertEqual(self.x("a"), "MIG-22 PCI_BUS_ID")
        self.recipe(command("a", SHOW, 'gpus = 1, gpu = "h100"'))
        self.assertIn('there is no "h100" among the cards of this build: MIG-11, MIG-22', self.refused())

    def test_more_than_64_cards(self):
        self.make_cards(*[H100] * 70)
        self.recipe(command("a", SHOW, "gpus = 70"))
        self.build("r.lua")
        self.assertEqual(self.x("a").count("GPU-"), 70)

    def test_slots_of_a_card_are_shared(self):
        """Three at once on one card; whoever wants the whole card waits for them."""
        self.make_cards(H100)
        meet = "touch {0}/$$-{1}; for i in $(seq 600); do [ $(ls {0} | grep -c -- -{1}) -ge 3 ] && break; sleep 0.05; done; " + SHOW
        (self.folder / "met").mkdir()
        self.recipe(*(command(f"t{i}", meet.format(self.folder / "met", "x") + f" # {i}") for i in range(3)))
        self.build("r.lua", "-j8", "--gpus", "0:3", "--sandbox", "off", timeout=60)
        self.assertEqual({self.x(f"t{i}") for i in range(3)}, {f"{uuid(0)} PCI_BUS_ID"})

    def test_several_gpus_are_whole_cards(self):
        """Nothing else is on a card that one of several GPUs has."""
        self.make_cards(H100, H100)
        alone = f"mkdir {self.folder}/lock || exit 1; sleep 0.2; rmdir {self.folder}/lock; " + SHOW
        one = f"[ -d {self.folder}/lock ] && exit 1; sleep 0.1; [ -d {self.folder}/lock ] && exit 1; " + SHOW
        self.recipe(*(command(f"two{i}", alone + f" # {i}", "gpus = 2") for i in range(2)),
                    *(command(f"one{i}", one + f" # {i}") for i in range(4)))
        self.build("r.lua", "-j8", "--gpus", "auto:2", "--sandbox", "off")
        self.assertEqual(self.x("two0"), f"{uuid(0)},{uuid(1)} PCI_BUS_ID")

    def test_its_cards_are_told_by_nobody_else(self):
        self.make_cards(H100)
        self.recipe(command("a", SHOW, more='env = { CUDA_VISIBLE_DEVICES = "5" }'))
        self.assertIn("hpo.command.env.CUDA_VISIBLE_DEVICES: it is told the cards that it gets", self.refused())

    def test_a_class_of_no_card(self):
        for asked in ("", "gpus = 0, "):
            self.recipe(command("a", SHOW, asked + 'gpu = "h100"'))
            self.assertIn("r.lua:3: hpo.command.resources.gpu: it is a class of GPU, and gpus is 0", self.refused())

    def test_a_class_is_the_cards(self):
        self.make_cards(A100, H100)
        self.recipe(command("a", SHOW, 'gpus = 1, gpu = "h100"'), command("b", SHOW, 'gpus = 1, gpu = "A100"'))
        self.build("r.lua", "-j4")
        self.assertEqual([self.x("a"), self.x("b")], [f"{uuid(1)} PCI_BUS_ID", f"{uuid(0)} PCI_BUS_ID"])

    # ---- what is refused

    def test_no_driver(self):
        self.recipe(command("a", SHOW))
        message = self.refused()
        self.assertIn("r.lua:3: resources.gpus: it needs 1, there are 0", message)
        self.assertIn("no NVIDIA driver is loaded here", message)
        self.assertIn("hpo doctor", message)

    def test_it_is_refused_before_anything_starts(self):
        """Though the action that asks for too much comes last; and only while it is not known."""
        self.make_cards(H100, H100)
        self.write("r.lua", HEAD + f'''
local first = hpo.command {{ run = {{ "sh", "-c", "echo 1 > x; echo 1 >> {self.folder}/started" }}, outputs = {{ "x" }} }}
return {{ default = hpo.command {{ run = {{ "sh", "-c", "cp first y" }}, inputs = {{ first = first }}, outputs = {{ "y" }}, resources = {{ gpus = 2 }} }} }}
''')
        self.assertIn("it needs 2, there is 1", self.refused("--gpus", "1", "--sandbox", "off"))
        self.assertFalse((self.folder / "started").exists())
        self.build("r.lua")
        self.environment["HPO_NVIDIA"] = str(self.folder / "none")
        self.assertEqual(self.build("r.lua")["ran"], 0)  # what is known needs no card

    def test_a_study_is_refused_before_its_first_trial(self):
        self.make_cards(H100)
        self.write("r.lua", HEAD + f'''
local slow = hpo.command {{ run = {{ "sh", "-c", "echo 1 > x; echo 1 >> {self.folder}/started" }}, outputs = {{ "x" }} }}
return {{ default = hpo.study {{ metric = "loss", search = hpo.search.grid {{}}, space = {{ x = hpo.choice {{ 1, 2 }} }}, scheduler = hpo.scheduler.fifo {{ max_t = 1 }},
  trial = function(p) return hpo.command {{ run = {{ "sh", "-c", "cat a" }}, inputs = {{ a = slow }}, resources = {{ gpus = 1, gpu = "h200" }} }} end }} }}
''')
        self.assertIn('resources.gpu: there is no "h200" among the cards of this build: NVIDIA H100 80GB HBM3', self.refused("--sandbox", "off"))
        self.assertFalse((self.folder / "started").exists())

    def test_bad_choices(self):
        self.make_cards(H100, H100)
        self.recipe(command("a", SHOW))
        for typed, message in (("3", "--gpus: 3 GPUs are asked for, there are 2"), ("2,", "--gpus: there is no card 2: expected one of card 0 (NVIDIA"),
                               ("0,0", "--gpus: card 0 is named twice"), (f"0,{uuid(0)}", "is named twice"),
                               ("GPU-ffff", "--gpus: there is no card GPU-ffff"), ("GPU-", "expected numbers of GPUs"),
                               ("0", "a number alone says how many GPUs"), ("0:0", "expected a whole number from 1 to 64"),
                               ("all", "expected numbers of GPUs")):
            self.assertIn(message, self.refused("--gpus", typed), typed)
        self.assertEqual(self.build("r.lua")["ran"], 1)

    def test_a_wrong_choice_is_refused_whatever_the_recipe_asks_for(self):
        self.recipe(command("a", SHOW, "cpus = 1"))
        self.assertIn("--gpus: 2 GPUs are asked for, there are 0", self.refused("--gpus", "2"))

    # ---- what the end of a process says of its cards

    def test_no_room_now_is_tried_again_without_retries(self):
        self.make_cards(H100)
        self.recipe(command("a", f'echo . >> {self.folder}/tries; [ $(wc -l < {self.folder}/tries) -lt 3 ] && exit 75; ' + SHOW))
        answer = self.build("r.lua", "--sandbox", "off")
        self.assertEqual((answer["ran"], answer["failed"]), (3, 0))
        self.assertEqual(answer["messages"].count("has no room for it now"), 1)
        self.assertIn(uuid(0), answer["messages"])
        self.assertGreaterEqual(answer["seconds"], 3)  # 1 s, then 2 s

    def test_no_room_now_goes_to_another_card_at_once(self):
        self.make_cards(H100, H100)
        self.recipe(command("a", f'case $CUDA_VISIBLE_DEVICES in {uuid(0)}) exit 75 ;; esac; ' + SHOW))
        answer = self.build("r.lua")
        self.assertLess(answer["seconds"], 1)
        self.assertEqual(self.x("a"), f"{uuid(1)} PCI_BUS_ID")

    def test_no_room_now_waits_for_the_end_of_another_on_the_card(self):
        self.make_cards(H100)
        self.recipe(command("big", f"touch {self.folder}/on; sleep 1; rm {self.folder}/on; " + SHOW),
                    command("late", f"sleep 0.3; [ -e {self.folder}/on ] && exit 75; " + SHOW))
        answer = self.build("r.lua", "-j4", "--gpus", "0:2", "--sandbox", "off")
        self.assertEqual(answer["ran"], 3)

    def test_it_gives_up(self):
        self.make_cards(H100)
        self.recipe(command("a", "exit 75", more="timeout = 2.5"))
        answer = self.build("r.lua", status=1)
        self.assertRegex(answer["messages"], r"failed: a: its card had no room for it [34] times in [0-9]+ s \(status 75\): fewer slots a card")

    def test_without_gpus_the_statuses_mean_nothing(self):
        self.recipe(command("a", "exit 75", "cpus = 1"), command("b", "exit 76", "cpus = 1"))
        answer = self.build("r.lua", "--keep-going", status=1)
        self.assertIn("failed: a: it ended with status 75", answer["messages"])
        self.assertIn("failed: b: it ended with status 76", answer["messages"])

    def test_a_broken_card_leaves_the_build_and_is_named(self):
        self.make_cards(H100, H100)
        broken = f'case $CUDA_VISIBLE_DEVICES in *{uuid(0)}*) {{0}} ;; esac; ' + SHOW
        for i, how in enumerate(("exit 76", 'echo "CUDA error: Uncorrectable ECC error encountered" >&2; exit 1',
                                 'echo "RuntimeError: GPU is lost"; exit 1', "echo 'NVRM: GPU has fallen off the bus.'; exit 255",
                                 "echo CUDA_ERROR_ECC_UNCORRECTABLE; kill -ABRT $$")):
            self.recipe(*(command(f"t{k}", broken.replace("{0}", how) + f" # {k}") for k in range(3)))
            answer = self.build("r.lua", "-j1")
            self.assertEqual(answer["messages"].count(f"warning: card {uuid(0)} is broken and leaves this build"), 1, how)
            self.assertEqual((answer["ran"], answer["failed"]), (4, 0), how)
            self.assertEqual({self.x(f"t{k}") for k in range(3)}, {f"{uuid(1)} PCI_BUS_ID"})

    def test_of_several_the_one_that_is_named_is_broken(self):
        self.make_cards(H100, H100, H100)
        self.recipe(command("a", f'case $CUDA_VISIBLE_DEVICES in *{uuid(1)}*) echo "Xid 79 on {uuid(1)}"; exit 76 ;; esac; ' + SHOW, "gpus = 2"))
        self.build("r.lua")
        self.assertEqual(self.x("a"), f"{uuid(0)},{uuid(2)} PCI_BUS_ID")

    def test_words_take_one_card_from_others_at_most(self):
        """A program that says so of every card is more likely wrong itself."""
        self.make_cards(H100, H100, H100)
        self.recipe(command("a", "echo 'Uncorrectable ECC error encountered? no'; exit 1"), command("b", SHOW, "gpus = 2"))
        answer = self.build("r.lua", "--keep-going", "-j1", status=1)
        self.assertEqual(answer["messages"].count("is broken and leaves"), 1)
        self.assertIn("failed: a: it ended with status 1", answer["messages"])
        self.assertEqual(self.x("b").count("GPU-"), 2)

    def test_no_card_is_left(self):
        self.make_cards(H100, H100)
        self.recipe(command("a", "exit 76"), command("b", SHOW), command("c", SHOW, "cpus = 1"))
        answer = self.build("r.lua", "--keep-going", "-j1", status=1)
        self.assertIn(f"it needs 1, and 0 are left of the cards that it could have: broken ones left this build, {uuid(0)}, {uuid(1)}", answer["messages"])
        self.assertRegex(answer["messages"], r"failed: a: resources.gpus: it needs 1")
        self.assertRegex(answer["messages"], r"failed: b: resources.gpus: it needs 1")
        self.assertEqual(self.x("c"), "")

    def test_a_full_memory_is_worded(self):
        self.make_cards(H100)
        self.recipe(command("a", 'echo "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB" >&2; exit 1'))
        answer = self.build("r.lua", status=1)
        self.assertIn("failed: a: it ended with status 1: the memory of its card was full: fewer slots a card (--gpus), or a smaller batch",
                      answer["messages"])
        self.recipe(command("a", "echo 'RuntimeError: CUDA error: out of memory' >&2; exit 1"))
        self.assertIn("the memory of its card was full", self.build("r.lua", status=1)["messages"])

    def test_what_is_wrong_is_said_in_a_dry_run(self):
        self.recipe(command("a", SHOW))
        self.assertIn("resources.gpus: it needs 1, there are 0", self.refused("--dry-run"))

    def test_what_was_refused_is_not_the_last_build(self):
        self.make_cards(H100)
        self.write("train.sh", 'echo "{\\"t\\": 1, \\"l\\": 1}"\n')
        self.write("r.lua", HEAD + """return { default = hpo.study { name = "s", metric = "l", search = hpo.search.random(), samples = hpo.param("n", 1),
  space = { x = hpo.uniform(0, 1) }, scheduler = hpo.scheduler.fifo { max_t = 1 }, trial = function(p)
  return hpo.command { run = { "sh", hpo.source "train.sh" }, params = p, stateless = true, resources = { gpus = 1 } } end } }""")
        self.build("r.lua")
        self.environment["CUDA_VISIBLE_DEVICES"] = ""
        self.refused("--set", "n=3")
        self.assertEqual(len(self.table("r.lua")["trials"]), 1)

    def test_an_interrupt_ends_a_wait_for_a_card(self):
        self.make_cards(H100)
        self.recipe(command("a", f"touch {self.folder}/began; exit 75"))
        process = self.start("build", "r.lua", "--sandbox", "off")
        while not (self.folder / "began").exists():
            time.sleep(0.02)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        err = process.communicate(timeout=30)[1]
        self.assertEqual(process.returncode, 130, err)

    def test_a_shell_gets_a_card(self):
        self.make_cards(H100, H100)
        self.recipe(command("a", SHOW))
        self.environment["SHELL"] = "/bin/sh"
        done = subprocess.run([str(self.program), "shell", "r.lua", "a", "--gpus", "1,"], cwd=self.folder, env=self.environment,
                              input="echo $CUDA_VISIBLE_DEVICES\n", capture_output=True, text=True)
        self.assertEqual(re.findall(r"^GPU-.*", done.stdout, re.M), [uuid(1)], done.stderr)


if __name__ == "__main__":
    unittest.main()
