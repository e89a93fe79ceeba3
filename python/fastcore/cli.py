"""The entry point of the `fastcore` command: it runs a command and turns what goes wrong into one sentence.

The commands themselves are in `commands`; they are imported here, and not above, because they need
Typer and rich, which are an extra.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from fastcore import _starting
from fastcore.errors import ConfigError, FastcoreError, ParameterError, PlanError, UnknownNameError

__all__ = ["main"]

RUNTIME, USAGE, INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; default those of the process.

    Returns
    -------
    int
        0, or 1 for what went wrong while running, 2 for wrong usage, 130 when interrupted. Of `diff`, 1 for
        things that differ, 2 for all that went wrong.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in args
    try:
        from fastcore import commands, console
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] not in ("typer", "rich"):
            raise
        name = missing.name.partition(".")[0]
        print(
            f"the command line needs {name}, which is not installed: pip install 'fastcore-ticks[cli]'",
            file=sys.stderr,
        )
        return USAGE if args[:1] == ["diff"] else RUNTIME
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # while what prints in colour was still to come
        return INTERRUPTED
    _starting.over()
    try:
        # Accepted anywhere on the line, not only before the command.
        status = commands.run([arg for arg in args if arg != "--debug"])
    except KeyboardInterrupt:  # while the command was being put together, or its end was shown
        status = INTERRUPTED
    except Exception as error:
        if debug:
            raise
        console.error(_sentence(error))
        return USAGE if _is_usage(error) or args[:1] == ["diff"] else RUNTIME
    if status == INTERRUPTED:
        console.error("interrupted")
    return status


def _is_usage(error: Exception) -> bool:
    if isinstance(error, ConfigError | ParameterError | PlanError | UnknownNameError):
        return True
    # Typer's own errors say with which status they end; their classes have moved between versions.
    return getattr(error, "exit_code", RUNTIME) == USAGE and hasattr(error, "format_message")


def _sentence(error: Exception) -> str:
    if hasattr(error, "format_message"):
        text = str(error.format_message())
    elif isinstance(error, FastcoreError | ValueError):
        text = str(error)
    elif isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, OSError) and error.errno:
        text = str(error)  # one of ours: a sentence
    else:
        text = f"{type(error).__name__}: {error} (--debug shows where)"
    return " ".join(text.split())
