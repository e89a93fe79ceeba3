"""Tick files from one form into another: CSV, Parquet and files by columns, in constant memory."""

from __future__ import annotations

import csv
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fastcore._arrow_numbers import named_to_arrow, texts_to_arrow, to_arrow
from fastcore._checks import CALL, FLAG, PATH, Fit, arguments, optional
from fastcore._extras import require
from fastcore._replacing import settle, target_of
from fastcore._row_writer import written
from fastcore.errors import FileFeedError
from fastcore.feeds import TickBatch
from fastcore.feeds.column_file import SUFFIX, ColumnWriter
from fastcore.feeds.files import TickFile

__all__ = ["TARGETS", "convert"]

#: Endings of the files that can be written.
TARGETS = (".csv", ".parquet", SUFFIX)

Write = Callable[[TickBatch], None]

_FILES = Fit(
    "a path, or a sequence of paths that is not empty",
    lambda value: PATH.fits(value) or (not isinstance(value, (str, bytes)) and len(value) > 0),
)


@arguments("convert", files=_FILES, out=PATH, append=FLAG, progress=optional(CALL))
def convert(
    files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    columns: Mapping[str, str] | None = None,
    symbol: str | None = None,
    append: bool = False,
    batch: int = 65_536,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write the ticks of files, one after the other, to one file of the form that its ending says.

    Parameters
    ----------
    files : path or sequence of path
        As `fastcore.feeds.files.read_ticks` takes them, with `columns` and `symbol`.
    out : path
        Ending in .csv, .parquet or .fct. It has its name when it is whole.
    append : bool
        Add to a .fct file that is there.
    batch : int
        Ticks at a time, at least 1.
    progress : callable, optional
        Called with the bytes read and all there are.

    Returns
    -------
    int
        How many ticks were written. Those whose price is no number are, too, and a warning says how many.

    Raises
    ------
    FileFeedError
        If a file cannot be read, or `out` cannot be written, is there, is one of them, or is of an unknown
        kind; or if no price of any tick is a number. `out` is then as it was, but for what was appended.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "es.csv").write_text("time_ms,px,qty\\n1723161255342,5300.25,2\\n")
    >>> convert([folder / "es.csv"], folder / "es.fct")
    1
    """
    path = Path(out)
    suffix = next((one for one in TARGETS if path.name.lower().endswith(one)), None)
    if suffix is None:
        raise FileFeedError(
            f"{path} is of an unknown kind: files that can be written end in {', '.join(TARGETS)}"
        )
    if append and suffix != SUFFIX:
        raise FileFeedError(f"{path} cannot be appended to: only {SUFFIX} files can")
    if not path.parent.is_dir():
        raise FileFeedError(f"{path} cannot be written: there is no folder {path.parent}")
    if path.exists() and not append:
        raise FileFeedError(f"{path} is there already")
    files = [files] if isinstance(files, (str, os.PathLike)) else files
    if append and path.exists() and any(Path(file).exists() and path.samefile(file) for file in files):
        raise FileFeedError(f"{path} is read from: append to another file")
    with written(path):
        path = target_of(path) or path  # beside what a link leads to, there is the room to write it
    sources = [TickFile(file, columns=columns, symbol=symbol, batch=batch) for file in files]
    whole, before, rows, unpriced = sum(source.size for source in sources), 0, 0, 0
    with _writer(path, suffix, append) as write:
        for source in sources:
            with source:
                for part in source:
                    write(part)
                    rows += len(part)
                    unpriced += int(np.count_nonzero(~np.isfinite(part.ticks["price"])))
                    if progress is not None:
                        progress(before + source.position, whole)
            before += source.size
        if rows and unpriced == rows:
            raise FileFeedError(
                f"none of the {rows:,} prices is a number: the column of prices may be another one, as in "
                f"columns={{'price': ...}}, or written with commas for points"
            )
    if unpriced:
        warnings.warn(f"{unpriced:,} of {rows:,} ticks have a price that is no number", stacklevel=2)
    return rows


@contextmanager
def _writer(path: Path, suffix: str, append: bool) -> Iterator[Write]:
    part = path if append else path.with_name(f"{path.name}.part")
    if not append:
        part.unlink(missing_ok=True)
    makers: dict[str, Callable[[Path], AbstractContextManager[Write]]] = {
        SUFFIX: _columns,
        ".parquet": _parquet,
        ".csv": _text,
    }
    try:
        with written(path):
            with makers[suffix](part) as write:
                yield write
            if not append:
                settle(part, path)
    except BaseException:
        if not append:
            part.unlink(missing_ok=True)
        raise


@contextmanager
def _columns(path: Path) -> Iterator[Write]:
    with ColumnWriter(path) as writer:
        yield writer.append


@contextmanager
def _text(path: Path) -> Iterator[Write]:
    with open(path, "w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(("ts_ns", "price", "size", "id", "symbol", "side"))
        yield lambda batch: lines.writerows(_lines(batch))


def _lines(batch: TickBatch) -> Iterator[tuple[Any, ...]]:
    columns = [batch.ticks[name].tolist() for name in ("ts", "price", "size", "id")]
    names = map(batch.symbols.__getitem__, batch.ticks["symbol"].tolist())
    return zip(*columns, names, batch.ticks["side"].tolist(), strict=True)


@contextmanager
def _parquet(path: Path) -> Iterator[Write]:
    pa = require("pyarrow", "frames", "writing Parquet")
    parquet = require("pyarrow.parquet", "frames", "writing Parquet")
    fields = [("price", pa.float64()), ("size", pa.float64()), ("id", pa.int64()), ("side", pa.int8())]
    schema = pa.schema(
        [("ts", pa.timestamp("ns", "UTC")), ("symbol", pa.dictionary(pa.int32(), pa.string())), *fields]
    )
    with parquet.ParquetWriter(path, schema, compression="zstd", use_dictionary=["symbol"]) as writer:

        def write(batch: TickBatch) -> None:
            ticks = batch.ticks
            arrays = [
                to_arrow(pa, ticks["ts"], pa.timestamp("ns", "UTC")),
                named_to_arrow(pa, ticks["symbol"], pa.int32(), texts_to_arrow(pa, batch.symbols)),
                *(to_arrow(pa, ticks[name], kind) for name, kind in fields),
            ]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))

        yield write
