"""An engine that follows a ring of ticks: it may come late, die and come back, and has missed nothing."""

from __future__ import annotations

import os
from typing import Any, Literal, Self

import numpy as np

from fastcore._checks import NUMBER, PATH, TEXT, WHOLE, arguments, optional
from fastcore._engine_arguments import check_unit
from fastcore._interrupts import interrupts_held
from fastcore.engine import Engine
from fastcore.errors import InputError, LappedError
from fastcore.shm._reader import Reader
from fastcore.ticks import TICK

__all__ = ["Replica"]


class Replica:
    """An engine in this process that takes the ticks of a ring which another process writes.

    The ring carries `fastcore.TICK`, and the rows of its table have the symbols' names. Where its writer
    keeps a journal, a replica that comes late begins with the ring's first tick, and one that was too slow
    takes what it missed from there; `sequence` says up to where it has come. No tick is left out or taken
    twice.

    Parameters
    ----------
    name : str
        Of the ring.
    plan : mapping of str to indicator, or Engine
        As of `fastcore.Engine`; or an engine whose `sequence` is that of the next tick it needs.
    wait : "spin", "yield" or "sleep"
        As of `fastcore.shm.attach`.
    timeout : float
        Seconds to wait for the ring to be made.
    folder : path, optional
        As of `fastcore.shm.attach`.

    Raises
    ------
    InputError
        If the ring does not carry ticks.
    ShmError
        As of `fastcore.shm.attach`.

    Examples
    --------
    >>> import tempfile
    >>> import fastcore as fc
    >>> journal = fc.Journal(tempfile.mkdtemp())
    >>> options = {"capacity": 4, "key": "symbol", "rows": 1, "journal": journal}
    >>> with fc.shm.create("doc.replica", fc.TICK, **options) as ring:
    ...     _ = ring.name_rows(["BTCUSDT"])
    ...     for i in range(100):
    ...         _ = ring.publish((1_700_000_000_000_000_000 + i, 100.0 + i, 1.0, 0, 0, 0))
    ...     replica = fc.shm.Replica("doc.replica", {"sma": fc.SMA(3)})
    ...     print(replica.step(), replica.sequence, replica.engine.symbol("BTCUSDT").values())
    100 100 (198.0,)
    """

    @arguments("shm.Replica", name=TEXT, timeout=NUMBER, folder=optional(PATH))
    def __init__(
        self,
        name: str,
        plan: Any,
        *,
        wait: Literal["spin", "yield", "sleep"] = "sleep",
        timeout: float = 0.0,
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        from fastcore import shm

        #: The engine; it belongs to this replica, which alone may feed it.
        self.engine = plan if isinstance(plan, Engine) else Engine(plan)
        self._reader: Reader = shm.attach(name, start="oldest", wait=wait, timeout=timeout, folder=folder)
        if self._reader.dtype != TICK:
            raise InputError(
                f"the ring '{name}' carries {self._reader.dtype}: a replica follows a ring of fastcore.TICK"
            )
        self._reader.seek(self.engine.sequence)

    @classmethod
    def restore(cls, path: str | os.PathLike[str], name: str, **options: Any) -> Self:
        """A replica that goes on where a saved one was; what came since is in the journal and the ring.

        Parameters
        ----------
        path : path
            Written by `save`.
        name : str
            Of the ring.
        **options
            As of the class.
        """
        return cls(name, Engine.load(path), **options)

    @property
    def sequence(self) -> int:
        """Sequence of the tick that is taken next."""
        return self._reader.next

    @property
    def behind(self) -> int:
        """How many ticks have been published that the engine has not."""
        return self._reader.end - self._reader.next

    @arguments("step", limit=WHOLE)
    def step(self, limit: int = 65_536) -> int:
        """Take the ticks that are there, at most so many; returns how many.

        Bad ticks are counted in the engine's ledger, wherever in the ring they are.

        Raises
        ------
        InputError
            If a tick is of a row without a name, or the first of all has a time that is not in nanoseconds.
            Nothing of that batch was taken, and the next step begins with it.
        LappedError
            If ticks are gone for good: the ring has no journal, or that has let go of them.
        """
        taken = 0
        while taken < limit:
            self._must_be_whole()
            ticks = self._reader.read(limit - taken)
            if len(ticks) == 0:
                break
            try:
                self._check(ticks)
            except InputError:
                self._reader.seek(self.engine.sequence)
                raise
            with interrupts_held():  # ticks that are taken and not counted would be taken twice
                self.engine._on_ticks(ticks, self._reader.names, False, False)
                self.engine.sequence = self._reader.next
            taken += len(ticks)
        return taken

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for a tick to take; False when the time is over or the ring is closed."""
        return self._reader.wait(timeout)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the engine and its place in the ring to a file, whole or not at all."""
        self.engine.save(path)

    def _must_be_whole(self) -> None:
        first, missing = self.engine.sequence, self._reader.next - self.engine.sequence
        if missing:
            raise LappedError(
                f"the replica of '{self._reader.name}' lacks {missing} ticks from sequence {first} on: "
                "begin anew from a newer state",
                first,
                missing,
            )

    def _check(self, ticks: np.ndarray[Any, Any]) -> None:
        """Refuse what is wrong with all ticks; where a batch begins is chance and tells nothing."""
        if self.engine.sequence == 0:
            check_unit(ticks)
        names = len(self._reader.names)
        if int(ticks["symbol"].max()) >= names:
            raise InputError(
                f"the ring '{self._reader.name}': a tick is of row {int(ticks['symbol'].max())}, "
                f"and {names} rows have names"
            )

    def __repr__(self) -> str:
        return f"<replica of '{self._reader.name}' at sequence {self.sequence}, {self.behind} behind>"
