"""Candlestick patterns: TA-Lib's numbers at every row of charts in which each of them occurs, and no trace.

Prices of the made charts lie on a grid of quarters, where every sum is exact: there TA-Lib's running sums
keep nothing, and its rows are equal without exception. On decimal prices a body can equal a mean; which way
that tie falls is up to rounding, and TA-Lib's depends on how many bars came before.
"""

from __future__ import annotations

import csv
import functools
import gzip
from collections.abc import Callable, Sequence
from pathlib import Path

import fastcore as fc
import numpy as np
import pytest
import talib
from references.long_candles import REFERENCES
from samples import (
    MINUTE,
    NAMES,
    ROWS,
    T0,
    Array,
    Columns,
    assert_same_bits,
    batch,
    candle_bars,
    function,
    make,
    pick,
    rng_of,
    scaled,
    stream,
)

PATTERNS = [name for name in NAMES if ROWS[name]["family"] == "candles"]
every_pattern = pytest.mark.parametrize("name", PATTERNS)

# What each gives besides 0 and the numbers of both sides.
ONE_SIDED = {
    100: "3STARSINSOUTH 3WHITESOLDIERS CONCEALBABYSWALL DOJI DRAGONFLYDOJI GRAVESTONEDOJI HAMMER "
    "HOMINGPIGEON INVERTEDHAMMER LADDERBOTTOM LONGLEGGEDDOJI MATCHINGLOW MATHOLD MORNINGDOJISTAR "
    "MORNINGSTAR PIERCING RICKSHAWMAN STICKSANDWICH TAKURI UNIQUE3RIVER",
    -100: "2CROWS 3BLACKCROWS ADVANCEBLOCK DARKCLOUDCOVER EVENINGDOJISTAR EVENINGSTAR HANGINGMAN "
    "IDENTICAL3CROWS INNECK ONNECK SHOOTINGSTAR STALLEDPATTERN THRUSTING UPSIDEGAP2CROWS",
}
STRONGER = {
    "CDLENGULFING": 80,
    "CDLHARAMI": 80,
    "CDLHARAMICROSS": 80,
    "CDLHIKKAKE": 200,
    "CDLHIKKAKEMOD": 200,
}


def gives(name: str) -> set[int]:
    """All numbers that a pattern can give."""
    for side, names in ONE_SIDED.items():
        if name.removeprefix("CDL") in names.split():
            return {0, side}
    sizes = {100, STRONGER.get(name, 100)}
    return {0, *sizes, *(-size for size in sizes)}


@functools.cache
def chart() -> Columns:
    """A chart long enough for the rarest pattern."""
    return candle_bars(rng_of("candles"), scaled(400_000, 4_000_000))


def with_talib(name: str, columns: Columns, **params: float) -> tuple[Array, Array]:
    """Our rows and TA-Lib's, over whole columns; TA-Lib's zeros of the warm-up are left out."""
    ours = function(name)(*pick(name, columns), **params)
    first = make(name).warmup - 1
    assert np.isnan(ours[:first]).all()
    return ours[first:], getattr(talib, name)(*columns[:4], **params)[first:].astype(np.float64)


def test_they_are_all_of_talibs_patterns() -> None:
    """61, by the same names."""
    assert sorted(PATTERNS) == sorted(talib.get_function_groups()["Pattern Recognition"])
    assert set(PATTERNS) == set(REFERENCES)


@every_pattern
def test_equals_talib_where_sums_are_exact(name: str) -> None:
    """Every row, and every number that the pattern can give is among them."""
    ours, theirs = with_talib(name, chart())
    np.testing.assert_array_equal(ours, theirs)
    assert set(np.unique(theirs).astype(int).tolist()) == gives(name)


@pytest.mark.parametrize("name", [name for name in PATTERNS if ROWS[name]["params"]])
@pytest.mark.parametrize("penetration", [0.0, 0.125, 0.75, 1.0, 3e37])
def test_equals_talib_at_other_depths(name: str, penetration: float) -> None:
    """Eighths of a body, which a double holds; no close reaches 3e37 bodies down."""
    columns = tuple(x[:100_000] for x in chart())
    ours, theirs = with_talib(name, columns, penetration=penetration)
    np.testing.assert_array_equal(ours, theirs)
    if penetration == 3e37 and name != "CDLMATHOLD":
        assert not ours.any()


@every_pattern
def test_equals_its_reference_where_it_occurs(name: str) -> None:
    """The independent reference on the same chart."""
    columns = tuple(x[:60_000] for x in chart())
    (theirs,) = REFERENCES[name].compute(*pick(name, columns))
    np.testing.assert_array_equal(batch(make(name), pick(name, columns))[0], theirs)


def test_all_in_one_engine_give_the_bits_of_each_alone() -> None:
    """Shared candles, judged once a bar, with a bar that does not count among them."""
    columns = tuple(x[:3_000].copy() for x in chart())
    columns[4][:] = 1.0
    bars = np.array([T0 + i * MINUTE for i in range(3_000)])
    engine = fc.Engine({name: make(name).on("1m") for name in PATTERNS}, rows="copy")
    symbol = engine.symbol("S")
    rows = np.array([symbol.on_bar("1m", ts, *bar) for ts, *bar in zip(bars.tolist(), *columns, strict=True)])
    for name, found in zip(PATTERNS, rows.T, strict=True):
        one = make(name)
        assert_same_bits(found, batch(one, pick(name, columns))[0], name)
    assert (np.abs(rows[-2_000:]) > 0).any(axis=0).sum() > 45, "most patterns occur"


def test_shared_candles_are_restored_into_the_same_and_into_other_plans() -> None:
    """Patterns of two kinds of bars: each goes on with its own candles in any plan."""
    bars = [tuple(bar) for bar in np.array(chart())[:, :900].T.tolist()]

    def plan(names: Sequence[str]) -> dict[str, fc.Indicator]:
        return {f"{name} {span}": make(name).on(span) for span in ("1m", "5m") for name in names}

    def feed(engine: fc.Engine, first: int, last: int) -> Array:
        symbol, rows = engine.symbol("S"), []
        for i in range(first, last):
            symbol.on_bar("5m", T0 // (5 * MINUTE) * (5 * MINUTE) + i * 5 * MINUTE, *bars[-i])
            rows.append(symbol.on_bar("1m", T0 // MINUTE * MINUTE + i * MINUTE, *bars[i]).copy())
        return np.array(rows)

    engine = fc.Engine(plan(PATTERNS))
    feed(engine, 0, 450)
    saved = engine.snapshot()
    expected = dict(zip(engine.columns, feed(engine, 450, 900).T, strict=True))
    for names in (PATTERNS, PATTERNS[7:30]):
        restored = fc.Engine.restore(saved, plan=plan(names))
        assert not restored.cold
        for column, found in zip(restored.columns, feed(restored, 450, 900).T, strict=True):
            assert_same_bits(found, expected[column], column)
    assert (np.abs(list(expected.values())) > 0).any()


@every_pattern
def test_streams_give_the_bits_of_a_batch_where_it_occurs(name: str) -> None:
    """Around its first and its last occurrence in the chart, and with rows that do not count."""
    whole = batch(make(name), pick(name, chart()))[0]
    hits = np.flatnonzero(np.nan_to_num(whole))
    for hit in (hits[0], hits[-1]):
        first = max(0, hit - 300)
        part = [x[first : hit + 3].copy() for x in pick(name, chart())]
        assert_same_bits(stream(make(name), part)[0][40:], whole[first + 40 : hit + 3], name)
        gap = [np.insert(x, len(x) - 4, np.nan) for x in part]
        found = stream(make(name), gap)[0]
        assert np.isnan(found[-5])
        assert_same_bits(np.delete(found, len(found) - 5), stream(make(name), part)[0], f"{name} with a gap")


@every_pattern
def test_a_spike_leaves_no_trace(name: str) -> None:
    """What a running sum keeps of a bar of 1e17 decides later patterns; here nothing of it is kept."""
    reach = make(name).warmup
    clean = pick(name, tuple(x[:200] for x in chart()))
    expected = batch(make(name), clean)[0]
    for at in (40, 57):
        for spike in (1e17, -1e17, 1e300):
            dirty = tuple(x.copy() for x in clean)
            for x in dirty:
                x[at] = spike
            dirty[1][at] *= 1 + np.sign(spike) / 2
            found = batch(make(name), dirty)[0]
            assert_same_bits(found[at + reach :], expected[at + reach :], f"{name} after {spike}")


def test_talib_keeps_a_trace() -> None:
    """The reason for sums of their own: one bar, and a body that is not long any more, for ever after."""
    open_, high, low, close = (x[:400].copy() for x in chart()[:4])
    before = talib.CDLLONGLINE(open_, high, low, close)
    high[40], open_[40] = 1e19, 1e18
    after = talib.CDLLONGLINE(open_, high, low, close)
    assert (before[100:] != after[100:]).any()
    ours = fc.cdllongline(open_, high, low, close)
    np.testing.assert_array_equal(ours[100:], before[100:])


def read_bars(path: Path) -> Columns:
    """Columns o, h, l, c, v of a CSV file with a header; rows with an empty field are left out.

    Of bars of quotes, those of the bid.
    """
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="") as file:
        rows = [
            {key.lower().removeprefix("bid_"): text for key, text in row.items()}
            for row in csv.DictReader(file)
        ]
    wanted = ("open", "high", "low", "close", "volume" if "volume" in rows[0] else "size")
    full = [row for row in rows if all(row[x] for x in wanted)]
    return tuple(np.array([float(row[x]) for row in full]) for x in wanted)


REAL = ["bars/spy_1d_1999_2020.csv", "ref_talib_regtest/ohlcv_252.csv"]
REAL += [f"bars_skender/{name}.csv" for name in ("default", "intraday", "longish", "msft", "compare")]
REAL += [f"bars_skender/{name}.csv" for name in ("zeros", "max", "toobig", "penny", "_issue0859.adx.nan")]
REAL += [
    f"bars/{name}_coinbase.csv.gz"
    for name in ("btcusd_1d", "btceur_1m", "btcusd_1m", "ethusd_1m", "ltcusd_1m")
]
REAL += [
    f"bars/{name}.csv.gz"
    for name in ("btcusd_1s_coinbase_201610", "gbpusd_1d_oanda", "eurusd_1h_oanda_2007_2018")
]


@pytest.mark.parametrize("file", REAL)
def test_equals_talib_on_real_bars(file: str, data_file: Callable[[str], Path]) -> None:
    """Every row of every pattern: hours and minutes of currencies and coins, days of shares, broken bars."""
    columns = read_bars(data_file(file))
    for name in PATTERNS:
        ours, theirs = with_talib(name, columns)
        np.testing.assert_array_equal(ours, theirs, err_msg=name)


def test_equals_talib_without_its_past_on_bad_bars(data_file: Callable[[str], Path]) -> None:
    """After prices of 0 and flat bars TA-Lib's sums keep a rest; asked about just these bars it agrees."""
    columns = read_bars(data_file("bars_skender/bad.csv"))
    different = 0
    for name in PATTERNS:
        ours, theirs = with_talib(name, columns)
        reach = make(name).warmup
        for row in np.flatnonzero(ours != theirs).tolist():
            alone = getattr(talib, name)(*(x[row : row + reach] for x in columns[:4]))[-1]
            assert alone == ours[row], f"{name} in row {row + reach - 1}"
            different += 1
    assert 0 < different < 100
