"""TA-Lib's functions over whole arrays: checks, NaN at the front, errors and kinds of output are its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from fastcore.talib import _compute, _settings
from fastcore.talib._compute import BadParameter
from fastcore.talib._table import TABLE, Described, Number

Array = np.ndarray[Any, np.dtype[Any]]
_PLAIN = frozenset((np.ndarray, int, float))  # what arguments mostly are: no series


def bad_parameter(call: str) -> Exception:
    """TA-Lib's error for a parameter outside its range."""
    return Exception(f"TA_{call} function failed with error code 2: Bad Parameter (TA_BAD_PARAM)")


def checked(name: str, value: Any) -> Array:
    """An input array as TA-Lib takes it: of doubles, with one dimension."""
    if not isinstance(value, np.ndarray):
        raise TypeError(
            f"Argument '{name}' has incorrect type (expected numpy.ndarray, got {type(value).__name__})"
        )
    if value.dtype != np.float64:
        raise Exception("input array type is not double")
    if value.ndim != 1:
        raise Exception("input array has wrong dimensions")
    return np.ascontiguousarray(value)


def converted(described: Described, params: Sequence[Any]) -> list[Number]:
    """Parameters as the numbers that TA-Lib's signature declares, its marks replaced by defaults."""
    values: list[Number] = []
    for value, default in zip(params, described.params.values(), strict=True):
        if value is default:
            values.append(default)
        elif isinstance(default, float):
            number: Number = real(value)
            values.append(default if number == _compute.DEFAULT_REAL else number)
        else:
            number = _settings.whole(value)
            values.append(default if number == _compute.DEFAULT_WHOLE else number)
    return values


def real(value: Any) -> float:
    """A C double, as Python's own C functions take it."""
    if not hasattr(value, "__float__") and not hasattr(value, "__index__"):  # texts have neither
        raise TypeError(f"must be real number, not {type(value).__name__}")
    return float(value)


def shown(described: Described, outputs: Sequence[Array], begin: int, rows: int) -> list[Array]:
    """Outputs behind `begin` rows that were left out, whole ones as int32 with 0 where there is no value."""
    whole = _compute.WHOLE.get(described.name, ())
    if not whole and begin == 0:
        return list(outputs)
    all_: list[Array] = []
    for place, output in enumerate(outputs):
        column = np.full(rows, np.nan)
        column[begin:] = output
        if place in whole:
            if described.name.endswith("INDEX"):
                column += begin
            column = np.nan_to_num(column).astype(np.int32)
        all_.append(column)
    return all_


def outputs_of(described: Described, columns: Sequence[Array], params: Sequence[Number]) -> list[Array]:
    """The function's outputs: NaN rows at the front are left out, and so are the unstable ones."""
    name, rows = described.name, len(columns[0])
    if any(len(column) != rows for column in columns):
        raise Exception("input array lengths are different")
    if rows == 0:
        return shown(described, [np.empty(0)] * len(described.outputs), 0, 0)
    whole = all(np.isfinite(column).all() for column in columns)
    begin = 0 if whole else _compute.first_finite(columns)
    parts = columns if whole else [column[begin:] for column in columns]
    try:
        skipped = _compute.lookback(name, params)
        outputs = _compute.compute(name, parts, params)
    except BadParameter:
        raise bad_parameter(name) from None
    hidden = skipped + _settings.unstable.get(name, 0)
    broken = rows - begin
    if not whole and name not in _compute.BY_ROW:
        spoiled = ~np.logical_and.reduce([np.isfinite(part) for part in parts])
        broken = int(np.argmax(spoiled)) if spoiled.any() else broken
    for output in outputs:
        output[:hidden] = np.nan
        output[broken:] = np.nan
    return shown(described, outputs, begin, rows)


def frames(values: Sequence[Any]) -> tuple[list[Any], Callable[[Array], Any]]:
    """Values with pandas and Polars series as arrays, and what turns a result into their kind."""
    if all(type(value) in _PLAIN for value in values):
        return list(values), lambda array: array
    kinds = {library_of(value, "Series") for value in values} - {""}
    if len(kinds) > 1:
        raise Exception("Cannot mix polars and pandas")
    if not kinds:
        return list(values), lambda array: array
    taken = [value.to_numpy().astype(float) if library_of(value, "Series") else value for value in values]
    if kinds == {"polars"}:
        import polars

        return taken, polars.Series
    import pandas

    index = next(value.index for value in values if library_of(value, "Series"))
    return taken, lambda array: pandas.Series(array, index=index)


def library_of(value: Any, name: str) -> str:
    """Of a series or frame, and of what is derived from one: "pandas" or "polars"; of all else nothing."""
    for kind in type(value).__mro__:
        library = kind.__module__.partition(".")[0]
        if kind.__name__ == name and library in ("pandas", "polars"):
            return library
    return ""


def signature(described: Described) -> inspect.Signature:
    """Arrays, then parameters with their defaults."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    arrays = [inspect.Parameter(name, kind) for name in described.arguments]
    options = [inspect.Parameter(name, kind, default=value) for name, value in described.params.items()]
    return inspect.Signature([*arrays, *options])


def docstring(described: Described) -> str:
    """Title, inputs, parameters and outputs."""
    lines = [f"{described.name}{signature(described)}", "", f"{described.title} ({described.group})", ""]
    lines += ["Inputs:", *(f"    {name}: array of float64" for name in described.arguments)]
    if described.params:
        lines += ["Parameters:", *(f"    {name}: {value}" for name, value in described.params.items())]
    return "\n".join([*lines, "Outputs:", *(f"    {name}" for name in described.outputs), ""])


def bound(
    described: Described, declared: inspect.Signature, call: str, args: tuple[Any, ...], named: dict[str, Any]
) -> inspect.BoundArguments:
    """Arguments with their names and defaults; too few or too many are told in TA-Lib's words."""
    least, most, given = len(described.arguments), len(declared.parameters), len(args)
    try:
        found = declared.bind(*args, **named)
    except TypeError as error:
        if given <= most and (given >= least or named):
            raise TypeError(f"{call}() {error}") from None
        how = "exactly" if least == most else "at least" if given < least else "at most"
        count = most if given > most else least
        plural = "" if count == 1 else "s"
        raise TypeError(f"{call}() takes {how} {count} positional argument{plural} ({given} given)") from None
    found.apply_defaults()
    return found


@cache
def _declared(name: str) -> tuple[inspect.Signature, tuple[str, ...], tuple[Number, ...]]:
    """A function's signature, the names in it, and the defaults of its parameters."""
    declared = signature(TABLE[name])
    return declared, tuple(declared.parameters), tuple(TABLE[name].params.values())


def arguments(described: Described, call: str, args: tuple[Any, ...], named: dict[str, Any]) -> list[Any]:
    """All arguments in order, with defaults, or TA-Lib's error."""
    declared, names, defaults = _declared(described.name)
    given, count = len(args), len(described.arguments)
    if not count <= given <= len(names) or not named.keys() <= set(names[given:]):
        # Arrays by name, or an error: binding takes a third of the time of a short call.
        return list(bound(described, declared, call, args, named).arguments.values())
    options = zip(names[given:], defaults[given - count :], strict=True)
    return [*args, *(named.get(key, value) for key, value in options)]


def make(name: str) -> Callable[..., Any]:
    """The function of that name."""
    described = TABLE[name]
    count = len(described.arguments)

    def function(*args: Any, **kwargs: Any) -> Any:
        values, rewrap = frames(arguments(described, name, args, kwargs))
        columns = [
            checked(key, value) for key, value in zip(described.arguments, values[:count], strict=True)
        ]
        params = converted(described, values[count:])
        results = [rewrap(output) for output in outputs_of(described, columns, params)]
        return results[0] if len(results) == 1 else tuple(results)

    function.__name__ = function.__qualname__ = name
    function.__module__ = "fastcore.talib"
    function.__doc__ = docstring(described)
    function.__signature__ = signature(described)  # type: ignore[attr-defined]
    return function
