"""A process looked into from outside, on demand: py-spy for where its time goes, with its C++ frames.

The process goes on; it needs no preparation. The kernel must allow it: the same user and ptrace, or root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

from fastcore.errors import ConfigError, FastcoreError, MissingExtraError
from fastcore.perf.profiles import Frame, Profile

__all__ = ["spy"]


def spy(pid: int, seconds: float = 10.0, *, hz: int = 100, native: bool = False) -> Profile:
    """Sample a running Python process for a while.

    Parameters
    ----------
    pid : int
    seconds : float
        1 to 3600.
    hz : int
        Samples a second, 1 to 1000.
    native : bool
        Also frames of C and C++; the process stands still for each sample then.

    Returns
    -------
    Profile
        By the clock on the wall, of threads that do something.

    Raises
    ------
    ConfigError
        If there is no such process, or a number is outside its range.
    MissingExtraError
        If py-spy is not installed.
    FastcoreError
        If the kernel forbids it, or the process is none of Python.
    """
    if not 1 <= seconds <= 3600 or not 1 <= hz <= 1000:
        raise ConfigError(f"spy: seconds must be 1 to 3600 and hz 1 to 1000, not {seconds!r} and {hz!r}")
    if not os.path.isdir(f"/proc/{pid}"):
        raise ConfigError(f"spy: there is no process {pid}")
    command = [_program(), "record", "--pid", str(pid), "--duration", str(round(seconds)), "--rate", str(hz)]
    command += ["--format", "raw", "--output", "/dev/stdout", "--nonblocking"]
    if native:
        command[-1:] = ["--native"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FastcoreError(_reason(pid, done.stderr))
    stacks: dict[tuple[Frame, ...], tuple[float, float]] = {}
    for line in done.stdout.splitlines():
        names, _, count = line.rpartition(" ")
        if names and count.isdigit():
            stacks[tuple(map(_frame, names.split(";")))] = (int(count) / hz, 0.0)
    return Profile(stacks)


def _program() -> str:
    found = shutil.which("py-spy") or shutil.which("py-spy", path=sysconfig.get_path("scripts"))
    if found is None:
        raise MissingExtraError(
            "looking into a process needs py-spy, which is not installed: "
            "pip install 'fastcore-ticks[profile]'"
        )
    return found


def _frame(text: str) -> Frame:
    """``name (file:line)``, as py-spy writes it."""
    name, _, place = text.rpartition(" (")
    file, _, line = place.rstrip(")").rpartition(":")
    return Frame(name, Path(file).name, int(line)) if name and line.isdigit() else Frame(text)


def _reason(pid: int, said: str) -> str:
    text = " ".join(said.split())
    if "ermission" in text or "EPERM" in text or "not permitted" in text:
        return (
            f"process {pid} may not be looked into: run as its user with ptrace allowed "
            "(kernel.yama.ptrace_scope=0, or --cap-add SYS_PTRACE in a container), or as root"
        )
    return f"py-spy cannot look into process {pid}: {text[-200:]}"
