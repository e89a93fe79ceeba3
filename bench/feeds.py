"""What feeds cost beside the engine: a venue's history parsed, a live rate's share of a core, the collector.

The collector's row runs one job with the loop's tuning and without: a million objects that the program holds
anyway, and a strategy that keeps what it sees as dicts.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from .harness import T0, Job, Row, Settings, median_ns, ratio_at_least, value_at_most
from .loop import NAMES, at_least, from_socket, ten_engine, ticks_of

MS = 1_000_000
PAGE = 1_000


def pages_of_trades(pages: int) -> list[bytes]:
    """Aggregate trades as Binance writes them, 3 ms apart."""
    rng = np.random.default_rng(6)
    found = []
    for page in range(pages):
        rows = [
            {
                "a": number,
                "p": f"{60_000 + rng.integers(0, 9999) / 100:.8f}",
                "q": f"{rng.random():.8f}",
                "f": number,
                "l": number,
                "T": T0 // MS + 3 * number,
                "m": number % 2 == 0,
                "M": True,
            }
            for number in range(page * PAGE + 1, (page + 1) * PAGE + 1)
        ]
        found.append(json.dumps(rows, separators=(",", ":")).encode())
    return [*found, b"[]"]


def page_of_candles(start: int) -> bytes:
    """A page of one-minute candles as Binance writes them."""
    rows = [
        [
            *(start + 60_000 * n, f"{100 + n / 7:.8f}", f"{101 + n / 7:.8f}", f"{99 + n / 7:.8f}"),
            *(f"{100 + n / 9:.8f}", f"{n / 3:.8f}", start + 60_000 * n + 59_999, f"{n * 33.5:.8f}", n),
            *(f"{n / 6:.8f}", f"{n * 17.5:.8f}", "0"),
        ]
        for n in range(PAGE)
    ]
    return json.dumps(rows, separators=(",", ":")).encode()


def history(fc: Any, settings: Settings) -> Iterator[Row]:
    """Pages that are there already, through the whole of `BinanceHistory` but for the network."""
    from fastcore.feeds.history import BinanceHistory

    pages = settings.count(100)
    bodies = pages_of_trades(pages)
    first = T0 // MS // (60_000 * PAGE) * 60_000 * PAGE  # where a page of candles begins

    async def trades_page(path: str, query: dict[str, Any], weight: int) -> bytes:
        return bodies[(int(query.get("fromId", 1)) - 1) // PAGE]

    candles = page_of_candles(first)

    async def candles_page(path: str, query: dict[str, Any], weight: int) -> bytes:
        return candles

    source = BinanceHistory(parallel=1)
    begin = T0 // (3600 * 10**9) * 3600 * 10**9

    async def all_of(batches: Any) -> int:
        return sum([len(batch) async for batch in batches])

    def read(get: Any, ask: Any, rows: int) -> None:
        source._http.get = get  # type: ignore[method-assign]  # the network is not what is measured
        assert asyncio.run(all_of(ask())) == rows

    rows = pages * PAGE
    end = first * MS + pages * 60_000 * PAGE * MS
    for name, get, ask in (
        ("trades", trades_page, lambda: source.trades("BTCUSDT", begin, begin + 3600 * 10**9)),
        ("klines", candles_page, lambda: source.klines("BTCUSDT", "1m", first * MS, end)),
    ):
        taken = median_ns(partial(read, get, ask, rows), rows, settings.repeats)
        note = "pages of 1,000 rows of JSON, numbers in text, to arrays; the whole feed but for the network"
        row = Row(f"history.{name}", 1e3 / taken, "M rows/s", requirements=("N9",), note=note)
        yield row.judged(at_least(1.0))


def share(fc: Any, settings: Settings) -> Iterator[Row]:
    rate = 10_000
    run = from_socket(fc, rate * (2 if settings.quick else 5), rate)
    note = "10,000 trades a second over a websocket through ten indicators and a strategy; processor time"
    row = Row("websocket.share", 100 * run.share, "% of a core", requirements=("A3",), note=note)
    yield row.judged(value_at_most(15))


def collector(fc: Any, settings: Settings) -> Iterator[Row]:
    from fastcore.feeds import TickBatch
    from fastcore.loop import run as run_loop

    rows = settings.count(300_000)
    held = [[n] for n in range(1_000_000)]
    ticks = ticks_of(fc, rows)

    def counts(tune: bool) -> dict[str, int]:
        kept: list[dict[str, Any]] = []

        def keep(row: Any) -> None:
            kept.append({"ts": row.ts, "price": row.price, "tags": [row.symbol]})

        batches = [TickBatch(ticks[at : at + 1_000], NAMES) for at in range(0, rows, 1_000)]
        loop = fc.TickLoop(ten_engine(fc), batches, strategies=[keep], tune_gc=tune)
        run_loop(loop.run())
        found: dict[str, int] = loop.stats()["gc"]
        return found

    tuned, plain = counts(True), counts(False)
    assert len(held) == 1_000_000
    for name, key, unit, scale in (
        ("longest", "longest_pause_ns", "ms", 1e6),
        ("whole", "pause_ns", "ns a tick", rows),
    ):
        note = f"{tuned['collections']} collections in {rows:,} ticks, {plain['collections']} untuned"
        yield Row(
            f"loop.gc.{name}",
            tuned[key] / scale,
            unit,
            "untuned",
            plain[key] / scale,
            plain[key] / max(1, tuned[key]),
            requirements=("N10",),
            note=f"{note}; a million objects held beside",
        ).judged(ratio_at_least(2.0))


def jobs(fc: Any, settings: Settings) -> list[Job]:
    if fc is None:
        return []
    sections = (("history", history), ("websocket.share", share), ("loop.gc", collector))
    return [Job(name, lambda work=work: work(fc, settings)) for name, work in sections]  # type: ignore[misc]
