"""What runs in a worker process: calls come over a socket, are carried out in order, and answered."""

from __future__ import annotations

import pickle
import signal
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from fastcore.errors import ShardError
from fastcore.scale._shard import Shard
from fastcore.scale._steps import Done, run_step

__all__ = ["main"]


def main() -> None:
    """Answer calls until the other side closes the socket, whose number is the last argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    connection = Connection(int(sys.argv[-1]))
    calls = _Calls()
    while True:
        try:
            method, arguments = connection.recv()
        except (EOFError, ConnectionResetError):
            return
        try:
            answer = (True, getattr(calls, method)(*arguments))
        except Exception as error:  # the caller's to handle
            answer = (False, _portable(error))
        try:
            connection.send(answer)
        except (BrokenPipeError, ConnectionResetError):
            return


def _portable(error: Exception) -> Exception:
    """The error, or where it cannot go over a socket and come out as it is, what it says."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return ShardError(f"{type(error).__name__}: {error}")
    return error


class _Calls:
    """What a worker can be asked for."""

    def __init__(self) -> None:
        self._shard: Shard | None = None

    def run_step(self, folder: Path, partition: int) -> Done:
        return run_step(folder, partition)

    def start(self, state: bytes, names: list[str]) -> None:
        self._shard = Shard(state, names)

    def apply(self, sequence: int, command: tuple[Any, ...]) -> Any:
        assert self._shard is not None
        return self._shard.apply(sequence, command)

    def ask(self, question: str, *arguments: Any) -> Any:
        assert self._shard is not None
        return self._shard.ask(question, *arguments)
