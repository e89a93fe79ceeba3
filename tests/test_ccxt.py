"""Any exchange through ccxt.pro: the real library, on a server of Binance's shape, REST and websocket."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import fastcore as fc
import pytest
from fastcore.errors import ConfigError
from fastcore.feeds import BarBatch, TickBatch
from fastcore.feeds.ccxt import CcxtFeed
from fastcore.sinks import MemorySink
from loopback import HttpServer, Peer, WebSocketServer
from loops import TickLoop, together

MS = 1_000_000
START = 1_700_000_000_000  # ms
PATIENCE = 60.0  # s

MARKET = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "baseAssetPrecision": 8,
    "quotePrecision": 8,
    "quoteAssetPrecision": 8,
    "isSpotTradingAllowed": True,
    "isMarginTradingAllowed": False,
    "orderTypes": ["LIMIT"],
    "permissions": ["SPOT"],
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
    ],
}


def rest(path: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes] | None:
    """What a client asks for before it subscribes."""
    if path == "/api/v3/exchangeInfo":
        about = {"timezone": "UTC", "serverTime": START, "rateLimits": [], "exchangeFilters": []}
        return 200, {"Content-Type": "application/json"}, json.dumps(about | {"symbols": [MARKET]}).encode()
    return 404, {"Content-Type": "application/json"}, b'{"code":-1,"msg":"no such thing"}'


def message(kind: str, **data: Any) -> bytes:
    return json.dumps({"e": kind, "E": START, "s": "BTCUSDT"} | data).encode()


def trade(number: int) -> bytes:
    own = {"t": number, "p": f"{100 + number / 8}", "q": "0.25", "T": START + number, "m": number % 2 == 0}
    return message("trade", **own)


def candle(minute: int, close: float, closed: bool) -> bytes:
    start = START // 60_000 * 60_000 + minute * 60_000
    own = {"t": start, "T": start + 59_999, "i": "1m", "o": "1", "h": "9", "l": "1", "c": str(close)}
    return message("kline", k=own | {"s": "BTCUSDT", "v": "3", "n": 2, "x": closed, "q": "1"})


def quote(bid: float, ask: float) -> bytes:
    """As the spot market sends it: without a time."""
    own = {"u": 400, "s": "BTCUSDT", "b": str(bid), "B": "1", "a": str(ask), "A": "1"}
    return json.dumps(own).encode()


async def on_loopback(
    script: Callable[[Peer], Awaitable[None]], work: Callable[[Any], Awaitable[None]]
) -> None:
    """ccxt's own Binance, its addresses those of servers here."""
    import ccxt.pro  # type: ignore[import-untyped, unused-ignore]

    async with HttpServer(rest) as http, WebSocketServer(script) as socket:
        exchange = ccxt.pro.binance({"options": {"fetchMarkets": {"types": ["spot"]}}})
        exchange.urls["api"]["public"] = f"{http.url}/api/v3"
        exchange.urls["api"]["ws"]["spot"] = socket.url.removesuffix("/stream")
        try:
            async with asyncio.timeout(PATIENCE):
                await work(exchange)
        finally:
            await exchange.close()
        assert socket.errors == []


async def agreed(peer: Peer) -> str:
    """Take a request to subscribe and agree, as the venue does on its plain streams; what was asked for."""
    asked = await peer.request()
    await peer.send(json.dumps({"result": None, "id": asked["id"]}).encode())
    return str(asked["params"][0])


def test_trades_reach_the_engine_once_also_when_the_venue_cuts_the_line() -> None:
    """The second connection begins with what the first has sent already."""
    sink = MemorySink()

    async def script(peer: Peer) -> None:
        await agreed(peer)
        numbers = range(1, 121) if peer.number == 0 else range(100, 201)
        for number in numbers:
            await peer.send(trade(number))
        if peer.number:
            await peer.gone()

    async def work(exchange: Any) -> None:
        feed = CcxtFeed(exchange, ["BTC/USDT"], prefix="binance:", backoff=0.01)
        engine = fc.Engine({"ema": fc.EMA(3)})
        async with TickLoop(engine, feed, sinks=[sink]) as loop:
            while loop.engine.ledger["received"] < 200:
                await asyncio.sleep(0.005)
        assert feed.counts()["lost_connections"] >= 1
        assert feed.counts()["duplicates"] == 21
        assert loop.engine.ledger["accepted"] == 200

    asyncio.run(on_loopback(script, work))
    ticks = together(sink).ticks
    assert together(sink).symbols == ["binance:BTC/USDT"]
    assert ticks["id"].tolist() == list(range(1, 201))
    assert ticks["ts"].tolist() == [(START + number) * MS for number in range(1, 201)]
    assert ticks["price"].tolist() == [100 + number / 8 for number in range(1, 201)]
    assert ticks["side"].tolist() == [1 if number % 2 else -1 for number in range(1, 201)]
    assert set(ticks["size"].tolist()) == {0.25}


def test_quotes_and_closed_candles_come() -> None:
    """Beside each other; a candle comes as a bar when the next has begun."""
    got: list[Any] = []

    async def script(peer: Peer) -> None:
        stream = await agreed(peer)
        if "kline" in stream:
            await peer.send(candle(0, 2.0, False), candle(0, 5.0, True), candle(1, 6.0, False))
        else:
            await peer.send(quote(99.0, 101.0))
        await peer.gone()

    async def work(exchange: Any) -> None:
        feed = CcxtFeed(exchange, ["BTC/USDT"], ["quotes", "ohlcv:1m"])
        batches = aiter(feed)
        while {type(batch) for batch in got} != {TickBatch, BarBatch}:
            got.append(await anext(batches))
        await batches.aclose()  # type: ignore[attr-defined]

    asyncio.run(on_loopback(script, work))
    ticks = [tick for batch in got if isinstance(batch, TickBatch) for tick in batch.ticks.tolist()]
    assert ticks[0][1:3] == (100.0, 0.0)
    assert abs(ticks[0][0] - time.time_ns()) < 120 * 10**9  # at the clock here
    bars = [batch for batch in got if isinstance(batch, BarBatch)]
    assert bars[0].span == "1m"
    assert bars[0].names == ["BTC/USDT"]
    first = START // 60_000 * 60_000 * MS
    assert bars[0].bars[["ts", "high", "close", "volume"]].tolist() == [(first, 9.0, 5.0, 3.0)]


def test_what_the_exchange_refuses_ends_the_feed_with_its_words() -> None:
    async def script(peer: Peer) -> None:
        raise AssertionError("nothing is to be asked for")

    async def work(exchange: Any) -> None:
        loop = TickLoop(fc.Engine({"ema": fc.EMA(3)}), CcxtFeed(exchange, ["NO/SUCH"]))
        await loop.run()
        assert "BadSymbol" in loop.intakes[0].error
        assert "NO/SUCH" in loop.intakes[0].error

    asyncio.run(on_loopback(script, work))


def test_what_cannot_be_read_is_counted() -> None:
    """Trades without a price, without a time, at an absurd time; those beside them come."""
    got: list[Any] = []

    async def script(peer: Peer) -> None:
        await agreed(peer)
        own = {"t": 1, "p": "100", "q": "1", "T": START, "m": True}
        for wrong in ({"p": None}, {"T": None}, {"T": 10**30}):
            await peer.send(message("trade", **(own | wrong)))
        await peer.send(trade(7))
        await peer.gone()

    async def work(exchange: Any) -> None:
        feed = CcxtFeed(exchange, ["BTC/USDT"])
        batches = aiter(feed)
        while 7 not in [number for batch in got for number in batch.ticks["id"].tolist()]:
            got.append(await anext(batches))
        await batches.aclose()  # type: ignore[attr-defined]
        assert feed.counts()["malformed"] >= 3

    asyncio.run(on_loopback(script, work))
    assert [number for batch in got for number in batch.ticks["id"].tolist()] == [7]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nowhere", ["BTC/USDT"]), "ccxt.pro knows no exchange 'nowhere'"),
        (("binance", "BTC/USDT"), "symbols must be a sequence of names, not 'BTC/USDT'"),
        (("binance", []), r"symbols must be a sequence of names, not \[\]"),
        (("binance", ["BTC/USDT"], ["ohlcv"]), "kinds has 'ohlcv'; there are trades, quotes, ohlcv:1m"),
        (("binance", ["BTC/USDT"], ["books"]), "kinds has 'books'"),
        (("bitfinex", ["BTC/USD"], ["ohlcv:1m", "trades:1m"]), "kinds has 'trades:1m'"),
    ],
)
def test_impossible_options_stop_before_anything_is_opened(arguments: Any, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        CcxtFeed(*arguments)
