"""The websocket feed against a real server: every kind of message, every way in which a connection ends."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import time
import zlib
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from fastcore.errors import ConfigError
from fastcore.feeds import BarBatch, TickBatch
from fastcore.feeds.binance import BinanceFeed, BinanceVenue
from fastcore.feeds.websocket import WebSocketOptions
from fastcore.loop import run
from fastcore.sinks import MemorySink
from hypothesis import given
from hypothesis import strategies as st
from loopback import BINARY, PING, PONG, Peer, WebSocketServer, combined, frame, trade, trades
from loops import TickLoop, balanced, same, together

QUICK = {"backoff": 0.001, "longest_backoff": 0.01, "open_timeout": 30.0}


def live(
    script: Callable[[Peer], Awaitable[None]],
    enough: Callable[[BinanceFeed], bool],
    kinds: tuple[str, ...] = ("trade",),
    symbols: tuple[str, ...] = ("BTCUSDT",),
    on_gap: Any = None,
    **options: Any,
) -> tuple[BinanceFeed, list[Any]]:
    """A feed on a server with that script, read until it is enough; the feed and what it gave."""

    async def main() -> tuple[BinanceFeed, list[Any]]:
        got: list[Any] = []
        async with WebSocketServer(script) as server:
            settings = WebSocketOptions(**(QUICK | options))
            feed = BinanceFeed(symbols, kinds, url=server.url, on_gap=on_gap, options=settings)

            async def read() -> None:
                async for batch in feed:
                    got.append(batch)

            reading = asyncio.create_task(read())
            async with asyncio.timeout(60):
                while not enough(feed):
                    assert not reading.done(), reading.result()
                    await asyncio.sleep(0.001)
                for _ in range(100):  # what has come reaches the reader in a few turns of the loop
                    await asyncio.sleep(0)
                await asyncio.sleep(0.01)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            assert server.errors == []
        return feed, got

    return run(main())


def ids(batches: list[Any]) -> list[int]:
    return [
        number for batch in batches if isinstance(batch, TickBatch) for number in batch.ticks["id"].tolist()
    ]


def counted(name: str, at_least: int) -> Callable[[BinanceFeed], bool]:
    return lambda feed: feed.counts()[name] >= at_least


# ---- messages ----


def test_it_subscribes_and_reads_every_kind() -> None:
    """Requests name the streams; trades, aggregates, quotes and closed candles arrive as they were sent."""
    asked: list[str] = []
    candle = {
        "t": 1_700_000_040_000,
        "T": 0,
        "s": "BTCUSDT",
        "i": "1m",
        "o": "1",
        "c": "2.5",
        "h": "3",
        "l": "0.5",
    }
    candle |= {"v": "7.25", "n": 11, "x": False}

    async def script(peer: Peer) -> None:
        asked.extend(await peer.subscribed())
        await peer.send(
            combined(
                "BTCUSDT", "bookTicker", {"u": 1, "s": "BTCUSDT", "b": "99", "B": "1", "a": "101", "A": "1"}
            ),
            trade("BTCUSDT", 5, price=100.5, size=0.25),
            combined(
                "BTCUSDT", "bookTicker", {"u": 2, "s": "BTCUSDT", "b": "99", "B": "1", "a": "101", "A": "1"}
            ),
            combined(
                "BTCUSDT", "kline_1m", {"e": "kline", "E": 1_700_000_060_001, "s": "BTCUSDT", "k": candle}
            ),
            combined(
                "BTCUSDT", "kline_1m", {"e": "kline", "E": 1_700_000_100_000, "k": candle | {"x": True}}
            ),
            combined(
                "BTCUSDT",
                "aggTrade",
                {"a": 9, "p": "102", "q": "3", "f": 1, "l": 2, "T": 1_700_000_101_000, "m": True},
            ),
            combined(
                "BTCUSDT",
                "bookTicker",
                {"u": 3, "b": "7", "B": "1", "a": "6", "A": "1", "T": 1_700_000_102_000},
            ),
        )
        await peer.gone()

    kinds = ("trade", "aggTrade", "bookTicker", "kline_1m")
    feed, got = live(script, counted("ticks", 4), kinds)
    assert asked == [f"btcusdt@{kind}" for kind in kinds]
    ticks = np.concatenate([batch.ticks for batch in got if isinstance(batch, TickBatch)])
    expected = [
        (1_700_000_000_005_000_000, 100.5, 0.25, 5, 0, 1),
        (1_700_000_000_005_000_000, 100.0, 0.0, 0, 0, 0),  # a quote without a time: that of the trade before
        (1_700_000_101_000_000_000, 102.0, 3.0, 9, 0, -1),
    ]
    assert ticks[:3].tolist() == expected
    assert ticks["ts"][3] == 1_700_000_102_000_000_000
    assert np.isnan(ticks["price"][3])  # crossed: invalid to the engine
    (bars,) = (batch for batch in got if isinstance(batch, BarBatch))
    assert (bars.span, bars.names) == ("1m", ["BTCUSDT"])
    known = ["ts", "open", "high", "low", "close", "volume", "count", "complete"]
    assert bars.bars[known].tolist() == [(1_700_000_040_000_000_000, 1.0, 3.0, 0.5, 2.5, 7.25, 11, True)]
    assert np.isnan(bars.bars["value"]).all()
    counts = feed.counts()
    assert {name: counts[name] for name in ("untimed", "forming", "bars", "answers", "messages")} == {
        "untimed": 1,
        "forming": 1,
        "bars": 1,
        "answers": 1,
        "messages": 8,
    }


BAD = [
    b"",
    b"{",
    b"null",
    b"[1,2]",
    b'"text"',
    b"\xff\xfe\x00",
    b'{"stream":"btcusdt@trade"}',
    b'{"stream":"btcusdt@trade","data":{}}',
    b'{"stream":"btcusdt@trade","data":{"T":1,"t":1000,"p":"one","q":"1","m":true}}',
    b'{"stream":"btcusdt@trade","data":{"T":"x","t":1000,"p":"1","q":"1","m":true}}',
    b'{"stream":"btcusdt@trade","data":{"T":1,"t":1000,"p":"1","q":"1"}}',
    b'{"stream":"btcusdt@trade","data":{"T":99999999999999999999,"t":1000,"p":"1","q":"1","m":true}}',
    b'{"stream":"btcusdt@trade","data":{"T":1,"t":99999999999999999999,"p":"1","q":"1","m":true}}',
    b'{"stream":"btcusdt@trade","data":{"T":9999999999999999,"t":1000,"p":"1","q":"1","m":true}}',
    b'{"stream":"btcusdt@bookTicker","data":{"u":1,"b":"1","a":null,"T":1}}',
    b'{"stream":"btcusdt@kline_1m","data":{"E":1,"k":{"t":1,"x":true}}}',
    b'{"stream":"btcusdt@kline_1m","data":{"E":1,"k":{"t":1e300,"o":1,"h":1,"l":1,"c":1,"v":1,"n":1,"x":true}}}',
    b'{"stream":7,"data":{}}',
    *(b"[" * 2000, b'{"a":' * 2000, b'{"stream":"btcusdt@trade","data":' + b"[" * 2000 + b"]" * 2000 + b"}"),
    *(
        b'{"stream":"btcusdt@kline_1m","data":{"k":{"t":%s,"o":1,"h":1,"l":1,"c":1,"v":1,"n":%s,"x":true}}}'
        % numbers
        for numbers in (
            (b"1700000000000000", b"1"),  # in us
            (b"1700000000000000000", b"1"),  # in ns
            (b"-1700000000000000", b"1"),
            (b"9" * 20, b"1"),
            (b"1700000000000", b"9" * 20),
        )
    ),
    b'{"stream":"btcusdt@bookTicker","data":{"u":1,"b":"1","a":"2","T":1700000000000000000}}',
]


def test_messages_that_cannot_be_read_cost_nothing_but_themselves(caplog: pytest.LogCaptureFixture) -> None:
    """Each is counted, one line is logged, and the trades around them arrive."""

    async def script(peer: Peer) -> None:
        await peer.subscribed()
        for number, message in enumerate(BAD, 1):
            await peer.send(trade("BTCUSDT", number), message)
        await peer.send(trade("BTCUSDT", len(BAD) + 1))
        await peer.gone()

    with caplog.at_level(logging.WARNING):
        feed, got = live(script, counted("ticks", len(BAD) + 1))
    assert ids(got) == list(range(1, len(BAD) + 2))
    assert feed.counts()["malformed"] == len(BAD)
    assert feed.counts()["lost_connections"] == feed.counts()["gaps"] == 0
    assert len([r for r in caplog.records if "cannot be read" in r.getMessage()]) == 1


def test_unknown_messages_are_counted() -> None:
    """Other streams, and what is no stream at all."""
    venue = BinanceVenue()
    for message in (
        b"{}",
        b'{"foo":1}',
        combined("X", "depth", {}),
        combined("X", "depth", {}),
        combined("X", "", {}),
    ):
        assert not venue.parse(message)
    assert venue.counts()["unknown"] == 5
    assert venue.counts()["malformed"] == 0
    assert venue.buffer.take() == []


NUMBERS = st.one_of(st.sampled_from([0, 10**12, 10**15, 10**18]), st.integers(-(2**70), 2**70)).map(str)
NESTED = st.builds(
    lambda opening, depth, before: before + opening * depth,
    st.sampled_from([b"[", b'{"a":', b'{"data":', b"[[1],"]),
    st.integers(1, 20_000),
    st.sampled_from([b"", b'{"stream":"btcusdt@trade","data":{"x":', b'{"id":', b'{"error":']),
)
EXTREMES = st.builds(
    lambda kind, a, b, price: combined("BTCUSDT", *_message(kind, a, b, price)),
    st.sampled_from(["trade", "aggTrade", "bookTicker", "kline_1m"]),
    NUMBERS,
    NUMBERS,
    NUMBERS | st.floats().map(str),
)


def _message(kind: str, a: str, b: str, price: str) -> tuple[str, dict[str, Any]]:
    """A message that is sound but for its numbers."""
    if kind == "bookTicker":
        return kind, {"u": a, "T": b, "b": price, "a": price}
    if kind == "kline_1m":
        prices = dict.fromkeys("ohlcv", price)
        return kind, {"k": {"t": a, "n": b, "x": True} | prices}
    return kind, {"T": a, "t": b, "a": b, "p": price, "q": price, "m": False}


@given(
    st.binary(max_size=60) | st.text(max_size=60).map(str.encode) | st.sampled_from(BAD) | NESTED | EXTREMES
)
def test_parsing_never_raises(message: bytes) -> None:
    """Whatever comes is counted in one place, and what comes after it is read."""
    venue = BinanceVenue()
    answered = venue.parse(message)
    counts = venue.counts()
    places = ("ticks", "bars", "answers", "unknown", "malformed", "untimed", "duplicates")
    assert sum(counts[name] for name in places) == 1
    assert answered == (counts["answers"] == 1)
    quote = {"u": 2**63, "b": "1", "a": "1"}
    assert not venue.parse(combined("BTCUSDT", "bookTicker", quote))
    assert venue.counts()["malformed"] == counts["malformed"]
    venue.buffer.take()


def test_a_callback_that_fails_is_counted_and_the_feed_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """On a hole in the numbers; what comes around it arrives."""

    async def script(peer: Peer) -> None:
        await peer.subscribed()
        await peer.send(*(trade("BTCUSDT", number) for number in (1, 2, 5, 6, 9, 10)))
        await peer.gone()

    def fails(name: str, first: int, last: int) -> None:
        raise RuntimeError(f"{name} {first} {last}")

    async def later(name: str, first: int, last: int) -> None:
        raise AssertionError("nobody runs it")

    for callback in (fails, lambda *hole: later(*hole)):  # only its answer shows that it is async
        feed, got = live(script, counted("ticks", 6), on_gap=callback)
        assert ids(got) == [1, 2, 5, 6, 9, 10]
        counts = feed.counts()
        assert (counts["callback_failures"], counts["gaps"], counts["duplicates"]) == (2, 2, 0)
        assert counts["malformed"] == 0
    assert "on_gap failed: RuntimeError: BTCUSDT 3 4" in caplog.text
    for callback in (later, 7):
        with pytest.raises(ConfigError, match="on_gap must be a function that is not async"):
            BinanceFeed(["BTCUSDT"], on_gap=callback)  # type: ignore[arg-type]


@given(st.integers(0, 10**12), st.integers(0, 12))
def test_numbers_in_text_are_read_as_python_reads_them(digits: int, places: int) -> None:
    """To the last bit."""
    text = str(digits).rjust(places + 1, "0")
    text = f"{text[:-places]}.{text[-places:]}" if places else text
    venue = BinanceVenue()
    venue.parse(combined("X", "trade", {"T": 1, "t": 1, "p": text, "q": text, "m": False}))
    (batch,) = venue.buffer.take()
    assert batch.ticks["price"][0] == batch.ticks["size"][0] == float(text)


def test_a_request_that_is_refused_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """And counted; the connection stays."""

    async def script(peer: Peer) -> None:
        asked = await peer.request()
        await peer.send(
            json.dumps({"error": {"code": 2, "msg": "Invalid request"}, "id": asked["id"]}).encode()
        )
        await peer.send(trade("BTCUSDT", 1))
        await peer.gone()

    with caplog.at_level(logging.ERROR):
        feed, _ = live(script, counted("ticks", 1))
    assert feed.counts()["refused"] == 1
    assert '{"code": 2, "msg": "Invalid request"}' in caplog.text


def test_many_streams_are_asked_for_in_parts() -> None:
    """A hundred with a request, the next when the one before is answered; two hundred on a connection."""
    asked: dict[int, list[int]] = {}

    async def script(peer: Peer) -> None:
        sizes = asked.setdefault(peer.number, [])
        while True:
            sizes.append(len(await peer.subscribed()))

    live(script, lambda feed: feed.counts()["answers"] == 5, symbols=tuple(f"S{n}" for n in range(450)))
    assert sorted(asked.values()) == [[50], [100, 100], [100, 100]]


# ---- connections ----


def test_a_cut_in_the_middle_of_a_frame_loses_no_more_than_that_frame() -> None:
    """The feed connects again; what comes twice is left out, what never came is told."""
    gaps: list[tuple[str, int, int]] = []

    async def script(peer: Peer) -> None:
        await peer.subscribed()
        if peer.number == 0:
            await peer.send(*trades("BTCUSDT", range(1, 11)))
            await peer.raw(frame(trade("BTCUSDT", 11))[:-7])
            return
        if peer.number == 1:
            await peer.send(*trades("BTCUSDT", range(8, 15)))
            return
        await peer.send(*trades("BTCUSDT", range(18, 21)))
        await peer.gone()

    feed, got = live(script, counted("ticks", 17), on_gap=lambda *gap: gaps.append(gap))
    assert ids(got) == [*range(1, 15), *range(18, 21)]
    counts = feed.counts()
    assert gaps == [("BTCUSDT", 15, 17)]
    assert (counts["gaps"], counts["missing"], counts["duplicates"]) == (1, 3, 3)
    assert (counts["connections"], counts["lost_connections"]) == (3, 2)


def test_a_numbering_that_begins_anew_is_taken() -> None:
    """Numbers far below the last are not ticks that come again."""
    venue = BinanceVenue()
    for number in (5_000_000, 5_000_001, 1, 2):
        venue.parse(trade("BTCUSDT", number))
    assert venue.counts()["ticks"] == 4
    assert venue.counts()["gaps"] == 0


def test_a_number_far_ahead_does_not_make_repetitions_of_what_follows() -> None:
    """What comes again has the time that it had."""
    venue = BinanceVenue()
    for time_, number in ((1, 1), (2, 900_000), (2, 900_000), (3, 2), (4, 3), (4, 3), (3, 2), (5, 4)):
        venue.parse(combined("X", "trade", {"T": time_, "t": number, "p": "1", "q": "1", "m": False}))
    (batch,) = venue.buffer.take()
    assert batch.ticks["id"].tolist() == [1, 900_000, 2, 3, 4]
    assert venue.counts()["duplicates"] == 3


def test_quotes_and_candles_that_come_twice_are_left_out() -> None:
    """By the number of the update, by the candle's time."""
    venue = BinanceVenue()
    quote = {"b": "1", "a": "2", "T": 1_700_000_000_000}
    candle = {"t": 60_000, "o": "1", "h": "1", "l": "1", "c": "1", "v": "1", "n": 1, "x": True}
    for number in (7, 8, 8, 7, 9):
        venue.parse(combined("X", "bookTicker", quote | {"u": number}))
        venue.parse(combined("X", "kline_1m", {"k": candle | {"t": number * 60_000}}))
    assert venue.counts()["ticks"] == venue.counts()["bars"] == 3
    assert venue.counts()["duplicates"] == 4


def test_a_half_open_connection_is_given_up() -> None:
    """The server is there and says nothing: its silence ends it, or the pings that it leaves unanswered."""

    async def script(peer: Peer) -> None:
        await peer.subscribed()
        if peer.number:
            await peer.send(trade("BTCUSDT", 1))
        await peer.gone()  # reads, and answers no ping

    for options in ({"silence": 0.3, "ping": 0.0}, {"silence": 0.0, "ping": 0.3}):
        feed, got = live(script, counted("ticks", 1), **options)
        assert ids(got)[0] == 1
        assert feed.counts()["lost_connections"] >= 1


def test_a_request_without_an_answer_ends_the_connection() -> None:
    """A server that sends other things and never agrees is not a subscription."""

    async def script(peer: Peer) -> None:
        if peer.number == 0:
            for _ in range(10_000):
                await peer.send(b'{"stream":"btcusdt@depth","data":{}}')
                await asyncio.sleep(0.001)
        await peer.subscribed()
        await peer.send(trade("BTCUSDT", 1))
        await peer.gone()

    feed, _ = live(script, counted("ticks", 1), open_timeout=1.0)
    assert feed.counts()["lost_connections"] >= 1


def test_pings_of_the_venue_are_answered() -> None:
    """With what they said."""
    answers: list[tuple[int, bytes]] = []

    async def script(peer: Peer) -> None:
        await peer.subscribed()
        await peer.raw(frame(b"1700000000000", PING))
        answers.append(await peer.receive())
        await peer.send(trade("BTCUSDT", 1))
        await peer.gone()

    live(script, counted("ticks", 1))
    assert answers == [(PONG, b"1700000000000")]


def test_a_connection_is_replaced_in_time_without_a_gap() -> None:
    """The new one is there before the old one goes; both tell of the same trades for a while."""
    live_peers: set[int] = set()
    most = 0

    async def script(peer: Peer) -> None:
        nonlocal most, number
        await peer.subscribed()
        live_peers.add(peer.number)
        most = max(most, len(live_peers))
        gone = asyncio.create_task(peer.gone())
        try:
            while not gone.done():
                await peer.send(*trades("BTCUSDT", range(max(1, number - 3), number + 1)))
                number += 1
                await asyncio.sleep(0.002)
        finally:
            live_peers.discard(peer.number)

    number = 1
    feed, got = live(script, counted("rotations", 3), rotate=0.2)
    counts = feed.counts()
    assert ids(got) == list(range(1, len(ids(got)) + 1))
    assert counts["missing"] == 0
    assert counts["lost_connections"] == 0
    assert counts["duplicates"] > 0
    assert most == 2


def test_delays_grow_while_nothing_answers_and_start_anew_after_success() -> None:
    """Random up to a bound that doubles with each failure: not all clients come back at once."""
    waited: list[float] = []

    class Draws:
        def uniform(self, low: float, high: float) -> float:
            assert low == 0.0
            waited.append(high)
            return 0.0

    async def main() -> None:
        async def script(peer: Peer) -> None:
            await peer.subscribed()
            if peer.number == 0:
                await peer.send(trade("BTCUSDT", 1))

        async with WebSocketServer(script) as server:
            options = WebSocketOptions(backoff=0.5, longest_backoff=4.0)
            feed = BinanceFeed(["BTCUSDT"], url=server.url, options=options)
            feed._random = Draws()  # type: ignore[assignment]
            async for _ in feed:
                server._server.close()
                break
            await feed_until(feed, waited, 7)

    async def feed_until(feed: BinanceFeed, waited: list[float], many: int) -> None:
        reading = asyncio.create_task(anext(aiter(feed)))
        while len(waited) < many:
            await asyncio.sleep(0.001)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)

    run(asyncio.wait_for(main(), 60))
    assert waited[-6:] == sorted(waited[-6:])
    assert 4.0 in waited and 0.5 in waited
    assert set(waited) <= {0.5, 1.0, 2.0, 4.0}


@pytest.mark.parametrize("lasts", [False, True])
def test_a_server_that_answers_and_hangs_up_is_left_alone_for_longer_each_time(lasts: bool) -> None:
    """The delay begins anew only behind a connection that has lasted as long as the longest delay."""
    waited: list[float] = []

    class Draws:
        def uniform(self, low: float, high: float) -> float:
            waited.append(high)
            return 0.0

    async def script(peer: Peer) -> None:
        await peer.subscribed()
        await peer.send(trade("BTCUSDT", 1 + peer.number))
        if lasts and peer.number >= 3:
            await asyncio.sleep(0.05)  # longer than longest_backoff

    async def main() -> None:
        async with WebSocketServer(script) as server:
            options = WebSocketOptions(backoff=0.01, longest_backoff=0.04)
            feed = BinanceFeed(["BTCUSDT"], url=server.url, options=options)
            feed._random = Draws()  # type: ignore[assignment]
            async for _ in feed:
                if len(waited) >= 6:
                    break

    run(asyncio.wait_for(main(), 60))
    assert waited[3:6] == ([0.01] * 3 if lasts else [0.04] * 3)
    assert lasts or waited[:3] == [0.01, 0.02, 0.04]


def test_no_more_connections_are_opened_than_the_venue_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven, three at most within a span, take two spans."""
    monkeypatch.setattr("fastcore.feeds.websocket._SPAN", 0.2)

    async def script(peer: Peer) -> None:
        await peer.subscribed()
        await peer.send(trade("BTCUSDT", 1 + peer.number))

    async def main() -> None:
        async with WebSocketServer(script) as server:
            feed = BinanceFeed(["BTCUSDT"], url=server.url, options=WebSocketOptions(**QUICK))
            feed._opened = deque(maxlen=3)
            async for _ in feed:
                if feed.counts()["connections"] >= 7:
                    break

    began = time.monotonic()
    run(asyncio.wait_for(main(), 60))
    assert time.monotonic() - began >= 0.4


def test_no_bars_are_invented_for_the_time_in_which_a_feed_was_down() -> None:
    """The engine is told between the last tick before and the first one after."""
    minute = 60_000

    async def script(peer: Peer) -> None:
        await peer.subscribed()
        for number in range(1 + 5 * peer.number, 6 + 5 * peer.number):
            at = 1_700_000_000_000 + 10 * minute * peer.number + 1000 * number
            data = {"T": at, "t": number, "p": "100", "q": "1", "m": True}
            await peer.send(combined("BTCUSDT", "trade", data))
        if peer.number:
            await peer.gone()

    async def main() -> fc.Engine:
        plan = {"sma": fc.SMA(2).on("1m")}
        engine = fc.Engine(plan, history=100, policy=fc.Policy(fill="flat"))
        async with WebSocketServer(script) as server:
            feed = BinanceFeed(["BTCUSDT"], url=server.url, options=WebSocketOptions(**QUICK))
            async with TickLoop(engine, feed, drain_seconds=5):
                while engine.ledger["accepted"] < 10:
                    await asyncio.sleep(0.001)
        return engine

    btc = run(asyncio.wait_for(main(), 60)).symbol("BTCUSDT")
    assert btc.gaps["feed"] == 1
    assert btc.bars("1m")["stale"].tolist() == [False]


def test_a_message_beyond_the_bound_ends_the_connection() -> None:
    """A server cannot fill the memory with one message."""

    async def script(peer: Peer) -> None:
        await peer.subscribed()
        if peer.number == 0:
            await peer.send(b'{"stream":"x","data":"' + b"x" * 100_000 + b'"}')
            await peer.gone()
        await peer.send(trade("BTCUSDT", 1))
        await peer.gone()

    feed, got = live(script, counted("ticks", 1), most_bytes=65_536)
    assert ids(got) == [1]
    assert feed.counts()["lost_connections"] == 1


def test_compressed_messages_are_read_and_compressed_garbage_ends_the_connection() -> None:
    """As a cut does: the feed connects again."""

    async def script(peer: Peer) -> None:
        await peer.subscribed()
        if peer.number == 0:
            packer = zlib.compressobj(wbits=-15)
            data = packer.compress(trade("BTCUSDT", 1)) + packer.flush(zlib.Z_SYNC_FLUSH)
            compressed = bytearray(frame(data[:-4]))
            compressed[0] |= 0x40
            await peer.raw(bytes(compressed))
            garbage = bytearray(frame(b"\xff" * 40))
            garbage[0] |= 0x40
            await peer.raw(bytes(garbage))
            await peer.gone()
        await peer.send(trade("BTCUSDT", 2))
        await peer.gone()

    feed, got = live(script, counted("ticks", 2), compression=True)
    assert ids(got) == [1, 2]
    assert feed.counts()["lost_connections"] == 1


def test_fragments_and_binary_frames_are_messages() -> None:
    """In whatever way they are framed."""

    async def script(peer: Peer) -> None:
        await peer.subscribed()
        text = trade("BTCUSDT", 1)
        await peer.raw(
            frame(text[:20], final=False) + frame(text[20:30], 0, final=False) + frame(text[30:], 0)
        )
        await peer.raw(frame(trade("BTCUSDT", 2), BINARY))
        await peer.gone()

    _, got = live(script, counted("ticks", 2))
    assert ids(got) == [1, 2]


def test_a_flood_waits_at_the_server() -> None:
    """Who does not read holds the venue back; memory stays bounded, and nothing is lost."""

    async def script(peer: Peer) -> None:
        await peer.subscribed()
        await peer.send(*trades("BTCUSDT", range(1, 20_001)))
        await peer.gone()

    async def main() -> tuple[int, list[int]]:
        async with WebSocketServer(script) as server:
            options = WebSocketOptions(pending=256, silence=2.0, **QUICK)
            feed = BinanceFeed(["BTCUSDT"], url=server.url, options=options)
            most, got = 0, []
            async for batch in feed:
                if len(got) == 0:
                    await asyncio.sleep(2.5)  # longer than the silence: being held back is none
                most = max(most, len(batch))
                got.append(batch)
                if sum(map(len, got)) == 20_000:
                    break
            assert feed.counts()["lost_connections"] == 0
            return most, ids(got)

    most, numbers = run(asyncio.wait_for(main(), 60))
    assert numbers == list(range(1, 20_001))
    assert most < 256 + 64


def test_impossible_options_stop_before_anything_is_opened() -> None:
    """Each is a sentence that names the option and the value."""
    cases: list[tuple[Callable[[], Any], str]] = [
        (lambda: BinanceFeed([]), "symbols must be a sequence of names, not []"),
        (lambda: BinanceFeed("BTCUSDT"), "symbols must be a sequence of names, not 'BTCUSDT'"),
        (lambda: BinanceFeed(["BTC/USDT"]), "symbols has 'BTC/USDT', which is no name of a symbol"),
        (lambda: BinanceFeed(["X"], ["trades"]), "kinds has 'trades'"),
        (
            lambda: BinanceFeed(["X"], url="http://x"),
            "url must begin with ws:// or wss://, not be 'http://x'",
        ),
        (lambda: WebSocketOptions(backoff=0.0), "backoff must be above 0, not 0.0"),
        (lambda: WebSocketOptions(rotate=-1.0), "rotate must be 0 or more, not -1.0"),
        (lambda: WebSocketOptions(pending=0), "pending must be above 0, not 0"),
    ]
    for make, sentence in cases:
        with pytest.raises(ConfigError) as caught:
            make()
        assert sentence in str(caught.value)


# ---- whole days of the real thing ----

# Both markets at length, the others as far as tells whether they are read.
CAPTURES = [
    *(("spot_btcusdt", 20_000), ("usdm_btcusdt", 20_000), ("spot_ethusdt", 4_000), ("usdm_ethusdt", 4_000)),
    *(("cm_btcusd_perp", 4_000), ("cm_ethusd_perp", 4_000)),
]
PLAN = {"fast": fc.EMA(5), "bands": fc.BBANDS(20), "rsi": fc.RSI(14).on("1s")}


def captured(path: Path) -> list[bytes]:
    """The messages of a capture, without the time at which each was received."""
    with gzip.open(path) as file:
        return [line.split(b" ", 1)[1].rstrip() for line in file]


def reference(messages: list[bytes]) -> Any:
    """The ticks that these messages tell of, read with the standard library."""
    rows, clock = [], 0
    for message in messages:
        parsed = json.loads(message)
        data, kind = parsed.get("data"), parsed.get("stream", "").partition("@")[2]
        if kind == "trade":
            clock = data["T"]
            side = -1 if data["m"] else 1
            rows.append((clock * 10**6, float(data["p"]), float(data["q"]), data["t"], 0, side))
        elif kind == "bookTicker" and (clock or "T" in data):
            clock = data.get("T", clock)
            rows.append((clock * 10**6, (float(data["b"]) + float(data["a"])) / 2, 0.0, 0, 0, 0))
    return np.array(rows, fc.TICK)


@pytest.mark.parametrize(("name", "most"), CAPTURES)
def test_a_recorded_session_gives_the_rows_of_one_batch(
    name: str, most: int, data_file: Callable[[str], Path]
) -> None:
    """Frame by frame over a socket, through the loop, to the same bits."""
    messages = captured(data_file(f"binance_ws_multi_20240808/raw/{name}_20240808.gz"))[:most]
    expected = reference(messages)
    symbol = name.partition("_")[2].upper()

    async def script(peer: Peer) -> None:
        await peer.subscribed()
        await peer.send(*messages)
        await peer.gone()

    async def main() -> tuple[MemorySink, dict[str, Any]]:
        sink = MemorySink()
        async with WebSocketServer(script) as server:
            feed = BinanceFeed([symbol], ["trade", "bookTicker"], url=server.url)
            async with TickLoop(fc.Engine(PLAN), feed, sinks=[sink]) as loop, asyncio.timeout(60):
                while loop.stats()["engine"]["received"] < len(expected):
                    await asyncio.sleep(0.001)
        return sink, loop.stats()

    sink, stats = run(main())
    balanced(stats)
    rows, outcomes = fc.Engine(PLAN).on_ticks(expected, symbols=[symbol], rows="all", outcomes=True)
    got = together(sink)
    assert got.ticks.tolist() == expected.tolist()
    assert same(got.rows, rows)
    assert same(got.outcomes, outcomes)
    feed_counts = stats["feeds"]["BinanceFeed"]
    assert feed_counts["missing"] == feed_counts["duplicates"] == feed_counts["malformed"] == 0


ALL_KINDS = pytest.mark.parametrize("name", ["BINANCE", "BINANCE_FUTURES", "BINANCE_US"])


def of_all_kinds(path: Path) -> tuple[list[str], list[bytes]]:
    """The streams of a capture that were asked for, but for the depth, and the messages of all of them."""
    with gzip.open(path) as file:
        url, *lines = file.read().splitlines()
    streams = url.split(b" ")[0].partition(b"streams=")[2].decode().split("/")
    messages = [line.partition(b": ")[2] for line in lines if b": {" in line]
    return [stream for stream in streams if "depth" not in stream], messages


@ALL_KINDS
def test_captures_of_all_kinds_come_through_a_server(name: str, data_file: Callable[[str], Path]) -> None:
    """Aggregates, quotes and candles, through a socket and the loop: each tick, each closed candle."""
    streams, messages = of_all_kinds(data_file(f"ws_raw_cryptofeed/{name}.ws.1.0.gz"))
    messages = messages[:5_000]
    venue = BinanceVenue()
    venue.requests(streams)
    for message in messages:
        venue.parse(message)
    batches = venue.buffer.take()
    counts = venue.counts()
    expected = [
        (batch.symbols[tick["symbol"]], *tick.tolist()[:4])
        for batch in batches
        if isinstance(batch, TickBatch)
        for tick in batch.ticks
    ]
    assert len(expected) == counts["ticks"] > 40

    async def script(peer: Peer) -> None:
        await peer.subscribed()
        await peer.send(*messages)
        await peer.gone()

    async def main() -> tuple[MemorySink, dict[str, Any]]:
        sink = MemorySink(wants=["rows"])
        symbols = sorted({stream.partition("@")[0].upper() for stream in streams})
        kinds = sorted({stream.partition("@")[2] for stream in streams})
        async with WebSocketServer(script) as server:
            feed = BinanceFeed(symbols, kinds, url=server.url)
            async with TickLoop(fc.Engine(PLAN), feed, sinks=[sink]) as loop, asyncio.timeout(60):
                while feed.counts()["messages"] < len(messages):
                    await asyncio.sleep(0.001)
                while loop.stats()["engine"]["received"] < len(expected):
                    await asyncio.sleep(0.001)
        return sink, loop.stats()

    sink, stats = run(main())
    balanced(stats)
    got = together(sink)
    names = [got.symbols[code] for code in got.ticks["symbol"]]
    found = [(name, *tick.tolist()[:4]) for name, tick in zip(names, got.ticks, strict=True)]
    assert sorted(found) == sorted(expected)
    seen = stats["feeds"]["BinanceFeed"]
    for count in ("ticks", "bars", "forming", "untimed", "unknown", "malformed", "duplicates"):
        assert seen[count] == counts[count], count


@ALL_KINDS
def test_captures_of_all_kinds_are_read(name: str, data_file: Callable[[str], Path]) -> None:
    """Aggregates, quotes, open and closed candles, and the depth that nobody asked for."""
    streams, messages = of_all_kinds(data_file(f"ws_raw_cryptofeed/{name}.ws.1.0.gz"))
    venue = BinanceVenue()
    venue.requests(streams)
    kinds: dict[str, int] = {}
    closed = 0
    for message in messages:
        assert not venue.parse(message)
        parsed = json.loads(message)
        kind = parsed["stream"].partition("@")[2]
        kinds[kind] = kinds.get(kind, 0) + 1
        closed += kind == "kline_1m" and parsed["data"]["k"]["x"]
    counts = venue.counts()
    assert counts["ticks"] + counts["untimed"] == kinds["aggTrade"] + kinds["bookTicker"]
    assert counts["bars"] == closed
    assert counts["forming"] == kinds["kline_1m"] - closed
    assert counts["unknown"] == kinds["depth@100ms"]
    assert counts["malformed"] == counts["duplicates"] == 0
    assert sum(map(len, venue.buffer.take())) == counts["ticks"] + counts["bars"]
