"""Symbols that come and go: names, bounds, figures."""

from __future__ import annotations

import fastcore as fc
import numpy as np
import pytest
from samples import (
    T0,
    flat_bars,
    rng_of,
)
from tick_streams import (
    SYMBOLS,
    adds_up,
    ready_engine,
    ticks_of,
    walk_ticks,
)


def test_a_dropped_symbol_is_forgotten_but_its_ticks_are_not() -> None:
    """Its ledger stays in the engine's; the same name begins anew; what was held of it stays whole."""
    engine = fc.Engine({"mean": fc.SMA(2)}, history=3)
    old = engine.symbol("S")
    old.on_tick(T0, 1.0, 1.0)
    old.on_tick(T0 + 1, 3.0, 1.0)
    old.on_tick(T0, -1.0, 1.0)
    ledger = engine.ledger
    row, history = old.row, old.history("mean")
    engine.drop("S")
    assert engine.symbols == []
    assert engine.ledger == ledger
    new = engine.symbol("S")
    assert new is not old
    assert np.isnan(new["mean"])
    assert new.ledger["received"] == 0
    with pytest.raises(fc.UnknownNameError, match="'S' has been dropped"):
        old.on_tick(T0 + 2, 5.0, 1.0)
    assert (row[0], old["mean"], history[1]) == (2.0, 2.0, 2.0)
    assert np.isnan(new["mean"])
    assert fc.Engine.restore(engine.snapshot()).ledger == ledger
    with pytest.raises(fc.UnknownNameError, match="'nope'"):
        engine.drop("nope")


def test_max_symbols_bounds_the_engine() -> None:
    """A symbol too many raises by name, and is counted in a batch; drop makes room."""
    engine = fc.Engine({"last": fc.SMA(1)}, max_symbols=2)
    for name in ("a", "b", "a"):
        engine.symbol(name)
    with pytest.raises(fc.CapacityError, match=r"'c'.*max_symbols is 2"):
        engine.symbol("c")
    rows, codes = engine.on_ticks(
        ticks_of([(T0, 1.0, 1.0, 2), (T0, 2.0, 1.0, 0)]), symbols=["a", "b", "c"], rows="all", outcomes=True
    )
    assert [fc.OUTCOMES[code] for code in codes] == ["rejected", "accepted"]
    assert np.isnan(rows[0]).all()
    assert engine.symbols == ["a", "b"]
    assert adds_up(engine.ledger)
    engine.drop("a")
    assert engine.symbol("c").name == "c"
    restored = fc.Engine.restore(engine.snapshot())
    with pytest.raises(fc.CapacityError):
        restored.symbol("d")


def test_on_bars_with_too_many_symbols_takes_none() -> None:
    """An error leaves the state as it was: nothing was taken, no symbol was made."""
    engine = fc.Engine({"close": fc.SMA(1).on("1m")}, max_symbols=2)
    before = engine.snapshot()
    columns = flat_bars(symbols=3)
    with pytest.raises(fc.CapacityError, match="max_symbols is 2"):
        engine.on_bars("1m", T0, **columns, symbols=["a", "b", "c"])
    assert engine.symbols == []
    assert engine.snapshot() == before


@pytest.mark.parametrize(
    "name", ["", "a" * 10_000, "BTC/USDT:1", "Ωμέγα 🙂", "with\0nul", "spot:BTCUSDT", " "]
)
def test_any_text_is_a_name(name: str) -> None:
    """Through symbol, symbols, batches and snapshots."""
    engine = fc.Engine({"last": fc.SMA(1)})
    engine.on_ticks(ticks_of([(T0, 5.0, 1.0, 0)]), symbols=[name])
    assert engine.symbols == [name]
    assert engine.symbol(name).name == name
    assert fc.Engine.restore(engine.snapshot()).symbol(name)["last"] == 5.0


def test_stats_count_what_there_is() -> None:
    """Symbols, columns, nodes, memory, ledger, and latencies of a sample."""
    engine = ready_engine()
    engine.on_ticks(walk_ticks(rng_of("stats"), 5_000, symbols=3), symbols=SYMBOLS)
    symbol = engine.symbol("x")
    for i in range(1_000):
        symbol.on_tick(T0 + 10**15 + i, 1.0, 1.0)
    stats = engine.stats()
    assert (stats["symbols"], stats["columns"]) == (3, len(engine.columns))
    assert stats["ledger"] == engine.ledger
    sampled = {"on_ticks": 5_000 / stats["latency_sampling"], "on_tick": 1_000 / stats["latency_sampling"]}
    for call, expected in sampled.items():
        latency = stats["latency_ns"][call]
        assert abs(latency["count"] - expected) <= 1
        values = [latency[key] for key in ("p50", "p90", "p95", "p99", "p99.9", "p99.99", "max")]
        assert values == sorted(values)
        assert 0 < latency["mean"] <= latency["max"]
