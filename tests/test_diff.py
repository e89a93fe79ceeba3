"""`fastcore.diff` and `fastcore diff`: equal is equal, and what differs first is what is named."""

from __future__ import annotations

import base64
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from fastcore.cli import main
from hypothesis import given
from hypothesis import strategies as st
from samples import NAMES, SECOND, T0, columns_of, make, rng_of
from tick_streams import PLAN, SYMBOLS, one_by_one, ready_engine, streams, walk_ticks


def fed_engine(count: int = 200, change: Callable[[Any], None] | None = None, **options: Any) -> fc.Engine:
    """The plan of all kinds of nodes after a walk, which may be changed first."""
    ticks = walk_ticks(rng_of("diff"), count, SECOND, symbols=3)
    if change is not None:
        change(ticks)
    engine = ready_engine(**options)
    engine.on_ticks(ticks, symbols=SYMBOLS)
    return engine


def found(a: Any, b: Any) -> fc.Difference:
    """A difference, of which there must be one both ways, and in the same place."""
    there, back = fc.diff(a, b), fc.diff(b, a)
    assert there is not None and back is not None
    assert (there.field, there.a, there.b) == pytest.approx((back.field, back.b, back.a), nan_ok=True)
    assert there.ulps == back.ulps
    return there


# -------------------------------------------------------------------------------------------- snapshots
@given(ticks=streams(), other=streams(), cut=st.integers(0, 60))
def test_snapshots_differ_where_their_bytes_do(ticks: Any, other: Any, cut: int) -> None:
    """Equal ones after a batch, tick by tick and restored; others whenever the bytes are others."""
    one, twin = ready_engine(), ready_engine()
    one.on_ticks(ticks, symbols=SYMBOLS)
    one_by_one(twin, ticks[:cut])
    twin = fc.Engine.restore(twin.snapshot())
    one_by_one(twin, ticks[cut:])
    assert fc.diff(one, twin) is None
    mixed = ready_engine()
    mixed.on_ticks(np.concatenate([ticks[:cut], other]), symbols=SYMBOLS)
    assert (fc.diff(one, mixed) is None) == (one.snapshot() == mixed.snapshot())


def test_the_symbol_the_indicator_and_the_field_are_named() -> None:
    """One price of one symbol, a hundredth higher: the first column that shows it, and how far apart."""
    place = 197

    def change(ticks: Any) -> None:
        ticks["price"][place] += 0.01

    one, other = fed_engine(), fed_engine(change=change)
    symbol = SYMBOLS[walk_ticks(rng_of("diff"), 200, SECOND, symbols=3)["symbol"][place]]
    difference = found(one, other)
    assert (difference.kind, difference.symbol) == ("snapshot", symbol)
    assert (difference.indicator, difference.field) == ("sma", "value")
    assert difference.tick == one.symbol(symbol).ledger["received"]
    assert difference.ts == one.symbol(symbol).last_ts
    assert (difference.a, difference.b) == (one.symbol(symbol)["sma"], other.symbol(symbol)["sma"])
    assert str(difference) == (
        f"the snapshots differ first in value of sma, symbol {symbol}, after {difference.tick} ticks "
        f"(ts {difference.ts}): {difference.a!r} and {difference.b!r}, {difference.ulps} ULP apart"
    )


def test_a_tick_more_is_the_difference() -> None:
    """Not what follows from it."""
    one, other = fed_engine(), fed_engine()
    other.symbol("x").on_tick(other.symbol("x").last_ts + 1, 100.0, 1.0)
    difference = found(one, other)
    assert (difference.symbol, difference.indicator, difference.field) == ("x", None, "last_ts")
    other = fed_engine()
    other.symbol("x").on_tick(other.symbol("x").last_ts, math.nan, 1.0)
    difference = found(one, other)
    assert (difference.symbol, difference.field) == ("x", "outcome")
    assert (difference.a, difference.b) == ("accepted", "invalid")


def test_states_that_show_the_same_may_differ() -> None:
    """The mean of four prices in another order: the row is equal, what the next row follows from is not."""

    def engine(prices: list[float]) -> fc.Engine:
        made = fc.Engine({"sma": fc.SMA(4), "bar": fc.SMA(2).on("1m")})
        for i, price in enumerate(prices):
            made.symbol("S").on_tick(T0 + i, price, 1.0)
        return made

    difference = found(engine([8.0, 1.0, 2.0, 4.0, 5.0]), engine([8.0, 1.0, 4.0, 2.0, 5.0]))
    assert difference.indicator == "sma"
    assert difference.field.startswith("state.") and difference.field.endswith("]")
    assert {difference.a, difference.b} == {2.0, 4.0}
    difference = found(engine([3.0, 4.0, 4.0, 4.0, 4.0]), engine([5.0, 4.0, 4.0, 4.0, 4.0]))
    assert (difference.indicator, difference.field) == ("bars 1m", "forming.open")


@pytest.mark.parametrize(
    ("change", "symbol", "indicator", "field", "a", "b"),
    [
        (lambda e: setattr(e, "sequence", 7), None, None, "sequence", 0, 7),
        (lambda e: e.symbol("new"), "new", None, "symbol", None, "there"),
        (lambda e: e.drop("x"), "x", None, "symbol", "there", None),
    ],
)
def test_what_concerns_the_whole(
    change: Callable[[fc.Engine], object],
    symbol: str | None,
    indicator: str | None,
    field: str,
    a: object,
    b: object,
) -> None:
    """A number of a journal, a symbol more, a symbol less."""
    one, other = ready_engine(), ready_engine()
    change(other)
    difference = found(one, other)
    assert (difference.symbol, difference.indicator, difference.field) == (symbol, indicator, field)
    assert (difference.a, difference.b, difference.tick, difference.ulps) == (a, b, None, None)


def test_plans_and_options_that_differ() -> None:
    """By the indicator and the parameter; the policy; the order of the symbols."""
    one = fc.Engine({"a": fc.SMA(3), "b": fc.BBANDS(4)})
    for plan, indicator, field, a, b in (
        ({"a": fc.SMA(4), "b": fc.BBANDS(4)}, "a", "plan.params[period].value", 3.0, 4.0),
        ({"a": fc.EMA(3), "b": fc.BBANDS(4)}, "a", "plan.kernel", "SMA", "EMA"),
        ({"a": fc.SMA(3).on("1m"), "b": fc.BBANDS(4)}, "a", "plan.clock", "", "1m"),
        ({"a": fc.SMA(3), "c": fc.BBANDS(4)}, "b", "plan.name", "b", "c"),
        ({"a": fc.SMA(3)}, "b", "plan", "there", None),
    ):
        difference = found(one, fc.Engine(plan))
        assert difference.field == field
        assert (difference.a, difference.b) == (a, b)
        assert difference.indicator == indicator
    difference = found(one, fc.Engine({"a": fc.SMA(3), "b": fc.BBANDS(4)}, policy=fc.Policy("accept")))
    assert difference.field == "policy.order"
    assert (difference.a, difference.b) == ("drop", "accept")
    twin = fc.Engine({"a": fc.SMA(3), "b": fc.BBANDS(4)})
    for symbol in "pq":
        one.symbol(symbol)
    for symbol in "qp":
        twin.symbol(symbol)
    difference = found(one, twin)
    assert (difference.field, difference.a, difference.b) == ("symbols[0]", "p", "q")


def test_history_is_compared_where_both_hold_it() -> None:
    """Rows that have left the windows, and closed bars."""

    simple, changed = (fc.Engine({"sma": fc.SMA(2)}, history=50) for _ in range(2))
    for i in range(20):
        simple.symbol("S").on_tick(T0 + i, 100.0 + i, 1.0)
        changed.symbol("S").on_tick(T0 + i, 100.0 + i + (i == 5), 1.0)
    assert fc.diff(simple, changed) is None
    assert fc.diff(simple.snapshot(history=True), changed.snapshot()) is None
    difference = found(*(engine.snapshot(history=True) for engine in (simple, changed)))
    assert (difference.indicator, difference.field) == ("sma", "history[5].value")
    assert (difference.a, difference.b) == (104.5, 105.0)
    barred, moved = (fc.Engine({"sma": fc.SMA(2).on("1s")}, history=50) for _ in range(2))
    for i in range(20):
        barred.symbol("S").on_tick(T0 + i * SECOND, 100.0, 1.0)
        moved.symbol("S").on_tick(T0 + i * SECOND, 100.0, 1.0 + (i == 3))
    difference = found(*(engine.snapshot(history=True) for engine in (barred, moved)))
    assert (difference.indicator, difference.field) == ("bars 1s", "history[3].volume")
    assert (difference.a, difference.b) == (1.0, 2.0)


@pytest.mark.parametrize("name", NAMES)
def test_every_indicator_is_compared(name: str) -> None:
    """Equal to its copy; other rows make another state, and the first field of it is named."""
    columns = columns_of(name, rng_of("diff", name), 300)
    one, twin = make(name), make(name)
    one.batch(*columns)
    for row in zip(*(column.tolist() for column in columns), strict=True):
        twin.update(*row)
    assert fc.diff(one, twin) is None
    twin.update(*(2.0 * float(column[0]) for column in columns))  # a level that none would pass over
    difference = found(one, twin)
    assert difference.indicator == name
    assert difference.field.startswith(("values[", "state.")), difference


def test_an_older_format_that_says_the_same_is_equal() -> None:
    """And one that does not is told apart all the same."""
    folder = Path(__file__).resolve().parent / "fixtures" / "snapshots"
    engines = json.loads((folder / "format_1_engines.json").read_text())["engines"]
    old = base64.b64decode(engines["chains"]["snapshot"])
    engine = fc.Engine.restore(old)
    assert fc.diff(old, engine) is None
    assert fc.diff(engine, old) is None
    engine.symbol("BTCUSDT").on_tick(engine.symbol("BTCUSDT").last_ts + 1, 100.0, 1.0)
    assert found(old, engine).field == "last_ts"
    indicators = json.loads((folder / "format_1_indicators.json").read_text())["indicators"]
    for row in indicators[:8]:
        data = base64.b64decode(row["snapshot"])
        assert fc.diff(data, fc.Engine.restore(old)) is not None
        assert fc.diff(data, data) is None


def test_things_of_different_kinds(tmp_path: Path) -> None:
    """An engine is no indicator, which is a difference; a snapshot is no output, which is an error."""
    difference = found(fc.SMA(3), fed_engine())
    assert (difference.field, difference.a, difference.b) == ("kind", "indicator", "engine")
    fed_engine().save(tmp_path / "engine")
    with pytest.raises(fc.InputError, match=r"engine is a snapshot and a Table is an output"):
        fc.diff(tmp_path / "engine", pa.table({"x": [1.0]}))
    with pytest.raises(fc.InputError, match=r"a path, bytes, an engine, .*, not float"):
        fc.diff(1.0, fed_engine())
    assert fc.diff(tmp_path / "engine", fed_engine()) is None
    assert fc.diff(fed_engine().symbol("x"), fed_engine().symbol("x")) is None
    assert found(fed_engine().symbol("x"), fed_engine(150).symbol("x")).symbol == "x"


def test_what_is_damaged_is_named(tmp_path: Path) -> None:
    """The file, and what is wrong with it; whichever of the two it is."""
    good, bad = tmp_path / "good", tmp_path / "bad"
    fed_engine().save(good)
    bad.write_bytes(good.read_bytes()[:-1] + b"x")
    for pair in ((good, bad), (bad, good), (bad, bad)):
        with pytest.raises(fc.SnapshotError, match=r"diff: .*bad: .*damaged"):
            fc.diff(*pair)
    with pytest.raises(FileNotFoundError, match=r"diff: cannot read '.*absent': No such file"):
        fc.diff(good, tmp_path / "absent")
    with pytest.raises(fc.InputError, match=r"good is a snapshot and .* is a journal: only"):
        fc.diff(good, tmp_path)


# ---------------------------------------------------------------------------------------------- outputs
def outputs(rows: int = 400) -> pa.Table:
    """What a replay writes: ts, symbol, outcome, and every output."""
    ticks = walk_ticks(rng_of("outputs"), rows, SECOND, symbols=3)
    values, outcomes = fc.Engine(PLAN).on_ticks(ticks, symbols=SYMBOLS, rows="all", outcomes=True)
    columns = fc.Engine(PLAN).columns
    return pa.table(
        {
            "ts": pa.array(ticks["ts"]).cast(pa.timestamp("ns", "UTC")),
            "symbol": pa.array([SYMBOLS[i] for i in ticks["symbol"]]).dictionary_encode(),
            "outcome": [fc.OUTCOMES[code] for code in outcomes],
            **{name: values[:, place] for place, name in enumerate(columns)},
        }
    )


def with_value(table: pa.Table, column: str, row: int, value: float | None) -> pa.Table:
    values = table[column].to_pylist()
    values[row] = value
    return table.set_column(table.column_names.index(column), column, pa.array(values, pa.float64()))


def test_equal_outputs_are_equal_however_they_are_kept(tmp_path: Path) -> None:
    """Frames of each library; Parquet with other row groups; Arrow."""
    table = outputs()
    plain = table.set_column(1, "symbol", table["symbol"].cast(pa.string()))
    pq.write_table(table, tmp_path / "one.parquet", row_group_size=33)
    pq.write_table(plain, tmp_path / "other.parquet", row_group_size=70)
    with pa.ipc.new_file(tmp_path / "rows.arrow", plain.schema) as file:
        file.write_table(plain, max_chunksize=57)
    sides = [
        table,
        plain,
        pl.from_arrow(plain),
        plain.to_pandas(),
        tmp_path / "one.parquet",
        str(tmp_path / "other.parquet"),
        tmp_path / "rows.arrow",
    ]
    for a in sides:
        for b in sides:
            if not isinstance(a, pd.DataFrame) and not isinstance(b, pd.DataFrame):
                assert fc.diff(a, b) is None
    assert fc.diff(sides[3], sides[3]) is None  # pandas: NaN or nothing, it does not tell
    pacsv.write_csv(plain, tmp_path / "one.csv")
    pacsv.write_csv(plain, tmp_path / "other.csv", pacsv.WriteOptions(batch_size=13))
    assert fc.diff(tmp_path / "one.csv", tmp_path / "other.csv") is None


@given(data=st.data())
def test_the_first_row_that_differs_is_named(data: st.DataObject) -> None:
    """Whatever is changed, in however many rows and columns, and however the rows are cut."""
    table = outputs(120)
    columns = table.column_names[3:]
    changes = data.draw(
        st.lists(
            st.tuples(st.integers(0, 119), st.sampled_from(columns), st.integers(1, 5)),
            min_size=1,
            max_size=4,
            unique_by=lambda change: change[:2],
        )
    )
    changed = table
    for row, column, steps in changes:
        value = table[column][row].as_py()
        for _ in range(steps):
            value = math.nextafter(value, math.inf)
        changed = with_value(changed, column, row, 1.5 if math.isnan(value) else value)
    row, column, steps = min(changes, key=lambda change: (change[0], columns.index(change[1])))
    cuts = sorted(data.draw(st.lists(st.integers(0, 120), max_size=4)))
    pieces = [
        piece
        for start, stop in zip([0, *cuts], [*cuts, 120], strict=True)
        for piece in changed.slice(start, stop - start).to_batches()
    ]
    difference = found(table, pa.Table.from_batches(pieces, changed.schema))
    indicator, _, output = column.partition(".")
    assert (difference.kind, difference.tick) == ("output", row)
    assert difference.symbol == table["symbol"][row].as_py()
    assert difference.ts == table["ts"][row].value
    assert (difference.indicator, difference.field) == (indicator, output or "value")
    was = table[column][row].as_py()
    assert difference.ulps == (None if math.isnan(was) else steps)
    assert difference.a == was or math.isnan(was)


def test_zeros_nothing_and_nan() -> None:
    """Minus zero is not zero, though no float lies between; nothing is not NaN; NaN is NaN."""
    base = pa.table({"x": [0.0, math.nan, 1.0]})
    difference = found(base, pa.table({"x": [-0.0, math.nan, 1.0]}))
    assert (difference.tick, difference.ulps, repr(difference.b)) == (0, 0, "-0.0")
    difference = found(base, pa.table({"x": [0.0, None, 1.0]}))
    assert (difference.tick, difference.ulps, difference.b) == (1, None, None)
    other_nan = np.array([0.0, 0.0, 1.0])
    other_nan.view(np.uint64)[1] = 0xFFF8_0000_0000_0123
    assert fc.diff(base, pa.table({"x": other_nan})) is None
    assert found(base, pa.table({"x": [0.0, math.inf, 1.0]})).ulps is None
    tiny = found(pa.table({"x": [5e-324]}), pa.table({"x": [-5e-324]}))
    assert tiny.ulps == 2
    assert found(pa.table({"x": [math.inf]}), pa.table({"x": [1.7976931348623157e308]})).ulps == 1


def test_outputs_of_other_shapes() -> None:
    """Columns more, in another order, of another type; rows more."""
    table = outputs(50)
    difference = found(table, table.drop_columns(["bands.upper"]))
    assert (difference.indicator, difference.field, difference.b) == ("bands", "upper", None)
    names = table.column_names
    swapped = table.select([*names[:3], names[4], names[3], *names[5:]])
    difference = found(table, swapped)
    assert (difference.field, difference.a, difference.b) == ("columns[3]", names[3], names[4])
    difference = found(pa.table({"x": [1.0]}), pa.table({"x": ["1.0"]}))
    assert (difference.tick, difference.a, difference.b) == (0, "double", "string")
    assert fc.diff(pa.table({"x": [1, 2]}), pa.table({"x": pa.array([1, 2], pa.uint8())})) is None
    difference = found(table, table.slice(0, 37))
    assert (difference.tick, difference.field, difference.b) == (37, "rows", None)
    assert difference.symbol == table["symbol"][37].as_py()
    assert fc.diff(table.slice(0, 0), table.slice(50)) is None
    assert found(table, table.slice(0, 0)).tick == 0


def test_outputs_that_cannot_be_read(tmp_path: Path) -> None:
    """The file, and why."""
    good, bad = tmp_path / "good.parquet", tmp_path / "bad.parquet"
    pq.write_table(outputs(50), good)
    bad.write_bytes(good.read_bytes()[:-7])
    with pytest.raises(fc.FileFeedError, match=r"bad\.parquet cannot be read"):
        fc.diff(good, bad)
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(fc.FileFeedError, match=r"empty\.csv cannot be read"):
        fc.diff(good, tmp_path / "empty.csv")


def test_long_files_are_compared_in_little_memory(tmp_path: Path) -> None:
    """Two million rows, 80 MB, whose last differs: the process takes on less than a third of that."""
    rows, parts = 100_000, 20
    values = rng_of("long").random((rows, 5))
    for name in ("one", "other"):
        schema = pa.schema([(f"x{k}", pa.float64()) for k in range(5)])
        with pq.ParquetWriter(tmp_path / name, schema, compression="none", use_dictionary=False) as file:
            for part in range(parts):
                last = values.copy()
                if part == parts - 1 and name == "other":
                    last[-1, 4] = 7.0
                file.write_table(pa.table({f"x{k}": last[:, k] for k in range(5)}), row_group_size=rows)
    program = (
        "import resource, sys, fastcore, pyarrow.parquet, pyarrow.compute\n"
        "used = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = used()\n"
        "found = fastcore.diff(*sys.argv[1:])\n"
        "print(found.tick, found.field, found.indicator, used() - before)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "one"), str(tmp_path / "other")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    tick, field, indicator, kilobytes = done.stdout.split()
    assert (tick, field, indicator) == (str(rows * parts - 1), "value", "x4")
    assert os.path.getsize(tmp_path / "one") > 75e6
    assert int(kilobytes) < 27_000


# --------------------------------------------------------------------------------------------- journals
Act = Callable[[fc.Engine, int], object]


def journal_of(folder: Path, change: Act | None = None, **options: Any) -> Path:
    """What an engine with every kind of record leaves; `change` is called before tick 150."""
    with fc.Journal(folder, **options) as journal:
        engine = fc.Engine({"sma": fc.SMA(3), "bar": fc.EMA(2).on("1m")}, journal=journal)
        engine.symbol("own", policy=fc.Policy("accept"))
        for i in range(300):
            if i == 150 and change is not None:
                change(engine, i)
            engine.symbol("ab"[i % 2]).on_tick(T0 + i * SECOND, 100.0 + i / 8, 1.0, side=1, id=i)
            if i % 50 == 49:
                engine.symbol("a").on_quote(T0 + i * SECOND, 99.0, 101.0)
                engine.symbol("c").on_bar("1m", T0 + i * SECOND, 1.0, 2.0, 0.5, 1.5, 10.0)
        engine.flush()
        engine.drop("b")
    return folder


def test_journals_of_the_same_calls_are_equal(tmp_path: Path) -> None:
    """Cut into other segments, synced otherwise, with notes in one of them."""
    one = journal_of(tmp_path / "one")
    other = journal_of(
        tmp_path / "other", lambda e, _: e.journal.note("here"), segment_bytes=65_536, fsync="os"
    )
    assert fc.diff(one, other) is None
    assert fc.diff(str(one), fc.Journal(other)) is None


@pytest.mark.parametrize(
    ("change", "symbol", "field", "a", "b"),
    [
        (lambda e, i: e.symbol("a").on_tick(T0 + i * SECOND, 100.0, 1.0), "a", "price", 118.75, 100.0),
        (lambda e, i: e.symbol("b").on_tick(T0 + i * SECOND, 118.75, 1.0), "a", "symbol", "a", "b"),
        (lambda e, i: e.symbol("a").on_quote(T0 + i * SECOND, 1.0, 2.0), "a", "record", "tick", "quote"),
        (lambda e, _: e.symbol("new"), "a", "record", "tick", "make"),
        (lambda e, _: e.flush(), "a", "record", "tick", "flush"),
        (lambda e, _: e.drop("b"), "a", "record", "tick", "drop"),
        (
            lambda e, i: e.symbol("a").on_tick(T0 + i * SECOND, 118.75, 1.0, side=-1, id=i),
            "a",
            "side",
            1,
            -1,
        ),
    ],
)
def test_the_record_of_a_journal_is_named(
    tmp_path: Path, change: Act, symbol: str, field: str, a: object, b: object
) -> None:
    """The 150th tick, by what is another one there."""
    one, other = journal_of(tmp_path / "one"), journal_of(tmp_path / "other", change)
    difference = fc.diff(one, other)
    assert difference is not None
    assert (difference.kind, difference.symbol, difference.indicator) == ("journal", symbol, None)
    assert (difference.field, difference.a, difference.b) == (field, a, b)
    assert (difference.tick, difference.ts) == (153, T0 + 150 * SECOND)  # three quotes came before it


def test_journals_of_other_quotes_bars_policies_and_lengths(tmp_path: Path) -> None:
    """Each by its own fields."""

    def made(name: str, act: Callable[[fc.Engine], object]) -> Path:
        with fc.Journal(tmp_path / name) as journal:
            act(fc.Engine({"sma": fc.SMA(3), "bar": fc.EMA(2).on("1m")}, journal=journal))
        return tmp_path / name

    def bar(close: float, span: str = "1m") -> Callable[[fc.Engine], object]:
        return lambda e: e.symbol("a").on_bar(span, T0, 1.0, 2.0, 0.5, close, 10.0)

    for number, (one, other, field, a, b) in enumerate(
        [
            (bar(1.5), bar(1.25), "close", 1.5, 1.25),
            (
                lambda e: e.symbol("a").on_quote(T0, 1.0, 2.0, 3.0, 4.0),
                lambda e: e.symbol("a").on_quote(T0, 1.0, 2.0, 3.0, 5.0),
                "ask_size",
                4.0,
                5.0,
            ),
            (
                lambda e: e.symbol("a", policy=fc.Policy("accept")),
                lambda e: e.symbol("a", policy=fc.Policy("reject")),
                "policy.order",
                "accept",
                "reject",
            ),
            (bar(1.5), lambda _: None, "record", "make", None),
        ]
    ):
        difference = found(made(f"{number} a", one), made(f"{number} b", other))
        assert (difference.symbol, difference.field, difference.a, difference.b) == ("a", field, a, b)


def test_journals_that_cannot_be_told_apart_are_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that is damaged, and a folder that holds none; by the command: 0, 1, 2."""
    one, other = journal_of(tmp_path / "one"), journal_of(tmp_path / "other")
    assert main(["diff", str(one), str(other)]) == 0
    longer = journal_of(tmp_path / "longer", lambda e, _: e.symbol("a").on_tick(T0, 7.0))
    assert main(["diff", str(one), str(longer), "--json"]) == 1
    assert json.loads(capsys.readouterr().out.removeprefix("equal\n"))["difference"]["field"] == "ts"
    segment = next(other.glob("*.fcj"))
    data = bytearray(segment.read_bytes())
    data[4000] ^= 1
    segment.write_bytes(data)
    with pytest.raises(fc.JournalError, match=r"other: .*missing"):
        fc.diff(one, other)
    assert main(["diff", str(one), str(other)]) == 2
    (tmp_path / "empty").mkdir()
    with pytest.raises(fc.JournalError, match="empty holds no journal"):
        fc.diff(one, tmp_path / "empty")


# ------------------------------------------------------------------------------------- the command line
def test_the_command_says_equal_different_or_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a sentence, by JSON, and by its status: 0, 1, 2."""
    monkeypatch.chdir(tmp_path)
    fed_engine().save("one")
    fed_engine().save("same")
    fed_engine(199).save("other")
    Path("damaged").write_bytes(Path("one").read_bytes()[:-1])
    assert main(["diff", "one", "same"]) == 0
    assert capsys.readouterr().out == "equal\n"
    assert main(["diff", "one", "other"]) == 1
    assert capsys.readouterr().out == f"{fc.diff('one', 'other')}\n"
    assert main(["diff", "one", "same", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"a": "one", "b": "same", "equal": True, "difference": None}
    assert main(["diff", "one", "other", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    difference = fc.diff("one", "other")
    assert difference is not None
    assert answer == {"a": "one", "b": "other", "equal": False, "difference": difference.to_json()}
    for arguments in (
        ["one", "damaged"],
        ["one", "absent"],
        ["one"],
        ["one", "same", "-x"],
        ["one", "."],
    ):
        assert main(["diff", *arguments]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1, err
    pq.write_table(pa.table({"x": [math.nan, 1.0]}), "nan.parquet")
    pq.write_table(pa.table({"x": [2.0, 1.0]}), "two.parquet")
    assert main(["diff", "nan.parquet", "two.parquet", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(name))
    assert answer["difference"]["a"] == "nan"
    assert answer["difference"]["b"] == 2.0
    assert main(["diff", "nan.parquet", "one"]) == 2


def test_a_replay_compared_with_another(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Two runs of one file, in batches of other sizes, then with another indicator."""
    lines = ["ts,price,size"] + [f"{T0 + i * SECOND},{100 + i % 7},1" for i in range(300)]
    (tmp_path / "ticks.csv").write_text("\n".join(lines))
    names = [str(tmp_path / name) for name in ("a.parquet", "b.parquet", "c.parquet")]
    for name, batch, plan in zip(names, ("64", "7", "64"), ("EMA(5)", "EMA(5)", "EMA(6)"), strict=True):
        source = str(tmp_path / "ticks.csv")
        assert main(["replay", source, "--indicator", f"e={plan}", "--out", name, "--batch", batch]) == 0
    capsys.readouterr()
    assert main(["diff", names[0], names[1]]) == 0
    assert main(["diff", names[0], names[2]]) == 1
    assert "equal\nthe outputs differ first in value of e, symbol ticks, tick 4" in capsys.readouterr().out
