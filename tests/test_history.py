"""A venue's past over HTTP, from a real server with Binance's pages, limits and errors; and on, live."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from fastcore.errors import ConfigError, HistoryError, InputError
from fastcore.feeds import BarBatch, TickBatch
from fastcore.feeds.binance import BinanceFeed
from fastcore.feeds.history import BinanceHistory, spliced
from fastcore.loop import run
from fastcore.sinks import MemorySink
from loopback import HttpServer, Peer, WebSocketServer, trade
from loops import TickLoop, same, together

MS = 1_000_000
START = 1_700_000_000_000  # ms
HOUR = 3_600_000

Answer = tuple[int, dict[str, str], bytes] | None


class Venue:
    """Trades and candles, in pages as Binance gives them."""

    def __init__(self, trades: int = 3_500, gap: int = 2_500, candles: int = 2_300) -> None:
        rng = np.random.default_rng(4)
        times = START + np.cumsum(rng.integers(0, 2 * gap, trades))
        self.trades = [
            {
                "a": n,
                "p": f"{100 + n % 17 / 8}",
                "q": f"{1 + n % 5}",
                "f": n,
                "l": n,
                "T": int(ts),
                "m": n % 3 == 0,
            }
            for n, ts in enumerate(times, 1)
        ]
        self.candles = [
            [
                START // 60_000 * 60_000 + n * 60_000,
                "1",
                "3",
                "0.5",
                f"{2 + n % 7 / 8}",
                "9",
                0,
                "0",
                n,
                "0",
                "0",
                "0",
            ]
            for n in range(candles)
        ]
        for candle in self.candles:
            candle[6] = candle[0] + 59_999  # type: ignore[operator]
        self.headers: dict[str, str] = {}

    def __call__(self, path: str, query: dict[str, str]) -> Answer:
        limit = int(query["limit"])
        if query["symbol"] != "BTCUSDT":
            return 400, {}, b'{"code":-1121,"msg":"Invalid symbol."}'
        if path == "/api/v3/klines":
            since, until = int(query["startTime"]), int(query["endTime"])
            rows: list[Any] = [row for row in self.candles if since <= row[0] <= until]  # type: ignore[operator]
        elif "fromId" in query:
            rows = [row for row in self.trades if row["a"] >= int(query["fromId"])]  # type: ignore[operator]
        else:
            since, until = int(query["startTime"]), int(query["endTime"])
            if until - since > HOUR:
                return 400, {}, b'{"code":-1127,"msg":"More than 1 hours between startTime and endTime."}'
            rows = [row for row in self.trades if since <= row["T"] <= until]  # type: ignore[operator]
        return 200, self.headers, json.dumps(rows[:limit]).encode()

    def expected(self, first: int, last: int) -> list[tuple[Any, ...]]:
        """The ticks in a range of ms."""
        return [
            (t["T"] * MS, float(t["p"]), float(t["q"]), t["a"], 0, -1 if t["m"] else 1)  # type: ignore[operator, arg-type]
            for t in self.trades
            if first <= t["T"] < last  # type: ignore[operator]
        ]


async def read(source: Any) -> list[Any]:
    return [batch async for batch in source]


def fetched(
    answer: Callable[..., Answer], work: Callable[[BinanceHistory], Any], **options: Any
) -> tuple[Any, Any]:
    """What comes of a history on a server that answers so, and the server."""

    async def main() -> tuple[Any, Any]:
        async with HttpServer(answer) as server:
            history = BinanceHistory(server.url, **({"backoff": 0.001} | options))
            return await asyncio.wait_for(read(work(history)), 60), (server, history)

    return run(main())


def ticks(batches: list[TickBatch]) -> list[Any]:
    return [tick for batch in batches for tick in batch.ticks.tolist()]


@pytest.mark.parametrize("parallel", [1, 4])
def test_trades_come_whole_and_in_order(parallel: int) -> None:
    """Over several hours and pages, from a moment within one to a moment within another."""
    venue = Venue()
    first, last = START + 1_234, START + 2 * HOUR + 777
    batches, (server, history) = fetched(
        venue, lambda h: h.trades("btcusdt", first * MS, last * MS), parallel=parallel, prefix="spot:"
    )
    assert ticks(batches) == venue.expected(first, last)
    assert len(ticks(batches)) > 2_500
    assert {tuple(batch.symbols) for batch in batches} == {("spot:BTCUSDT",)}
    assert history.counts()["requests"] == len(server.asked) >= 5


def test_an_hour_with_more_than_a_page_goes_on_by_number() -> None:
    """Also where a page ends exactly with the hour's last trade."""
    for count in (999, 1000, 1001, 2000, 2500):
        venue = Venue(trades=count, gap=100)
        batches, _ = fetched(venue, lambda h: h.trades("BTCUSDT", START * MS, (START + HOUR) * MS))
        assert ticks(batches) == venue.expected(START, START + HOUR)


def test_candles_come_whole_and_closed() -> None:
    """Pages of a thousand; the one that is still forming is left out."""
    venue = Venue()
    now = time.time_ns() // MS
    venue.candles[-1][6] = now + 3_600_000
    first = int(venue.candles[3][0])  # type: ignore[call-overload]
    batches, _ = fetched(venue, lambda h: h.klines("BTCUSDT", "1m", first * MS, (START + 60 * HOUR) * MS))
    bars = np.concatenate([batch.bars for batch in batches])
    assert isinstance(batches[0], BarBatch)
    assert bars["ts"].tolist() == [row[0] * MS for row in venue.candles[3:-1]]  # type: ignore[operator]
    assert bars["close"].tolist() == [float(row[4]) for row in venue.candles[3:-1]]  # type: ignore[arg-type]
    assert bars["count"].tolist() == [row[8] for row in venue.candles[3:-1]]


def test_what_passes_is_tried_again() -> None:
    """Errors of the server, connections that are cut, damaged compression; the answer is the same."""
    venue = Venue(trades=300, gap=100)
    troubles: list[Answer] = [
        (500, {}, b"oops"),
        None,
        (200, {"Content-Encoding": "gzip"}, b"not gzip"),
        (429, {"Retry-After": "0.01"}, b"{}"),
        (503, {}, b""),
    ]

    def answer(path: str, query: dict[str, str]) -> Answer:
        if troubles:
            return troubles.pop()
        status, headers, body = venue(path, query)  # type: ignore[misc]
        return status, headers | {"Content-Encoding": "gzip"}, gzip.compress(body)

    batches, (_, history) = fetched(answer, lambda h: h.trades("BTCUSDT", START * MS, (START + HOUR) * MS))
    assert ticks(batches) == venue.expected(START, START + HOUR)
    assert (history.counts()["retries"], history.counts()["rate_limited"]) == (4, 1)


def test_what_does_not_pass_is_an_error() -> None:
    """With what the venue said; and one that never answers is given up."""
    cases: list[tuple[Callable[..., Answer], str, str]] = [
        (Venue(), "DOGE", "is refused: 400 .*Invalid symbol"),
        (lambda p, q: (500, {}, b""), "BTCUSDT", "failed 3 times, last with status 500"),
        (lambda p, q: None, "BTCUSDT", "failed 3 times, last with RemoteDisconnected"),
        (lambda p, q: (200, {}, b'{"not": "a list"}'), "BTCUSDT", "answers something else"),
        (lambda p, q: (200, {}, b'[{"a":1}]'), "BTCUSDT", "answers something else"),
    ]
    for answer, symbol, sentence in cases:
        with pytest.raises(HistoryError, match=sentence):
            fetched(answer, lambda h, s=symbol: h.trades(s, START * MS, (START + 1) * MS), retries=2)  # type: ignore[misc]


def test_the_venues_rate_is_kept() -> None:
    """A pause that it asks for holds all requests; a weight that it has counted slows them down."""
    venue = Venue(trades=4_000)
    moments: list[float] = []

    def answer(path: str, query: dict[str, str]) -> Answer:
        moments.append(time.monotonic())
        if len(moments) == 1:
            return 429, {"Retry-After": "0.3"}, b""
        return venue(path, query)

    fetched(answer, lambda h: h.trades("BTCUSDT", START * MS, (START + 4 * HOUR) * MS), parallel=1)
    assert moments[1] - moments[0] >= 0.3

    # 3,000 a minute is 50 a second: what the venue says is used up comes back at that rate.
    venue.headers = {"X-MBX-USED-WEIGHT-1M": "2999"}
    begun = time.monotonic()
    _, (server, _) = fetched(
        venue, lambda h: h.trades("BTCUSDT", START * MS, (START + 4 * HOUR) * MS), weight_per_minute=3_000
    )
    assert time.monotonic() - begun >= (len(server.asked) - 5) * 2 / 50


def test_a_download_goes_on_where_it_was(tmp_path: Path) -> None:
    """What is in the cache is not asked for again; what is damaged there is."""
    venue, asked, most = Venue(), 0, 4

    def answer(path: str, query: dict[str, str]) -> Answer:
        nonlocal asked
        asked += 1
        return (400, {}, b"no more") if asked > most else venue(path, query)

    async def main() -> None:
        nonlocal most
        async with HttpServer(answer) as server:

            async def trades(**options: Any) -> tuple[list[Any], BinanceHistory]:
                history = BinanceHistory(server.url, backoff=0.001, cache=tmp_path, **options)
                return await read(history.trades("BTCUSDT", START * MS, (START + 3 * HOUR) * MS)), history

            with pytest.raises(HistoryError):
                await trades(parallel=1)
            most = 10**9
            files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
            assert len(files) >= 1
            files[0].write_bytes(b"damaged")
            for cached in (len(files) - 1, 4):
                batches, history = await trades()
                assert ticks(batches) == venue.expected(START, START + 3 * HOUR)
                assert history.counts()["cached"] == cached
            assert history.counts()["requests"] == 0

    run(main())


def test_a_cache_tells_venues_and_prefixes_apart(tmp_path: Path) -> None:
    """Another venue's trades are its own; what is kept gets the prefix that is asked for."""

    async def main() -> None:
        async with HttpServer(Venue()) as one, HttpServer(Venue(trades=100)) as other:
            for url, prefix, kind, rows in [
                (one.url, "", "trades", 3500),
                (other.url, "", "trades", 100),
                (one.url, "spot:", "trades", 3500),
                (one.url, "", "klines", 180),
                (one.url, "spot:", "klines", 180),
            ]:
                history = BinanceHistory(url, backoff=0.001, cache=tmp_path, prefix=prefix)
                until = (START + 3 * HOUR) * MS
                if kind == "trades":
                    got = await read(history.trades("BTCUSDT", START * MS, until))
                    names = {name for batch in got for name in batch.symbols}
                else:
                    got = await read(history.klines("BTCUSDT", "1m", START * MS, until))
                    names = {name for batch in got for name in batch.names}
                assert sum(map(len, got)) == rows
                assert names == {prefix + "BTCUSDT"}
                assert (history.counts()["cached"] > 0) == (prefix != "")

    run(main())


def test_history_goes_on_into_the_live_feed() -> None:
    """The engine is warm when the first live tick comes; none is lost and none comes twice."""
    venue = Venue(trades=1_500, gap=100)
    live = [trade("BTCUSDT", t["a"], float(t["p"]), float(t["q"]), t["T"]) for t in venue.trades]  # type: ignore[arg-type]
    connected = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.subscribed()
        connected.set()
        await peer.send(*live[1_200:])
        await peer.gone()

    async def main() -> MemorySink:
        sink = MemorySink()
        async with HttpServer(venue) as http, WebSocketServer(script) as socket:
            history = BinanceHistory(http.url)
            end = venue.trades[1_399]["T"]
            past = history.trades("BTCUSDT", START * MS, end * MS)  # type: ignore[operator]

            async def after_connecting() -> Any:
                await connected.wait()
                async for batch in past:
                    yield batch

            feed = spliced(after_connecting(), BinanceFeed(["BTCUSDT"], url=socket.url))
            async with (
                TickLoop(fc.Engine({"sma": fc.SMA(20)}), feed, sinks=[sink]) as loop,
                asyncio.timeout(60),
            ):
                while loop.stats()["engine"]["received"] < 1_500:
                    await asyncio.sleep(0.002)
        return sink

    got = together(run(main()))
    whole = np.array(venue.expected(START, START + HOUR), fc.TICK)
    assert got.ticks["id"].tolist() == list(range(1, 1_501))
    assert same(got.rows, fc.Engine({"sma": fc.SMA(20)}).on_ticks(whole, symbols=["BTCUSDT"], rows="all"))


def test_impossible_questions_are_sentences() -> None:
    """Before anything is asked."""
    history = BinanceHistory("http://127.0.0.1:9")
    cases: list[tuple[Callable[[], Any], str]] = [
        (lambda: BinanceHistory("ftp://x"), "url must begin with http:// or https://"),
        (lambda: BinanceHistory(parallel=0), "parallel must be a whole number of at least 1, not 0"),
        (lambda: BinanceHistory(weight_per_minute=0), "weight_per_minute must be at least 1"),
        (lambda: history.trades("X", 5, 6), "start must be before end, both ns since 1970 UTC, not 5 and 6"),
        (
            lambda: history.klines("X", "1q", START * MS, START * MS + 1),
            "span must be a whole number and one of",
        ),
    ]
    for make, sentence in cases:
        with pytest.raises((ConfigError, InputError)) as caught:
            make()
        assert sentence in str(caught.value)
    with pytest.raises(ConfigError, match=r"'\.\./x' is no name of a symbol"):
        run(read(history.trades("../x", START * MS, START * MS + MS)))
    assert history.counts()["requests"] == 0
