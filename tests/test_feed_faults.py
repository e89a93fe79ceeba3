"""Feeds that are told nonsense: times of another century, names without end, a pace that is none."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from fastcore.feeds import Outage, TickBatch, binance
from fastcore.feeds.binance import BinanceFeed, BinanceVenue
from fastcore.feeds.ccxt import CcxtFeed
from fastcore.feeds.demo import demo_market
from fastcore.feeds.history import BinanceHistory
from fastcore.feeds.memory import paced
from fastcore.feeds.nats import NatsFeed
from fastcore.feeds.valkey import ValkeyFeed
from fastcore.feeds.websocket import WebSocketOptions
from loopback import PING, PONG, Peer, WebSocketServer, combined, frame, trades

START = 1_700_000_000_000  # ms
FAR = 4_500_000_000_000  # in 2112
MS = 1_000_000


def candle(start: int, closed: bool = True) -> dict[str, Any]:
    own = {"t": start, "o": "1", "h": "1", "l": "1", "c": "1", "v": "1", "n": 1, "x": closed}
    return {"k": own}


def test_a_candle_far_ahead_is_not_the_newest_for_a_century() -> None:
    """All that closed behind it were repetitions, and all quotes had its time."""
    venue = BinanceVenue()
    venue.requests(["x@kline_1m", "x@kline_1h", "x@bookTicker"])
    times = []
    for number, start in enumerate((START, FAR, START + 60_000, START + 60_000, START + 120_000)):
        venue.parse(combined("X", "kline_1m", candle(start)))
        venue.parse(combined("X", "kline_1h", candle(START - 600_000, closed=False)))
        venue.parse(combined("X", "bookTicker", {"b": "1", "a": "2", "u": number}))
        ticks = [batch for batch in venue.buffer.take() if isinstance(batch, TickBatch)]
        times.append(int(ticks[0].ticks["ts"][0]) // MS)
    assert times == [START, FAR, START + 60_000, START + 60_000, START + 120_000]
    assert venue.counts()["bars"] == 4
    assert venue.counts()["duplicates"] == 1


def test_names_without_end_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond what is told apart they are unknown; those before go on."""
    monkeypatch.setattr(binance, "_STREAMS", 100)
    venue = BinanceVenue()
    for number in range(500):
        data = {"T": START, "t": number, "p": "1", "q": "1", "m": False}
        venue.parse(combined(f"S{number}", "trade", data))
    venue.parse(combined("S7", "trade", {"T": START, "t": 501, "p": "1", "q": "1", "m": False}))
    assert venue.counts()["unknown"] == 400
    assert venue.counts()["ticks"] == 101
    assert len(venue.buffer.symbols) == len(venue._clocks) == 100


@pytest.mark.parametrize("answers", [True, False])
def test_a_venue_that_is_held_back_is_not_taken_for_dead(answers: bool) -> None:
    """Its answers to pings lay behind what nobody took: the connection was cut, and each one after it."""

    async def script(peer: Peer) -> None:
        await peer.subscribed()

        async def listen() -> None:
            while True:
                opcode, payload = await peer.receive()
                if opcode == PING and answers:
                    await peer.raw(frame(payload, PONG))

        listening = asyncio.create_task(listen())
        try:
            for first in range(1, 60_001, 100):
                await peer.send(*trades("X", range(first, first + 100)))
            await listening
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def main() -> int:
        async with WebSocketServer(script) as server:
            options = WebSocketOptions(backoff=0.01, longest_backoff=0.05, ping=0.3, pending=256)
            feed, got = BinanceFeed(["X"], url=server.url, options=options), 0
            batches: Any = aiter(feed)
            while got < 60_000:
                got += len(await anext(batches))
                if got < 1_000:
                    await asyncio.sleep(1.5)
            assert feed.counts()["lost_connections"] == 0
            if not answers:  # held back no longer, it is given up
                while feed.counts()["lost_connections"] == 0:
                    await anext(batches)
            await batches.aclose()
            return got

    assert asyncio.run(asyncio.wait_for(main(), 60)) == 60_000


def ticks_at(*seconds: float) -> TickBatch:
    ticks = np.zeros(len(seconds), fc.TICK)
    ticks["ts"] = START * MS + (np.array(seconds) * 1e9).astype(np.int64)
    ticks["price"] = 1.0
    return TickBatch(ticks, ["X"])


def test_a_tick_of_another_century_does_not_hold_up_a_replay() -> None:
    """It comes with those around it; what lies behind it waited until its time had come."""

    async def main() -> list[int]:
        return [len(batch) async for batch in paced([ticks_at(0, 1, 3e9, 2, -7200, 3)], speed=100)]

    begun = time.monotonic()
    assert sum(asyncio.run(asyncio.wait_for(main(), 20))) == 6
    assert time.monotonic() - begun >= 0.03


def test_a_feed_that_is_async_is_paced_too() -> None:
    """As any; outages keep their place."""

    async def feed() -> AsyncIterator[TickBatch]:
        yield ticks_at(0, 1)
        yield Outage(["X"])
        yield ticks_at(2)

    async def main() -> list[tuple[type, int]]:
        return [(type(batch), len(batch)) async for batch in paced(feed(), speed=1e9)]

    found = asyncio.run(main())
    assert (Outage, 0) in found
    assert sum(size for _, size in found) == 3


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        (([], 0), ValueError, "paced: speed must be above 0, and finite, not 0"),
        (([], float("nan")), ValueError, "not nan"),
        (([], float("inf")), ValueError, "not inf"),
        (([], "fast"), TypeError, "paced: speed must be a number, not 'fast'"),
        ((5,), TypeError, "paced: feed must be iterable or async iterable, not 5"),
    ],
)
def test_a_pace_that_is_none_is_refused_at_once(
    arguments: Any, error: type[Exception], sentence: str
) -> None:
    """It was when the feed was first asked: in a loop that had started."""
    with pytest.raises(error, match=sentence):
        paced(*arguments)


OPTIONS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "options: ping": (WebSocketOptions, {"ping": "20"}, "WebSocketOptions: ping must be a number, not '20'"),
    "options: pending": (WebSocketOptions, {"pending": 1.5}, "pending must be a whole number, not 1.5"),
    "options: backoff": (WebSocketOptions, {"backoff": None}, "backoff must be a number, not None"),
    "options: compression": (WebSocketOptions, {"compression": "no"}, "compression must be True or False"),
    "binance: options": (
        lambda **k: BinanceFeed(["X"], **k),
        {"options": {"ping": 1}},
        "options must be WebSocketOptions or None, not {'ping': 1}",
    ),
    "binance: prefix": (
        lambda **k: BinanceFeed(["X"], **k),
        {"prefix": None},
        "prefix must be text, not None",
    ),
    "history: retries": (BinanceHistory, {"retries": "6"}, "retries must be a whole number, not '6'"),
    "history: timeout": (BinanceHistory, {"timeout": None}, "timeout must be a number, not None"),
    "history: prefix": (BinanceHistory, {"prefix": 5}, "prefix must be text, not 5"),
    "ccxt: backoff": (
        lambda **k: CcxtFeed("kraken", ["X"], **k),
        {"backoff": "1"},
        "backoff must be a number",
    ),
    "valkey: count": (lambda **k: ValkeyFeed("redis://x", "t", **k), {"count": "5"}, "count must be a whole"),
    "valkey: group": (lambda **k: ValkeyFeed("redis://x", "t", **k), {"group": None}, "group must be text"),
    "valkey: claim": (
        lambda **k: ValkeyFeed("redis://x", "t", **k),
        {"claim_seconds": "1"},
        "must be a number",
    ),
    "nats: servers": (
        lambda **k: NatsFeed(stream="t", subject="s", **k),
        {"servers": 5},
        "servers must be texts",
    ),
    "nats: count": (
        lambda **k: NatsFeed("nats://x", "t", "s", **k),
        {"count": None},
        "count must be a whole",
    ),
    "demo: ticks": (demo_market, {"ticks": "5"}, "demo_market: ticks must be a whole number, not '5'"),
    "demo: seed": (demo_market, {"seed": 1.5}, "demo_market: seed must be a whole number, not 1.5"),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_options_of_another_kind_are_sentences(case: str) -> None:
    """With their names; Python's own words said what cannot be compared."""
    make, options, sentence = OPTIONS[case]
    with pytest.raises(TypeError) as caught:
        make(**options)
    assert sentence in str(caught.value)
