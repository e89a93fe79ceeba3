"""The contract: what holds of every indicator in the catalogue, whatever it computes.

One suite over the rows, parametrised by name. Where it says bits it means bits: all paths by which values
reach an indicator give the same ones.
"""

from __future__ import annotations

import contextlib
import copy
import csv
import inspect
import json
import math
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import (
    MARKETS,
    MINUTE,
    NAMES,
    ROWS,
    SECOND,
    T0,
    Array,
    Columns,
    Params,
    assert_same_bits,
    batch,
    bits,
    columns_of,
    default_params,
    function,
    make,
    pick,
    random_params,
    rng_of,
    row_of,
    scaled,
    smallest_params,
    stacked,
    stream,
    walk_bars,
)

EXAMPLES = scaled(30, 400)
LENGTH = scaled(900, 5_000)
PARAMETERS = [(name, p["name"]) for name in NAMES for p in ROWS[name]["params"]]
every_row = pytest.mark.parametrize("name", NAMES)


def param(name: str, which: str) -> fc.catalogue.Param:
    """One parameter of a row."""
    return next(p for p in ROWS[name]["params"] if p["name"] == which)


def few_params(name: str) -> list[Params]:
    """Defaults, the smallest, and two draws."""
    rng = rng_of("few", name)
    return [
        default_params(name),
        smallest_params(name),
        random_params(name, rng, 9),
        random_params(name, rng, 60),
    ]


def rows_of(columns: Columns) -> list[tuple[float, ...]]:
    """The input rows, as `update` takes them."""
    return list(zip(*(column.tolist() for column in columns), strict=True))


def state_of(indicator: fc.Indicator) -> bytes:
    """The bytes that pickle would write of its state."""
    data = indicator.__reduce__()[1][1]
    assert isinstance(data, bytes)
    return data


def with_bad_rows(columns: Columns, rng: np.random.Generator, count: int) -> Columns:
    """The same with NaN or an infinity in one input of `count` rows."""
    spoiled = tuple(column.copy() for column in columns)
    for row in rng.choice(len(columns[0]), min(count, len(columns[0])), replace=False):
        spoiled[int(rng.integers(len(columns)))][row] = rng.choice([np.nan, np.inf, -np.inf])
    return spoiled


@st.composite
def cases(draw: st.DrawFn, name: str) -> tuple[Params, Columns]:
    """Parameters and inputs of a row: any market, any length, with or without bad rows."""
    rng = rng_of(name, draw(st.integers(0, 2**32 - 1), label="seed"))
    rows = draw(st.integers(1, LENGTH), label="rows")
    columns = columns_of(name, rng, rows, draw(st.sampled_from(sorted(MARKETS)), label="market"))
    bad = draw(st.sampled_from((0, 0, 1, rows // 20, rows // 2)), label="bad rows")
    return random_params(name, rng, draw(st.sampled_from((4, 20, 300)), label="most")), with_bad_rows(
        columns, rng, bad
    )


def cut_points(rows: int) -> st.SearchStrategy[list[int]]:
    """Where to cut so many rows; a point twice makes an empty part."""
    return st.lists(st.integers(0, rows), max_size=12).map(sorted)


# ------------------------------------------------------------------------------------- one set of bits
@every_row
def test_updates_batches_and_any_mix_of_them_give_the_same_bits(name: str) -> None:
    """update == batch == function == any split, each part by batch or by updates; and so are the states."""

    @settings(max_examples=EXAMPLES)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        params, columns = data.draw(cases(name))
        one, whole, parted = (make(name, params) for _ in range(3))
        streamed = stream(one, columns)
        assert_same_bits(batch(whole, columns), streamed, f"{name}({params}): batch and update")
        assert_same_bits(stacked(function(name)(*columns, **params)), streamed, f"{name}({params}): function")
        cuts = [0, *data.draw(cut_points(len(columns[0]))), len(columns[0])]
        parts = []
        for start, stop in pairwise(cuts):
            part = [x[start:stop] for x in columns]
            if start < stop:
                by_batch = data.draw(st.booleans())
                parts.append(batch(parted, part) if by_batch else stream(parted, part))
            else:
                assert batch(parted, part).shape == (len(ROWS[name]["outputs"]), 0)
        assert_same_bits(np.concatenate(parts, 1), streamed, f"{name}({params}): parts at {cuts}")
        assert state_of(one) == state_of(whole) == state_of(parted), "equal states have equal bytes"

    check()


@every_row
def test_a_batch_of_any_length_leaves_the_state_of_updates(name: str) -> None:
    """Byte by byte, for each length: a batch may work in groups, but must not end in another state."""
    rows = 150
    for params in few_params(name):
        columns = columns_of(name, rng_of("lengths", name), rows)
        streamed = make(name, params)
        for length, row in enumerate(rows_of(columns), start=1):
            streamed.update(*row)
            batched = make(name, params)
            batched.batch(*(x[:length] for x in columns))
            assert state_of(batched) == state_of(streamed), f"{name}({params}) after {length} rows"


@every_row
def test_a_batch_longer_than_any_buffer_gives_the_bits_of_updates(name: str) -> None:
    """9,000 rows: beyond the chunks of a batch, and beyond what is done without giving up the GIL."""
    columns = columns_of(name, rng_of("long", name), 9_000)
    for params in (default_params(name), random_params(name, rng_of("long", name), 2_000)):
        assert_same_bits(
            batch(make(name, params), columns), stream(make(name, params), columns), f"{name}({params})"
        )


@every_row
def test_huge_numbers_give_the_same_bits_on_every_path(name: str) -> None:
    """Sums that overflow are nobody's wish, but even they must not depend on how the rows came."""
    rng = rng_of("huge", name)
    for params in few_params(name):
        columns = tuple(x.copy() for x in columns_of(name, rng, 400))
        for row in rng.choice(400, 12, replace=False):
            columns[int(rng.integers(len(columns)))][row] = rng.choice(
                [1e300, -1e300, 1e160, 5e-324, 0.0, -0.0]
            )
        assert_same_bits(
            batch(make(name, params), columns), stream(make(name, params), columns), f"{name}({params})"
        )


@pytest.mark.parametrize("name", ["STDDEV", "ZSCORE"])
@pytest.mark.parametrize("period", [5, 20])
def test_a_window_whose_squares_overflow_does_not_look_flat(name: str, period: int) -> None:
    """What cannot be computed is NaN or infinite: a 0 would say that the price stands still."""
    prices = np.linspace(1.0, 2.0, 3 * period)
    prices[period + 1] = 1e200
    prices[2 * period] = -1e200
    out = getattr(fc, name.lower())(prices, period=period)
    assert not np.any(out[period + 1 :] == 0.0)
    one = getattr(fc, name)(period=period)
    assert not any(one.update(x) == 0.0 for x in prices.tolist())


@every_row
def test_bars_that_other_programs_choke_on_give_the_same_bits(
    name: str, data_file: Callable[[str], Path]
) -> None:
    """Real files with fields missing, zero rows, prices of 1e28 and of a hundredth of a cent."""
    for file in ("bad", "zeros", "max", "toobig", "penny", "_issue0859.adx.nan"):
        with data_file(f"bars_skender/{file}.csv").open(encoding="utf-8-sig", newline="") as lines:
            rows = [{key.lower(): text for key, text in row.items()} for row in csv.DictReader(lines)]
        wanted = ("open", "high", "low", "close", "volume")
        columns = pick(name, tuple(np.array([float(row[x] or "nan") for row in rows]) for x in wanted))
        for params in few_params(name):
            streamed = stream(make(name, params), columns)
            assert_same_bits(batch(make(name, params), columns), streamed, f"{name}({params}) on {file}")
            assert not np.isnan(streamed).all() or file == "zeros"


@every_row
def test_copies_and_pickles_go_on_from_where_they_were_taken(name: str) -> None:
    """copy, deepcopy and every pickle protocol; the original does not notice what its copies are fed."""

    @settings(max_examples=EXAMPLES)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        params, columns = data.draw(cases(name))
        at = data.draw(st.integers(0, len(columns[0])), label="copied at")
        original = make(name, params)
        batch(original, [x[:at] for x in columns])
        pickles = [pickle.loads(pickle.dumps(original, p)) for p in range(2, pickle.HIGHEST_PROTOCOL + 1)]
        twins = [original.copy(), copy.copy(original), copy.deepcopy(original), *pickles]
        for twin in twins:
            assert type(twin) is type(original)
            assert repr(twin) == repr(original)
            assert (twin.ready, twin.warmup) == (original.ready, original.warmup)
            assert_same_bits(row_of(twin.value), row_of(original.value), f"{name}: value of a copy")
        rest = [x[at:] for x in columns]
        copied = [batch(twin, rest) for twin in twins]
        expected = batch(original, rest)
        for result in copied:
            assert_same_bits(result, expected, f"{name}({params}) copied at row {at}")

    check()


def test_a_copy_keeps_its_place_in_a_plan() -> None:
    """Clock and parents travel with it."""
    for placed in (fc.RSI(3).on("5m"), fc.ATR(2).of("a", "b", "c")):
        for twin in (placed.copy(), copy.deepcopy(placed), pickle.loads(pickle.dumps(placed))):
            assert (twin.clock, twin.parents) == (placed.clock, placed.parents)
    assert fc.RSI(3).on("5m").clock == "5m"
    assert fc.ATR(2).of("a", "b", "c").parents == ("a", "b", "c")


# ----------------------------------------------------------------------------------------- the engine
def without_quotes(ts: Any) -> dict[str, Array]:
    """What an engine gives that has seen times, but no quote and no side."""
    given = {"ts": np.asarray(ts, np.float64), "side": np.zeros(len(ts))}
    return given | dict.fromkeys(("bid", "ask", "bid_size", "ask_size"), np.full(len(ts), np.nan))


def as_tick_columns(name: str, price: Array, size: Array) -> Columns:
    """On ticks the price stands for open, high, low and close, the size for the volume."""
    return pick(name, (price, price, price, price, size), **without_quotes(T0 + np.arange(len(price))))


@every_row
def test_the_engine_on_ticks_gives_the_bits_of_a_batch(name: str) -> None:
    """on_tick row by row, and on_ticks in one call."""
    rng = rng_of("engine", name)
    price, size = walk_bars(rng, 500, 100.0)[3], rng.integers(1, 9, 500).astype(float)
    ticks = np.zeros(500, fc.TICK)
    ticks["ts"], ticks["price"], ticks["size"] = T0 + np.arange(500), price, size
    for params in few_params(name):
        expected = batch(make(name, params), as_tick_columns(name, price, size)).T
        symbol = fc.Engine({"x": make(name, params)}, rows="copy").symbol("S")
        single = [
            symbol.on_tick(T0 + i, p, s)
            for i, (p, s) in enumerate(zip(price.tolist(), size.tolist(), strict=True))
        ]
        assert_same_bits(np.array(single), expected, f"{name}({params}) by on_tick")
        rows = fc.Engine({"x": make(name, params)}).on_ticks(ticks, symbols=["S"], rows="all")
        assert_same_bits(rows, expected, f"{name}({params}) by on_ticks")


@every_row
def test_the_engine_on_bars_gives_the_bits_of_a_batch(name: str) -> None:
    """on_bar with all five inputs: each finds its own."""
    ohlcv = walk_bars(rng_of("bars", name), 400, 100.0)
    for params in few_params(name):
        symbol = fc.Engine({"x": make(name, params).on("1m")}, rows="copy").symbol("S")
        starts = (T0 - 20 * SECOND + np.arange(400) * MINUTE).tolist()
        rows = [symbol.on_bar("1m", ts, *bar) for ts, bar in zip(starts, rows_of(ohlcv), strict=True)]
        assert symbol.ledger["accepted"] == 400
        expected = batch(make(name, params), pick(name, ohlcv, **without_quotes(starts)))
        assert_same_bits(np.array(rows), expected.T, f"{name}({params})")


@every_row
def test_chained_in_an_engine_it_gives_the_bits_of_a_batch_over_the_columns(name: str) -> None:
    """`.of`: the columns above it are its inputs, their warm-up rows as rows that do not count."""
    above = {
        "volume": "rsi",
        "high": "bands.upper",
        "low": "bands.lower",
        "open": "bands.middle",
        "close": "ema",
        "side": "rsi",
        "bid": "bands.lower",
        "ask": "bands.upper",
        "bid_size": "rsi",
        "ask_size": "ema",
    }
    plan = {"bands": fc.BBANDS(4), "ema": fc.EMA(3), "rsi": fc.RSI(5)}
    prices = walk_bars(rng_of("chain", name), 400, 100.0)[3].tolist()
    for params in few_params(name):
        parents = [
            above[column] for column in ROWS[name]["inputs"] if column != "ts"
        ]  # which every clock has
        if not parents:
            continue
        engine = fc.Engine({"x": make(name, params).of(*parents), **plan}, rows="copy")
        symbol = engine.symbol("S")
        rows = np.array([symbol.on_tick(T0 + i, p, 1.0) for i, p in enumerate(prices)])
        width = len(ROWS[name]["outputs"])
        columns = {column: rows[:, engine.columns.index(of)] for column, of in above.items()}
        columns["ts"] = (T0 + np.arange(400)).astype(np.float64)
        expected = batch(make(name, params), [columns[column] for column in ROWS[name]["inputs"]])
        assert_same_bits(rows[:, :width], expected.T, f"{name}({params})")


def test_the_whole_catalogue_in_one_engine_gives_the_bits_of_each_alone() -> None:
    """What is merged or shared between them changes nothing, on ticks and on bars."""
    plan = {f"{name}_{i}": make(name, p) for name in NAMES for i, p in enumerate(few_params(name))}
    bars = walk_bars(rng_of("all"), 300, 100.0)
    on_bars = fc.Engine({key: one.on("1m") for key, one in plan.items()}, rows="copy").symbol("S")
    starts = (T0 - 20 * SECOND + np.arange(300) * MINUTE).tolist()  # of minutes
    rows = np.array([on_bars.on_bar("1m", ts, *bar) for ts, bar in zip(starts, rows_of(bars), strict=True)])
    on_ticks = fc.Engine(plan, rows="copy").symbol("S")
    ticks = np.array([on_ticks.on_tick(T0 + i, b[3], b[4]) for i, b in enumerate(rows_of(bars))])
    at = 0
    for key, one in plan.items():
        name = key.rpartition("_")[0]
        width = len(ROWS[name]["outputs"])
        on_bars_given = pick(name, bars, **without_quotes(starts))
        assert_same_bits(rows[:, at : at + width], batch(one.copy(), on_bars_given).T, f"{key} on bars")
        expected = batch(one.copy(), as_tick_columns(name, bars[3], bars[4])).T
        assert_same_bits(ticks[:, at : at + width], expected, f"{key} on ticks")
        at += width


def test_a_used_indicator_begins_anew_in_an_engine() -> None:
    """A plan takes what an indicator is, not what it has seen; and leaves it alone."""
    used = fc.SMA(2)
    used.batch([1.0, 2.0])
    symbol = fc.Engine({"mean": used}).symbol("S")
    assert np.isnan(symbol.on_tick(T0, 5.0, 1.0)[0])
    assert symbol.on_tick(T0, 7.0, 1.0)[0] == 6.0
    assert used.update(4.0) == 3.0


# ------------------------------------------------------------------------------------------ no trace
@every_row
def test_peek_is_the_next_update_and_leaves_no_trace(name: str) -> None:
    """At every row, with the next inputs, with others, with huge ones and with none that count."""
    rng = rng_of("peek", name)
    for params in few_params(name):
        columns = columns_of(name, rng, 130)
        peeked, untouched = make(name, params), make(name, params)
        for row in rows_of(columns):
            others = [
                row,
                tuple(x * 1.01 for x in row),
                tuple(1e17 for _ in row),
                tuple(math.nan for _ in row),
            ]
            before, value, ready = state_of(peeked), row_of(peeked.value), peeked.ready
            for inputs in others:
                seen = peeked.peek(*inputs)
                assert type(seen) is type(peeked.value)
                assert_same_bits(
                    row_of(seen), row_of(peeked.copy().update(*inputs)), f"{name}({params}) peek {inputs}"
                )
            assert state_of(peeked) == before
            assert peeked.ready == ready
            assert_same_bits(row_of(peeked.value), value, "value after a peek")
            assert_same_bits(
                row_of(peeked.update(*row)), row_of(untouched.update(*row)), f"{name}({params}) after peeks"
            )
        assert_same_bits(
            batch(peeked, columns), batch(untouched, columns), f"{name}({params}) batch after peeks"
        )


@every_row
def test_reset_equals_new(name: str) -> None:
    """At any row, in outputs and in bytes."""
    for params in few_params(name):
        used, new = make(name, params), make(name, params)
        columns = columns_of(name, rng_of("reset", name), 300)
        for rows in (1, 7, 77, 300):
            batch(used, [x[:rows] * 3 for x in columns])
            used.reset()
            assert not used.ready
            assert np.isnan(row_of(used.value)).all()
            assert state_of(used) == state_of(new)
            assert_same_bits(
                stream(used, columns), stream(make(name, params), columns), f"{name}({params}) after reset"
            )
            used.reset()


@every_row
def test_a_row_that_is_not_finite_gives_nan_and_leaves_the_state(name: str) -> None:
    """Each input, each kind, in warm-up and after it: the rows around it are as if it had not been."""
    rng = rng_of("bad", name)
    for params in few_params(name):
        columns = columns_of(name, rng, 150)
        expected = stream(make(name, params), columns)
        spoiled, clean = make(name, params), []
        for row in rows_of(columns):
            ready = spoiled.ready
            for k in range(len(row)):
                for bad in (math.nan, math.inf, -math.inf):
                    result = spoiled.update(*(bad if i == k else x for i, x in enumerate(row)))
                    assert np.isnan(row_of(result)).all(), f"{name}({params}) of {bad}"
                    assert spoiled.ready == ready
            clean.append(row_of(spoiled.update(*row)))
        assert_same_bits(np.array(clean).T, expected, f"{name}({params}) between bad rows")


@every_row
def test_bad_rows_in_a_batch_leave_no_trace(name: str) -> None:
    """The rows that count give what they give without the others, over several chunks."""
    rng = rng_of("bad batch", name)
    for params in few_params(name):
        columns = columns_of(name, rng, 1_300)
        for bad in (1, 40, 700):
            spoiled = with_bad_rows(columns, rng, bad)
            good = np.all([np.isfinite(x) for x in spoiled], axis=0)
            result = batch(make(name, params), spoiled)
            assert (~good).sum() == bad
            assert np.isnan(result[:, ~good]).all()
            expected = batch(make(name, params), [x[good] for x in columns])
            assert_same_bits(result[:, good], expected, f"{name}({params}) with {bad} bad rows")


# Formulas over a window: when a value has left it, nothing of it is left. Those that are made of recurrences
# (EMA and its kin, KAMA, OBV) remember by definition.
WINDOWED = ("SMA", "STDDEV", "BBANDS", "ZSCORE", "LINEARREG", "WMA", "HMA", "CCI", "MFI", "VWAP", "DONCHIAN")
WINDOWED += ("STOCH", "WILLR", "MOM", "ROC", "TRANGE", "SKEW", "KURTOSIS")
SPIKES = ((1e15,), (-1e17,), (1e15, 1e15), (1e12, -1e17), (1e300,), (-1e300, 1e300))


def spiked(columns: Columns, at: int, gap: int, spikes: Sequence[float]) -> Columns:
    """The columns with bad rows from `at` on, `gap` apart: all prices of such a row are the spike."""
    spoiled = tuple(column.copy() for column in columns)
    for k, spike in enumerate(spikes):
        for column in spoiled:
            column[at + k * gap] = spike
    return spoiled


def window_params(name: str) -> list[Params]:
    """Short windows, odd and even, and one of several blocks."""
    rng = rng_of("windows", name)
    drawn = [random_params(name, rng, most) for most in (4, 5, 8)]
    return [smallest_params(name), default_params(name), *drawn]


@pytest.mark.parametrize("name", WINDOWED)
def test_a_spike_leaves_no_trace_in_a_window(name: str) -> None:
    """One or two bad ticks at every phase of the window: from the first window without them, equal bits."""
    for params in window_params(name):
        reach = make(name, params).warmup
        columns = columns_of(name, rng_of("spike", name), 6 * reach + 60)
        clean = batch(make(name, params), columns)
        for at in range(2 * reach, 3 * reach + 2):
            for spikes in SPIKES:
                gap = max(1, (at * 7) % reach)
                after = at + (len(spikes) - 1) * gap + reach
                dirty = spiked(columns, at, gap, spikes)
                for path in (batch, stream) if at % 5 == 0 else (batch,):
                    result = path(make(name, params), dirty)
                    what = f"{name}({params}) after {spikes} in row {at} and on"
                    assert_same_bits(result[:, after:], clean[:, after:], what)
                    assert np.isfinite(result[:, after:]).all(), what


@pytest.mark.parametrize("name", WINDOWED)
def test_a_spike_leaves_no_trace_in_a_shared_window(name: str) -> None:
    """The same in an engine, where others read the window as well."""
    plan = {
        "x": make(name),
        "sma": fc.SMA(20),
        "dev": fc.STDDEV(20),
        "wma": fc.WMA(20),
        "line": fc.LINEARREG(20),
    }
    prices = walk_bars(rng_of("shared spike", name), 400, 100.0)[3]
    sizes = np.linspace(1.0, 9.0, 400)
    rows = []
    for spike in (None, 1e15, 1e17, 1e300):
        symbol = fc.Engine(plan, rows="copy").symbol("S")
        ticks = zip(prices.tolist(), sizes.tolist(), strict=True)
        rows.append(
            np.array(
                [
                    symbol.on_tick(T0 + i, spike if spike and i == 203 else p, s)
                    for i, (p, s) in enumerate(ticks)
                ]
            )
        )
        assert_same_bits(rows[-1][203 + 60 :], rows[0][203 + 60 :], f"{name} after {spike}")
    assert bits(rows[1][203]).tolist() != bits(rows[0][203]).tolist()


CONSTANT = ("SMA", "EMA", "RMA", "WMA", "DEMA", "TEMA", "HMA", "KAMA", "LINEARREG")


@pytest.mark.parametrize("name", CONSTANT)
def test_the_average_of_a_constant_is_the_constant(name: str) -> None:
    """Exactly: an average that wiggles in a flat market makes false crossings. Also once it went flat."""
    rng = rng_of("constant", name)
    for level in (0.1, 100.01, 61_234.56, 1e-8 / 3, 1e8 + 0.01, 1.0, 1 / 3, 7e22):
        for params in (*few_params(name), {"period": 2}, {"period": 3}, {"period": 200}):
            for path in (batch, stream):
                result = path(make(name, params), (np.full(700, level),))[0]
                shown = result[~np.isnan(result)]
                assert len(shown)
                assert (shown == level).all(), f"{name}({params}) of {level}: {shown[shown != level][0]!r}"
    if name in WINDOWED:
        prices = np.concatenate([walk_bars(rng, 500, 100.0)[3], np.full(300, 61_234.56)])
        for params in few_params(name):
            reach = make(name, params).warmup
            flat = batch(make(name, params), (prices,))[0][500 + reach - 1 :]
            assert (flat == 61_234.56).all(), f"{name}({params})"


# ------------------------------------------------------------------------------------ warm-up and value
@every_row
def test_warm_up_ends_in_row_warmup(name: str) -> None:
    """Before it some output is NaN, from it on none is; `ready` flips there; `value` is the last result."""
    for params in (*few_params(name), random_params(name, rng_of("warm-up", name), 200)):
        one = make(name, params)
        assert one.warmup >= 1
        assert not one.ready
        assert np.isnan(row_of(one.value)).all()
        columns = columns_of(name, rng_of("warm-up rows", name), one.warmup + 30)
        for i, row in enumerate(rows_of(columns), start=1):
            result = one.update(*row)
            assert np.isnan(row_of(result)).any() == (i < one.warmup), f"{name}({params}) row {i}"
            assert one.ready == (i >= one.warmup), f"{name}({params}) row {i}"
            assert one.value == result or np.isnan(row_of(result)).any()
            assert_same_bits(row_of(one.value), row_of(result), f"{name}({params}) value")
        for rows in (one.warmup - 1, one.warmup):
            batched = make(name, params)
            result = batch(batched, [x[:rows] for x in columns])
            assert batched.ready == (rows == one.warmup)
            assert_same_bits(
                row_of(batched.value), result[:, -1] if rows else row_of(make(name, params).value), "value"
            )


@every_row
def test_results_are_floats_or_named_tuples(name: str) -> None:
    """One output is a float; several are a tuple with the names of the catalogue, from all calls alike."""
    outputs = [output["name"] for output in ROWS[name]["outputs"]]
    one = make(name)
    columns = columns_of(name, rng_of("types", name), 3)
    row = rows_of(columns)[0]
    singles = [one.value, one.peek(*row), one.update(*row), one.value]
    arrays = [one.batch(*columns), function(name)(*columns)]
    if len(outputs) == 1:
        assert {type(x) for x in singles} == {float}
        assert {type(x) for x in arrays} == {np.ndarray}
        return
    for result in (*singles, *arrays):
        assert isinstance(result, tuple)
        assert list(result._fields) == outputs
        assert [getattr(result, output) is result[k] for k, output in enumerate(outputs)] == [True] * len(
            outputs
        )
        assert pickle.loads(pickle.dumps(result)).__class__ is result.__class__
    assert {type(x) for result in singles for x in result} == {float}
    assert {x.dtype for result in arrays for x in result} == {np.dtype(np.float64)}


# ------------------------------------------------------------------------------------------ parameters
def out_of_range(p: fc.catalogue.Param) -> list[int | float]:
    """Values just outside, and far outside."""
    if p["type"] == "int":
        return [p["min"] - 1, p["max"] + 1, -(2**31), 2**31, 2**63, -(2**64)]
    return [np.nextafter(p["min"], -np.inf), p["max"] * 1.001, math.nan, math.inf, -math.inf, 1e308]


@pytest.mark.parametrize(("name", "which"), PARAMETERS)
def test_a_parameter_out_of_range_is_named_with_value_and_range(name: str, which: str) -> None:
    """One sentence: indicator, parameter, value, both ends."""
    p = param(name, which)
    for value in out_of_range(p):
        with pytest.raises(fc.ParameterError) as error:
            make(name, {which: value})
        text = str(error.value)
        assert f"{name}.{which}" in text, text
        assert f"{p['min']:.12g} to {p['max']:.12g}" in text, text
        if isinstance(value, float) or abs(value) < 10**9:
            assert f"not {value:.12g}" in text, text
        with pytest.raises(fc.ParameterError, match=re.escape(f"{name}.{which}")):
            function(name)(*columns_of(name, rng_of(name), 3), **{which: value})


def test_a_whole_number_beyond_every_float_is_out_of_range() -> None:
    """10**400 fits no double: the same sentence about the range, for whole numbers and for factors."""
    odd = []
    for name, which in PARAMETERS:
        try:
            make(name, {which: 10**400})
        except fc.ParameterError as error:
            assert f"{name}.{which}" in str(error)
        except Exception as error:
            odd.append(f"{name}.{which}: {type(error).__name__}: {str(error)[:60]}")
    assert not odd, odd


@pytest.mark.parametrize(("name", "which"), PARAMETERS)
def test_both_ends_of_a_range_are_taken(name: str, which: str) -> None:
    """Where an end does not go together with the other parameters, the sentence says so and not the range."""
    p = param(name, which)
    for value in (p["min"], p["max"]):
        try:
            one = make(name, {which: value})
        except fc.ParameterError as error:
            assert str(error).startswith(f"{name}: ")
            assert f"{which}={value}" in str(error)
        else:
            assert getattr(one, which) == value
            assert type(getattr(one, which)).__name__ == p["type"]


@pytest.mark.parametrize(("name", "which"), PARAMETERS)
def test_a_parameter_of_the_wrong_type_is_named(name: str, which: str) -> None:
    """Text, None, bool, lists, complex numbers; for whole numbers also floats, even 5.0."""
    whole = param(name, which)["type"] == "int"
    wrong: list[object] = ["5", None, True, [5], (5,), {}, 5j, object(), np.array([5, 6])]
    for value in [*wrong, 5.0, 2.5, np.float64(5)] if whole else wrong:
        with pytest.raises(TypeError) as error:
            make(name, {which: value})
        assert f"{name}.{which}" in str(error.value)
        assert repr(value) in str(error.value)


def test_text_in_bytes_is_no_number() -> None:
    """float(b"5") is 5.0 in Python; a parameter takes no text of either kind."""
    taken = []
    for name, which in PARAMETERS:
        try:
            taken.append(f"{name}.{which}: {make(name, {which: b'5'})!r}")
        except TypeError as error:
            assert f"{name}.{which}" in str(error)
    assert not taken, taken


@pytest.mark.parametrize(("name", "which"), PARAMETERS)
def test_numpy_numbers_are_numbers(name: str, which: str) -> None:
    """np.int64(40) is as good as 40; factors take whole numbers, too."""
    kinds = (
        (np.int64, np.int32, np.uint8)
        if param(name, which)["type"] == "int"
        else (np.float64, np.float32, int)
    )
    for kind in kinds:
        with contextlib.suppress(fc.ParameterError):
            one = make(name, {which: kind(40)})
            assert getattr(one, which) == 40
            assert type(getattr(one, which)).__name__ == param(name, which)["type"]


@every_row
def test_unknown_repeated_and_too_many_parameters_are_refused(name: str) -> None:
    """TypeErrors that say what there is."""
    params = ROWS[name]["params"]
    with pytest.raises(TypeError, match=f"{name} has no parameter 'perriod'"):
        fc.make(name, perriod=3)
    with pytest.raises(TypeError, match=f"{name} takes {len(params)} parameters"):
        getattr(fc, name)(*(p["default"] for p in params), 1)
    if params:
        with pytest.raises(TypeError, match=f"{name}.{params[0]['name']} is given twice"):
            getattr(fc, name)(params[0]["default"], **{params[0]["name"]: params[0]["default"]})
        with pytest.raises(TypeError, match=params[0]["name"]):
            fc.make(name, perriod=3)


@every_row
def test_repr_makes_the_same_again(name: str) -> None:
    """eval(repr(x)): parameters, clock and parents."""
    for params in few_params(name):
        one = make(name, params)
        columns = tuple(f"column{i}" for i in range(len(ROWS[name]["inputs"])))
        for made in (one, one.on("1m"), one.of(*columns)):
            again = eval(repr(made), vars(fc).copy())
            assert type(again) is type(made)
            assert repr(again) == repr(made)
            assert state_of(again) == state_of(made)
            assert (again.clock, again.parents) == (made.clock, made.parents)
        assert {p: getattr(one, p) for p in params} == params


@every_row
def test_signatures_show_inputs_and_defaults(name: str) -> None:
    """What help() and an editor show is what the catalogue says."""
    row = ROWS[name]
    types = {"int": int, "float": float}
    expected = [
        (p["name"], p["default"], int | str if "choices" in p else types[p["type"]]) for p in row["params"]
    ]
    for call, inputs in ((getattr(fc, name), []), (function(name), row["inputs"])):
        shown = list(inspect.signature(call).parameters.values())
        assert [p.name for p in shown[: len(inputs)]] == list(inputs)
        assert all(p.default is inspect.Parameter.empty for p in shown[: len(inputs)])
        assert [(p.name, p.default, p.annotation) for p in shown[len(inputs) :]] == expected


@every_row
def test_parameters_cannot_be_changed_afterwards(name: str) -> None:
    """A state belongs to its parameters."""
    one = make(name)
    for p in ROWS[name]["params"]:
        with pytest.raises(AttributeError):
            setattr(one, p["name"], p["default"])


# -------------------------------------------------------------------------------------- both native cores
def digests_of(variant: str) -> dict[str, str]:
    """The digests of all rows, made by a process that runs that core."""
    tests = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, str(tests / "variant_digest.py")],
        env={**os.environ, "FASTCORE_VARIANT": variant},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout)
    assert result["variant"] == variant
    digests: dict[str, str] = result["digests"]
    return digests


def test_all_native_cores_give_the_same_bits(record_property: Callable[[str, object], None]) -> None:
    """The baseline core against the fastest that this processor runs.

    On a processor that runs only the baseline core that one is compared with itself: then the test proves no
    more than that the outputs do not depend on the process, and says so.
    """
    fastest = fc.core_variant()
    if fastest == "baseline":
        print(
            "this processor, or FASTCORE_VARIANT, allows the baseline core only: it was compared with itself"
        )
    record_property("compared", f"baseline with {fastest}")
    assert digests_of("baseline") == digests_of(fastest)
