"""What the engine's methods are given, checked: an error names the method and the value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from fastcore import _core
from fastcore._frame_readers import is_frame
from fastcore._frame_values import EARLIEST, unit_wrong
from fastcore._tick_frames import ticks_of
from fastcore.calendars import Calendar
from fastcore.errors import InputError
from fastcore.ticks import TICK

#: What the native core refuses to go beyond.
MOST_HISTORY = 100_000_000
MOST_SYMBOLS = 2**32 - 1


def snapshot_bytes(method: str, data: Any) -> bytes:
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"{method} takes the bytes of a snapshot, not {type(data).__name__}")
    return bytes(data)


def batches(
    history: Any, symbols: Sequence[str] | None, engine: _core.Engine
) -> Iterator[tuple[Any, Sequence[str]]]:
    """The ticks of a history and the names that they index."""
    if is_frame(history):
        ticks, names = ticks_of(history)
        yield ticks, names if symbols is None else symbols
        return
    if isinstance(history, np.ndarray):
        yield (
            ticks_array("warm_up", history),
            engine.symbols if symbols is None else names_of("warm_up", symbols),
        )
        return
    if symbols is not None:
        raise InputError("warm_up: symbols goes with an array; batches bring their own")
    if isinstance(history, (str, bytes)) or not isinstance(history, Iterable):
        raise TypeError(
            f"warm_up: history must be an array of fastcore.TICK, a frame or batches, not {history!r}"
        )
    for batch in history:
        if not hasattr(batch, "ticks") or not hasattr(batch, "symbols"):
            raise TypeError(
                f"warm_up: a batch has ticks and symbols, as read_ticks gives them, not {batch!r}"
            )
        yield ticks_array("warm_up", batch.ticks), names_of("warm_up", batch.symbols)


def ticks_array(method: str, ticks: Any) -> np.ndarray[Any, np.dtype[np.void]]:
    """An array of TICK with one dimension."""
    array = np.asarray(ticks)
    if array.dtype != TICK:
        raise InputError(f"{method}: ticks must be an array of fastcore.TICK, not of {array.dtype}")
    if array.ndim != 1:
        raise InputError(f"{method}: an array of fastcore.TICK must have one dimension, not {array.ndim}")
    return array


def whole(name: str, value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"Engine: {name} must be a whole number, not {value!r}")
    if not least <= value <= most:
        raise InputError(f"Engine: {name} must be from {least} to {most}, not {value}")
    return int(value)


def time_of(method: str, ts: Any) -> int:
    if isinstance(ts, bool) or not isinstance(ts, (int, np.integer)):
        raise TypeError(f"{method}: ts must be an int (nanoseconds since 1970 UTC), not {ts!r}")
    if not -(2**63) <= ts < 2**63:
        raise InputError(f"{method}: ts={ts} must be nanoseconds since 1970 UTC; it does not fit in 64 bits")
    return int(ts)


def names_of(method: str, symbols: Any) -> list[str]:
    """Names of symbols: a sequence of texts, not one text."""
    if isinstance(symbols, (str, bytes)) or not isinstance(symbols, Iterable):
        raise TypeError(f"{method}: symbols must be a sequence of names, not {symbols!r}")
    names = list(symbols)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{method}: symbols must be names, not {name!r}")
    return names


def calendars_of(calendars: Any) -> Mapping[str, Calendar]:
    if calendars is not None and not isinstance(calendars, Mapping):
        raise TypeError(f"Engine: calendars must map names to calendars, not be {calendars!r}")
    return calendars or {}


def copies_rows(rows: str) -> bool:
    if rows not in ("live", "copy"):
        raise InputError(f"Engine: rows must be 'live' or 'copy', not {rows!r}")
    return rows == "copy"


def check_unit(ticks: np.ndarray[Any, np.dtype[np.void]]) -> None:
    """Refuse a batch whose first time is not in nanoseconds: the rest will not be, either."""
    if len(ticks) == 0 or ticks["ts"][0] >= EARLIEST:
        return
    raise InputError(f"on_ticks: {unit_wrong('ts', int(ticks['ts'][0]))}")
