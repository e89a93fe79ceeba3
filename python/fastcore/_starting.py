"""Ctrl-C while the `fastcore` command is still being imported: one word and status 130, no traceback.

Imports take a third of a second, and an exception in the middle of one comes out of places that nobody wrote.
Nothing has been begun then, so that the process may end where it stands: importing this module asks for that,
in the process of the command alone. A program that imports fastcore keeps its own handling of signals.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

__all__ = ["over"]


def over() -> None:
    """From now on an interrupt is an exception again, since there is something to be tidied up."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _is_command() -> bool:
    """Whether this process was started as the command; its workers have its arguments, but were not."""
    began, program = sys.orig_argv[1:], sys.argv[0] if sys.argv else ""
    if program == "-m":  # what stands there until the module's own code runs
        return any(began[i : i + 2] == ["-m", "fastcore"] for i in range(len(began)))
    return os.path.basename(program) == "fastcore" and program in began


def _end(*_: Any) -> None:
    os.write(2, b"interrupted\n")
    os._exit(130)


if _is_command() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _end)
