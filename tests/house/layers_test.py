"""Who may include whom, and which file owns which library. Change the tables before the code."""

import os
import re
import unittest

from tree import ROOMS, ROOT, House, lines_matching, paths, read

MAY_INCLUDE = {
    "base": {"base"},
    "cache": {"cache", "base"},
    "engine": {"engine", "lua", "cache", "base"},
    "kernels": {"kernels", "base"},
    "trainer": {"trainer", "kernels", "base"},
}

# The folders of a room, from the ground up; "" is the room itself, but for its main.c.
FOLDERS_MAY_INCLUDE = {
    "cache": {
        "": {""},
        "content": {"content", ""},
        "results": {"results", "content", ""},
        "records": {"records", ""},
        "maintenance": {"maintenance", "records", "results", "content", ""},
    },
    "engine": {
        "plan": {"plan"},
        "results": {"results"},
        "graph": {"graph"},
        "recipe": {"recipe", "graph"},
        "clone": {"clone", "graph"},
        "ignore": {"ignore"},
        "study": {"study", "recipe", "graph", "results"},
        "": {"", "clone", "graph"},
        "process": {"process", "", "graph"},
        "fetch": {"fetch", "process", "", "clone", "graph"},
        "room": {"room", "process"},
        "executor": {"executor", "room", "fetch", "process", "", "graph"},
        "statement": {"statement"},
        "execution": {
            "execution", "executor", "statement", "plan", "results", "fetch", "process", "", "study", "recipe", "ignore", "graph",
        },
        "audit": {"audit", "statement", "execution", "executor", "plan", "study", "graph", ""},
        "commands": {
            "commands", "audit", "statement", "execution", "executor", "results", "room", "process", "plan", "", "clone", "recipe", "study",
            "graph",
        },
    },
    "trainer": {
        "": {""},
        "tokenizer": {"tokenizer", ""},
        "squad": {"squad", "tokenizer", ""},
        "model": {"model", ""},
        "arch": {"arch", "model", ""},
        "training": {"training", "model", ""},
        "commands": {"commands", "training", "model", "squad", "tokenizer", ""},
    },
}

# A library's headers, and the files that may know them.
OWNERS = {
    r"git2(/.*)?\.h": r"engine/(clone/clone(_\w+)?|ignore/ignore)\.[ch]",
    r"sqlite3\.h": r"cache/database(_\w+)?\.[ch]",
    r"(lua|lauxlib|lualib|luaconf)\.h": r"engine/recipe/recipe(_\w+)?\.[ch]",
    r"openssl/.*": r"base/(digest|sign)\.c",
    r"curl/.*": r"cache/remote\.c",
    r"(cuda\w*|cublas\w*|nccl|cooperative_groups)(/.*)?\.h": r"kernels/cuda/\w+\.(cu|h|cuh)",
}

# Adding a file there is adding a searcher or a scheduler, and nothing else is to be said.
FOUND_BY_FOLDER = {"lua/CMakeLists.txt"}

INCLUDE = r'^\s*#\s*include\s*([<"])([^>"]+)[>"]'
SOURCES = (".c", ".h", ".cu", ".cuh")


def includes(path):
    """Line, '<' or '"', and name of each include."""
    for number, match in lines_matching(INCLUDE, read(path)):
        yield number, match.group(1), match.group(2)


class Layers(House):
    def test_rooms_include_what_lies_below(self):
        offences = []
        for path in paths(*SOURCES, rooms=ROOMS):
            room = path.split("/")[0]
            for number, quote, name in includes(path):
                below = name.split("/")[0]
                if quote == '"' and below not in MAY_INCLUDE[room]:
                    offences.append(f"{path}:{number}: {room} may not include {name}")
                if quote == '"' and not os.path.exists(os.path.join(ROOT, name)):
                    offences.append(f"{path}:{number}: {name} is not a path from the root")
                if quote == "<" and below in ROOMS:
                    offences.append(f"{path}:{number}: {name} is ours, so it stands in quotes")
        self.none(offences)

    def test_folders_include_what_lies_below(self):
        def split(path):
            room, *folder = os.path.dirname(path).split("/")
            return room, "/".join(folder)

        offences = []
        for path in paths(*SOURCES, rooms=FOLDERS_MAY_INCLUDE):
            room, folder = split(path)
            if path == f"{room}/main.c":
                continue
            allowed = FOLDERS_MAY_INCLUDE[room].get(folder, {folder})
            for number, quote, name in includes(path):
                other, below = split(name)
                if quote == '"' and other == room and below not in allowed:
                    offences.append(f"{path}:{number}: {room}/{folder} may not include {name}")
        self.none(offences)

    def test_libraries_have_one_owner(self):
        offences = []
        for path in paths(*SOURCES, rooms=ROOMS):
            for number, _, name in includes(path):
                for header, owner in OWNERS.items():
                    if re.fullmatch(header, name) and not re.fullmatch(owner, path):
                        offences.append(f"{path}:{number}: {name} belongs to {owner}")
        self.none(offences)

    def test_own_header_comes_first(self):
        offences = []
        for path in paths(".c", rooms=ROOMS):
            own = path[:-2] + ".h"
            names = [name for _, _, name in includes(path)]
            if own in names and names[0] != own:
                offences.append(f"{path}: {own} is not included first")
        self.none(offences)

    def test_arrows_inside_a_room_go_one_way(self):
        """Headers may not need each other in a circle."""
        arrows = {
            path: [name for _, quote, name in includes(path) if quote == '"']
            for path in paths(".h", rooms=ROOMS)
        }
        offences, done = [], set()

        def walk(path, way):
            if path in way:
                offences.append(" -> ".join(way[way.index(path):] + [path]))
            elif path not in done:
                for name in arrows.get(path, []):
                    walk(name, way + [path])
                done.add(path)

        for path in arrows:
            walk(path, [])
        self.none(offences)

    def test_each_room_builds_from_a_list_of_names(self):
        offences = []
        for path in paths("CMakeLists.txt", rooms=ROOMS):
            text = read(path)
            if len(text.splitlines()) > 40:
                offences.append(f"{path}: more than 40 lines")
            if re.search(r"\bGLOB", text) and path not in FOUND_BY_FOLDER:
                offences.append(f"{path}: sources are named, not found")
        self.none(offences)


if __name__ == "__main__":
    unittest.main()
