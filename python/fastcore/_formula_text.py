"""Indicators and formulas from text: a reader of the expressions that `repr` writes, which evaluates nothing.

Names come from the catalogue, from `fastcore.function` and from the short list of what formulas are written
with; arguments are literals.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

import fastcore
from fastcore import _core
from fastcore.catalogue import named, unknown
from fastcore.errors import ConfigError
from fastcore.formulas import Arithmetic, column, price

__all__ = ["read"]

_DEEPEST = 100  # levels of a formula: a person's has some ten
_OPERATORS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "sqrt": np.sqrt,
    "log": np.log,
    "exp": np.exp,
}
_NAMED = {"column": column, "price": price}


def read(text: str) -> Any:
    """The indicator or formula that a text describes.

    Raises
    ------
    ConfigError
        If it describes none.

    Examples
    --------
    >>> read('(EMA(12) - EMA(26)) / column("atr") > 0.5')
    ((EMA(period=12) - EMA(period=26)) / column('atr')) > 0.5
    """
    try:
        expression = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _none(text) from error
    return _Reader(text).formula(expression, 0)


class _Reader:
    """One text, which errors name."""

    def __init__(self, text: str) -> None:
        self._text = text

    def formula(self, node: ast.expr, depth: int) -> Any:
        """An indicator or a formula."""
        if depth > _DEEPEST:
            raise ConfigError(
                f"a formula in a text is at most {_DEEPEST} levels deep: {self._text[:60]!r}..."
            )
        match node:
            case ast.Name(id=name):
                return self._call(_class_of(name), [], {})
            case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
                return self._named(name, args, keywords, depth)
            case ast.Call(func=ast.Attribute(value=inner, attr="on"), args=args, keywords=keywords):
                return self._call(self.formula(inner, depth + 1).on, *self._literals(args, keywords))
            case ast.Call(func=ast.Attribute(value=inner, attr="of"), args=args, keywords=[]):
                placed = getattr(self.formula(inner, depth + 1), "of", None)
                if placed is None:
                    raise ConfigError(f"{self._text!r}: .of(...) follows an indicator or a function")
                return self._call(placed, [self._source(arg, depth + 1) for arg in args], {})
            case ast.Call(func=ast.Attribute(attr=verb)):
                raise ConfigError(
                    f"{self._text!r}: an indicator is followed by .on(...) or .of(...), not .{verb}(...)"
                )
            case ast.Subscript(value=inner, slice=ast.Constant(value=str(output))):
                return self._call(self.formula(inner, depth + 1).__getitem__, [output], {})
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return -self.formula(inner, depth + 1)
            case ast.UnaryOp(op=ast.Invert()):
                return self._of(operator.invert, [node.operand], depth)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                return self._of(_OPERATORS[type(op)], [left, right], depth)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPERATORS:
                return self._of(_OPERATORS[type(op)], [left, right], depth)
            case ast.Compare() | ast.BoolOp():
                raise ConfigError(
                    f"{self._text!r}: one comparison makes a column; join two by & or |, each in parentheses"
                )
        raise _none(self._text)

    def _named(self, name: str, args: list[ast.expr], keywords: list[ast.keyword], depth: int) -> Any:
        if name in _FUNCTIONS and not keywords:
            return self._of(_FUNCTIONS[name], args, depth)
        if name in _NAMED:
            return self._call(_NAMED[name], *self._literals(args, keywords))
        try:
            made = _class_of(name)
        except ConfigError as error:
            if keywords or not args or any(isinstance(arg, ast.Constant) for arg in args):
                raise
            if not _is_function(name):
                raise ConfigError(f"{error}; and fastcore.function has defined none of that name") from error
            from fastcore._formula_parts import FunctionOf

            return FunctionOf(name, tuple(self.formula(arg, depth + 1) for arg in args))
        return self._call(made, *self._literals(args, keywords))

    def _of(self, made: Callable[..., Any], operands: list[ast.expr], depth: int) -> Any:
        """What an operator or a function of NumPy makes of formulas and numbers."""
        values = [
            number if (number := _number(one)) is not None else self.formula(one, depth + 1)
            for one in operands
        ]
        if not any(isinstance(value, Arithmetic) for value in values):
            raise _none(self._text)
        return self._call(made, values, {})

    def _source(self, node: ast.expr, depth: int) -> Any:
        """What `of` takes: a column's name, or a formula."""
        if isinstance(node, ast.Constant):
            return self._literals([node], [])[0][0]
        return self.formula(node, depth)

    def _literals(
        self, args: list[ast.expr], keywords: list[ast.keyword]
    ) -> tuple[list[Any], dict[str, Any]]:
        def value(node: ast.expr, name: str) -> Any:
            try:
                found = ast.literal_eval(node)
            except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
                found = None
            if not isinstance(found, int | float | str):
                wrong = (ast.get_source_segment(self._text, node) or "")[:60]
                raise ConfigError(
                    f"{self._text!r}: {name} must be a number, a string, True or False, got {wrong}"
                )
            return found

        named: dict[str, Any] = {}
        for keyword in keywords:
            if keyword.arg is None:
                raise ConfigError(f"{self._text!r}: arguments are written out, ** is not read")
            named[keyword.arg] = value(keyword.value, keyword.arg)
        return [value(node, f"argument {i + 1}") for i, node in enumerate(args)], named

    def _call(self, made: Callable[..., Any], args: list[Any], named: dict[str, Any]) -> Any:
        try:
            return made(*args, **named)
        except (TypeError, ValueError, LookupError) as error:
            raise ConfigError(f"{self._text!r}: {str(error).partition(chr(10))[0]}") from error


def _number(node: ast.expr) -> int | float | None:
    """A number that is written out, with its sign; none for all else."""
    match node:
        case ast.Constant(value=bool()):
            return None
        case ast.Constant(value=int(number) | float(number)):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant() as inner):
            plain = _number(inner)
            return None if plain is None else -plain
    return None


def _none(text: str) -> ConfigError:
    return ConfigError(f'{text!r} is not an indicator: write it like RSI(14) or RSI(14).on("1m")')


def _class_of(name: str) -> Any:
    """By the catalogue's own name: what one is called elsewhere may be a function's name here."""
    row = named(name)
    if row is None:
        raise ConfigError(str(unknown(name)))
    return getattr(fastcore, row["name"])


def _is_function(name: str) -> bool:
    try:
        _core.Indicator(name, [])
    except (LookupError, TypeError, ValueError):
        return False
    return True
