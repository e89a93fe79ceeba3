"""Small drawings of indicators over real bars and trades, for their pages.

The data are read where they lie (`FASTCORE_DATA`, or the folder beside the project) and never copied: a
drawing holds lines in pixels. The same data and outputs give the same bytes, with coordinates to a tenth
of a pixel.
"""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
from fastcore.catalogue import Row
from generated import ROOT

Array = np.ndarray[Any, np.dtype[np.float64]]
Columns = dict[str, Array]
DATA = Path(os.environ.get("FASTCORE_DATA", ROOT / ".." / "shared" / "data"))
WIDTH, PAD = 640.0, 8.0
SHOWN, CANDLES = 120, 60
COLORS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b", "#e377c2", "#7f7f7f")
TICK_FAMILIES = ("time", "book", "trades")
PRICES = ("open", "high", "low", "close")


def there() -> bool:
    """Whether the data can be read."""
    return (DATA / "bars_skender" / "default.csv").is_file()


@cache
def bars(file: str) -> Columns:
    """Bars of Skender's collection."""
    with (DATA / "bars_skender" / file).open(encoding="utf-8-sig", newline="") as lines:
        rows = [{key.lower(): value for key, value in row.items()} for row in csv.DictReader(lines)]
    columns = {name: np.array([float(row[name]) for row in rows]) for name in (*PRICES, "volume")}
    times = [row.get("timestamp") or row.get("date") or "" for row in rows]
    columns["ts"] = np.array(times, "datetime64[ns]").astype(np.int64).astype(np.float64)
    return columns


@cache
def trades(rows: int = 4000) -> Columns:
    """The first spot trades of BTCUSDT with the quotes that stood when they came."""
    folder = DATA / "binance_ws_multi_20240808"

    def read(name: str) -> list[dict[str, str]]:
        with gzip.open(folder / name, "rt", encoding="utf-8", newline="") as lines:
            return [r for r in csv.DictReader(lines) if (r["market"], r["symbol"]) == ("spot", "BTCUSDT")]

    ticks, quotes = read("trades.csv.gz"), read("quotes.csv.gz")
    standing = np.searchsorted([int(q["recv_ns"]) for q in quotes], [int(t["recv_ns"]) for t in ticks]) - 1
    kept = np.flatnonzero(standing >= 0)[:rows]
    some = [ticks[i] for i in kept]
    columns = {
        "ts": np.array([float(t["recv_ns"]) for t in some]),
        "close": np.array([float(t["price"]) for t in some]),
        "volume": np.array([float(t["size"]) for t in some]),
        "side": np.array([1.0 if t["aggressor"] == "buy" else -1.0 for t in some]),
    }
    for name in ("bid", "ask", "bid_size", "ask_size"):
        columns[name] = np.array([float(quotes[standing[i]][name]) for i in kept])
    return columns


def source_of(row: Row) -> tuple[str, str]:
    """The file, and what it is: bars by the day; by the minute where times matter, trades where those do."""
    if row["family"] in TICK_FAMILIES:
        return "", "BTCUSDT trade by trade on 8 August 2024"
    if row["family"] == "candles":
        return "longish.csv", "The S&P 500 by the day, around the newest such pattern"
    if "ts" in row["inputs"]:
        return "intraday.csv", "SPY by the minute in December 2020"
    return "default.csv", "SPY by the day in 2018"


def caption(row: Row) -> str:
    """What the drawing shows, and whose data it is made from."""
    file, what = source_of(row)
    if not file:
        return f"{what}, recorded by [hftbacktest](https://github.com/nkaz001/hftbacktest) (MIT)"
    return f"{what}, from [Stock.Indicators](https://github.com/DaveSkender/Stock.Indicators) (Apache-2.0)"


class Panel:
    """A strip of the drawing with a scale of its own."""

    def __init__(self, top: float, height: float, columns: list[Array]) -> None:
        values = np.concatenate(columns)
        values = values[np.isfinite(values)]
        self.top, self.height = top, height
        self.low, self.high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
        self.rows = len(columns[0])

    def x(self, row: float) -> float:
        return PAD + (WIDTH - 2 * PAD) * row / max(self.rows - 1, 1)

    def y(self, value: float) -> float:
        span = self.high - self.low
        part = (value - self.low) / span if span > 0 else 0.5
        return self.top + self.height * (1.0 - part)

    def line(self, column: Array, color: str, dashes: str = "") -> Iterator[str]:
        """One line for each stretch that has values."""
        good = np.isfinite(column)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(int)))
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            points = " ".join(f"{self.x(i):.1f},{self.y(float(column[i])):.1f}" for i in range(begin, end))
            more = f' stroke-dasharray="{dashes}"' if dashes else ""
            yield f'<polyline points="{points}" fill="none" stroke="{color}"{more}/>'

    def columns(self, column: Array, color: str) -> Iterator[str]:
        """A stroke from 0 for each value."""
        zero = self.y(min(max(0.0, self.low), self.high))
        strokes = "".join(
            f"M{self.x(i):.1f} {zero:.1f}V{self.y(float(value)):.1f}"
            for i, value in enumerate(column)
            if np.isfinite(value)
        )
        yield f'<path d="{strokes}" stroke="{color}" stroke-width="2"/>'

    def legend(self, names: list[tuple[str, str]]) -> Iterator[str]:
        """Names at the top left, the scale's ends at the right."""
        spans = "".join(f'<tspan fill="{color}" dx="6">{name}</tspan>' for name, color in names)
        yield f'<text x="{PAD:.0f}" y="{self.top - 3:.0f}">{spans}</text>'
        ends = f"{self.low:.6g} to {self.high:.6g}"
        yield f'<text x="{WIDTH - PAD:.0f}" y="{self.top - 3:.0f}" text-anchor="end">{ends}</text>'


def document(height: float, parts: list[str]) -> str:
    """The file."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {height:.0f}" '
        'font-family="sans-serif" font-size="10" fill="#555">'
    )
    return "\n".join(
        [head, f'<rect width="{WIDTH:.0f}" height="{height:.0f}" fill="#fff"/>', *parts, "</svg>", ""]
    )


def outputs_of(row: Row, source: Columns) -> list[Array]:
    """The outputs with the defaults."""
    result = fc.make(row["name"]).batch(*(source[name] for name in row["inputs"]))
    return list(result) if isinstance(result, tuple) else [result]


def plot(row: Row) -> str:
    """The drawing of one indicator."""
    file, _ = source_of(row)
    source = bars(file) if file else trades()
    outputs = outputs_of(row, source)
    if row["family"] == "candles":
        return candles(source, outputs[0])
    part = slice(len(outputs[0]) - SHOWN, None)
    outputs = [output[part] for output in outputs]
    price = source["close"][part]
    names = [(o["name"], COLORS[k % len(COLORS)]) for k, o in enumerate(row["outputs"])]
    finite = np.concatenate(outputs)
    finite = finite[np.isfinite(finite)]
    reach = float(price.max() - price.min())
    over = (
        len(finite) > 0 and finite.min() > price.min() - 2 * reach and finite.max() < price.max() + 2 * reach
    )
    first = Panel(16, 150 if over else 80, [price, *outputs] if over else [price])
    parts = [*first.legend([("price", "#999"), *(names if over else [])]), *first.line(price, "#999")]
    below = first if over else Panel(118, 90, outputs)
    if not over:
        parts += below.legend(names)
    for output, column, (_, color) in zip(row["outputs"], outputs, names, strict=True):
        if output["role"] == "bar" and not over:
            parts += below.columns(column, color)
        else:
            parts += below.line(column, color, "4 2" if output["role"] == "signal" else "")
    return document(below.top + below.height + 8, parts)


def candles(source: Columns, signal: Array) -> str:
    """Bars around the newest of the patterns, which are marked."""
    found = np.flatnonzero(np.nan_to_num(signal))
    end = min(len(signal), int(found[-1]) + CANDLES // 4) if len(found) else len(signal)
    part = slice(end - CANDLES, end)
    open_, high, low, close = (source[name][part] for name in PRICES)
    panel = Panel(16, 150, [high, low])
    count = f"{len(found):,} in {len(signal):,} bars"
    parts = list(panel.legend([("pattern, up", COLORS[2]), ("down", COLORS[1]), (count, "#777")]))
    for i in range(CANDLES):
        x, top, bottom = (
            panel.x(i),
            panel.y(float(max(open_[i], close[i]))),
            panel.y(float(min(open_[i], close[i]))),
        )
        fill = "#fff" if close[i] >= open_[i] else "#777"
        parts.append(
            f'<path d="M{x:.1f} {panel.y(float(high[i])):.1f}V{top:.1f}h-3V{bottom:.1f}h6V{top:.1f}h-3'
            f'M{x:.1f} {bottom:.1f}V{panel.y(float(low[i])):.1f}" fill="{fill}" stroke="#777"/>'
        )
        if signal[part][i] != 0 and np.isfinite(signal[part][i]):
            color = COLORS[2] if signal[part][i] > 0 else COLORS[1]
            parts.append(f'<circle cx="{x:.1f}" cy="{panel.y(float(low[i])) + 6:.1f}" r="3" fill="{color}"/>')
    return document(180, parts)
