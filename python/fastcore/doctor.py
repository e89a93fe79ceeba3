"""Is this installation sound? What `fastcore doctor` looks at, as plain findings."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

import fastcore
from fastcore._extras import EXTRAS
from fastcore._machine import clock_step_ns, cpu_name, cpus, version, version_of
from fastcore.ticks import TICK

__all__ = ["Finding", "examine"]

HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
T0 = 1_704_672_000_000_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's: what was looked at, how it is, and what to do about it."""

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    advice: str = ""


def examine() -> list[Finding]:
    """Look at everything; takes well under a second.

    Returns
    -------
    list of Finding
        ``"fail"`` means that fastcore does not work here, ``"warn"`` that something is missing or slow.
    """
    return [*_versions(), *_extras(), *_hardware(), _answers()]


def _versions() -> Iterator[Finding]:
    yield Finding("Python", "ok", f"{platform.python_implementation()} {platform.python_version()}")
    yield Finding("NumPy", "ok", np.__version__)
    yield Finding("fastcore", "ok", f"{version()} in {Path(fastcore.__file__ or '?').parent}")
    yield Finding("native core", "ok", str(fastcore.core_variant()))


def _extras() -> Iterator[Finding]:
    for extra, distributions in EXTRAS.items():
        found = {name: version_of(name) for name in distributions}
        missing = [name for name, text in found.items() if text is None]
        present = ", ".join(f"{name} {text}" for name, text in found.items() if text)
        if missing:
            lacking = f"{'and '.join(missing) if len(missing) < 3 else ', '.join(missing)} not installed"
            detail = f"{present}; {lacking}" if present else lacking
            yield Finding(f"extra {extra}", "warn", detail, f"pip install 'fastcore-ticks[{extra}]'")
        else:
            yield Finding(f"extra {extra}", "ok", present)


def _hardware() -> Iterator[Finding]:
    step = clock_step_ns()
    if step <= 1_000:
        yield Finding("clock", "ok", f"{step} ns between two reads")
    else:
        advice = "latencies below that cannot be told; look at the clocksource of the system"
        yield Finding("clock", "warn", f"{step:,} ns between two reads", advice)
    usable = cpus()
    if usable > 1:
        yield Finding("processors", "ok", f"{usable} usable, {cpu_name()}")
    else:
        yield Finding(
            "processors",
            "warn",
            f"1 usable, {cpu_name()}",
            "ticks and their readers will share it: expect longer tails",
        )
    yield _huge_pages()


def _huge_pages() -> Finding:
    try:
        setting = HUGE_PAGES.read_text()
    except OSError:
        return Finding("huge pages", "ok", "not known on this system; fastcore does not need them")
    chosen = setting[setting.find("[") + 1 : setting.find("]")]
    if chosen == "never":
        advice = f"only engines of many megabytes could gain from them: echo madvise > {HUGE_PAGES}"
        return Finding("huge pages", "ok", "never used", advice)
    return Finding("huge pages", "ok", chosen)


def _answers() -> Finding:
    """Ask the native core something to which the answer is known, by every way in."""
    try:
        wrong = list(_wrong_answers())
    except Exception as error:
        wrong = [f"{type(error).__name__}: {error}"]
    if wrong:
        return Finding(
            "answers",
            "fail",
            "; ".join(wrong),
            "the native core does not fit this machine or this package: install anew",
        )
    return Finding("answers", "ok", "single ticks, batches and the ledger agree with known values")


def _wrong_answers() -> Iterator[str]:
    prices = [1.0, 2.0, 6.0, 9.0, 2.5]
    means = [math.nan, math.nan, 3.0, 17 / 3, 17.5 / 3]
    sma = fastcore.make("SMA", period=3)
    streamed = [sma.update(price) for price in prices]
    if not np.allclose(streamed, means, rtol=1e-15, equal_nan=True):
        yield f"SMA(3) of {prices} gave {streamed}"
    if not np.array_equal(fastcore.make("SMA", period=3).batch(np.array(prices)), streamed, equal_nan=True):
        yield "a batch differs from single updates"
    ticks = np.zeros(6, TICK)
    ticks["ts"] = T0 + np.arange(6)
    ticks["price"] = [*prices, math.nan]
    engine = fastcore.Engine({"mean": fastcore.make("SMA", period=3)}, history=0)
    engine.on_ticks(ticks, symbols=["A"])
    if engine.symbol("A").values()[0] != streamed[-1]:
        yield f"the engine says {engine.symbol('A').values()[0]}, not {streamed[-1]}"
    counts = engine.ledger
    if (counts["received"], counts["accepted"], counts["invalid"]) != (6, 5, 1):
        yield f"the ledger of five good ticks and a NaN is {dict(counts)}"
