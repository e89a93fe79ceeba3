"""What an engine shows: rows, history, and what a tick would do."""

from __future__ import annotations

import sys

import fastcore as fc
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import (
    MINUTE,
    SECOND,
    T0,
    assert_same_bits,
    rng_of,
    scaled,
)
from tick_streams import (
    PLAN,
    SYMBOLS,
    WINDOWS,
    Ticks,
    one_by_one,
    ready_engine,
    streams,
    ticks_of,
    walk_ticks,
)


# -------------------------------------------------------------------------------------- reading a symbol
def test_every_way_of_reading_shows_the_same() -> None:
    """values, get, [], row; by name, by number, from the end."""
    engine = ready_engine()
    symbol = engine.symbol("x")
    for i, tick in enumerate(walk_ticks(rng_of("reading"), 300, 2 * SECOND)):
        symbol.on_tick(int(tick["ts"]), float(tick["price"]), float(tick["size"]))
        if i % 50:
            continue
        values = symbol.values()
        assert type(values) is tuple
        assert {type(x) for x in values} == {float}
        for k, column in enumerate(engine.columns):
            ways = [symbol[column], symbol[k], symbol[k - len(values)]]
            ways += [symbol.get(column), symbol.get(k), symbol.row[k], values[k]]
            assert_same_bits(ways, [values[k]] * len(ways), column)
    assert symbol.values() is not symbol.values()
    assert symbol.name == "x"
    assert engine.symbol("x") is symbol
    assert not np.isnan(symbol.values()).all()


class Name(str):
    """A str that is none exactly."""


def test_a_column_is_found_whichever_object_names_it() -> None:
    """A name in source, one just put together, hashed or not, one of a class of its own; and no other."""
    names = [f"n{i}" for i in range(70)] + ["with_ü", "mit\u0142", "漢字", "😀", "a b", "é" * 40]
    plan: dict[str, object] = {name: fc.SMA(k + 1) for k, name in enumerate(names)}
    engine = fc.Engine(plan | {"bands": fc.BBANDS(5), "macd": fc.MACD()})
    symbol = engine.symbol("S")
    for i, tick in enumerate(walk_ticks(rng_of("names"), 90, SECOND)):
        symbol.on_tick(T0 + i, float(tick["price"]), 1.0)
    assert len(engine.columns) > len(names) + 2
    for k, column in enumerate(engine.columns):
        made = "".join(list(column))
        hashed = "".join(list(column))
        assert hash(hashed) == hash(column)
        for key in (column, sys.intern(column), made, hashed, Name(column), np.str_(column)):
            assert symbol.get(key) == symbol[key] == symbol.values()[k], column
    for key in ("", "n", "n70", "N1", "n1 ", "bands", "bands.", "macd.Signal", "with_u", b"n1", None, 1.0):
        with pytest.raises((fc.UnknownNameError, TypeError)):
            symbol.get(key)
    for wrong in (len(engine.columns), -len(engine.columns) - 1, 2**30 - 1, 2**30, 2**61, 2**64, -(2**64)):
        with pytest.raises(fc.UnknownNameError):
            symbol.get(wrong)


def test_a_symbol_is_not_a_sequence_without_end() -> None:
    """Looping over it, or asking what is in it, gives its values or a TypeError, and ends."""
    symbol = fc.Engine({"a": fc.SMA(1), "b": fc.SMA(1)}).symbol("S")
    symbol.on_tick(T0, 7.0, 1.0)
    assert type(symbol).__getitem__(symbol, "a") == 7.0
    seen: list[object] = []
    try:
        for value in symbol:
            seen.append(value)
            assert len(seen) <= 2, f"looping over a symbol of two columns gives {seen}, and more"
    except TypeError:
        return
    assert seen == [7.0, 7.0]


def test_the_live_row_is_one_array_that_changes() -> None:
    """The documented trap: a list of rows holds one row n times."""
    symbol = fc.Engine({"last": fc.SMA(1)}).symbol("S")
    rows = [symbol.on_tick(T0 + i, float(i + 1), 1.0) for i in range(5)]
    assert all(row is symbol.row for row in rows)
    assert [row[0] for row in rows] == [5.0] * 5
    assert symbol.on_quote(T0 + 5, 8.0, 8.0) is symbol.row
    assert symbol.on_tick(T0, -1.0, 1.0) is symbol.row, "a refused tick gives the row as it was"
    assert rows[0][0] == 8.0


def test_rows_copy_gives_rows_to_keep() -> None:
    """Each its own, writable array; quotes and bars as well; the live row stays what it is."""
    symbol = fc.Engine({"last": fc.SMA(1), "bar": fc.SMA(1).on("1m")}, rows="copy").symbol("S")
    rows = [symbol.on_tick(T0 + i, float(i + 1), 1.0) for i in range(3)]
    rows.append(symbol.on_quote(T0 + 3, 4.0, 4.0))
    rows.append(symbol.on_bar("1m", T0 + MINUTE, 5.0, 5.0, 5.0, 5.0))
    assert [row[0] for row in rows] == [1.0, 2.0, 3.0, 4.0, 4.0]
    rows[0][0] = 99.0
    assert symbol["last"] == 4.0
    assert not symbol.row.flags.writeable


def test_rows_all_is_the_row_after_each_tick() -> None:
    """A matrix of its own, also where ticks were refused."""
    ticks = ticks_of(
        [(T0, 1.0, 1.0, 0), (T0 + 1, -1.0, 1.0, 0), (T0 + 2, 3.0, 1.0, 1), (T0 + 3, 4.0, 1.0, 0)]
    )
    engine = fc.Engine({"last": fc.SMA(1), "mean": fc.SMA(2)})
    rows = engine.on_ticks(ticks, symbols=["a", "b"], rows="all")
    nan = np.nan
    assert_same_bits(rows, [[1.0, nan], [1.0, nan], [3.0, nan], [4.0, 2.5]], "rows")
    assert rows.flags.writeable
    assert rows.flags.owndata or rows.base is None


# -------------------------------------------------------------------------------------------- history
def test_history_is_a_window_over_the_last_rows() -> None:
    """One row for each tick on the tick clock, for each bar on a bar clock; the oldest first."""
    engine = fc.Engine({"last": fc.SMA(1), "dev": fc.STDDEV(2), "close": fc.SMA(1).on("1m")}, history=7)
    symbol = engine.symbol("S")
    seen: dict[str, list[float]] = {column: [] for column in engine.columns}
    for i, tick in enumerate(walk_ticks(rng_of("history"), 400, 30 * SECOND)):
        symbol.on_tick(int(tick["ts"]), float(tick["price"]), 1.0)
        seen["last"].append(symbol["last"])
        seen["dev"].append(symbol["dev"])
        if symbol.generation("close") > len(seen["close"]):
            seen["close"].append(symbol["close"])
        for column, values in seen.items():
            assert symbol.generation(column) == len(values)
            assert_same_bits(symbol.history(column), values[-7:], f"{column} after {i}")
        assert symbol.bars("1m")["close"].tolist() == seen["close"][-7:]
    assert len(seen["close"]) > 20


def test_a_refused_tick_writes_no_history() -> None:
    """Neither a row nor a generation."""
    symbol = fc.Engine({"last": fc.SMA(1)}, history=4).symbol("S")
    symbol.on_tick(T0, 1.0, 1.0)
    symbol.on_tick(T0 - 1, 2.0, 1.0)
    symbol.on_tick(T0, -2.0, 1.0)
    assert symbol.generation("last") == 1
    assert symbol.history("last").tolist() == [1.0]


@pytest.mark.parametrize("later", [0, 1, 3, 5])
def test_an_old_window_is_overwritten_from_its_oldest_row_on(later: int) -> None:
    """After the ring has moved on: as many new rows at its beginning as `generation` has grown by."""
    symbol = fc.Engine({"last": fc.SMA(1)}, history=5).symbol("S")
    for i in range(13):
        symbol.on_tick(T0 + i, float(i + 1), 1.0)
    view, generation = symbol.history("last"), symbol.generation("last")
    old = view.tolist()
    for i in range(13, 13 + later):
        symbol.on_tick(T0 + i, float(i + 1), 1.0)
    moved = symbol.generation("last") - generation
    assert moved == later
    assert view.tolist()[moved:] == old[moved:]
    assert sorted(view.tolist()[:moved]) == [float(14 + k) for k in range(moved)]


# ------------------------------------------------------------------------------------------------ peek
@settings(max_examples=scaled(60, 1_000))
@given(streams(symbols=1), st.integers(9_000, 11_000), st.integers(0, 9))
def test_peek_is_the_row_of_the_next_tick_and_leaves_no_trace(ticks: Ticks, cents: int, size: int) -> None:
    """At the newest tick's time: what is on ticks moves, what is on bars not; forming=True closes bars."""
    engine = fc.Engine(PLAN)
    one_by_one(engine, ticks)
    symbol = engine.symbol(SYMBOLS[0])
    before, row = engine.snapshot(), symbol.row.copy()
    price = cents / 100
    peeked, forming = symbol.peek(price, size), symbol.peek(price, float(size), forming=True)
    assert engine.snapshot() == before
    assert_same_bits(symbol.row, row, "the live row after a peek")
    assert peeked is not symbol.row
    twin = fc.Engine.restore(before).symbol(SYMBOLS[0])
    now = symbol.last_ts or T0
    assert_same_bits(peeked, twin.on_tick(now, price, float(size)), "peek")
    twin.on_tick(now + 10**15, 1.0, 1.0)
    on_ticks = [
        column.partition(".")[0] in ("sma", "twin", "dev", "bands", "ema", "score", "obv")
        for column in engine.columns
    ]
    assert_same_bits(forming, np.where(on_ticks, peeked, twin.row), "peek with the forming bars")


def test_peek_at_every_phase_of_a_shared_window() -> None:
    """A peek writes where the next tick writes, and nowhere else."""
    engine, twin = fc.Engine(WINDOWS), fc.Engine(WINDOWS)
    for i, tick in enumerate(walk_ticks(rng_of("phases"), 90)):
        price = float(tick["price"])
        for other in (1e17, price, price * 1.01):
            expected = fc.Engine.restore(engine.snapshot()).symbol("S").on_tick(T0 + i, other, 0.0)
            assert_same_bits(engine.symbol("S").peek(other), expected, f"peek of {other} at tick {i}")
        rows = [one.symbol("S").on_tick(T0 + i, price, 1.0) for one in (engine, twin)]
        assert_same_bits(rows[0], rows[1], f"tick {i} after peeks")
    assert engine.snapshot() == twin.snapshot()
