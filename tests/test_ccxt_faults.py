"""What ccxt's exchanges do when things go wrong: lines that are cut, messages that are none."""

from __future__ import annotations

import asyncio
from typing import Any

import fastcore as fc
import pytest
from fastcore.feeds import BarBatch, Outage
from fastcore.feeds.ccxt import CcxtFeed
from loopback import Peer
from loops import TickLoop
from test_ccxt import MS, START, agreed, candle, message, on_loopback, trade


async def until(got: list[Any], batches: Any, done: Any) -> None:
    """Take batches until they suffice."""
    while not done(got):
        got.append(await anext(batches))
    await batches.aclose()


def numbers(got: list[Any]) -> list[int]:
    return [n for batch in got if not isinstance(batch, BarBatch) for n in batch.ticks["id"].tolist()]


def test_a_line_that_is_cut_is_told_between_the_ticks() -> None:
    """As of other feeds: the engine invents no bars for that time."""
    got: list[Any] = []

    async def script(peer: Peer) -> None:
        await agreed(peer)
        await peer.send(trade(1) if peer.number == 0 else trade(2))
        if peer.number:
            await peer.gone()

    async def work(exchange: Any) -> None:
        feed = CcxtFeed(exchange, ["BTC/USDT"], prefix="b:", backoff=0.01)
        await until(got, aiter(feed), lambda got: 2 in numbers(got))
        assert feed.counts()["lost_connections"] >= 1

    asyncio.run(on_loopback(script, work))
    kinds = [type(batch) for batch in got]
    place = kinds.index(Outage)
    assert got[place].symbols == ["b:BTC/USDT"]
    assert numbers(got[:place]) == [1]
    assert numbers(got[place:]) == [2]
    assert kinds.count(Outage) == 1  # however often it tried to connect again


def test_a_line_that_was_never_up_is_no_outage() -> None:
    """Nothing came before, so nothing is between."""
    got: list[Any] = []

    async def script(peer: Peer) -> None:
        await agreed(peer)
        if peer.number == 2:
            await peer.send(trade(2))
            await peer.gone()

    async def work(exchange: Any) -> None:
        feed = CcxtFeed(exchange, ["BTC/USDT"], backoff=0.01)
        await until(got, aiter(feed), lambda got: 2 in numbers(got))
        assert feed.counts()["lost_connections"] >= 2

    asyncio.run(on_loopback(script, work))
    assert not any(isinstance(batch, Outage) for batch in got)


@pytest.mark.parametrize(
    "wrong", [b'{"e":"trade",', b'{"e":"trade","s":5}', b"[1,2", b'{"e":["trade"]}', b"nothing"]
)
def test_messages_that_are_none_cost_nothing_but_themselves(wrong: bytes) -> None:
    """ccxt reads no more of a connection on which one was; with Binance's pings, for six minutes."""
    got: list[Any] = []

    async def script(peer: Peer) -> None:
        await agreed(peer)
        await peer.send(trade(1), wrong)
        await asyncio.sleep(0.05)
        await peer.send(wrong, trade(2))
        await peer.gone()

    async def work(exchange: Any) -> None:
        feed = CcxtFeed(exchange, ["BTC/USDT"])
        async with asyncio.timeout(20):
            await until(got, aiter(feed), lambda got: 2 in numbers(got))
        assert feed.counts()["lost_connections"] == 0

    asyncio.run(on_loopback(script, work))
    assert numbers(got) == [1, 2]


def test_a_lower_number_at_a_later_time_is_no_repetition() -> None:
    """It follows one that was none, or is of a numbering that has begun anew."""
    got: list[Any] = []
    own = {"p": "100", "q": "1", "m": True}

    async def script(peer: Peer) -> None:
        await agreed(peer)
        for number, at in ((5, 5), (900_000, 6), (6, 7), (6, 7), (7, 8)):
            await peer.send(message("trade", t=number, T=START + at, **own))
        await peer.gone()

    async def work(exchange: Any) -> None:
        feed = CcxtFeed(exchange, ["BTC/USDT"])
        await until(got, aiter(feed), lambda got: 7 in numbers(got))
        assert feed.counts()["duplicates"] == 1

    asyncio.run(on_loopback(script, work))
    assert numbers(got) == [5, 900_000, 6, 7]


def bars(got: list[Any]) -> list[tuple[int, float]]:
    first = START // 60_000 * 60_000
    return [
        ((bar["ts"] // MS - first) // 60_000, bar["close"])
        for batch in got
        if isinstance(batch, BarBatch)
        for bar in batch.bars
    ]


def test_a_candle_that_was_forming_when_the_line_broke_is_no_bar() -> None:
    """It came as a closed one, with what was known of it; one whose minute is told again is whole."""
    got: list[Any] = []

    async def script(peer: Peer) -> None:
        await agreed(peer)
        if peer.number == 0:
            await peer.send(candle(0, 2.0, True), candle(1, 3.0, False))
        elif peer.number == 1:
            await peer.send(candle(4, 5.0, False))
        else:
            await peer.send(candle(4, 6.0, False), candle(5, 7.0, False))
            await peer.gone()

    async def work(exchange: Any) -> None:
        feed = CcxtFeed(exchange, ["BTC/USDT"], ["ohlcv:1m"], backoff=0.01)
        await until(got, aiter(feed), lambda got: len(bars(got)) >= 2)
        assert feed.counts()["incomplete"] == 1

    asyncio.run(on_loopback(script, work))
    assert bars(got) == [(0, 2.0), (4, 6.0)]


@pytest.mark.parametrize(
    ("milliseconds", "malformed"), [(b"1" + b"0" * 30, 1), (b"4500000000000", 0)], ids=["absurd", "year 2112"]
)
def test_a_candle_at_a_wrong_time_is_not_the_end_of_them(milliseconds: bytes, malformed: int) -> None:
    """All that came behind it were older, and left out: for ever, or for a century."""
    got: list[Any] = []

    async def script(peer: Peer) -> None:
        await agreed(peer)
        wrong = candle(0, 2.0, True).replace(str(START // 60_000 * 60_000).encode(), milliseconds)
        await peer.send(candle(0, 2.0, True), wrong, candle(1, 3.0, True), candle(2, 4.0, False))
        await peer.gone()

    async def work(exchange: Any) -> None:
        feed = CcxtFeed(exchange, ["BTC/USDT"], ["ohlcv:1m"])
        async with asyncio.timeout(20):
            await until(got, aiter(feed), lambda got: (1, 3.0) in bars(got))
        assert feed.counts()["malformed"] >= malformed

    asyncio.run(on_loopback(script, work))
    assert [bar for bar in bars(got) if bar[0] < 10] == [(0, 2.0), (1, 3.0)]


def test_the_engine_hears_of_the_outage() -> None:
    """Through the loop: a gap of the kind "feed"."""

    async def script(peer: Peer) -> None:
        await agreed(peer)
        await peer.send(trade(1) if peer.number == 0 else trade(2))
        if peer.number:
            await peer.gone()

    async def work(exchange: Any) -> None:
        feed = CcxtFeed(exchange, ["BTC/USDT"], backoff=0.01)
        engine = fc.Engine({"ema": fc.EMA(3)})
        async with TickLoop(engine, feed) as loop:
            while loop.engine.ledger["received"] < 2:
                await asyncio.sleep(0.005)
        gaps = engine.symbol("BTC/USDT").gaps
        assert gaps, gaps

    asyncio.run(on_loopback(script, work))
