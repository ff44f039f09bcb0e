"""Each header compiles alone, with both compilers; kernels/ops.h as C++17 too, and those of kernels
for GPUs as that alone. A header begins with its manual and is guarded by its own name."""

import concurrent.futures
import os
import re
import shutil
import subprocess
import unittest

from tree import ROOMS, ROOT, House, paths, read

C = ["-std=c17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
CXX = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
CUDA = ["-D_GNU_SOURCE", "-I", os.path.join(ROOT, "tests/emulation")]
KERNELS = [f"kernels/cuda/{name}.h" for name in ("lanes", "product", "rows")]
NOT_ALONE = ["kernels/formulas.h"]  # written in lanes, after whichever lanes.h
LIBRARIES = ["lua5.4", "libgit2", "openssl", "sqlite3"]


def library_flags():
    asked = subprocess.run(["pkg-config", "--cflags"] + LIBRARIES, capture_output=True, check=True)
    return asked.stdout.decode().split()


def complaint(compiler, language, flags, header):
    """What the compiler says about a file that holds nothing but the header twice."""
    command = [compiler, "-x", language] + flags + ["-I", ROOT, "-"]
    source = f'#include "{header}"\n#include "{header}"\n'
    done = subprocess.run(command, input=source.encode(), capture_output=True)
    if done.returncode == 0:
        return None
    return f"{header} with {compiler} as {language}:\n{done.stderr.decode()}"


class Headers(House):
    def test_each_compiles_alone(self):
        flags = C + CUDA + library_flags()
        for compiler in ("gcc", "clang-14"):
            if not shutil.which(compiler):
                print(f"SKIP: {compiler} is absent: headers are not compiled with it")
                continue
            with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
                said = pool.map(
                    lambda header: complaint(compiler, "c", flags, header),
                    [p for p in paths(".h", rooms=ROOMS) if p not in KERNELS + NOT_ALONE],
                )
            self.none([s for s in said if s])

    def test_the_kernels_table_is_also_cxx(self):
        header = "kernels/ops.h"
        if header not in paths(".h"):
            self.skip(f"{header} is absent")
        if not shutil.which("clang-14"):
            self.skip("clang-14 is absent: headers are not compiled as C++")
        self.none([s for s in [complaint("clang-14", "c++", CXX, header)] if s])

    def test_kernels_headers_are_cxx(self):
        for compiler in ("g++", "clang++-14"):
            if not shutil.which(compiler):
                self.skip(f"{compiler} is absent: headers of kernels are not compiled with it")
            said = [complaint(compiler, "c++", CXX + CUDA, header) for header in KERNELS]
            self.none([s for s in said if s])

    def test_each_begins_with_its_manual(self):
        self.none([f"{p}: no comment first" for p in paths(".h") if not read(p).startswith("/*")])

    def test_guards_have_the_files_name(self):
        offences = []
        for path in paths(".h"):
            guard = re.sub(r"\W", "_", path).upper()
            if f"#ifndef {guard}\n#define {guard}\n" not in read(path):
                offences.append(f"{path}: expected the guard {guard}")
        self.none(offences)


if __name__ == "__main__":
    unittest.main()
