"""A venue's past that lies: absurd numbers, pages that repeat, floods in little space; full disks."""

from __future__ import annotations

import asyncio
import errno
import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastcore.errors import ConfigError, HistoryError, InputError
from fastcore.feeds import history as module
from fastcore.feeds._http import HttpSource
from fastcore.feeds.history import BinanceHistory
from fastcore.loop import run
from loopback import HttpServer
from test_history import HOUR, MS, START, Venue, fetched, read, ticks


def changed(at: int, **fields: Any) -> Venue:
    """A venue that writes something else into one of its trades."""
    venue = Venue(trades=1_500, gap=100)
    venue.trades[at].update(fields)
    return venue


@pytest.mark.parametrize("at", [3, 500, 1_200])
@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"T": 10**30}, "'T' must be 100000000000 to 9223372036854, not as in "),
        ({"T": -(10**30)}, "'T' must be "),
        ({"T": 5}, "'T' must be "),
        ({"a": 10**30}, "'a' must be (0|1001) to 9223372036854775806, not as in "),
        ({"a": -3}, "'a' must be "),
        ({"a": 2}, "(is out of order, or comes twice|'a' must be 1001 to)"),
    ],
)
def test_a_trade_that_cannot_be_is_a_sentence(at: int, fields: dict[str, Any], sentence: str) -> None:
    """One at an absurd time was left out, and with it all that came behind it within the hour."""
    venue = changed(at, **fields)

    def answer(path: str, query: dict[str, str]) -> Any:
        """Pages by place: what is wrong does not move."""
        rows: list[Any] = venue.trades[int(query.get("fromId", 1)) - 1 :]
        return 200, {}, json.dumps(rows[:1000]).encode()

    with pytest.raises(HistoryError, match=f"aggTrades answers something else: .*{sentence}"):
        fetched(answer, lambda h: h.trades("BTCUSDT", START * MS, (START + HOUR) * MS))


def test_a_venue_that_repeats_its_page_does_not_fill_the_memory() -> None:
    """One that does not know `fromId` gave the same page for ever."""
    page = json.dumps(Venue(trades=1_000, gap=100).trades).encode()
    with pytest.raises(HistoryError, match="'a' must be 1001 to"):
        fetched(
            lambda path, query: (200, {}, page),
            lambda h: h.trades("BTCUSDT", START * MS, (START + HOUR) * MS),
        )


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({0: 10**30}, "'start' must be"),
        ({0: START // 60_000 * 60_000}, "is out of order, or comes twice"),
        ({8: 10**30}, "'count' must be 0 to"),
        ({8: -1}, "'count' must be 0 to"),
    ],
)
def test_a_candle_that_cannot_be_is_a_sentence(fields: dict[int, int], sentence: str) -> None:
    venue = Venue(candles=20)
    for place, value in fields.items():
        venue.candles[7][place] = value
    body = json.dumps(venue.candles).encode()
    with pytest.raises(HistoryError, match=f"klines answers something else: .*{sentence}"):
        fetched(
            lambda path, query: (200, {}, body),
            lambda h: h.klines("BTCUSDT", "1m", START * MS, (START + HOUR) * MS),
        )


def test_candles_that_nobody_asked_for_are_left_out() -> None:
    """A venue that gives all it has at each question gave them once for each page."""
    venue = Venue(candles=30)
    first = int(venue.candles[0][0])  # type: ignore[call-overload]
    batches, _ = fetched(
        lambda path, query: (200, {}, json.dumps(venue.candles).encode()),
        lambda h: h.klines("BTCUSDT", "1m", (first + 60_000) * MS, (first + 2_000 * 60_000) * MS),
    )
    bars = np.concatenate([batch.bars for batch in batches])
    assert bars["ts"].tolist() == [row[0] * MS for row in venue.candles[1:]]  # type: ignore[operator]


def test_a_candle_that_closes_behind_the_end_is_not_kept_as_missing(tmp_path: Path) -> None:
    """A day that had begun before the end was left out, rightly; the cache then left it out for good."""
    day = 24 * HOUR
    today = time.time_ns() // MS // day * day
    candle: list[Any] = [today, "1", "3", "0.5", "2", "9", today + day - 1, "0", 7, "0", "0", "0"]

    async def main() -> None:
        async with HttpServer(lambda path, query: (200, {}, json.dumps([candle]).encode())) as server:
            for closed in (False, True):
                if closed:
                    candle[6] = today - 1  # as if the day were over
                history = BinanceHistory(server.url, backoff=0.001, cache=tmp_path)
                end = max(today + 1, time.time_ns() // MS - 5 * 60_000)
                got = await read(history.klines("BTCUSDT", "1d", (today - 5 * day) * MS, end * MS))
                assert sum(map(len, got)) == closed

    run(main())


def test_what_lies_ahead_is_not_asked_for() -> None:
    """An end far ahead took a request for each hour until then."""
    end = time.time_ns() + 10**9 * 3600 * 24 * 365
    venue = Venue(trades=10)
    _, (server, _) = fetched(venue, lambda h: h.trades("BTCUSDT", time.time_ns() - 10**9, end))
    assert 1 <= len(server.asked) <= 2
    batches, (server, _) = fetched(venue, lambda h: h.klines("BTCUSDT", "1m", end - 10**9, end))
    assert (batches, server.asked) == ([], [])


def test_a_little_that_unpacks_to_a_lot_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor what breaks off; both are tried again."""
    monkeypatch.setattr("fastcore.feeds._http._MOST_BYTES", 1_000_000)
    bomb = gzip.compress(b" " * 2_000_000)
    for body, sentence in (
        (bomb, "more than 1000000 bytes when unpacked"),
        (bomb[:-9], "too early|more than"),
    ):
        with pytest.raises(HistoryError, match=sentence):
            fetched(
                lambda path, query, body=body: (200, {"Content-Encoding": "gzip"}, body),  # type: ignore[misc]
                lambda h: h.trades("BTCUSDT", START * MS, (START + 1) * MS),
                retries=1,
            )


@pytest.mark.parametrize("wait", ["inf", "nan", "1e999", "soon", ""])
def test_a_wait_that_is_no_time_is_a_short_one(wait: str) -> None:
    """To be told to come again in an infinite time was obeyed."""
    venue, first = Venue(trades=10), True

    def answer(path: str, query: dict[str, str]) -> Any:
        nonlocal first
        if first:
            first = False
            return 429, {"Retry-After": wait}, b""
        return venue(path, query)

    batches, _ = fetched(answer, lambda h: h.trades("BTCUSDT", START * MS, (START + HOUR) * MS))
    assert len(ticks(batches)) == 10


def test_a_full_disk_costs_the_cache_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was fetched is given, the failure is counted, and nothing half written stays."""

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    venue = Venue(trades=300, gap=100)
    batches, (_, history) = fetched(
        venue, lambda h: h.trades("BTCUSDT", START * MS, (START + HOUR) * MS), cache=tmp_path
    )
    assert ticks(batches) == venue.expected(START, START + HOUR)
    assert history.counts()["cache_failures"] >= 1
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: BinanceHistory("http://host:99999"), "url 'http://host:99999' cannot be read: Port out of"),
        (lambda: BinanceHistory(parallel="4"), "parallel must be a whole number of at least 1, not '4'"),
        (
            lambda: BinanceHistory().trades("X", 1.7e18, 1.8e18),
            "start must be before end, both ns .* not 1.7e",
        ),
        (lambda: BinanceHistory().klines("X", None, START * MS, START * MS + 1), "not None"),
        (lambda: BinanceHistory().klines("X", "٣m", START * MS, START * MS + 1), "span must be a whole"),
        (
            lambda: HttpSource("http://[::1", weight_per_minute=1),
            r"url 'http://\[::1' cannot be read: Invalid IPv6",
        ),
    ],
)
def test_impossible_arguments_are_sentences(make: Callable[[], Any], sentence: str) -> None:
    with pytest.raises((ConfigError, InputError), match=sentence):
        make()
    with pytest.raises(ConfigError, match="None is no name of a symbol"):
        asyncio.run(read(BinanceHistory().trades(None, START * MS, START * MS + MS)))  # type: ignore[arg-type]
