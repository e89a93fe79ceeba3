"""What the command line tells about a journal: its files, whether they are sound, its records one by one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fastcore import _core
from fastcore.engine import Engine
from fastcore.errors import FastcoreError, JournalError

__all__ = ["Inspection", "Verdict", "inspect", "records", "verify"]

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Inspection:
    """The files of a journal, as their headers say.

    Attributes
    ----------
    segments : list of dict
        ``file``, ``bytes``, ``header`` (sound, blank or damaged), ``first`` record, and up to where it is
        known to have been synced.
    snapshots : list of dict
        ``file``, ``bytes``, ``sequence``, and ``sound`` or what is wrong with it in ``error``.
    """

    folder: str
    segments: list[dict[str, Any]]
    snapshots: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return asdict(self)


@dataclass(slots=True)
class Verdict:
    """What reading a whole journal has shown.

    Attributes
    ----------
    sound : bool
        No record is missing or damaged, and the newest snapshot can be read.
    records : int
        Sound ones; `kinds` counts them by kind, `last` is the number of the last one.
    damage : list of dict
        ``segment``, ``offset``, ``bytes``, ``first_missing``, ``missing`` and a sentence, ``text``.
    torn_bytes : int
        What a crash cut off at the end: no damage.
    """

    folder: str
    sound: bool
    records: int
    last: int
    kinds: dict[str, int]
    damage: list[dict[str, Any]]
    torn_bytes: int
    snapshots: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return asdict(self)


def inspect(folder: str | os.PathLike[str]) -> Inspection:
    """The files of a journal; nothing but headers and snapshots is read.

    Raises
    ------
    JournalError
        If there is no journal, or it is a newer version's.
    """
    reader = _reader(folder, 0)
    return Inspection(os.fspath(folder), reader.segments, _snapshots(Path(folder)))


def verify(folder: str | os.PathLike[str], *, progress: Progress | None = None) -> Verdict:
    """Read a journal to its end, in constant memory, and say what is not sound. Nothing is changed.

    Parameters
    ----------
    folder : str or path-like
    progress : callable, optional
        Called with the bytes read and the bytes in all.

    Raises
    ------
    JournalError
        If there is no journal, or it is a newer version's.
    """
    reader = _reader(folder, 0)
    damage: list[dict[str, Any]] = []

    def tell(found: dict[str, Any] | None) -> None:
        if found is not None:
            damage.append(found)
        elif progress is not None:
            progress(min(reader.position, reader.size), reader.size)

    counted = reader.count(tell)
    snapshots = _snapshots(Path(folder))
    return Verdict(
        folder=os.fspath(folder),
        sound=not damage and all(one["sound"] for one in snapshots[-1:]),
        records=counted["records"],
        last=reader.last,
        kinds=counted["kinds"],
        damage=damage,
        torn_bytes=reader.torn,
        snapshots=snapshots,
    )


def records(
    folder: str | os.PathLike[str], *, start: int = 0, last: int | None = None
) -> Iterator[dict[str, Any]]:
    """The records of a journal from a sequence on, with places of damage among them, as dicts.

    Raises
    ------
    JournalError
        If there is no journal, or it is a newer version's; at once.
    """
    return _records(_reader(folder, start), 2**63 if last is None else last)


def _records(reader: _core.JournalReader, last: int) -> Iterator[dict[str, Any]]:
    while (record := reader.next()) is not None:
        if record.get("sequence", 0) > last:
            return
        yield record


def must_be_journal(folder: str | os.PathLike[str]) -> None:
    """Raise a JournalError if a folder holds no journal."""
    _reader(folder, 0)


def _reader(folder: str | os.PathLike[str], start: int) -> _core.JournalReader:
    reader = _core.JournalReader(os.fspath(folder), start)
    if not reader.segments and not _snapshots(Path(folder)):
        raise JournalError(f"there is no journal in {os.fspath(folder)}: it holds no segment and no snapshot")
    return reader


def _snapshots(folder: Path) -> list[dict[str, Any]]:
    """The snapshots beside a journal, oldest first."""
    rows = []
    for file in sorted(folder.glob("snapshot-*.fcs")):
        row = {"file": file.name, "bytes": file.stat().st_size, "sequence": 0, "sound": True, "error": None}
        try:
            row["sequence"] = Engine.load(file).sequence
        except (FastcoreError, OSError) as error:
            row.update(sound=False, error=str(error))
        rows.append(row)
    return rows
