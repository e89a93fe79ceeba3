"""Where two snapshots, outputs or journals part: the first tick, symbol, indicator and field."""

from __future__ import annotations

import dataclasses
import math
import os
import struct
from typing import Any

from fastcore import _core
from fastcore._rows import Rows, first_difference
from fastcore.errors import InputError, SnapshotError

__all__ = ["Difference", "diff"]

Value = int | float | str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """The first difference of two things that should be equal.

    Attributes
    ----------
    kind : {"snapshot", "output", "journal"}
        What was compared.
    tick : int or None
        Of outputs, the number of the row, from 0; of journals, that of the tick or quote. Of snapshots, how
        many ticks the symbol had taken in the first one. None for what concerns no tick.
    ts : int or None
        Time of that tick, nanoseconds since 1970 UTC.
    symbol : str or None
    indicator : str or None
        Its name in the plan, or ``"bars 1m"`` for bars.
    field : str
        What differs: an output, ``"value"`` where there is but one, a part of a state such as
        ``"state.average.values[3]"``, ``"price"`` of a journal's tick, or ``"rows"`` and ``"record"`` where
        one of two outputs or journals ends before the other.
    a, b : int, float, str or None
        What the field holds in the first and in the second; None where it is not there.
    ulps : int or None
        For two numbers of type float, how many floats lie between them, plus one; None where one is NaN.

    Examples
    --------
    >>> from fastcore import EMA, diff
    >>> one, other = EMA(2), EMA(2)
    >>> one.batch([1.0, 2.0, 3.0]), other.batch([1.0, 2.0, 3.000000000000001])
    ([nan, 1.5, 2.5], [nan, 1.5, 2.5000000000000004])
    >>> print(diff(one, one))
    None
    >>> print(diff(one, other))
    the snapshots differ first in values[ema].value of EMA: 2.5 and 2.5000000000000004, 1 ULP apart
    """

    kind: str
    tick: int | None
    ts: int | None
    symbol: str | None
    indicator: str | None
    field: str
    a: Value
    b: Value

    @property
    def ulps(self) -> int | None:
        if not isinstance(self.a, float) or not isinstance(self.b, float):
            return None
        if math.isnan(self.a) or math.isnan(self.b):
            return None
        return abs(_rank(self.a) - _rank(self.b))

    def to_json(self) -> dict[str, Any]:
        """As a mapping of JSON's types: what is not finite is text."""
        known = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        for side in ("a", "b"):
            if isinstance(known[side], float) and not math.isfinite(known[side]):
                known[side] = repr(known[side])
        return {**known, "ulps": self.ulps}

    def __str__(self) -> str:
        what = f"the {self.kind}s differ first in {self.field}"
        if self.indicator:
            what += f" of {self.indicator}"
        if self.symbol:
            what += f", symbol {self.symbol}"
        if self.tick is not None:
            what += f", after {self.tick} ticks" if self.kind == "snapshot" else f", tick {self.tick}"
            what += f" (ts {self.ts})" if self.ts is not None else ""
        text = f"{what}: {_shown(self.a)} and {_shown(self.b)}"
        return text if self.ulps is None else f"{text}, {self.ulps} ULP apart"


def diff(a: Any, b: Any) -> Difference | None:
    """The first difference of two snapshots, outputs or journals; None where there is none.

    Parameters
    ----------
    a, b : path, bytes, Engine, Symbol, Indicator, Journal or frame
        Two snapshots: files, bytes, or what they are made of. Or two outputs: Parquet, Arrow or CSV files,
        or frames of pandas, Polars or pyarrow, with one row for each tick. Columns ``ts`` and ``symbol`` say
        of which tick a row is; ``"macd.signal"`` is the output ``signal`` of ``macd``. Or two journals: their
        folders.

    Returns
    -------
    Difference or None

    Raises
    ------
    InputError
        If they are not of one kind, or one is of none.
    JournalError
        If a journal is damaged, or of a newer version.
    SnapshotError
        If a snapshot is damaged, cut short or newer.
    FileFeedError
        If a file of outputs cannot be read.
    OSError
        If a file is not there.

    Notes
    -----
    Numbers are equal if their bits are, so 0.0 is not -0.0, and NaN is NaN. Parquet and Arrow files are read
    in step, in constant memory. History is compared where both snapshots hold it; engines and symbols are
    taken without. Of journals, how they are cut into segments does not matter, nor do notes.

    Examples
    --------
    >>> from fastcore import SMA, Engine, diff
    >>> one, other = Engine({"sma": SMA(2)}), Engine({"sma": SMA(2)})
    >>> for i, price in enumerate([100.0, 101.0, 102.0]):
    ...     row = one.symbol("BTCUSDT").on_tick(1_700_000_000_000_000_000 + i, price)
    ...     row = other.symbol("BTCUSDT").on_tick(1_700_000_000_000_000_000 + i, price + (i == 2) / 4)
    >>> found = diff(one, other)
    >>> found.symbol, found.indicator, found.field, found.a, found.b
    ('BTCUSDT', 'sma', 'value', 101.5, 101.625)
    """
    side_a, side_b = _side(a), _side(b)
    if isinstance(side_a, bytes) and isinstance(side_b, bytes):
        return _of_snapshots(side_a, side_b, a, b)
    if isinstance(side_a, str) and isinstance(side_b, str):
        return _of_journals(side_a, side_b)
    if isinstance(side_a, Rows) and isinstance(side_b, Rows):
        with side_a, side_b:
            found = first_difference(side_a, side_b)
        return None if found is None else Difference("output", *found)
    raise InputError(
        f"diff: {_name(a)} is {_kind(side_a)} and {_name(b)} is {_kind(side_b)}: "
        "only things of one kind can be compared"
    )


def _of_snapshots(data_a: bytes, data_b: bytes, a: Any, b: Any) -> Difference | None:
    try:
        found = _core.snapshot_difference(data_a, data_b)
    except SnapshotError:
        for data, source in ((data_a, a), (data_b, b)):
            try:
                _core.snapshot_difference(data, data)
            except SnapshotError as error:
                raise SnapshotError(f"diff: {_name(source)}: {error}") from None
        raise
    if found is None:
        return None
    symbol, indicator, field, value_a, value_b, (ticks, ts), _ = found
    tick, time = (ticks, ts) if symbol and ticks else (None, None)
    return Difference("snapshot", tick, time, symbol or None, indicator or None, field, value_a, value_b)


def _of_journals(a: str, b: str) -> Difference | None:
    found = _core.journal_difference(a, b)
    if found is None:
        return None
    tick, ts, symbol, field, value_a, value_b = found
    return Difference("journal", tick, ts or None, symbol or None, None, field, value_a, value_b)


def _side(source: Any) -> bytes | Rows | str:
    """The bytes of a snapshot, rows of outputs, or a journal's folder."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    if isinstance(source, _core.Engine):
        return source._snapshot(False)
    if isinstance(source, _core.Symbol):
        return source.snapshot()
    if isinstance(source, _core.Indicator):
        return source._snapshot()
    if isinstance(source, _core.Journal):
        return source.folder
    if isinstance(source, (str, os.PathLike)):
        path = os.fspath(source)
        return os.path.abspath(path) if os.path.isdir(path) else _file(path)
    if hasattr(source, "__arrow_c_stream__"):
        return Rows.of_frame(source)
    raise InputError(
        "diff compares snapshots, outputs and journals: a path, bytes, an engine, a symbol, an indicator, "
        f"a journal or a frame, not {type(source).__name__}"
    )


def _file(path: str) -> bytes | Rows:
    try:
        with open(path, "rb") as file:
            head = file.read(8)
            if head == b"FASTCORE":
                return head + file.read()
    except OSError as error:
        raise OSError(error.errno, f"diff: cannot read {path!r}: {error.strerror}") from None
    return Rows.of_file(path, head)


def _kind(side: bytes | Rows | str) -> str:
    if isinstance(side, bytes):
        return "a snapshot"
    return "a journal" if isinstance(side, str) else "an output"


def _name(source: Any) -> str:
    return os.fspath(source) if isinstance(source, (str, os.PathLike)) else f"a {type(source).__name__}"


def _shown(value: Value) -> str:
    return "nothing" if value is None else value if isinstance(value, str) else repr(value)


def _rank(value: float) -> int:
    """Place among all floats in order; both zeros have the same."""
    bits: int = struct.unpack("<q", struct.pack("<d", value))[0]
    return bits if bits >= 0 else -(bits & 0x7FFF_FFFF_FFFF_FFFF)
