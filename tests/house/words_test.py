"""Words that stand in few places: memory, exits, printing, numbers from text; and those that stand
in none: promises, machine paths."""

import re
import unittest

from tree import ROOMS, House, code, lines_matching, paths, read

MAX_LINES = 600
MAX_LUA_LINES = 150

# word -> files that may use it, as regular expressions on the path. Rooms only: tests are free.
BACKENDS = r"kernels/(backend|ranks|cpu/memory|cpu/threads|cuda/\w+)\.(c|cu)"
ALLOWED = {
    "malloc": [BACKENDS],
    "calloc": [r"base/arena\.c", BACKENDS],
    "realloc": [r"engine/recipe/recipe_limits\.c"],  # Lua's allocator, which counts
    "free": [
        r"base/arena\.c",
        BACKENDS,
        r"engine/recipe/recipe_limits\.c",  # Lua's allocator; realpath's result
        r"engine/options\.c",  # realpath's result
    ],
    "aligned_alloc": [BACKENDS],
    "posix_memalign": [BACKENDS],
    "strdup": [],
    "strndup": [],
    "asprintf": [],
    "exit": [r"engine/main\.c", r"trainer/main\.c"],
    # A child that could not become what it should be; a limit that ends the whole program.
    "_exit": [r"engine/(process/runner|recipe/recipe_limits|room/inside|room/launch)\.c", r"engine/commands/clone\.c", r"trainer/commands/train\.c"],
    "abort": [],
    "printf": [r"engine/progress\.c", r"trainer/lines\.c"],
    "fprintf": [r"engine/progress\.c", r"trainer/lines\.c"],
    "vprintf": [r"engine/progress\.c", r"trainer/lines\.c"],
    "vfprintf": [r"engine/progress\.c", r"trainer/lines\.c"],
    "dprintf": [r"engine/progress\.c"],
    "puts": [r"engine/progress\.c", r"trainer/lines\.c"],
    "fputs": [r"engine/progress\.c", r"trainer/lines\.c"],
    "putchar": [],
    "perror": [],
    "strtod": [r"base/(text|json)\.c"],
    "strtof": [],
    "strtol": [r"base/text\.c"],
    "strtoll": [r"base/(text|json)\.c"],
    "strtoul": [],
    "strtoull": [],
    "atoi": [],
    "atol": [],
    "atof": [],
    "sscanf": [],
    "setlocale": [],
    "rand": [],
    "random": [],
    "drand48": [],
    "strtok": [],
    "gets": [],
    "strcpy": [],
    "strcat": [],
    "system": [],
    "popen": [],
}

PROMISES = r"\b(TODO|FIXME|XXX|HACK)\b|#\s*if\s+0\b|\bfor now\b"

# Folders of one machine, hosts of registries.
PLACES = (
    r"(?<![\w.])/(work|root|opt|home)/|/var/tmp\b|\.pyenv|/tmp/build"
    r"|pypi\.org|pythonhosted|debian\.org|huggingface\.co\b"
)
PLACES_ALLOWED = []

TYPEDEFS_ALLOWED = ["kernels/cpu/lanes.h"]  # one name for what differs by instruction set

TEXTS = (".c", ".h", ".cu", ".cuh", ".lua", ".py", ".sh", ".cmake", ".md", "CMakeLists.txt")
THIS = "tests/house/words_test.py"


def scripts():
    """Committed programs in sh that have no ending."""
    known = ("run", ".ci/run", ".ci/full", "tools/install", "tools/install-tests")
    return [p for p in paths("") if p in known]


class Words(House):
    def test_few_files_may(self):
        pattern = r"(?<![\w.>])(" + "|".join(sorted(ALLOWED, key=len, reverse=True)) + r")\s*\("
        offences = []
        for path in paths(".c", ".h", ".cu", ".cuh", rooms=ROOMS):
            for number, match in lines_matching(pattern, code(path)):
                word = match.group(1)
                if not any(re.fullmatch(may, path) for may in ALLOWED[word]):
                    offences.append(f"{path}:{number}: {word}")
        self.none(offences)

    def test_files_are_short(self):
        offences = []
        for path in paths(*TEXTS):
            limit = MAX_LUA_LINES if path.startswith("lua/") else MAX_LINES
            lines = read(path).count("\n")
            if lines > limit:
                offences.append(f"{path}: {lines} lines, at most {limit}")
        self.none(offences)

    def test_no_promises(self):
        offences = []
        for path in paths(*TEXTS) + scripts():
            if path != THIS:
                for number, match in lines_matching(PROMISES, read(path)):
                    offences.append(f"{path}:{number}: {match.group(0)}")
        self.none(offences)

    def test_no_places_of_one_machine(self):
        offences = []
        for path in paths(*TEXTS) + scripts():
            if path != THIS and path not in PLACES_ALLOWED:
                for number, match in lines_matching(PLACES, read(path)):
                    offences.append(f"{path}:{number}: {match.group(0)}")
        self.none(offences)

    def test_a_struct_is_called_struct(self):
        offences = []
        for path in paths(".c", ".h", ".cu", ".cuh", rooms=ROOMS):
            if path in TYPEDEFS_ALLOWED:
                continue
            pattern = r"\btypedef\s+(struct|enum|union)\s*\w*\s*(\{|\w+\s*;|$)"  # not of a function
            for number, match in lines_matching(pattern, code(path)):
                offences.append(f"{path}:{number}: {match.group(0)}")
        self.none(offences)


if __name__ == "__main__":
    unittest.main()
