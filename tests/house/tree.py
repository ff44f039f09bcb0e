"""The project's files as the house tests see them: what is committed and what could be."""

import os
import re
import subprocess
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ROOMS = ("base", "cache", "engine", "kernels", "trainer")


def _every_path():
    git = ["git", "-c", "safe.directory=*", "-C", ROOT]
    git += ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(git, capture_output=True, check=True).stdout.decode()
        return [p for p in listed.split("\0") if p and os.path.isfile(os.path.join(ROOT, p))]
    except (OSError, subprocess.CalledProcessError):  # a tree without git
        found = []
        for folder, folders, names in os.walk(ROOT):
            folders[:] = [f for f in folders if f != ".git" and not f.startswith("build")]
            found += [os.path.relpath(os.path.join(folder, n), ROOT) for n in names]
        return found


PATHS = sorted(_every_path())


def paths(*endings, rooms=None):
    """Paths with one of the endings; in one of the rooms, where rooms are given."""
    return [p for p in PATHS if p.endswith(endings) and (rooms is None or p.split("/")[0] in rooms)]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


_C_TOKEN = re.compile(
    r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL
)


def code(path):
    """A C file without comments and without what stands in quotes; lines keep their numbers.

    The names of included files are in quotes too: take them from read().
    """

    def blank(match):
        token = match.group(0)
        return token[0] + "\n" * token.count("\n") + token[0] if token[0] in "\"'" else (
            "\n" * token.count("\n") or " "
        )

    return _C_TOKEN.sub(blank, read(path))


class House(unittest.TestCase):
    """A test that shows every offence at once, one "path:line: text" a line."""

    def none(self, offences):
        if offences:
            self.fail("\n" + "\n".join(offences))

    def skip(self, why):
        print(f"SKIP: {why}")
        self.skipTest(why)


def lines_matching(pattern, text):
    for number, line in enumerate(text.split("\n"), 1):
        for match in re.finditer(pattern, line):
            yield number, match
