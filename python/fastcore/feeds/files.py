"""Tick files of any size as a feed: CSV, gzip CSV, Parquet and files by columns, in constant memory.

    for batch in read_ticks("trades.csv.gz"):
        engine.on_ticks(batch.ticks, symbols=batch.symbols)

Columns are found by their usual names, times are turned into ns UTC whatever their unit, and every
row of the file becomes one tick: a row that cannot be read becomes one with the price NaN, which
the engine counts as invalid.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

from fastcore._checks import MAPPING, PATH, TEXT, WHOLE, check, optional
from fastcore.errors import FileFeedError
from fastcore.feeds import TickBatch
from fastcore.feeds._csv import CsvFile
from fastcore.feeds._parquet import ParquetFile
from fastcore.feeds.column_file import SUFFIX, ColumnFile
from fastcore.ticks import TICK

__all__ = ["SUFFIXES", "TickFile", "count_rows_hint", "read_ticks"]

#: Endings of the files that can be read.
SUFFIXES = (".csv", ".csv.gz", ".parquet", SUFFIX)


class TickFile:
    """One open tick file, to be iterated once, that also says how far it has come.

    Parameters are those of `read_ticks`. The file closes itself at its end; a ``with`` block closes
    it earlier.

    Attributes
    ----------
    path : Path
    columns : dict of str to str
        Which column of the file was taken for which field.
    size : int
        Bytes of the file on the disk.

    Raises
    ------
    FileFeedError
        If the file cannot be read, or lacks a column.
    MissingExtraError
        If pyarrow is not installed.
    ValueError
        If `batch` is below 1.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        columns: Mapping[str, str] | None = None,
        symbol: str | None = None,
        batch: int = 65_536,
    ) -> None:
        check("read_ticks", "path", path, PATH)
        check("read_ticks", "columns", columns, optional(MAPPING))
        check("read_ticks", "symbol", symbol, optional(TEXT))
        check("read_ticks", "batch", batch, WHOLE)
        if batch < 1:
            raise ValueError(f"read_ticks: batch must be at least 1, got {batch}")
        self.path = Path(path)
        suffix = _suffix(self.path)
        self._batch = batch
        name = symbol or self.path.name[: -len(suffix)] or self.path.name
        try:
            self.size = self.path.stat().st_size
            self._file = _open(self.path, suffix, columns, symbol, name)
        except OSError as error:
            raise FileFeedError(f"{self.path} cannot be opened: {error.strerror or error}") from error
        if isinstance(self._file, ColumnFile):
            self.columns = {field: field for field in TICK.names or ()}
        else:
            self.columns = {field: self._file.header[place] for field, place in self._file.fields.items()}

    @property
    def position(self) -> int:
        """Bytes of `size` that have been read: what a progress bar shows."""
        return self._file.position

    def close(self) -> None:
        """Close the file; what has been read stays valid."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[TickBatch]:
        if isinstance(self._file, ColumnFile):
            for whole in self._file:
                for at in range(0, len(whole), self._batch):
                    yield TickBatch(whole.ticks[at : at + self._batch], whole.symbols)
            return
        convert = self._file.converter
        for columns, rows in self._file.blocks():
            ticks = convert.ticks(columns, rows)
            for at in range(0, rows, self._batch):
                yield TickBatch(ticks[at : at + self._batch], convert.names)


def read_ticks(
    path: str | os.PathLike[str],
    *,
    columns: Mapping[str, str] | None = None,
    symbol: str | None = None,
    batch: int = 65_536,
) -> Iterator[TickBatch]:
    """Read the ticks of a file, in its order, in constant memory.

    Parameters
    ----------
    path : str or path-like
        A .csv, .csv.gz, .parquet or .fct file. Text has a header line, and comma, semicolon, tab or bar
        between the fields.
    columns : mapping of str to str, optional
        Field -> column, such as ``{"ts": "time", "price": "px"}``; the fields are ts, price, size,
        symbol, market, id, side, bid and ask. The rest is found by the usual names: exchange time
        before time of receipt, and no time column that has gaps in the first block if another has none.
        Days in one column and times of the day in another are refused, unless ``ts`` is named.
    symbol : str, optional
        The symbol of a file that has no symbol column; default the file's name without its ending.
    batch : int
        At most so many ticks at a time.

    Returns
    -------
    iterator of TickBatch
        Times in ns UTC: the unit comes from the column's ending (_ns, _us, _ms, _s) or the size of
        its numbers; dates and times without a zone are UTC. With a market column, symbols are named
        ``market:symbol``. A file with bid and ask and no price ticks at the mid, with size 0.

    Raises
    ------
    FileFeedError
        At once, if the file is absent, empty, a folder, of an unknown kind, or lacks a column;
        later, if it turns out to be truncated or damaged: then after the last whole row before.
    MissingExtraError
        If pyarrow is not installed.

    Notes
    -----
    Every row gives one tick. If one of its numbers cannot be read, or it has a wrong number of
    fields, the tick has the price NaN, and the time of the row before if it has none of its own; if
    its symbol cannot be read either, the symbol is ``"?"``.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp(), "es.csv")
    >>> _ = file.write_text("time_ms,px,qty\\n1723161255342,5300.25,2\\n1723161255343,oops,1\\n")
    >>> for batch in read_ticks(file):
    ...     print(batch.symbols, batch.ticks["ts"].tolist(), batch.ticks["price"].tolist())
    ['es'] [1723161255342000000, 1723161255343000000] [5300.25, nan]
    """
    return iter(TickFile(path, columns=columns, symbol=symbol, batch=batch))


def count_rows_hint(path: str | os.PathLike[str]) -> int:
    """About how many rows a file has, without reading it; exact for Parquet and .fct.

    Text is estimated from its first block.

    Raises
    ------
    FileFeedError
        If the file cannot be opened or is of an unknown kind.
    """
    with TickFile(path) as source:
        if isinstance(source._file, (ParquetFile, ColumnFile)):
            return source._file.rows
        rows = next((rows for _, rows in source._file.blocks()), 0)
        return max(rows, round(rows * source.size / max(1, source.position)))


def _open(
    path: Path, suffix: str, columns: Mapping[str, str] | None, symbol: str | None, name: str
) -> CsvFile | ParquetFile | ColumnFile:
    if suffix != SUFFIX:
        return (ParquetFile if suffix == ".parquet" else CsvFile)(path, columns, name)
    if columns or symbol:
        raise FileFeedError(f"{path} has its own columns and symbols: neither can be named")
    return ColumnFile(path)


def _suffix(path: Path) -> str:
    name = path.name.lower()
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name.endswith(suffix):
            break
    else:
        if not path.exists():
            raise FileFeedError(f"{path} cannot be opened: there is no such file")
        raise FileFeedError(f"{path} is of an unknown kind: tick files end in {', '.join(SUFFIXES)}")
    if path.is_dir():
        raise FileFeedError(f"{path} is a folder, not a tick file")
    return suffix
