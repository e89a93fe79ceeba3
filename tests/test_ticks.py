"""Indicators of quotes, trades and time on real ticks, against pandas and Polars at every row.

Times are cut to 512 ns, which a double holds: to 256 ns it could not tell whether a row is just 30 s old.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pandas as pd
import polars as pl
import pytest
from references.ticks import vpin
from samples import T0, Array, assert_same_bits, bits

PLAN: dict[str, Any] = {
    "mid": fc.MID(),
    "micro": fc.MICROPRICE(),
    "quoted": fc.QUOTEDSPREAD(),
    "queue": fc.QUEUEIMBALANCE(),
    "ofi": fc.OFI(10, 20_000),
    "ticks": fc.TICKRULE(),
    "ready": fc.LEEREADY(),
    "effective": fc.EFFECTIVESPREAD(),
    "realised": fc.REALISEDSPREAD(5, 50, 5_000),
    "kyle": fc.KYLELAMBDA(200),
    "amihud": fc.AMIHUD(50),
    "vpin": fc.VPIN(1.0, 20),
    "intensity": fc.TRADEINTENSITY(10, 5_000),
    "variance": fc.REALISEDVAR(300),
    "bipower": fc.BIPOWER(300),
    "sum": fc.TIMESUM(10, 20_000).of("ready.signed"),
    "mean": fc.TIMEMEAN(10, 20_000),
    "std": fc.TIMESTD(10, 20_000),
    "low": fc.TIMEMIN(10, 20_000),
    "high": fc.TIMEMAX(10, 20_000),
    "vwap": fc.TIMEVWAP(10, 5_000),
    "count": fc.TIMECOUNT(10, 20_000),
}
SIDES = {"buy": 1, "sell": -1}


@functools.cache
def events(folder: Path, rows: int = 25_000) -> pd.DataFrame:
    """Trades and quotes of one instrument as they arrived; of equal times the quote comes first."""
    trades, quotes = (
        pl.read_csv(folder / f"{name}.csv.gz", infer_schema_length=None)
        .filter((pl.col("market") == "usdm") & (pl.col("symbol") == "BTCUSDT"))
        .with_columns(ts=pl.col("recv_ns") // 512 * 512)
        for name in ("trades", "quotes")
    )
    both = pl.concat([quotes.with_columns(kind=0), trades.with_columns(kind=1)], how="diagonal")
    frame = both.sort("ts", "kind", maintain_order=True).head(rows).to_pandas()
    frame["trade"] = frame["kind"] == 1
    frame["price"] = frame["price"].fillna((frame["bid"] + frame["ask"]) / 2)
    frame["size"] = frame["size"].fillna(0.0)
    frame["side"] = frame["aggressor"].map(SIDES).fillna(0).astype(int)
    for column in ("bid", "ask", "bid_size", "ask_size"):
        frame[column] = frame[column].ffill()
    assert frame["trade"].sum() > 2_000
    return frame.set_index(pd.to_datetime(frame["ts"]))


def feed(engine: fc.Engine, frame: pd.DataFrame) -> Array:
    """The rows that events leave, each by one call."""
    symbol, rows = engine.symbol("S"), []
    columns = ("trade", "ts", "price", "size", "side", "bid", "ask", "bid_size", "ask_size")
    for trade, ts, price, size, side, *quote in zip(*(frame[x].tolist() for x in columns), strict=True):
        row = symbol.on_tick(ts, price, size, side) if trade else symbol.on_quote(ts, *quote)
        rows.append(row.copy())
    return np.array(rows)


@pytest.fixture(scope="module")
def ticks(data_file: Callable[[str], Path]) -> pd.DataFrame:
    """The events."""
    return events(data_file("binance_ws_multi_20240808/trades.csv.gz").parent)


@pytest.fixture(scope="module")
def found(ticks: pd.DataFrame) -> pd.DataFrame:
    """What one engine says at each of them."""
    engine = fc.Engine(PLAN)
    return pd.DataFrame(feed(engine, ticks), index=ticks.index, columns=engine.columns)


def same(ours: Any, theirs: Any, scale: float = 1.0) -> None:
    """Every row, NaN included."""
    np.testing.assert_allclose(
        np.asarray(ours), np.asarray(theirs, np.float64), rtol=1e-9, atol=1e-12 * scale
    )


def test_quotes(ticks: pd.DataFrame, found: pd.DataFrame) -> None:
    """What the standing quote says, on quotes and on trades."""
    bid, ask, p, q = (ticks[x] for x in ("bid", "ask", "bid_size", "ask_size"))
    middle = (bid + ask) / 2
    same(found["mid"], middle)
    same(found["micro"], (bid * q + ask * p) / (p + q))
    same(found["quoted.spread"], ask - bid, 1e5)
    same(found["quoted.bps"], (ask - bid) / middle * 1e4, 1e4)
    same(found["queue"], (p - q) / (p + q))


def test_order_flow_imbalance(ticks: pd.DataFrame, found: pd.DataFrame) -> None:
    """Polars' rolling sum by time over what came to the queues and left them."""
    frame = pl.from_pandas(ticks[["ts", "bid", "ask", "bid_size", "ask_size"]].reset_index(drop=True))
    bid, ask = pl.col("bid"), pl.col("ask")
    came = pl.when(bid >= bid.shift()).then("bid_size").otherwise(0.0)
    left = pl.when(bid <= bid.shift()).then(pl.col("bid_size").shift()).otherwise(0.0)
    offered = pl.when(ask <= ask.shift()).then("ask_size").otherwise(0.0)
    taken = pl.when(ask >= ask.shift()).then(pl.col("ask_size").shift()).otherwise(0.0)
    flow = (came - left - offered + taken).fill_null(0.0)
    frame = frame.with_columns(flow=flow, time=pl.from_epoch("ts", time_unit="ns"))
    # Of equal times Polars gives all the last one's sum.
    sums = frame.select(pl.col("flow").rolling_sum_by("time", window_size="10s")).to_series().to_numpy()
    last = ~ticks.index.duplicated(keep="last")
    same(found["ofi"][last], sums[last], 1e3)
    assert np.abs(found["ofi"]).max() > 0


def sides_of(ticks: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Tick rule and Lee and Ready's rule, of the trades."""
    trades = ticks[ticks["trade"]]
    moved = np.sign(trades["price"].diff())
    ruled = moved.where(moved != 0).ffill().fillna(0.0)
    beyond = np.sign(trades["price"] - (trades["bid"] + trades["ask"]) / 2)
    return ruled, beyond.where(beyond != 0, ruled)


def spread_over(ticks: pd.DataFrame, trades: pd.Series | Array) -> Array:
    """A value of each trade at every row since: NaN before the first."""
    whole = np.full(len(ticks), np.nan)
    whole[ticks["trade"].to_numpy()] = trades
    return pd.Series(whole).ffill().to_numpy()


def test_sides(ticks: pd.DataFrame, found: pd.DataFrame) -> None:
    """By the last price and by the quote; and what the venue says of it."""
    for name, side in zip(("ticks", "ready"), sides_of(ticks), strict=True):
        same(found[f"{name}.side"], np.nan_to_num(spread_over(ticks, side.to_numpy())))
        same(found[f"{name}.signed"], found[f"{name}.side"] * ticks["size"])
    traded = ticks["trade"]
    right = (found["ready.side"] == ticks["side"])[traded].mean()
    assert right > 0.8, "most trades meet the quote that was seen before them"


def test_spreads(ticks: pd.DataFrame, found: pd.DataFrame) -> None:
    """Effective at once, realised by the quote 5 s later."""
    trades = ticks[ticks["trade"]]
    middle = (trades["bid"] + trades["ask"]) / 2
    effective = 2 * (trades["price"] - middle).abs()
    same(found["effective.spread"], spread_over(ticks, effective.to_numpy()), 1e5)
    same(found["effective.bps"], spread_over(ticks, (effective / middle * 1e4).to_numpy()), 1e5)
    due = trades[["ts", "price"]].reset_index(drop=True)
    due["side"] = sides_of(ticks)[1].to_numpy()
    due["due"] = due["ts"] + 5_000_000_000
    quotes = pd.DataFrame(
        {"due": ticks["ts"].to_numpy(), "later": ((ticks["bid"] + ticks["ask"]) / 2).to_numpy()}
    )
    assert not np.isin(due["due"], quotes["due"]).any(), "no trade is judged by a quote of just its time"
    judged = pd.merge_asof(due, quotes, on="due")
    paid = 2 * judged["side"] * (judged["price"] - judged["later"])
    count = np.searchsorted(due["due"], ticks["ts"], side="right")
    means = paid.rolling(50, min_periods=1).mean().to_numpy()
    same(found["realised"], np.where(count > 0, means[np.maximum(count - 1, 0)], 0.0), 1e5)


def test_impact(ticks: pd.DataFrame, found: pd.DataFrame) -> None:
    """Kyle's lambda, Amihud's ratio and VPIN of the trades."""
    trades = ticks[ticks["trade"]]
    flow, move = trades["side"] * trades["size"], trades["price"].diff()
    products, squares = (x.rolling(200, min_periods=1).sum() for x in ((flow * move)[1:], (flow**2)[1:]))
    kyle = np.concatenate([[0.0], (products / squares).to_numpy()])
    expected = np.nan_to_num(spread_over(ticks, kyle))
    expected[0] = np.nan
    same(found["kyle"], expected, 1e3)
    ratios = (trades["price"].pct_change().abs() / (trades["price"] * trades["size"]))[1:]
    amihud = np.concatenate([[0.0], ratios.rolling(50, min_periods=1).mean().to_numpy()])
    expected = np.nan_to_num(spread_over(ticks, amihud))
    expected[0] = np.nan
    same(found["amihud"], expected, 1e-9)
    ours = found["vpin"].to_numpy()
    (theirs,) = vpin(
        *(ticks[x].to_numpy(np.float64) for x in ("price", "size", "side")), bucket=1.0, buckets=20
    )
    same(ours, theirs)
    assert len(np.unique(ours)) > 100


def test_variation(ticks: pd.DataFrame, found: pd.DataFrame) -> None:
    """Realised variance and bipower variation of the rows."""
    returns = np.log(ticks["price"]).diff()
    same(found["variance"], (returns**2).rolling(300).sum(), 1e-6)
    products = returns.abs() * returns.abs().shift()
    same(found["bipower"], np.pi / 2 * products.rolling(299).sum(), 1e-6)


def test_windows_of_time(ticks: pd.DataFrame, found: pd.DataFrame) -> None:
    """pandas' rolling('10s'), which has of equal times those rows that came until then, as we have."""
    price, size = ticks["price"], ticks["size"]
    window = price.rolling("10s")
    same(found["mean"], window.mean())
    # About a price among them: pandas' variances lose the digits that a level costs.
    same(found["std"], (price - price.iloc[0]).rolling("10s").std(ddof=0), 1e4)
    same(found["low"], window.min())
    same(found["high"], window.max())
    same(found["count"], window.count())
    same(found["sum"], found["ready.signed"].rolling("10s").sum(), 1e3)
    same(found["intensity"], ticks["trade"].astype(float).rolling("10s").sum() / 10)
    value, volume = (price * size).rolling("10s").sum(), size.rolling("10s").sum()
    traded = ticks["trade"].astype(float).rolling("10s").sum() > 0
    same(found["vwap"], (value / volume).where(traded))


def test_a_restored_engine_goes_on_with_the_quote_that_stands(
    ticks: pd.DataFrame, found: pd.DataFrame
) -> None:
    """Cut right before a trade: the same bits as without the cut."""
    cut = int(np.flatnonzero(ticks["trade"].to_numpy())[1_000])
    engine = fc.Engine(PLAN)
    feed(engine, ticks[:cut])
    restored = fc.Engine.restore(engine.snapshot())
    rest = feed(restored, ticks[cut : cut + 3_000])
    assert_same_bits(rest, found.to_numpy()[cut : cut + 3_000], "restored")
    assert restored.snapshot() != engine.snapshot()


def test_bars_read_the_quote_that_stands_when_they_close() -> None:
    """Also right after a restore, when the tick that closes a bar is the first that comes."""
    engine = fc.Engine({"mid": fc.MID().on("1s"), "ready": fc.LEEREADY().on("1s")})
    symbol = engine.symbol("S")
    symbol.on_tick(T0, 5.0, 1.0)
    assert np.isnan(symbol.on_tick(T0 + 10**9, 5.0, 1.0)).all()
    symbol.on_quote(T0 + 10**9 + 1, 4.0, 8.0, 1.0, 1.0)
    restored = fc.Engine.restore(engine.snapshot()).symbol("S")
    for one in (symbol, restored):
        assert one.on_tick(T0 + 2 * 10**9, 7.0, 2.0).tolist() == [6.0, 0.0, 0.0]
        assert one.on_tick(T0 + 3 * 10**9, 7.0, 1.0).tolist() == [6.0, 1.0, 2.0]


def test_trades_in_batches_give_the_bits_of_ticks(ticks: pd.DataFrame) -> None:
    """Sides and times reach the indicators either way."""
    trades = ticks[ticks["trade"]][:3_000]
    table = np.zeros(len(trades), fc.TICK)
    for field in ("ts", "price", "size", "side"):
        table[field] = trades[field]
    plan = {
        name: one
        for name, one in PLAN.items()
        if name in ("kyle", "vpin", "mean", "vwap", "intensity", "ticks")
    }
    single = feed(fc.Engine(plan), trades)
    whole = fc.Engine(plan).on_ticks(table, symbols=["S"], rows="all")
    assert_same_bits(whole, single, "a batch")
    unknown = table.copy()
    unknown["side"] = 0
    assert (bits(fc.Engine(plan).on_ticks(unknown, symbols=["S"], rows="all")) != bits(whole)).any()


def test_before_the_first_quote_there_is_nothing() -> None:
    """NaN, not a quote of 0; and a refused quote leaves the one that stands."""
    symbol = fc.Engine({"mid": fc.MID(), "ready": fc.LEEREADY()}).symbol("S")
    assert np.isnan(symbol.on_tick(T0, 5.0, 1.0)).all()
    assert symbol.on_quote(T0 + 1, 4.0, 8.0, 1.0, 1.0).tolist() == [6.0, 0.0, 0.0]
    assert symbol.on_tick(T0 + 2, 5.0, 3.0).tolist() == [6.0, -1.0, -3.0]
    for refused in ((9.0, 8.0), (np.nan, 8.0), (4.0, -8.0)):
        symbol.on_quote(T0 + 3, *refused)
        assert symbol.outcome == "invalid"
        assert symbol["mid"] == 6.0
    assert symbol.peek(7.0, 2.0).tolist() == [6.0, 1.0, 2.0]
    assert symbol.on_tick(T0 + 4, 7.0, 2.0).tolist() == [6.0, 1.0, 2.0]


@pytest.mark.parametrize("policy", [fc.Policy(order="buffer"), fc.Policy(jumps=50.0)])
def test_a_policy_that_holds_ticks_does_not_go_with_quotes(policy: fc.Policy) -> None:
    """It would keep the mid and lose the quote; said at once, for an engine and for one symbol."""
    with pytest.raises(fc.PlanError, match="policy that holds no ticks back"):
        fc.Engine({"mid": fc.MID()}, policy=policy)
    engine = fc.Engine({"mid": fc.MID()})
    with pytest.raises(fc.PlanError, match="policy that holds no ticks back"):
        engine.symbol("S", policy=policy)
    assert not engine.symbols
    fc.Engine({"mean": fc.TIMEMEAN()}, policy=policy)


def test_a_full_window_holds_the_newest() -> None:
    """More rows than there is room for: the count says so, and the sum is of as many."""
    plan = {"count": fc.TIMECOUNT(30, 100), "sum": fc.TIMESUM(30, 100), "low": fc.TIMEMIN(30, 100)}
    symbol = fc.Engine(plan, rows="copy").symbol("S")
    rows = np.array([symbol.on_tick(T0 + i, i + 1.0, 1.0) for i in range(250)])
    np.testing.assert_array_equal(rows[:, 0], np.minimum(np.arange(1, 251), 100))
    assert rows[-1].tolist() == [100.0, sum(range(151, 251)), 151.0]
    assert symbol.on_tick(T0 + 31 * 10**9, 7.0, 1.0).tolist() == [1.0, 7.0, 7.0]


def test_a_spike_leaves_no_trace_in_a_window_of_time() -> None:
    """30 s after it, equal bits to a stream without it."""
    rng = np.random.default_rng(5)
    ts = (T0 + np.cumsum(rng.integers(0, 3, 900)) * 10**9).astype(np.float64)
    price, size = 100 + np.cumsum(rng.normal(size=900)), rng.uniform(1, 9, 900)
    for make in (fc.TIMESUM, fc.TIMEMEAN, fc.TIMESTD, fc.TIMEMIN, fc.TIMEMAX, fc.TIMEVWAP):
        inputs = (ts, price, size) if make is fc.TIMEVWAP else (ts, price)
        clean = make(30).batch(*inputs)
        for at in range(300, 340):
            for spike in (1e15, -1e17, 1e300):
                dirty = price.copy()
                dirty[at] = spike
                after = ts > ts[at] + 31e9
                found = make(30).batch(*(dirty if x is price else x for x in inputs))
                assert_same_bits(found[after], clean[after], f"{make.__name__} after {spike}")


def test_the_mean_of_a_constant_is_the_constant() -> None:
    """Also in windows of time."""
    ts = T0 + np.arange(500) * 1e8
    for level in (0.1, 61_234.56, 1 / 3):
        assert (fc.timemean(ts, np.full(500, level)) == level).all()
        assert (fc.timestd(ts, np.full(500, level)) == 0).all()
        assert (fc.timevwap(ts, np.full(500, level), np.linspace(1, 9, 500)) == level).all()
