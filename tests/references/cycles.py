"""Ehlers' dominant cycle: its period, phase, sine, trend line and mode, in doubles as its source has them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from references.averages import Transform
from references.helpers import Array, Outputs
from references.registry import Reference, talib_function

EHLERS = "Ehlers, Rocket Science for Traders (2001); rows as TA-Lib"


def measured(close: Array, first: int) -> Iterator[tuple[int, Transform, float, float, float]]:
    """Row, transform, smoothed period before and after, phase: of each row from `first` on."""
    transform = Transform(first)
    period = phase = 0.0
    smooths: list[float] = []
    for row, price in enumerate(np.asarray(close, np.float64).tolist()):
        transform.step(price)
        if row < first:
            continue
        before = phase
        period = 0.33 * transform.period + 0.67 * period
        smooths = [transform.smooth, *smooths[:49]]
        phase = turned(phase, period, smooths)
        yield row, transform, period, before, phase


def turned(phase: float, period: float, smooths: list[float]) -> float:
    """The phase in degrees from the prices of one cycle, newest first."""
    rows = int(period + 0.5)
    padded = smooths + [0.0] * 50
    real = imaginary = 0.0
    for i in range(rows):
        real += math.sin(i * math.atan(1) * 8.0 / rows) * padded[i]
        imaginary += math.cos(i * math.atan(1) * 8.0 / rows) * padded[i]
    if imaginary:
        phase = math.degrees(math.atan(real / imaginary))
    elif real:
        phase += 90.0 if real > 0 else -90.0
    phase += 90.0 + 360.0 / period + (180.0 if imaginary < 0 else 0.0)
    return phase - 360.0 if phase > 315.0 else phase


def blanks(close: Array, count: int) -> Array:
    """Columns without values."""
    return np.full((count, len(close)), np.nan, np.longdouble)


def ht_dcperiod(close: Array) -> Outputs:
    """Period of the dominant cycle."""
    out = blanks(close, 1)
    for row, _, period, _, _ in measured(close, 12):
        if row >= 32:
            out[0, row] = period
    return (out[0],)


def ht_phasor(close: Array) -> Outputs:
    """In-phase and quadrature parts."""
    out = blanks(close, 2)
    for row, transform, *_ in measured(close, 12):
        if row >= 32:
            out[:, row] = transform.i1[6], transform.q1[6]
    return out[0], out[1]


def ht_dcphase(close: Array) -> Outputs:
    """Phase in degrees."""
    out = blanks(close, 1)
    for row, _, _, _, phase in measured(close, 37):
        if row >= 63:
            out[0, row] = phase
    return (out[0],)


def ht_sine(close: Array) -> Outputs:
    """Sines of the phase and of the phase 45 degrees ahead."""
    (phase,) = ht_dcphase(close)
    return np.sin(np.radians(phase)), np.sin(np.radians(phase + 45))


def lines(close: Array) -> Iterator[tuple[int, Transform, float, float, float, float]]:
    """The same with the trend line: the mean of the prices of one cycle, averaged over four rows."""
    means = [0.0, 0.0, 0.0]
    prices = np.asarray(close, np.float64).tolist()
    for row, transform, period, before, phase in measured(close, 37):
        rows = int(period + 0.5)
        mean = sum(prices[row - i] for i in range(rows)) / max(rows, 1)
        line = (4.0 * mean + 3.0 * means[0] + 2.0 * means[1] + means[2]) / 10.0
        means = [mean, *means[:2]]
        yield row, transform, period, before, phase, line


def ht_trendline(close: Array) -> Outputs:
    """The trend line."""
    out = blanks(close, 1)
    for row, *_, line in lines(close):
        if row >= 63:
            out[0, row] = line
    return (out[0],)


def ht_trendmode(close: Array) -> Outputs:
    """1 in a trend, 0 in a cycle."""
    out = blanks(close, 1)
    gap, days = 0.0, 0
    for row, transform, period, before, phase, line in lines(close):
        was = gap
        gap = math.sin(math.radians(phase)) - math.sin(math.radians(phase + 45.0))
        crossed = (gap > 0 >= was) or (gap < 0 <= was)
        days = 1 if crossed else days + 1
        mode = not crossed and days >= 0.5 * period
        if 0.67 * 360 / period < phase - before < 1.5 * 360 / period:
            mode = False
        if line and abs((transform.smooth - line) / line) >= 0.015:
            mode = True
        if row >= 63:
            out[0, row] = mode
    return (out[0],)


def whole_mode(close: Array) -> Outputs:
    """TA-Lib's mode, which is int32 with 0 where there is none yet."""
    (mode,) = talib_function("HT_TRENDMODE")(close)
    mode = mode.astype(np.float64)
    mode[:63] = np.nan
    return (mode,)


def digits(close: Array) -> float:
    """A price in units of its usual step: how much of a phase its last digit may turn."""
    step = float(np.median(np.abs(np.diff(close)))) if len(close) > 1 else 0.0
    return float(np.abs(close).max(initial=0.0)) / step if step else 1e12


def cycle_row(compute: object, outputs: tuple[str, ...], **more: object) -> Reference:
    """A reference under its own name."""
    name = compute.__name__.upper()  # type: ignore[attr-defined]
    given = {"talib": talib_function(name), "moving": True} | more
    return Reference(compute, "c", outputs, EHLERS, **given)  # type: ignore[arg-type]


REFERENCES: dict[str, Reference] = {
    "HT_DCPERIOD": cycle_row(ht_dcperiod, ("ht_dcperiod",), scale=digits),
    "HT_PHASOR": cycle_row(ht_phasor, ("inphase", "quadrature")),
    "HT_DCPHASE": cycle_row(ht_dcphase, ("ht_dcphase",), scale=digits),
    "HT_SINE": cycle_row(ht_sine, ("sine", "leadsine"), scale=digits, talib_slack=64.0),
    "HT_TRENDLINE": cycle_row(ht_trendline, ("ht_trendline",)),
    "HT_TRENDMODE": cycle_row(ht_trendmode, ("ht_trendmode",), scale=lambda _: 0.0, talib=whole_mode),
}
