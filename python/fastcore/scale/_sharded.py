"""An engine in several places: ticks go to the shard of their symbol, rows come back in their order.

Every change is a numbered command. The commands since the last checkpoint are kept; where a place dies,
another starts from that checkpoint and is given the commands again, whose answers but the last are known.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from fastcore._checks import FLAG, TEXT, WHOLE, arguments, check
from fastcore._formula_plan import must_travel
from fastcore._interrupts import interrupts_held
from fastcore.calendars import Calendar
from fastcore.engine import Engine
from fastcore.errors import InputError, ShardError, UnknownNameError
from fastcore.indicators import Indicator
from fastcore.policy import Policy
from fastcore.scale import _checkpoint
from fastcore.scale._batches import checked, together
from fastcore.scale._hashing import HashRing
from fastcore.scale._places import Here, Place, Process
from fastcore.scale._seat import Seat
from fastcore.scale._shard import Command

__all__ = ["ShardedEngine"]

Where = Literal["processes", "ray", "here"]
Ledger = dict[str, int]


def _maker(on: Where | Callable[[], Place]) -> Callable[[], Place]:
    if callable(on):
        return on
    if on == "processes":
        return Process
    if on == "here":
        return Here
    if on == "ray":
        from fastcore.scale.ray import Actor  # here: Ray is an extra

        return Actor
    raise InputError(f"shards live on 'processes', 'ray' or 'here', not on {on!r}")


class ShardedEngine:
    """An engine whose symbols are spread over shards, with the bits of one engine.

    Parameters
    ----------
    plan : mapping of str to Indicator
        As of `Engine`.
    shards : int
        How many.
    on : "processes", "ray", "here", or callable
        Where shards live: in worker processes of this machine, in a Ray cluster, in this process, or in what
        the function makes (a `Place`).
    policy : Policy, optional
    calendars : mapping of str to Calendar, optional
        As of `Engine`.
    checkpoint_ticks : int
        After so many ticks a shard's state is fetched; what came since is kept here for a restart.

    Attributes
    ----------
    columns : list of str
    shards : int
    restarts : int
        How many shards were started anew after they had died.

    Raises
    ------
    ShardError
        From any call after `close`.
    ShardLostError
        From any call, when a shard dies again and again.
    """

    @arguments("ShardedEngine", checkpoint_ticks=WHOLE)
    def __init__(
        self,
        plan: Mapping[str, Indicator],
        *,
        shards: int = 2,
        on: Where | Callable[[], Place] = "processes",
        policy: Policy | None = None,
        calendars: Mapping[str, Calendar] | None = None,
        checkpoint_ticks: int = 1_000_000,
    ) -> None:
        engine = Engine(plan, policy=policy, calendars=calendars)
        if on != "here":
            must_travel(plan, "ShardedEngine")
        self._begin(engine, on, checkpoint_ticks)
        self._ring = HashRing(shards)
        self._seats += self._seated([self._empty] * shards)

    def _begin(self, engine: Engine, on: Where | Callable[[], Place], checkpoint_ticks: int) -> None:
        if checkpoint_ticks < 1:
            raise InputError(f"checkpoint_ticks must be 1 or more, not {checkpoint_ticks}")
        self.columns: list[str] = engine.columns
        self._empty = engine.snapshot()
        self._make = _maker(on)
        self._checkpoint_ticks = checkpoint_ticks
        self._seats: list[Seat] = []
        self._known: dict[str, int] = {}  # symbol -> shard
        self._unplaced: Ledger = dict.fromkeys(engine.ledger, 0)  # of ticks of no symbol
        self._gone_restarts = 0
        self._closed = False

    def _seated(self, states: Sequence[bytes], sequences: Sequence[int] | None = None) -> list[Seat]:
        seats: list[Seat] = []
        try:
            for k, state in enumerate(states):
                seats.append(Seat(self._make, state, sequences[k] if sequences else 0))
        except BaseException:
            for seat in seats:
                seat.place.close()
            raise
        return seats

    @property
    def _open(self) -> list[Seat]:
        """The seats, unless all shards are ended: a seat would start its shard anew."""
        if self._closed:
            raise ShardError("the ShardedEngine is closed: its shards have ended")
        return self._seats

    @property
    def shards(self) -> int:
        """How many there are."""
        return len(self._seats)

    @property
    def restarts(self) -> int:
        """How many shards were started anew after they had died."""
        return self._gone_restarts + sum(seat.restarts for seat in self._seats)

    @arguments("on_ticks", outcomes=FLAG)
    def on_ticks(
        self,
        ticks: Any,
        *,
        symbols: Sequence[str],
        rows: Literal["all"] | None = None,
        outcomes: bool = False,
    ) -> Any:
        """Take a batch of ticks of many symbols, as `Engine.on_ticks`, in all shards side by side.

        Ctrl-C waits until all shards have taken it.

        Parameters
        ----------
        ticks : array of `TICK`
        symbols : sequence of str
            Names that the field ``symbol`` indexes.
        rows : "all", optional
            Also return the row after each tick, float64 of shape (ticks, columns).
        outcomes : bool
            Also return the bucket of each tick, uint8 indices into `fastcore.OUTCOMES`.
        """
        array, names = checked(ticks, symbols, rows)
        with interrupts_held():
            return self._taken(array, names, rows == "all", outcomes)

    def _taken(self, array: npt.NDArray[Any], names: list[str], rows: bool, outcomes: bool) -> Any:
        seats = self._open
        owner = np.fromiter((self._shard_of(name) for name in names), np.int64, len(names))
        known = array["symbol"] < len(names)
        shard = np.full(len(array), -1)
        shard[known] = owner[array["symbol"][known]]
        parts = [np.flatnonzero(shard == k) for k in range(len(seats))]
        used = [(seat, part) for seat, part in zip(seats, parts, strict=True) if len(part)]
        for seat, part in used:
            seat.send(self._command(seat, array[part], names, rows, outcomes))
        nowhere = int(len(array) - known.sum())
        self._unplaced["received"] += nowhere
        self._unplaced["rejected"] += nowhere
        answers = self._answers([seat for seat, _ in used])
        for seat, part in used:
            seat.ticks += len(part)
            if seat.ticks >= self._checkpoint_ticks:
                seat.checkpoint()
        return together((len(array), len(self.columns)), [part for _, part in used], answers, rows, outcomes)

    def _command(
        self, seat: Seat, ticks: npt.NDArray[Any], names: Sequence[str], rows: bool, outcomes: bool
    ) -> Command:
        """Ticks with the numbers that the shard knows their symbols by, and the names that are new to it."""
        base = len(seat.names)
        present, place = np.unique(ticks["symbol"], return_inverse=True)
        numbers = np.empty(len(present), np.uint32)
        for i, number in enumerate(present):
            name = names[number]
            if name not in seat.numbers:
                seat.numbers[name] = len(seat.names)
                seat.names.append(name)
            numbers[i] = seat.numbers[name]
        ticks["symbol"] = numbers[place]
        return ("on_ticks", ticks, base, seat.names[base:], rows, outcomes)

    def _answers(self, seats: Sequence[Seat]) -> list[Any]:
        """The answers of all, also where one raises: no seat may be left with one unread."""
        answers, fault = [], None
        for seat in seats:
            try:
                answers.append(seat.answer())
            except Exception as error:
                fault = fault or error
        if fault is not None:
            raise fault
        return answers

    def _shard_of(self, name: str) -> int:
        shard = self._known.get(name)
        if shard is None:
            shard = self._known[name] = self._ring.owner(name)
        return shard

    def flush(self) -> None:
        """Release the ticks that policies hold back, in all shards."""
        with interrupts_held():
            for seat in self._open:
                seat.send(("flush",))
            self._answers(self._seats)

    @property
    def symbols(self) -> list[str]:
        """Names of all symbols, in order."""
        return sorted(name for seat in self._open for name in seat.ask("symbols"))

    @property
    def ledger(self) -> Ledger:
        """Ticks received by all shards, and how many ended in each bucket."""
        total = dict(self._unplaced)
        for seat in self._open:
            for bucket, count in seat.ask("ledger").items():
                total[bucket] += count
        return total

    def values(self, symbol: str) -> tuple[float, ...]:
        """The row of a symbol.

        Raises
        ------
        UnknownNameError
            If there is none of that name.
        """
        return tuple(self._of(symbol, "values"))

    def symbol_snapshot(self, symbol: str) -> bytes:
        """A symbol's state, as `Symbol.snapshot` of one engine gives it."""
        return bytes(self._of(symbol, "symbol_snapshot"))

    def _of(self, symbol: str, question: str) -> Any:
        check("ShardedEngine", "symbol", symbol, TEXT)
        found = self._open[self._shard_of(symbol)].ask(question, symbol)
        if found is None:
            raise UnknownNameError(f"no shard has a symbol '{symbol}'")
        return found

    # Size

    def resize(self, shards: int) -> list[str]:
        """Have more or fewer shards; symbols whose shard is another one move there with their state.

        Returns
        -------
        list of str
            The symbols that moved.
        """
        ring = HashRing(shards)
        with interrupts_held():
            return self._resized(ring)

    def _resized(self, ring: HashRing) -> list[str]:
        shards = ring.shards
        self._seats += self._seated([self._empty] * (shards - len(self._open)))
        moved: list[str] = []
        for number, seat in enumerate(self._seats):
            leaving: dict[int, list[str]] = {}
            for name in seat.ask("symbols"):
                if ring.owner(name) != number:
                    leaving.setdefault(ring.owner(name), []).append(name)
            for target, names in leaving.items():
                self._move(seat, self._seats[target], names)
                moved += names
        for seat in self._seats[shards:]:
            self._gone_restarts += seat.restarts
            seat.place.close()
        del self._seats[shards:]
        self._ring = ring
        self._known.clear()
        return moved

    def _move(self, seat: Seat, target: Seat, names: list[str]) -> None:
        seat.send(("take", names))
        states = seat.answer()
        target.send(("put", states))
        target.answer()

    # Keeping

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the state of all shards to a folder, whole or not at all; replaces what was there."""
        with interrupts_held():
            for seat in self._open:
                seat.checkpoint()
        states = [seat.state for seat in self._seats]
        _checkpoint.write(Path(folder), self._empty, states, self._unplaced)

    @classmethod
    def load(
        cls,
        folder: str | os.PathLike[str],
        *,
        plan: Mapping[str, Indicator] | None = None,
        policy: Policy | None = None,
        calendars: Mapping[str, Calendar] | None = None,
        on: Where | Callable[[], Place] = "processes",
        checkpoint_ticks: int = 1_000_000,
    ) -> Self:
        """An engine from what `save` wrote, with as many shards.

        Parameters
        ----------
        plan, policy, calendars : optional
            If a plan is given, they must be what was saved.

        Raises
        ------
        SnapshotError
            If something is missing or damaged, or the plan is another one.
        """
        given = None if plan is None else Engine(plan, policy=policy, calendars=calendars)
        expected = None if given is None else given.snapshot()
        empty, states, unplaced = _checkpoint.read(Path(folder), expected)
        self = cls.__new__(cls)
        self._begin(Engine.restore(empty), on, checkpoint_ticks)
        self._ring = HashRing(len(states))
        self._seats += self._seated(states, [Engine.restore(state).sequence for state in states])
        self._unplaced = unplaced
        return self

    def close(self) -> None:
        """End all shards; what they hold is gone unless it was saved."""
        self._closed = True
        for seat in self._seats:
            seat.place.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ShardedEngine of {len(self.columns)} columns on {len(self._seats)} shards>"
