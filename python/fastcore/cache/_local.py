"""Level 1: values in this process, least recently used out first, bounded in bytes.

Times are of the monotonic clock, so that a clock that jumps neither revives nor kills an entry.
"""

from __future__ import annotations

from time import monotonic
from typing import Any, NamedTuple

from fastcore._extras import require

#: What an entry costs beside its value: the tuple, the key, the places in maps, in bytes.
OVERHEAD = 400

Key = tuple[str, str]  # kind, key


class Entry(NamedTuple):
    """A value and until when it is good, in seconds of the monotonic clock."""

    value: Any
    fresh_until: float
    dead_until: float
    tags: tuple[str, ...]
    size: int  # bytes


def _size(_: Key, entry: Entry) -> int:
    return entry.size


class LocalLevel:
    """Entries by kind and key, with the tags that forget many at once."""

    def __init__(self, memory: int) -> None:
        self.entries = require("cachebox", "cache", "a cache").LRUCache(memory, getsizeof=_size)
        self.memory = memory
        self.evictions = 0
        self._tagged: dict[str, set[Key]] = {}
        self._tag_places = 0
        self._prune_at = 1024

    def resize(self, memory: int) -> None:
        """Have room for so many bytes from now on; what was used last stays."""
        before, oldest_first = len(self.entries), list(self.entries.keys())
        held = [(key, entry) for key in oldest_first if (entry := self.entries.peek(key)) is not None]
        self.entries = require("cachebox", "cache", "a cache").LRUCache(memory, getsizeof=_size)
        self.memory = memory
        for key, entry in held:
            if entry.size <= memory:
                self.entries.insert(key, entry)
        self.evictions += before - len(self.entries)

    def find(self, key: Key) -> Entry | None:
        """The entry, fresh or stale; one that is dead is gone."""
        entry: Entry | None = self.entries.get(key)
        if entry is not None and monotonic() >= entry.dead_until:
            self.forget(key)
            return None
        return entry

    def put(self, key: Key, entry: Entry) -> bool:
        """Keep an entry; False when it alone is larger than the level."""
        if entry.size > self.memory:
            self.forget(key)
            return False
        before = len(self.entries) + (key not in self.entries)
        self.entries.insert(key, entry)
        self.evictions += before - len(self.entries)
        for tag in entry.tags:
            self._tagged.setdefault(tag, set()).add(key)
        self._tag_places += len(entry.tags)
        if self._tag_places >= self._prune_at:
            self._prune()
        return True

    def forget(self, key: Key) -> None:
        self.entries.pop(key, None)

    def forget_tag(self, tag: str) -> None:
        for key in self._tagged.pop(tag, ()):
            self.forget(key)

    def forget_all(self) -> None:
        self.entries.clear()
        self._tagged.clear()
        self._tag_places = 0

    def recent(self, count: int) -> list[Key]:
        """The keys used last, the newest first."""
        keys = list(self.entries.keys())
        return keys[: -count - 1 : -1]

    def bytes_used(self) -> int:
        return int(self.entries.current_size())

    def _prune(self) -> None:
        # Evicted keys stay in the tags' sets until these have doubled.
        kept = {tag: {key for key in keys if key in self.entries} for tag, keys in self._tagged.items()}
        self._tagged = {tag: keys for tag, keys in kept.items() if keys}
        self._tag_places = sum(map(len, self._tagged.values()))
        self._prune_at = 2 * self._tag_places + 1024
