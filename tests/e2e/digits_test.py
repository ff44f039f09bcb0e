"""Every digit of a parameter reaches the program that trains with it, or the recipe is refused."""
import json
import unittest

from case import Case

RECIPE = """
local hpo = require "hpo"
local study = hpo.study {
  name = "s", metric = "loss", samples = 3, space = { lr = hpo.loguniform(1e-5, 1e-1) }, scheduler = hpo.scheduler.fifo { max_t = 1 },
  trial = function(p)
    return hpo.command { FIELDS run = { "sh", "-c", [[
      echo "$@" $LR > "$HPO_CHECKPOINT_OUT/lr"; echo '{"t": 1, "loss": 1}']], "sh", ARGUMENT } }
  end,
}
return { best = study.best.checkpoint }
"""


class Digits(Case):
    def trained_with(self, argument, fields=""):
        self.write("r.lua", RECIPE.replace("ARGUMENT", argument).replace("FIELDS", fields))
        self.build("r.lua")
        lr = json.dumps(self.table("r.lua")["trials"][0]["params"]["lr"])
        self.assertGreater(len(lr.lstrip("0.")), 14)
        return self.read("out/r/best/lr").strip(), lr

    def test_all_digits(self):
        for argument, expected in (
            ("p.lr", "%s"),
            ('"--lr=" .. tostring(p.lr)', "--lr=%s"),
            ('("--lr=%s %d%%"):format(p.lr, 3)', "--lr=%s 3%%"),
            ('table.concat({ "a", tostring(p.lr) }, "=")', "a=%s"),
        ):
            found, lr = self.trained_with(argument)
            self.assertEqual(found, expected % lr)
        found, lr = self.trained_with('"x"', "env = { LR = p.lr },")
        self.assertEqual(found, f"x {lr}")

    def test_a_text_with_fewer_is_refused(self):
        for argument, fields, place in (
            ('"--lr=" .. p.lr', "", "hpo.command.run[5]"),
            ('"x"', 'env = { LR = "" .. p.lr },', "hpo.command.env.LR"),
            ('"x"', 'inputs = { conf = hpo.text("lr: " .. p.lr) },', "hpo.text"),
        ):
            self.write("r.lua", RECIPE.replace("ARGUMENT", argument).replace("FIELDS", fields))
            err = self.hpo("build", "r.lua", status=2)[1]
            self.assertRegex(err, r"r\.lua:\d+: " + place.replace("[", r"\[") + r": it has [0-9.e-]+ for p\.lr, which is [0-9.e-]+")
            self.assertIn("tostring(p.lr)", err)


if __name__ == "__main__":
    unittest.main()
