"""Unstable periods and the rest of what TA-Lib keeps for the whole process, beside TA-Lib."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import fastcore.talib as ours
import numpy as np
import pytest
import talib as theirs
import talib.abstract
from fastcore.talib import _settings, _stages, abstract
from samples import rng_of, scaled
from test_talib import assert_equal, columns_of, same_value

ROWS = 400
BOTH = (ours, theirs)


@pytest.fixture(autouse=True)
def _nothing_is_set() -> Iterator[None]:
    """Before and after each test; streams that a failure's traceback held must go before TA-Lib is set."""
    gc.collect()
    yield
    gc.collect()
    for module in BOTH:
        module.set_unstable_period("ALL", 0)


def both_set(name: str, period: int) -> None:
    """Ours and theirs."""
    for module in BOTH:
        module.set_unstable_period(name, period)


def drawn(name: str, draw: int) -> dict[str, Any]:
    """Parameters that TA-Lib takes: the defaults first."""
    rng = rng_of("unstable", name, draw)
    given: dict[str, Any] = {}
    for key, default in theirs.abstract.Function(name).parameters.items() if draw else ():
        if "matype" in key:
            given[key] = int(rng.integers(14))
        elif isinstance(default, int):
            given[key] = int(rng.integers(2, 20))
        else:
            given[key] = float(rng.uniform(0.3, 3.0))
    if name == "MAVP" and given:
        given["minperiod"], given["maxperiod"] = sorted((given["minperiod"], given["maxperiod"]))
    return given


def test_each_unstable_period_acts_on_the_functions_on_which_talibs_acts() -> None:
    """On all functions with their defaults, one period after the other."""
    for owner in _settings.unstable:
        both_set(owner, 9)
        for name in ours.get_functions():
            columns = columns_of(name)
            wanted = getattr(theirs, name)(*columns)
            assert_equal(name, getattr(ours, name)(*columns), wanted, owner)
            assert abstract.Function(name).lookback == theirs.abstract.Function(name).lookback
        both_set(owner, 0)


@pytest.mark.parametrize("name", sorted(_stages._BUILT))
def test_functions_built_on_others_wait_for_them(name: str) -> None:
    """With drawn parameters, kinds of averages and periods: as in TA-Lib, in streams as well."""
    for draw in range(scaled(25, 200)):
        params, rng = drawn(name, draw), rng_of("periods", name, draw)
        for owner in _settings.unstable:
            both_set(owner, int(rng.integers(0, 12)))
        columns = columns_of(name, ROWS, str(draw))
        wanted = getattr(theirs, name)(*columns, **params)
        assert_equal(name, getattr(ours, name)(*columns, **params), wanted, params)
        for rows in (int(rng.integers(0, 60)), 3):
            short = [x[:rows] for x in columns]
            assert_equal(name, getattr(ours, name)(*short, **params), getattr(theirs, name)(*short, **params))
        if draw < 4:
            streams = [getattr(module.stream, name)(*(x[:300] for x in columns), **params) for module in BOTH]
            assert streams[0].out_range == tuple(streams[1].out_range)
            for row in range(300, 303):
                bar = [float(x[row]) for x in columns]
                same_value(name, *(stream.peek(*bar) for stream in streams))
                same_value(name, *(stream.update(*bar) for stream in streams))
            del streams  # TA-Lib refuses settings while there is one
        assert_equal(name, getattr(ours, name)(*columns, **params), wanted, "once more")


def outcome(call: Any) -> Any:
    """What it gives, or raises."""
    try:
        return call()
    except Exception as error:
        return type(error), str(error)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_settings_take_what_talibs_take() -> None:
    """The same kinds of error, and the same periods and modes behind them."""
    given: list[Any] = [0, 5, True, 1.9, -1, 100_000_000, 100_000_001, 2**31 - 1, 2**31, 2**40, 2**70]
    given += ["3", None, [3], np.int64(4), np.float64(4.7)]
    for name in ("EMA", "ALL", "MFI", "ADXR", "SMA", "ema", "", 3, None):
        for period in given:
            got, wanted = (outcome(lambda m=m, n=name, p=period: m.set_unstable_period(n, p)) for m in BOTH)
            assert (got is None) == (wanted is None), (name, period)
            if got is not None:
                assert got[0] is wanted[0], (name, period)
            for one in ("EMA", "RSI", "ALL", name):
                got, wanted = (outcome(lambda m=m, n=one: m.get_unstable_period(n)) for m in BOTH)
                assert got == wanted, (name, period, one)
    for mode in given:
        assert outcome(lambda m=mode: ours.set_compatibility(m)) == outcome(
            lambda m=mode: theirs.set_compatibility(m)
        )
        assert ours.get_compatibility() == theirs.get_compatibility() == 0


def test_a_mode_that_is_set_changes_nothing_as_in_talib() -> None:
    """TA-Lib 0.8 takes MetaStock's mode, and computes as ever."""
    for module in BOTH:
        module.set_compatibility(1)
    for name in ("EMA", "RSI", "CMO", "MACD", "STOCHRSI"):
        columns = columns_of(name)
        assert_equal(name, getattr(ours, name)(*columns), getattr(theirs, name)(*columns))
