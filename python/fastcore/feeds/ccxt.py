"""Live trades, best quotes and candles from any exchange that ccxt.pro knows.

feed = CcxtFeed("kraken", ["BTC/USD", "ETH/USD"], ["trades", "ohlcv:1m"])
await fc.TickLoop(engine, feed).run()

ccxt makes a dict of every message: a few thousand ticks a second. A venue with a feed of its own here, such
as `BinanceFeed`, is read some twenty times as fast.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from fastcore._extras import require
from fastcore._quiet import Quiet
from fastcore.errors import ConfigError
from fastcore.feeds import BarBatch, TickBatch
from fastcore.feeds._buffer import EventBuffer

__all__ = ["CcxtFeed"]

log = logging.getLogger("fastcore.feeds")

_MS = 1_000_000
#: An id that is so much smaller than the last is a new numbering, not a tick that comes again.
_NEW_NUMBERING = 1_000_000
_SIDES = {"buy": 1, "sell": -1}
_QUOTES = ("watchBidsAsks", "watchTicker")  # what tells of the best quotes; the first where there is one
_FULL = 200_000  # rows that wait; then nothing more is read, and ccxt keeps the newest 1,000 of a symbol


class CcxtFeed:
    """Trades, quotes and candles by ccxt.pro.

    Parameters
    ----------
    exchange : str or ccxt.pro exchange
        A name such as ``"kraken"``, or an exchange that was made with keys and options of its own; that one
        is not closed here.
    symbols : sequence of str
        As ccxt writes them, such as ``["BTC/USDT"]``.
    kinds : sequence of str
        Of ``"trades"``, ``"quotes"`` and ``"ohlcv:1m"``, ``"ohlcv:5m"`` and so on.
    prefix : str
        Put before each symbol, such as ``"kraken:"`` where several exchanges feed one engine.
    backoff, longest_backoff : float
        Seconds. The random delay before the first new attempt is bounded by `backoff`; the bound doubles
        with each failure, up to the second.

    Raises
    ------
    ConfigError
        If an option is impossible, or the exchange has no stream of a kind.
    MissingExtraError
        If ccxt is not installed. It is the extra ``ccxt``, and takes 100 MB of memory.

    Notes
    -----
    Trades tick at their time at the venue; their id is the venue's where that is a number, and 0 otherwise.
    What a venue repeats after a lost connection is left out by that id. Quotes tick at their mid with size 0,
    at the clock here where the venue gives them no time.
    A candle comes as a bar when the next one begins: that is how ccxt shows that it has closed.
    """

    def __init__(
        self,
        exchange: Any,
        symbols: Sequence[str],
        kinds: Sequence[str] = ("trades",),
        *,
        prefix: str = "",
        backoff: float = 0.5,
        longest_backoff: float = 30.0,
    ) -> None:
        for name, values in (("symbols", symbols), ("kinds", kinds)):
            if isinstance(values, str) or not values or not all(isinstance(v, str) and v for v in values):
                raise ConfigError(f"CcxtFeed: {name} must be a sequence of names, not {values!r}")
        if not 0 <= backoff <= longest_backoff:
            raise ConfigError(
                "CcxtFeed: backoff must be 0 s or more, and longest_backoff not less, "
                f"not {backoff!r} and {longest_backoff!r}"
            )
        self._ccxt = require("ccxt.pro", "ccxt", "CcxtFeed")
        self._own = isinstance(exchange, str)
        if isinstance(exchange, str):
            if exchange not in self._ccxt.exchanges:
                raise ConfigError(f"CcxtFeed: ccxt.pro knows no exchange {exchange!r}")
            exchange = getattr(self._ccxt, exchange)()
        self.exchange, self._prefix = exchange, prefix
        self._backoff, self._longest = backoff, longest_backoff
        self._watches = [
            (f"{kind} {symbol}", self._watch(kind, symbol)) for kind in kinds for symbol in symbols
        ]
        self.buffer = EventBuffer()
        self._come, self._room = asyncio.Event(), asyncio.Event()
        self._counts = dict.fromkeys(
            ("ticks", "bars", "forming", "duplicates", "malformed", "lost_connections"), 0
        )
        self._quiet = Quiet(log)
        self._random = random.Random()

    def counts(self) -> dict[str, int]:
        """Ticks and bars handed on; candles that form, duplicates and what could not be read, which were not.

        ``lost_connections`` counts the calls that failed for the network and were made again.
        """
        return dict(self._counts)

    async def aclose(self) -> None:
        """Close an exchange that was made here."""
        if self._own:
            await self.exchange.close()

    async def __aiter__(self) -> AsyncIterator[TickBatch | BarBatch]:
        """All that has come since the last batch; it ends where the exchange refuses what was asked for."""
        tasks = [
            asyncio.create_task(self._keep(what, ask), name=f"{self.exchange.id} {what}")
            for what, ask in self._watches
        ]
        try:
            while True:
                await self._come.wait()
                self._come.clear()
                batches = self.buffer.take()
                self._room.set()
                for batch in batches:
                    yield batch
                for task in tasks:
                    if task.done():
                        task.result()  # raises: a watch ends by a refusal alone
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # ---- one watch after the other ----

    async def _keep(self, what: str, ask: Callable[[], Awaitable[None]]) -> None:
        """Ask for what comes next, always; after a failure of the network again, later."""
        attempt = 0
        try:
            while True:
                if len(self.buffer) >= _FULL:
                    self._room.clear()
                    await self._room.wait()
                try:
                    await ask()
                    attempt = 0
                except self._ccxt.NetworkError as error:
                    self._counts["lost_connections"] += 1
                    self._quiet.warn("%s %s: %s: %.200s", self.exchange.id, what, type(error).__name__, error)
                    bound = min(self._longest, self._backoff * 2.0 ** min(attempt, 30))
                    attempt += 1
                    # A venue that has just failed is not asked by all who lost it at one moment.
                    await asyncio.sleep(self._random.uniform(0.0, bound))
                if len(self.buffer):
                    self._come.set()
        finally:
            self._come.set()

    def _watch(self, kind: str, symbol: str) -> Callable[[], Awaitable[None]]:
        name, _, span = kind.partition(":")
        made = {"trades": self._trades, "quotes": self._quotes, "ohlcv": self._candles}.get(name)
        if made is None or (name == "ohlcv") != bool(span):
            raise ConfigError(
                f"CcxtFeed: kinds has {kind!r}; there are trades, quotes, ohlcv:1m, ohlcv:5m and so on"
            )
        methods = {"trades": ("watchTrades",), "quotes": _QUOTES, "ohlcv": ("watchOHLCV",)}[name]
        if not any(self.exchange.has.get(method) for method in methods):
            raise ConfigError(f"CcxtFeed: {self.exchange.id} has no {methods[0]}, which {kind!r} needs")
        return made(symbol, span)

    def _trades(self, symbol: str, _: str) -> Callable[[], Awaitable[None]]:
        last = 0

        def read(trade: dict[str, Any]) -> None:
            nonlocal last
            number = _number(trade["id"])
            if number and number <= last and last - number < _NEW_NUMBERING:
                self._counts["duplicates"] += 1
                return
            self.buffer.tick(
                trade["timestamp"] * _MS,
                trade["price"],
                trade["amount"],
                number,
                self.buffer.code(self._prefix + symbol),
                _SIDES.get(trade["side"], 0),
            )
            last = number or last
            self._counts["ticks"] += 1

        async def ask() -> None:
            for trade in await self.exchange.watch_trades(symbol):
                self._read(read, trade)

        return ask

    def _quotes(self, symbol: str, _: str) -> Callable[[], Awaitable[None]]:
        def read(quote: dict[str, Any]) -> None:
            bid, ask = quote["bid"], quote["ask"]
            ts = quote["timestamp"] or self.exchange.milliseconds()
            mid = (bid + ask) / 2 if bid <= ask else float("nan")
            self.buffer.tick(ts * _MS, mid, 0.0, 0, self.buffer.code(self._prefix + symbol), 0)
            self._counts["ticks"] += 1

        async def best() -> None:
            for quote in (await self.exchange.watch_bids_asks([symbol])).values():
                self._read(read, quote)

        async def ticker() -> None:
            self._read(read, await self.exchange.watch_ticker(symbol))

        return best if self.exchange.has.get(_QUOTES[0]) else ticker

    def _candles(self, symbol: str, span: str) -> Callable[[], Awaitable[None]]:
        forming: list[Any] = []

        def read(candle: list[Any]) -> None:
            nonlocal forming
            if forming and candle[0] < forming[0]:
                self._counts["duplicates"] += 1
                return
            if forming and candle[0] > forming[0]:
                self.buffer.bar(span, self._prefix + symbol, (forming[0] * _MS, *forming[1:6], 0))
                self._counts["bars"] += 1
            forming = list(candle)
            self._counts["forming"] += 1

        async def ask() -> None:
            for candle in await self.exchange.watch_ohlcv(symbol, span):
                self._read(read, candle)

        return ask

    def _read(self, read: Callable[[Any], None], given: Any) -> None:
        try:
            read(given)
        except (TypeError, KeyError, IndexError, ValueError, OverflowError, struct.error) as error:
            self._counts["malformed"] += 1
            self._quiet.warn("%s: cannot be read: %s: %.200r", self.exchange.id, error, given)


def _number(text: Any) -> int:
    """A venue's id as a number; 0 where it is none."""
    with contextlib.suppress(TypeError, ValueError):
        number = int(text)
        return number if 0 < number < 1 << 63 else 0
    return 0
