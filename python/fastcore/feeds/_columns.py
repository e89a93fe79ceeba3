"""Which column of a file holds which field of a tick, told by its name.

Headers differ in every archive; the usual names are few. What a name does not tell (the unit of a
time, empty columns) `_times` finds in the values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from fastcore.errors import FileFeedError

__all__ = ["FIELDS", "normal", "refuse_days", "resolve", "times_of_day", "unit_of_name"]

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_TIME_OF_DAY = re.compile(r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?")

#: The fields that a column can be mapped to.
FIELDS = ("ts", "price", "size", "symbol", "market", "id", "side", "bid", "ask")

UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}

# Exchange event time first, then plain times, then the time of receipt: the recording machine's
# clock may be seconds off, and the bars belong to the exchange's clock. Units are cut off before.
_TIMES = (
    *("trade", "exch", "event", "trade_time", "exchange_time", "event_time", "transact_time", "t"),
    *("ts", "timestamp", "time", "datetime", "date", "ts_event", "open_time"),
    *("recv", "received", "recv_time", "receive_time", "ts_recv", "local_timestamp"),
    "__index_level_0__",  # what pandas calls an index without a name
)
_NAMES: dict[str, tuple[str, ...]] = {
    "price": ("price", "px", "last", "close", "trade_price", "last_price"),
    "size": ("size", "qty", "quantity", "volume", "amount", "last_size"),
    "symbol": ("symbol", "sym", "ticker", "instrument", "pair"),
    "market": ("market", "exchange", "venue"),
    "id": ("id", "trade_id", "tradeid", "update_id"),
    "side": ("side", "aggressor", "taker_side", "is_buyer_maker", "buyer_maker"),
    "bid": ("bid", "bid_price", "bid_px"),
    "ask": ("ask", "ask_price", "ask_px"),
}


def normal(name: str) -> str:
    """A column name as the tables here spell it.

    Examples
    --------
    >>> normal(" Trade-ID ")
    'trade_id'
    """
    return "_".join(name.strip().strip("\"'").lower().replace("-", "_").replace(".", "_").split())


def unit_of_name(name: str) -> int | None:
    """Nanoseconds per unit, if the column's name ends in one of _ns, _us, _ms, _s.

    Examples
    --------
    >>> unit_of_name("trade_ms"), unit_of_name("time")
    (1000000, None)
    """
    _, _, suffix = normal(name).rpartition("_")
    return UNITS.get(suffix) if suffix != normal(name) else None


def _time_rank(name: str) -> int | None:
    plain = normal(name)
    base = plain.rpartition("_")[0] if unit_of_name(name) else plain
    return _TIMES.index(base) if base in _TIMES else None


def resolve(
    label: str, header: Sequence[str], columns: Mapping[str, str] | None
) -> tuple[dict[str, int], list[int]]:
    """Find the columns of a file by the names that the caller gave, and else by the usual ones.

    Parameters
    ----------
    label : str
        The file, as error messages call it.
    header : sequence of str
        The file's column names, in order.
    columns : mapping of str to str, optional
        Field -> column name; these are not guessed.

    Returns
    -------
    fields : dict of str to int
        Field -> position of its column, without the time.
    times : list of int
        Positions of the columns that may be the time, best first.

    Raises
    ------
    FileFeedError
        If a field is unknown, a named column is absent, or no price or time can be found.

    Examples
    --------
    >>> resolve("t.csv", ["recv_ns", "Price", "T"], None)
    ({'price': 1}, [2, 0])
    """
    wanted = dict(columns or {})
    fields: dict[str, int] = {}
    for field, column in wanted.items():
        if field not in FIELDS:
            raise FileFeedError(f"{field!r} is not a field of a tick; the fields are {', '.join(FIELDS)}")
        fields[field] = _position(label, header, column)
    spelled = [normal(name) for name in header]
    for field, names in _NAMES.items():
        found = [spelled.index(name) for name in names if name in spelled]
        free = [place for place in found if place not in fields.values()]
        if field not in fields and free:
            fields[field] = free[0]
    if "ts" in fields:
        times = [fields.pop("ts")]
    else:
        ranked = sorted(
            (rank, place) for place, rank in enumerate(map(_time_rank, header)) if rank is not None
        )
        times = [place for _, place in ranked if place not in fields.values()]
        if "T" in header:  # where both are, as in Binance's own frames, t is the trade's id
            times = [place for place in times if header[place] != "t"]
    _demand(label, header, fields, times)
    _refuse_twins(label, header, wanted, {**fields, "ts": times[0]})
    if {"bid", "ask"} <= wanted.keys() and "price" not in wanted:
        fields.pop("price", None)
    if "price" in fields:
        fields.pop("bid", None)
        fields.pop("ask", None)
    else:
        fields.pop("size", None)  # a quote has no traded size
    return fields, times


def times_of_day(header: Sequence[str], place: int) -> list[int]:
    """The columns beside that of the times that may hold times of the day, by their names."""
    return [other for other, name in enumerate(header) if other != place and "time" in normal(name)]


def refuse_days(
    label: str, header: Sequence[str], place: int, days: Iterable[str], others: Mapping[int, Iterable[str]]
) -> None:
    """FileFeedError where one column holds days and another times of the day: all ticks would be at midnight.

    Parameters
    ----------
    label : str
    header : sequence of str
    place : int
        The column that was taken for the time.
    days : iterable of str
        Its first values.
    others : mapping of int to iterable of str
        The first values of the columns of `times_of_day`.
    """
    if not all(_DAY.fullmatch(value.strip()) for value in days if value.strip()):
        return
    for other, values in others.items():
        there = [value.strip() for value in values if value.strip()]
        if there and all(map(_TIME_OF_DAY.fullmatch, there)):
            raise FileFeedError(
                f"{label}: column {header[place]!r} holds days and column {header[other]!r} times of the day"
                ": join them in one column, such as 2024-01-02T10:00:00; "
                f"columns={{'ts': {header[place]!r}}} or --column ts={header[place]} takes the days alone"
            )


def _position(label: str, header: Sequence[str], column: str) -> int:
    if column in header:
        return list(header).index(column)
    for place, name in enumerate(header):
        if normal(name) == normal(column):
            return place
    raise FileFeedError(f"{label} has no column {column!r}; its columns are {_listed(header)}")


def _refuse_twins(
    label: str, header: Sequence[str], wanted: Mapping[str, str], fields: Mapping[str, int]
) -> None:
    for field, place in fields.items():
        # Case tells times apart: Binance's T is the trade's, its t the trade's id.
        exact = field in wanted or field == "ts"
        names = [name if exact else normal(name) for name in header]
        if names.count(names[place]) > 1:
            raise FileFeedError(
                f"{label} has {names.count(names[place])} columns named {_printable(header[place])!r}, and "
                f"which of them is the {field} cannot be told; its columns are {_listed(header)}"
            )


def _demand(label: str, header: Sequence[str], fields: Mapping[str, int], times: Sequence[int]) -> None:
    if all(_is_number(name) for name in header if name.strip()):
        raise FileFeedError(f"{label} has no header line: its first line is {','.join(header)[:80]!r}")
    if "price" not in fields and not {"bid", "ask"} <= fields.keys():
        raise FileFeedError(
            f"{label} has no column that looks like a price, nor bid and ask; its columns are "
            f"{_listed(header)}: name it with columns={{'price': ...}} or --column price=NAME"
        )
    if not times:
        raise FileFeedError(
            f"{label} has no column that looks like a time; its columns are {_listed(header)}: "
            "name it with columns={'ts': ...} or --column ts=NAME"
        )


def _listed(header: Sequence[str]) -> str:
    shown = ", ".join(_printable(name) or "(no name)" for name in header[:20])
    return f"{shown} and {len(header) - 20} more" if len(header) > 20 else shown


def _printable(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name.strip()[:40])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
