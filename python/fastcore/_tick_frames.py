"""Frames of ticks and bars in, frames of outputs out: pandas, Polars, Arrow tables, mappings of arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcore._frame_readers import FrameReader, reader_of
from fastcore._frame_values import (
    EARLIEST,
    Numbers,
    fitting,
    unit_wrong,
)
from fastcore.errors import InputError
from fastcore.ticks import TICK

__all__ = ["run_frame", "ticks_of"]

TICK_FIELDS = ("ts", "symbol", "price", "size", "id", "side")
BAR_FIELDS = ("ts", "symbol", "open", "high", "low", "close", "volume")
_NEEDED = {"price", "open", "high", "low", "close"}


def found(reader: FrameReader, fields: Sequence[str], columns: Mapping[str, str] | None) -> dict[str, str]:
    """Which column holds which field: those that are named, and else those that are called so.

    Raises
    ------
    InputError
        If a field is none, or a column is not there.
    """
    if not reader.names:
        raise InputError(f"a frame must have the columns ts and {fields[2]}, and this one has none")
    wanted = dict(columns or {})
    for field, name in wanted.items():
        if field not in fields:
            raise InputError(f"{field!r} is not a field of the frame; the fields are {', '.join(fields)}")
        if name not in reader.names:
            raise InputError(f"the frame has no column {name!r}; it has {', '.join(reader.names)}")
    lower = {name.lower(): name for name in reversed(reader.names)}
    for field in fields:
        if field not in wanted and field in lower:
            wanted[field] = lower[field]
    for field in fields:
        if field in _NEEDED and field not in wanted:
            raise InputError(
                f"the frame has no column {field!r}; it has {', '.join(reader.names)}: "
                f"name it, as in columns={{{field!r}: {reader.names[-1]!r}}}"
            )
    for name in wanted.values():
        if reader.names.count(name) > 1:
            raise InputError(f"the frame has {reader.names.count(name)} columns {name!r}")
    return wanted


def times_of(reader: FrameReader, columns: Mapping[str, str]) -> npt.NDArray[np.int64]:
    """The time of each row."""
    times = reader.times(columns.get("ts"))
    if times is None:
        raise InputError(
            f"the frame has no column 'ts' and no index of times; it has {', '.join(reader.names)}: "
            "name the column of times, as in columns={'ts': 'time'}"
        )
    return times


def symbols_of(
    reader: FrameReader, columns: Mapping[str, str], symbol: str | None, rows: int
) -> tuple[Numbers, list[str]]:
    """The symbol of each row, as a number, and the names."""
    if "symbol" in columns:
        return reader.codes(columns["symbol"])
    if symbol is None:
        raise InputError("the frame has no column 'symbol': say which it is, as in symbol='BTCUSDT'")
    return np.zeros(rows, np.uint32), [symbol]


def ticks_of(
    frame: Any, columns: Mapping[str, str] | None = None, symbol: str | None = None
) -> tuple[npt.NDArray[np.void], list[str]]:
    """The rows of a frame as ticks, and the names that they index.

    Parameters
    ----------
    frame : DataFrame, Table or mapping
        With a column ``price``; ``ts`` (or in pandas an index of times); and it may have ``symbol``,
        ``size``, ``id`` and ``side``.
    columns : mapping of str to str, optional
        Field -> column, for those that are called otherwise.
    symbol : str, optional
        The symbol of all rows, where there is no column of symbols.

    Raises
    ------
    InputError
        If a column is missing or is not what it must be.

    Examples
    --------
    >>> frame = {"ts": [1_700_000_000_000_000_000], "price": [100.0]}
    >>> ticks, names = ticks_of(frame, symbol="BTCUSDT")
    >>> ticks["price"].tolist(), names
    ([100.0], ['BTCUSDT'])
    """
    reader = reader_of(frame)
    return _ticks(reader, found(reader, TICK_FIELDS, columns), symbol)


def run_frame(
    engine: Any, frame: Any, bars: str | None, columns: Mapping[str, str] | None, symbol: str | None
) -> Any:
    """What `fastcore.Engine.run` does."""
    reader = reader_of(frame)
    places = found(reader, TICK_FIELDS if bars is None else BAR_FIELDS, columns)
    if bars is None:
        ticks, symbols = _ticks(reader, places, symbol)
        rows = engine.on_ticks(ticks, symbols=symbols, rows="all")
    else:
        rows = _run_bars(engine, reader, places, bars, symbol)
    keep = [places[field] for field in ("ts", "symbol") if field in places]
    names = [f"output.{name}" if name in keep else name for name in engine.columns]
    return reader.made(dict(zip(names, np.ascontiguousarray(rows.T), strict=True)), keep)


def _run_bars(
    engine: Any, reader: FrameReader, places: Mapping[str, str], span: str, symbol: str | None
) -> npt.NDArray[np.float64]:
    times = times_of(reader, places)
    codes, names = symbols_of(reader, places, symbol, len(times))
    columns = [_floats(reader, places[field]).tolist() for field in BAR_FIELDS[2:6]]
    volume = _floats(reader, places["volume"]).tolist() if "volume" in places else [0.0] * len(times)
    if (wrong := times < EARLIEST).any():  # here: nothing has been taken yet
        at = int(np.argmax(wrong))
        raise InputError(f"row {at} of the frame: {unit_wrong(places.get('ts', 'index'), int(times[at]))}")
    if len(times):
        nothing: dict[str, list[float]] = {field: [] for field in BAR_FIELDS[2:]}
        engine.on_bars(span, EARLIEST, symbols=[], **nothing)  # refuses a span that the plan has not
    symbols = {code: engine.symbol(names[code]) for code in np.unique(codes).tolist()}
    rows = np.empty((len(times), len(engine.columns)))
    bars = zip(times.tolist(), *columns, volume, strict=True)
    for row, code, bar in zip(rows, codes.tolist(), bars, strict=True):
        row[:] = symbols[code].on_bar(span, *bar)
    return rows


def _ticks(
    reader: FrameReader, places: Mapping[str, str], symbol: str | None
) -> tuple[npt.NDArray[np.void], list[str]]:
    times = times_of(reader, places)
    ticks = np.zeros(len(times), TICK)
    ticks["ts"] = times
    ticks["symbol"], names = symbols_of(reader, places, symbol, len(times))
    for field in ("price", "size", "id", "side"):
        if field in places:
            name = places[field]
            whole = field in ("id", "side")
            values = reader.integers(name) if whole else reader.numbers(name)
            if values.dtype.kind not in "iufb":
                raise InputError(f"the column {name!r} must hold numbers, not {values.dtype}")
            if field == "side" and values.dtype.kind == "b":
                raise InputError(f"the column {name!r} must hold the sides 1, -1 and 0, not {values.dtype}")
            ticks[field] = fitting(name, values, TICK[field]) if whole else values
    return ticks, names


def _floats(reader: FrameReader, name: str) -> npt.NDArray[np.float64]:
    values = reader.numbers(name)
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError):
        raise InputError(f"the column {name!r} must hold numbers, not {values.dtype}") from None
