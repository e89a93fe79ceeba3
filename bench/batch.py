"""Whole arrays: every indicator over a million rows beside every library that has it.

One row per indicator against its fastest rival, found in the same run; the note lists what every
other library took, including those whose calculation differs and which are therefore no rivals.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import Any

from .harness import Job, Row, Settings, Work, compare, median_ns, ratio_at_least, value_at_most
from .numba_peers import compiled
from .peers import INDICATORS, Array, Bars, Entry, batch_peers, last_value, load, make_bars

Peers = dict[str, dict[str, Entry] | None]

# Recurrences in look-ahead form: half of TA-Lib's time is the aim.
EMA_FAMILY = ("EMA", "RMA", "DEMA", "TEMA", "MACD")


def ours(fc: ModuleType | None, name: str, bars: Bars, **params: int) -> Work | None:
    """Our batch function over the columns it needs."""
    f = getattr(fc, name.lower(), None)
    if f is None:
        return None
    kw, inputs = INDICATORS[name]
    return partial(f, *bars.pick(inputs), **(kw | params))


def _strangers(mine: Work | None, entries: dict[str, Entry]) -> str:
    """Libraries whose newest value is not ours, as a remark: rivals must have done the same work."""
    if mine is None:
        return ""
    ours = last_value(mine(), 0)
    checked = {lib: e for lib, e in entries.items() if not e.differs and not e.remark}
    found = [
        lib
        for lib, e in checked.items()
        if not math.isclose(last_value(e.call(), e.column), ours, rel_tol=1e-6, abs_tol=1e-9)
    ]
    return f"another newest value: {', '.join(found)}" if found else ""


def _indicator(
    fc: ModuleType | None, name: str, bars: Bars, peers: Peers, settings: Settings
) -> Iterator[Row]:
    n = len(bars.close)
    entries = {lib: e[name] for lib, e in peers.items() if e and name in e}
    times = {lib: median_ns(e.call, n, 3) for lib, e in entries.items()}
    rivals = sorted((t, lib) for lib, t in times.items() if not entries[lib].differs)
    missing = [lib for lib, e in peers.items() if e is None]
    best = rivals[0][1] if rivals else ""
    mine = ours(fc, name, bars)
    row = compare(
        f"batch.{name.lower()}",
        mine,
        entries[best].call if best else None,
        best,
        ratio_at_least(1.0),
        ("N1",),
        repeats=settings.repeats,
        n=n,
    )
    others = [f"{lib} {t:.2f}" for t, lib in rivals[1:]]
    aside = [f"{lib} {t:.2f} ({entries[lib].differs})" for lib, t in times.items() if entries[lib].differs]
    yield row.noted(
        entries[best].remark if best else "no peer installed has it",
        _strangers(mine, entries),
        "others: " + ", ".join(others) if others else "",
        "no rivals: " + ", ".join(aside) if aside else "",
        "not installed: " + ", ".join(missing) if missing else "",
    )
    if name in EMA_FAMILY and "TA-Lib" in entries:
        yield compare(
            f"batch.lookahead.{name.lower()}",
            mine,
            entries["TA-Lib"].call,
            "TA-Lib",
            ratio_at_least(2.0),
            ("N1",),
            repeats=settings.repeats,
            n=n,
            note="look-ahead form: half of TA-Lib's time is the aim",
        )


def _extremes(fc: ModuleType | None, bars: Bars, settings: Settings) -> Iterator[Row]:
    """A long window, where a rescan shows; TA-Lib's two fastest functions stand against our three outputs."""
    t = load("talib")

    def theirs() -> tuple[Array, ...]:
        upper, lower = t.MAX(bars.high, 100), t.MIN(bars.low, 100)  # type: ignore[union-attr]
        return upper, (upper + lower) / 2, lower

    yield compare(
        "batch.donchian_100",
        ours(fc, "DONCHIAN", bars, period=100),
        theirs if t else None,
        "TA-Lib composed",
        ratio_at_least(1.0),
        ("N1",),
        repeats=settings.repeats,
        n=len(bars.close),
        note="MAX, MIN and two NumPy passes",
    )


def _numba(fc: ModuleType | None, name: str, fastmath: bool, bars: Bars, settings: Settings) -> Iterator[Row]:
    module = load("numba")
    theirs: Callable[[], Any] | None = None
    if module:
        f, period = compiled(module, fastmath)[name]
        theirs = partial(f, bars.close, period)
    label = "Numba fastmath" if fastmath else "Numba"
    yield compare(
        f"batch.numba.{name.lower()}{'.fastmath' if fastmath else ''}",
        ours(fc, name, bars),
        theirs,
        label,
        # With fastmath its bits change with the compiler: shown, not aimed at.
        None if fastmath else ratio_at_least(1.0),
        ("N2",),
        repeats=settings.repeats,
        n=len(bars.close),
    )


def _thousand(fc: ModuleType | None, name: str, bars: Bars, settings: Settings) -> Iterator[Row]:
    """1,000 points in one call: mostly the price of the call itself."""
    short = Bars(*(x[:1000].copy() for x in (bars.high, bars.low, bars.close, bars.volume)))
    entry = (batch_peers(short)["TA-Lib"] or {}).get(name)
    calls = settings.count(1000)

    def many(work: Work | None) -> Work | None:
        if work is None:
            return None

        def run() -> None:
            for _ in range(calls):
                work()

        return run

    row = compare(
        f"batch.thousand.{name.lower()}",
        many(ours(fc, name, short)),
        many(entry.call if entry else None),
        "TA-Lib",
        value_at_most(20_000.0),
        ("N7",),
        repeats=settings.repeats,
        n=calls,
    )
    us = replace(
        row,
        unit="µs",
        value=None if row.value is None else row.value / 1000,
        peer_value=None if row.peer_value is None else row.peer_value / 1000,
    )
    yield us.judged(value_at_most(20.0))


def jobs(fc: ModuleType | None, settings: Settings) -> list[Job]:
    bars = make_bars(settings.count(1_000_000))
    peers = batch_peers(bars)
    # One call takes a few milliseconds: more pairs cost nothing and steady the ratio.
    often = replace(settings, runs=3 * settings.repeats)
    made = [Job(f"batch.{n.lower()}", partial(_indicator, fc, n, bars, peers, often)) for n in INDICATORS]
    made.append(Job("batch.donchian_100", partial(_extremes, fc, bars, often)))
    for n in ("SMA", "EMA", "RSI", "STDDEV"):
        for fast in (False, True):
            made.append(Job(f"batch.numba.{n.lower()}", partial(_numba, fc, n, fast, bars, often)))
    made += [
        Job(f"batch.thousand.{n.lower()}", partial(_thousand, fc, n, bars, settings))
        for n in ("SMA", "RSI", "MACD", "BBANDS", "CCI", "ADX")
    ]
    return made
