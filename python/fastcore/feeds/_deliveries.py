"""What a broker has handed over and not been told is safe: which messages a number of ticks completes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

__all__ = ["Deliveries"]


class Deliveries:
    """Counts rows in and out; a message is done when all rows up to its last have gone through.

    Examples
    --------
    >>> deliveries = Deliveries()
    >>> deliveries.add("first", 10); deliveries.add("second", 5)
    >>> deliveries.done(12)
    ['first']
    >>> deliveries.done(15)
    ['second']
    """

    def __init__(self) -> None:
        self._open: deque[tuple[int, Any]] = deque()
        self._rows = 0

    def __iter__(self) -> Iterator[Any]:
        return (message for _, message in self._open)

    def __len__(self) -> int:
        return len(self._open)

    def add(self, message: Any, rows: int) -> None:
        """A message of so many rows was handed on."""
        self._rows += rows
        self._open.append((self._rows, message))

    def done(self, rows: int) -> list[Any]:
        """The messages that are complete now that so many rows, of all there ever were, are safe."""
        found = []
        while self._open and self._open[0][0] <= rows:
            found.append(self._open.popleft()[1])
        return found
