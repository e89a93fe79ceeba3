"""Reads and loads that run: one load per key, and none may keep what was invalidated while it ran."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from fastcore.cache._local import Key


class Flight:
    """One read or load, and what was invalidated since it began."""

    __slots__ = ("behind", "key", "of_tags", "spoiled", "spoiled_tags", "task")

    def __init__(self, key: Key, tags: tuple[str, ...]) -> None:
        self.key = key
        self.of_tags = tags
        self.behind = False  # refreshes a value that is still served: its result is for nobody
        self.spoiled = False
        self.spoiled_tags: set[str] = set()
        self.task: asyncio.Task[Any] | None = None

    def may_keep(self, tags: Collection[str]) -> bool:
        """Whether a value under these tags is still what a new load would give."""
        return not self.spoiled and self.spoiled_tags.isdisjoint(tags)


class Flights:
    """All of this process that are under way."""

    def __init__(self) -> None:
        self._under_way: set[Flight] = set()
        self._loads: dict[Key, Flight] = {}

    def load_of(self, key: Key) -> Flight | None:
        """The load of a key that a new caller may join: not one that an invalidation has overtaken."""
        flight = self._loads.get(key)
        return flight if flight is not None and flight.may_keep(flight.of_tags) else None

    def begin(self, key: Key, tags: tuple[str, ...] = ()) -> Flight:
        flight = Flight(key, tags)
        self._under_way.add(flight)
        return flight

    def lead(self, flight: Flight) -> None:
        """From now on callers of its key join this one."""
        self._loads[flight.key] = flight

    def end(self, flight: Flight) -> None:
        self._under_way.discard(flight)
        if self._loads.get(flight.key) is flight:
            del self._loads[flight.key]

    def spoil(self, key: Key) -> None:
        for flight in self._under_way:
            if flight.key == key:
                flight.spoiled = True

    def spoil_tag(self, tag: str) -> None:
        for flight in self._under_way:
            flight.spoiled_tags.add(tag)

    def spoil_all(self) -> None:
        for flight in self._under_way:
            flight.spoiled = True

    def tasks(self) -> list[asyncio.Task[Any]]:
        return [flight.task for flight in self._under_way if flight.task is not None]
