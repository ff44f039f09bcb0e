#!/usr/bin/env python3
"""The tables of trainer/squad/unicode.c, from Python's own str:
unicode_table.py > trainer/squad/unicode_table.h

The scorer must agree with the official one, which is a Python program; so what is a word character, what a letter's lower
case is, and what the two kinds of letters around a capital sigma are, is asked of Python's str and of nothing else.
Surrogates are in no table. The result depends on the version of Unicode alone, which stands in its first line.
"""
import sys
import unicodedata

CODES = [c for c in range(sys.maxunicode + 1) if not 0xD800 <= c < 0xE000]
DOTTED_I = 0x130  # its lower case is two characters: written out in unicode.c

HEAD = """/* clang-format off */
#ifndef TRAINER_SQUAD_UNICODE_TABLE_H
#define TRAINER_SQUAD_UNICODE_TABLE_H

#include <stdint.h>

struct range {
    uint32_t first, last;
};

/* Every step-th code point from first to last has its lower case delta away. */
struct lower_run {
    uint32_t first, last;
    int32_t step, delta;
};"""


def ranges(codes):
    """[first, last] of runs of neighbours."""
    out = []
    for c in codes:
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def ends_final(text):
    return text.lower().endswith("\u03c2")


def lower_runs():
    """[first, last, step, delta]: every step-th code from first to last has its lower case delta away."""
    pairs = [(c, ord(chr(c).lower()) - c) for c in CODES if c != DOTTED_I and chr(c).lower() != chr(c)]
    out = []
    for c, delta in pairs:
        if out and out[-1][3] == delta:
            first, last, step, _ = out[-1]
            if (first == last and c - last <= 2) or (first < last and c - last == step):
                out[-1][1], out[-1][2] = c, c - last
                continue
        out.append([c, c, 1, delta])
    return out


def table(name, comment, kind, rows, a_line):
    print(f"\n/* {comment} */\nstatic const struct {kind} {name}[] = {{")
    for i in range(0, len(rows), a_line):
        print("    " + " ".join("{" + ", ".join(f"0x{x:x}" if n < 2 else str(x) for n, x in enumerate(row)) + "}," for row in rows[i : i + a_line]))
    print("};")


assert all(len(chr(c).lower()) == 1 for c in CODES if c != DOTTED_I)
cased = [c for c in CODES if ends_final(chr(c) + "\u03a3")]
ignorable = [c for c in CODES if ends_final("A" + chr(c) + "\u03a3") and not ends_final(chr(c) + "\u03a3")]
print(f"/* Unicode {unicodedata.unidata_version}. Made by tools/unicode_table.py; do not edit. */")
print(HEAD)
table("alphanumeric", "str.isalnum()", "range", ranges(c for c in CODES if chr(c).isalnum()), 5)
table("cased", "Letters with case, but for those that case ignores.", "range", ranges(cased), 5)
table("case_ignorable", "What stands between letters and does not end a word for a capital sigma.", "range", ranges(ignorable), 5)
table("lower", "str.lower(), where it is another character.", "lower_run", lower_runs(), 3)
print("\n#endif")
