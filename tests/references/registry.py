"""What a reference says of itself: its oracle, TA-Lib's function, ranges, and the scale of its outputs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from references.helpers import Array, Outputs

Range = tuple[float, float]
MOST = 100_000
FROM_1: Range = (1, MOST)
FROM_2: Range = (2, MOST)
REAL: Range = (-3e37, 3e37)

# Letters of the columns.
LETTERS = {
    "open": "o",
    "high": "h",
    "low": "l",
    "close": "c",
    "volume": "v",
    "ts": "t",
    "side": "s",
    "bid": "b",
    "ask": "a",
    "bid_size": "B",
    "ask_size": "A",
}

# Parameters that choose between sources; 0 is TA-Lib's, which has no others.
CONVENTIONS = ("seed", "ddof", "ties")
PERIOD = {"period": "timeperiod"}
WILDER = "J. Welles Wilder, New Concepts in Technical Trading Systems (1978)"


def price_scale(*inputs: Array, **params: float) -> float:
    """Largest input price: the scale of an output in price units."""
    del params
    return float(max(np.abs(x).max(initial=0.0) for x in inputs))


def volume_scale(close: Array, volume: Array, **params: float) -> float:
    """Largest volume: the scale of an output in volume units."""
    del close, params
    return float(np.abs(volume).max(initial=0.0))


def percent_scale(*inputs: Array, **params: float) -> float:
    """100: the scale of an output in per cent that is built from exact differences of prices."""
    del inputs, params
    return 100.0


def talib_function(function: str, **names: str) -> Callable[..., Outputs]:
    """Return TA-Lib's `function` taking our parameters; `names` maps ours to TA-Lib's."""

    def call(*inputs: Array, **params: float) -> Outputs:
        import talib  # Imported on use: the references themselves do not need it.

        columns = (np.ascontiguousarray(x, dtype=np.float64) for x in inputs)
        given = {names[key]: x for key, x in params.items() if key not in CONVENTIONS}
        out = getattr(talib, function)(*columns, **given)
        return out if isinstance(out, tuple) else (out,)

    return call


def whole_rows(function: str) -> Callable[..., Outputs]:
    """The same for numbers of rows, which TA-Lib gives as int32 with 0 where there is no value yet."""
    call = talib_function(function, **PERIOD)

    def masked(*inputs: Array, period: int) -> Outputs:
        found = tuple(x.astype(np.float64) for x in call(*inputs, period=period))
        for x in found:
            x[: period - 1] = np.nan
        return found

    return masked


def always(**params: float) -> bool:
    """TA-Lib's function takes all parameters within `RANGES`."""
    del params
    return True


@dataclass(frozen=True)
class Reference:
    """One indicator's oracle: `compute(*inputs, **params)` returns one array per name in `outputs`."""

    compute: Callable[..., Outputs]
    inputs: str  # Columns in positional order, each by its letter.
    outputs: tuple[str, ...]
    source: str
    # Same signature as `compute`, but every parameter must be given: TA-Lib's defaults differ from ours.
    talib: Callable[..., Outputs] | None = None
    talib_valid: Callable[..., bool] = always
    # Smallest and largest value of each parameter that TA-Lib accepts; conventions have none.
    ranges: Mapping[str, Range] = field(default_factory=dict)
    # Largest |input| in the output's units, for `tolerance`; a number or one value per row.
    scale: Callable[..., float | Array] = price_scale
    # TA-Lib's values are its rounding where prices stand still, so that only moving markets can be compared.
    moving: bool = False
    # Parameters with which the reference's own rounding decides nothing.
    steady: Callable[..., bool] = always
    # How many times the tolerance TA-Lib's running sums may be off.
    talib_slack: float = 1.0

    @property
    def defaults(self) -> dict[str, float]:
        """Default parameters by name."""
        parameters = inspect.signature(self.compute).parameters.values()
        return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}
