"""What feeds cost beside the engine: a venue's history parsed, a live rate's share of a core, the collector.

The collector's row runs one job with the loop's tuning and without: a million objects that the program holds
anyway, and a strategy that keeps what it sees as dicts.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
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

    candles = {first + n * 60_000 * PAGE: page_of_candles(first + n * 60_000 * PAGE) for n in range(pages)}

    async def candles_page(path: str, query: dict[str, Any], weight: int) -> bytes:
        return candles[int(query["startTime"])]

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


ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("FASTCORE_DATA", ROOT / ".." / "shared" / "data"))
#: Trades, quotes and depth of five minutes, as the venue sent them.
CAPTURE = DATA / "binance_ws_multi_20240808" / "raw" / "usdm_btcusdt_20240808.gz"

REPLAYER = """
import asyncio, gzip, sys
sys.path.insert(0, {tests!r})
from loopback import WebSocketServer, frame
with gzip.open({capture!r}) as file:
    FRAMES = [frame(line.split(b" ", 1)[1].rstrip()) for line in file]

async def script(peer):
    await peer.subscribed()
    for at in range(0, len(FRAMES), 512):
        await peer.raw(b"".join(FRAMES[at : at + 512]))
    await peer.gone()

async def main():
    async with WebSocketServer(script) as server:
        print(server.url, flush=True)
        await asyncio.sleep(120)

asyncio.run(main())
"""


def replayed(fc: Any) -> tuple[float, int, int]:
    """The capture's frames over a socket into the engine: seconds, ticks it accepted, messages."""
    from fastcore.feeds.binance import BinanceFeed
    from fastcore.loop import run as run_loop

    with gzip.open(CAPTURE) as file:
        messages = sum(1 for _ in file)
    program = REPLAYER.format(tests=str(ROOT / "tests"), capture=str(CAPTURE))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        seen: list[tuple[int, int]] = []

        class Watch:
            def on_rows(self, rows: Any) -> None:
                seen.append((int(rows.taken.sum()), time.monotonic_ns()))

        async def main() -> int:
            feed = BinanceFeed(["BTCUSDT"], ["trade", "bookTicker"], url=url)
            async with fc.TickLoop(ten_engine(fc), feed, strategies=[Watch()]) as loop:
                while (
                    feed.counts()["messages"] < messages
                    or loop.engine.ledger["received"] < feed.counts()["ticks"]
                ):
                    await asyncio.sleep(0.002)
            accepted: int = loop.engine.ledger["accepted"]
            return accepted

        try:
            accepted = run_loop(asyncio.wait_for(main(), 100))
        finally:
            server.kill()
    assert sum(taken for taken, _ in seen) == accepted
    return (seen[-1][1] - seen[0][1]) / 1e9, accepted - seen[0][0], messages


def recorded(fc: Any, settings: Settings) -> Iterator[Row]:
    row = Row("websocket.recorded", None, "k ticks/s", requirements=("A3",))
    if not CAPTURE.is_file():
        yield row.noted(f"{CAPTURE.name} is not there: set FASTCORE_DATA to the folder of real ticks")
        return
    seconds, ticks, messages = min(replayed(fc) for _ in range(1 if settings.quick else 3))
    note = (
        f"a venue's recorded frames from a server in a process of its own: {messages:,} messages, of which "
        f"{ticks:,} are ticks that the engine accepted, the rest depth of the book; best of three runs"
    )
    yield Row(row.id, ticks / seconds / 1e3, row.unit, requirements=("A3",), note=note).judged(
        at_least(100.0)
    )


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
    sections = (
        ("history", history),
        ("websocket.share", share),
        ("websocket.recorded", recorded),
        ("loop.gc", collector),
    )
    return [Job(name, lambda work=work: work(fc, settings)) for name, work in sections]  # type: ignore[misc]
