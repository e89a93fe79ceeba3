"""Bulk ways in and columns out, on both databases; pandas and NumPy say what must come back."""

from __future__ import annotations

import struct
from typing import Any

import fastcore as fc
import numpy as np
import pandas as pd
import pytest
from cache_tools import in_loop
from databases import MINUTE, START, bar_columns, new_database, opened
from fastcore.store import (
    aggregate_bars,
    append,
    as_of,
    latest_bars,
    scan,
    schema,
    symbol_ids,
    to_arrow,
    upsert,
)
from fastcore.store._wire import read_array, read_arrays
from hypothesis import given, settings
from hypothesis import strategies as st

NAMES = ["BTC", "ETH", "Ünï", ""]


def many_bars(count: int, seed: int = 3) -> dict[str, Any]:
    """Bars of four symbols and three spans, in no order."""
    rng = np.random.default_rng(seed)
    places = rng.permutation(count)
    spans = np.array(["1m", "5m", "100tick"], object)[places % 3]
    numbers = {name: rng.normal(size=count) for name in ("open", "high", "low", "close", "volume")}
    numbers["open"][:4] = [0.0, -0.0, np.inf, 5e-324]
    symbols = np.array(NAMES, object)[places % 4]
    return {"ts": START + places, "symbol": symbols, "span": spans, **numbers, "count": places - 7}


@in_loop
async def test_what_is_appended_comes_back_to_the_bit(fresh_url: str) -> None:
    columns = many_bars(9000)
    async with opened(fresh_url) as database:
        async with database.begin() as connection:
            assert await append(connection, schema.bars, columns) == 9000
        frame = pd.DataFrame(columns).sort_values(["ts"])
        async with database.connect() as connection:
            for name in NAMES:
                for span in ("1m", "100tick"):
                    found = await scan(connection, schema.bars, name, 0, 2**62, span=span)
                    wanted = frame[(frame.symbol == name) & (frame.span == span)]
                    assert len(found["ts"]) == len(wanted) > 0
                    for column, values in found.items():
                        expected = wanted[column].to_numpy()
                        if values.dtype != object:
                            assert values.tobytes() == expected.astype(values.dtype).tobytes(), column
                        assert set(values) == set(expected)
            every = await scan(connection, schema.bars, "BTC", 0, 2**62)
            assert every["span"].tolist() == frame[frame.symbol == "BTC"]["span"].tolist()
            assert len((await scan(connection, schema.bars, "BTC", 0, 2**62, limit=7))["ts"]) == 7
            with pytest.raises(fc.InputError, match="bars has no column 'colour'; it has ts, symbol_id"):
                await scan(connection, schema.bars, "BTC", 0, 1, colour="red")


@in_loop
async def test_a_key_that_is_there_is_not_appended_again(fresh_url: str) -> None:
    async with opened(fresh_url) as database:
        async with database.begin() as connection:
            await append(connection, schema.bars, many_bars(100))
        other = many_bars(100)
        other["ts"] = other["ts"] + 99
        with pytest.raises(fc.InputError, match=r"must be new, but a key \(symbol_id, span, ts\) is there"):
            async with database.begin() as connection:
                other["symbol"] = many_bars(100)["symbol"]
                other["ts"][0] = many_bars(100)["ts"][0]
                await append(connection, schema.bars, other)
        async with database.connect() as connection:
            counts = [len((await scan(connection, schema.bars, name, 0, 2**62))["ts"]) for name in NAMES]
        assert sum(counts) == 100


@in_loop
async def test_many_rows_are_overwritten_as_few_are(fresh_url: str) -> None:
    """Both ways of an upsert, against a dict: the last of each key, in one batch and between batches."""
    rng = np.random.default_rng(5)
    expected: dict[tuple[int, str], float] = {}
    async with opened(fresh_url) as database:
        for count in (50, 6000, 300, 9000):
            ts, value = START + rng.integers(0, 4000, count), rng.normal(size=count)
            names = rng.choice(np.array(["ema", "rsi"], object), count)
            columns = {"ts": ts, "symbol": "BTC", "name": names, "value": value}
            async with database.begin() as connection:
                written = await upsert(connection, schema.values, columns)
            keys = list(zip(ts.tolist(), names.tolist(), strict=True))
            assert written == len(set(keys))
            expected.update(zip(keys, value.tolist(), strict=True))
        async with database.connect() as connection:
            found = await scan(connection, schema.values, "BTC", 0, 2**62)
    keys = list(zip(found["ts"].tolist(), found["name"].tolist(), strict=True))
    assert dict(zip(keys, found["value"].tolist(), strict=True)) == expected


@in_loop
async def test_a_batch_is_written_whole_or_not_at_all(fresh_url: str) -> None:
    """Also where nothing but the driver's own call is in the transaction."""
    async with opened(fresh_url) as database:
        for count in (10, 9000):
            with pytest.raises(RuntimeError, match="later"):
                async with database.begin() as connection:
                    values = {"ts": START + np.arange(count), "symbol": "BTC", "name": "ema"}
                    await upsert(connection, schema.values, {**values, "value": np.ones(count)})
                    raise RuntimeError("later")
        async with database.connect() as connection:
            assert len((await scan(connection, schema.values, "BTC", 0, 2**62))["ts"]) == 0


BAD: list[tuple[dict[str, Any], str]] = [
    ({"close": [1.0, float("nan"), 3.0]}, "close of bars must not be NaN; row 1 is"),
    ({"ts": [1.5, 2.0, 3.0]}, "ts of bars must be whole numbers, not float64"),
    ({"ts": np.array([1, 2, 2**63], np.uint64)}, "ts of bars must lie within 64 bits"),
    ({"symbol_id": [2**31, 1, 1]}, "symbol_id of bars must lie within 32 bits"),
    ({"symbol_id": [1, 7, 1]}, "symbol_id of bars: no symbol has the number 7"),
    ({"close": ["1", "2", "3"]}, "close of bars must be numbers"),
    ({"close": [[1.0, 2.0, 3.0]]}, "one dimension"),
    ({"close": [[1.0], 2.0, 3.0]}, "close of bars must be numbers"),
    ({"span": [1, 2, 3]}, "span of bars must be text, not 1"),
    ({"span": "a\0b"}, "span of bars must be text without NUL"),
    ({"span": "\ud800"}, "span of bars must be text without NUL"),
    ({"span": ["1m"]}, "one length"),
]


@in_loop
async def test_rows_that_no_database_can_hold_are_refused_alike(fresh_url: str) -> None:
    async with opened(fresh_url) as database, database.begin() as connection:
        await symbol_ids(connection, ["BTC"])
        for change, sentence in BAD:
            with pytest.raises(fc.InputError, match=sentence):
                await upsert(connection, schema.bars, {**bar_columns(1, 0, 3), **change})


@in_loop
async def test_ticks_with_what_was_known_at_their_time(fresh_url: str) -> None:
    rng = np.random.default_rng(8)
    ts = START + np.sort(rng.integers(0, 10**9, 700))
    known = START + np.sort(rng.choice(10**9, 60, replace=False)) - 10**8
    value = rng.normal(size=60)
    ticks = {"ts": ts, "symbol": "BTC", "id": np.arange(700), "price": ts / 7, "size": ts / 9, "side": ts % 2}
    async with opened(fresh_url) as database:
        async with database.begin() as connection:
            await upsert(connection, schema.ticks, ticks)
            await upsert(
                connection, schema.values, {"ts": known, "symbol": "BTC", "name": "ema", "value": value}
            )
            await upsert(
                connection, schema.values, {"ts": known, "symbol": "ETH", "name": "ema", "value": value + 1}
            )
        start, end = int(ts[100]), int(ts[600])
        async with database.begin() as connection:
            found = await as_of(connection, "BTC", ["ema", "unknown"], start, end)
            young = await as_of(connection, "BTC", ["ema"], start, end, max_age=10**7)
            nothing = await as_of(connection, "SOL", ["ema"], start, end)
    left = pd.DataFrame({"ts": ts})[(ts >= start) & (ts < end)]
    right = pd.DataFrame({"ts": known, "value": value})
    joined = pd.merge_asof(left, right, on="ts")
    np.testing.assert_array_equal(found["ema"], joined["value"])
    assert np.isnan(found["unknown"]).all()
    assert len(nothing["ts"]) == len(nothing["ema"]) == 0
    joined = pd.merge_asof(left, right, on="ts", tolerance=10**7)
    assert joined["value"].isna().any()
    assert joined["value"].notna().any()
    np.testing.assert_array_equal(young["ema"], joined["value"])


@in_loop
async def test_longer_bars_out_of_shorter_ones(fresh_url: str) -> None:
    columns = bar_columns("BTC", 3, 500)
    keep = np.random.default_rng(4).random(500) < 0.3  # with gaps
    columns = {k: v if isinstance(v, str) else np.asarray(v)[keep] for k, v in columns.items()}
    hour = 60 * MINUTE
    async with opened(fresh_url) as database:
        async with database.begin() as connection:
            await upsert(connection, schema.bars, columns)
            await upsert(connection, schema.bars, bar_columns("ETH", 0, 500, seed=9))
        async with database.connect() as connection:
            found = await aggregate_bars(connection, "BTC", "1m", hour, START + hour, START + 7 * hour)
            with pytest.raises(fc.ParameterError, match="every must be above 0 ns and start 0 or later"):
                await aggregate_bars(connection, "BTC", "1m", 0, 0, 1)
    frame = pd.DataFrame({k: v for k, v in columns.items() if k not in ("symbol", "span")})
    frame = frame[(frame.ts >= START + hour) & (frame.ts < START + 7 * hour)]
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum", "count": "sum"}
    wanted = frame.groupby(frame.ts - frame.ts % hour).agg(how)  # type: ignore[arg-type]
    assert len(wanted) == 7
    np.testing.assert_array_equal(found["ts"], wanted.index)
    for column in how:
        np.testing.assert_allclose(found[column], wanted[column], rtol=1e-12)
    assert found["count"].dtype == np.int64


@in_loop
async def test_columns_are_arrow_tables_without_a_copy(fresh_url: str) -> None:
    async with opened(fresh_url) as database:
        async with database.begin() as connection:
            for name in ("BTC", "ETH"):
                await upsert(connection, schema.bars, bar_columns(name, 0, 30))
        async with database.connect() as connection:
            latest = await latest_bars(connection, ["BTC", "ETH"], "1m", 20)
            one = await scan(connection, schema.bars, "BTC", 0, 2**62, span="1m")
    table = to_arrow(latest)
    assert table.num_rows == 40
    assert table["symbol"].to_pylist() == [*["BTC"] * 20, *["ETH"] * 20]
    assert table["close"].to_pylist() == [*latest["BTC"]["close"], *latest["ETH"]["close"]]
    arrow = to_arrow(one)
    assert arrow["close"].chunk(0).buffers()[1].address == one["close"].ctypes.data
    assert to_arrow({}).num_rows == 0


@in_loop
async def test_a_scan_makes_no_object_for_each_row(server: str) -> None:
    """On PostgreSQL a column arrives as one value of bytes, which asyncpg hands out as they came."""
    async with opened(await new_database(server)) as database:
        async with database.begin() as connection:
            await append(connection, schema.bars, bar_columns("BTC", 0, 20_000))
        async with database.connect() as connection:
            found = await scan(connection, schema.bars, "BTC", 0, 2**62, span="1m")
            raw = (await connection.get_raw_connection()).driver_connection
            assert raw is not None
            statements = await raw.fetch("SELECT statement FROM pg_prepared_statements")
    assert len(found["ts"]) == 20_000
    assert any("array_send(array_agg" in row["statement"] for row in statements)


@given(
    st.integers(0, 6).flatmap(
        lambda rows: st.lists(
            st.one_of(st.none(), st.lists(st.floats(), min_size=rows, max_size=rows), st.lists(st.floats()))
        )
    ),
    st.booleans(),
)
@settings(max_examples=200)
def test_arrays_are_read_together_as_one_by_one(many: list[list[float] | None], turned: bool) -> None:
    sent = [None if values is None else as_sent(values) for values in many]
    found = read_arrays(sent, np.float64, turned=turned)
    assert len(found) == len(many)
    for own, values in zip(found, many, strict=True):
        np.testing.assert_array_equal(own, np.array((values or [])[:: -1 if turned else 1], np.float64))
        assert own.dtype == np.float64 and own.base is None and own.flags.c_contiguous


def test_of_arrays_that_are_read_together_none_may_be_another_thing() -> None:
    whole = as_sent([1.0, 2.0])
    with_null = whole[:7] + b"\1" + whole[8:]
    for wrong in (with_null, whole[:-1], b"\1"):
        for sent in ([whole, wrong], [wrong, whole], [wrong, wrong]):
            with pytest.raises(fc.StoreError, match="numbers were asked for"):
                read_arrays(sent, np.float64)


def as_sent(values: list[float]) -> bytes:
    """An array as PostgreSQL sends it."""
    if not values:
        return struct.pack(">iiI", 0, 0, 701)
    return struct.pack(">iiIii", 1, 0, 701, len(values), 1) + b"".join(
        struct.pack(">id", 8, value) for value in values
    )


@given(st.binary(max_size=60))
@settings(max_examples=200)
def test_bytes_that_are_no_array_are_refused(data: bytes) -> None:
    try:
        found = read_array(data, np.float64)
    except fc.StoreError as error:
        assert "numbers were asked for" in str(error)
    else:
        assert len(found) == 0 or len(data) >= 20 + 5 * len(found)
