"""Ticks for the tests of bars, real ones among them, and how bars are compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pandas as pd
from samples import SECOND, T0, bits
from tick_streams import Ticks

DataFile = Callable[[str], Path]

PRICES = ("open", "high", "low", "close")
SUMS = ("volume", "value", "buy_volume", "sell_volume")


def assert_bars(ours: Any, expected: Any, what: str) -> None:
    """Equal bars, field by field, bit by bit; of NaN there is one."""
    assert ours.dtype == fc.BAR, what
    assert len(ours) == len(expected), f"{what}: {len(ours)} bars, not {len(expected)}"
    for field in fc.BAR.names or ():
        here, there = ours[field], expected[field]
        same = bits(here) == bits(there) if here.dtype == np.float64 else here == there
        different = np.flatnonzero(~same & ~(np.isnan(here) & np.isnan(there)))
        assert not len(different), (
            f"{what}: {field} of bar {different[0]}: {here[different[0]]} is not {there[different[0]]}"
        )


def assert_sound(bars: Any, what: str) -> None:
    """What holds for every bar of ticks."""
    body = bars[["open", "close"]]
    assert (bars["high"] >= np.maximum(body["open"], body["close"])).all(), what
    assert (bars["low"] <= np.minimum(body["open"], body["close"])).all(), what
    assert (bars["first_ts"] <= bars["last_ts"]).all(), what
    traded = bars[bars["volume"] > 0]
    assert (traded["vwap"] >= traded["low"]).all(), what
    assert (traded["vwap"] <= traded["high"]).all(), what
    assert np.isnan(bars["vwap"][bars["volume"] == 0]).all(), what
    assert (bars["buy_volume"] + bars["sell_volume"] <= bars["volume"] * (1 + 1e-12)).all(), what


def assert_conserved(symbol: Any, span: str, ticks: Any, what: str) -> None:
    """Nothing of the ticks is lost between bars, nor counted twice; history must have held all bars."""
    bars = np.concatenate([symbol.bars(span), symbol.forming(span).reshape(1)])
    side = ticks["side"]
    assert int(bars["count"].sum()) == len(ticks), what
    sums = {
        "volume": ticks["size"].sum(),
        "value": (ticks["price"] * ticks["size"]).sum(),
        "buy_volume": ticks["size"][side > 0].sum(),
        "sell_volume": ticks["size"][side < 0].sum(),
    }
    for field, total in sums.items():
        assert np.isclose(bars[field].sum(), total, rtol=1e-9, atol=1e-9), f"{what}: {field}"


def bar_symbol(specs: Any, ticks: Ticks, policy: fc.Policy | None = None, history: int | None = None) -> Any:
    """A symbol that has taken the ticks, with bars of those specs."""
    plan = {f"close{i}": fc.SMA(1).on(spec) for i, spec in enumerate(specs)}
    engine = fc.Engine(plan, history=len(ticks) if history is None else history, policy=policy)
    assert engine.on_ticks(ticks, symbols=["S"]) == len(ticks)
    symbol = engine.symbol("S")
    for i, spec in enumerate(specs):
        assert np.array_equal(symbol.history(f"close{i}"), symbol.bars(spec)["close"]), f"SMA(1) on {spec}"
    return symbol


def grid_ticks(rng: np.random.Generator, rows: int, grid: float = 0.01, start: int = 10_000) -> Ticks:
    """A walk in whole steps of a grid, now and then a jump; sides on most, equal times on many."""
    steps = rng.integers(-2, 3, rows)
    steps[rng.random(rows) < 0.01] *= 30
    ticks = np.zeros(rows, fc.TICK)
    ticks["ts"] = T0 + np.cumsum(rng.integers(0, 2, rows) * rng.integers(1, 2 * SECOND, rows))
    ticks["price"] = (start + np.abs(np.cumsum(steps))) * grid
    ticks["size"] = rng.integers(1, 40, rows)
    ticks["side"] = rng.integers(-1, 2, rows)
    return ticks


def read_ticks(
    path: Path, ts: str, price: str, size: str | None, unit: int = 1, rows: int | None = None
) -> Any:
    """A CSV file as a frame of ts in ns, price, size, side; `price` may be a formula of its columns."""
    frame = pd.read_csv(path, nrows=rows)
    sides = frame["aggressor"].map({"buy": 1, "sell": -1}).fillna(0) if "aggressor" in frame else 0
    return pd.DataFrame(
        {
            "ts": frame[ts] * unit,
            "price": frame.eval(price),
            "size": frame[size] if size else 0.0,
            "side": sides,
            "key": frame["market"] + ":" + frame["symbol"] if "market" in frame else "S",
        }
    )


def to_ticks(frame: pd.DataFrame) -> Ticks:
    """As an array of fc.TICK."""
    ticks = np.zeros(len(frame), fc.TICK)
    for field in ("ts", "price", "size", "side"):
        ticks[field] = frame[field]
    return ticks


def es_trades(data_file: DataFile) -> Ticks:
    """300,000 trades of the E-mini S&P 500 future, on a grid of 0.25."""
    path = data_file("es_trades_mlfinpy/es_trades_first300k.csv.gz")
    return to_ticks(read_ticks(path, "ts_ns", "price", "size"))


def eurusd_mids(data_file: DataFile, rows: int) -> Ticks:
    """Mids of quotes, without sizes."""
    path = data_file("fx_quotes_oanda_2014/eurusd_ticks.csv.gz")
    return to_ticks(read_ticks(path, "ts_ns", "(bid + ask) * 0.5", None, rows=rows))


def nzdusd_mids(data_file: DataFile, rows: int) -> Ticks:
    """Mids of quotes, without sizes."""
    path = data_file("fx_quotes_oanda_2014/nzdusd_ticks.csv.gz")
    return to_ticks(read_ticks(path, "ts_ns", "(bid + ask) * 0.5", None, rows=rows))


def binance_trades(data_file: DataFile) -> dict[str, Ticks]:
    """Trades of six instruments on three markets, with sides, in the order of exchange time."""
    path = data_file("binance_ws_multi_20240808/trades.csv.gz")
    frame = read_ticks(path, "trade_ms", "price", "size", unit=1_000_000)
    assert frame["key"].nunique() == 6
    return {str(key): to_ticks(own) for key, own in frame.groupby("key")}


def binance_quotes(data_file: DataFile) -> dict[str, Ticks]:
    """Mids of the quotes of six instruments on three markets, by the time of receipt, without sizes."""
    path = data_file("binance_ws_multi_20240808/quotes.csv.gz")
    frame = read_ticks(path, "recv_ns", "(bid + ask) * 0.5", None)
    assert frame["key"].nunique() == 6
    return {f"quotes of {key}": to_ticks(own) for key, own in frame.groupby("key")}


def real_sets(data_file: DataFile, rows: int) -> dict[str, Ticks]:
    """All sets of real ticks, the first rows of each."""
    sets = {
        "ES": es_trades(data_file),
        "EURUSD": eurusd_mids(data_file, rows),
        "NZDUSD": nzdusd_mids(data_file, rows),
    }
    sets |= binance_trades(data_file)
    quotes = binance_quotes(data_file)
    return {name: ticks[:rows] for name, ticks in sets.items()} | {
        name: ticks[: rows // 10] for name, ticks in quotes.items()
    }
