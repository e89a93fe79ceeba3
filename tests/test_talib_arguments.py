"""What the drop-in for TA-Lib makes of arguments, beside TA-Lib: any value for any parameter of any function.

The same exception with the same words, or the same kinds, shapes and values.
"""

from __future__ import annotations

import decimal
import fractions
import math
from collections.abc import Callable, Iterator
from typing import Any

import fastcore.talib as ours
import numpy as np
import pandas as pd
import polars as pl
import pytest
import talib as theirs
import talib.abstract
from fastcore.talib import abstract
from samples import rng_of, walk_bars

ROWS = 150
NAMES = ours.get_functions()
BOTH = (ours, theirs)
every_function = pytest.mark.parametrize("name", NAMES)


class Counts:
    """It has an index, and is no number otherwise."""

    def __index__(self) -> int:
        return 5


class Measures:
    """It has a float, and no int."""

    def __float__(self) -> float:
        return 5.0


WHOLE = (
    0,
    1,
    2,
    3,
    5,
    -1,
    100_000,
    100_001,
    2**31 - 1,
    2**31,
    -(2**31),
    -(2**31) - 1,
    2**40,
    2**70,
    True,
    False,
)
REAL = (2.0, 2.5, 1.0, 0.0, -0.0, 1e300, math.nan, math.inf, -4e37, -3e37, 3e37, 3.1e37, 1e6, 1e9)
NUMPYS = (
    np.float64(3.0),
    np.float64(3.5),
    np.int64(3),
    np.float32(3),
    np.int32(4),
    np.array(3),
    np.array(3.0),
)
OTHERS = (
    *("3", b"3", None, Counts(), Measures(), [3], (3,), np.array([3]), 3 + 0j),
    *(decimal.Decimal("3.5"), fractions.Fraction(7, 2)),
)
VALUES = (*WHOLE, *REAL, *NUMPYS, *OTHERS)


def bars_of(name: str) -> dict[str, Any]:
    """A walk, by the names that functions ask for; small numbers for arithmetic."""
    rng = rng_of("arguments", name)
    bars = dict(zip(("open", "high", "low", "close", "volume"), walk_bars(rng, ROWS, 100.0), strict=True))
    if abstract.Function(name).info["group"].startswith("Math"):
        bars = {key: rng.uniform(0.01, 0.99, ROWS) for key in bars}
    return bars | {"periods": np.full(ROWS, 7.0)}


def columns_of(name: str) -> dict[str, Any]:
    """The columns that a function takes, in order."""
    bars = bars_of(name)
    return {f"{i} {key}": bars[key] for i, key in enumerate(abstract.Function(name)._described.columns)}


def plain(value: Any, numbers: list[Any]) -> Any:
    """A result by its kinds and shapes; its numbers go into a list of their own."""
    if isinstance(value, (pd.Series, pl.Series)):
        return type(value).__module__.partition(".")[0], plain(np.asarray(value), numbers)
    if isinstance(value, (pd.DataFrame, pl.DataFrame)):
        return (
            type(value).__module__.partition(".")[0],
            list(value.columns),
            plain(np.asarray(value), numbers),
        )
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [plain(one, numbers) for one in value]
    if isinstance(value, (np.ndarray, float)):
        numbers.append(np.asarray(value, np.float64).ravel())
        return (value.dtype.name, value.shape) if isinstance(value, np.ndarray) else float
    if isinstance(value, dict) and any(isinstance(one, np.ndarray) for one in value.values()):
        return sorted(value)
    return type(value), repr(value)


def outcome(call: Callable[[], Any]) -> tuple[Any, list[Any]]:
    """What a call gives or raises, and the numbers of it."""
    numbers: list[Any] = []
    try:
        return ("given", plain(call(), numbers)), numbers
    except Exception as error:
        return ("raised", type(error).__name__, str(error)), numbers


def assert_same(what: object, mine: Callable[[], Any], other: Callable[[], Any]) -> None:
    """The same words, or the same kinds and numbers that are equal to rounding."""
    (got, numbers), (wanted, others) = outcome(mine), outcome(other)
    assert got == wanted, what
    for x, y in zip(numbers, others, strict=True):
        size = np.abs(y[np.isfinite(y)]).max(initial=1.0)
        np.testing.assert_allclose(x, y, rtol=1e-8, atol=1e-9 * size, err_msg=str(what))


@every_function
def test_any_value_of_a_parameter_is_taken_as_talib_takes_it(name: str) -> None:
    """By the function, and by a stream that is opened."""
    columns = list(columns_of(name).values())
    for key in theirs.abstract.Function(name).parameters:
        for value in VALUES:
            given = {key: value}
            assert_same((key, value), *(lambda m=m, g=given: getattr(m, name)(*columns, **g) for m in BOTH))
            opened = (lambda m=m, g=given: getattr(m.stream, name)(*columns, **g).value for m in BOTH)
            assert_same(("stream", key, value), *opened)


@every_function
def test_any_columns_are_taken_as_talib_takes_them(name: str) -> None:
    """Too few, too many, of wrong kinds, and streams that are fed anything."""
    columns = list(columns_of(name).values())
    first, *rest = columns
    wrong: list[list[Any]] = [
        [],
        rest,
        [*columns, *range(2, 12)],
        *(
            [bad, *rest]
            for bad in (3, "x", None, [1.0], first.astype(int), first.astype("f4"), np.zeros((3, 3)))
        ),
        [first[:0], *(x[:0] for x in rest)],
        [first[:2], *(x[:2] for x in rest)],
    ]
    for given in wrong:
        assert_same(given, *(lambda m=m, g=given: getattr(m, name)(*g) for m in BOTH))
        for way in (lambda s: s, lambda s: s.open_and_fill):
            opened = (lambda m=m, g=given, w=way: type(w(getattr(m.stream, name))(*g)).__name__ for m in BOTH)
            assert_same(("stream", given), *opened)
    for call in (lambda f: f(*columns, nothing=3), lambda f: f(*columns, *columns, nothing=3)):
        assert_same("nothing", *(lambda m=m, c=call: c(getattr(m, name)) for m in BOTH))
        assert_same("nothing", *(lambda m=m, c=call: c(getattr(m.stream, name)) for m in BOTH))
    filled = (lambda m=m: getattr(m.stream, name).open_and_fill(*columns)[1:] for m in BOTH)
    assert_same("open_and_fill", *filled)
    others = [1.0] * len(rest)
    for value in (*OTHERS, True, np.float32(1), 2**1100, math.nan, np.array(1.0)):
        for feed in ("update", "peek"):
            fed = (lambda m=m, f=feed, v=value: getattr(opened_of(m, name), f)(v, *others) for m in BOTH)
            assert_same((feed, value), *fed)
    for feed in ("update", "peek"):
        assert_same(feed, *(lambda m=m, f=feed: getattr(opened_of(m, name), f)() for m in BOTH))


def opened_of(module: Any, name: str) -> Any:
    """A stream with the columns of the function behind it."""
    return getattr(module.stream, name)(*columns_of(name).values())


# -------------------------------------------------------------------------------------------- abstract
NAMES_GIVEN = (
    None,
    3,
    "x",
    "close",
    "nothing",
    [],
    ["close"],
    ["high", "low"],
    ("high", "low"),
    ["a", "b", "c"],
)


def steps(name: str) -> Iterator[tuple[object, Callable[[Any], Any]]]:
    """What may be done with an abstract function."""
    bars = bars_of(name)
    inputs = abstract.Function(name)._described.inputs
    key = next(iter(inputs))
    upper = {k: [x.upper() for x in w] if isinstance(w, list) else w.upper() for k, w in inputs.items()}
    shouted = {k.upper(): x for k, x in bars.items()}
    yield (
        "upper",
        lambda f: [f.set_input_names(upper), f.get_input_names(), f.input_names, f(shouted), str(f)],
    )
    for wrong in (None, 3, "x", {}, {"nothing": "x"}, [("a", "b")], *({key: given} for given in NAMES_GIVEN)):
        yield (
            ("names", wrong),
            lambda f, w=wrong: [f.set_input_names(w), f.get_input_names(), str(f), repr(f)],
        )
        yield ("names, called", wrong), lambda f, w=wrong: [f.set_input_names(w), f(bars)]
        yield ("property", wrong), lambda f, w=wrong: [setattr(f, "input_names", w), f.input_names, f.info]
    frames: list[Any] = [None, 3, "x", {}, [], bars, pd.DataFrame(bars), pl.DataFrame(bars)]
    for change in (list, lambda x: x.astype(int), pd.Series, pl.Series, lambda x: x[:5], lambda x: x[:0]):
        frames.append({k: change(x) for k, x in bars.items()})
    for frame in frames:
        yield ("arrays", type(frame)), lambda f, w=frame: [f.set_input_arrays(w), f.outputs]
        yield ("called", type(frame)), lambda f, w=frame: f(w)
        if not isinstance(frame, (pd.DataFrame, pl.DataFrame)):  # which run() asks for their truth there
            yield ("run", type(frame)), lambda f, w=frame: [f.run(bars), f.run(w)]
    yield "nothing given", lambda f: f.outputs
    yield "nothing to run", lambda f: f.run()
    yield "nothing to call", lambda f: f()
    yield "key", lambda f: [f(bars, **{key: "open"}), f.input_names]
    yield "nothing", lambda f: [f(bars, nothing=3), f.parameters]
    yield "many", lambda f: f(*(bars[x] for x in f_columns(inputs)), *range(2, 12))
    yield "series", lambda f: f(*(pd.Series(bars[x]) for x in f_columns(inputs)))
    for given in (3, None, {}, [3], {"nothing": 3}):
        yield ("parameters", given), lambda f, g=given: [f.set_parameters(g), f.parameters]
    for name_ in ("lookback", "outputs", "info", "output_names"):
        yield ("set", name_), lambda f, n=name_: isinstance(setattr(f, n, 3), type(None))
    yield "attributes", lambda f: [one for one in dir(f) if not one.startswith("_")]
    for key_ in abstract.Function(name)._described.params:
        for value in (
            0,
            2,
            -1,
            10**6,
            -(2**31),
            -4e37,
            2.5,
            3.0,
            "3",
            None,
            True,
            np.int64(3),
            np.float64(3),
            [3],
        ):
            one = {key_: value}
            yield (key_, value), lambda f, o=one: [f.set_parameters(o), f.parameters, f.lookback, str(f)]
            yield (key_, value, "called"), lambda f, o=one: [f(bars, **o), f.parameters]
            yield (
                (key_, value, "kept"),
                lambda f, o=one: [f.set_function_args(bars, **o), f.outputs, f.parameters],
            )


def f_columns(inputs: dict[str, Any]) -> list[str]:
    """Names of all columns of a function."""
    return [x for w in inputs.values() for x in (w if isinstance(w, list) else [w])]


@every_function
def test_any_use_of_an_abstract_function_is_as_in_talib(name: str) -> None:
    """Each step with a function of its own."""
    for what, step in steps(name):
        made = (lambda m=m, s=step: s(m.Function(name)) for m in (abstract, theirs.abstract))
        assert_same(what, *made)
