"""Bars that ticks close by number, size, value or price, against their definitions and on real ticks."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import bar_references as reference
import fastcore as fc
import numpy as np
import pytest
from bar_streams import (
    PRICES,
    DataFile,
    assert_bars,
    assert_conserved,
    assert_sound,
    bar_symbol,
    grid_ticks,
    real_sets,
)
from hypothesis import given
from hypothesis import strategies as st
from samples import MINUTE, T0, rng_of, scaled
from tick_streams import Ticks

# A grid on which all prices of a set lie.
GRIDS = {"ES": 0.25, "EURUSD": 5e-6, "NZDUSD": 5e-6}


def grid_of(name: str) -> float:
    """The grid of a set; mids of quotes lie between two prices, too."""
    return GRIDS.get(name, 0.005 if name.startswith("quotes") else 0.01)


def steps_of(ticks: Ticks, grid: float) -> list[int]:
    """Prices as whole numbers of steps."""
    steps = np.rint(ticks["price"] / grid).astype(np.int64)
    assert np.allclose(steps * grid, ticks["price"], rtol=1e-12)
    return steps.tolist()  # type: ignore[no-any-return]


def check_labelled(ticks: Ticks, wanted: dict[str, Any], what: str) -> None:
    """Bars of each spec against those of its labels; nothing is lost between them."""
    symbol = bar_symbol(tuple(wanted), ticks)
    for spec, labels in wanted.items():
        expected = reference.bars_of(ticks, labels)
        ours = symbol.bars(spec)
        forming = symbol.forming(spec).reshape(1)
        both = np.concatenate([ours, forming]) if forming["count"][0] else ours
        assert_bars(both, expected, f"{what}: {spec}")
        assert_sound(both, f"{what}: {spec}")
        assert_conserved(symbol, spec, ticks, f"{what}: {spec}")


def check_kinds(ticks: Ticks, grid: float, what: str) -> None:
    """Tick, volume, value and range bars of a stream, some large, some of a few ticks."""
    sizes, values = ticks["size"].tolist(), (ticks["price"] * ticks["size"]).tolist()
    wanted = {f"{n}tick": reference.count_labels(len(ticks), n) for n in (1, 7, 1000)}
    if sum(sizes) > 0:
        for share in (20, 1000):
            volume, value = sum(sizes) / share, sum(values) / share
            wanted[f"{volume!r}vol"] = reference.amount_labels(sizes, volume)
            wanted[f"{value!r}value"] = reference.amount_labels(values, value)
    steps = steps_of(ticks, grid)
    for reach in (3, 40):
        wanted[f"range:{reach * grid!r}"] = reference.range_labels(steps, reach)
    check_labelled(ticks, wanted, what)


@pytest.mark.parametrize("draw", range(3))
def test_bars_are_what_their_definitions_say(draw: int) -> None:
    """Walks on a grid of 0.01, with jumps, equal times and sides."""
    check_kinds(grid_ticks(rng_of("bars", draw), scaled(3_000, 30_000)), 0.01, f"walk {draw}")


def test_bars_of_real_ticks_are_what_their_definitions_say(data_file: DataFile) -> None:
    """Futures, currencies and six instruments of one venue."""
    for name, ticks in real_sets(data_file, scaled(20_000, 1_000_000)).items():
        check_kinds(ticks, grid_of(name), name)


# ------------------------------------------------------------------------------------------------- renko
def check_renko(ticks: Ticks, grid: float, brick: int, what: str) -> None:
    """Bricks by whole numbers; the first of several that one tick makes has all that came before."""
    spec = f"renko:{brick * grid!r}"
    bricks = reference.renko_bricks(steps_of(ticks, grid), brick)
    edges = np.array([(begin, end) for begin, end, _ in bricks], np.int64).reshape(-1, 2)
    symbol = bar_symbol([spec], ticks, history=max(len(bricks), 1))
    bars = symbol.bars(spec)
    assert len(bars) == len(bricks), what
    # An edge is a whole number of bricks, times the brick.
    prices = edges // brick * (brick * grid)
    expected = {
        "open": prices[:, 0],
        "close": prices[:, 1],
        "high": prices.max(axis=1),
        "low": prices.min(axis=1),
    }
    for field in PRICES:
        assert np.array_equal(bars[field], expected[field]), f"{what}: {field}"
    ends = np.array([tick for _, _, tick in bricks], np.int64)
    assert np.array_equal(np.cumsum(bars["count"]), ends + 1), f"{what}: count"
    volume = np.concatenate([[0.0], np.cumsum(ticks["size"])])
    assert np.allclose(np.cumsum(bars["volume"]), volume[ends + 1]), f"{what}: volume"
    assert np.array_equal(bars["last_ts"], ticks["ts"][ends]), f"{what}: last_ts"
    assert_conserved(symbol, spec, ticks, what)


@pytest.mark.parametrize("brick", [1, 5, 30])
def test_renko_bricks_are_what_their_definition_says(brick: int) -> None:
    """One for each multiple that the price reaches, a turn after two; jumps make several."""
    check_renko(grid_ticks(rng_of("renko", brick), 3_000), 0.01, brick, f"bricks of {brick}")


def test_renko_bricks_of_real_ticks(data_file: DataFile) -> None:
    """On whole multiples of the brick, wherever the stream begins."""
    for name, ticks in real_sets(data_file, scaled(20_000, 1_000_000)).items():
        check_renko(ticks, grid_of(name), 4 if name in GRIDS else 500, name)


def test_a_jump_over_very_many_bricks_makes_the_last_thousand() -> None:
    """No tick takes for ever, also where bricks are smaller than the prices' own rounding."""
    ticks = np.zeros(4, fc.TICK)
    ticks["ts"] = T0 + np.arange(4)
    ticks["price"] = [1.0, 1e6, 1e300, 1.0]
    ticks["size"] = 1.0
    symbol = bar_symbol(["renko:0.5", "renko:1e-9"], ticks, history=3_000)
    bars = symbol.bars("renko:0.5")
    assert len(bars) == 2_000
    assert (bars["close"][999], bars["close"][-1]) == (1e6, 1.0)
    assert bars["count"].sum() == 4
    assert np.isfinite(symbol.bars("renko:1e-9")["close"]).all()


# ------------------------------------------------------------------------------------- trades that are split
SPLIT = fc.Policy(large_trades="split")


@pytest.mark.parametrize("threshold", [1, 7, 50, 1000])
def test_split_volume_bars_are_those_of_trades_of_size_one(threshold: int) -> None:
    """Whole sizes, cut into units: every bar has exactly the threshold."""
    ticks = grid_ticks(rng_of("split", threshold), 2_000)
    expected = reference.split_volume_bars(ticks, threshold)
    symbol = bar_symbol([f"{threshold}vol"], ticks, SPLIT, history=len(expected) + 1)
    bars = symbol.bars(f"{threshold}vol")
    assert (bars["volume"] == threshold).all()
    whole = expected[: len(bars)]
    for field in ("ts", *PRICES, "volume", "count", "first_ts", "last_ts", "buy_volume", "sell_volume"):
        assert np.array_equal(bars[field], whole[field]), field
    assert np.allclose(bars["value"], whole["value"], rtol=1e-12)
    assert np.allclose(bars["vwap"], whole["vwap"], rtol=1e-12)
    assert len(expected) - len(bars) == (1 if symbol.forming(f"{threshold}vol")["volume"] else 0)
    assert_conserved(symbol, f"{threshold}vol", ticks, "split")


def test_split_bars_of_real_trades_lose_nothing(data_file: DataFile) -> None:
    """Every bar has the threshold; their number is that of exact fractions."""
    for name, ticks in real_sets(data_file, scaled(10_000, 300_000)).items():
        for measure, amounts in (("vol", ticks["size"]), ("value", ticks["price"] * ticks["size"])):
            total = sum(map(Fraction, amounts.tolist()), Fraction(0))
            if total == 0:
                continue
            threshold = float(total / Fraction(5003, 10))
            spec = f"{threshold!r}{measure}"
            symbol = bar_symbol([spec], ticks, SPLIT, history=600)
            bars = symbol.bars(spec)
            assert len(bars) == 500, f"{name}: {spec}"
            assert (bars["volume" if measure == "vol" else "value"] == threshold).all(), f"{name}: {spec}"
            assert_conserved(symbol, spec, ticks, f"{name}: {spec}")
            assert_sound(bars, f"{name}: {spec}")


def test_a_trade_larger_than_a_thousand_bars_is_not_split_further() -> None:
    """A thousand bars of the threshold and one with all the rest."""
    ticks = np.zeros(2, fc.TICK)
    ticks["ts"], ticks["price"], ticks["size"] = T0, 5.0, [3.0, 1e9]
    symbol = bar_symbol(["10vol"], ticks, SPLIT, history=2_000)
    volumes = symbol.bars("10vol")["volume"]
    assert len(volumes) == 1001
    assert (volumes[:-1] == 10.0).all()
    assert volumes.sum() == 1e9 + 3.0


# ----------------------------------------------------------------------------------- imbalance and runs
@pytest.mark.parametrize("runs", [False, True], ids=["imbalance", "runs"])
@pytest.mark.parametrize("measure", ["tick", "vol", "value"])
def test_imbalance_and_runs_bars_are_what_their_definition_says(measure: str, runs: bool) -> None:
    """Thresholds that are fixed and such that follow averages; half of the ticks have no side."""
    ticks = grid_ticks(rng_of("flow", measure, runs), scaled(4_000, 40_000))
    mean = float(reference.flow_amounts(ticks, measure).mean())
    kind = "runs" if runs else "imbalance"
    wanted = {
        f"{measure}_{kind}:{n * mean!r}": reference.flow_labels(ticks, measure, runs, n * mean)
        for n in (5, 40)
    }
    for expected, memory in ((20, 3), (100, 20)):
        labels = reference.adaptive_labels(ticks, measure, runs, expected, memory)
        assert labels[-1] > 5
        wanted[f"{measure}_{kind}:adaptive:{expected}:{memory}"] = labels
    check_labelled(ticks, wanted, kind)


def test_imbalance_and_runs_bars_of_real_ticks(data_file: DataFile) -> None:
    """Binance says who took; ES and the currencies do not, so the price's last change does."""
    for name, ticks in real_sets(data_file, scaled(10_000, 200_000)).items():
        wanted = {}
        for kind, runs in (("imbalance", False), ("runs", True)):
            wanted[f"tick_{kind}:30"] = reference.flow_labels(ticks, "tick", runs, 30)
            wanted[f"tick_{kind}:adaptive:50"] = reference.adaptive_labels(ticks, "tick", runs, 50, 20)
            if ticks["size"].sum() > 0:
                half = float(ticks["size"].mean()) * 60
                wanted[f"vol_{kind}:{half!r}"] = reference.flow_labels(ticks, "vol", runs, half)
        check_labelled(ticks, wanted, name)


def test_adaptive_bars_neither_shrink_to_single_ticks_nor_grow_for_ever() -> None:
    """A market that only rises, then one that does not move, then one that turns at every tick."""
    rows = 6_000
    ticks = np.zeros(rows, fc.TICK)
    ticks["ts"] = T0 + np.arange(rows)
    third = rows // 3
    turns = np.arange(third) % 2
    ticks["price"] = np.concatenate([100 + np.arange(third), np.full(third, 100.0), 100 + turns])
    ticks["size"] = 1.0
    for spec in ("tick_imbalance:adaptive:50", "tick_runs:adaptive:50"):
        counts = bar_symbol([spec], ticks).bars(spec)["count"]
        assert counts.max() <= 500
        assert counts.min() >= 2
        assert 10 < len(counts) < 600


# ------------------------------------------------------------------------------------ specs and properties
def test_all_ways_of_writing_a_spec_are_one_clock() -> None:
    """Whatever the unit or the form of the number."""
    ticks = grid_ticks(rng_of("ways"), 300)
    for ways in (("60s", "1m"), ("1e3value", "1000value", "1000.0value"), ("range:5e-1", "range:0.5")):
        engine = fc.Engine({f"a{i}": fc.SMA(1).on(way) for i, way in enumerate(ways)}, history=300)
        engine.on_ticks(ticks, symbols=["S"])
        alone = fc.Engine({"a": fc.SMA(1).on(ways[0])})
        assert engine.stats()["nodes"] == alone.stats()["nodes"], ways
        for way in ways:
            assert_bars(engine.symbol("S").bars(way), engine.symbol("S").bars(ways[0]), way)


WRONG = {
    "": "ticks",
    "5": "is none",
    "5x": "is none",
    "0m": "is none",
    "-5m": "is none",
    "1.5m": "is none",
    "tick": "is none",
    "0tick": "whole number of ticks above 0, not 0",
    "1.5tick": "whole number of ticks above 0, not 1.5",
    "-3tick": "above 0, not -3",
    "0vol": "threshold above 0, not 0",
    "-1vol": "threshold above 0, not -1",
    "infvol": "is none",
    "nanvalue": "is none",
    "range:": "no number behind its colon",
    "range:0": "threshold above 0, not 0",
    "range:-2": "threshold above 0, not -2",
    "range:x": "no number behind its colon",
    "range:1e999": "no number behind its colon",
    "renko:0": "threshold above 0",
    "renko": "is none",
    "tick_imbalance:0": "threshold above 0",
    "tick_imbalance:adaptive:0": "whole number of ticks expected above 0, not 0",
    "tick_imbalance:adaptive:5:0": "whole number of bars to average over above 0, not 0",
    "tick_runs:adaptive:x": "no number behind its colon",
    "size_runs:5": "is none",
    "1h@": "nothing behind its '@'",
    "1h@+2h": "an origin that is not less than its span",
    "1h@ x": "without a time zone",
    "heikin_ashi": "is made from other bars",
    "10bar": "is made from other bars",
    "range:5 from 1m": "is made from ticks, not from bars",
    "5m from": "is none",
    "5m from x": "'x' is none",
    "5m from 7m": "do not begin and end where those of '7m' do",
    "7m from 5m": "do not begin and end where those of '5m' do",
    "5m@+1m from 1h": "do not begin and end where those of '1h' do",
}


@pytest.mark.parametrize("spec", [spec for spec in WRONG if spec])
def test_a_bar_spec_that_is_none_is_refused_with_the_forms_that_there_are(spec: str) -> None:
    """Where the plan is made, with the text, what is wrong with it, and what would be right."""
    with pytest.raises(fc.PlanError) as caught:
        fc.Engine({"a": fc.SMA(1).on(spec)})
    assert repr(spec.rpartition(" from ")[2] if "from x" in spec else spec) in str(caught.value)
    assert WRONG[spec] in str(caught.value)


def test_only_bars_of_a_span_of_time_may_be_made_elsewhere() -> None:
    """What closes by its ticks cannot be handed in."""
    engine = fc.Engine({"a": fc.SMA(1).on("10tick")})
    with pytest.raises(fc.InputError, match="only bars of a span of time"):
        engine.symbol("S").on_bar("10tick", T0, 1.0, 1.0, 1.0, 1.0)
    with pytest.raises(fc.InputError, match="only bars of a span of time"):
        engine.on_bars("10tick", T0, open=[1.0], high=[1.0], low=[1.0], close=[1.0], symbols=["S"])


KINDS = (
    "1m",
    "7s@+3s",
    "3tick",
    "25vol",
    "2e3value",
    "range:0.05",
    "renko:0.03",
    "tick_imbalance:4",
    "vol_imbalance:adaptive:5:3",
    "value_runs:1e3",
    "tick_runs:adaptive:4:5",
    "5m from 1m",
    "10bar from 3tick",
    "60vol from 25vol",
    "heikin_ashi from 1m",
    "heikin_ashi from 5m from 1m",
)


def kinds_engine(policy: fc.Policy | None) -> fc.Engine:
    """Every kind of bar."""
    plan = {f"atr{i}": fc.ATR(2).on(kind) for i, kind in enumerate(KINDS)}
    engine = fc.Engine(plan, history=50, policy=policy)
    engine.symbol("S")
    return engine


def shown(engine: fc.Engine) -> list[Any]:
    """All that a symbol shows of its bars."""
    symbol = engine.symbol("S")
    rows = np.array(symbol.values()).tobytes()
    return [rows, symbol.ledger, symbol.gaps, symbol.gap, symbol.ready] + [
        (symbol.bars(kind).tobytes(), symbol.forming(kind).tobytes()) for kind in KINDS
    ]


events = st.one_of(
    st.tuples(
        st.just("tick"),
        st.sampled_from((0, 0, 1, 10**9, 20 * 10**9, 200 * 10**9, -(10**9))),
        st.integers(1, 400),
        st.integers(0, 200),
        st.integers(-1, 1),
        st.integers(0, 2),
    ),
    st.tuples(st.just("time"), st.integers(0, 3 * MINUTE)),
    st.tuples(st.just("gap"), st.sampled_from(tuple(fc.GAPS))),
)


def feed(engine: fc.Engine, stream: Any) -> None:
    """Ticks, the word of what time it is, and gaps."""
    symbol = engine.symbol("S")
    ts, number = T0, 1
    for kind, *rest in stream:
        if kind == "tick":
            wait, step, size, side, skip = rest
            ts, number = max(ts + wait, T0), number + 1 + skip // 2
            symbol.on_tick(ts, 100 + step / 100, float(size), side, number)
        elif kind == "time":
            symbol.on_time(ts + rest[0])
        else:
            symbol.on_gap(rest[0])


@given(st.lists(events, max_size=60), st.integers(0, 60), st.sampled_from(("whole", "split")), st.booleans())
def test_an_engine_restored_amid_bars_goes_on_as_if_nothing_had_been(
    stream: Any, cut: int, large: Any, watched: bool
) -> None:
    """Every kind of bar, gaps, fills and the word of time: restored at any point, with or without history."""
    policy = fc.Policy(
        large_trades=large,
        fill="flat" if watched else "none",
        silence="30s" if watched else None,
        sequence="id" if watched else "none",
        order="accept" if watched else "drop",
    )
    whole, first = kinds_engine(policy), kinds_engine(policy)
    feed(whole, stream)
    ticks_only = [event for event in stream if event[0] == "tick"]
    feed(first, stream[:cut])
    again = fc.Engine.restore(first.snapshot(history=True))
    assert shown(again) == shown(first)
    assert again.snapshot(history=True) == first.snapshot(history=True)
    assert fc.Engine.restore(first.snapshot()).snapshot() == first.snapshot()
    if len(ticks_only) != len(stream):
        return
    one, many = kinds_engine(policy), kinds_engine(policy)
    feed(one, stream)
    many.on_ticks(ticks_from(stream), symbols=["S"])
    assert shown(one) == shown(many) == shown(whole)
    both = fc.Engine.restore(first.snapshot(history=True))
    both.on_ticks(ticks_from(stream)[cut:], symbols=["S"])
    assert shown(both) == shown(whole)


def ticks_from(stream: Any) -> Ticks:
    """The same ticks as an array."""
    ticks = np.zeros(len(stream), fc.TICK)
    ts, number = T0, 1
    for tick, (_, wait, step, size, side, skip) in zip(ticks, stream, strict=True):
        ts, number = max(ts + wait, T0), number + 1 + skip // 2
        for field, value in (("ts", ts), ("price", 100 + step / 100), ("size", size), ("side", side)):
            tick[field] = value
        tick["id"] = number
    return ticks
