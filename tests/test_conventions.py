"""Conventions: where sources differ, each gives what the source gives, and the default is TA-Lib's."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import fastcore as fc
import numpy as np
import pandas as pd
import pytest
from samples import NAMES, ROWS, Array, assert_same_bits, batch, columns_of, make, rng_of, walk_bars

CONVENTIONS = [
    (name, p["name"], kind)
    for name in NAMES
    for p in ROWS[name]["params"]
    if "convention" in p
    for kind in p["choices"]
]
Data = Callable[[str], Path]
OPEN, HIGH, LOW, CLOSE, VOLUME = walk_bars(rng_of("conventions"), 3_000, 100.0)
close, high, low = pd.Series(CLOSE), pd.Series(HIGH), pd.Series(LOW)


# ------------------------------------------------------------------------------------------- parameters
def test_what_differs_between_sources_can_be_chosen() -> None:
    """The averages and what is made of them, Wilder's sums, totals and deviations."""
    seeds = {name for name, param, _ in CONVENTIONS if param == "seed"}
    assert seeds >= {"EMA", "RMA", "DEMA", "TEMA", "T3", "TRIX", "MACD", "RSI", "ATR", "NATR", "OBV"}
    assert seeds >= {"ADX", "ADXR", "DX", "PLUS_DI", "MINUS_DI", "PLUS_DM", "MINUS_DM", "ADOSC", "SAR"}
    assert {name for name, param, _ in CONVENTIONS if param == "ties"} == {"AROON", "AROONOSC"}
    ddofs = {name for name, param, _ in CONVENTIONS if param == "ddof"}
    assert ddofs >= {"STDDEV", "VAR", "BBANDS", "ZSCORE", "PERCENTB", "BANDWIDTH"}


@pytest.mark.parametrize("name", sorted({name for name, _, _ in CONVENTIONS}))
def test_conventions_are_last_and_their_default_is_the_first(name: str) -> None:
    """So that arguments by position mean what they did, and saved parameters without them are TA-Lib's."""
    flags = ["convention" in p for p in ROWS[name]["params"]]
    assert flags == sorted(flags)
    assert {p["default"] for p in ROWS[name]["params"] if "convention" in p} == {0}


@pytest.mark.parametrize(("name", "param", "kind"), CONVENTIONS)
def test_a_convention_goes_by_name_or_number(name: str, param: str, kind: str) -> None:
    """Both make the same; it is shown by name, and only where it is not TA-Lib's."""
    number = next(p for p in ROWS[name]["params"] if p["name"] == param)["choices"].index(kind)
    by_name, by_number = make(name, {param: kind}), make(name, {param: number})  # type: ignore[dict-item]
    assert getattr(by_name, param) == getattr(by_number, param) == number
    columns = columns_of(name, rng_of("by name", name), 200)
    assert_same_bits(batch(by_name, columns), batch(by_number, columns), f"{name}.{param}={kind}")
    shown = f"{param}={kind!r}"
    assert (shown in repr(by_name)) == (number != 0)
    assert (param in repr(make(name))) is False
    assert (
        fc.make(name, **{param: kind.upper()}).__reduce__()[1][1]
        == make(name, {param: number}).__reduce__()[1][1]
    )


def test_an_unknown_convention_is_named() -> None:
    """With those that there are."""
    with pytest.raises(TypeError, match=r"EMA\.seed must be one of mean, first, adjusted .*, not 'frist'"):
        fc.EMA(5, seed="frist")
    with pytest.raises(
        fc.ParameterError, match=r"EMA\.seed must be .* from 0 to 2 \(mean, first, adjusted\), not 3"
    ):
        fc.EMA(5, seed=3)
    with pytest.raises(fc.ParameterError, match="a single value has no sample deviation"):
        fc.VAR(1, ddof="sample")


def test_conventions_survive_pickles_engines_and_snapshots() -> None:
    """They are parameters like any other: nodes of another convention are other nodes."""
    plan = {"mean": fc.EMA(5), "first": fc.EMA(5, seed="first"), "same": fc.EMA(5, seed=1)}
    engine = fc.Engine(plan)
    symbol = engine.symbol("S")
    for i, price in enumerate(CLOSE[:40].tolist()):
        symbol.on_tick(1_700_000_000_000_000_000 + i, price, 1.0)
    mean, first, same = symbol.values()
    assert first == same != mean
    assert fc.Engine.restore(engine.snapshot()).symbol("S").values() == (mean, first, same)


# --------------------------------------------------------------------------------------------- pandas'
def ewm(x: pd.Series, factor: float, adjust: bool) -> pd.Series:
    """pandas' exponential average."""
    return x.ewm(alpha=factor, adjust=adjust).mean()


def twice(x: pd.Series, times: int, factor: float, adjust: bool) -> list[pd.Series]:
    """Averages of averages."""
    levels = [x]
    for _ in range(times):
        levels.append(ewm(levels[-1], factor, adjust))
    return levels[1:]


def assert_close(ours: Array, theirs: Sequence[float] | Array | pd.Series, allowed: float = 1e-10) -> None:
    """The same rows, and on them within `allowed` of their size."""
    expected = np.asarray(theirs, np.float64)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(expected))
    np.testing.assert_allclose(ours, expected, rtol=allowed, atol=allowed)


@pytest.mark.parametrize("period", [1, 2, 5, 20, 200])
@pytest.mark.parametrize(("seed", "adjust"), [("first", False), ("adjusted", True)])
def test_averages_equal_pandas_ewm(period: int, seed: str, adjust: bool) -> None:
    """From the first row on, past the row from which the adjusted weights no longer change."""
    a = 2 / (period + 1)
    e1, e2, e3 = twice(close, 3, a, adjust)
    assert_close(fc.ema(CLOSE, period, seed=seed), e1)
    assert_close(fc.rma(CLOSE, period, seed=seed), ewm(close, 1 / period, adjust))
    assert_close(fc.dema(CLOSE, period, seed=seed), 2 * e1 - e2)
    assert_close(fc.tema(CLOSE, period, seed=seed), 3 * (e1 - e2) + e3)
    assert_close(fc.trix(CLOSE, period, seed=seed), 100 * e3.pct_change(), 1e-9)
    if period > 1:
        assert_close(fc.t3(CLOSE, period, 1.0, seed=seed), t3(close, a, adjust))


def t3(x: pd.Series, factor: float, adjust: bool) -> pd.Series:
    """With a volume factor of 1 a DEMA taken three times."""
    for _ in range(3):
        once, again = twice(x, 2, factor, adjust)
        x = 2 * once - again
    return x


@pytest.mark.parametrize(("seed", "adjust"), [("first", False), ("adjusted", True)])
def test_oscillators_equal_pandas_recipes(seed: str, adjust: bool) -> None:
    """MACD, RSI and ATR as they are written with pandas."""
    line = ewm(close, 2 / 13, adjust) - ewm(close, 2 / 27, adjust)
    signal = ewm(line, 2 / 10, adjust)
    for ours, theirs in zip(fc.macd(CLOSE, seed=seed), (line, signal, line - signal), strict=True):
        assert_close(ours, theirs)
    gain, loss = (ewm(side.clip(lower=0), 1 / 14, adjust) for side in (close.diff(), -close.diff()))
    assert_close(fc.rsi(CLOSE, 14, seed=seed), 100 - 100 / (1 + gain / loss), 1e-9)
    before = close.shift()
    ranges = pd.concat([high - low, (high - before).abs(), (low - before).abs()], axis=1).max(axis=1)
    assert_close(fc.atr(HIGH, LOW, CLOSE, 14, seed=seed), ewm(ranges, 1 / 14, adjust))
    assert_close(fc.natr(HIGH, LOW, CLOSE, 14, seed=seed), 100 * ewm(ranges, 1 / 14, adjust) / close)


@pytest.mark.parametrize("period", [5, 20, 250])
def test_sample_deviations_equal_pandas_rolling(period: int) -> None:
    """`ddof="sample"` is what rolling.std and rolling.var give unasked, but for the drift of their sums."""
    rolled = close.rolling(period)
    mean, std = rolled.mean(), rolled.std()
    assert_close(fc.stddev(CLOSE, period, ddof="sample"), std, 1e-8)
    assert_close(fc.var(CLOSE, period, ddof=1), rolled.var(), 1e-8)
    assert_close(fc.zscore(CLOSE, period, ddof=1), (close - mean) / std, 1e-5)
    assert_close(fc.percentb(CLOSE, period, ddof=1), (close - (mean - 2 * std)) / (4 * std), 1e-5)
    assert_close(fc.bandwidth(CLOSE, period, ddof=1), 4 * std / mean, 1e-8)
    for ours, theirs in zip(
        fc.bbands(CLOSE, period, ddof=1), (mean + 2 * std, mean, mean - 2 * std), strict=True
    ):
        assert_close(ours, theirs)


# ------------------------------------------------------------------------------- formulas written out
def begun_with_mean(x: pd.Series, period: int) -> Array:
    """An exponential average that begins with the mean of its first values."""
    out = np.full(len(x), np.nan)
    smoothed = pd.concat([pd.Series([x[:period].mean()]), x[period:]]).ewm(span=period, adjust=False).mean()
    out[period - 1 :] = smoothed
    return out


@pytest.mark.parametrize(("fast", "slow"), [(3, 10), (10, 3), (2, 2), (5, 120), (1_000, 30)])
def test_adosc_begins_with_a_value_or_with_means(fast: int, slow: int) -> None:
    """Of a line that pandas sums up; by ticks the same bits."""
    place = ((close - low) - (high - close)) / (high - low)
    line = (place.where(high > low, 0.0) * VOLUME).cumsum()
    scale = float(np.abs(line).max())
    columns = HIGH, LOW, CLOSE, VOLUME
    first = ewm(line, 2 / (fast + 1), False) - ewm(line, 2 / (slow + 1), False)
    first[: max(fast, slow) - 1] = np.nan
    mean = begun_with_mean(line, fast) - begun_with_mean(line, slow)
    for seed, expected in (("first", first), ("mean", mean)):
        ours = fc.adosc(*columns, fast, slow, seed=seed)
        assert_close(ours / scale, np.asarray(expected) / scale, 1e-12)
        one = fc.ADOSC(fast, slow, seed=seed)
        assert_same_bits(np.array([one.update(*row) for row in np.stack(columns, 1)]), ours, seed)


@pytest.mark.parametrize("period", [2, 3, 7, 14, 40, 300])
def test_aroon_counts_the_newest_or_the_oldest(period: int) -> None:
    """Over prices of few kinds, where nearly every window has its extreme more than once."""
    rng = rng_of("ties", period)
    tops, bottoms = rng.integers(5, 9, 2_000) * 1.0, rng.integers(0, 4, 2_000) * 1.0
    windows = [np.lib.stride_tricks.sliding_window_view(x, period + 1) for x in (-bottoms, tops)]
    places = {
        "oldest": [np.argmax(w, axis=1) for w in windows],
        "newest": [period - np.argmax(w[:, ::-1], axis=1) for w in windows],
    }
    for ties, (down, up) in places.items():
        aroon = fc.aroon(tops, bottoms, period, ties=ties)
        for ours, theirs in ((aroon.down, down), (aroon.up, up)):
            assert_close(ours[period:], 100.0 * theirs / period, 1e-13)
        assert_close(fc.aroonosc(tops, bottoms, period, ties=ties), aroon.up - aroon.down)
        one = fc.AROON(period, ties=ties)
        rows = np.array([one.update(*row) for row in np.stack([tops, bottoms], 1)])
        assert_same_bits(rows.T, np.stack(aroon), ties)
    assert not np.array_equal(*places.values())


def always_up(tops: Array, bottoms: Array, step: float, most: float) -> Array:
    """Parabolic stops that begin long at the first low, with the first high as the extreme."""
    out = np.full(len(tops), np.nan)
    rising, stop, extreme, factor = True, bottoms[0], tops[0], min(step, most)
    for i in range(1, len(tops)):
        stop += factor * (extreme - stop)
        if i > 1:
            stop = min(stop, *bottoms[i - 2 : i]) if rising else max(stop, *tops[i - 2 : i])
        if bottoms[i] <= stop if rising else tops[i] >= stop:
            stop = max(extreme, *tops[i - 1 : i + 1]) if rising else min(extreme, *bottoms[i - 1 : i + 1])
            rising, factor = not rising, min(step, most)
            extreme = tops[i] if rising else bottoms[i]
        elif tops[i] > extreme if rising else bottoms[i] < extreme:
            extreme = tops[i] if rising else bottoms[i]
            factor = min(factor + step, most)
        out[i] = stop
    return out


@pytest.mark.parametrize(("step", "most"), [(0.02, 0.2), (0.3, 0.9), (0.5, 0.1), (0.0, 0.2)])
def test_sar_can_begin_long(step: float, most: float) -> None:
    """Whichever way the first two bars went, a turn at the second one included."""
    assert LOW[:10].min() < LOW[0] or HIGH[:10].max() > HIGH[0]
    for start in range(30):
        tops, bottoms = HIGH[start : start + 400], LOW[start : start + 400]
        ours = fc.sar(tops, bottoms, step, most, seed="long")
        assert_close(ours, always_up(tops, bottoms, step, most), 1e-13)
        one = fc.SAR(step, most, seed="long")
        assert_same_bits(np.array([one.update(*row) for row in np.stack([tops, bottoms], 1)]), ours, "ticks")


# ------------------------------------------------------------------------------------ published values
def rows_of(path: Path, head: str) -> list[dict[str, str]]:
    """The rows of a CSV file from the line that begins with `head` on."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(head))
    return list(csv.DictReader(lines[start:]))


def column(rows: list[dict[str, str]], name: str) -> Array:
    """One column; NaN where a cell is empty."""
    return np.array([float(row[name] or "nan") for row in rows])


@pytest.mark.parametrize(
    ("file", "key", "compute"),
    [
        ("EMA", "EMA", lambda high, low, price: fc.ema(price, 13, seed="first")),
        ("MMA", "MMA", lambda high, low, price: fc.rma(price, 13, seed="first")),
        ("ATR", "ATR", lambda high, low, price: fc.atr(high, low, price, 13, seed="first")),
    ],
)
def test_equals_ta4j(file: str, key: str, compute: Callable[..., Array], data_file: Data) -> None:
    """Weekly gold, smoothed from the first value on."""
    rows = [row for row in rows_of(data_file(f"ref_ta4j_xls/{file}__Sheet1.csv"), "Date,") if row[key]]
    assert len(rows) > 300
    ours = compute(*(column(rows, name) for name in ("High", "Low", "Close")))
    assert_close(ours, column(rows, key), 1e-11)


def test_equals_ta4j_rsi(data_file: Data) -> None:
    """Begun with changes of 0, it is what weights that are divided by their sum give."""
    rows = [row for row in rows_of(data_file("ref_ta4j_xls/RSI__Sheet1.csv"), "Date,") if row["RSI"]]
    assert len(rows) > 300
    ours = fc.rsi(column(rows, "Close"), 13, seed="adjusted")
    assert_close(ours[1:], column(rows, "RSI")[1:], 1e-9)


def skender(path: Path, key: str) -> Array:
    """One column of Skender's results."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    return np.array([np.nan if row[key] is None else row[key] for row in rows], np.float64)


def test_equals_skender_macd(data_file: Data) -> None:
    """Each average with its own seed: MACD from the slow one's first row, its signal 8 rows later."""
    bars = rows_of(data_file("bars_skender/default.csv"), "")
    ours = fc.macd(column(bars, "close"), seed="own")
    for output, key in zip(ours, ("macd", "signal", "histogram"), strict=True):
        theirs = skender(data_file("ref_skender_json/macd.standard.json"), key)
        theirs[:33] = np.nan
        assert_close(output, theirs)


def test_equals_skender_adx(data_file: Data) -> None:
    """Sums over all of the first 14 moves."""
    bars = rows_of(data_file("bars_skender/default.csv"), "")
    columns = [column(bars, name) for name in ("high", "low", "close")]
    path = data_file("ref_skender_json/adx.standard.json")
    adx, plus, minus = fc.adx(*columns, 14, seed="wilder")
    assert_close(adx, skender(path, "adx"))
    for output, key in ((plus, "pdi"), (minus, "mdi")):
        assert_close(output, skender(path, key))
    assert_close(fc.plus_di(*columns, 14, seed="wilder"), plus)
    assert_close(fc.minus_di(*columns, 14, seed="wilder"), minus)


def test_equals_skender_obv(data_file: Data) -> None:
    """From 0."""
    bars = rows_of(data_file("bars_skender/default.csv"), "")
    ours = fc.obv(column(bars, "close"), column(bars, "volume"), seed="zero")
    assert_close(ours, skender(data_file("ref_skender_json/obv.standard.json"), "obv"))


def test_equals_skender_aroon(data_file: Data) -> None:
    """The oldest of equal extremes."""
    bars = rows_of(data_file("bars_skender/default.csv"), "")
    ours = fc.aroon(column(bars, "high"), column(bars, "low"), 25, ties="oldest")
    path = data_file("ref_skender_json/aroon.standard.json")
    for output, key in zip(ours, ("aroonDown", "aroonUp"), strict=True):
        assert_close(output, skender(path, key))


def test_equals_skender_sar(data_file: Data) -> None:
    """Long first, and shown from the first turn on. A turn's own stop may lie within its bar there, once."""
    bars = rows_of(data_file("bars_skender/default.csv"), "")
    theirs = skender(data_file("ref_skender_json/psar.standard.json"), "sar")
    ours = fc.sar(column(bars, "high"), column(bars, "low"), seed="long")
    differ = np.flatnonzero(~np.isnan(theirs) & (np.abs(ours - theirs) > 1e-10))
    assert (~np.isnan(theirs)).sum() > 480
    assert len(differ) == 1
    turn = differ[0]
    assert float(bars[turn]["low"]) < theirs[turn] < float(bars[turn - 1]["high"])


def test_equals_stockcharts(data_file: Data) -> None:
    """ATR of all bars, Wilder's sums over 14 moves, MACD from the first value, OBV from 0."""
    for file, period in (("cs-atr", 14), ("cs-atr2", 10)):
        rows = rows_of(data_file(f"ref_stockcharts_ta/{file}.csv"), "Date,")
        ours = fc.atr(*(column(rows, name) for name in ("High", "Low", "Close")), period, seed="whole")
        assert np.isnan(ours[: period - 1]).all()
        assert_close(ours[period - 1 :], column(rows, "ATR")[period - 1 :], 1e-8)
    rows = rows_of(data_file("ref_stockcharts_ta/cs-adx.csv"), ",")
    ours = fc.adx(*(column(rows, name) for name in ("High", "Low", "Close")), 14, seed="wilder")
    for output, key in zip(ours, ("ADX", "+DI14", "-DI14"), strict=True):
        assert_close(output, column(rows, key), 1e-6)
    rows = rows_of(data_file("ref_stockcharts_ta/cs-macd.csv"), "Date,")
    line = fc.macd(column(rows, "Close"), signal=1, seed="first").macd
    shown = ~np.isnan(column(rows, "MACD_line"))
    assert shown.sum() > 40
    assert_close(line[shown], column(rows, "MACD_line")[shown], 1e-8)
    rows = rows_of(data_file("ref_stockcharts_ta/cs-obv.csv"), "Date,")
    ours = fc.obv(column(rows, "Close"), np.nan_to_num(column(rows, "Volume")), seed="zero")
    assert_close(ours[1:], column(rows, "OBV")[1:])
