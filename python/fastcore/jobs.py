"""The jobs behind the command line as plain functions: run the demo market, replay tick files.

Each returns a `RunResult`, which the console prints, JSON repeats and the report draws.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import fastcore
from fastcore._machine import machine
from fastcore.config import default_plan
from fastcore.errors import FileFeedError
from fastcore.feeds import TickBatch
from fastcore.feeds.demo import demo_market
from fastcore.feeds.files import TickFile
from fastcore.replay import Replay
from fastcore.results import PERCENTILES, Floats, RunResult, SymbolResult, Window

__all__ = ["RunResult", "play", "replay", "run_demo"]

#: Called with what is done and the whole, in ticks (run) or bytes (replay).
Progress = Callable[[int, int], None]

SINGLE_EVERY = 8  # of the batches of a run, one goes tick by tick through `on_tick`, as a live loop would
WINDOW_TICKS = 240  # of the busiest symbols, kept with their indicators for the report
WINDOW_SYMBOLS = 3
PATH_POINTS = 120  # of a symbol's price over the whole run
PACE_POINTS = 400  # of the throughput over the whole run
SINGLES_MOST = 2_000_000  # calls timed one by one: what is kept stays small however long the run


@dataclass(slots=True)
class _Job:
    """An engine being fed, with a stopwatch."""

    engine: Any
    engine_seconds: float = 0.0
    engine_ticks: int = 0
    started: float = field(default_factory=time.perf_counter)

    def feed(self, batch: TickBatch, **options: Any) -> Any:
        begun = time.perf_counter()
        answer = self.engine.on_ticks(batch.ticks, symbols=batch.symbols, **options)
        self.engine_seconds += time.perf_counter() - begun
        self.engine_ticks += len(batch)
        return answer

    def result(self, source: str) -> RunResult:
        seconds = time.perf_counter() - self.started
        stats, columns = self.engine.stats(), list(self.engine.columns)
        symbols = {}
        for name in self.engine.symbols:
            symbol = self.engine.symbol(name)
            row = dict(zip(columns, map(float, symbol.values()), strict=True))
            symbols[name] = SymbolResult(dict(symbol.ledger), row)
        return RunResult(
            source=source,
            columns=columns,
            ledger=dict(self.engine.ledger),
            symbols=symbols,
            seconds=seconds,
            engine_seconds=self.engine_seconds,
            engine_ticks=self.engine_ticks,
            latency_ns={stage: dict(numbers) for stage, numbers in stats["latency_ns"].items()},
            latency_sampling=int(stats["latency_sampling"]),
            memory_bytes=int(stats["memory_bytes"]),
            machine=machine(),
        )


# ---- run ------------------------------------------------------------------------------------------


def run_demo(
    *, ticks: int = 1_000_000, symbols: int = 10, seed: int = 1, progress: Progress | None = None
) -> RunResult:
    """Run a demo market through an engine of ten indicators.

    Most ticks go through ``on_ticks`` in batches; every eighth batch goes tick by tick through
    ``on_tick``, so that both ways of feeding are measured. The outputs do not depend on the way.

    Parameters
    ----------
    ticks, symbols, seed : int
        As for `fastcore.feeds.demo.demo_market`.
    progress : callable, optional
        Called with ticks done and `ticks`, after each batch.

    Returns
    -------
    RunResult
        With all that the report draws.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    """
    batch_size = max(1, min(8_192, ticks // 64))
    feed = demo_market(symbols=symbols, ticks=ticks, seed=seed, batch=batch_size)
    job = _Job(fastcore.Engine(default_plan(), history=0))
    paths = _Paths(symbols, max(1, ticks // PATH_POINTS))
    pace: list[tuple[int, float, str]] = []
    singles: list[npt.NDArray[np.int64]] = []
    tail: list[tuple[TickBatch, Floats, npt.NDArray[np.uint8]]] = []
    # Odd, so that of the batches fed tick by tick, which come every eighth, as large a share is kept.
    pace_every = ticks // batch_size // PACE_POINTS | 1
    done = 0
    for number, batch in enumerate(feed):
        single = number % SINGLE_EVERY == SINGLE_EVERY // 2 and len(singles) * batch_size < SINGLES_MOST
        done += len(batch)
        begun = time.perf_counter()
        if done + 2 * batch_size > ticks:  # the end is kept whole, for the report's close-up
            tail.append((batch, *job.feed(batch, rows="all", outcomes=True)))
        elif single:
            singles.append(_one_by_one(job.engine, batch))
        else:
            job.feed(batch)
        if number % pace_every == 0 and not tail:
            speed = len(batch) / (time.perf_counter() - begun)
            pace.append((done, speed, "tick by tick" if single else "in batches"))
        paths.see(batch, done)
        if progress is not None:
            progress(done, ticks)
    result = job.result(f"a demo market of {symbols:,} symbols, seed {seed}")
    result.pace = pace
    if singles:
        result.single_ns = np.concatenate(singles)
        result.latency_ns["on_tick_from_python"] = _percentiles(result.single_ns)
    for name, path in zip(result.symbols, paths.of(list(result.symbols)), strict=True):
        result.symbols[name].path = path
    result.windows = list(_windows(tail, result))
    return result


def _one_by_one(engine: Any, batch: TickBatch) -> npt.NDArray[np.int64]:
    """Feed a batch through ``on_tick``; returns what each call took, in ns, clock included."""
    calls = [engine.symbol(name).on_tick for name in batch.symbols]
    ticks = batch.ticks
    took = np.empty(len(ticks), np.int64)
    columns = (ticks[name].tolist() for name in ("symbol", "ts", "price", "size"))
    clock = time.perf_counter_ns
    for place, (symbol, ts, price, size) in enumerate(zip(*columns, strict=True)):
        call = calls[symbol]
        begun = clock()
        call(ts, price, size)
        took[place] = clock() - begun
    return took


def _percentiles(ns: npt.NDArray[np.int64]) -> dict[str, float]:
    found = dict(zip(PERCENTILES, np.percentile(ns, list(PERCENTILES.values())).tolist(), strict=True))
    return {"count": len(ns), "mean": float(ns.mean()), **found, "max": float(ns.max())}


class _Paths:
    """Prices of all symbols at about `PATH_POINTS` moments of a run: what a sparkline needs."""

    def __init__(self, symbols: int, every: int) -> None:
        self._every, self._next = every, every
        self._last = np.full(symbols, np.nan)
        self._newest = 0
        self._kept: list[Floats] = []
        self._names: list[str] = []

    def see(self, batch: TickBatch, done: int) -> None:
        ts, price = batch.ticks["ts"], batch.ticks["price"]
        newest = np.maximum.accumulate(np.maximum(ts, self._newest))
        good = batch.ticks[np.isfinite(price) & (price > 0) & (ts == newest)]
        self._last[good["symbol"]] = good["price"]  # of several, the last one stays
        self._newest, self._names = int(newest[-1]), batch.symbols
        if done >= self._next:
            self._kept.append(self._last.copy())
            self._next = done + self._every

    def of(self, names: Sequence[str]) -> Iterator[list[float]]:
        """The path of each symbol, which ends with its last price."""
        at = {name: place for place, name in enumerate(self._names)}
        for name in names:
            path = [float(prices[at[name]]) for prices in (*self._kept, self._last)]
            yield [price for price in path if np.isfinite(price)]


def _windows(
    tail: Sequence[tuple[TickBatch, Floats, npt.NDArray[np.uint8]]], result: RunResult
) -> Iterator[Window]:
    """The last good ticks of the busiest symbols, with every output."""
    batches, rows, outcomes = zip(*tail, strict=True)
    ticks, row = np.concatenate([batch.ticks for batch in batches]), np.concatenate(rows)
    good = np.concatenate(outcomes) == fastcore.OUTCOMES.index("accepted")
    names = batches[-1].symbols
    busiest = sorted(result.symbols, key=lambda name: -result.symbols[name].ledger["accepted"])
    for name in busiest[:WINDOW_SYMBOLS]:
        mine = np.flatnonzero(good & (ticks["symbol"] == names.index(name)))[-WINDOW_TICKS:]
        values = {column: row[mine, place] for place, column in enumerate(result.columns)}
        yield Window(name, ticks["ts"][mine], ticks["price"][mine], values)


# ---- replay ---------------------------------------------------------------------------------------


def replay(
    files: Sequence[str | Path],
    *,
    plan: Mapping[str, Any] | None = None,
    columns: Mapping[str, str] | None = None,
    symbol: str | None = None,
    batch: int = 65_536,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Replay tick files through one engine, in the order given, in constant memory.

    Parameters
    ----------
    files : sequence of path
        As for `fastcore.feeds.files.read_ticks`, as are `columns`, `symbol` and `batch`.
    plan : mapping of str to indicator, optional
        Default `fastcore.config.DEFAULT_PLAN`.
    out : path, optional
        Write one Parquet row per tick here: ts, symbol, and every output. The file appears when
        the replay has reached its end.
    progress : callable, optional
        Called with the bytes read and the bytes of all files, after each batch.

    Returns
    -------
    RunResult

    Raises
    ------
    FileFeedError
        If a file cannot be read, or not to its end.
    """
    job = _Job(fastcore.Engine(dict(plan) if plan is not None else default_plan(), history=0))
    total = sum(Path(file).stat().st_size for file in files if Path(file).is_file())
    before = 0
    with _writer(out, files, list(job.engine.columns)) as write:
        for file in files:
            with TickFile(file, columns=columns, symbol=symbol, batch=batch) as source:
                for part in _until_it_breaks(source, job):
                    if write is None:
                        job.feed(part)
                    else:
                        write.rows(part, *job.feed(part, rows="all", outcomes=True))
                    if progress is not None:
                        progress(before + source.position, total)
                before += source.size
        if write is not None:
            write.finish()
    result = job.result(", ".join(Path(file).name for file in files))
    result.files = [str(file) for file in files]
    return result


def play(
    source: Sequence[str | Path],
    *,
    plan: Mapping[str, Any] | None = None,
    columns: Mapping[str, str] | None = None,
    symbol: str | None = None,
    speed: float | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Play a journal, or tick files at a pace, through an engine; as `replay` otherwise.

    Parameters
    ----------
    source : sequence of path
        The folder of a journal, or files.
    plan : mapping of str to indicator, optional
        Default `fastcore.config.DEFAULT_PLAN`.
    speed : float, optional
        As for `fastcore.replay.Replay.run`.

    Raises
    ------
    JournalError, FileFeedError
        If it cannot be read.
    """
    job = _Job(fastcore.Engine(dict(plan) if plan is not None else default_plan(), history=0))

    def each(one: Replay) -> None:
        if progress is not None:
            progress(min(one.position, one.size), one.size)

    with Replay(source, job.engine, columns=columns, symbol=symbol) as replay:
        begun = time.perf_counter()
        job.engine_ticks = replay.run(speed=speed, each=each)
        job.engine_seconds = time.perf_counter() - begun
    result = job.result(", ".join(Path(one).name for one in source))
    result.files = [str(one) for one in source]
    result.notes = replay.damage
    return result


def _until_it_breaks(source: Iterable[TickBatch], job: _Job) -> Iterator[TickBatch]:
    try:
        yield from source
    except FileFeedError as error:
        raise FileFeedError(f"{error} ({job.engine_ticks:,} ticks had been read)") from error


def _writer(out: str | Path | None, files: Sequence[str | Path], columns: list[str]) -> Any:
    if out is None:
        return nullcontext(None)
    from fastcore._row_writer import RowWriter

    return closing(RowWriter(Path(out), [Path(file) for file in files], columns))
