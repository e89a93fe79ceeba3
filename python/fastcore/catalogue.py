"""What the native core knows of each indicator, as plain data: for tools, docs, forms and dashboards."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from fastcore import _core
from fastcore.errors import UnknownNameError


class Param(TypedDict):
    """One parameter: its type, default, range (both ends included) and meaning.

    Whole numbers that stand for kinds, such as kinds of moving averages, have the kinds' names, from 0 on. A
    convention is a choice between sources that differ; the default is TA-Lib's.
    """

    name: str
    type: Literal["int", "float"]
    default: int | float
    min: int | float
    max: int | float
    doc: str
    choices: NotRequired[list[str]]
    convention: NotRequired[Literal[True]]


class Output(TypedDict):
    """One output, and how to draw it: line, bar, band or signal."""

    name: str
    role: Literal["line", "bar", "band", "signal"]


class Row(TypedDict):
    """One indicator of the catalogue."""

    name: str
    family: str
    doc: str
    formula: str
    source: str
    params: list[Param]
    inputs: list[str]
    outputs: list[Output]


_ROWS: tuple[Row, ...] = tuple(_core.catalogue())


def indicators() -> list[Row]:
    """Every indicator of the catalogue, in the order of its families.

    Returns
    -------
    list of dict
        Name, family, doc, formula, source, params with ranges, inputs, outputs with roles.

    Examples
    --------
    >>> [row["inputs"] for row in indicators() if row["name"] == "ATR"]
    [['high', 'low', 'close']]
    """
    return [_copy(row) for row in _ROWS]


def describe(name: str) -> Row:
    """The catalogue row of one indicator, by its name or by what it is called elsewhere.

    Case, blanks, hyphens and underscores do not matter.

    Raises
    ------
    UnknownNameError
        If there is none, with the nearest names.

    Examples
    --------
    >>> describe("rsi")["params"][0]["default"]
    14
    >>> describe("Heikin-Ashi")["name"]
    'HA'
    """
    if not isinstance(name, str):
        raise TypeError(f"describe: an indicator's name must be text, not {name!r}")
    found = named(name) or named(name, elsewhere=True)
    if found is None:
        raise unknown(name)
    return _copy(found)


def named(name: str, elsewhere: bool = False) -> Row | None:
    """The row of an indicator of that name, or of one that is called so elsewhere; case does not matter."""
    if not elsewhere:
        return next((row for row in _ROWS if row["name"].upper() == name.upper()), None)
    from fastcore._other_names import OTHER_NAMES, bare

    wanted = bare(name)
    for row in _ROWS if wanted else ():
        if wanted in map(bare, (row["name"], *OTHER_NAMES.get(row["name"], ()))):
            return row
    return None


def families() -> list[str]:
    """Names of the families, in order."""
    return list(dict.fromkeys(row["family"] for row in _ROWS))


def chosen(family: str | None = None, find: str | None = None) -> list[Row]:
    """Rows of a family, and with a text in their names, here or elsewhere, or in what they are.

    Raises
    ------
    UnknownNameError
        If there is no such family.
    """
    from fastcore._other_names import OTHER_NAMES, bare

    if family is not None and family.lower() not in families():
        raise UnknownNameError(f"no family is named {family!r}; there are {', '.join(families())}")
    wanted = bare(find or "")
    return [
        _copy(row)
        for row in _ROWS
        if family is None or family.lower() == row["family"]
        if any(wanted in bare(text) for text in (row["name"], row["doc"], *OTHER_NAMES.get(row["name"], ())))
    ]


def unknown(name: str) -> UnknownNameError:
    """What says that no indicator has that name, and which may have been meant."""
    other = named(name, elsewhere=True)
    near = [other["name"]] if other else _nearest(name.upper(), [row["name"].upper() for row in _ROWS])
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return UnknownNameError(f"no indicator is named {name!r}{hint}")


def _nearest(name: str, names: list[str]) -> list[str]:
    """At most three names that may have been meant: first those of the same letters, as RSI for RIS."""
    import difflib  # takes longer than all that is imported above

    swapped = [one for one in names if sorted(one) == sorted(name)]
    close = [one for one in difflib.get_close_matches(name, names, n=3) if one not in swapped]
    return (swapped + close)[:3]


def _copy(row: Row) -> Row:
    """A row that its receiver may change."""
    fresh = row.copy()
    fresh["params"] = [param.copy() for param in row["params"]]
    for param in fresh["params"]:
        if "choices" in param:
            param["choices"] = list(param["choices"])
    fresh["inputs"] = list(row["inputs"])
    fresh["outputs"] = [output.copy() for output in row["outputs"]]
    return fresh
