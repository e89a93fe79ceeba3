"""Plans in the engine: what is asked for twice is computed once, and gives the bits of its parts."""

from __future__ import annotations

import threading

import fastcore as fc
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import (
    MINUTE,
    ROWS,
    T0,
    Array,
    assert_same_bits,
    batch,
    make,
    rng_of,
    scaled,
    walk_bars,
)
from tick_streams import (
    PLAN,
    SYMBOLS,
    WINDOWS,
    ready_engine,
    walk_ticks,
)


def nodes(plan: dict[str, fc.Indicator]) -> int:
    """How many nodes run for a plan."""
    count: int = fc.Engine(plan).stats()["nodes"]
    return count


def test_equal_nodes_are_one() -> None:
    """Same indicator, parameters, clock and input: computed once, shown under each name, whatever order."""
    assert nodes({"a": fc.RSI(5), "b": fc.RSI(5), "c": fc.RSI(5)}) == nodes({"a": fc.RSI(5)})
    assert nodes({"a": fc.RSI(5).on("1m"), "b": fc.RSI(5).on("60s")}) == nodes({"a": fc.RSI(5)})
    assert nodes({"a": fc.RSI(5), "b": fc.RSI(6)}) == 2 * nodes({"a": fc.RSI(5)})
    assert nodes({"a": fc.RSI(5), "b": fc.RSI(5).on("1m")}) == 2 * nodes({"a": fc.RSI(5)})
    chained = {
        "x": fc.EMA(2).of("a"),
        "a": fc.RSI(5),
        "b": fc.RSI(5),
        "y": fc.EMA(2).of("b"),
        "z": fc.MACD(2, 4, 2),
    }
    assert nodes(chained) == 3
    symbol = fc.Engine(chained).symbol("S")
    for i, tick in enumerate(walk_ticks(rng_of("merged"), 60)):
        symbol.on_tick(T0 + i, float(tick["price"]), 1.0)
        assert_same_bits([symbol["a"], symbol["x"]], [symbol["b"], symbol["y"]], "twins")
    assert not np.isnan(symbol.values()).any()


@pytest.mark.parametrize("order", [1, -1])
def test_shared_windows_give_the_bits_of_separate_ones(order: int) -> None:
    """Through bad prices, huge spikes and constants; and sharing them saves work."""
    ticks = walk_ticks(rng_of("shared"), 500)
    ticks["price"][[100, 107]] = (1e17, 1e300)
    ticks["price"][300:360] = 61_234.56
    plan = dict(list(WINDOWS.items())[::order])
    together = fc.Engine(plan)
    rows = together.on_ticks(ticks, symbols=["S"], rows="all")
    for name, indicator in plan.items():
        alone = fc.Engine({name: indicator})
        at = [together.columns.index(column) for column in alone.columns]
        assert_same_bits(rows[:, at], alone.on_ticks(ticks, symbols=["S"], rows="all"), f"{name} shared")
    assert nodes(plan) < sum(nodes({name: one}) for name, one in plan.items())


# What shares windows with each other, in few periods so that many do; and what does not.
SHARING = ("SMA", "STDDEV", "BBANDS", "ZSCORE", "WMA", "LINEARREG", "EMA", "MOM", "DONCHIAN")


@st.composite
def plans(draw: st.DrawFn) -> dict[str, fc.Indicator]:
    """A plan of up to nine nodes, each on prices or on columns of others, written down in any order."""
    plan: dict[str, fc.Indicator] = {}
    columns: list[str] = []
    for k in range(draw(st.integers(1, 9))):
        name = draw(st.sampled_from(SHARING))
        node = make(name, {"period": draw(st.sampled_from((2, 3, 8, 9)))})
        if columns and draw(st.booleans()):
            node = node.of(*(draw(st.sampled_from(columns)) for _ in ROWS[name]["inputs"]))
        plan[f"n{k}"] = node
        outputs = [output["name"] for output in ROWS[name]["outputs"]]
        columns += [f"n{k}"] if len(outputs) == 1 else [f"n{k}.{output}" for output in outputs]
    return {key: plan[key] for key in draw(st.permutations(sorted(plan)))}


def by_hand(plan: dict[str, fc.Indicator], prices: Array) -> dict[str, Array]:
    """Every column of a plan by batches over the columns above it."""
    known: dict[str, Array] = {}
    for key in sorted(plan):  # parents have smaller numbers
        name = type(plan[key]).__name__
        parents = [known[column] for column in plan[key].parents] or [prices] * len(ROWS[name]["inputs"])
        results = batch(plan[key].copy(), parents)
        outputs = [output["name"] for output in ROWS[name]["outputs"]]
        for output, result in zip(outputs, results, strict=True):
            known[key if len(outputs) == 1 else f"{key}.{output}"] = result
    return known


@settings(max_examples=scaled(150, 3_000))
@given(plans(), st.integers(0, 2**32 - 1), st.booleans())
def test_any_plan_gives_the_bits_of_its_parts(
    plan: dict[str, fc.Indicator], seed: int, on_bars: bool
) -> None:
    """However nodes are merged, windows shared, levels stacked and names ordered; on ticks and on bars."""
    prices = walk_bars(rng_of("plans", seed), 70, 100.0)[3]
    prices[seed % 70] *= 1e15 if seed % 3 == 0 else 1.0
    expected = by_hand(plan, prices)
    if on_bars:
        plan = {key: one if one.parents else one.on("1m") for key, one in plan.items()}
    engine = fc.Engine(plan, rows="copy")
    symbol = engine.symbol("S")
    rows = [
        symbol.on_bar("1m", T0 + i * MINUTE, x, x, x, x) if on_bars else symbol.on_tick(T0 + i, x, 0.0)
        for i, x in enumerate(prices.tolist())
    ]
    for column, values in zip(engine.columns, np.array(rows).T, strict=True):
        assert_same_bits(values, expected[column], f"{column} of {plan}")


def test_symbols_do_not_touch_each_other() -> None:
    """Three symbols mixed in one engine are three engines of one."""
    ticks = walk_ticks(rng_of("several"), 600, symbols=3)
    mixed = ready_engine()
    rows = mixed.on_ticks(ticks, symbols=SYMBOLS, rows="all")
    for k, name in enumerate(SYMBOLS):
        own = ticks["symbol"] == k
        alone = fc.Engine(PLAN)
        assert_same_bits(rows[own], alone.on_ticks(ticks[own], symbols=SYMBOLS, rows="all"), name)
        assert mixed.symbol(name).ledger == alone.symbol(name).ledger


def test_a_chain_runs_on_the_clock_above_it_whatever_the_order_of_the_plan() -> None:
    """Grandchildren first; several outputs by their dotted names."""
    plan = {
        "grandchild": fc.SMA(2).of("child"),
        "child": fc.EMA(3).of("macd.signal"),
        "macd": fc.MACD(2, 4, 3).on("1m"),
        "spread": fc.DONCHIAN(2).of("macd.macd", "macd.signal"),
    }
    engine = fc.Engine(plan)
    assert engine.columns == [
        *("grandchild", "child", "macd.macd", "macd.signal", "macd.hist"),
        *("spread.upper", "spread.middle", "spread.lower"),
    ]
    close = walk_bars(rng_of("chain"), 80, 100.0)[3]
    symbol = engine.symbol("S")
    rows = np.array(
        [[*symbol.on_bar("1m", T0 + i * MINUTE, x, x, x, x)] for i, x in enumerate(close.tolist())]
    )
    macd = fc.macd(close, 2, 4, 3)
    child = fc.ema(macd.signal, 3)
    assert_same_bits(rows[:, 0], fc.sma(child, 2), "grandchild")
    assert_same_bits(rows[:, 1], child, "child")
    assert_same_bits(rows[:, 5:].T, np.stack(fc.donchian(macd.macd, macd.signal, 2)), "spread")
    before = symbol.values()
    symbol.on_tick(T0 + 80 * MINUTE, 1.0, 1.0)
    assert_same_bits(symbol.values(), before, "a tick does not run what is on bars")


@pytest.mark.parametrize("silent", [500, 1_000])
def test_a_node_that_has_no_values_yet_holds_up_no_other(silent: int) -> None:
    """VWAP has no value without volume: what is chained to it waits, and the rest goes on."""
    ticks = walk_ticks(rng_of("silent"), 1_000)
    ticks["size"] = np.where(np.arange(1_000) < silent, 0.0, 2.0)
    plan: dict[str, fc.Indicator] = {
        "first": fc.EMA(3).of("vwap"),
        "vwap": fc.VWAP(5),
        "fast": fc.EMA(4),
        "slow": fc.RSI(50),
    }
    engine = fc.Engine(plan)
    early: Array = engine.on_ticks(ticks[:400], symbols=["S"], rows="all")
    later: Array = fc.Engine.restore(engine.snapshot()).on_ticks(ticks[400:], symbols=["S"], rows="all")
    rows = np.concatenate([early, later])
    prices = ticks["price"].copy()
    vwap = fc.vwap(prices, prices, prices, ticks["size"].copy(), period=5)
    expected = [fc.ema(vwap, period=3), vwap, fc.ema(prices, period=4), fc.rsi(prices, period=50)]
    for k, column in enumerate(expected):
        assert_same_bits(rows[:, k], column, engine.columns[k])
    assert np.isfinite(rows[-1]).tolist() == [silent < 1_000, silent < 1_000, True, True]


def test_a_chain_may_be_long_and_written_from_its_end() -> None:
    """Twenty thousand deep, in a thread with a small stack: same columns, same bits, restored as well."""
    links = 20_000
    plan = {"x0": fc.EMA(2)} | {f"x{i}": fc.EMA(2).of(f"x{i - 1}") for i in range(1, links)}
    outcome: list[bool] = []

    def work() -> None:
        forwards, backwards = fc.Engine(plan), fc.Engine(dict(reversed(plan.items())))
        restored = fc.Engine.restore(backwards.snapshot())
        for engine in (forwards, backwards, restored):
            for i in range(4):
                engine.symbol("S").on_tick(T0 + i, 100.0 + i * i)
        bits = {
            name: [engine.symbol("S")[name] for engine in (forwards, backwards, restored)]
            for name in ("x0", "x1", "x2")
        }
        outcome.append(all(one == two == three for one, two, three in bits.values()))
        with pytest.raises(fc.PlanError, match=r"cycle: x1 -> x0 -> .* -> \.\.\. -> .* -> x2 -> x1") as error:
            fc.Engine({"x1": plan["x1"], **plan, "x0": fc.EMA(2).of(f"x{links - 1}")})
        outcome.append(len(str(error.value)) < 300)

    before = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=work)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert outcome == [True, True]
