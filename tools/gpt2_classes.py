#!/usr/bin/env python3
"""The tables of trainer/tokenizer/pieces_gpt2.c, from Hugging Face's tokenizers:
gpt2_classes.py > trainer/tokenizer/gpt2_classes.h

Ids must be those of the library; so which characters are letters (\\p{L}), numbers (\\p{N}) and white space (\\s) of GPT-2's
pattern is asked of the library, which cuts a text of each code point, and of nothing else. Needs the package tokenizers.
"""
import tokenizers
from tokenizers.pre_tokenizers import ByteLevel

HEAD = """/* clang-format off */
#ifndef TRAINER_TOKENIZER_GPT2_CLASSES_H
#define TRAINER_TOKENIZER_GPT2_CLASSES_H

#include <stdint.h>

enum class { OTHER, LETTER, NUMBER, SPACE };

/* Every code point from first to the next run's is of this class. */
struct class_run {
    uint32_t first;
    enum class class;
};
"""

cut = ByteLevel(add_prefix_space=False).pre_tokenize_str


def class_of(c):
    """That of the neighbour which the character is not cut from: x, 1, ! or none."""
    places = [place for _, place in cut(f"x{chr(c)}1{chr(c)}!{chr(c)}")]
    return "LETTER" if (0, 2) in places else "NUMBER" if (1, 4) in places else "OTHER" if (3, 6) in places else "SPACE"


def print_rows(rows, a_line):
    for i in range(0, len(rows), a_line):
        print("    " + " ".join(rows[i:i + a_line]))
    print("};")


ascii_classes = [class_of(c) for c in range(0x80)]
runs = []
for code in range(0x80, 0x110000):
    if not 0xD800 <= code < 0xE000:  # surrogates stand in no text
        name = class_of(code)
        if not runs or runs[-1][1] != name:
            runs.append((code, name))
print(f"/* As tokenizers {tokenizers.__version__} has them. Made by tools/gpt2_classes.py; do not edit. */")
print(HEAD)
print("static const unsigned char ascii_classes[0x80] = {")
print_rows([f"{name}," for name in ascii_classes], 8)
print("\n/* From U+0080 on, ascending. */\nstatic const struct class_run class_runs[] = {")
print_rows([f"{{0x{first:x}, {name}}}," for first, name in runs], 5)
print("\n#endif")
