"""Formulas of indicators: ``(fc.EMA(12) - fc.EMA(26)) / fc.ATR(14)``, computed in the engine's native call.

A formula is written with Python's operators and NumPy's functions, and is nothing but a description. In an
engine's plan each of its parts becomes a node of its own which no row shows, so equal parts are computed
once, and a snapshot holds them like all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fastcore.errors import InputError, PlanError

__all__ = ["Arithmetic", "Formula", "chain", "column", "price"]

_INPUTS = ("ts", "open", "high", "low", "close", "volume", "side", "bid", "ask", "bid_size", "ask_size")
_PRICES = ("open", "high", "low", "close", "volume", "ts", "side")
#: NumPy's functions -> operators of two columns, and of a column and a number on its right or left.
_OPERATORS = {
    "add": ("x + y", "x + value", "x + value"),
    "subtract": ("x - y", "x - value", "value - x"),
    "multiply": ("x * y", "x * value", "x * value"),
    "divide": ("x / y", "x / value", "value / x"),
    "maximum": ("maximum(x, y)", "maximum(x, value)", "maximum(x, value)"),
    "minimum": ("minimum(x, y)", "minimum(x, value)", "minimum(x, value)"),
    "greater": ("x > y", "x > value", "x < value"),
    "greater_equal": ("x >= y", "x >= value", "x <= value"),
    "less": ("x < y", "x < value", "x > value"),
    "less_equal": ("x <= y", "x <= value", "x >= value"),
}
TOO_LONG = (
    "a formula has more than 10,000 parts: give some of them names of their own in the plan, and compute "
    "with fastcore.column(name)"
)
#: Operators of conditions: NumPy's functions for them -> sign, kernel, numbers, and how they are written.
_AND = ("&", "minimum(x, y)", (), "x & y")
_OR = ("|", "maximum(x, y)", (), "x | y")
_NOT = ("~", "value - x", (1.0,), "~x")
_LOGIC = {
    "bitwise_and": _AND,
    "logical_and": _AND,
    "bitwise_or": _OR,
    "logical_or": _OR,
    "invert": _NOT,
    "logical_not": _NOT,
}
_FUNCTIONS = {"absolute": "abs(x)", "negative": "-x", "sqrt": "sqrt(x)", "log": "log(x)", "exp": "exp(x)"}


class Arithmetic:
    """What indicators and formulas have in common: operators give formulas, and so do NumPy's functions."""

    __slots__ = ()

    def __add__(self, other: Any) -> Formula:
        return _two("add", self, other)

    def __radd__(self, other: Any) -> Formula:
        return _two("add", other, self)

    def __sub__(self, other: Any) -> Formula:
        return _two("subtract", self, other)

    def __rsub__(self, other: Any) -> Formula:
        return _two("subtract", other, self)

    def __mul__(self, other: Any) -> Formula:
        return _two("multiply", self, other)

    def __rmul__(self, other: Any) -> Formula:
        return _two("multiply", other, self)

    def __truediv__(self, other: Any) -> Formula:
        return _two("divide", self, other)

    def __rtruediv__(self, other: Any) -> Formula:
        return _two("divide", other, self)

    def __lt__(self, other: Any) -> Formula:
        return _two("less", self, other)

    def __le__(self, other: Any) -> Formula:
        return _two("less_equal", self, other)

    def __gt__(self, other: Any) -> Formula:
        return _two("greater", self, other)

    def __ge__(self, other: Any) -> Formula:
        return _two("greater_equal", self, other)

    def __and__(self, other: Any) -> Formula:
        return _logic(_AND, self, other)

    def __rand__(self, other: Any) -> Formula:
        return _logic(_AND, other, self)

    def __or__(self, other: Any) -> Formula:
        return _logic(_OR, self, other)

    def __ror__(self, other: Any) -> Formula:
        return _logic(_OR, other, self)

    def __invert__(self) -> Formula:
        return _logic(_NOT, self)

    def __neg__(self) -> Formula:
        return _operation(_FUNCTIONS["negative"], (), (self,))

    def __abs__(self) -> Formula:
        return _operation(_FUNCTIONS["absolute"], (), (self,))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *operands: Any, **options: Any) -> Any:
        if method == "__call__" and not options:
            if ufunc.__name__ in _OPERATORS:
                return _two(ufunc.__name__, *operands)
            if ufunc.__name__ in _LOGIC:
                return _logic(_LOGIC[ufunc.__name__], *operands)
            if ufunc.__name__ in _FUNCTIONS:
                return _operation(_FUNCTIONS[ufunc.__name__], (), operands)
        return NotImplemented

    __iter__ = None  # or Python would ask for the outputs 0, 1, 2 ...
    __contains__ = None

    def __getitem__(self, output: str) -> Formula:
        """One of several outputs, such as ``fc.MACD()["hist"]``."""
        from fastcore._formula_parts import Output

        return Output(self, output)

    def _ipython_key_completions_(self) -> list[str]:
        """What a notebook offers behind ``fc.MACD()["``."""
        outputs = getattr(self, "_row", {}).get("outputs", [])
        return [one["name"] for one in outputs] if len(outputs) > 1 else []


class Formula(Arithmetic):
    """Arithmetic between indicators, for an engine's plan; made by operators, not by its class.

    Operators are ``+ - * /``, ``abs``, a minus sign, the comparisons ``< <= > >=``, which give 1 or 0, what
    joins these, ``&``, ``|`` and ``~``, and NumPy's functions ``maximum``, ``minimum``, ``sqrt``, ``log`` and
    ``exp``. What is no number, as after a division by 0, is NaN, and so is what is made of it, conditions
    included. ``fc.SMA(1)`` is the price itself, ``fc.column("rsi")`` another column of the plan,
    ``fc.MACD()["hist"]`` one of several outputs, and ``fc.EMA(9).of(formula)`` an indicator of a formula.

    Examples
    --------
    >>> import fastcore as fc
    >>> (fc.EMA(12) - fc.EMA(26)) / fc.ATR(14)
    (EMA(period=12) - EMA(period=26)) / ATR(period=14)
    >>> engine = fc.Engine({"ema": fc.EMA(3), "above": fc.SMA(1) > fc.column("ema")})
    >>> btc = engine.symbol("BTCUSDT")
    >>> for i, price in enumerate([100.0, 101.0, 102.0]):
    ...     row = btc.on_tick(1_700_000_000_000_000_000 + i, price, 0.5)
    >>> btc.values()
    (101.0, 1.0)
    """

    __slots__ = ("_written",)

    def __bool__(self) -> bool:
        raise TypeError(
            "a formula has no truth value, as its comparisons are columns: for `and`, `or` and `not` write "
            "(a > 1) & (b > 2), (a > 1) | (b > 2) and ~(a > 1), for 30 < a < 70 (a > 30) & (a < 70), for "
            "max() and min() np.maximum(a, b) and np.minimum(a, b)"
        )

    def on(self, span: str) -> Formula:
        """The same of indicators on closed bars of a span such as ``"1m"``."""
        from fastcore._formula_walks import Placing, changed, parts_of

        placing = Placing(span)
        for part in parts_of(self):
            placed: Formula = changed(part, placing)
        return placed

    @property
    def inputs(self) -> tuple[str, ...]:
        """What its indicators read of ticks or bars, in the order of `values`."""
        read = {name for leaf in self._leaves() for name in _reads(leaf)}
        return tuple(name for name in _INPUTS if name in read)

    def values(self, *columns: Any) -> Any:
        """Its values over columns, from a fresh state: the bits that an engine gives row by row.

        Parameters
        ----------
        *columns : array_like
            One column for each of `inputs`: NumPy, list, pandas, Polars, Arrow.

        Returns
        -------
        array_like
            float64, of the inputs' length and kind; NaN while warming up.

        Raises
        ------
        InputError
            If the columns do not fit, or if the formula reads what only an engine has: columns, bars.

        Examples
        --------
        >>> import fastcore as fc
        >>> (fc.SMA(1) - fc.SMA(2)).values([1.0, 3.0, 4.0])
        [nan, 1.0, 0.5]
        """
        if len(columns) != len(self.inputs):
            named = ", ".join(self.inputs)
            raise InputError(f"Formula.values takes {len(self.inputs)} arrays ({named}), not {len(columns)}")
        from fastcore._formula_plan import values_of

        return values_of(self, columns)

    def __repr__(self) -> str:
        from fastcore._formula_parts import text_of
        from fastcore._formula_walks import parts_of

        for part in parts_of(self):
            text_of(part)
        return bare(self._text())

    def __reduce__(self) -> tuple[Any, ...]:
        from fastcore._formula_walks import flat, rebuilt

        return rebuilt, (flat(self),)

    def _recipe(self) -> tuple[Any, tuple[Any, ...]]:
        """What makes one like it: a class, and its arguments."""
        raise NotImplementedError

    def _text(self) -> str:
        """As it is written, in parentheses; kept, since a part may be an operand of many, and each asks."""
        if not hasattr(self, "_written"):
            self._written: str = self._composed()
        return self._written

    def _composed(self) -> str:
        raise NotImplementedError

    def _operands(self) -> tuple[Any, ...]:
        raise NotImplementedError

    def _mapped(self, change: Any) -> Formula:
        raise NotImplementedError

    def _leaves(self) -> Iterator[Any]:
        """Its indicators and prices, each once."""
        seen: set[int] = set()
        waiting: list[Any] = [self]
        while waiting:
            one = waiting.pop()
            if id(one) in seen:
                continue
            seen.add(id(one))
            if isinstance(one, Formula) and type(one)._leaves is Formula._leaves:
                waiting += reversed(one._operands())
            elif isinstance(one, Formula):
                yield from one._leaves()
            else:
                yield one


def bare(text: str) -> str:
    """A formula's text without the parentheses around it."""
    return text[1:-1] if text.startswith("(") else text


def column(name: str) -> Formula:
    """Another column of an engine's plan, to be computed with.

    Parameters
    ----------
    name : str
        As the plan calls it, such as ``"rsi"`` or ``"macd.signal"``.

    Examples
    --------
    >>> 100 - column("rsi")
    100.0 - column('rsi')
    """
    if not isinstance(name, str):
        raise TypeError(f"column: a column must be text, not {name!r}")
    from fastcore._formula_parts import Column

    return Column(name)


def price(name: str) -> Formula:
    """An input of ticks or bars, to be computed with: on ticks the price stands for all prices.

    Parameters
    ----------
    name : {"open", "high", "low", "close", "volume", "ts", "side"}
        Times are nanoseconds since 1970 UTC, sides 1, -1 or 0.

    Examples
    --------
    >>> (price("high") + price("low")) / 2
    (price('high') + price('low')) / 2.0
    """
    if name not in _PRICES:
        raise PlanError(f"price: a price must be one of {', '.join(map(repr, _PRICES))}, not {name!r}")
    from fastcore._formula_parts import Price

    return Price(name)


def chain(indicator: Any, sources: tuple[Any, ...]) -> Formula:
    """An indicator of formulas, and of columns by name."""
    from fastcore._formula_parts import Chain, sources_of

    return Chain(indicator, sources_of(sources))


def _two(ufunc: str, left: Any, right: Any) -> Formula:
    of_two, of_right, of_left = _OPERATORS[ufunc]
    if isinstance(left, Arithmetic) and isinstance(right, Arithmetic):
        return _operation(of_two, (), (left, right))
    if isinstance(left, Arithmetic):
        return _operation(of_right, (_constant(ufunc, right),), (left,))
    return _operation(of_left, (_constant(ufunc, left),), (right,))


def _logic(operator: tuple[str, str, tuple[float, ...], str], *operands: Any) -> Formula:
    from fastcore._formula_parts import Operation, truth_of

    sign, kernel, params, form = operator
    return Operation(kernel, params, tuple(truth_of(sign, one) for one in operands), form)


def _constant(ufunc: str, value: Any) -> float:
    if isinstance(value, (bool, str, bytes)):
        raise TypeError(f"{ufunc}: a formula is of indicators, formulas and numbers, not {value!r}")
    try:
        number = float(value)
    except OverflowError:
        raise InputError(f"{ufunc}: a number in a formula must be at most 1.8e308, as a float is") from None
    except (TypeError, ValueError):
        raise TypeError(f"{ufunc}: a formula is of indicators, formulas and numbers, not {value!r}") from None
    if not np.isfinite(number):
        raise InputError(f"{ufunc}: a number in a formula must be finite, not {value!r}")
    return number


def _reads(leaf: Any) -> list[str]:
    return leaf._row["inputs"] if hasattr(leaf, "_row") else [leaf._name]


# The parts are formulas themselves: they are imported by the first formula that is made.


def _operation(kernel: str, params: tuple[float, ...], operands: tuple[Any, ...]) -> Formula:
    from fastcore._formula_parts import Operation

    return Operation(kernel, params, operands)
