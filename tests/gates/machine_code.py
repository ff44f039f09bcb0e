"""What nvcc makes of CUDA sources, and what in it may not be. Files are made by ninja, in
$HPO_GATES/CARD: what has not changed is not made again.

A source becomes, as in a build for that card alone, an object of machine code (NAME.o; no warning,
no register spilled, nothing in local memory: the compiler itself refuses them), the PTX that it was
assembled from (NAME.ptx; no part of any build), and PTX in which each fma that the source names is
a product and a sum (NAME.unfused.ptx): an fma in that one is the compiler's or a library's."""

import glob
import os
import re
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WHEELS = "lib/python3*/site-packages/nvidia/cu13/bin"  # in a virtual environment

OPTIONS = os.environ["HPO_CUDA_OPTIONS"]  # those of a build: kernels/cuda/toolkit.cmake
STRICT = "-Xptxas=--warn-on-spills,--warn-on-local-memory-usage"
RULES = """\
nvcc = {nvcc} -std=c++17 -O3 -I{root} -D_GNU_SOURCE {options} -gencode=arch=compute_{number},code=sm_{number}
rule object
  command = mkdir -p $out.kept && $nvcc -c $in -o $out -MD -MF $out.d --keep --keep-dir $out.kept $
    && mv $out.kept/$name.ptx $name.ptx && rm -r $out.kept
  depfile = $out.d
rule unfused
  command = $nvcc -ptx -include {here}/unfused.h $in -o $out -MD -MF $out.d
  depfile = $out.d
"""


def found(name, *folders):
    """A program on PATH or in one of the folders."""
    return shutil.which(name, path=os.pathsep.join((os.environ["PATH"],) + folders))


def nvcc():
    """The compiler: PATH's, else that of NVIDIA's packages, else that of tools/install-tests."""
    wheels = glob.glob(os.path.join(ROOT, "build-cuda-toolkit", WHEELS))
    return found("nvcc", "/usr/local/cuda/bin", *wheels)


def disassembler():
    """cuobjdump, with nvdisasm beside it."""
    return found("cuobjdump", *glob.glob(os.path.join(ROOT, "build-venv", WHEELS)))


def knows(compiler, card):
    """Whether this compiler is new enough for a card."""
    done = subprocess.run([compiler, "--list-gpu-code"], capture_output=True, check=True, text=True)
    return card in done.stdout.split()


def make(compiler, card, sources, folder, options=f"{OPTIONS} {STRICT}"):
    """{name: ""} of what is made of each source; what the compiler said of one that it refused."""
    os.makedirs(folder, exist_ok=True)
    text = RULES.format(nvcc=compiler, root=ROOT, options=options,
                        here=os.path.dirname(os.path.abspath(__file__)), number=card[len("sm_"):])
    names = {os.path.basename(source)[: -len(".cu")]: source for source in sources}
    for name, source in names.items():
        text += f"build {name}.o | {name}.ptx: object {source}\n  name = {name}\n"
        text += f"build {name}.unfused.ptx: unfused {source}\n"
    rules = os.path.join(folder, "build.ninja")
    with open(rules, "w") as file:
        file.write(text)
    jobs = str(os.cpu_count() or 1)
    done = subprocess.run(["ninja", "-C", folder, "-k0", "-j", jobs], capture_output=True, text=True)
    said = {name: "" for name in names}
    for part in re.split(r"(?m)^(?=FAILED: )", done.stdout)[1:]:
        said[re.match(r"FAILED: (\w+)", part).group(1)] += part.split("\n", 2)[2]
    if done.returncode != 0 and not any(said.values()):
        raise AssertionError(done.stdout + done.stderr)
    return said


# ---- what may not be in it ----

FLOAT = r"\.b?f(16|32|64)(x2)?\b"
PTX = {
    "an approximation": r"\.(approx|full)\b",
    "denormals flushed to zero": r"\.ftz\b",
    "an atomic operation on floats": r"\b(atom|red)\.\S*" + FLOAT,
    # An add or mul that does not say how it rounds may be contracted by the assembler.
    "a rounding left open": r"(?<![.\w])(add|sub|mul|div|sqrt|rcp)(?!\.\S*\.?r[nzmp]\b)\S*" + FLOAT,
}
FUSED = {"an fma that the source lacks": r"\b(fma|mad)\.\S*" + FLOAT}
# MUFU.RCP and .RSQ, and FADD.FTZ, are parts of correctly rounded division and square root.
SASS = {
    "RED or ATOM on floats": r"\b(RED|ATOM)\w*\.\S*\b(B?F)(16|32|64)",
    "a loop of atomic operations": r"\bATOMS\.CAST\.SPIN",
    "an approximating MUFU": r"\bMUFU\.(EX2|LG2|TANH|SIN|COS)",
    "LDL or STL": r"\b(LDL|STL)\b",
}


def offences(text, refused, heading):
    """One line for each kind of offence in each function: "function: kind: instruction (times)"."""
    found, function = {}, "?"
    for line in text.splitlines():
        match = re.search(heading, line)
        if match:
            function = match.group(1)
        for kind, pattern in refused.items():
            match = re.search(pattern, line)
            if match:
                key = (function, kind)
                found.setdefault(key, [line.strip().split(" ;")[0], 0])[1] += 1
    return [f"{f}: {kind}: {line} ({n})" for (f, kind), (line, n) in found.items()]


def of_ptx(path, refused):
    with open(path) as file:
        return offences(file.read(), refused, r"\.(?:entry|func)\s+(?:\([^)]*\)\s*)?([\w$]+)")


def dumped(path, what):
    """What cuobjdump says of an object or a program."""
    tool = disassembler()
    path_of_tool = os.path.dirname(tool) + os.pathsep + os.environ["PATH"]
    return subprocess.run([tool, what, path], capture_output=True, check=True, text=True,
                          env={**os.environ, "PATH": path_of_tool}).stdout


def of_object(path):
    """Of machine code; and whether there is any, and nothing else."""
    said = offences(dumped(path, "-sass"), SASS, r"Function : (\S+)")
    said += [f"PTX is shipped: {line}" for line in dumped(path, "-lptx").splitlines() if line]
    if not dumped(path, "-lelf"):
        said.append("there is no machine code")
    return said


def of_source(folder, name):
    """All of the above of one source that was made."""
    made = os.path.join(folder, name)
    said = of_ptx(made + ".ptx", PTX) + of_ptx(made + ".unfused.ptx", FUSED)
    return said + (of_object(made + ".o") if disassembler() else [])
