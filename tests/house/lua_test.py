"""Lua: no global is assigned, and only those read that a recipe's sandbox has; what recipes can call
is documented; recipes are short."""

import os
import re
import shutil
import subprocess
import unittest

from tree import ROOT, House, paths, read

MAX_RECIPE_LINES = 30
GLOBALS = {
    "_G", "assert", "error", "getmetatable", "ipairs", "load", "math", "next", "pairs", "pcall", "rawequal",
    "rawget", "rawlen", "rawset", "require", "select", "setmetatable", "string", "table",
    "tonumber", "tostring", "type", "utf8", "xpcall",
}  # fmt: skip
# Where a method's section stands; all else is in docs/recipes.md.
PAGES = {"hpo.scheduler.": "docs/schedulers.md", "hpo.search.": "docs/search.md"}
NOT_FOR_RECIPES = {"hpo.targets"}  # called from C when a recipe has returned
SANDBOX = ("lua/sandbox.lua", "lua/globals.lua")  # make the sandbox out of what lies outside

# Prints the names that a recipe can call, with a border that answers every wish.
NAMES = r"""
local function methods(room)
  local names = {}
  for file in io.popen("ls lua/" .. room):lines() do names[#names + 1] = file:match "^(.*)%.lua$" end
  return names
end
local core = setmetatable({ methods = methods }, { __index = function() return tostring end })
package.preload["hpo.core"] = function() return core end
table.insert(package.searchers, 2, function(name)
  local inner = name == "hpo" and "hpo" or name:match("^hpo%.(.+)$")
  return inner and loadfile("lua/" .. inner:gsub("%.", "/") .. ".lua")
end)
local hpo = require "hpo"
for name, value in pairs(hpo) do
  print("hpo." .. name)
  if name == "search" or name == "scheduler" then
    for inner in pairs(value) do print("hpo." .. name .. "." .. inner) end
  end
end
"""


def output_of(command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True)
    if done.returncode != 0:
        raise AssertionError(done.stderr.decode())
    return done.stdout.decode()


class Lua(House):
    def setUp(self):
        for tool in ("lua5.4", "luac5.4"):
            if not shutil.which(tool):
                self.skip(f"{tool} is absent")

    def test_globals(self):
        offences = []
        for path in paths(".lua"):
            if not path.startswith(("lua/", "recipes/")) or path in SANDBOX:
                continue
            listing = output_of(["luac5.4", "-l", "-p", os.path.join(ROOT, path)])
            for line in listing.splitlines():
                match = re.search(r'\[(\d+)\]\s+([SG])ETTABUP\s.*_ENV "(.*?)"', line)
                if not match:
                    continue
                number, way, name = match.groups()
                if way == "S":
                    offences.append(f"{path}:{number}: assigns the global {name}")
                elif name not in GLOBALS:
                    offences.append(f"{path}:{number}: reads the global {name}")
        self.none(offences)

    def test_each_module_says_what_it_is(self):
        self.none(
            [f"{p}: no comment first" for p in paths(".lua") if not read(p).startswith("--")]
        )

    def test_recipes_are_short(self):
        self.none(
            [
                f"{p}: {read(p).count(chr(10))} lines, at most {MAX_RECIPE_LINES}"
                for p in paths(".lua")
                if re.fullmatch(r"recipes/\w+\.lua", p)
                and p != "recipes/profiles.lua"
                and read(p).count("\n") > MAX_RECIPE_LINES
            ]
        )

    def test_what_recipes_call_is_documented(self):
        if "lua/hpo.lua" not in paths(".lua"):
            self.skip("lua/hpo.lua is absent")
        names = output_of(["lua5.4", "-e", NAMES]).split()
        self.assertIn("hpo.train", names)
        offences = []
        for name in sorted(set(names) - NOT_FOR_RECIPES):
            page, words = "docs/recipes.md", r"^[#*|\-].*`" + re.escape(name) + r"\b"
            for prefix, own in PAGES.items():
                if name.startswith(prefix):
                    page, words = own, "^## " + re.escape(name[len(prefix):]) + "$"
            if not re.search("(?m)" + words, read(page)):
                offences.append(f"{page}: nothing on {name}: no line with {words}")
        self.none(offences)


if __name__ == "__main__":
    unittest.main()
