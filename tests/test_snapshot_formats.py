"""Snapshots of every format there has been: they load for ever, and go on with the bits of their writer.

The fixtures were written by `make_snapshot_fixtures.py` when their format was new. Those from before 2.1 hold
exponential averages where now their distances from the value are kept: they go on within the last bits, and
so do skewness and kurtosis of before 2.2, of which the values of the window are there and not its parts.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import pickle
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from samples import Array, assert_same_bits, make, stacked

FOLDER = Path(__file__).resolve().parent / "fixtures" / "snapshots"


@cache
def contents(kind: str) -> list[Any]:
    """The files of a kind, by their format."""
    found = []
    for path in sorted(FOLDER.glob(f"format_*_{kind}.json*")):
        data = path.read_bytes()
        found.append(json.loads(gzip.decompress(data) if path.suffix == ".gz" else data))
    return found


def fixtures(kind: str) -> list[Any]:
    """All fixtures of a kind, each with its format and a name."""
    found = []
    for content in contents(kind):
        rows = content[kind]
        named = (
            rows.items()
            if isinstance(rows, dict)
            else [(f"{r['indicator']}-{r['params']}-{i}", r) for i, r in enumerate(rows)]
        )
        number = content["format"]
        found += [pytest.param({**row, "format": number}, id=f"{number}-{name}") for name, row in named]
    return found


def unpacked(text: str, kind: str) -> Array:
    return np.frombuffer(base64.b64decode(text), kind)


def has_their_bits(fixture: dict[str, Any], name: str) -> bool:
    """Whether a column or indicator goes on with the bits of its writer."""
    return fixture["format"] >= (2.2 if name.split()[0] in ("SKEW", "KURTOSIS") else 2.1)


def assert_goes_on(got: Array, fixture: dict[str, Any], expected: Array, names: Sequence[str]) -> None:
    """Columns of shape (columns, rows) with the bits of the writer, or what its averages leave of them."""
    assert len(got) == len(expected) == len(names)
    for ours, theirs, name in zip(got, expected, names, strict=True):
        if has_their_bits(fixture, name):
            assert_same_bits(ours, theirs, name)
            continue
        assert np.array_equal(np.isnan(ours), np.isnan(theirs)), name
        size = np.nanmax(np.abs(theirs), initial=0.0)
        off = np.nan_to_num(np.abs(ours - theirs), posinf=0.0)
        assert (off <= 1e-9 * size).all(), name


def counts(ledger: dict[str, int]) -> dict[str, int]:
    """A ledger without the buckets that a later version added and did not use."""
    return {bucket: count for bucket, count in ledger.items() if count}


def test_there_are_fixtures_of_every_format() -> None:
    """None has been lost."""
    for kind in ("engines", "indicators"):
        assert sorted(content["format"] for content in contents(kind)) == [1, 2, 2.1, 2.2]


@pytest.mark.parametrize("fixture", fixtures("engines"))
def test_an_engine_of_an_earlier_format_goes_on(fixture: dict[str, Any]) -> None:
    """Rows, ledgers, outcomes and times as they were; then the same bits for the same ticks."""
    engine = fc.Engine.restore(base64.b64decode(fixture["snapshot"]))
    assert engine.columns == fixture["columns"]
    assert engine.cold == {}
    assert engine.symbols == list(fixture["symbols"])
    assert counts(engine.ledger) == counts(fixture["ledger"])
    for name, expected in fixture["symbols"].items():
        symbol = engine.symbol(name)
        row = unpacked(expected["row"], "<f8")[:, None]
        assert_goes_on(symbol.row[:, None], fixture, row, engine.columns)
        assert counts(symbol.ledger) == counts(expected["ledger"])
        assert (symbol.outcome, symbol.last_ts) == (expected["outcome"], expected["last_ts"])
        for column, values in expected.get("history", {}).items():
            assert_same_bits(symbol.history(column), unpacked(values, "<f8"), column)
        for spec, known in expected.get("bars", {}).items():
            assert hashlib.sha256(symbol.bars(spec).tobytes()).hexdigest() == known, spec
        assert symbol.gaps == expected.get("gaps", symbol.gaps)
    twin = fc.Engine.restore(engine.snapshot())
    fields = fixture["ticks"]
    ticks = np.zeros(len(unpacked(fields["ts"], "<i8")), fc.TICK)
    for field, packed in fields.items():
        ticks[field] = unpacked(packed, fc.TICK[field].str)
    expected = unpacked(fixture["rows"], "<f8").reshape(len(ticks), len(engine.columns))
    for one in (engine, twin):
        rows = one.on_ticks(ticks, symbols=fixture["names"], rows="all")
        assert_goes_on(rows.T, fixture, expected.T, engine.columns)
        assert counts(one.ledger) == counts(fixture["ledger_after"])
    assert engine.snapshot() == twin.snapshot()


@pytest.mark.parametrize("fixture", [one for one in fixtures("engines") if not one.id.startswith("1-")])
def test_a_symbol_of_an_earlier_format_moves(fixture: dict[str, Any]) -> None:
    """From its own snapshot, of which there are some since format 2, into an engine that has lost it."""
    engine = fc.Engine.restore(base64.b64decode(fixture["snapshot"]))
    for name, expected in fixture["symbols"].items():
        before = engine.symbol(name).snapshot()
        engine.drop(name)
        symbol = engine.restore_symbol(base64.b64decode(expected["snapshot"]))
        assert symbol.cold == {}
        assert symbol.snapshot() == before
        row = unpacked(expected["row"], "<f8")[:, None]
        assert_goes_on(symbol.row[:, None], fixture, row, engine.columns)
        assert counts(symbol.ledger) == counts(expected["ledger"])


@pytest.mark.parametrize("fixture", fixtures("indicators"))
def test_an_indicator_of_an_earlier_format_goes_on(fixture: dict[str, Any]) -> None:
    """From its pickle, which also knows its place in a plan."""
    name = fixture["indicator"]
    placed = pickle.loads(base64.b64decode(fixture["pickle"]))
    assert repr(placed) == repr(make(name, fixture["params"]).on("5m").of("a", "b.c"))
    value = np.atleast_1d(np.asarray(placed.value, float))
    assert_same_bits(value, unpacked(fixture["value"], "<f8"), name)
    columns = [unpacked(column, "<f8") for column in fixture["inputs"]]
    twin = pickle.loads(pickle.dumps(placed))
    for one in (placed, twin):
        outputs = stacked(one.batch(*columns))
        expected = unpacked(fixture["outputs"], "<f8").reshape(outputs.shape)
        assert_goes_on(outputs, fixture, expected, [name] * len(outputs))
    assert placed._snapshot() == twin._snapshot()
