"""Bars of every set of real ticks and of real bars there is, against Polars."""

from __future__ import annotations

from typing import Any

import bar_references as reference
import fastcore as fc
import numpy as np
import pandas as pd
import polars as pl
import pytest
from bar_streams import DataFile, assert_bars, assert_conserved, assert_sound, bar_symbol, real_sets
from samples import MINUTE, SECOND, scaled

DAY = 1_440 * MINUTE
SPANS = {"250ms": SECOND // 4, "1s": SECOND, "1m": MINUTE, "7m": 7 * MINUTE, "1h": 60 * MINUTE, "1d": DAY}


def test_time_bars_of_every_set_of_ticks(data_file: DataFile) -> None:
    """Spans from a quarter of a second to a day, by Polars' own windows; nothing is lost between them."""
    for name, ticks in real_sets(data_file, scaled(20_000, 1_000_000)).items():
        ordered = ticks[np.argsort(ticks["ts"], kind="stable")]
        symbol = bar_symbol(tuple(SPANS), ordered)
        frame = pl.DataFrame({"ts": ordered["ts"], "price": ordered["price"]})
        frame = frame.with_columns(at=pl.from_epoch("ts", time_unit="ns"))
        for span, length in SPANS.items():
            bars = np.concatenate([symbol.bars(span), symbol.forming(span).reshape(1)])
            assert_bars(bars, reference.time_bars(ordered, length), f"{name}: {span}")
            windows = frame.group_by_dynamic("at", every=f"{length}ns").agg(
                open=pl.col("price").first(),
                high=pl.col("price").max(),
                low=pl.col("price").min(),
                close=pl.col("price").last(),
                count=pl.len(),
            )
            assert windows["at"].dt.epoch("ns").to_list() == bars["ts"].tolist(), f"{name}: {span}"
            for field in ("open", "high", "low", "close", "count"):
                assert np.array_equal(windows[field].to_numpy(), bars[field]), f"{name}: {span} {field}"
            assert_sound(bars, f"{name}: {span}")
            assert_conserved(symbol, span, ordered, f"{name}: {span}")


#: Each set of bars: file, column of the time, its unit in ns, span, larger spans, what is before o h l c.
SETS: dict[str, tuple[str, str, int, str, tuple[str, ...], str]] = {
    **{
        f"{name} 1m": (f"bars/{name}_1m_coinbase.csv.gz", "time_ms", 10**6, "1m", ("5m", "1h", "1d"), "")
        for name in ("btcusd", "ethusd", "ltcusd", "btceur")
    },
    "btcusd 1s": ("bars/btcusd_1s_coinbase_201610.csv.gz", "time_ms", 10**6, "1s", ("7s", "1m", "1h"), ""),
    "btcusd 1d": ("bars/btcusd_1d_coinbase.csv.gz", "time", 0, "1d", ("7d",), ""),
    "eurusd 1h": ("bars/eurusd_1h_oanda_2007_2018.csv.gz", "time", 0, "1h", ("4h", "1d"), "bid_"),
    "gbpusd 1d": ("bars/gbpusd_1d_oanda.csv.gz", "time", 0, "1d", ("7d",), "bid_"),
    "spy 1d": ("bars/spy_1d_1999_2020.csv", "date", 0, "1d", ("7d",), ""),
    "spy 1m": ("bars_skender/intraday.csv", "date", 0, "1m", ("5m", "1h", "1d"), ""),
    "spx 1d": ("bars_skender/longish.csv", "date", 0, "1d", ("7d",), ""),
    "msft 1d": ("bars_skender/msft.csv", "date", 0, "1d", ("7d",), ""),
}


def read_bars(data_file: DataFile, name: str) -> pd.DataFrame:
    """Bars of a file as a frame of ts, open, high, low, close, volume; those that cannot be are left out."""
    path, time, unit, _, _, side = SETS[name]
    frame = pd.read_csv(data_file(path), encoding="utf-8-sig")
    found = pd.DataFrame(
        {"ts": frame[time] * unit if unit else pd.DatetimeIndex(frame[time]).as_unit("ns").asi8}
    )
    for field in ("open", "high", "low", "close"):
        found[field] = frame[f"{side}{field}"].astype(float)
    found["volume"] = frame["volume"].astype(float) if "volume" in frame else 0.0
    found = found.sort_values("ts", kind="stable").drop_duplicates("ts")
    body = found[["open", "close"]]
    return found[
        (found["low"] > 0) & (found["high"] >= body.max(axis=1)) & (found["low"] <= body.min(axis=1))
    ]


@pytest.mark.parametrize("name", SETS)
def test_bars_of_every_set_of_bars(data_file: DataFile, name: str) -> None:
    """As they come from a venue; larger spans and counts made of them, and indicators on those, by Polars."""
    bars = read_bars(data_file, name)
    span, larger = SETS[name][3:5]
    plan = {f"on {one}": fc.ATR(3).on(f"{one} from {span}") for one in larger}
    plan |= {"own": fc.ATR(3).on(span), "ten": fc.ATR(3).on(f"10bar from {span}")}
    engine = fc.Engine(plan, history=len(bars))
    symbol = engine.symbol("S")
    for bar in bars.itertuples(index=False):
        symbol.on_bar(span, *bar)
    assert symbol.ledger["accepted"] == len(bars) > 300
    check_prices(symbol.bars(span), bars, "ts", span)
    frame = pl.DataFrame({column: bars[column].to_numpy() for column in bars})
    number = pl.int_range(pl.len(), dtype=pl.Int64)
    for column, one, label in [
        *((f"on {one}", f"{one} from {span}", pl.col("ts") // length_of(one)) for one in larger),
        ("ten", f"10bar from {span}", number // 10),
    ]:
        made = frame.group_by(label.alias("label"), maintain_order=True).agg(
            ts=pl.col("ts").first(),
            open=pl.col("open").first(),
            high=pl.col("high").max(),
            low=pl.col("low").min(),
            close=pl.col("close").last(),
            volume=pl.col("volume").sum(),
        )
        if column != "ten":
            made = made.with_columns(ts=pl.col("label") * length_of(column[3:]))
        forming = symbol.forming(one).reshape(1)
        ours = np.concatenate([symbol.bars(one), forming[forming["count"] > 0]])
        check_prices(ours, made, "ts", one)
        closed = symbol.bars(one)
        assert np.array_equal(
            symbol.history(column), fc.atr(*(closed[f] for f in ("high", "low", "close")), 3), equal_nan=True
        )


def length_of(span: str) -> int:
    """Nanoseconds of a span."""
    return int(span[:-1]) * {"s": SECOND, "m": MINUTE, "h": 60 * MINUTE, "d": DAY}[span[-1]]


def check_prices(ours: Any, expected: Any, start: str, what: str) -> None:
    """The same starts and prices to the bit, and volumes to the rounding of another order."""
    assert len(ours) == len(expected), what
    for field in (start, "open", "high", "low", "close"):
        assert np.array_equal(ours[field], expected[field].to_numpy()), f"{what}: {field}"
    assert np.allclose(ours["volume"], expected["volume"].to_numpy(), rtol=1e-12), what
