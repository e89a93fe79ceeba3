"""Programs under faults: the calls that they make of the system fail, fall short, or are their last.

The faults are made by faults.c, which is compiled here and loaded before the C library: nothing of the
program is replaced. A program asks for its faults itself, in children that it forks, so that a thousand of
them take seconds.
"""

from __future__ import annotations

import ctypes
import enum
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent


class Fault(enum.IntEnum):
    """What becomes of a call; the numbers are those of faults.c."""

    NONE = 0
    FAIL = 1
    KILL_BEFORE = 2
    KILL_TORN = 3  # of a write: in the middle of it
    SHORT_ONCE = 4
    SHORT_ALWAYS = 5


def run_under_faults(program: Path, folder: Path, *arguments: object) -> str:
    """What a program prints that runs with faults.c below it; `folder` is for the library."""
    library = folder / "faults.so"
    compiler = shlex.split(os.environ.get("CC", "cc"))
    options = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([*compiler, *options, "-o", library, HERE / "faults.c", "-ldl"], check=True)
    before = os.environ.get("LD_PRELOAD", "")  # a sanitizer, which must come first
    made = subprocess.run(
        [sys.executable, program, *map(str, arguments)],
        env={
            **os.environ,
            "LD_PRELOAD": f"{before} {library}",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        },
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return made.stdout


def arm(folder: Path, call: int = 0, fault: Fault = Fault.NONE, error: int = 0, log: int = -1) -> None:
    """Let call number `call` (from 1) on files below `folder` meet a fault; 0 for none."""
    ctypes.CDLL(None).faults_arm(os.fsencode(folder), ctypes.c_long(call), int(fault), error, log)


def disarm() -> None:
    """No more faults."""
    arm(Path("/nowhere"))


def calls_of(folder: Path, work: Callable[[], object]) -> list[str]:
    """Names of the calls that some work makes on files below a folder, in order."""
    reading, writing = os.pipe()
    arm(folder, log=writing)
    work()
    disarm()
    os.close(writing)
    with os.fdopen(reading) as log:
        return log.read().split("\n")[:-1]


Tell = Callable[[str], None]


class Ended(NamedTuple):
    """How a child ended, and the lines that it had sent by then."""

    killed: bool
    lines: list[str]


def in_child(work: Callable[[Tell], None]) -> Ended:
    """Do some work in a fork; it is handed a function that sends a line to us."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            work(lambda line: void(os.write(writing, f"{line}\n".encode())))
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as sent:
        lines = sent.read().split("\n")[:-1]
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if not killed and status != 0:
        raise AssertionError(f"the child ended with status {status}")
    return Ended(killed, lines)


def void(_: object) -> None:
    """For what is called for its effect."""
