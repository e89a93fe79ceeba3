"""Indicators and plans written as text: what the command line and configuration files say.

Text is parsed, never evaluated: names come from the catalogue, arguments are literals.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from typing import Any

import fastcore
from fastcore.errors import ConfigError, UnknownNameError

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
        name = match[1] if match else text.strip().partition("(")[0].lower()
        if name in plan:
            raise ConfigError(
                f"the name {name!r} comes twice in the plan: write another as name={text.strip()}"
            )
        plan[name] = indicator
    return plan


def parse_indicator(text: str) -> Any:
    """Read one indicator from text.

    Parameters
    ----------
    text : str
        ``RSI(14)``, ``MACD(fast=12, slow=26, signal=9).on("1m")``, ``EMA(9).of("rsi")``, or a bare
        ``RSI`` for the defaults; upper or lower case. Arguments are numbers, strings, True or False.

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
    """
    shown = text.strip()
    if not shown or len(shown) > LONGEST:
        raise ConfigError(f"an indicator is written in 1 to {LONGEST} characters, got {len(shown)}")
    try:
        expression = ast.parse(shown, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(
            f'{shown!r} is not an indicator: write it like RSI(14) or RSI(14).on("1m")'
        ) from error
    return _build(expression, shown)


def _build(node: ast.expr, text: str) -> Any:
    match node:
        case ast.Name(id=name):
            return _call(_class_of(name), [], {}, text)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            return _call(_class_of(name), *_literals(args, keywords, text), text)
        case ast.Call(
            func=ast.Attribute(value=inner, attr=("on" | "of") as verb), args=args, keywords=keywords
        ):
            indicator = _build(inner, text)
            return _call(getattr(indicator, verb), *_literals(args, keywords, text), text)
        case ast.Call(func=ast.Attribute(attr=verb)):
            raise ConfigError(f"{text!r}: an indicator is followed by .on(...) or .of(...), not .{verb}(...)")
    raise ConfigError(f'{text!r} is not an indicator: write it like RSI(14) or RSI(14).on("1m")')


def _literals(
    args: list[ast.expr], keywords: list[ast.keyword], text: str
) -> tuple[list[Any], dict[str, Any]]:
    def value(node: ast.expr, name: str) -> Any:
        try:
            found = ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            found = None
        if not isinstance(found, int | float | str):
            wrong = (ast.get_source_segment(text, node) or "")[:60]
            raise ConfigError(f"{text!r}: {name} must be a number, a string, True or False, got {wrong}")
        return found

    named: dict[str, Any] = {}
    for keyword in keywords:
        if keyword.arg is None:
            raise ConfigError(f"{text!r}: arguments are written out, ** is not read")
        named[keyword.arg] = value(keyword.value, keyword.arg)
    return [value(node, f"argument {i + 1}") for i, node in enumerate(args)], named


def _call(make: Any, args: list[Any], named: dict[str, Any], text: str) -> Any:
    try:
        return make(*args, **named)
    except (TypeError, ValueError, LookupError) as error:
        raise ConfigError(f"{text!r}: {str(error).partition(chr(10))[0]}") from error


def _class_of(name: str) -> Any:
    try:
        return getattr(fastcore, fastcore.describe(name)["name"])
    except UnknownNameError as error:
        raise ConfigError(str(error)) from error
