"""A shard: some symbols of a universe under one plan, changed by numbered commands and by nothing else.

So its state is a function of the commands, wherever it lives: what is lost with a process comes back from its
last snapshot and the commands after it, with the same bits, and a command that comes twice or not at all is
noticed.
"""

from __future__ import annotations

from typing import Any

from fastcore._checks import TEXTS, arguments, optional
from fastcore.engine import Engine
from fastcore.errors import ShardError
from fastcore.feeds import TickArray

__all__ = ["Command", "Shard"]

#: The name of a method below that changes the state, and its arguments.
Command = tuple[Any, ...]


class Shard:
    """An engine that counts its commands.

    Parameters
    ----------
    state : bytes
        What `snapshot` of a shard or of an engine gave.
    names : sequence of str
        Symbols by the numbers that ticks have; commands add to them.

    Examples
    --------
    >>> import fastcore as fc
    >>> import numpy as np
    >>> shard = Shard(fc.Engine({"ema": fc.EMA(2)}).snapshot())
    >>> tick = np.array([(1_700_000_000_000_000_000, 100.0, 1.0, 0, 0, 0)], fc.TICK)
    >>> shard.apply(1, ("on_ticks", tick, 0, ["BTC"], False, False))
    1
    >>> shard.sequence, shard.ask("values", "BTC")
    (1, (nan,))
    """

    @arguments("Shard", names=optional(TEXTS))
    def __init__(self, state: bytes, names: list[str] | None = None) -> None:
        self._engine = Engine.restore(state)
        self._names = list(names or [])

    def __repr__(self) -> str:
        return f"<Shard of {len(self._engine.symbols)} symbols at command {self.sequence}>"

    @property
    def sequence(self) -> int:
        """Number of the last command."""
        return self._engine.sequence

    def apply(self, sequence: int, command: Command) -> Any:
        """Carry out the command of that number, which is the next; one that raises does not count."""
        if sequence != self.sequence + 1:
            raise ShardError(f"a shard at command {self.sequence} was given number {sequence}")
        name, *arguments = command
        if name not in ("on_ticks", "take", "put", "flush"):
            raise ShardError(f"a shard has no command {name!r}")
        result = getattr(self, f"_{name}")(*arguments)
        self._engine.sequence = sequence
        return result

    def ask(self, question: str, *arguments: Any) -> Any:
        """What changes nothing: "snapshot", "ledger", "symbols", "values" or "symbol_snapshot"."""
        if question not in ("snapshot", "ledger", "symbols", "values", "symbol_snapshot"):
            raise ShardError(f"a shard cannot be asked for {question!r}")
        return getattr(self, f"_{question}")(*arguments)

    # Commands

    def _on_ticks(self, ticks: TickArray, base: int, names: list[str], rows: bool, outcomes: bool) -> Any:
        """Ticks whose symbols are numbers of names, of which those from `base` on come with them."""
        self._names[base:] = names
        return self._engine._on_ticks(ticks, self._names, rows, outcomes)  # the batch was checked as a whole

    def _take(self, symbols: list[str]) -> list[bytes]:
        """Give symbols away, with all that they are: the state of each."""
        given = [self._engine.symbol(name).snapshot() for name in symbols]
        for name in symbols:
            self._engine.drop(name)
        return given

    def _put(self, states: list[bytes]) -> None:
        for state in states:
            self._engine.restore_symbol(state)

    def _flush(self) -> None:
        self._engine.flush()

    # Questions

    def _snapshot(self) -> bytes:
        return self._engine.snapshot()

    def _ledger(self) -> dict[str, int]:
        """Of the symbols that are here: one that was given away has taken its own along."""
        total = dict.fromkeys(self._engine.ledger, 0)
        for name in self._engine.symbols:
            for bucket, count in self._engine.symbol(name).ledger.items():
                total[bucket] += count
        return total

    def _symbols(self) -> list[str]:
        return list(self._engine.symbols)

    def _values(self, symbol: str) -> tuple[float, ...] | None:
        return self._engine.symbol(symbol).values() if symbol in self._engine.symbols else None

    def _symbol_snapshot(self, symbol: str) -> bytes | None:
        return self._engine.symbol(symbol).snapshot() if symbol in self._engine.symbols else None
