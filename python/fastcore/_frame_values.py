"""Columns of frames as the numbers of ticks: exact, or refused by column, row and value."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcore.errors import InputError

__all__ = [
    "EARLIEST",
    "Numbers",
    "arrow_times",
    "fitting",
    "masked",
    "nanoseconds",
    "of_objects",
    "texts",
    "unit_wrong",
]

Numbers = npt.NDArray[Any]

#: In ns, in 1973; a time below is in another unit.
EARLIEST = 10**17


def fitting(name: str, values: Numbers, kind: np.dtype[Any]) -> Numbers:
    """Whole numbers that the type can hold, NaN as 0; else InputError, for nothing is rounded or wrapped."""
    least, most = int(np.iinfo(kind).min), int(np.iinfo(kind).max)
    if values.dtype.kind == "b":
        return values
    if values.dtype.kind == "f":
        # Beyond 2**53 several integers are one float: two ids would be taken for the same.
        least, most = max(least, -(2**53)), min(most, 2**53)
        values = np.where(np.isnan(values), 0.0, values)
        wrong = (values < least) | (values > most) | (values != np.floor(values))
    elif values.dtype.kind == "u":
        wrong = values > np.array(most, np.uint64)
    else:
        wrong = (values < least) | (values > most)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(
            f"the column {name!r} must hold whole numbers from {least} to {most} as {values.dtype}; "
            f"row {row} has {values[row].item()!r}"
        )
    return values


def nanoseconds(name: str, values: Numbers) -> npt.NDArray[np.int64]:
    """Times of NumPy, or counts of ns, as ns since 1970 UTC."""
    if values.dtype.kind == "M":
        times = values.astype("datetime64[ns]")
        if (missing := np.isnat(values)).any():
            row = int(np.argmax(missing))
            raise InputError(f"the column {name!r} of times must have no nulls; row {row} has {values[row]}")
        # NumPy wraps what is outside of 1677 to 2262; the way back tells.
        wrong = times.astype(values.dtype) != values
        if wrong.any():
            row = int(np.argmax(wrong))
            raise InputError(f"the column {name!r}: row {row} has {values[row]}, beyond ns since 1970")
        return times.astype(np.int64)
    if values.dtype.kind in "iu":
        return fitting(name, values, np.dtype(np.int64)).astype(np.int64)
    raise InputError(
        f"the column {name!r} must hold times, or whole nanoseconds since 1970 UTC, not {values.dtype}"
    )


def masked(values: Numbers) -> bool:
    """Whether some of it is masked, which is a null."""
    return isinstance(values, np.ma.MaskedArray) and bool(np.ma.is_masked(values))


def of_objects(values: Any) -> Any:
    """Objects that are numbers, or nulls between them, as floats; others as they are, for who refuses them.

    Examples
    --------
    >>> of_objects(np.array([1, None, 2.5], object)).tolist()
    [1.0, nan, 2.5]
    >>> of_objects(["1", None])
    ['1', None]
    """
    found: list[float] = []
    for one in values:
        if one is None or type(one).__name__ == "NAType":  # pandas' own null
            found.append(np.nan)
        elif isinstance(one, (int, float, np.integer, np.floating, Decimal)) and not isinstance(one, bool):
            try:
                found.append(float(one))
            except OverflowError:
                return values
        else:
            return values
    return np.array(found, np.float64)


def texts(name: str, values: Iterable[Any]) -> list[str]:
    """Names of symbols as text; bytes are UTF-8."""
    try:
        return [one.decode() if isinstance(one, bytes) else str(one) for one in values]
    except UnicodeDecodeError as error:
        raise InputError(f"the column {name!r} of symbols has bytes that are no UTF-8: {error}") from None


def arrow_times(pa: Any, name: str, column: Any) -> npt.NDArray[np.int64]:
    """Times of Arrow, or counts of ns, as ns since 1970 UTC."""
    if column.null_count:
        raise InputError(f"the column {name!r} of times must have no nulls")
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        try:
            column = column.cast(pa.timestamp("ns")).cast(pa.int64())
        except pa.ArrowInvalid as error:
            raise InputError(f"the column {name!r} has a time beyond ns since 1970: {error}") from None
    return nanoseconds(name, column.to_numpy())


def unit_wrong(name: str, ts: int) -> str:
    """A sentence on a time below `EARLIEST`, which is in another unit.

    Examples
    --------
    >>> unit_wrong("ts", 1_700_000_000)
    'ts=1700000000 must be nanoseconds since 1970 UTC; it looks like seconds: multiply by 1_000_000_000'
    """
    units = {
        10**14: "microseconds: multiply by 1_000",
        10**11: "milliseconds: multiply by 1_000_000",
        0: "seconds: multiply by 1_000_000_000",
    }
    unit = next((name for least, name in units.items() if ts >= least), "a time before 1970")
    return f"{name}={ts} must be nanoseconds since 1970 UTC; it looks like {unit}"
