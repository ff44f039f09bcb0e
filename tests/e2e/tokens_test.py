"""Two sources that hpo takes for the same program give the same tokens to Python itself; most harmless edits are seen as such."""
import io
import os
import pathlib
import random
import subprocess
import tempfile
import tokenize
import unittest

from case import BIN, LONG

PROGRAM = BIN.parent / "tests" / "tokens_digests"
SKIPPED = (tokenize.COMMENT, tokenize.NL, tokenize.ENCODING)
STRUCTURE = (tokenize.INDENT, tokenize.DEDENT, tokenize.NEWLINE, tokenize.ENDMARKER)

# What is written in more than one way, and what only looks so.
PAIRS_SAME = [
    ("x = 1\n", "x=1 # one\n"), ("x = 1", "\n\nx = 1\n\n"), ("f(a, b)\n", "f(\n  a, # first\n\n  b\n)\n"),
    ("if a:\n  b\nelse:\n  c\n", "if a:\n\n      b\n# no\nelse:\n\tc\n".replace("\t", "  ")), ("x = a + b\n", "x = a \\\n  + b\n"),
    ("def f():\n    '''d'''\n    return 1\n", "# f\ndef f() :\n  '''d'''\n\n  return 1 # one\n"),
    ("x = f'{a!r:>{w}} {{}} {d[\"k\"]}'\n", "x=f'{a!r:>{w}} {{}} {d[\"k\"]}'  # text\n"), ("a = b'\\'#'\n", "a = b'\\'#' # '\n"),
    ("x = 1.5e-3\n", "x  =  1.5e-3\n"), ("def f(a=-1): pass\n", "def f(a = - 1): pass\n"), ("x: int = 3\n", "x:int=3\n"),
    ("", "# nothing\n\n"), ("if a:\n\tb\n", "if a:\n  b\n"), ("#!/bin/x\na\n", "#!/bin/x\n# y\na\n"),
    ("print('a' 'b')\n", "print('a'\n      'b')\n"), ("@d\nclass A: x = [1, 2]\n", "@ d\nclass A : x = [ 1 , 2 , ]\n".replace(" , ]", " ]")),
]
PAIRS_DIFFERENT = [
    ("x = 1\n", "x = 2\n"), ("if a:\n  b\n  c\n", "if a:\n  b\nc\n"), ("x = '# a'\n", "x = '# b'\n"), ("'''d'''\n", "'''e'''\n"),
    ("x = 'a b'\n", "x = 'ab'\n"), ("a\nb\n", "a; b\n"), ("x = 1.5e-3\n", "x = 1.5e - 3\n"), ("a = b\n", "a == b\n"), ("x = a < -b\n", "x = a <- b\n".replace("<- b", "<= b")),
    ("not in_\n", "not in _\n"), ("#!/bin/x\na\n", "#!/bin/y\na\n"), ("f(a)(b)\n", "f(a)\n(b)\n"), ("'''a\n b'''\n", "'''a\n  b'''\n"),
    ("x = f'{a }'\n", "x = f'{a}'\n"), ("a = 'b\\\nc'\n", "a = 'bc'\n"), ("r'a'\n", "r 'a'\n"), ("x = 1 if y else 2\n", "x = 1 if yelse 2\n"),
]
UNKNOWN = ["# coding: latin-1\nx = 1\n", "\ufeffx = 1\n", "x = 1\r\n", "x = (1\n", "x = )\n", "x = '\n", "if a:\n\tb\n        c\n", "if a:\n  if b:\n    c\n   d\n",
           "x = f'{a[\"#\"]} {b['c']}'\n", "x = f'{a + \"'#'\"}'\n", "x = f'}'\n", "x = f'\\{a}'\n", "x = rf'\\{a['#']}'\n", "a <> b\n", "x = $a\n", "x = ?\n",
           "x = 1 \\ \n", "\\\nx = 1\n", "x = (1]\n", "'''\n", "x\f = 1\n", "f'''{\n# '''\n}'''\n", "x = 1 \\", "x = 1 \\\n# c\n", "# c", "f'{a!r:\\n}'\n", "x = `a`\n", "(" * 200 + ")" * 200]


def python_tokens(source):
    """What Python's own reader finds, or that it refuses."""
    try:
        return [(t.type, "" if t.type in STRUCTURE else t.string) for t in tokenize.generate_tokens(io.StringIO(source).readline) if t.type not in SKIPPED]
    except (tokenize.TokenError, SyntaxError, ValueError) as error:
        return type(error).__name__


def edited(source, draw):
    """A few bytes are put in, taken out or doubled, at places where that may matter."""
    for _ in range(draw.choice((1, 1, 2, 3))):
        at = draw.randrange(len(source) + 1)
        if draw.random() < 0.5:  # beside something that a reader looks for
            marks = [i for i, c in enumerate(source) if c in "\"'#\\{}\n()"]
            at = draw.choice(marks) + draw.choice((0, 1)) if marks else at
        put = draw.choice((" ", "  ", "\n", "\t", "#", "# c\n", "'", '"', "'''", "\\", "\\\n", "{", "}", "(", ")", "f", "r", "e", "1", ".", "-", "+", "=", ",", ":", ";", "", "", "é"))
        source = source[:at] + put + source[at + draw.choice((0, 0, 0, 1, 1, 2)):]
    return source


def harmless(source, draw):
    """Comments and blank lines between the lines of a source, where Python's tokens stay the same."""
    lines = source.splitlines(keepends=True)
    for _ in range(4):
        lines.insert(draw.randrange(min(1, len(lines)), len(lines) + 1), draw.choice(("\n", "# a comment: it's \"one\"\n", "      # c\n", "  \n")))
    text = "".join(lines)
    return text if python_tokens(text) == python_tokens(source) else source


class Tokens(unittest.TestCase):
    def digests(self, sources):
        with tempfile.TemporaryDirectory(prefix="hpo-test-") as folder:
            names = []
            for i, source in enumerate(sources):
                path = pathlib.Path(folder) / str(i)
                path.write_bytes(source.encode())
                names.append(f"{path}\n")
            listing = pathlib.Path(folder) / "list"
            listing.write_text("".join(names))
            return subprocess.run([PROGRAM, listing], check=True, capture_output=True, text=True).stdout.split()

    def test_pairs(self):
        for pairs, same in ((PAIRS_SAME, True), (PAIRS_DIFFERENT, False)):
            for one, other in pairs:
                a, b = self.digests([one, other])
                self.assertNotIn("-", (a, b), (one, other))
                self.assertEqual(a == b, same, (one, other))
                if same:
                    self.assertEqual(python_tokens(one), python_tokens(other))

    def test_what_is_not_known(self):
        self.assertEqual(self.digests(UNKNOWN), ["-"] * len(UNKNOWN))

    def sources(self, n):
        files = sorted(pathlib.Path(os.__file__).parent.glob("*.py")) + sorted(pathlib.Path(os.__file__).parent.glob("asyncio/*.py"))
        texts = [path.read_text(errors="replace") for path in random.Random(1).sample(files, min(n, len(files)))]
        return [text for text in texts if 0 < len(text) < 40000 and "\r" not in text] + [one for pair in PAIRS_SAME for one in pair]

    def test_edits(self):
        """No edit is taken for harmless that Python sees."""
        draw = random.Random(2)
        sources = [source for source in self.sources(200 if LONG else 12) if source]
        pairs = []
        for source in sources:
            for _ in range(400 if LONG else 15):
                start = source
                if len(source) > 2000:  # a part: short ones are read faster
                    lines = source.splitlines(keepends=True)
                    first = draw.randrange(len(lines))
                    start = "".join(lines[first:first + 12])
                pairs.append((start, edited(start, draw)))
        answers = self.digests([source for pair in pairs for source in pair])
        same = 0
        for (one, other), a, b in zip(pairs, answers[::2], answers[1::2]):
            if a == b != "-" and one != other:
                same += 1
                self.assertEqual(python_tokens(one), python_tokens(other), (one, other))
        self.assertGreater(same, len(pairs) // 50)

    def test_comments(self):
        """Whole files are known, and comments in them no difference."""
        draw = random.Random(3)
        sources = self.sources(200 if LONG else 30)
        answers = self.digests([text for source in sources for text in (source, harmless(source, draw))])
        known = [(a, b) for a, b in zip(answers[::2], answers[1::2]) if a != "-"]
        self.assertGreater(len(known), 0.85 * len(sources))
        self.assertEqual([a for a, _ in known], [b for _, b in known])


if __name__ == "__main__":
    unittest.main()
