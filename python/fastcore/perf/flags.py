"""Feature flags: what is on for which share of whom, changed while it runs, and taken back at once.

Who has a feature is decided by a hash of the flag's and the key's names: the same in every process, and
whoever has it at 10 % has it at 20 %.
"""

from __future__ import annotations

import json
import os
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from fastcore.errors import ConfigError, UnknownNameError

__all__ = ["Flags"]


class Flags:
    """Flags by name, each with a percentage.

    Parameters
    ----------
    flags : mapping of str to float
        What there is, with its percentage at the start, 0 to 100. ``FASTCORE_FLAG_NAME=50`` in the
        environment takes the place of that.
    file : path, optional
        Where changes are written, a line of JSON each, and read again by the next process.
    clock : callable
        Seconds since 1970 UTC.

    Raises
    ------
    ConfigError
        If a percentage is none.

    Examples
    --------
    >>> flags = Flags({"new_sink": 0})
    >>> flags.on("new_sink", "BTCUSDT")
    False
    >>> flags.set("new_sink", 100, why="it held for a week")
    >>> flags.on("new_sink", "BTCUSDT")
    True
    >>> flags.rollback("new_sink")
    0.0
    """

    def __init__(
        self,
        flags: Mapping[str, float],
        *,
        file: str | os.PathLike[str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.changes: list[dict[str, Any]] = []
        self._file, self._clock = file, clock
        self._lock = threading.Lock()
        self._levels: dict[str, list[float]] = {}
        for name, percent in flags.items():
            from_environment = os.environ.get(f"FASTCORE_FLAG_{name.upper()}")
            self._levels[name] = [_percent(name, percent if from_environment is None else from_environment)]
        if file is not None and os.path.exists(file):
            self._replay(file)

    def _replay(self, file: str | os.PathLike[str]) -> None:
        with open(file, encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    change = json.loads(line)
                    name, percent = change["flag"], change["to"]
                except (ValueError, KeyError, TypeError) as error:
                    raise ConfigError(f"{os.fspath(file)}, line {number}, is no change of a flag") from error
                if name in self._levels:
                    self._levels[name].append(_percent(name, percent))

    def on(self, name: str, key: str = "") -> bool:
        """Whether it is on for a key: a symbol, a user, a worker.

        Raises
        ------
        UnknownNameError
            If there is no such flag.
        """
        percent = self._of(name)[-1]
        return zlib.crc32(f"{name}\0{key}".encode()) % 10_000 < percent * 100

    def percent(self, name: str) -> float:
        """For how many of 100 it is on."""
        return self._of(name)[-1]

    def set(self, name: str, percent: float, *, why: str = "", by: str = "") -> None:
        """Turn it on for so many of 100."""
        with self._lock:
            levels, value = self._of(name), _percent(name, percent)
            self._note(name, levels[-1], value, why, by)
            levels.append(value)

    def rollback(self, name: str, *, why: str = "rolled back", by: str = "") -> float:
        """Take back the last change; returns the percentage that holds again."""
        with self._lock:
            levels = self._of(name)
            value = levels[-2] if len(levels) > 1 else levels[-1]
            self._note(name, levels[-1], value, why, by)
            if len(levels) > 1:
                levels.pop()
            return value

    def _of(self, name: str) -> list[float]:
        found = self._levels.get(name)
        if found is None:
            raise UnknownNameError(f"there is no flag {name!r}: there are {', '.join(sorted(self._levels))}")
        return found

    def _note(self, name: str, before: float, after: float, why: str, by: str) -> None:
        change = {"at": self._clock(), "flag": name, "from": before, "to": after, "why": why, "by": by}
        if self._file is not None:
            with open(self._file, "a", encoding="utf-8") as file:
                file.write(json.dumps(change) + "\n")
        self.changes.append(change)

    def to_json(self) -> dict[str, Any]:
        """Percentages, and what has changed."""
        return {"flags": {name: levels[-1] for name, levels in self._levels.items()}, "changes": self.changes}


def _percent(name: str, value: Any) -> float:
    try:
        percent = float(value)
    except (TypeError, ValueError):
        percent = -1.0
    if not 0 <= percent <= 100:
        raise ConfigError(f"flag {name}: its percentage must be 0 to 100, not {value!r}")
    return percent
