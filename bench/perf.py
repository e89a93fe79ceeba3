"""What the performance service costs, and how quick it is: the loop with all of it on and off, in turns.

The same ticks through the same ten indicators, a strategy and a sink; beside it nothing, or metrics, monitor,
rules, profiler, bottlenecks, memory watch, scaling signal and stats page together.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import numpy as np

from .harness import Job, Row, Settings, Work, ratio_at_least, value_at_most
from .loop import Batched, file_of
from .one_call import ten_engine


def one_run(fc: Any, path: Any, watched: bool) -> Work:
    """The whole loop over a file of ticks, with the service or without."""

    def run() -> None:
        from fastcore.feeds.files import read_ticks
        from fastcore.loop import run as run_loop
        from fastcore.perf.watch import Watch
        from fastcore.sinks import MemorySink

        sinks = [MemorySink(wants=["signals"])]
        loop = fc.TickLoop(ten_engine(fc), read_ticks(path), strategies=[Batched()], sinks=sinks)
        page = f"bench-{os.getpid()}"
        with Watch(loop, receivers=[], page=page) if watched else contextlib.nullcontext():
            run_loop(loop.run())

    return run


def overhead(fc: Any, settings: Settings) -> Iterator[Row]:
    """By processor time of all threads, pair by pair: what else the machine does falls on both.

    Runs are long enough that to start and to stop the service, some 8 ms, is not what is measured.
    """
    rows = settings.count(32_000_000)
    taken: dict[bool, list[int]] = {True: [], False: []}
    with tempfile.TemporaryDirectory() as folder:
        path = file_of(fc, folder, rows)
        for turn in range(2 * settings.repeats + 1):
            for watched in (True, False) if turn % 2 else (False, True):
                work = one_run(fc, path, watched)
                began = time.process_time_ns()
                work()
                if turn:  # the first is for warming up
                    taken[watched].append(time.process_time_ns() - began)
    ours, theirs = np.median(taken[True]) / rows, np.median(taken[False]) / rows
    ratios = np.array(taken[False]) / np.array(taken[True])
    low, high = np.percentile(ratios, (25, 75))
    yield Row(
        "perf.overhead",
        1e3 / ours,
        "M ticks/s of a processor",
        "the same with everything off",
        1e3 / theirs,
        float(np.median(ratios)),
        requirements=("P6",),
        note=f"everything on, by processor time; {len(ratios)} pairs, half of them {low:.3f} to {high:.3f}",
    ).judged(ratio_at_least(0.98))


def scrape(fc: Any, settings: Settings) -> Iterator[Row]:
    """The page for Prometheus, of a loop that has run with a strategy and two sinks."""
    from fastcore.loop import run as run_loop
    from fastcore.perf.metrics import Metrics
    from fastcore.sinks import MemorySink

    with tempfile.TemporaryDirectory() as folder:
        from fastcore.feeds.files import read_ticks

        loop = fc.TickLoop(
            ten_engine(fc),
            read_ticks(file_of(fc, folder, 200_000)),
            strategies=[Batched()],
            sinks=[MemorySink(), MemorySink()],
        )
        run_loop(loop.run())
    metrics = Metrics()
    metrics.watch_loop(loop)
    for name in ("api", "query", "cache", "webhook", "ai_response"):
        for ns in np.random.default_rng(1).lognormal(13, 2, 10_000):
            metrics.operation(name).record(ns)
    metrics.text()
    taken, wall = [], []
    for _ in range(settings.count(100)):
        began, spent = time.perf_counter_ns(), time.thread_time_ns()
        size = len(metrics.text())
        wall.append(time.perf_counter_ns() - began)
        taken.append(time.thread_time_ns() - spent)
    yield Row(
        "perf.scrape",
        float(np.percentile(taken, 95)) / 1e6,
        "ms",
        requirements=("M1",),
        note=f"processor time, p95; {np.median(wall) / 1e6:.1f} ms on the wall; {size / 1e3:.0f} kB",
    ).judged(value_at_most(5.0))


def alert(fc: Any, settings: Settings) -> Iterator[Row]:
    """From the moment in which a threshold is broken until the webhook's server has the request."""
    from fastcore.perf.metrics import Metrics
    from fastcore.perf.monitor import Monitor
    from fastcore.perf.receivers import WebhookReceiver
    from fastcore.perf.rules import parse
    from fastcore.perf.samples import Sample

    arrived: list[float] = []
    came = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arrived.append(time.monotonic())
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            came.set()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    rules = parse('group_interval = "0s"\n[[rule]]\nname = "Hot"\nmetric = "heat"\nabove = 10')
    heat, taken = [1.0], []
    metrics = Metrics()
    metrics.add(lambda: [Sample("heat", "gauge", "Heat.", heat[0])])
    receiver = WebhookReceiver(f"http://127.0.0.1:{server.server_port}", "secret")
    try:
        with Monitor(metrics, rules, [receiver]):
            for turn in range(settings.count(20)):
                time.sleep(0.01 + 0.037 * (turn % 13))  # at any place between two looks
                came.clear()
                heat[0] = 100.0 if heat[0] < 10 else 1.0  # it breaks, it is well again
                began = time.monotonic()
                came.wait(10)
                taken.append(arrived[-1] - began)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    yield Row(
        "perf.alert",
        float(max(taken)),
        "s",
        requirements=("P8",),
        note=f"the longest of {len(taken)}, firing and resolved; the median is {np.median(taken):.2f} s",
    ).judged(value_at_most(1.0))


def jobs(fc: Any, settings: Settings) -> list[Job]:
    if fc is None:
        return []
    return [
        Job("perf.overhead", lambda: overhead(fc, settings)),
        Job("perf.scrape", lambda: scrape(fc, settings)),
        Job("perf.alert", lambda: alert(fc, settings)),
    ]
