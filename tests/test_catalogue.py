"""The catalogue is complete and says the truth, and the package exports what it names and nothing else."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from types import ModuleType
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from references import REFERENCES
from samples import NAMES, ROWS, columns_of, default_params, function, make, random_params, rng_of

FIRST = [
    "SMA",
    "EMA",
    "WMA",
    "DEMA",
    "TEMA",
    "HMA",
    "KAMA",
    "RMA",
    "MACD",
    "RSI",
    "STOCH",
    "WILLR",
    "CCI",
    "ROC",
    "MOM",
    "ATR",
    "TRANGE",
    "BBANDS",
    "STDDEV",
    "DONCHIAN",
    "ADX",
    "OBV",
    "VWAP",
    "MFI",
    "ZSCORE",
    "LINEARREG",
]
INPUTS = ("ts", "open", "high", "low", "close", "volume", "side", "bid", "ask", "bid_size", "ask_size")
every_row = pytest.mark.parametrize("name", NAMES)


def test_the_first_26_are_there_once() -> None:
    """Under the names of the field, each once, whatever the case."""
    assert len(NAMES) == len(fc.indicators()) >= 26
    assert set(FIRST) <= set(NAMES)
    assert len({name.lower() for name in NAMES}) == len(NAMES)


@every_row
def test_every_field_is_filled(name: str) -> None:
    """Sentences, formulas, sources; inputs in their fixed order; ranges that hold their default."""
    row = ROWS[name]
    assert set(row) == {"name", "family", "doc", "formula", "source", "params", "inputs", "outputs"}
    assert row["family"].isidentifier()
    assert re.fullmatch(r"[A-Z].*[.]", row["doc"])
    assert "=" in row["formula"]
    assert re.search(r"[A-Z][a-z]+.*\b(18|19|20)\d\d[):]", row["source"]), "an author and a year"
    assert row["inputs"]
    assert row["inputs"] == [column for column in INPUTS if column in row["inputs"]]
    assert row["outputs"]
    names = [output["name"] for output in row["outputs"]]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", output) for output in names)
    assert {output["role"] for output in row["outputs"]} <= {"line", "bar", "band", "signal"}
    if len(names) == 1:
        assert names == [name.lower()]
    for p in row["params"]:
        assert set(p) - {"choices", "convention"} == {"name", "type", "default", "min", "max", "doc"}
        assert re.fullmatch(r"[a-z][a-z0-9_]*", p["name"])
        if "choices" in p:
            assert (p["type"], p["min"], p["max"] + 1) == ("int", 0, len(set(p["choices"])))
        kind = {"int": int, "float": float}[p["type"]]
        assert {type(p[key]) for key in ("default", "min", "max")} == {kind}
        assert p["min"] <= p["default"] <= p["max"]
        assert p["min"] < p["max"]
        assert len(p["doc"].split()) >= 2


@every_row
def test_class_and_function_exist_and_explain_themselves(name: str) -> None:
    """Their docstrings hold formula, source, inputs, outputs, and each parameter with default and range."""
    row, cls, call = ROWS[name], getattr(fc, name), function(name)
    assert issubclass(cls, fc.Indicator)
    assert (cls.__name__, cls.__module__) == (name, "fastcore")
    assert (call.__name__, call.__qualname__, call.__module__) == (name.lower(), name.lower(), "fastcore")
    for documented in (cls, call):
        doc = documented.__doc__ or ""
        for part in (row["doc"], row["formula"], row["source"], *row["inputs"]):
            assert part in doc, f"{part!r} is not in {documented}"
        for p in row["params"]:
            kind = "int or str" if "choices" in p else p["type"]
            assert f"{p['name']} : {kind}, default {p['default']}" in doc
            assert f"{p['min']} to {p['max']}" in doc
    assert all(output["name"] in (call.__doc__ or "") for output in row["outputs"])
    for p in row["params"]:
        assert p["doc"] == getattr(cls, p["name"]).__doc__


@every_row
def test_update_and_peek_show_their_inputs(name: str) -> None:
    """To help() and to editors, although they are native."""
    for method in (getattr(fc, name).update, getattr(fc, name).peek):
        assert list(inspect.signature(method).parameters) == ["self", *ROWS[name]["inputs"]]
        assert len((method.__doc__ or "").split()) >= 5


@every_row
def test_rows_are_found_by_name_in_any_case(name: str) -> None:
    """describe and make."""
    for text in (name, name.lower(), name.title()):
        assert fc.describe(text) == ROWS[name]
        assert repr(fc.make(text)) == repr(make(name))


def test_what_is_handed_out_may_be_changed() -> None:
    """A receiver's scribbles are its own."""
    for row in (*fc.indicators(), fc.describe("MACD")):
        row["name"] = "x"
        row["inputs"].append("x")
        row["outputs"][0]["name"] = "x"
        for p in row["params"]:
            p["default"] = -1
    assert {row["name"]: row for row in fc.indicators()} == ROWS
    assert fc.describe("MACD") == ROWS["MACD"]
    assert make("MACD").fast == ROWS["MACD"]["params"][0]["default"]


# ---------------------------------------------------------------------------------------------- TA-Lib's
CONVENTIONS = {p["name"] for row in ROWS.values() for p in row["params"] if "convention" in p}
# Its VWAP is cumulative: our AVWAP.
TALIBS = [name for name in NAMES if REFERENCES[name].talib is not None and "VWAP" not in name]


def talib_parameters(name: str) -> list[str]:
    """TA-Lib's names of the parameters that are ours, too: kinds of averages only where we have them."""
    import talib.abstract

    kinds = any("choices" in p and "convention" not in p for p in ROWS[name]["params"])
    return [key for key in talib.abstract.Function(name).parameters if kinds or "matype" not in key]


def abstract(name: str, params: dict[str, Any]) -> Any:
    """TA-Lib's description of its function with our parameters, in the order in which both declare them."""
    import talib.abstract

    found = talib.abstract.Function(name)
    theirs = talib_parameters(name)
    shared = [value for key, value in params.items() if key not in CONVENTIONS]
    found.parameters = dict(zip(theirs, shared, strict=False))
    return found


@pytest.mark.parametrize("name", TALIBS)
def test_defaults_and_warm_up_are_talibs(name: str) -> None:
    """`warmup` is TA-Lib's lookback + 1, also for other parameters."""
    import talib
    import talib.abstract

    parameters = talib.abstract.Function(name).parameters
    defaults = [parameters[key] for key in talib_parameters(name)]
    conventions = {p["name"]: 0 for p in ROWS[name]["params"] if "convention" in p}
    ours = {key: value for key, value in default_params(name).items() if key not in CONVENTIONS}
    for key, default, theirs in zip(ours, ours.values(), defaults, strict=False):
        assert default == theirs, key
    rng = rng_of("lookback", name)
    for params in (default_params(name), *(random_params(name, rng) | conventions for _ in range(9))):
        assert make(name, params).warmup == abstract(name, params).lookback + 1, params


# ---------------------------------------------------------------------------------------------- exports
def public_names(module: ModuleType) -> set[str]:
    """What a module offers without being asked not to: no modules, no __future__."""
    return {
        name
        for name in dir(module)
        if not name.startswith("_")
        and name != "annotations"
        and not isinstance(getattr(module, name), ModuleType)
    }


def test_all_names_what_there_is_and_nothing_else() -> None:
    """Every name exists once; every public name is named; `from fastcore import *` gives them."""
    assert len(set(fc.__all__)) == len(fc.__all__)
    assert set(fc.__all__) == public_names(fc)
    starred: dict[str, Any] = {}
    exec("from fastcore import *", starred)
    assert set(fc.__all__) == {name for name in starred if name != "__builtins__"}


def test_importing_makes_no_class_until_it_is_asked_for() -> None:
    """All of them take longer to make than NumPy to import; once made, each is one and the same."""
    code = (
        "import sys, fastcore as fc\n"
        "from fastcore import indicators\n"
        "module = sys.modules['fastcore.indicators']\n"
        "made = [row['name'] for row in indicators() if row['name'] in vars(fc) | vars(module)]\n"
        "heavy = [name for name in ('difflib', 'json', 'pandas', 'fastcore.shm') if name in sys.modules]\n"
        "from fastcore import SMA, sma\n"
        "print(made, heavy, SMA is fc.SMA is module.SMA, sma is fc.sma, type(fc.make('sma')) is SMA)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split("\n")[0] == "[] [] True True True"


def test_threads_that_ask_at_once_get_the_same_class() -> None:
    """A pickle names its class, so there must not be two."""
    code = (
        "import sys, threading, fastcore as fc\n"
        "sys.setswitchinterval(1e-6)\n"
        "found = []\n"
        "gate = threading.Barrier(8)\n"
        "def ask():\n"
        "    gate.wait()\n"
        "    found.append([getattr(fc, row['name']) for row in fc.indicators()])\n"
        "threads = [threading.Thread(target=ask) for _ in range(8)]\n"
        "[t.start() for t in threads]\n"
        "[t.join() for t in threads]\n"
        "print(len(found), all(a is b for one in found for a, b in zip(one, found[0], strict=True)))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "8 True\n"


def isort_key(name: str) -> tuple[int, str]:
    """CONSTANTS, then Classes, then functions, as linters sort __all__."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


@pytest.mark.parametrize("module", ["fastcore", "fastcore.errors"])
def test_all_is_sorted(module: str) -> None:
    """By letters, or constants first."""
    names = list(importlib.import_module(module).__all__)
    assert names in (sorted(names), sorted(names, key=isort_key))


def test_every_name_of_the_design_is_exported() -> None:
    """What users, tests and benchmarks rely on."""
    wanted = {
        "BAR",
        "OUTCOMES",
        "TICK",
        "Engine",
        "Indicator",
        "Policy",
        "Symbol",
        "indicators",
        "describe",
        "make",
    }
    assert wanted | set(NAMES) | {name.lower() for name in NAMES} <= set(fc.__all__)
    methods = ["update", "peek", "batch", "value", "ready", "warmup", "reset", "copy", "on", "of"]
    assert [m for m in methods if not hasattr(fc.RSI, m)] == []
    engine = [
        "symbol",
        "drop",
        "columns",
        "on_ticks",
        "on_bars",
        "snapshot",
        "restore",
        "save",
        "load",
        "ledger",
        "stats",
        "symbols",
    ]
    assert [m for m in engine if not hasattr(fc.Engine, m)] == []
    symbol = [
        "on_tick",
        "on_quote",
        "on_bar",
        "peek",
        "values",
        "outcome",
        "row",
        "history",
        "bars",
        "ledger",
        "__getitem__",
    ]
    assert [m for m in symbol if not hasattr(fc.Symbol, m)] == []


@pytest.mark.parametrize("name", sorted(fc.__all__))
def test_every_public_name_is_documented_and_at_home_in_the_package(name: str) -> None:
    """A docstring, and no private module in what users read in tracebacks."""
    value = getattr(fc, name)
    if isinstance(value, (np.dtype, tuple, dict)):
        return
    assert len((value.__doc__ or "").split()) >= 3
    assert value.__module__ == "fastcore"


def test_every_public_method_is_documented() -> None:
    """Of engines, symbols and indicators."""
    bare = [
        f"{cls.__name__}.{name}"
        for cls in (fc.Engine, fc.Symbol, fc.Indicator, fc.SMA)
        for name in dir(cls)
        if not name.startswith("_") and len((getattr(cls, name).__doc__ or "").split()) < 3
    ]
    assert not bare, f"without a docstring: {bare}"


def test_ticks_and_bars_have_the_layout_that_is_documented() -> None:
    """Field by field: files, shared memory and other programs count on it."""
    tick = {
        "ts": ("<i8", 0),
        "price": ("<f8", 8),
        "size": ("<f8", 16),
        "id": ("<i8", 24),
        "symbol": ("<u4", 32),
    }
    reals = ("open", "high", "low", "close", "volume", "value", "vwap", "buy_volume", "sell_volume")
    bar = {name: ("<f8", 8 * k) for k, name in enumerate(reals, 1)}
    bar |= {"ts": ("<i8", 0), "count": ("<i8", 80), "first_ts": ("<i8", 88), "last_ts": ("<i8", 96)}
    bar |= {"gap": ("<u2", 104), "complete": ("|b1", 106), "stale": ("|b1", 107), "revision": ("<u4", 108)}
    for dtype, size, fields in (
        (fc.TICK, 40, tick | {"side": ("|i1", 36)}),
        (fc.BAR, 112, bar),
    ):
        assert dtype.itemsize == size
        assert {name: (of.str, at) for name, (of, at) in (dtype.fields or {}).items()} == fields
    buckets = ("accepted", "late_accepted", "late_dropped", "duplicate", "invalid", "rejected", "held")
    assert buckets == fc.OUTCOMES


def test_every_error_is_one_of_ours_and_one_of_pythons() -> None:
    """One base to catch them all; each also what Python programs expect."""
    assert set(fc.errors.__all__) <= set(fc.__all__)
    for name in fc.errors.__all__:
        error = getattr(fc, name)
        assert issubclass(error, fc.FastcoreError)
        if error is not fc.FastcoreError:
            assert issubclass(error, (ValueError, KeyError, RuntimeError, ImportError, OSError))
            assert name in (fc.errors.__doc__ or ""), f"{name} is not in the tree of the module's docstring"
    assert str(fc.UnknownNameError("no such thing")) == "no such thing"


def test_inputs_of_every_row_are_drawn_by_name() -> None:
    """The tests' own generators: high above low, volume positive, everything finite."""
    for name in NAMES:
        columns = dict(zip(ROWS[name]["inputs"], columns_of(name, rng_of("inputs"), 100), strict=True))
        assert all(np.isfinite(x).all() for x in columns.values())
        assert all((x > 0).all() for column, x in columns.items() if column != "side")
        assert set(columns.get("side", ())) <= {-1.0, 0.0, 1.0}
        if {"high", "low", "close"} <= set(columns):
            assert (columns["high"] >= columns["close"]).all()
            assert (columns["close"] >= columns["low"]).all()
