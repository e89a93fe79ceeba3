"""All ways by which ticks come to an engine, with every kind of bar, under any policy: the same bits."""

from __future__ import annotations

import tempfile
from typing import Any

import fastcore as fc
import numpy as np
from golden_outputs import BARS
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import MINUTE, SECOND, T0, bits, scaled
from tick_streams import Ticks, adds_up

NAMES = ["A", "B"]
DAYS = {"day": fc.Calendar("Europe/London", "08:00", "16:30", years=(2023, 2024))}
PLAN = {
    "ema": fc.EMA(3),
    **{f"atr{i}": fc.ATR(2).on(spec) for i, spec in enumerate(BARS)},
    "chain": fc.SMA(2).of("atr4"),
}

policies = st.builds(
    fc.Policy,
    order=st.sampled_from(("drop", "reject", "accept", "buffer", "revise")),
    invalid=st.sampled_from(("drop", "clamp")),
    duplicates=st.sampled_from(("keep", "id", "value")),
    jumps=st.sampled_from((None, 4.0)),
    lateness=st.sampled_from((0, 3 * SECOND, "1m")),
    buffer_size=st.sampled_from((2, 30)),
    duplicate_window=st.sampled_from((1, 16)),
    jump_window=st.just(4),
    sequence=st.sampled_from(("none", "id")),
    silence=st.sampled_from((None, "20s")),
    fill=st.sampled_from(("none", "flat")),
    ahead=st.sampled_from((None, "30s", 5 * MINUTE)),
    large_trades=st.sampled_from(("whole", "split")),
    revise_bars=st.integers(1, 6),
)


@st.composite
def streams(draw: st.DrawFn) -> list[tuple[Ticks, tuple[str, Any] | None]]:
    """Batches of ticks, some late, repeated or impossible; between them what time it is, and gaps."""
    parts: list[tuple[Ticks, tuple[str, Any] | None]] = []
    ts = T0
    for _ in range(draw(st.integers(1, 5))):
        rows = draw(
            st.lists(
                st.tuples(
                    st.sampled_from(
                        (0, 0, 1, SECOND, 7 * SECOND, 70 * SECOND, 400 * SECOND, -2 * SECOND, -90 * SECOND)
                    ),
                    st.sampled_from((-1.0, np.nan, *(100 + k / 8 for k in range(9)), 140.0)),
                    st.sampled_from((0.0, 1.0, 3.0, 70.0)),
                    st.integers(0, 12),
                    st.integers(-1, 1),
                    st.integers(0, 1),
                ),
                max_size=25,
            )
        )
        ticks = np.zeros(len(rows), fc.TICK)
        for tick, (wait, price, size, id, side, symbol) in zip(ticks, rows, strict=True):
            ts = max(ts + wait, T0)
            for field, value in (("ts", ts), ("price", price), ("size", size), ("id", id), ("side", side)):
                tick[field] = value
            tick["symbol"] = symbol
        event = draw(
            st.one_of(
                st.none(),
                st.tuples(st.just("on_time"), st.integers(ts, ts + 3 * MINUTE)),
                st.tuples(st.just("on_gap"), st.sampled_from(tuple(fc.GAPS))),
            )
        )
        parts.append((ticks, event))
    return parts


def made(policy: fc.Policy, **options: Any) -> fc.Engine:
    """An engine whose symbols are there, in one order."""
    engine = fc.Engine(PLAN, history=60, policy=policy, calendars=DAYS, **options)
    for name in NAMES:
        engine.symbol(name)
    return engine


def one_by_one(engine: fc.Engine, ticks: Ticks) -> None:
    """By `on_tick`; what raises has been counted."""
    for tick in ticks:
        symbol = engine.symbol(NAMES[tick["symbol"]])
        ts, price, size, id, _, side = tick.item()
        try:
            symbol.on_tick(ts, price, size, side, id)
        except fc.TickError:
            assert symbol.outcome == "rejected"


def tell(engine: fc.Engine, event: tuple[str, Any] | None) -> None:
    if event is not None:
        getattr(engine, event[0])(event[1])


def shown(engine: fc.Engine, history: bool = True) -> dict[str, Any]:
    """All that there is to see of the symbols; without history, what a journal brings back."""
    found: dict[str, Any] = {"ledger": engine.ledger}
    for name in NAMES:
        symbol = engine.symbol(name)
        assert adds_up(symbol.ledger)
        for what in ("ledger", "outcome", "last_ts", "gaps", "gap", "ready"):
            found[f"{name} {what}"] = getattr(symbol, what)
        found[f"{name} row"] = bits(symbol.row).tobytes()
        for i, spec in enumerate(BARS):
            found[f"{name} forming {spec}"] = symbol.forming(spec).tobytes()
            if history:
                found[f"{name} bars {spec}"] = symbol.bars(spec).tobytes()
                found[f"{name} history {spec}"] = bits(symbol.history(f"atr{i}")).tobytes()
        if history:
            found[f"{name} history"] = bits(symbol.history("ema")).tobytes()
    return found


def differences(one: fc.Engine, other: fc.Engine, history: bool = True) -> list[str]:
    """What is not the same to the bit."""
    here, there = shown(one, history), shown(other, history)
    return [what for what in here if here[what] != there[what]]


@settings(max_examples=scaled(12, 1_000))
@given(streams(), policies, st.lists(st.booleans(), min_size=5, max_size=5), st.integers(1, 9))
def test_every_way_to_the_same_ticks_leaves_the_same_bits(
    stream: list[tuple[Ticks, tuple[str, Any] | None]], policy: fc.Policy, restored: list[bool], size: int
) -> None:
    """One by one, in batches, restored in between, and from a journal: rows, bars, ledgers, bytes."""
    single, batched, again = made(policy), made(policy), made(policy)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        with fc.Journal(folder, fsync="os", segment_bytes=65_536) as journal:
            written = made(policy, journal=journal)
            for (ticks, event), restore in zip(stream, restored, strict=False):
                one_by_one(single, ticks)
                for at in range(0, len(ticks), size):
                    batched.on_ticks(ticks[at : at + size], symbols=NAMES)
                for engine in (written, again):
                    engine.on_ticks(ticks, symbols=NAMES)
                for engine in (single, batched, written, again):
                    tell(engine, event)
                if restore:
                    again = fc.Engine.restore(again.snapshot(history=True), calendars=DAYS)
            for engine in (batched, written, again):
                assert differences(single, engine) == []
        recovered = fc.Engine.recover(folder)
        with recovered.journal:  # which else still makes files while the folder is removed
            assert differences(single, recovered, history=False) == []
            for engine in (single, batched, again, recovered):
                engine.flush()
            for engine in (single, batched, again):
                engine.sequence = recovered.sequence
            whole = single.snapshot()
            assert [engine.snapshot() == whole for engine in (batched, again, recovered)] == [True] * 3
