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
from dataclasses import dataclass
from typing import Any

from fastcore._checks import NUMBER, TEXT, check
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
#: In ms: a candle that begins so much earlier than the last is no repetition; the last was at no time.
_NEW_TIME = 7 * 24 * 3600 * 1000
#: In ms: the latest time that has room in ns, in 2262; in another unit it would lie beyond.
_LATEST = (2**63 - 1) // _MS
_FULL = 200_000  # rows that wait; then nothing more is read, and ccxt keeps the newest 1,000 of a symbol


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class _Watch:
    """One stream: what it is called, of which symbol, how to ask for more, and whom to tell of a hole."""

    what: str
    name: str
    ask: Callable[[], Awaitable[None]]
    broken: Callable[[], None] = _nothing


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
    A candle comes as a bar when the next one begins: that is how ccxt shows that it has closed. One that
    was forming when the connection was lost comes only if it is told again.
    Where a connection was lost, an `Outage` of the symbol stands between what came before and after.
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
        check("CcxtFeed", "prefix", prefix, TEXT)
        for name, seconds in (("backoff", backoff), ("longest_backoff", longest_backoff)):
            check("CcxtFeed", name, seconds, NUMBER)
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
        self._watches = [self._watch(kind, symbol) for kind in kinds for symbol in symbols]
        self._up: set[str] = set()  # symbols of which something came since their last outage
        self._guard()
        self.buffer = EventBuffer()
        self._come, self._room = asyncio.Event(), asyncio.Event()
        self._counts = dict.fromkeys(
            ("ticks", "bars", "forming", "incomplete", "duplicates", "malformed", "lost_connections"), 0
        )
        self._quiet = Quiet(log)
        self._random = random.Random()

    def counts(self) -> dict[str, int]:
        """Ticks and bars handed on; candles that form, duplicates and what could not be read, which were not.

        ``incomplete`` candles were forming when a connection was lost, and were not told again.
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
            asyncio.create_task(self._keep(watch), name=f"{self.exchange.id} {watch.what}")
            for watch in self._watches
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

    async def _keep(self, watch: _Watch) -> None:
        """Ask for what comes next, always; after a failure of the network again, later."""
        attempt = 0
        try:
            while True:
                if len(self.buffer) >= _FULL:
                    self._room.clear()
                    await self._room.wait()
                try:
                    await watch.ask()
                    attempt = 0
                    self._up.add(watch.name)
                except self._ccxt.NetworkError as error:
                    self._lost(watch, error)
                    bound = min(self._longest, self._backoff * 2.0 ** min(attempt, 30))
                    attempt += 1
                    # A venue that has just failed is not asked by all who lost it at one moment.
                    await asyncio.sleep(self._random.uniform(0.0, bound))
                if len(self.buffer):
                    self._come.set()
        finally:
            self._come.set()

    def _lost(self, watch: _Watch, error: Exception) -> None:
        self._counts["lost_connections"] += 1
        self._quiet.warn("%s %s: %s: %.200s", self.exchange.id, watch.what, type(error).__name__, error)
        watch.broken()
        if watch.name in self._up:  # once, however many streams it has and however often they fail
            self._up.discard(watch.name)
            self.buffer.outage([watch.name])
            self._come.set()

    def _guard(self) -> None:
        """Keep ccxt reading a connection on which a message cannot be read.

        It ends its loop there, and finds out by its own pings: with Binance, after six minutes.
        """
        make = getattr(self.exchange, "client", None)
        if make is None:
            return

        def client(url: str) -> Any:
            made = make(url)
            if not hasattr(made, "fastcore_guard"):
                made.fastcore_guard, read = self, made.handle_message

                def handle(message: Any) -> None:
                    try:
                        read(message)
                    except self._ccxt.BaseError as error:  # what the venue refuses
                        made.reject(error)
                    except Exception as error:
                        self._malformed(error, getattr(message, "data", message))

                made.handle_message = handle
            return made

        self.exchange.client = client

    def _watch(self, kind: str, symbol: str) -> _Watch:
        name, _, span = kind.partition(":")
        made = {"trades": self._trades, "quotes": self._quotes, "ohlcv": self._candles}.get(name)
        if made is None or (name == "ohlcv") != bool(span):
            raise ConfigError(
                f"CcxtFeed: kinds has {kind!r}; there are trades, quotes, ohlcv:1m, ohlcv:5m and so on"
            )
        methods = {"trades": ("watchTrades",), "quotes": _QUOTES, "ohlcv": ("watchOHLCV",)}[name]
        if not any(self.exchange.has.get(method) for method in methods):
            raise ConfigError(f"CcxtFeed: {self.exchange.id} has no {methods[0]}, which {kind!r} needs")
        return made(f"{kind} {symbol}", symbol, span)

    def _trades(self, what: str, symbol: str, _: str) -> _Watch:
        last = newest = 0

        def read(trade: dict[str, Any]) -> None:
            nonlocal last, newest
            number = _number(trade["id"])
            # What comes again has the time it had: a lower number at a later time follows one that was none.
            again = number and number <= last and last - number < _NEW_NUMBERING
            if again and newest >= trade["timestamp"]:
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
            last, newest = number or last, trade["timestamp"]
            self._counts["ticks"] += 1

        async def ask() -> None:
            for trade in await self.exchange.watch_trades(symbol):
                self._read(read, trade)

        return _Watch(what, self._prefix + symbol, ask)

    def _quotes(self, what: str, symbol: str, _: str) -> _Watch:
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

        ask = best if self.exchange.has.get(_QUOTES[0]) else ticker
        return _Watch(what, self._prefix + symbol, ask)

    def _candles(self, what: str, symbol: str, span: str) -> _Watch:
        forming: list[Any] = []
        known = True  # what became of it: not, where the connection was lost meanwhile

        def read(candle: list[Any]) -> None:
            nonlocal forming, known
            if not 0 <= candle[0] <= _LATEST:
                raise OverflowError(f"a candle begins at {candle[0]}, which is no time in ms")
            if forming and candle[0] < forming[0] < candle[0] + _NEW_TIME:
                self._counts["duplicates"] += 1
                return
            done, whole = forming if forming and candle[0] != forming[0] else None, known
            forming, known = list(candle), True
            self._counts["forming"] += 1
            if done and whole:
                self.buffer.bar(span, self._prefix + symbol, (done[0] * _MS, *done[1:6], 0))
            if done:
                self._counts["bars" if whole else "incomplete"] += 1

        def broken() -> None:
            nonlocal known
            known = False

        async def ask() -> None:
            for candle in await self.exchange.watch_ohlcv(symbol, span):
                self._read(read, candle)

        return _Watch(what, self._prefix + symbol, ask, broken)

    def _read(self, read: Callable[[Any], None], given: Any) -> None:
        try:
            read(given)
        except (TypeError, KeyError, IndexError, ValueError, OverflowError, struct.error) as error:
            self._malformed(error, given)

    def _malformed(self, error: Exception, given: Any) -> None:
        self._counts["malformed"] += 1
        self._quiet.warn("%s: cannot be read: %s: %.200r", self.exchange.id, error, given)


def _number(text: Any) -> int:
    """A venue's id as a number; 0 where it is none."""
    with contextlib.suppress(TypeError, ValueError):
        number = int(text)
        return number if 0 < number < 1 << 63 else 0
    return 0
