"""Every exception that the Python side of fastcore raises by its own name.

The tree::

    FastcoreError               anything below; catch this one to catch them all
    ├── BackfillError           (RuntimeError) a folder holds another backfill, or its workers die
    ├── BusyError               (RuntimeError) another thread is inside the object with a batch
    ├── CapacityError           (ValueError)   more symbols than max_symbols
    ├── ConfigError             (ValueError)   an indicator or a plan written as text cannot be read
    ├── FileFeedError           (ValueError)   a tick file cannot be read, or not to its end
    ├── HistoryError            (ConnectionError) a venue refuses, or does not answer, for its past
    ├── InputError              (ValueError)   values of the wrong shape, kind or unit
    ├── JournalError            (RuntimeError) a journal cannot be written, or not be read
    ├── MissingExtraError       (ImportError)  an optional dependency is not installed
    ├── LappedError             (RuntimeError) a reader of shared memory was too slow
    ├── ParameterError          (ValueError)   a parameter outside its range
    ├── PlanError               (ValueError)   indicators that do not make a plan
    ├── RepeatedQueryError      (RuntimeError) one query for each of many, where a watch refuses that
    ├── ShardError              (RuntimeError) a shard was given a command out of turn
    │   └── ShardLostError                     it has died, and dies again where it is started anew
    ├── ShmError                (OSError)      shared memory that cannot be made, opened or trusted
    │   ├── ShmBusyError                       it has a writer already
    │   ├── ShmMissingError     (FileNotFoundError) there is none of that name
    │   └── WriterLostError                    its writer has died, and none came after it
    ├── SnapshotError           (ValueError)   bytes that cannot be restored
    ├── StoreError              (ConnectionError) a database that is away, full, or of another version
    ├── TickError               (ValueError)   a tick refused where the policy says raise
    └── UnknownNameError        (KeyError)     no such column, symbol or indicator

Messages are sentences that name the thing, the value and what was expected.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "BackfillError",
    "BusyError",
    "CapacityError",
    "ConfigError",
    "FastcoreError",
    "FileFeedError",
    "HistoryError",
    "InputError",
    "JournalError",
    "LappedError",
    "MissingExtraError",
    "ParameterError",
    "PlanError",
    "RepeatedQueryError",
    "ShardError",
    "ShardLostError",
    "ShmBusyError",
    "ShmError",
    "ShmMissingError",
    "SnapshotError",
    "StoreError",
    "TickError",
    "UnknownNameError",
    "WriterLostError",
]


class FastcoreError(Exception):
    """The base of every exception that fastcore defines."""


class BackfillError(FastcoreError, RuntimeError):
    """A folder holds another backfill or one that runs, or a backfill's workers die again and again."""


class BusyError(FastcoreError, RuntimeError):
    """Another thread is inside the object with a batch: an engine has one owner at a time."""


class CapacityError(FastcoreError, ValueError):
    """More symbols than the engine's `max_symbols`."""


class ConfigError(FastcoreError, ValueError):
    """An indicator or a plan that was written as text cannot be read."""


class FileFeedError(FastcoreError, ValueError):
    """A tick file cannot be read, or not to its end."""


class HistoryError(FastcoreError, ConnectionError):
    """A venue refuses to tell its past, or does not answer."""


class JournalError(FastcoreError, RuntimeError):
    """A journal cannot be written, or holds what cannot be read."""


class MissingExtraError(FastcoreError, ImportError):
    """An optional dependency is needed here and is not installed."""


class InputError(FastcoreError, ValueError):
    """Values of the wrong shape, kind or unit."""


class LappedError(FastcoreError, RuntimeError):
    """A reader of shared memory was too slow: the writer has come round, and messages are gone.

    Attributes
    ----------
    first : int
        Sequence of the first message that was missed.
    count : int
        How many were missed; reading goes on behind them.
    """

    def __init__(self, message: str, first: int, count: int) -> None:
        super().__init__(message)
        self.first = first
        self.count = count

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.first, self.count)


class ParameterError(FastcoreError, ValueError):
    """A parameter outside its range, or parameters that do not go together."""


class PlanError(FastcoreError, ValueError):
    """Indicators that do not make a plan: a cycle, an unknown name, a bar spec that is none."""


class RepeatedQueryError(FastcoreError, RuntimeError):
    """One query for each of many things, where one for all would do, and a watch was told to refuse that."""


class ShardError(FastcoreError, RuntimeError):
    """A shard was given a command that is not the next one, or that it does not have."""


class ShardLostError(ShardError):
    """A shard has died, and dies again where it is started anew."""


class ShmError(FastcoreError, OSError):
    """A segment of shared memory that cannot be made, opened or trusted."""


class ShmBusyError(ShmError):
    """A segment of shared memory that has a writer already."""


class ShmMissingError(ShmError, FileNotFoundError):
    """There is no segment of shared memory with that name."""


class WriterLostError(ShmError):
    """The writer of a segment has died, and within the reader's patience none came after it."""


class SnapshotError(FastcoreError, ValueError):
    """Bytes that cannot be restored: damaged, cut, newer, or of something else."""


class StoreError(FastcoreError, ConnectionError):
    """A database that cannot be used now: away, refusing, all connections taken, of an unknown revision."""


class TickError(FastcoreError, ValueError):
    """A tick that was refused, and counted, where the policy asks for an error."""


class UnknownNameError(FastcoreError, KeyError):
    """No such column, symbol or indicator."""

    def __str__(self) -> str:
        # KeyError shows its argument's repr, which puts a sentence in quotes.
        return str(self.args[0]) if self.args else ""
