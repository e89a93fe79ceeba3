"""Formulas of indicators: ``(fc.EMA(12) - fc.EMA(26)) / fc.ATR(14)``, computed in the engine's native call.

A formula is written with Python's operators and NumPy's functions, and is nothing but a description. In an
engine's plan each of its parts becomes a node of its own which no row shows, so equal parts are computed
once, and a snapshot holds them like all others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from fastcore import _core, frames
from fastcore.errors import InputError, PlanError

__all__ = ["Arithmetic", "Formula", "FunctionOf", "column", "flattened", "price"]

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

    def __neg__(self) -> Formula:
        return _Operation(_FUNCTIONS["negative"], (), (self,))

    def __abs__(self) -> Formula:
        return _Operation(_FUNCTIONS["absolute"], (), (self,))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *operands: Any, **options: Any) -> Any:
        if method == "__call__" and not options:
            if ufunc.__name__ in _OPERATORS:
                return _two(ufunc.__name__, *operands)
            if ufunc.__name__ in _FUNCTIONS:
                return _Operation(_FUNCTIONS[ufunc.__name__], (), operands)
        return NotImplemented

    def __getitem__(self, output: str) -> Formula:
        """One of several outputs, such as ``fc.MACD()["hist"]``."""
        return _Output(self, output)


class Formula(Arithmetic):
    """Arithmetic between indicators, for an engine's plan; made by operators, not by its class.

    Operators are ``+ - * /``, ``abs``, a minus sign, the comparisons ``< <= > >=``, which give 1 or 0, and
    NumPy's functions ``maximum``, ``minimum``, ``sqrt``, ``log`` and ``exp``. What is no number, as after a
    division by 0, is NaN. ``fc.SMA(1)`` is the price itself, ``fc.column("rsi")`` another column of the plan,
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

    __slots__ = ()

    def on(self, span: str) -> Formula:
        """The same of indicators on closed bars of a span such as ``"1m"``."""
        return self._mapped(lambda leaf: leaf.on(span) if not (leaf.clock or leaf.parents) else leaf)

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
        taken = [frames.unwrap(one) for one in columns]
        known = {name: column for name, (column, _) in zip(self.inputs, taken, strict=True)}
        results: dict[str, Any] = {}
        flat = flattened({"formula": self})
        for name in [*list(flat)[1:], "formula"]:
            node = flat[name]
            if node.clock or any(parent not in results for parent in node.parents):
                raise InputError(f"Formula.values: {self!r} reads columns or bars of an engine")
            if name.startswith(".price("):
                results[name] = np.array(known[name[8:-2]], np.float64)
                continue
            fed = [results[p] for p in node.parents] or [known[column] for column in node._row["inputs"]]
            outputs = node.copy()._batch(*fed) if hasattr(node, "_row") else node._batch(*fed)
            if len(outputs) == 1:
                results[name] = outputs[0]
            else:
                names = [output["name"] for output in node._row["outputs"]]
                results |= {f"{name}.{one}": x for one, x in zip(names, outputs, strict=True)}
        rewrap = frames.rewrapper([rewrap for _, rewrap in taken])
        return results["formula"] if rewrap is None else rewrap(results["formula"])

    def __repr__(self) -> str:
        text = self._text()
        return text[1:-1] if text.startswith("(") else text

    def _text(self) -> str:
        raise NotImplementedError

    def _operands(self) -> tuple[Any, ...]:
        raise NotImplementedError

    def _mapped(self, change: Any) -> Formula:
        raise NotImplementedError

    def _leaves(self) -> Iterator[Any]:
        for operand in self._operands():
            if isinstance(operand, Formula):
                yield from operand._leaves()
            else:
                yield operand


class _Operation(Formula):
    """An operator of columns, and of a number."""

    __slots__ = ("_kernel", "_operands_", "_params")

    def __init__(self, kernel: str, params: tuple[float, ...], operands: tuple[Any, ...]) -> None:
        self._kernel, self._params, self._operands_ = kernel, params, operands

    def __reduce__(self) -> tuple[Any, ...]:
        return _Operation, (self._kernel, self._params, self._operands_)

    def _operands(self) -> tuple[Any, ...]:
        return self._operands_

    def _mapped(self, change: Any) -> Formula:
        return _Operation(self._kernel, self._params, tuple(_changed(x, change) for x in self._operands_))

    def _text(self) -> str:
        words = dict(zip(("x", "y"), map(_text_of, self._operands_), strict=False))
        if self._params:
            words["value"] = repr(self._params[0])
        text = re.sub(r"\b(x|y|value)\b", lambda found: words[found[0]], self._kernel)
        return text if "(" in self._kernel else f"({text})"


class _Output(Formula):
    """One output of an indicator that has several."""

    __slots__ = ("_of", "_output")

    def __init__(self, of: Any, output: str) -> None:
        of_text = _text_of(of)
        row = getattr(of, "_row", None) or (of._indicator._row if isinstance(of, _Chain) else None)
        names = [one["name"] for one in row["outputs"]] if row else []
        if output not in names or len(names) == 1:
            known = ", ".join(map(repr, names)) if len(names) > 1 else "one alone"
            raise PlanError(f"{of_text} has no output {output!r} to choose; it has {known}")
        self._of, self._output = of, output

    def __reduce__(self) -> tuple[Any, ...]:
        return _Output, (self._of, self._output)

    def _operands(self) -> tuple[Any, ...]:
        return (self._of,)

    def _mapped(self, change: Any) -> Formula:
        return _Output(_changed(self._of, change), self._output)

    def _text(self) -> str:
        return f"{_text_of(self._of)}[{self._output!r}]"


class _Chain(Formula):
    """An indicator of formulas."""

    __slots__ = ("_indicator", "_sources")

    def __init__(self, indicator: Any, sources: tuple[Any, ...]) -> None:
        self._indicator, self._sources = indicator, sources

    def __reduce__(self) -> tuple[Any, ...]:
        return _Chain, (self._indicator, self._sources)

    def _operands(self) -> tuple[Any, ...]:
        return self._sources

    def _mapped(self, change: Any) -> Formula:
        return _Chain(self._indicator, tuple(_changed(x, change) for x in self._sources))

    def _text(self) -> str:
        sources = (x._name if isinstance(x, _Column) else x for x in self._sources)
        return f"{self._indicator!r}.of({', '.join(map(repr, sources))})"


class FunctionOf(Formula):
    """A user's function of its inputs, or of what `of` gives it."""

    __slots__ = ("_function", "_sources")

    def __init__(self, function: str, sources: tuple[Any, ...]) -> None:
        self._function, self._sources = function, sources

    def __reduce__(self) -> tuple[Any, ...]:
        return FunctionOf, (self._function, self._sources)

    def of(self, *columns: Any) -> FunctionOf:
        """The same function of other columns of a plan, or of formulas, one for each input."""
        if len(columns) != len(self._sources):
            raise PlanError(
                f"{self._function} takes {len(self._sources)} inputs, but .of() names {len(columns)}"
            )
        return FunctionOf(self._function, _sources(columns))

    def _operands(self) -> tuple[Any, ...]:
        return self._sources

    def _mapped(self, change: Any) -> Formula:
        return FunctionOf(self._function, tuple(_changed(x, change) for x in self._sources))

    def _text(self) -> str:
        return f"{self._function}({', '.join(repr(x) for x in self._sources)})"


class _Price(Formula):
    """An input of ticks or bars."""

    __slots__ = ("_clock", "_name")

    def __init__(self, name: str, clock: str = "") -> None:
        self._name, self._clock = name, clock

    def __reduce__(self) -> tuple[Any, ...]:
        return _Price, (self._name, self._clock)

    def on(self, span: str) -> Formula:
        return _Price(self._name, self._clock or span)

    def _operands(self) -> tuple[Any, ...]:
        return ()

    def _mapped(self, change: Any) -> Formula:
        changed: Formula = change(self)
        return changed

    def _leaves(self) -> Iterator[Any]:
        yield self

    def _text(self) -> str:
        return f"price({self._name!r})" + (f".on({self._clock!r})" if self._clock else "")

    @property
    def clock(self) -> str:
        """As an indicator's."""
        return self._clock

    @property
    def parents(self) -> tuple[str, ...]:
        """As an indicator's: none."""
        return ()


class _Column(Formula):
    """Another column of the plan."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __reduce__(self) -> tuple[Any, ...]:
        return _Column, (self._name,)

    def _operands(self) -> tuple[Any, ...]:
        return ()

    def _mapped(self, change: Any) -> Formula:
        return self

    def _text(self) -> str:
        return f"column({self._name!r})"


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
    return _Column(name)


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
    return _Price(name)


def chain(indicator: Any, sources: tuple[Any, ...]) -> Formula:
    """An indicator of formulas, and of columns by name."""
    return _Chain(indicator, _sources(sources))


def _sources(columns: tuple[Any, ...]) -> tuple[Any, ...]:
    for one in columns:
        if not isinstance(one, (str, Arithmetic)):
            raise TypeError(f"of: a column must be text, an indicator or a formula, not {one!r}")
    return tuple(column(one) if isinstance(one, str) else one for one in columns)


def flattened(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A plan in which formulas are nodes; the names of their parts begin with a dot."""
    flat = dict(plan)
    places = {repr(one): name for name, one in plan.items() if isinstance(one, _core.Indicator)}

    def place(node: Any, name: str | None = None) -> str:
        if isinstance(node, _Column) and name is None:
            return node._name
        text = _text_of(node)
        if name is None and text in places:
            return places[text]
        if isinstance(node, _Output) and name is None:
            return f"{place(node._of)}.{node._output}"
        at = name or f".{text}"
        if isinstance(node, (_Column, _Output)):  # under a name of its own: its bits, also those of -0.0
            made = _core.Indicator("x - value", [0.0])
            made._place("", [place(node)])
        elif isinstance(node, _Price):
            made = _core.Indicator(f"price({node._name!r})", [])
            made._place(node._clock, [])
        elif isinstance(node, FunctionOf):
            made = _core.Indicator(node._function, [])
            made._place("", [place(source) for source in node._sources])
        elif isinstance(node, _Chain):
            made = node._indicator._placed("", [place(source) for source in node._sources])
        elif isinstance(node, _Operation):
            made = _core.Indicator(node._kernel, list(node._params))
            made._place("", [place(operand) for operand in node._operands_])
        else:
            made = node
        flat[at] = made
        places.setdefault(text, at)
        return at

    for name, one in plan.items():
        if isinstance(name, str) and name.startswith("."):
            raise PlanError(f"indicator name {name!r} must not begin with a dot")
        if isinstance(one, Formula):
            place(one, name)
    return flat


def _two(ufunc: str, left: Any, right: Any) -> Formula:
    of_two, of_right, of_left = _OPERATORS[ufunc]
    if isinstance(left, Arithmetic) and isinstance(right, Arithmetic):
        return _Operation(of_two, (), (left, right))
    if isinstance(left, Arithmetic):
        return _Operation(of_right, (_constant(ufunc, right),), (left,))
    return _Operation(of_left, (_constant(ufunc, left),), (right,))


def _constant(ufunc: str, value: Any) -> float:
    if isinstance(value, (bool, str, bytes)):
        raise TypeError(f"{ufunc}: a formula is of indicators, formulas and numbers, not {value!r}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{ufunc}: a formula is of indicators, formulas and numbers, not {value!r}") from None
    if not np.isfinite(number):
        raise InputError(f"{ufunc}: a number in a formula must be finite, not {value!r}")
    return number


def _reads(leaf: Any) -> list[str]:
    return [leaf._name] if isinstance(leaf, _Price) else leaf._row["inputs"]


def _changed(operand: Any, change: Any) -> Any:
    return operand._mapped(change) if isinstance(operand, Formula) else change(operand)


def _text_of(operand: Any) -> str:
    return operand._text() if isinstance(operand, Formula) else repr(operand)
