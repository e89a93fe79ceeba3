"""Rows as columns on their way into a table: checked once, joined, each key once.

A column of text is kept as its different words and a number for each row, so that a million rows of one
span hold one word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from fastcore.errors import InputError

__all__ = ["Batch", "Texts", "conflict_keys"]

Numbers = npt.NDArray[np.int64] | npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """A column of text: `words[codes[i]]` is that of row i."""

    words: list[str]
    codes: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.codes)

    def to_list(self) -> list[str]:
        words = self.words
        return [words[code] for code in self.codes.tolist()]


class Batch(NamedTuple):
    """Rows of a table; instead of ``symbol_id`` there may be ``symbol``, their names."""

    table: sa.Table
    columns: dict[str, Numbers | Texts]
    rows: int

    @classmethod
    def of(cls, table: sa.Table, columns: dict[str, Any]) -> Batch:
        """What was given, checked; a column of text may be one text for all rows.

        Raises
        ------
        InputError
            If a column is missing, unknown, of another length, or holds what its type cannot.
        """
        names = _wanted(table, columns)
        arrays = {name: _numbers(table, name, columns[name]) for name in names if not _is_text(table, name)}
        lengths = {name: len(array) for name, array in arrays.items()}
        lengths |= {name: len(columns[name]) for name in names if _is_sequence_of_text(table, name, columns)}
        if len(set(lengths.values())) > 1:
            raise InputError(f"columns of {table.name} must have one dimension and one length, not {lengths}")
        rows = next(iter(lengths.values()))
        made: dict[str, Numbers | Texts] = {}
        for name in names:
            made[name] = arrays[name] if name in arrays else _texts(table, name, columns[name], rows)
        return cls(table, made, rows)

    @classmethod
    def join(cls, parts: Sequence[Batch]) -> Batch:
        """All rows of batches with the same columns, in their order."""
        if len(parts) == 1:
            return parts[0]
        joined: dict[str, Numbers | Texts] = {}
        for name, first in parts[0].columns.items():
            found: list[Any] = [part.columns[name] for part in parts]
            joined[name] = _join_texts(found) if isinstance(first, Texts) else np.concatenate(found)
        return cls(parts[0].table, joined, sum(part.rows for part in parts))

    def by_key(self, *, last: bool) -> Batch:
        """The rows in the order of their keys, in which a table takes them fastest.

        With `last`, without those whose key comes again later: one statement cannot write a row twice.
        """
        keys: list[npt.NDArray[Any]] = []
        for name in conflict_keys(self.table):
            column = self.columns["symbol" if name == "symbol_id" and "symbol" in self.columns else name]
            keys.append(column.codes if isinstance(column, Texts) else column)
        varied = [_narrow(key) for key in keys if self.rows and key.min() != key.max()]
        if not varied:
            return self.take(np.arange(self.rows)[-1:]) if last else self
        order = np.lexsort(varied[::-1])  # stable: of equal keys the last given is the last
        if last:
            same = np.ones(self.rows - 1, bool)
            for key in varied:
                same &= key[order[1:]] == key[order[:-1]]
            if same.any():
                order = order[np.append(~same, True)]
        in_place = len(order) == self.rows and bool((order[1:] > order[:-1]).all())
        return self if in_place else self.take(order)

    def take(self, places: npt.NDArray[np.int64]) -> Batch:
        """The rows at these places."""
        kept: dict[str, Numbers | Texts] = {}
        for name, column in self.columns.items():
            if isinstance(column, Texts):
                kept[name] = Texts(column.words, column.codes[places])
            else:
                kept[name] = column[places]
        return Batch(self.table, kept, len(places))

    def piece(self, first: int, end: int) -> Batch:
        """The rows from one place to another, without a copy."""
        kept: dict[str, Numbers | Texts] = {}
        for name, column in self.columns.items():
            kept[name] = (
                Texts(column.words, column.codes[first:end])
                if isinstance(column, Texts)
                else column[first:end]
            )
        return Batch(self.table, kept, max(0, min(end, self.rows) - first))

    def lists(self) -> list[list[Any]]:
        """A Python list for each column; a NaN where the table knows NULL is None."""
        found = []
        for name, column in self.columns.items():
            values = column.to_list() if isinstance(column, Texts) else column.tolist()
            if self.table.c[name].nullable:
                values = [None if value != value else value for value in values]
            found.append(values)
        return found


def conflict_keys(table: sa.Table) -> list[str]:
    """The columns that say which row it is: the sender's key where the table has one."""
    return ["key"] if "key" in table.c else [column.name for column in table.primary_key]


def _narrow(key: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Whole numbers of a small range in 16 bits, which are sorted by counting: 10 times as fast."""
    if key.dtype.kind != "i":
        return key
    least = key.min()
    return (key - least).astype(np.uint16) if int(key.max()) - int(least) < 1 << 16 else key


def _is_text(table: sa.Table, name: str) -> bool:
    return name == "symbol" or isinstance(table.c[name].type, sa.Text)


def _is_sequence_of_text(table: sa.Table, name: str, columns: dict[str, Any]) -> bool:
    return _is_text(table, name) and not isinstance(columns[name], str)


def _wanted(table: sa.Table, columns: dict[str, Any]) -> list[str]:
    optional = {one.name for one in table.columns if one.server_default is not None or one.identity}
    wanted = [one.name for one in table.columns if one.name not in optional or one.name in columns]
    if "symbol" in columns and "symbol_id" not in columns:
        wanted = ["symbol" if name == "symbol_id" else name for name in wanted]
    missing = [name for name in wanted if name not in columns]
    unknown = sorted(set(columns) - set(wanted))
    for what, names in (("missing", missing), ("unknown", unknown)):
        if names:
            raise InputError(
                f"rows of {table.name} have the columns {', '.join(wanted)}; {what}: {', '.join(names)}"
            )
    return wanted


def _numbers(table: sa.Table, name: str, given: Any) -> Numbers:
    column = table.c[name]
    try:
        array = np.asarray(given)
    except ValueError as error:
        raise InputError(f"{name} of {table.name} must be numbers: {error}") from error
    if array.ndim != 1:
        shape = array.shape
        raise InputError(
            f"columns of {table.name} must have one dimension and one length; {name} has the shape {shape}"
        )
    if array.size and array.dtype.kind not in ("iu" if isinstance(column.type, sa.Integer) else "iuf"):
        kind = "whole numbers" if isinstance(column.type, sa.Integer) else "numbers"
        raise InputError(f"{name} of {table.name} must be {kind}, not {array.dtype}")
    if not isinstance(column.type, sa.Integer):
        floats = array.astype(np.float64, copy=False)
        if not column.nullable and (bad := np.flatnonzero(np.isnan(floats))).size:
            raise InputError(f"{name} of {table.name} must not be NaN; row {bad[0]} is")
        return floats
    bits = 15 if isinstance(column.type, sa.SmallInteger) else 63
    bits = 31 if bits == 63 and not isinstance(column.type, sa.BigInteger) else bits
    if array.size and (int(array.min()) < -(2**bits) or int(array.max()) >= 2**bits):
        raise InputError(
            f"{name} of {table.name} must lie within {bits + 1} bits, not {array.min()} to {array.max()}"
        )
    return array.astype(np.int64, copy=False)


def _texts(table: sa.Table, name: str, given: Any, rows: int) -> Texts:
    if isinstance(given, Texts):
        return given
    if isinstance(given, str):
        texts = Texts([given], np.zeros(rows, np.int64))
    else:
        words: dict[str, int] = {}
        codes = np.fromiter((words.setdefault(text, len(words)) for text in given), np.int64, rows)
        texts = Texts(list(words), codes)
    for word in texts.words:
        if not isinstance(word, str):
            raise InputError(f"{name} of {table.name} must be text, not {word!r}")
        if "\0" in word or not _is_unicode(word):
            raise InputError(
                f"{name} of {table.name} must be text without NUL or half characters, not {word!r}"
            )
    return texts


def _is_unicode(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _join_texts(parts: list[Texts]) -> Texts:
    words: dict[str, int] = {}
    codes = []
    for part in parts:
        table = np.array([words.setdefault(word, len(words)) for word in part.words], np.int64)
        codes.append(table[part.codes])
    return Texts(list(words), np.concatenate(codes))
