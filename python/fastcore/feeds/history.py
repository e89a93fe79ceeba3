"""What was before: trades and candles by a venue's REST interface, and a feed that goes on from them, live.

history = BinanceHistory(cache="history")
feed = spliced(history.trades("BTCUSDT", start, end), BinanceFeed(["BTCUSDT"], ["aggTrade"]))
await fc.TickLoop(engine, feed).run()
"""

from __future__ import annotations

import asyncio
import contextlib
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

from fastcore._extras import require
from fastcore._replacing import replace_file
from fastcore.errors import ConfigError, HistoryError, InputError
from fastcore.feeds import BarBatch, Outage, TickBatch, candle_columns
from fastcore.feeds._http import HttpSource
from fastcore.feeds.wire import decode, encode
from fastcore.ticks import TICK

__all__ = ["BinanceHistory", "spliced"]

_MS = 1_000_000
_HOUR = 3600 * 1000
_PAGE = 1000
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
        if parallel < 1:
            raise ConfigError(f"BinanceHistory: parallel must be at least 1, not {parallel!r}")
        self._http = HttpSource(
            url, weight_per_minute=weight_per_minute, retries=retries, timeout=timeout, backoff=backoff
        )
        self._cache = None if cache is None else Path(cache) / _venue(url)
        self._parallel, self._prefix = parallel, prefix
        self._cached = 0
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
        """Requests, those that were tried again or held back, bytes, and parts that came from the cache."""
        return self._http.counts | {"cached": self._cached}

    def trades(self, symbol: str, start: int, end: int) -> AsyncIterator[TickBatch]:
        """Aggregate trades from `start` until before `end`, ns UTC, in order.

        Raises
        ------
        HistoryError
            If the venue refuses, does not answer, or answers something else.
        """
        first, last = _range("trades", start, end)
        hours = [(max(first, at), min(last, at + _HOUR)) for at in range(first // _HOUR * _HOUR, last, _HOUR)]
        return self._parts(symbol, "trades", hours, self._hour_of_trades)

    def klines(self, symbol: str, span: str, start: int, end: int) -> AsyncIterator[BarBatch]:
        """Candles that begin from `start` until before `end`, ns UTC, and have closed; in order.

        Raises
        ------
        HistoryError
            If the venue refuses, does not answer, or answers something else.
        """
        unit = _SPANS.get(span[-1:])
        if unit is None or not span[:-1].isdecimal() or int(span[:-1]) == 0:
            raise ConfigError(
                f"klines: span must be a whole number and one of {', '.join(_SPANS)}, not {span!r}"
            )
        first, last = _range("klines", start, end)
        page = int(span[:-1]) * unit * _PAGE
        pages = [(max(first, at), min(last, at + page)) for at in range(first // page * page, last, page)]

        async def fetch(name: str, since: int, until: int) -> BarBatch:
            query = {
                "symbol": name,
                "interval": span,
                "startTime": since,
                "endTime": until - 1,
                "limit": _PAGE,
            }
            rows = await self._asked("/api/v3/klines", query, 2, self._candles)
            now = time.time_ns() // _MS
            closed = [row for row in rows if row.end < now]
            prices = [_column(closed, column, np.float64) for column in _PRICES]
            starts, counts = (_column(closed, column, np.int64) for column in ("start", "count"))
            bars = candle_columns(starts * _MS, *prices, counts)
            return BarBatch(span, bars, [self._prefix + name] * len(closed))

        return self._parts(symbol, f"klines-{span}", pages, fetch)

    # ---- pages ----

    async def _hour_of_trades(self, name: str, since: int, until: int) -> TickBatch:
        """An hour is the longest that the venue gives by time; within it, on from the last number."""
        query: dict[str, object] = {"symbol": name, "startTime": since, "endTime": until - 1, "limit": _PAGE}
        parts: list[Any] = []
        while True:
            rows = await self._asked("/api/v3/aggTrades", query, 2, self._trades)
            fresh = [row for row in rows if since <= row.T < until]
            parts += fresh
            if len(rows) < _PAGE or len(fresh) < len(rows):
                break
            query = {"symbol": name, "fromId": rows[-1].a + 1, "limit": _PAGE}
        ticks = np.zeros(len(parts), TICK)
        ticks["ts"] = _column(parts, "T", np.int64) * _MS
        ticks["price"] = _column(parts, "p", np.float64)
        ticks["size"] = _column(parts, "q", np.float64)
        ticks["id"] = _column(parts, "a", np.int64)
        ticks["side"] = 1 - 2 * _column(parts, "m", np.int8)
        return TickBatch(ticks, [self._prefix + name])

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
    ) -> AsyncIterator[Any]:
        """The parts in order, some of them fetched ahead."""
        if not symbol.replace("_", "").isalnum():
            raise ConfigError(f"BinanceHistory: {symbol!r} is no name of a symbol")
        name = symbol.upper()
        ahead: deque[asyncio.Task[Any]] = deque()
        todo = deque(spans)
        self._http.open()
        try:
            while todo or ahead:
                while todo and len(ahead) < self._parallel:
                    ahead.append(asyncio.create_task(self._part(name, kind, *todo.popleft(), fetch)))
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
        self, name: str, kind: str, since: int, until: int, fetch: Callable[[str, int, int], Awaitable[Any]]
    ) -> Any:
        path = None if self._cache is None else self._cache / kind / name / f"{since}-{until}.fcw"
        if path is not None and path.exists():
            with contextlib.suppress(InputError):  # a damaged one is fetched again
                part = _renamed(decode(path.read_bytes()), self._prefix + name)
                self._cached += 1
                return part
        part = await fetch(name, since, until)
        if path is not None and until * _MS < time.time_ns() - 60 * 10**9:  # what is past does not change
            await asyncio.to_thread(_write, path, encode(part))
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


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, data)


def _range(what: str, start: int, end: int) -> tuple[int, int]:
    """From ns to the venue's ms."""
    if not 10**17 <= start < end:
        raise InputError(
            f"{what}: start must be before end, both ns since 1970 UTC, not {start!r} and {end!r}"
        )
    return -(-start // _MS), -(-end // _MS)


async def spliced(
    history: AsyncIterator[TickBatch], live: Any, most: int = 1_000_000
) -> AsyncIterator[TickBatch | BarBatch]:
    """What was, and then what comes, with nothing twice: the warm-up of an engine that goes on live.

    The live feed is opened first; what comes while history is read waits, and of that is left out what
    history had: trades by their number, other ticks by their time.

    Parameters
    ----------
    history : async iterator of TickBatch
    live : feed
    most : int
        Ticks that may wait; then reading stops, and the venue is held back.
    """
    waiting: deque[Any] = deque()
    come, room = asyncio.Event(), asyncio.Event()
    held = 0

    async def read() -> None:
        nonlocal held
        async for batch in live:
            while held and held + len(batch) > most:
                room.clear()
                await room.wait()
            held += len(batch)
            waiting.append(batch)
            come.set()

    reader = asyncio.create_task(read(), name="live feed behind its history")
    reader.add_done_callback(lambda _: come.set())
    seen: dict[str, tuple[int, int]] = {}
    try:
        async for batch in history:
            _remember(seen, batch)
            yield batch
        while True:
            while waiting:
                batch = waiting.popleft()
                held -= len(batch)
                room.set()
                batch = _fresh(seen, batch) if seen and isinstance(batch, TickBatch) else batch
                if len(batch) or isinstance(batch, Outage):
                    yield batch
            if reader.done():
                reader.result()
                return
            come.clear()
            await come.wait()
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        if hasattr(history, "aclose"):
            await history.aclose()


def _remember(seen: dict[str, tuple[int, int]], batch: TickBatch) -> None:
    """The last number and time of each symbol."""
    for code in np.unique(batch.ticks["symbol"]).tolist():
        mine = batch.ticks[batch.ticks["symbol"] == code]
        name = batch.symbols[code]
        number, ts = seen.get(name, (0, 0))
        seen[name] = (max(number, int(mine["id"].max())), max(ts, int(mine["ts"].max())))


def _fresh(seen: dict[str, tuple[int, int]], batch: TickBatch) -> TickBatch:
    """The ticks that history has not had."""
    ticks = batch.ticks
    last = np.array([seen.get(name, (0, 0)) for name in batch.symbols], np.int64).reshape(-1, 2)[
        ticks["symbol"]
    ]
    keep = np.where(ticks["id"] > 0, ticks["id"] > last[:, 0], ticks["ts"] > last[:, 1])
    return batch if keep.all() else TickBatch(np.ascontiguousarray(ticks[keep]), batch.symbols)
