"""Independent references for every indicator: the oracle of the parity tests.

Each function is written from the formula of its cited source, in long double and with every window summed
anew, so it shares neither code nor rounding with the engine. Where a source leaves a choice open (seed, first
row, 0/0) the choice is TA-Lib's (C library 0.8.1, as in the PyPI package TA-Lib 0.8.2), and the NaN rows are
exactly TA-Lib's.

There is a room for each family. What tests need of them is here: `REFERENCES`, `tolerance` and inputs.
"""

from references import (
    averages,
    bands,
    cycles,
    directional,
    flows,
    followers,
    levels,
    long_candles,
    momentum,
    oscillators,
    overlap,
    prices,
    spreads,
    statistics,
    stochastics,
    stops,
    ticks,
    timed,
    trends,
    turns,
    volatility,
    volume,
    windows,
)
from references.helpers import Array, Outputs
from references.inputs import bars, offset_walk, tolerance
from references.registry import MOST, Reference

__all__ = ["MOST", "REFERENCES", "Array", "Outputs", "Reference", "bars", "offset_walk", "tolerance"]

FAMILIES = (
    trends,
    stops,
    stochastics,
    flows,
    cycles,
    overlap,
    averages,
    bands,
    momentum,
    oscillators,
    directional,
    volatility,
    volume,
    prices,
    statistics,
    windows,
    followers,
    turns,
    levels,
    spreads,
    timed,
    ticks,
    long_candles,
)
REFERENCES: dict[str, Reference] = {
    name: reference for family in FAMILIES for name, reference in family.REFERENCES.items()
}
