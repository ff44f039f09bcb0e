"""Comments keep their shape. A manual (the first comment of a C file) may have labels: each starts
its line, and its text stands in a column, as in cache/blob.h."""

import re
import unittest

from tree import House, paths, read

MAX_COLUMNS = 100
WORDS = r"[^\s/*]\S*(?: \S+){0,2}"  # of a label, at most three
LABEL = re.compile(rf"({WORDS}) {{2,}}(?=\S)")
NARROW = re.compile(r"[A-Z][a-z]+ (?=\S)")  # a label as wide as its column
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def comments(source):
    """(first line's number, column, text) of each comment."""
    for match in COMMENT.finditer(source):
        if match.group(0).startswith("/"):
            start = match.start()
            column = start - (source.rfind("\n", 0, start) + 1)
            yield source.count("\n", 0, start) + 1, column, match.group(0)


def body(text):
    """A comment's lines without its frame: what stands behind " * "."""
    text = re.sub(r"^/\* ?|\s*\*/$", "", text)
    return [re.sub(r"^\s*\* ?", "", line) if n else line for n, line in enumerate(text.split("\n"))]


def indent(line):
    return len(line) - len(line.lstrip())


def columns(line):
    """Where text begins behind two spaces or more: the columns of a table."""
    return {match.end() for match in re.finditer(r"(?:^| ) +(?=\S)", line)}


def labels(lines):
    """{line's index: (label, column of its text)} of a manual's lines."""
    found = {n: (m.group(1), m.end()) for n, line in enumerate(lines) if (m := LABEL.match(line))}
    usual = {column for _, column in found.values()}
    for n, line in enumerate(lines):
        match = NARROW.match(line)
        below = lines[n + 1] if n + 1 < len(lines) else ""
        if n not in found and match and match.end() in usual and indent(below) == match.end():
            found[n] = (match.group(0).strip(), match.end())
    return found


def manuals(*endings):
    """(path, lines) of each file's first comment."""
    for path in paths(*endings):
        source = read(path)
        if source.startswith("/*"):
            yield path, body(next(comments(source))[2])


def headers_labels():
    """Each word that is a label in some header and begins with a capital letter."""
    named = {label for _, lines in manuals(".h") for label, _ in labels(lines).values()}
    return {label for label in named if re.fullmatch(r"[A-Z][A-Za-z ]+", label)}


def example(n, lines, at_start):
    """Whether a line stands four columns inside the text around it: its spaces are its own."""
    depth = indent(lines[n])
    return depth >= 4 + max((c for _, c in at_start.values() if c <= depth), default=0)


def not_at_the_start(lines, known):
    """What looks like a label in a manual and does not begin its line: (line's index, it)."""
    at_start, words = labels(lines), "|".join(sorted(known, key=len, reverse=True))
    # Alone between two sentences, here or at the end of the line: "... it. Errors A failure ...".
    swallowed = re.compile(rf"[.:;)] ({words}) (?![a-z])")
    for n, line in enumerate(lines):
        above, below = (lines[n - 1] if n else ""), (lines[n + 1] if n + 1 < len(lines) else "")
        start = at_start[n][1] if n in at_start else 0
        for match in re.finditer(r"(\S+) {2,}(?=\S)", line):
            tabled = match.end() in columns(above) | columns(below)
            if match.end() > start and not tabled and not example(n, lines, at_start):
                yield n, match.group(1)
        for match in swallowed.finditer(f"{line} {below.strip()}"):
            if match.start(1) < len(line):
                yield n, match.group(1)


def not_in_the_column(lines):
    """(line's index, expected column) of what follows a label and leaves its column."""
    at_start, column = labels(lines), None
    for n, line in enumerate(lines):
        if n in at_start:
            column = at_start[n][1]
        elif not line:
            column = None
        elif column is not None and indent(line) < column:
            yield n, column


class Manuals(House):
    def test_a_label_starts_its_line(self):
        known, offences = headers_labels(), []
        for path, lines in manuals(".h", ".c"):
            for n, label in sorted(set(not_at_the_start(lines, known))):
                offences.append(f"{path}:{n + 1}: expected '{label}' at the start of a line")
        self.none(offences)

    def test_text_stays_in_its_labels_column(self):
        offences = []
        for path, lines in manuals(".h", ".c"):
            for n, column in not_in_the_column(lines):
                offences.append(f"{path}:{n + 1}: expected the text at column {column + 4}")
        self.none(offences)

    def test_labels_of_a_manual_share_a_column(self):
        offences = []
        for path, lines in manuals(".h", ".c"):
            found = {column for _, column in labels(lines).values()}
            if len(found) > 1:
                offences.append(f"{path}:1: expected one column for the labels, found {len(found)}")
        self.none(offences)


class Comments(House):
    def test_no_line_is_too_long(self):
        offences = []
        for path in paths(".h", ".c"):
            lines = read(path).split("\n")
            for first, _, text in comments(read(path)):
                for n in range(first, first + text.count("\n") + 1):
                    if len(lines[n - 1]) > MAX_COLUMNS:
                        offences.append(f"{path}:{n}: {len(lines[n - 1])} columns")
        self.none(offences)

    def test_none_closes_on_a_line_of_its_own_for_nothing(self):
        """Text that starts beside the opening ends beside the closing; what fits is one line."""
        offences = []
        for path in paths(".h", ".c"):
            for first, column, text in comments(read(path)):
                if not re.search(r"\n\s*\*/$", text):
                    continue
                lines = [line for line in body(text) if line]
                if not re.match(r"/\*\s*\n", text):
                    offences.append(f"{path}:{first}: '*/' hangs below the text")
                elif len(lines) == 1 and column + len(f"/* {lines[0].strip()} */") <= MAX_COLUMNS:
                    offences.append(f"{path}:{first}: fits in one line")
        self.none(offences)


if __name__ == "__main__":
    unittest.main()
