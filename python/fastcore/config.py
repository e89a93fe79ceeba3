"""Indicators and plans written as text: what the command line and configuration files say.

Text is parsed, never evaluated: names come from the catalogue, arguments are literals.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from fastcore._formula_text import read
from fastcore.errors import ConfigError
from fastcore.formulas import Formula

__all__ = ["DEFAULT_PLAN", "default_plan", "parse_indicator", "parse_plan"]

#: What `run` and `replay` compute when nothing is asked for: ten indicators on ticks.
DEFAULT_PLAN = {
    "sma20": "SMA(20)",
    "ema12": "EMA(12)",
    "ema26": "EMA(26)",
    "rsi14": "RSI(14)",
    "macd": "MACD(12, 26, 9)",
    "bbands20": "BBANDS(20)",
    "stddev20": "STDDEV(20)",
    "roc10": "ROC(10)",
    "wma20": "WMA(20)",
    "zscore20": "ZSCORE(20)",
}

LONGEST = 500  # characters; a nesting that deep is an attack on the parser, not an indicator
_NAMED = re.compile(r"\s*([A-Za-z_]\w*)\s*=(.*)", re.DOTALL)


def default_plan() -> dict[str, Any]:
    """The indicators of `DEFAULT_PLAN`, by name."""
    return {name: parse_indicator(text) for name, text in DEFAULT_PLAN.items()}


def parse_plan(items: Iterable[str]) -> dict[str, Any]:
    """Read a plan from items such as ``'rsi=RSI(14).on("1m")'``.

    Parameters
    ----------
    items : iterable of str
        ``name=indicator`` each; without a name, the indicator's own in lower case.

    Returns
    -------
    dict of str to indicator
        In the order given, as ``fastcore.Engine`` takes it.

    Raises
    ------
    ConfigError
        If an item cannot be read or a name comes twice.

    Examples
    --------
    >>> list(parse_plan(["fast=EMA(12)", "RSI"]))
    ['fast', 'rsi']
    """
    plan: dict[str, Any] = {}
    for item in items:
        match = _NAMED.fullmatch(item)
        text = match[2] if match else item
        indicator = parse_indicator(text)
        if match is None and isinstance(indicator, Formula):
            raise ConfigError(f"a formula needs a name in the plan: write name={text.strip()}")
        name = match[1] if match else text.strip().partition("(")[0].lower()
        if name in plan:
            raise ConfigError(
                f"the name {name!r} comes twice in the plan: write another as name={text.strip()}"
            )
        plan[name] = indicator
    return plan


def parse_indicator(text: str, longest: int = LONGEST) -> Any:
    """Read one indicator or formula from text.

    Parameters
    ----------
    text : str
        ``RSI(14)``, ``MACD(fast=12, slow=26, signal=9).on("1m")``, ``EMA(9).of("rsi")``, or a bare
        ``RSI`` for the defaults; upper or lower case. Arguments are numbers, strings, True or False. A
        formula as its `repr` writes it: ``100 - RSI(14)``, ``MACD()["hist"] > column("limit")``.
    longest : int
        Characters at most.

    Returns
    -------
    indicator
        As ``fastcore.RSI(14).on("1m")`` would give.

    Raises
    ------
    ConfigError
        If the text is no such expression, the indicator is unknown, or it refuses its arguments.

    Examples
    --------
    >>> parse_indicator('ema(9).of("rsi")')
    EMA(period=9).of('rsi')
    >>> parse_indicator('(EMA(12) - EMA(26)) / ATR(14)')
    (EMA(period=12) - EMA(period=26)) / ATR(period=14)
    """
    shown = text.strip()
    if not shown or len(shown) > longest:
        raise ConfigError(f"an indicator is written in 1 to {longest} characters, got {len(shown)}")
    return read(shown)
