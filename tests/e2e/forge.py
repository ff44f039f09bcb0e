"""Rows of a store as somebody who can write to it would forge them: with a right guard (cache/schema.h)."""
import sqlite3
import struct

MASK = (1 << 64) - 1


def rotate(x, n):
    return (x << n | x >> (64 - n)) & MASK


class Sip:
    """SipHash-1-3 with the key 0, fed with words."""

    def __init__(self):
        self.v = [0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573]

    def mix(self):
        a, b, c, d = self.v
        a, c = (a + b) & MASK, (c + d) & MASK
        b, d = rotate(b, 13) ^ a, rotate(d, 16) ^ c
        a = (rotate(a, 32) + d) & MASK
        d = rotate(d, 21) ^ a
        c = (c + b) & MASK
        b, c = rotate(b, 17) ^ c, rotate(c, 32)
        self.v = [a, b, c, d]

    def word(self, x):
        self.v[3] ^= x
        self.mix()
        self.v[0] ^= x

    def bytes(self, b):
        for i in range(0, len(b), 8):
            self.word(int.from_bytes(b[i:i + 8], "little"))

    def value(self, value):
        if value is None:
            self.word(5)
        elif isinstance(value, int):
            self.word(1)
            self.word(value & MASK)
        elif isinstance(value, float):
            self.word(2)
            self.word(struct.unpack("<Q", struct.pack("<d", value))[0])
        else:
            self.word(3 if isinstance(value, str) else 4)
            raw = value.encode() if isinstance(value, str) else value
            self.word(len(raw))
            self.bytes(raw)

    def end(self):
        self.v[2] ^= 0xFF
        for _ in range(3):
            self.mix()
        return self.v[0] ^ self.v[1] ^ self.v[2] ^ self.v[3]


def guard(table, values):
    sip = Sip()
    sip.bytes(table.encode() + b"\0")
    for value in values:
        sip.value(value)
    number = sip.end()
    return number - (1 << 64) if number >> 63 else number


def alter(store, table, change):
    """change(row) gives a row, a dict by column, another content, or returns false; how many were altered."""
    db = sqlite3.connect(store / "index.db")
    db.row_factory = sqlite3.Row
    altered = 0
    for row in db.execute(f"SELECT * FROM {table}").fetchall():
        old, new = dict(row), dict(row)
        assert guard(table, [v for k, v in old.items() if k != "digest"]) == old["digest"], "another guard than schema.h's"
        if not change(new):
            continue
        new["digest"] = guard(table, [v for k, v in new.items() if k != "digest"])
        names = ", ".join(f"{k} = ?" for k in new)
        same = " AND ".join(f"{k} IS ?" for k in old)
        db.execute(f"UPDATE {table} SET {names} WHERE {same}", [*new.values(), *old.values()])
        altered += 1
    db.commit()
    db.close()
    return altered

