"""Arrow columns of a file turned into ticks, whatever the columns' types.

One rule holds for every row: it becomes one tick. A row in which a number cannot be read becomes
a tick whose price is NaN, so that the engine's ledger counts it as invalid and no row is lost
without a trace.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcore._arrow_numbers import decimal_words, floats, is_number, numbers
from fastcore.feeds import TickArray
from fastcore.feeds._times import EARLIEST, Clock, arrow_times
from fastcore.ticks import TICK

__all__ = ["UNKNOWN", "Converter", "text_of"]

#: The symbol of rows from which none can be read, in files that have a symbol column.
UNKNOWN = "?"

#: Pairs of a market and a symbol that are counted; more are sorted, which takes ten times as long.
_FEW = 1 << 16

_SIDES = {"buy": 1, "b": 1, "true": 1, "sell": -1, "s": -1, "false": -1}
_SIDES |= {
    "1": 1,
    "+1": 1,
    "1.0": 1,
    "-1": -1,
    "-1.0": -1,
}  # floats are what pandas makes of whole numbers with nulls


@dataclass(slots=True)
class Converter:
    """Turns the columns of one file into ticks, and remembers its names and its last good time.

    Attributes
    ----------
    pa : module
        pyarrow.
    clock : Clock
        How the file writes its times.
    symbol : str
        The symbol of files that have no symbol column.
    maker : bool
        The side column says whether the buyer was the maker, as Binance's does: true is a sale.
    """

    pa: Any
    clock: Clock
    symbol: str
    maker: bool = False
    names: list[str] = field(default_factory=list)
    last_ts: int | None = None
    _codes: dict[tuple[str, str], int] = field(default_factory=dict)

    def ticks(self, columns: Mapping[str, Any], rows: int) -> TickArray:
        """Convert one block.

        Parameters
        ----------
        columns : mapping of str to pyarrow.Array
            Field -> column of `rows` values; ``"ts"`` and either ``"price"`` or ``"bid"`` and
            ``"ask"`` must be there.
        rows : int
            Rows in the block.

        Returns
        -------
        ndarray of TICK, shape (rows,)
            ``symbol`` indexes `names`, which grows as names appear.
        """
        ticks = np.zeros(rows, TICK)
        if "price" in columns:
            ticks["price"] = self._floats(columns["price"])
        else:
            ticks["price"] = (self._floats(columns["bid"]) + self._floats(columns["ask"])) / 2.0
        if "size" in columns:
            ticks["size"] = self._floats(columns["size"])
        if "id" in columns:
            ticks["id"] = self._integers(columns["id"])
        if "side" in columns:
            ticks["side"] = self._sides(columns["side"])
        ticks["symbol"], named = self._symbols(columns, rows)
        ns, timed = arrow_times(self.pa, columns["ts"], self.clock)
        timed &= ns >= EARLIEST
        ticks["ts"] = self._fill(ns, timed)
        unreadable = ~timed | ~named | np.isnan(ticks["size"])
        ticks["price"][unreadable] = np.nan
        ticks["size"][np.isnan(ticks["size"])] = 0.0
        return ticks

    def _floats(self, array: Any) -> npt.NDArray[np.float64]:
        pa, kind = self.pa, array.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return np.array([_float(value) for value in array.to_pylist()], np.float64)
        if is_number(pa, kind):
            return np.asarray(floats(pa, array), np.float64)
        return np.full(len(array), np.nan)

    def _integers(self, array: Any) -> npt.NDArray[np.int64]:
        # An id that is no integer (a UUID, say) is no id: unlike a bad price it harms nothing.
        pa, kind = self.pa, array.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return np.array([_integer(value) for value in array.to_pylist()], np.int64)
        if pa.types.is_uint64(kind):
            large = numbers(array)
            return np.where(large < 2**63, large, 0).astype(np.int64)
        if pa.types.is_integer(kind):
            return numbers(array.cast(pa.int64(), safe=False))
        if pa.types.is_decimal128(kind) and kind.scale == 0:
            low, high, there = decimal_words(array)
            return np.where(there & (high == low >> 63), low, 0)
        if pa.types.is_floating(kind):  # beyond 2**53 several ids are one float
            ids = np.nan_to_num(self._floats(array))
            exact = (np.abs(ids) <= 2**53) & (ids == np.rint(ids))
            return np.where(exact, ids, 0.0).astype(np.int64)
        return np.zeros(len(array), np.int64)

    def _sides(self, array: Any) -> npt.NDArray[np.int8]:
        codes, values = self._encoded(array)
        table = [_SIDES.get(value.lower(), 0) * (-1 if self.maker else 1) for value in values]
        return np.array([*table, 0], np.int8)[codes]

    def _symbols(
        self, columns: Mapping[str, Any], rows: int
    ) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.bool_]]:
        """Index of each row's name, and whether the row had one."""
        codes, symbols = self._encoded(columns["symbol"]) if "symbol" in columns else _same(self.symbol, rows)
        step, markets = len(symbols) + 1, [""]
        if "market" in columns:
            market, markets = self._encoded(columns["market"])
            codes = market * step + codes
        # Few distinct pairs per block: give each that occurs its name once, and look the rest up.
        size = step * (len(markets) + 1)
        if size <= _FEW:
            pairs = np.flatnonzero(np.bincount(codes, minlength=size))
            known, named = np.empty(size, np.uint32), np.empty(size, np.bool_)
            places = pairs
        else:
            pairs, codes = np.unique(codes, return_inverse=True)
            known, named = np.empty(len(pairs), np.uint32), np.empty(len(pairs), np.bool_)
            places = np.arange(len(pairs))
        for i, pair in zip(places.tolist(), pairs.tolist(), strict=True):
            m, s = divmod(pair, step)
            name = symbols[s] if s < len(symbols) else ""
            known[i] = self._code(markets[m] if m < len(markets) else "", name)
            named[i] = name != ""
        return known[codes], named[codes]

    def _encoded(self, array: Any) -> tuple[npt.NDArray[np.int64], list[str]]:
        """Codes and distinct values as text; a missing value has the code after the last."""
        pa = self.pa
        if not pa.types.is_dictionary(array.type):
            try:
                array = array.dictionary_encode()
            except pa.ArrowNotImplementedError:  # of a half float, say, which is no name
                return np.zeros(len(array), np.int64), []
        values = [text_of(value) for value in array.dictionary.to_pylist()]
        codes = numbers(array.indices.cast(pa.int64()), len(values))
        return codes, values

    def _code(self, market: str, symbol: str) -> int:
        key = (market, symbol) if symbol else ("", "")
        code = self._codes.get(key)
        if code is None:
            code = self._codes[key] = len(self.names)
            name = f"{market}:{symbol}" if market and symbol else symbol or UNKNOWN
            self.names = [*self.names, name]  # a new list: batches that went out keep theirs
        return code

    def _fill(self, ns: npt.NDArray[np.int64], timed: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """Give rows without a time that of the row before, so that they cannot upset the order."""
        good = np.flatnonzero(timed)
        if len(good) == len(ns):
            filled = ns
        else:
            first = self.last_ts if self.last_ts is not None else int(ns[good[0]]) if len(good) else 0
            behind = np.maximum.accumulate(np.where(timed, np.arange(len(ns)), -1))
            filled = np.where(behind >= 0, ns[behind], first)
        if len(good):
            self.last_ts = int(ns[good[-1]])
        return filled


def text_of(value: Any) -> str:
    """A name as a file has it, as text without space around it; empty where there is none.

    Examples
    --------
    >>> text_of(" BTC "), text_of(b"BTC"), text_of(None), text_of(7)
    ('BTC', 'BTC', '', '7')
    """
    if value is None:
        return ""
    # Programs that write Parquet without its newer types write texts as bytes.
    text = value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)
    return text.strip()


def _same(value: str, rows: int) -> tuple[npt.NDArray[np.int64], list[str]]:
    return np.zeros(rows, np.int64), [value]


def _float(value: str | None) -> float:
    try:
        return float((value or "").replace("_", "?"))  # "1_000" is Python, not data
    except ValueError:
        return float("nan")


def _integer(value: str | None) -> int:
    head, _, tail = (value or "").strip().partition(".")
    try:
        number = int(head.replace("_", "?")) if not tail.strip("0") else 0
    except ValueError:
        return 0
    return number if -(2**63) <= number < 2**63 else 0
