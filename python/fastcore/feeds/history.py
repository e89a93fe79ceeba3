"""What was before: trades and candles by a venue's REST interface, and a feed that goes on from them, live.

history = BinanceHistory(cache="history")
feed = spliced(history.trades("BTCUSDT", start, end), BinanceFeed(["BTCUSDT"], ["aggTrade"]))
await fc.TickLoop(engine, feed).run()
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
import zlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcore._checks import TEXT, check
from fastcore._extras import require
from fastcore._quiet import Quiet
from fastcore._replacing import replace_file
from fastcore.errors import ConfigError, HistoryError, InputError
from fastcore.feeds import BarBatch, TickBatch, candle_columns
from fastcore.feeds._http import HttpSource
from fastcore.feeds._splice import spliced
from fastcore.feeds.wire import decode, encode
from fastcore.ticks import TICK

__all__ = ["BinanceHistory", "spliced"]

log = logging.getLogger("fastcore.feeds")

_MS = 1_000_000
_HOUR = 3600 * 1000
_PAGE = 1000
#: In ms: the times of trades and candles that have room in ns, from 1973 on.
_EARLIEST, _LATEST = 10**11, (2**63 - 1) // _MS
_AHEAD = 60_000  # ms that a venue's clock may be ahead of this one
_PRICES = ("open", "high", "low", "close", "volume")
_SPANS = {"s": 1000, "m": 60_000, "h": _HOUR, "d": 24 * _HOUR, "w": 7 * 24 * _HOUR}


class BinanceHistory:
    """Aggregate trades and candles from Binance's REST interface, or a server that is compatible with it.

    Pages are asked for side by side, within the venue's rate, tried again when that makes sense, and given in
    order. With a cache, what is past is kept on the disk: an interrupted download goes on where it was.

    Parameters
    ----------
    url : str
    cache : path, optional
        A folder; it is made if it is not there. Several venues may share it: each has its own part.
    weight_per_minute : int
        Of requests that may be used; Binance allows 6,000.
    parallel : int
        Requests at once, at least 1.
    retries, timeout, backoff
        Of each request; seconds. The random delay before the first retry is bounded by `backoff`, and the
        bound doubles with each.
    prefix : str
        Put before each symbol, such as ``"spot:"``.

    Raises
    ------
    ConfigError
        If an option is impossible.
    MissingExtraError
        If msgspec is not installed.

    Examples
    --------
    >>> BinanceHistory(weight_per_minute=3_000).counts()["requests"]
    0
    """

    def __init__(
        self,
        url: str = "https://api.binance.com",
        *,
        cache: str | os.PathLike[str] | None = None,
        weight_per_minute: int = 4_800,
        parallel: int = 4,
        retries: int = 6,
        timeout: float = 10.0,
        backoff: float = 0.2,
        prefix: str = "",
    ) -> None:
        if isinstance(parallel, bool) or not isinstance(parallel, int) or parallel < 1:
            raise ConfigError(
                f"BinanceHistory: parallel must be a whole number of at least 1, not {parallel!r}"
            )
        check("BinanceHistory", "prefix", prefix, TEXT)
        self._http = HttpSource(
            url, weight_per_minute=weight_per_minute, retries=retries, timeout=timeout, backoff=backoff
        )
        self._cache = None if cache is None else Path(cache) / _venue(url)
        self._parallel, self._prefix = parallel, prefix
        self._cached = self._cache_failures = 0
        self._quiet = Quiet(log)
        msgspec = require("msgspec", "feeds", "BinanceHistory")
        trade = msgspec.defstruct(
            "Trade",
            [("a", int), ("p", float), ("q", float), ("T", int), ("m", bool)],
            array_like=False,
            gc=False,
        )
        candle = msgspec.defstruct(
            "Candle",
            [
                *(("start", int), ("open", float), ("high", float), ("low", float), ("close", float)),
                *(("volume", float), ("end", int), ("value", msgspec.Raw), ("count", int)),
            ],
            array_like=True,  # what comes behind is not read
            gc=False,
        )
        # The structs are made here, where msgspec is: no type checker can know them.
        self._trades = msgspec.json.Decoder(list[trade], strict=False).decode  # type: ignore[valid-type]
        self._candles = msgspec.json.Decoder(list[candle], strict=False).decode  # type: ignore[valid-type]
        self._malformed = msgspec.MsgspecError

    def counts(self) -> dict[str, int]:
        """Requests, those that were tried again or held back, bytes, and parts that came from the cache.

        ``cache_failures`` counts parts that could not be kept there; they were given all the same.
        """
        return self._http.counts | {"cached": self._cached, "cache_failures": self._cache_failures}

    def trades(self, symbol: str, start: int, end: int) -> AsyncIterator[TickBatch]:
        """Aggregate trades from `start` until before `end`, ns UTC, in order.

        What lies ahead of now is not asked for.

        Raises
        ------
        HistoryError
            If the venue refuses, does not answer, or answers something else, such as trades out of order.
        """
        first, last = _range("trades", start, end)
        hours = [(max(first, at), min(last, at + _HOUR)) for at in range(first // _HOUR * _HOUR, last, _HOUR)]
        return self._parts(symbol, "trades", hours, self._hour_of_trades, 0)

    def klines(self, symbol: str, span: str, start: int, end: int) -> AsyncIterator[BarBatch]:
        """Candles that begin from `start` until before `end`, ns UTC, and have closed; in order.

        Raises
        ------
        HistoryError
            If the venue refuses, does not answer, or answers something else.
        """
        unit = _SPANS.get(span[-1:]) if isinstance(span, str) and span.isascii() else None
        if unit is None or not span[:-1].isdecimal() or int(span[:-1]) == 0:
            raise ConfigError(
                f"klines: span must be a whole number and one of {', '.join(_SPANS)}, not {span!r}"
            )
        first, last = _range("klines", start, end)
        length = int(span[:-1]) * unit
        page = length * _PAGE
        pages = [(max(first, at), min(last, at + page)) for at in range(first // page * page, last, page)]

        async def fetch(name: str, since: int, until: int) -> BarBatch:
            query = {
                "symbol": name,
                "interval": span,
                "startTime": since,
                "endTime": until - 1,
                "limit": _PAGE,
            }
            path = "/api/v3/klines"
            rows = await self._asked(path, query, 2, self._candles)
            _ascending(path, rows, _numbers(path, rows, "start", _EARLIEST, _LATEST))
            now = time.time_ns() // _MS
            closed = [row for row in rows if row.end < now and since <= row.start < until]
            prices = [_column(closed, column, np.float64) for column in _PRICES]
            counts = _numbers(path, closed, "count", 0, 2**63 - 1)
            bars = candle_columns(_numbers(path, closed, "start", 0, _LATEST) * _MS, *prices, counts)
            return BarBatch(span, bars, [self._prefix + name] * len(closed))

        return self._parts(symbol, f"klines-{span}", pages, fetch, length)

    # ---- pages ----

    async def _hour_of_trades(self, name: str, since: int, until: int) -> TickBatch:
        """An hour is the longest that the venue gives by time; within it, on from the last number."""
        path, first = "/api/v3/aggTrades", 0
        query: dict[str, object] = {"symbol": name, "startTime": since, "endTime": until - 1, "limit": _PAGE}
        pages: list[Any] = []
        while True:
            rows = await self._asked(path, query, 2, self._trades)
            page = np.zeros(len(rows), TICK)
            page["id"] = _ascending(path, rows, _numbers(path, rows, "a", first, 2**63 - 2))
            times = _numbers(path, rows, "T", _EARLIEST, _LATEST)
            page["ts"] = times * _MS
            page["price"] = _column(rows, "p", np.float64)
            page["size"] = _column(rows, "q", np.float64)
            page["side"] = 1 - 2 * _column(rows, "m", np.int8)
            pages.append(page[(times >= since) & (times < until)])
            if len(rows) < _PAGE or times[-1] >= until:
                break
            first = rows[-1].a + 1
            query = {"symbol": name, "fromId": first, "limit": _PAGE}
        return TickBatch(np.concatenate(pages), [self._prefix + name])

    async def _asked(
        self, path: str, query: dict[str, object], weight: int, read: Callable[[bytes], list[Any]]
    ) -> list[Any]:
        body = await self._http.get(path, query, weight)
        try:
            return read(body)
        except (self._malformed, RecursionError) as error:  # the latter where it is nested deeply
            raise HistoryError(f"{path} answers something else: {error}: {body[:200]!r}") from error

    async def _parts(
        self,
        symbol: str,
        kind: str,
        spans: list[tuple[int, int]],
        fetch: Callable[[str, int, int], Awaitable[Any]],
        settles: int,
    ) -> AsyncIterator[Any]:
        """The parts in order, some of them fetched ahead; they change until `settles` ms after their end."""
        if not isinstance(symbol, str) or not symbol.replace("_", "").isalnum():
            raise ConfigError(f"BinanceHistory: {symbol!r} is no name of a symbol")
        name = symbol.upper()
        ahead: deque[asyncio.Task[Any]] = deque()
        todo = deque(spans)
        self._http.open()
        try:
            while todo or ahead:
                while todo and len(ahead) < self._parallel:
                    ahead.append(asyncio.create_task(self._part(name, kind, *todo.popleft(), fetch, settles)))
                part = await ahead[0]
                ahead.popleft()
                if len(part):
                    yield part
        finally:
            for task in ahead:
                task.cancel()
            await asyncio.gather(*ahead, return_exceptions=True)
            self._http.close()

    async def _part(
        self,
        name: str,
        kind: str,
        since: int,
        until: int,
        fetch: Callable[[str, int, int], Awaitable[Any]],
        settles: int,
    ) -> Any:
        path = None if self._cache is None else self._cache / kind / name / f"{since}-{until}.fcw"
        if path is not None and path.exists():
            with contextlib.suppress(InputError):  # a damaged one is fetched again
                part = _renamed(decode(path.read_bytes()), self._prefix + name)
                self._cached += 1
                return part
        part = await fetch(name, since, until)
        # What is past does not change; of candles that begin before `until`, the last may close behind it.
        if path is not None and (until + settles) * _MS < time.time_ns() - 60 * 10**9:
            try:
                await asyncio.to_thread(_write, path, encode(part))
            except OSError as error:  # the disk is full: what was fetched is there all the same
                self._cache_failures += 1
                self._quiet.warn("%s cannot be kept: %s", path, error)
        return part


def _venue(url: str) -> str:
    """A folder's name for a venue, which no other URL has.

    Examples
    --------
    >>> _venue("https://api.binance.com/"), _venue("http://localhost:80/a") == _venue("http://localhost:80/b")
    ('https-api.binance.com-e70c5e5f', False)
    """
    plain = url.rstrip("/").lower()
    readable = "".join(c if c.isalnum() or c in ".-" else "-" for c in plain.replace("://", "-"))
    return f"{readable[:80]}-{zlib.crc32(plain.encode()):08x}"


def _renamed(part: TickBatch | BarBatch, name: str) -> TickBatch | BarBatch:
    """A part of one symbol under the name that it has here: another prefix may have been there before."""
    if isinstance(part, BarBatch):
        return BarBatch(part.span, part.bars, [name] * len(part))
    return TickBatch(part.ticks, [name] if len(part) else part.symbols)


def _column(rows: list[Any], name: str, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    return np.fromiter(map(attrgetter(name), rows), dtype, len(rows))


def _numbers(path: str, rows: list[Any], name: str, least: int, most: int) -> npt.NDArray[np.int64]:
    """A column of whole numbers; HistoryError for one that cannot be, or that nobody asked for."""
    try:
        numbers = _column(rows, name, np.int64)
        at = int(np.argmax((numbers < least) | (numbers > most))) if len(rows) else 0
    except OverflowError:
        at = next(at for at, row in enumerate(rows) if not -(2**63) <= getattr(row, name) < 2**63)
    if len(rows) and not least <= getattr(rows[at], name) <= most:
        raise HistoryError(
            f"{path} answers something else: {name!r} must be {least} to {most}, not as in {rows[at]!r:.300}"
        )
    return numbers


def _ascending(path: str, rows: list[Any], numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    wrong = np.flatnonzero(np.diff(numbers) <= 0)
    if len(wrong):
        raise HistoryError(
            f"{path} answers something else: {rows[wrong[0] + 1]!r:.300} is out of order, or comes twice"
        )
    return numbers


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, data)


def _range(what: str, start: int, end: int) -> tuple[int, int]:
    """From ns to the venue's ms, as far as there can be something."""
    whole = all(isinstance(one, (int, np.integer)) and not isinstance(one, bool) for one in (start, end))
    if not whole or not 10**17 <= start < end:
        raise InputError(
            f"{what}: start must be before end, both ns since 1970 UTC, not {start!r} and {end!r}"
        )
    return -(-int(start) // _MS), min(-(-int(end) // _MS), time.time_ns() // _MS + _AHEAD)
