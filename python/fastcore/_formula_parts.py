"""What formulas are made of: operators, outputs, indicators of formulas, functions, prices and columns.

Each part knows its operands, how it is written, and what it is when its indicators are replaced by others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fastcore._formula_walks import Placing, changed
from fastcore.errors import PlanError
from fastcore.formulas import Arithmetic, Formula, bare, column

__all__ = [
    "Chain",
    "Column",
    "FunctionOf",
    "Operation",
    "Output",
    "Price",
    "name_of",
    "sources_of",
    "text_of",
    "truth_of",
]


#: Kernels that give 1 or 0, and those that do of such.
_COMPARISONS = frozenset(f"x {sign} {other}" for sign in ("<", "<=", ">", ">=") for other in ("y", "value"))
_KEEPING = frozenset(("x * y", "maximum(x, y)", "minimum(x, y)"))
_LONGEST = 20_000  # letters of a part's text, as many as a service takes: people write some hundred
_LONGEST_NAME = 2_048  # of a node's name, of which the engine has several copies


class Operation(Formula):
    """An operator of columns, and of a number.

    Parameters
    ----------
    kernel : str
        What the core calls it.
    params : tuple of float
    operands : tuple
    form : str, optional
        How it is written, where that is not the kernel's name.
    """

    __slots__ = ("_form", "_kernel", "_operands_", "_params", "condition")

    def __init__(
        self, kernel: str, params: tuple[float, ...], operands: tuple[Any, ...], form: str = ""
    ) -> None:
        self._kernel, self._params, self._operands_, self._form = kernel, params, operands, form
        #: Whether all that it can be is 1, 0 or NaN.
        self.condition = bool(form) or kernel in _COMPARISONS or (kernel in _KEEPING and _all_are(operands))

    def _recipe(self) -> tuple[Any, tuple[Any, ...]]:
        return Operation, (self._kernel, self._params, self._operands_, self._form)

    def _operands(self) -> tuple[Any, ...]:
        return self._operands_

    def _mapped(self, change: Placing) -> Formula:
        operands = tuple(changed(x, change) for x in self._operands_)
        return Operation(self._kernel, self._params, operands, self._form)

    def _composed(self) -> str:
        words = dict(zip(("x", "y"), map(text_of, self._operands_), strict=False))
        if self._params:
            words["value"] = repr(self._params[0])
        form = self._form or self._kernel
        text = re.sub(r"\b(x|y|value)\b", lambda found: words[found[0]], form)
        return text if "(" in form else f"({text})"


class Output(Formula):
    """One output of an indicator that has several."""

    __slots__ = ("_of", "_output")

    def __init__(self, of: Any, output: str) -> None:
        of_text = text_of(of)
        row = getattr(of, "_row", None) or (of._indicator._row if isinstance(of, Chain) else None)
        names = [one["name"] for one in row["outputs"]] if row else []
        if output not in names or len(names) == 1:
            known = ", ".join(map(repr, names)) if len(names) > 1 else "one alone"
            raise PlanError(f"{of_text} has no output {output!r} to choose; it has {known}")
        self._of, self._output = of, output

    def _recipe(self) -> tuple[Any, tuple[Any, ...]]:
        return Output, (self._of, self._output)

    def _operands(self) -> tuple[Any, ...]:
        return (self._of,)

    def _mapped(self, change: Placing) -> Formula:
        return Output(changed(self._of, change), self._output)

    def _composed(self) -> str:
        return f"{text_of(self._of)}[{self._output!r}]"


class Chain(Formula):
    """An indicator of formulas."""

    __slots__ = ("_indicator", "_sources")

    def __init__(self, indicator: Any, sources: tuple[Any, ...]) -> None:
        self._indicator, self._sources = indicator, sources

    def _recipe(self) -> tuple[Any, tuple[Any, ...]]:
        return Chain, (self._indicator, self._sources)

    def _operands(self) -> tuple[Any, ...]:
        return self._sources

    def _mapped(self, change: Placing) -> Formula:
        return Chain(self._indicator, tuple(changed(x, change) for x in self._sources))

    def _composed(self) -> str:
        sources = (repr(x._name) if isinstance(x, Column) else bare(text_of(x)) for x in self._sources)
        return f"{self._indicator!r}.of({', '.join(sources)})"


class FunctionOf(Formula):
    """A user's function of its inputs, or of what `of` gives it."""

    __slots__ = ("_function", "_sources")

    def __init__(self, function: str, sources: tuple[Any, ...]) -> None:
        self._function, self._sources = function, sources

    def _recipe(self) -> tuple[Any, tuple[Any, ...]]:
        return FunctionOf, (self._function, self._sources)

    def of(self, *columns: Any) -> FunctionOf:
        """The same function of other columns of a plan, or of formulas, one for each input."""
        if len(columns) != len(self._sources):
            raise PlanError(
                f"{self._function} takes {len(self._sources)} inputs, but .of() names {len(columns)}"
            )
        return FunctionOf(self._function, sources_of(columns))

    def _operands(self) -> tuple[Any, ...]:
        return self._sources

    def _mapped(self, change: Placing) -> Formula:
        return FunctionOf(self._function, tuple(changed(x, change) for x in self._sources))

    def _composed(self) -> str:
        return f"{self._function}({', '.join(bare(text_of(x)) for x in self._sources)})"


class Price(Formula):
    """An input of ticks or bars."""

    __slots__ = ("_clock", "_name")

    def __init__(self, name: str, clock: str = "") -> None:
        self._name, self._clock = name, clock

    def _recipe(self) -> tuple[Any, tuple[Any, ...]]:
        return Price, (self._name, self._clock)

    def on(self, span: str) -> Formula:
        return Price(self._name, self._clock or span)

    def _operands(self) -> tuple[Any, ...]:
        return ()

    def _mapped(self, change: Placing) -> Formula:
        placed: Formula = change(self)
        return placed

    def _leaves(self) -> Iterator[Any]:
        yield self

    def _composed(self) -> str:
        return f"price({self._name!r})" + (f".on({self._clock!r})" if self._clock else "")

    @property
    def clock(self) -> str:
        """As an indicator's."""
        return self._clock

    @property
    def parents(self) -> tuple[str, ...]:
        """As an indicator's: none."""
        return ()


class Column(Formula):
    """Another column of the plan."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def _recipe(self) -> tuple[Any, tuple[Any, ...]]:
        return Column, (self._name,)

    def _operands(self) -> tuple[Any, ...]:
        return ()

    def _mapped(self, change: Placing) -> Formula:
        return self

    def _composed(self) -> str:
        return f"column({self._name!r})"


def truth_of(sign: str, operand: Any) -> Formula:
    """A condition as it is; of a column, whether it is not 0.

    Raises
    ------
    TypeError
        For all else, which has no truth.
    """
    if isinstance(operand, Operation) and operand.condition:
        return operand
    if isinstance(operand, Column):
        return abs(operand) > 0
    raise TypeError(
        f"{sign} is of conditions, such as (fc.RSI() > 70) {sign if sign != '~' else '&'} (fc.ADX() > 25) "
        f"with each in parentheses, and not of {operand!r}"
    )


def sources_of(columns: tuple[Any, ...]) -> tuple[Any, ...]:
    """Columns by name as formulas."""
    for one in columns:
        if not isinstance(one, (str, Arithmetic)):
            raise TypeError(f"of: a column must be text, an indicator or a formula, not {one!r}")
    return tuple(column(one) if isinstance(one, str) else one for one in columns)


def _all_are(operands: tuple[Any, ...]) -> bool:
    return all(isinstance(one, Operation) and one.condition for one in operands)


def text_of(operand: Any) -> str:
    """An operand as it is written; a long one by a digest, since each doubling of a part doubles its text."""
    text = operand._text() if isinstance(operand, Formula) else repr(operand)
    return text if len(text) <= _LONGEST else _digest(text)


def name_of(operand: Any) -> str:
    """A part's name in a plan, behind a dot: its text, or a digest of a long one."""
    text = text_of(operand)
    return text if len(text) <= _LONGEST_NAME else _digest(text)


def _digest(text: str) -> str:
    import hashlib  # here: it loads a library, which hardly any formula needs

    return "#" + hashlib.sha256(text.encode()).hexdigest()[:32]
