"""The stats page: histograms in shared memory, which other processes read while they are recorded into.

A record into the page costs what it costs elsewhere: whoever records knows nothing of readers. The page
outlives a process that is killed, and so says where its time went until then.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
import re
import stat
import struct
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from fastcore.errors import ConfigError, FastcoreError
from fastcore.perf import Histogram

__all__ = ["StatsPage", "StatsView", "page_names"]

FOLDER = Path("/dev/shm")
_PREFIX = "fastcore-stats."
_MAGIC, _VERSION = b"FCSTATS\0", 1
_HEAD = struct.Struct("<8sIIIIqd")  # magic, version, bytes of a slot, slots, used, process, began
_USED_AT = 20
_NAME = 128
_SLOT = -(-Histogram._bytes // 64) * 64
_GOOD = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def _path(name: str) -> Path:
    if not _GOOD.fullmatch(name):
        raise ConfigError(f"a stats page's name is 1 to 64 letters, digits, '_', '.' and '-', not {name!r}")
    return FOLDER / (_PREFIX + name)


def _slots_at(slots: int) -> int:
    return -(-(_HEAD.size + slots * _NAME) // 4096) * 4096


def page_names() -> list[str]:
    """Names of the pages of this machine, in order."""
    return sorted(path.name.removeprefix(_PREFIX) for path in FOLDER.glob(_PREFIX + "*"))


class StatsPage:
    """A page into which this process records; use it as a context manager, or `close` it.

    Parameters
    ----------
    name : str
        By which others find it. A page that is left of a process that ended is replaced.
    slots : int
        Histograms that there may be, 1 to 1,024; 15 KB each.

    Raises
    ------
    ConfigError
        If the name or the number is impossible, or another process has the page.
    FastcoreError
        If there is no room in shared memory.

    Examples
    --------
    >>> from fastcore.perf import Histogram
    >>> waits = Histogram()
    >>> waits.record(100)
    >>> with StatsPage("example") as page:
    ...     page.take({"waits": waits})
    ...     waits.record(300)
    ...     StatsView("example").read()["waits"].count
    2
    """

    def __init__(self, name: str, slots: int = 64) -> None:
        if not 1 <= slots <= 1024:
            raise ConfigError(f"StatsPage: slots must be 1 to 1024, not {slots!r}")
        self.name, self.slots = name, slots
        self._path = _path(name)
        self._names: dict[str, Histogram] = {}
        self._file = self._made()
        self._memory = mmap.mmap(self._file, 0)

    def _made(self) -> int:
        """A file under the page's name that this process has locked."""
        part = self._path.with_name(f"{self._path.name}.{os.getpid()}.part")
        before = -1
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG(self._path.lstat().st_mode):
                raise ConfigError(
                    f"{self._path} is in the way of the stats page {self.name!r}: it is no file"
                )
            before = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        file = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            if before >= 0 and not _locked(before, 20):  # a reader may just look whether it is held
                raise ConfigError(f"the stats page {self.name!r} belongs to another process that runs")
            size = _slots_at(self.slots) + self.slots * _SLOT
            os.posix_fallocate(file, 0, size)
            os.pwrite(file, _HEAD.pack(_MAGIC, _VERSION, _SLOT, self.slots, 0, os.getpid(), time.time()), 0)
            _locked(file)
            os.rename(part, self._path)
        except BaseException as error:
            os.close(file)
            os.unlink(part)
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG):
                raise FastcoreError(
                    f"the stats page {self.name!r} needs {size / 1e6:.1f} MB of {FOLDER}, "
                    "which has not so much room"
                ) from None
            raise
        finally:
            if before >= 0:
                os.close(before)
        return file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def take(self, histograms: Mapping[str, Histogram]) -> None:
        """Have histograms recorded into the page from now on, with what they hold; those it has stay.

        Raises
        ------
        ConfigError
            If there is no room, or a name is longer than 128 bytes. None is taken then.
        """
        new = {name: one for name, one in histograms.items() if self._names.get(name) is not one}
        wanted = [name for name in new if name not in self._names]
        if len(self._names) + len(wanted) > self.slots:
            raise ConfigError(f"the stats page {self.name!r} has {self.slots} slots, which are not enough")
        for name in wanted:
            if not 0 < len(name.encode()) <= _NAME:
                raise ConfigError(f"a stage's name is 1 to {_NAME} bytes, not {name!r}")
        for name, histogram in new.items():
            place = list(self._names).index(name) if name in self._names else len(self._names)
            histogram._move_to(self._memory, _slots_at(self.slots) + place * _SLOT)
            self._names[name] = histogram
            text = name.encode().ljust(_NAME, b"\0")
            self._memory[_HEAD.size + place * _NAME : _HEAD.size + (place + 1) * _NAME] = text
            self._memory[_USED_AT : _USED_AT + 4] = struct.pack("<I", len(self._names))

    def close(self) -> None:
        """Take the page away; what is recorded still lies where it lay, and no one else sees it."""
        if self._file >= 0:
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()
            os.close(self._file)
            self._file = -1


class StatsView:
    """A page of another process, to read.

    Parameters
    ----------
    name : str

    Raises
    ------
    ConfigError
        If there is no such page, or what lies there is none.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        path = _path(name)
        try:
            # Without waiting, as the opening of a pipe would.
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            raise ConfigError(f"there is no stats page {name!r}: {error.strerror}") from None
        weakref.finalize(self, os.close, self._file)
        plain = stat.S_ISREG(os.fstat(self._file).st_mode)
        head = os.pread(self._file, _HEAD.size, 0) if plain else b""
        if len(head) < _HEAD.size or head[:8] != _MAGIC:
            raise ConfigError(f"{path} is no stats page")
        _, version, slot, slots, _, self.pid, self.began = _HEAD.unpack(head)
        size = os.fstat(self._file).st_size
        if version != _VERSION or slot != _SLOT or size < _slots_at(slots) + slots * slot:
            raise ConfigError(f"{path} is a stats page of another version, {version}, or is cut short")
        self._slots = slots
        self._memory = mmap.mmap(self._file, 0, access=mmap.ACCESS_READ)

    @property
    def alive(self) -> bool:
        """Whether the process that records still runs."""
        if _locked(self._file):
            fcntl.flock(self._file, fcntl.LOCK_UN)
            return False
        return True

    def read(self) -> dict[str, Histogram]:
        """What each histogram holds now, as a copy."""
        (used,) = struct.unpack_from("<I", self._memory, _USED_AT)
        found = {}
        for place in range(min(used, self._slots)):
            raw = self._memory[_HEAD.size + place * _NAME : _HEAD.size + (place + 1) * _NAME]
            name = raw.rstrip(b"\0").decode(errors="replace")
            found[name] = Histogram._read_from(self._memory, _slots_at(self._slots) + place * _SLOT)
        return found


def _locked(file: int, tries: int = 1) -> bool:
    for _ in range(tries):
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.001)
    return False
