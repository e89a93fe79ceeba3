"""Where a shard may live: in this process or in one of its own; `ray` has another place."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from typing import Any, Protocol

from fastcore.errors import ShardLostError
from fastcore.scale._shard import Shard

__all__ = ["Here", "Place", "Process", "WorkerProcess"]


class Place(Protocol):
    """A shard at a distance. Calls are answered in order; one that died answers with `ShardLostError`."""

    def start(self, state: bytes, names: list[str]) -> None:
        """Have a shard of that state."""

    def send(self, method: str, *arguments: Any) -> None:
        """Call a method of the shard, without waiting for the answer."""

    def answer(self) -> Any:
        """The answer to the oldest call that has not been answered; raises what the shard raised."""

    def close(self) -> None:
        """Give the shard up."""


class Here:
    """A shard in this process: for tests, and for plans where one core is enough."""

    def __init__(self) -> None:
        self._shard: Shard | None = None
        self._calls: list[tuple[str, tuple[Any, ...]]] = []

    def start(self, state: bytes, names: list[str]) -> None:
        """Make it."""
        self._shard = Shard(state, names)

    def send(self, method: str, *arguments: Any) -> None:
        """Remember the call."""
        self._calls.append((method, arguments))

    def answer(self) -> Any:
        """Make the call."""
        if self._shard is None:
            raise ShardLostError("the shard has been given up")
        method, arguments = self._calls.pop(0)
        return getattr(self._shard, method)(*arguments)

    def close(self) -> None:
        """Forget it."""
        self._shard = None
        self._calls.clear()


class WorkerProcess:
    """A Python process of its own that answers calls over a socket; it ends when this one does."""

    def __init__(self, patience: float | None = None) -> None:
        ours, theirs = socket.socketpair()
        program = "from fastcore.scale._worker import main; main()"
        path = os.pathsep.join(part for part in sys.path if part)
        self._patience = patience
        self._process = subprocess.Popen(
            [sys.executable, "-c", program, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            # Nothing here is linear algebra, whose threads take a third of the start.
            env={"OPENBLAS_NUM_THREADS": "1", **os.environ, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        self.connection = Connection(ours.detach())

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def send(self, method: str, *arguments: Any) -> None:
        """Call a function of `_worker`; whether it died is told by `answer`."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send((method, arguments))

    def answer(self) -> Any:
        """What the oldest call returned, or raise what it raised."""
        try:
            if not self.connection.poll(self._patience):
                raise ShardLostError(f"worker {self.pid} has not answered for {self._patience:g} s")
            good, value = self.connection.recv()
        except (EOFError, OSError) as error:  # an OSError where it died within an answer
            raise ShardLostError(f"worker {self.pid} has died") from error
        if not good:
            raise value
        return value

    def close(self) -> None:
        """End it, whatever it does."""
        self.connection.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()


class Process:
    """A shard in a process of its own.

    Parameters
    ----------
    patience : float
        Seconds for one call; a worker that takes longer counts as dead.
    """

    def __init__(self, patience: float = 60.0) -> None:
        self._patience = patience
        self.worker: WorkerProcess | None = None

    def start(self, state: bytes, names: list[str]) -> None:
        """Start the process and make the shard there."""
        self.worker = WorkerProcess(self._patience)
        self.worker.send("start", state, names)
        self.worker.answer()

    def send(self, method: str, *arguments: Any) -> None:
        """Call a method of the shard."""
        if self.worker is not None:
            self.worker.send(method, *arguments)

    def answer(self) -> Any:
        """Wait for it."""
        if self.worker is None:
            raise ShardLostError("the worker has been given up")
        return self.worker.answer()

    def close(self) -> None:
        """End the process."""
        if self.worker is not None:
            self.worker.close()
            self.worker = None
