"""Shared memory between processes: one writes ticks, rows, bars or signals, and any number read them.

A ring of messages of one dtype, and with it, where wanted, a table with the latest message of each symbol.
The writer waits for nobody; readers map the memory read-only and are told what they missed.

>>> import fastcore as fc
>>> with fc.shm.create("doc.ticks", fc.TICK, capacity=1024) as ring:
...     reader = fc.shm.attach("doc.ticks")
...     tick = np.zeros(1, fc.TICK)
...     tick["price"] = 101.5
...     _ = ring.publish(tick)
...     print(reader.read()["price"])
[101.5]
"""

from __future__ import annotations

import os
import time
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fastcore import _core
from fastcore._checks import CALL, PATH, TEXT, WHOLE, arguments, optional, seconds
from fastcore.errors import ShmError, ShmMissingError
from fastcore.journal import Journal
from fastcore.shm._log import LoggedWriter
from fastcore.shm._reader import CatchUp, Messages, Reader, View
from fastcore.shm._replica import Replica
from fastcore.shm._writer import Writer

__all__ = [
    "CatchUp",
    "Messages",
    "Reader",
    "Replica",
    "View",
    "Writer",
    "attach",
    "clean",
    "create",
    "inspect",
    "names",
]

_STATES = {1: "open", 2: "closed", 3: "replaced"}


def _folder(folder: str | os.PathLike[str] | None) -> str:
    return os.fspath(folder or os.environ.get("FASTCORE_SHM_FOLDER") or "/dev/shm")


@arguments("shm.create", name=TEXT, key=optional(TEXT), rows=WHOLE, folder=optional(PATH), mode=WHOLE)
def create(
    name: str,
    dtype: npt.DTypeLike,
    *,
    capacity: int = 65_536,
    key: str | None = None,
    rows: int = 0,
    journal: Journal | str | os.PathLike[str] | None = None,
    folder: str | os.PathLike[str] | None = None,
    mode: int = 0o600,
) -> Writer:
    """Make a ring, or take over the one of that name whose writer has died or closed it.

    Parameters
    ----------
    name : str
        Letters, digits and ``. _ - :``, up to 100.
    dtype : dtype_like
        Of a message: `fastcore.TICK`, `fastcore.BAR`, fields of your own, or one kind of number.
    capacity : int
        Messages that the ring holds, rounded up to a power of two. A reader that stands still for longer than
        it takes to write so many misses some: take the rate times 0.1 s or more.
    key : str, optional
        A field of dtype ``<u4`` that numbers the rows of a table with the latest message of each.
    rows : int
        Rows of that table.
    journal : Journal or path, optional
        Log each message there before it is published: then readers that missed some, or come later, take them
        from the journal on their own, and a ring that is lost goes on with its sequence. The journal is for
        this ring alone, and a message may have up to 16,376 bytes. A Journal that is given stays open.
    folder : path, optional
        By default what FASTCORE_SHM_FOLDER says, or /dev/shm.
    mode : int
        Permissions of the file; by default nobody else may read it.

    Returns
    -------
    Writer

    Raises
    ------
    ShmBusyError
        If the ring has a writer.
    ShmError
        If there is no room, or something else has the name.
    InputError
        If the name, the dtype or a number cannot be.
    """
    options: dict[str, Any] = {"folder": _folder(folder), "capacity": capacity, "key": key, "rows": rows}
    if journal is None:
        return Writer(name, dtype, mode=mode, **options)
    return LoggedWriter(name, dtype, journal=journal, mode=mode, **options)


@arguments("shm.attach", name=TEXT, folder=optional(PATH), catch_up=optional(CALL))
def attach(
    name: str,
    *,
    start: Literal["newest", "oldest"] | int = "newest",
    wait: Literal["spin", "yield", "sleep"] = "sleep",
    on_lap: Literal["raise", "skip"] = "raise",
    catch_up: CatchUp | None = None,
    patience: float = 10.0,
    timeout: float = 0.0,
    folder: str | os.PathLike[str] | None = None,
) -> Reader:
    """Open a ring for reading.

    Parameters
    ----------
    name : str
        The ring's.
    start : "newest", "oldest" or int
        Read what comes from now on, all that is still there, or from a sequence on.
    wait : "spin", "yield" or "sleep"
        How to wait for a message: looking all the time (the fastest, takes a processor), giving way to others
        between two looks, or asleep.
    on_lap : "raise" or "skip"
        What to do when messages were missed that neither the ring's journal nor `catch_up` has.
    catch_up : callable, optional
        ``catch_up(first, end)`` gives the messages of these sequences, as an array or several in order,
        instead of the ring's journal. With either no reader misses anything.
    patience : float
        Seconds to wait for a new writer after the old one died.
    timeout : float
        Seconds to wait for the ring to be made.
    folder : path, optional
        By default what FASTCORE_SHM_FOLDER says, or /dev/shm.

    Returns
    -------
    Reader

    Raises
    ------
    ShmMissingError
        If there is no such ring.
    ShmError
        If what has the name is damaged, of another version, or no ring.
    """
    end = time.monotonic() + seconds("shm.attach", "timeout", timeout)
    while True:
        try:
            return Reader(
                name,
                folder=_folder(folder),
                start=start,
                wait=wait,
                on_lap=on_lap,
                catch_up=catch_up,
                patience=patience,
            )
        except ShmMissingError:
            if time.monotonic() >= end:
                raise
            time.sleep(0.002)


@arguments("shm.names", folder=optional(PATH))
def names(folder: str | os.PathLike[str] | None = None) -> list[str]:
    """The names of all segments, sound or not."""
    return _core.shm_names(_folder(folder))


@arguments("shm.inspect", name=TEXT, folder=optional(PATH))
def inspect(name: str, *, folder: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """All that a ring says about itself, as plain values.

    Returns
    -------
    dict
        name, state, writer (process id), alive, age (seconds since its last sign of life), epoch (writers so
        far), sequence (of the next message), oldest, capacity, rows, names, fields, message_bytes, bytes,
        created (ns).

    Raises
    ------
    ShmError
        If it cannot be read.
    """
    reader = Reader(name, folder=_folder(folder))
    dtype: np.dtype[Any] = reader.dtype
    fields = {} if dtype.fields is None else {key: str(part[0]) for key, part in dtype.fields.items()}
    return {
        "name": name,
        "state": _STATES.get(reader._state, "unknown"),
        "writer": reader.writer_pid,
        "alive": reader.writer_alive,
        "age": reader.age,
        "epoch": reader.epoch,
        "sequence": reader.end,
        "oldest": reader.oldest,
        "capacity": reader.capacity,
        "rows": reader.rows,
        "names": reader.names,
        "fields": fields or {"": str(dtype)},
        "message_bytes": dtype.itemsize,
        "bytes": reader.bytes,
        "created": reader._created,
    }


@arguments("shm.clean", name=optional(TEXT), folder=optional(PATH))
def clean(
    name: str | None = None, *, folder: str | os.PathLike[str] | None = None, dry_run: bool = False
) -> list[str]:
    """Remove the segments that have no writer: what a crash has left behind, sound or not.

    Parameters
    ----------
    name : str, optional
        Only this one.
    dry_run : bool
        Only say which.

    Returns
    -------
    list of str
        The names of those removed.

    Raises
    ------
    ShmError
        If one may not be removed, as another user's; all that may be are.
    """
    where = _folder(folder)
    if name is not None:
        return [name] if _remove(where, name, dry_run) else []
    removed, refused = [], []
    for one in names(where):
        try:
            if _remove(where, one, dry_run):
                removed.append(one)
        except ShmMissingError:  # its writer has just removed it
            continue
        except ShmError as error:
            refused.append(error)
    if refused:
        gone = f"; removed: {', '.join(removed)}" if removed else ""
        raise ShmError(f"{'; '.join(map(str, refused))}{gone}")
    return removed


def _remove(folder: str, name: str, dry_run: bool) -> bool:
    if not dry_run:
        return _core.shm_remove(folder, name)
    try:
        return not Reader(name, folder=folder).writer_alive
    except ShmMissingError:
        raise
    except ShmError:
        return True  # it cannot be read; nobody writes to what has no header
