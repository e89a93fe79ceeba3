"""Memory and import time, each figure from a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .harness import T0, Job, Row, Settings, value_at_most

# Each child prints one JSON object. `rss()` is in MB; `peak()` is the highest since `reset()`,
# where the kernel can tell, which counts what a call takes only for a while.
PRELUDE = """
import json, sys, time
import numpy as np
import numpy.random  # NumPy loads it on first use: it must not count as the library's
import psutil
me = psutil.Process()
def rss():
    return me.memory_info().rss / 1e6
def reset():
    try:
        with open("/proc/self/clear_refs", "w") as f:
            f.write("5")
        return True
    except OSError:
        return False
def peak():
    try:
        with open("/proc/self/status") as f:
            return max(rss(), next(int(s.split()[1]) for s in f if s.startswith("VmHWM")) * 1024 / 1e6)
    except (OSError, StopIteration):
        return rss()
"""

ENGINES = {
    "fastcore": """
import fastcore as fc
emas, smas = {f"e{i}": fc.EMA(5 + i) for i in range(5)}, {f"s{i}": fc.SMA(5 + 10 * i) for i in range(5)}
engine = fc.Engine(emas | smas)
for k in range(100):
    tick = engine.symbol(f"S{k}").on_tick
    for i, x in enumerate(prices):
        tick(1_700_000_000_000_000_000 + i, x, 1.0)
""",
    "wickra": """
import wickra as w
kept = []
for k in range(100):
    made = [*(w.EMA(5 + i) for i in range(5)), *(w.SMA(5 + 10 * i) for i in range(5))]
    kept.append(made)
    for x in prices:
        for m in made:
            m.update(x)
""",
    "TA-Lib stream": """
import talib.stream as t
head, kept = np.array(prices[:100]), []
for k in range(100):
    made = [*(t.EMA(head, 5 + i) for i in range(5)), *(t.SMA(head, 5 + 10 * i) for i in range(5))]
    kept.append(made)
    for x in prices:
        for m in made:
            m.update(x)
""",
}

IMPORTS = {
    "fastcore": "fastcore",
    "wickra": "wickra",
    "TA-Lib": "talib",
    "screamer": "screamer",
    "kand": "kand",
}

MILLION = {
    "fastcore": "import fastcore as lib\nf = lambda x: lib.sma(x, period=20)\n",
    "TA-Lib": "import talib as lib\nf = lambda x: lib.SMA(x, 20)\n",
}


def child(code: str) -> dict[str, Any] | None:
    """Run code in a new interpreter; its JSON, or nothing when a library is missing there."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode == 0:
        return dict(json.loads(done.stdout))
    if "ModuleNotFoundError" in done.stderr:
        return None
    raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "the child failed")


#: Without psutil, which the process that is measured has no need of.
OWN = """
import json
def rss():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6
"""

#: All of it in one process: API, dashboard, monitoring, SQLite, journal and cache around a demo market.
WHOLE = """
import asyncio, logging, socket, tempfile, urllib.request
from fastcore.cache import Cache, Kind
from fastcore.config import default_plan
from fastcore.serve import Service, Settings
from fastcore.serve.demo import LiveDemo
from fastcore.serve.server import few_heaps
from fastcore.sinks.store import StoreSink
logging.disable()
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
def ask(path):
    return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60).read()
async def main(folder):
    sinks = [StoreSink(f"sqlite:///{folder}/ticks.db")]
    async with Cache({"bars": Kind(ttl=60)}, memory=16 << 20) as cache:
        settings = Settings(port=port, data=folder)
        service = Service(default_plan(), LiveDemo(10, speed=100), settings=settings, sinks=sinks)
        service.observer.metrics.watch_cache(cache)
        listening = asyncio.Event()
        task = asyncio.create_task(service.run(listening.set))
        await listening.wait()
        for i in range(400):
            await cache.set("bars", str(i), b"x" * 10_000)
            await asyncio.sleep(0.01)
            if i % 40 == 0:
                for path in ("/v1/symbols", "/metrics", "/v1/stats", "/"):
                    await asyncio.to_thread(ask, path)
        print(json.dumps({"mb": rss(), "ticks": service.engine.ledger["accepted"]}))
        service.stop()
        await task
few_heaps()  # as `fastcore serve` does
with tempfile.TemporaryDirectory() as folder:
    asyncio.run(main(folder))
"""


def _whole(settings: Settings) -> Iterator[Row]:
    done = child(OWN + WHOLE)
    got = {"fastcore": float(done["mb"]) if done else None}
    note = "one process: API, dashboard, monitoring, SQLite, journal, cache"
    if done:
        note += f", after {int(done['ticks']):,} ticks"
    yield _row("footprint.whole", "MB", got, 200.0, ("P18", "N1"), note)


def _row(
    id: str, unit: str, got: dict[str, float | None], limit: float, needs: tuple[str, ...], note: str
) -> Row:
    """Ours beside the best peer; the note has the others."""
    ours = got.get("fastcore")
    others = {k: v for k, v in got.items() if k != "fastcore" and v is not None}
    peer = min(others, key=lambda k: others[k]) if others else ""
    theirs = others.get(peer)
    row = Row(
        id,
        ours,
        unit,
        peer,
        theirs,
        theirs / ours if theirs and ours else None,
        requirements=needs,
        note=note,
    )
    absent = [k for k, v in got.items() if v is None]
    return row.noted(
        ", ".join(f"{k} {v:.1f} {unit}" for k, v in others.items()),
        "not installed: " + ", ".join(absent) if absent else "",
    ).judged(value_at_most(limit))


def _engine(settings: Settings) -> Iterator[Row]:
    feed = "prices = (np.random.default_rng(0).random(1000) + 100).tolist()\n"
    report = "\nprint(json.dumps({'mb': rss()}))"
    done = {k: child(PRELUDE + feed + code + report) for k, code in ENGINES.items()}
    got = {k: float(v["mb"]) if v else None for k, v in done.items()}
    bare = child(PRELUDE + "print(json.dumps({'mb': rss()}))") or {"mb": 0.0}
    note = f"whole process after 1,000 ticks each; Python with NumPy and psutil alone {bare['mb']:.1f} MB"
    yield _row("footprint.rss_100x10", "MB", got, 100.0, ("P2",), note)


def _imports(settings: Settings) -> Iterator[Row]:
    code = "import json, time\nimport numpy\nt = time.perf_counter()\nimport {}\n"
    code += "print(json.dumps({{'ms': (time.perf_counter() - t) * 1e3}}))"
    got: dict[str, float | None] = {}
    for name, module in IMPORTS.items():
        first = child(code.format(module))  # also writes the byte code and warms the page cache
        again = [child(code.format(module)) for _ in range(max(3, settings.repeats))] if first else []
        got[name] = float(np.median([r["ms"] for r in again if r])) if first else None
    yield _row(
        "footprint.import", "ms", got, 60.0, ("P2",), "import after NumPy, median of fresh interpreters"
    )


def _million(settings: Settings) -> Iterator[Row]:
    body = """
f(np.arange(100.0))
before, exact = rss(), reset()
x = np.empty(1_000_000)
np.random.default_rng(0).random(out=x)
y = f(x)
print(json.dumps({"mb": peak() - before, "rows": len(y)}))
"""
    done = {k: child(PRELUDE + code + body) for k, code in MILLION.items()}
    got = {k: float(v["mb"]) if v else None for k, v in done.items()}
    note = "peak of the process over before; the input takes 8 MB and the output 8 MB"
    yield _row("footprint.million_points", "MB", got, 20.0, ("N8",), note)


#: Ticks of the file that is replayed: 2 GB of it.
REPLAYED = 56_000_000


def _replay(settings: Settings) -> Iterator[Row]:
    """The peak of a process that replays a file by columns of 2 GB, from its start on."""
    from fastcore.feeds import TickBatch
    from fastcore.feeds.column_file import ColumnWriter
    from fastcore.ticks import TICK

    part = np.zeros(1_000_000, TICK)
    part["price"] = 100 + np.cumsum(np.random.default_rng(1).integers(-3, 4, len(part))) / 1024
    part["size"] = 1.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ticks.fct")
        with ColumnWriter(path, sync=False) as file:
            for first in range(0, settings.count(REPLAYED), len(part)):
                part["ts"] = T0 + (first + np.arange(len(part))) * 1_000_000
                file.append(TickBatch(part, ["A"]))
        size = path.stat().st_size
        done = child(
            PRELUDE
            + f"from fastcore import jobs\nledger = jobs.replay([{str(path)!r}]).ledger\n"
            + "print(json.dumps({'mb': peak(), 'ticks': ledger['accepted']}))"
        )
    got = {"fastcore": float(done["mb"]) if done else None}
    note = f"peak of a process that replays a file by columns of {size / 1e9:.1f} GB"
    if done:
        note += f" through the default plan, {int(done['ticks']):,} ticks"
    yield _row("footprint.replay", "MB", got, 300.0, ("N6",), note)


def jobs(fc: ModuleType | None, settings: Settings) -> list[Job]:
    steps = {"rss_100x10": _engine, "import": _imports, "million_points": _million, "whole": _whole}
    if fc is not None:
        steps["replay"] = _replay
    return [Job(f"footprint.{k}", partial(f, settings)) for k, f in steps.items()]
