"""Bars by their definition, from whole streams of ticks: Polars groups what plain loops have labelled.

Nothing here is built as the engine builds: a label says to which bar a tick belongs, and a bar is what its
ticks add up to. Prices may be given in steps of a grid, so that differences of them are whole numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fastcore as fc
import numpy as np
import polars as pl

Bars = np.ndarray[Any, np.dtype[np.void]]
Labels = np.ndarray[Any, np.dtype[np.int64]]


def bars_of(ticks: Any, labels: Any, starts: Any = None) -> Bars:
    """One bar for each label, in order; its ts is that of its first tick, or of `starts`, by tick."""
    labels = np.asarray(labels)
    side = ticks["side"].astype(np.int64)
    value = ticks["price"] * ticks["size"]
    frame = pl.DataFrame(
        {
            "label": labels,
            "start": ticks["ts"] if starts is None else starts,
            "ts": ticks["ts"],
            "price": ticks["price"],
        }
    )
    made = frame.group_by("label", maintain_order=True).agg(
        ts=pl.col("start").first(),
        open=pl.col("price").first(),
        high=pl.col("price").max(),
        low=pl.col("price").min(),
        close=pl.col("price").last(),
        count=pl.len(),
        first_ts=pl.col("ts").min(),
        last_ts=pl.col("ts").max(),
    )
    bars = np.zeros(len(made), fc.BAR)
    for field in made.columns[1:]:
        bars[field] = made[field].to_numpy()
    # In the order of the ticks, as the engine adds: Polars adds in an order of its own.
    place = np.unique(labels, return_inverse=True)[1]
    for field, weights in {
        "volume": ticks["size"],
        "value": value,
        "buy_volume": np.where(side > 0, ticks["size"], 0.0),
        "sell_volume": np.where(side < 0, ticks["size"], 0.0),
    }.items():
        bars[field] = np.bincount(place, weights=weights, minlength=len(bars))
    price(bars)
    bars["complete"] = True
    return bars


def price(bars: Bars) -> None:
    """The average price of each bar, none without volume."""
    bars["vwap"] = np.nan
    some = bars["volume"] > 0
    mean = bars["value"][some] / bars["volume"][some]
    bars["vwap"][some] = np.clip(mean, bars["low"][some], bars["high"][some])


def time_bars(ticks: Any, span: int, origin: int = 0) -> Bars:
    """Spans of so many ns; the first bar may have begun before its first tick, so it is not complete."""
    start = (ticks["ts"] - origin) // span * span + origin
    bars = bars_of(ticks, start, start)
    bars["complete"][0] = False
    return bars


def count_labels(rows: int, count: int) -> Labels:
    """Every so many ticks."""
    return np.arange(rows) // count


def amount_labels(amounts: Sequence[float], threshold: float) -> Labels:
    """A bar ends with the tick that brings its sum to the threshold."""
    labels, label, total = [], 0, 0.0
    for amount in amounts:
        total += amount
        labels.append(label)
        if total >= threshold:
            label, total = label + 1, 0.0
    return np.array(labels)


def split_volume_bars(ticks: Any, threshold: int) -> Bars:
    """Whole sizes, cut into trades of size 1: every `threshold` of them make a bar, but those of no size."""
    units = ticks["size"].astype(np.int64)
    assert np.array_equal(units, ticks["size"])
    assert (units > 0).all()
    ones = np.repeat(ticks, units)
    ones["size"] = 1.0
    bars = bars_of(ones, np.arange(len(ones)) // threshold)
    # A trade counts once, in the bar where its first unit lies.
    first = np.cumsum(units) - units
    bars["count"] = np.bincount(first // threshold, minlength=len(bars))
    return bars


def range_labels(steps: Sequence[int], reach: int) -> Labels:
    """A bar ends with the tick that brings the difference of its prices, in steps of the grid, to `reach`."""
    labels, label = [], 0
    seen: list[int] = []
    for step in steps:
        seen.append(step)
        labels.append(label)
        if max(seen) - min(seen) >= reach:
            label += 1
            seen = []
    return np.array(labels)


def renko_bricks(steps: Sequence[int], brick: int) -> list[tuple[int, int, int]]:
    """(from, to, number of the tick), in steps of the grid, of each brick."""
    bricks: list[tuple[int, int, int]] = []
    low = high = steps[0] // brick * brick
    for i, step in enumerate(steps):
        while step >= high + brick:
            bricks.append((high, high + brick, i))
            low, high = high, high + brick
        while step <= low - brick:
            bricks.append((low, low - brick, i))
            low, high = low - brick, low
    return bricks


def sides_of(ticks: Any) -> Labels:
    """Its own where a tick has one; else that of the last change of the price."""
    frame = pl.DataFrame({"side": ticks["side"].astype(np.int64), "price": ticks["price"]})
    own = pl.when(pl.col("side") != 0).then(pl.col("side"))
    turned = pl.col("price").diff().sign().cast(pl.Int64)
    turn = pl.when(turned != 0).then(turned)
    filled = frame.select(pl.coalesce(own, turn).forward_fill().fill_null(0).alias("side"))
    return filled["side"].to_numpy()


def flow_amounts(ticks: Any, measure: str) -> Any:
    """What of a tick is counted."""
    return {
        "tick": np.ones(len(ticks)),
        "vol": ticks["size"],
        "value": ticks["price"] * ticks["size"],
    }[measure]


def flow_labels(ticks: Any, measure: str, runs: bool, threshold: float) -> Labels:
    """A bar ends where |bought - sold|, or the larger of the two, has come to the threshold."""
    labels, label, bought, sold = [], 0, 0.0, 0.0
    for amount, side in zip(flow_amounts(ticks, measure), sides_of(ticks), strict=True):
        bought, sold = bought + amount * (side > 0), sold + amount * (side < 0)
        labels.append(label)
        if (max(bought, sold) if runs else abs(bought - sold)) >= threshold:
            label, bought, sold = label + 1, 0.0, 0.0
    return np.array(labels)


def adaptive_labels(ticks: Any, measure: str, runs: bool, expected: int, memory: int) -> Labels:
    """The same with a threshold that follows averages over the bars before, as pandas makes them."""
    import pandas as pd

    amounts, sides = flow_amounts(ticks, measure), sides_of(ticks)
    labels = np.zeros(len(ticks), np.int64)
    done: list[tuple[float, float, float]] = []  # ticks, bought and sold per tick of each bar
    start, label = 0, 0
    while start < len(ticks):
        buys = np.cumsum(np.where(sides[start:] > 0, amounts[start:], 0.0))
        sells = np.cumsum(np.where(sides[start:] < 0, amounts[start:], 0.0))
        length = np.arange(1, len(buys) + 1)
        if not done:
            ends = length >= expected
        else:
            means = pd.DataFrame(done).ewm(span=memory, adjust=False).mean()
            # The mean length is kept within bounds after each bar, which pandas' average does not know.
            mean_ticks = float(done[0][0])
            for row in done[1:]:
                mean_ticks += 2 / (memory + 1) * (row[0] - mean_ticks)
                mean_ticks = min(max(mean_ticks, expected / 10), expected * 10)
            bought, sold = means[1].iloc[-1], means[2].iloc[-1]
            one = max(bought, sold) if runs else max(abs(bought - sold), (bought + sold) / mean_ticks**0.5)
            flow = np.maximum(buys, sells) if runs else np.abs(buys - sells)
            ends = (flow >= mean_ticks * one) | (length >= 10 * expected)
        found = np.flatnonzero(ends)
        stop = start + (found[0] + 1 if len(found) else len(buys))
        labels[start:stop] = label
        if len(found):
            at = found[0]
            done.append((float(at + 1), buys[at] / (at + 1), sells[at] / (at + 1)))
        start, label = stop, label + 1
    return labels


def merged(parts: Bars, labels: Any, starts: Any = None) -> Bars:
    """Bars of bars."""
    frame = pl.DataFrame({name: parts[name] for name in fc.BAR.names or ()}).with_columns(
        label=pl.Series(np.asarray(labels)),
        start=pl.Series(parts["ts"] if starts is None else np.asarray(starts)),
    )
    made = frame.group_by("label", maintain_order=True).agg(
        ts=pl.col("start").first(),
        open=pl.col("open").first(),
        high=pl.col("high").max(),
        low=pl.col("low").min(),
        close=pl.col("close").last(),
        count=pl.col("count").sum(),
        first_ts=pl.col("first_ts").min(),
        last_ts=pl.col("last_ts").max(),
        complete=pl.col("complete").all(),
        stale=pl.col("stale").all(),
    )
    bars = np.zeros(len(made), fc.BAR)
    for field in made.columns[1:]:
        bars[field] = made[field].to_numpy()
    place = np.unique(np.asarray(labels), return_inverse=True)[1]
    for field in ("volume", "value", "buy_volume", "sell_volume"):
        bars[field] = np.bincount(place, weights=parts[field], minlength=len(bars))
    price(bars)
    return bars


def heikin_ashi(parts: Bars) -> Bars:
    """The averaged view of bars."""
    bars = parts.copy()
    opened = closed = None
    for bar, part in zip(bars, parts, strict=True):
        mean = (part["open"] + part["high"] + part["low"] + part["close"]) / 4
        opened = (part["open"] + part["close"]) / 2 if opened is None else (opened + closed) / 2
        closed = mean
        bar["open"], bar["close"] = opened, closed
        bar["high"] = max(part["high"], opened, closed)
        bar["low"] = min(part["low"], opened, closed)
    return bars
