"""Copies of small files, as a recipe and as a build.ninja; and how long a command takes."""
import subprocess
import time


def timed(argv, folder):
    begin = time.perf_counter()
    done = subprocess.run(argv, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - begin
    assert done.returncode == 0, done.stderr[-2000:]
    return seconds


def copies(folder, n):
    (folder / "in").mkdir(parents=True)
    for i in range(n):
        (folder / "in" / f"{i}").write_text(f"content of file {i}\n" * 3)
    (folder / "r.lua").write_text(f'''
local hpo = require "hpo"
local targets = {{}}
for i = 0, {n - 1} do
  targets["t" .. i] = hpo.command {{ run = {{ "cp", hpo.source("in/" .. i), hpo.output "copy" }} }}
end
return targets
''')
    rules = ["rule cp", "  command = cp $in $out"] + [f"build ninja-out/{i}: cp in/{i}" for i in range(n)]
    (folder / "build.ninja").write_text("\n".join(rules) + "\n")
