"""Safetensors files in plain Python: {name: (shape, array of float)}, and how far two of them lie apart."""
import array
import json
import math
import struct

CODES = {"F32": "f", "F16": "H", "BF16": "H", "I64": "q"}


def parse(data):
    """A file's bytes. F32 only."""
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        values = array.array(CODES[entry["dtype"]])
        values.frombytes(data[8 + length + begin:8 + length + end])
        tensors[name] = (entry["shape"], values)
    return tensors


def load(path):
    with open(path, "rb") as file:
        return parse(file.read())


def pack(tensors, dtype="F32"):
    """{name: (shape, values)} → a file's bytes, values as F32, F16 or BF16."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, (shape, values) in sorted(tensors.items()):
        if dtype == "F32":
            body = array.array("f", values).tobytes()
        elif dtype == "F16":
            body = struct.pack(f"<{len(values)}e", *values)
        else:
            body = b"".join(array.array("f", [x]).tobytes()[2:] for x in values)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(body)]}
        data += body
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def distance(a, b):
    """‖a − b‖ / ‖b‖ of two sequences; NaN is far from everything."""
    if len(a) != len(b):
        return math.inf
    apart = math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b)))
    size = math.sqrt(sum(y * y for y in b))
    return math.inf if math.isnan(apart) else apart / size if size else apart


def furthest(a, b):
    """The largest distance of two files' tensors, which must have the same names and shapes."""
    assert {k: v[0] for k, v in a.items()} == {k: v[0] for k, v in b.items()}
    return max(distance(a[name][1], b[name][1]) for name in b)
