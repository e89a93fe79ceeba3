"""Runs clang-tidy over all C++ of the project, each file once, with the rules of .clang-tidy.

    python tools/tidy.py [FILE...]

Without files: everything. Needs CMake, ninja, pybind11 and clang-tidy in the environment of the
Python that runs it. Exit status 1 when there is a finding.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pybind11

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "tidy"
#: What clang says that does not concern the code: it is handed GCC's options, and the C++ library
#: uses what it has itself declared deprecated.
QUIET = ("-Wno-unknown-warning-option", "-Wno-deprecated-declarations")


def tool(name: str) -> str:
    """A program of this Python's environment, or else of the system."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else name


def compile_commands() -> Path:
    """The folder with the compile commands, one for each file, although each processor level has its own."""
    configure = [tool("cmake"), "--preset", "tidy"]
    configure += [f"-DPython_EXECUTABLE={sys.executable}", f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}"]
    environment = os.environ | {"pybind11_ROOT": pybind11.get_cmake_dir()}
    subprocess.run(configure, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True)
    commands = json.loads((BUILD / "compile_commands.json").read_text())
    once = {command["file"]: command for command in commands if Path(command["file"]).is_relative_to(ROOT)}
    folder = BUILD / "once"
    folder.mkdir(exist_ok=True)
    (folder / "compile_commands.json").write_text(json.dumps([once[file] for file in sorted(once)], indent=1))
    return folder


def check(folder: Path, file: str) -> tuple[str, bool]:
    """What clang-tidy says about one file, and whether it is content."""
    headers = f"^{ROOT}/(cpp|tests|bench)/"
    command = [tool("clang-tidy"), "--quiet", "-p", str(folder), f"--header-filter={headers}"]
    command += [f"--extra-arg={option}" for option in QUIET]
    run = subprocess.run([*command, file], capture_output=True, text=True)
    return run.stdout + (run.stderr if run.returncode and not run.stdout else ""), run.returncode == 0


def main(names: list[str]) -> int:
    """Prints each finding once, however many files include its header."""
    folder = compile_commands()
    files = [command["file"] for command in json.loads((folder / "compile_commands.json").read_text())]
    if names:
        files = [file for file in files if any(Path(file).samefile(name) for name in names)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda file: check(folder, file), files))
    findings: dict[str, None] = {}
    for output, _ in results:
        block = ""
        for line in output.splitlines():
            if (": error: " in line or ": warning: " in line) and block:
                findings[block.rstrip()] = None
                block = ""
            block += line.replace(f"{ROOT}/", "") + "\n"
        if block.strip():
            findings[block.rstrip()] = None
    for finding in findings:
        print(finding)
    content = all(ok for _, ok in results)
    print(f"clang-tidy: {len(files)} files, {len(findings)} findings")
    return 0 if content else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
