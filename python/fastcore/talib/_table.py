"""What TA-Lib's functions are called, take and give, read from ``functions.txt``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

Number = int | float

#: What the bits of a function's flags mean, in TA-Lib's words.
FUNCTION_FLAGS = {
    1: "A period of 1 performs no smoothing",
    16777216: "Output scale same as input",
    33554432: "Function has a streaming API",
    67108864: "Output is over volume",
    134217728: "Function has an unstable period",
    268435456: "Output is a candlestick",
    536870912: "Output is path-dependent",
    1073741824: "Output can be NaN or infinite",
}
#: What the bits of an output's flags mean.
OUTPUT_FLAGS = {
    1: "Line",
    2: "Dotted Line",
    4: "Dashed Line",
    8: "Dot",
    16: "Histogram",
    32: "Pattern (Bool)",
    64: "Bull/Bear Pattern (Bearish < 0, Neutral = 0, Bullish > 0)",
    128: (
        "Strength Pattern ([-200..-100] = Bearish, [-100..0] = Getting Bearish, 0 = Neutral, "
        "[0..100] = Getting Bullish, [100-200] = Bullish)"
    ),
    256: "Output can be positive",
    512: "Output can be negative",
    1024: "Output can be zero",
    2048: "Values represent an upper limit",
    4096: "Values represent a lower limit",
    8192: "Output is optional (nullable)",
}
#: Price columns that an input may stand for.
INPUT_FLAGS = {1: "open", 2: "high", 4: "low", 8: "close", 16: "volume", 32: "openInterest", 64: "timeStamp"}


def meanings(flags: int, of: dict[int, str]) -> list[str]:
    """The bits that are set, in words."""
    return [text for bit, text in sorted(of.items()) if bit & flags]


@dataclass(frozen=True)
class Described:
    """One function of TA-Lib's: its names and defaults."""

    name: str
    group: str
    title: str
    flags: int
    inputs: dict[str, str | list[str]]
    params: dict[str, Number]
    outputs: dict[str, int]

    @cached_property
    def arguments(self) -> list[str]:
        """Names of the arrays that the function takes."""
        found: list[str] = []
        for key, column in self.inputs.items():
            found += column if isinstance(column, list) else [key.replace("price", "real")]
        return found

    @property
    def columns(self) -> list[str]:
        """Names of the price columns that the arrays usually are."""
        found: list[str] = []
        for column in self.inputs.values():
            found += column if isinstance(column, list) else [column]
        return found


def _pairs(text: str, mark: str = "=") -> list[tuple[str, str]]:
    return [(key, value) for key, _, value in (one.partition(mark) for one in text.split())]


def _number(text: str) -> Number:
    return float(text) if "." in text or "e" in text else int(text)


def _read() -> dict[str, Described]:
    table: dict[str, Described] = {}
    group = ""
    for line in Path(__file__).with_name("functions.txt").read_text(encoding="ascii").splitlines():
        if line.startswith("["):
            group = line.strip("[]")
        elif line and not line.startswith("#"):
            name, title, flags, inputs, params, outputs = (cell.strip() for cell in line.split("|"))
            table[name] = Described(
                name,
                group,
                title,
                int(flags),
                {key: value.split("+") if key == "prices" else value for key, value in _pairs(inputs)},
                {key: _number(value) for key, value in _pairs(params)},
                {key: int(value) for key, value in _pairs(outputs, ":")},
            )
    return table


#: All of them, by name.
TABLE = _read()
