"""Live ticks from Binance, or a server that speaks as it does: trades, aggregates, best quotes, candles.

feed = BinanceFeed(["BTCUSDT", "ETHUSDT"], ["trade", "bookTicker"])
await fc.TickLoop(engine, feed).run()
"""

from __future__ import annotations

import inspect
import logging
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any

from fastcore._checks import TEXT, check
from fastcore._extras import require
from fastcore._quiet import Quiet
from fastcore.errors import ConfigError, InputError
from fastcore.feeds._buffer import EventBuffer
from fastcore.feeds.websocket import WebSocketFeed, WebSocketOptions

__all__ = ["KINDS", "BinanceFeed", "BinanceVenue"]

log = logging.getLogger("fastcore.feeds")

#: Kinds of streams; "kline_" is followed by a span, such as "kline_1m".
KINDS = ("trade", "aggTrade", "bookTicker", "kline_")

_MS = 1_000_000
#: Streams in one request, and on one connection, that all of Binance's markets accept.
_PER_REQUEST, _PER_CONNECTION = 100, 200
#: An id that is so much smaller than the last is a new numbering, not a tick that comes again.
_NEW_NUMBERING = 1_000_000

#: In ms: a candle that begins so much earlier than the last is no repetition; the last was at no time.
_NEW_TIME = 7 * 24 * 3600 * 1000

#: In ms: the latest time that has room in ns, in 2262; in another unit it would lie beyond.
_LATEST = (2**63 - 1) // _MS

#: Streams that are told apart; more are unknown.
_STREAMS = 100_000

_NAN = float("nan")
Gap = Callable[[str, int, int], Any]


class BinanceVenue:
    """Reads the messages of Binance's combined streams into a buffer, and counts what became of each.

    Parameters
    ----------
    prefix : str
        Put before each symbol, such as ``"spot:"``.
    on_gap : callable, optional
        Called with a symbol and the first and the last trade id that are missing. It is not awaited; where
        it raises, that is counted and logged.

    Examples
    --------
    >>> venue = BinanceVenue()
    >>> data = b'{"T":1723161255342,"t":7,"p":"61837.63","q":"0.02","m":true}'
    >>> venue.parse(b'{"stream":"btcusdt@trade","data":' + data + b"}")
    False
    >>> venue.buffer.take()[0].ticks["price"].tolist()
    [61837.63]
    """

    def __init__(self, prefix: str = "", on_gap: Gap | None = None) -> None:
        check("BinanceVenue", "prefix", prefix, TEXT)
        if on_gap is not None and (not callable(on_gap) or inspect.iscoroutinefunction(on_gap)):
            raise ConfigError(
                f"BinanceVenue: on_gap must be a function that is not async, or None, not {on_gap!r}"
            )
        self.buffer = EventBuffer()
        self._prefix, self._on_gap = prefix, on_gap
        self._messages = _Messages()
        self._handlers: dict[str, Callable[[Any], None] | None] = {}
        # By symbol: the venue's time, ns, of its last message, and when the last candle of each span began.
        self._clocks: dict[str, list[int]] = {}
        self._timed: set[str] = set()  # symbols with streams whose messages have a time
        self._request = 0
        self._refused: list[str] = []
        self._quiet, self._quiet_calls = Quiet(log), Quiet(log)
        self._counts = dict.fromkeys(
            (
                *("ticks", "bars", "forming", "answers", "refused", "unknown", "malformed"),
                *("duplicates", "gaps", "missing", "untimed", "callback_failures"),
            ),
            0,
        )

    def counts(self) -> dict[str, int]:
        """What became of the messages, and the trades that gaps in their numbers tell of.

        ``ticks`` and ``bars`` were handed on; ``forming`` candles and ``duplicates`` were not, nor were
        quotes without a time before the first message with one (``untimed``). ``answers`` to requests may
        have been ``refused``. ``unknown`` are other streams. In ``gaps`` places ``missing`` trades were
        left out by the venue; `on_gap` failed `callback_failures` times.
        """
        return dict(self._counts)

    def names(self, streams: Sequence[str]) -> list[str]:
        """The symbols that streams are of, as the ticks name them."""
        return list(dict.fromkeys(self._prefix + name.partition("@")[0].upper() for name in streams))

    def requests(self, streams: Sequence[str]) -> list[str]:
        """Requests to subscribe."""
        self._timed.update(name.partition("@")[0] for name in streams if not name.endswith("@bookTicker"))
        texts = []
        for at in range(0, len(streams), _PER_REQUEST):
            self._request += 1
            params = ",".join(f'"{name}"' for name in streams[at : at + _PER_REQUEST])
            texts.append(f'{{"method":"SUBSCRIBE","params":[{params}],"id":{self._request}}}')
        return texts

    def parse(self, message: bytes) -> bool:
        """Read one message; whether it answers a request."""
        try:
            frame = self._messages.frame(message)
            stream = frame.stream
            if stream:
                try:
                    handler = self._handlers[stream]
                except KeyError:
                    handler = self._handler(stream)
                if handler is not None:
                    handler(frame.data)
                else:
                    self._counts["unknown"] += 1
                return False
            error = bytes(frame.error).decode(errors="replace")
            if error or frame.id is not None:
                self._counts["answers"] += 1
                if error:
                    self._counts["refused"] += 1
                    log.error("a request was refused: %.500s", error)
                return True
            self._counts["unknown"] += 1
        except self._messages.errors as error:
            self._counts["malformed"] += 1
            self._quiet.warn("a message cannot be read: %s: %.200r", error, message)
        return False

    # ---- streams ----

    def _handler(self, stream: str) -> Callable[[Any], None] | None:
        if len(self._handlers) >= _STREAMS:  # a server that invents names takes no memory beyond this
            return None
        symbol, _, kind = stream.partition("@")
        name, clock = self._prefix + symbol.upper(), self._clocks.setdefault(symbol, [0])
        handler: Callable[[Any], None] | None = None
        if kind == "trade":
            handler = self._trades(name, clock, self._messages.trade)
        elif kind == "aggTrade":
            handler = self._trades(name, clock, self._messages.agg_trade)
        elif kind == "bookTicker":
            handler = self._quotes(name, clock, symbol in self._timed)
        elif kind.startswith("kline_"):
            handler = self._candles(name, clock, kind.removeprefix("kline_"))
        self._handlers[stream] = handler
        return handler

    def _trades(self, name: str, clock: list[int], decode: Callable[[Any], Any]) -> Callable[[Any], None]:
        counts, tick, code, last, newest = self._counts, self.buffer.tick, self.buffer.code(name), -1, 0

        def handle(data: Any) -> None:
            nonlocal last, newest
            trade = decode(data)
            number = trade.number
            # What comes again has the time it had: a lower number at a later time follows one that was none.
            if number <= last and last - number < _NEW_NUMBERING and newest >= trade.T:
                counts["duplicates"] += 1
                return
            ts = trade.T * _MS
            tick(ts, trade.p, trade.q, number, code, -1 if trade.m else 1)
            if number > last + 1 and last >= 0:
                self._missing(name, last + 1, number - 1)
            last, newest = number, trade.T
            clock[0] = ts
            counts["ticks"] += 1

        return handle

    # The spot market's quotes have no time. The clock here would not do, which may be seconds before or
    # behind the venue's, nor the time of another symbol's trade: the next trade of this one would be late.
    def _quotes(self, name: str, clock: list[int], timed: bool) -> Callable[[Any], None]:
        counts, tick, code, last = self._counts, self.buffer.tick, self.buffer.code(name), -1
        decode = self._messages.quote

        def handle(data: Any) -> None:
            nonlocal last
            quote = decode(data)
            number = quote.u
            if number <= last and last - number < _NEW_NUMBERING:
                counts["duplicates"] += 1
                return
            if quote.T:
                ts = quote.T * _MS
            elif not timed:
                ts = time.time_ns()
            elif not (ts := max(clock)):
                counts["untimed"] += 1
                return
            crossed = quote.b > quote.a
            tick(ts, _NAN if crossed else (quote.b + quote.a) / 2, 0.0, 0, code, 0)
            if quote.T:
                clock[0] = ts  # not before the buffer has taken it: one that it refuses is no time
            last = number
            counts["ticks"] += 1

        return handle

    def _candles(self, name: str, clock: list[int], span: str) -> Callable[[Any], None]:
        counts, bar, last = self._counts, self.buffer.bar, -1
        decode, mine = self._messages.candle, len(clock)
        clock.append(0)

        def handle(data: Any) -> None:
            nonlocal last
            candle = decode(data)
            k = candle.k
            if not 0 <= k.t <= _LATEST:
                raise OverflowError(f"a candle begins at {k.t}, which is no time in ms")
            clock[mine] = k.t * _MS
            if not k.x:
                counts["forming"] += 1
            elif k.t <= last < k.t + _NEW_TIME:
                counts["duplicates"] += 1
            else:
                bar(span, name, (k.t * _MS, k.o, k.h, k.l, k.c, k.v, k.n))
                last = k.t
                counts["bars"] += 1

        return handle

    def _missing(self, name: str, first: int, end: int) -> None:
        self._counts["gaps"] += 1
        self._counts["missing"] += end - first + 1
        self._quiet.warn("%s: trades %d to %d did not come", name, first, end)
        if self._on_gap is not None:
            self._call(self._on_gap, name, first, end)

    def _call(self, on_gap: Gap, name: str, first: int, end: int) -> None:
        """A callback that fails is no reason to lose what comes behind the hole."""
        try:
            answer = on_gap(name, first, end)
            if inspect.iscoroutine(answer):
                answer.close()
                raise TypeError("it is async, and nobody awaits it")
        except Exception as error:
            self._counts["callback_failures"] += 1
            self._quiet_calls.warn("on_gap failed: %s: %s", type(error).__name__, error)


class _Messages:
    """Decoders of the messages' parts; numbers in text become numbers."""

    def __init__(self) -> None:
        msgspec = require("msgspec", "feeds", "BinanceFeed")
        raw = msgspec.Raw

        def decoder(name: str, *fields: Any, **renamed: str) -> Callable[[Any], Any]:
            made = msgspec.defstruct(name, fields, gc=False, rename=renamed or None)
            decode: Callable[[Any], Any] = msgspec.json.Decoder(made, strict=False).decode
            return decode

        trade = (("T", int), ("p", float), ("q", float), ("m", bool))
        self.frame = decoder(
            "Frame",
            ("stream", str, ""),
            ("data", raw, raw()),
            ("id", int | None, None),
            ("error", raw, raw()),
        )
        self.trade = decoder("Trade", ("number", int), *trade, number="t")
        self.agg_trade = decoder("AggTrade", ("number", int), *trade, number="a")
        self.quote = decoder("Quote", ("u", int), ("b", float), ("a", float), ("T", int, 0))
        candle = msgspec.defstruct(
            "Candle",
            [
                *(("t", int), ("o", float), ("h", float), ("l", float), ("c", float), ("v", float)),
                *(("n", int), ("x", bool)),
            ],
            gc=False,
        )
        self.candle = decoder("CandleEvent", ("k", candle))
        self.errors = (
            *(msgspec.MsgspecError, struct.error, OverflowError, UnicodeDecodeError),
            *(RecursionError, InputError),  # JSON that is nested deeply; a candle that is no bar
        )


class BinanceFeed(WebSocketFeed):
    """Trades, quotes and candles from Binance's websocket, or a server that is compatible with it.

    Connections are opened again when they are lost, after a random and growing delay, and renewed before
    the venue ends them after 24 hours; what comes twice then is left out. Holes in the numbers of the
    trades are counted, logged, and told to `on_gap`.

    Parameters
    ----------
    symbols : sequence of str
        Such as ``["BTCUSDT"]``, in any case.
    kinds : sequence of str
        Of "trade", "aggTrade", "bookTicker" and "kline_1m", "kline_5m" and so on.
    url : str
        Default the spot market's; ``wss://fstream.binance.com/stream`` for USD-margined futures.
    prefix : str
        Put before each symbol's name, such as ``"spot:"`` where several markets feed one engine.
    on_gap : callable, optional
        Called with the symbol and the first and last id of trades that did not come.
    options : WebSocketOptions, optional

    Raises
    ------
    ConfigError
        If an option is impossible. Nothing was opened then.
    MissingExtraError
        If websockets or msgspec is not installed.

    Notes
    -----
    Trades tick at their time at the venue, with the venue's number as id. Quotes tick at their mid with size
    0; those of the spot market, which have no time of their own, at that of their symbol's last trade, or
    at the clock here where no trades are subscribed to. Candles that have closed come as bars.

    Quotes and trades of one symbol interleave: a trade may come behind a younger quote, and is late then. For
    both together give the engine ``Policy(order="accept")`` or ``Policy(order="buffer", lateness="250ms")``.

    Examples
    --------
    >>> feed = BinanceFeed(["BTCUSDT"], ["trade", "bookTicker", "kline_1m"])
    >>> feed.counts()["ticks"]
    0
    """

    URL = "wss://stream.binance.com:9443/stream"

    def __init__(
        self,
        symbols: Sequence[str],
        kinds: Sequence[str] = ("trade",),
        *,
        url: str = URL,
        prefix: str = "",
        on_gap: Gap | None = None,
        options: WebSocketOptions | None = None,
    ) -> None:
        for name, values in (("symbols", symbols), ("kinds", kinds)):
            if isinstance(values, str) or not values or not all(isinstance(v, str) and v for v in values):
                raise ConfigError(f"BinanceFeed: {name} must be a sequence of names, not {values!r}")
        for symbol in symbols:
            if not symbol.replace("_", "").isalnum():
                raise ConfigError(f"BinanceFeed: symbols has {symbol!r}, which is no name of a symbol")
        for kind in kinds:
            if kind not in KINDS[:3] and not (kind.startswith("kline_") and kind[6:].isalnum()):
                raise ConfigError(
                    f"BinanceFeed: kinds has {kind!r}; there are trade, aggTrade, bookTicker, "
                    "kline_1m and so on"
                )
        streams = [f"{symbol.lower()}@{kind}" for kind in kinds for symbol in symbols]
        super().__init__(
            url, BinanceVenue(prefix, on_gap), streams, per_connection=_PER_CONNECTION, options=options
        )
