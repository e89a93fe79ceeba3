"""The plots of the report, as SVG that takes its colours and its font from the page.

Matplotlib draws with stand-in colours; afterwards each becomes a CSS variable, so that one drawing
suits light and dark. Lines are labelled where they end: no legends, no boxes.
"""

from __future__ import annotations

import io
import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastcore._extras import require
from fastcore._units import duration, rate
from fastcore.results import PERCENTILES, seen

if TYPE_CHECKING:
    from fastcore.results import RunResult, Window

__all__ = ["close_up", "latency", "sparkline", "throughput"]

# Stand-in -> CSS variable of the page.
INK, MUTED, RULE, BLUE, ORANGE, BAND = (f"#00000{i}" for i in range(1, 7))
_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    RULE: "--rule",
    BLUE: "--blue",
    ORANGE: "--orange",
    BAND: "--band",
}

_STYLE = {
    "svg.fonttype": "none",
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
}
_serial = itertools.count(1)


def _draw(width: float, height: float, label: str, paint: Callable[[Any], None]) -> str:
    """Let `paint` fill a figure of so many inches; returns it as an ``<svg>`` element."""
    matplotlib = require("matplotlib", "report", "writing a report")
    figure_module = require("matplotlib.figure", "report", "writing a report")
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **_STYLE, "svg.hashsalt": label}):
        figure = figure_module.Figure(figsize=(width, height), layout="constrained")
        paint(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return _adopt(buffer.getvalue(), label)


def _adopt(svg: str, label: str) -> str:
    """Make a drawing part of a page: its colours, its font, its own ids, no foreign addresses."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    svg = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", svg)
    svg = re.sub(r"font-family: [^;\"]*;?", "", svg)
    prefix = f"p{next(_serial)}-"
    svg = re.sub(r'\bid="', f'id="{prefix}', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}", svg)
    width, height = (float(re.search(rf'{side}="([\d.]+)pt"', svg)[1]) for side in ("width", "height"))  # type: ignore[index]
    view = f'viewBox="0 0 {width:g} {height:g}"'
    # Points become the same number of page pixels, times 4/3: text keeps its size on a wide page.
    head = f'<svg {view} style="width:{width * 4 / 3:.0f}px" role="img" aria-label="{label}" '
    head += 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    return head + svg[svg.index(">") + 1 :].strip()


def _tail(share: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Where a share of the calls (0 to 1) stands on an axis on which each nine takes equal room."""
    return -np.log10(1.0 - np.asarray(share, np.float64))


def latency(run: RunResult) -> str:
    """Latency of one call over its percentile, with equal room for each further nine."""

    def paint(figure: Any) -> None:
        axes = figure.add_subplot()
        axes.set_yscale("log")
        ends = []
        if len(run.single_ns):
            ns = np.sort(run.single_ns)
            share = 1.0 - np.logspace(math.log10(0.9), -math.log10(len(ns)), 240)
            values = ns[np.minimum((share * len(ns)).astype(int), len(ns) - 1)]
            axes.plot(_tail(share), values, color=ORANGE)
            ends.append((float(_tail(share)[-1]), float(ns[-1]), "from Python", ORANGE))
            _mark(axes, run.latency_ns["on_tick_from_python"], ORANGE, above=True)
        inside = run.latency_ns.get("on_ticks", {})
        if inside.get("count"):
            known = {name: q for name, q in PERCENTILES.items() if seen(inside, name)}
            x = [*_tail([q / 100 for q in known.values()]), math.log10(inside["count"])]
            y = [*(inside[name] for name in known), inside["max"]]
            axes.plot(x, y, color=BLUE, marker="o", markersize=3)
            ends.append((x[-1], y[-1], "in the engine", BLUE))
            _mark(axes, inside, BLUE, above=False)
        for x_end, y_end, text, colour in ends:
            axes.annotate(
                f"{text}\nworst {duration(y_end)}",
                (x_end, y_end),
                (8, 0),
                textcoords="offset points",
                color=colour,
                va="center",
                linespacing=1.3,
            )
        furthest = max((x for x, *_ in ends), default=1.0)
        nines = range(1 + max(1, math.floor(furthest)))
        axes.set_xticks([_tail(0.5).item(), *nines[1:]])
        axes.set_xticklabels(["half", *(_nines(n) for n in nines[1:])])
        axes.set_xlabel("share of the calls that took no longer", labelpad=6)
        axes.set_xlim(0, furthest + 1.0)
        axes.margins(y=0.16)
        axes.yaxis.set_major_formatter(lambda value, _: duration(value))

    return _draw(9.6, 3.6, "Latency of one tick over its percentile", paint)


def _mark(axes: Any, numbers: Mapping[str, float], colour: str, *, above: bool) -> None:
    """Write p50, p99 and p99.9 at the curve, on the side where the other curve is not."""
    for name in ("p50", "p99", "p99.9"):
        if not seen(numbers, name):
            continue
        place = (_tail(PERCENTILES[name] / 100).item(), numbers[name])
        axes.plot(*place, marker="o", markersize=4, color=colour)
        axes.annotate(
            duration(numbers[name]),
            place,
            (0, 10 if above else -17),
            textcoords="offset points",
            ha="center",
            color=colour,
        )


def _nines(n: int) -> str:
    return f"{100 - 10.0 ** (2 - n):.{max(0, n - 2)}f} %"


def throughput(run: RunResult) -> str:
    """Ticks per second of each batch, over the ticks fed so far."""

    def paint(figure: Any) -> None:
        axes = figure.add_subplot()
        for how, colour in (("in batches", BLUE), ("tick by tick", ORANGE)):
            points = [(done, speed) for done, speed, way in run.pace if way == how]
            if not points:
                continue
            done, speed = np.array(points).T
            middle = float(np.median(speed))
            axes.plot(done, speed, ".", color=colour, markersize=4)
            axes.axhline(middle, color=colour, linewidth=0.8)
            axes.annotate(
                f"{how}\nmedian {rate(middle)}",
                (1, middle),
                (8, 0),
                xycoords=axes.get_yaxis_transform(),
                textcoords="offset points",
                color=colour,
                va="center",
                linespacing=1.3,
                annotation_clip=False,
            )
        axes.set_ylim(0, max((speed for _, speed, _ in run.pace), default=1.0) * 1.08)
        axes.set_xlim(0, run.ledger["received"])
        axes.yaxis.set_major_formatter(lambda value, _: rate(value) if value else "0")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.set_xlabel("ticks fed so far", labelpad=6)

    return _draw(9.6, 2.8, "Throughput over the run", paint)


def close_up(windows: Sequence[Window]) -> str:
    """The last ticks of a few symbols: price in its bands above, RSI below."""

    def paint(figure: Any) -> None:
        grid = figure.subplots(2, len(windows), sharex="col", squeeze=False, height_ratios=(3, 1))
        for window, price_axes, rsi_axes in zip(windows, *grid, strict=True):
            x = np.arange(-len(window.price) + 1, 1)
            _price_panel(price_axes, x, window)
            _rsi_panel(rsi_axes, x, window)

    return _draw(9.6, 4.0, "The last ticks of the busiest symbols with their indicators", paint)


def _price_panel(axes: Any, x: npt.NDArray[np.int64], window: Window) -> None:
    values = window.values
    if {"bbands20.lower", "bbands20.upper"} <= values.keys():
        band = (values["bbands20.lower"], values["bbands20.upper"])
        axes.fill_between(x, *band, color=BAND, linewidth=0)
    if "sma20" in values:
        axes.plot(x, values["sma20"], color=BLUE, linewidth=1.2)
    axes.step(x, window.price, where="post", color=INK, linewidth=0.9)
    axes.set_title(window.symbol, loc="left", fontsize=10, fontweight="bold", color=INK)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.8g}")
    axes.locator_params(axis="y", nbins=4)
    axes.set_xticks([-200, -100, 0], ["\N{MINUS SIGN}200", "\N{MINUS SIGN}100", "last tick"])
    axes.set_xlim(x[0], x[-1])


def _rsi_panel(axes: Any, x: npt.NDArray[np.int64], window: Window) -> None:
    if "rsi14" in window.values:
        axes.plot(x, window.values["rsi14"], color=ORANGE, linewidth=1.1)
    axes.set_ylim(0, 100)
    axes.set_yticks([30, 70])
    span = (window.ts[-1] - window.ts[0]) if len(window.ts) else 0
    axes.set_xlabel(f"{len(x)} ticks in {duration(float(span))}", labelpad=6)
    axes.set_title("RSI 14", loc="left", fontsize=9.5, color=ORANGE, pad=3)


def sparkline(values: Sequence[float], width: int = 64, height: int = 22) -> str:
    """A word-sized line of a price's path; empty for fewer than two points."""
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    stretch = (height - 4) / (high - low) if high > low else 0.0
    step = (width - 6) / (len(values) - 1)
    points = [(2 + i * step, height - 2 - (value - low) * stretch) for i, value in enumerate(values)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    return (
        f'<svg class="spark" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'aria-hidden="true">'
        f'<polyline points="{path}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="2"/></svg>'
    )
