"""Parquet files, read page by page in constant memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fastcore._extras import require
from fastcore.errors import FileFeedError
from fastcore.feeds._columns import normal, refuse_days, resolve, times_of_day, unit_of_name
from fastcore.feeds._convert import Converter
from fastcore.feeds._times import Clock, clock_of

__all__ = ["ParquetFile"]

BLOCK_ROWS = 65_536
#: Rows of a group, on average, from which blocks may end with it.
_GROUP_ROWS = 16_384
#: The fields whose values are few.
_ENCODED = ("symbol", "market", "side")


class ParquetFile:
    """One Parquet file: its layout is found when it is opened, its rows when it is read.

    Parameters
    ----------
    path : Path
        A file with columns of numbers, times or strings.
    columns : mapping of str to str, optional
        Field -> column name.
    symbol : str
        The symbol if the file has no symbol column.
    """

    def __init__(self, path: Path, columns: Mapping[str, str] | None, symbol: str) -> None:
        self.pa = require("pyarrow", "frames", "reading tick files")
        parquet = require("pyarrow.parquet", "frames", "reading tick files")
        self._label, self._size = path.name, path.stat().st_size
        if not self._size:
            raise FileFeedError(f"{path} is empty: it is no Parquet file")
        try:
            metadata = parquet.read_metadata(path)
            self.header: list[str] = metadata.schema.to_arrow_schema().names
            self.fields, times = resolve(self._label, self.header, columns)
            # A small buffer and no pre-buffering: pages come one by one, not whole row groups.
            self._file = parquet.ParquetFile(
                path,
                metadata=metadata,
                read_dictionary=self._names(metadata),
                buffer_size=1 << 20,
                pre_buffer=False,
            )
        except (self.pa.ArrowException, OSError) as error:
            raise FileFeedError(f"{path} is truncated or no Parquet file: {_first_line(error)}") from error
        self._done = 0
        self.rows = int(metadata.num_rows)
        self.fields["ts"], clock = self._choose_time(times, "ts" in (columns or {}))
        side = self.fields.get("side")
        maker = side is not None and "maker" in normal(self.header[side])
        self.converter = Converter(self.pa, clock, symbol, maker)

    @property
    def position(self) -> int:
        """Bytes of the file that have been read, taken from the share of its rows."""
        return self._size * self._done // max(1, self.rows)

    def close(self) -> None:
        """Close the file; what has been read stays valid."""
        self._file.close()

    def blocks(self) -> Iterator[tuple[dict[str, Any], int]]:
        """Yield ``(field -> Arrow array, rows)`` per block; then raise if a page is damaged."""
        names = {field: self.header[place] for field, place in self.fields.items()}
        for batch in self._batches(BLOCK_ROWS, list(names.values())):
            self._done += batch.num_rows
            yield {field: batch.column(name) for field, name in names.items()}, batch.num_rows

    def _batches(self, rows: int, names: list[str]) -> Iterator[Any]:
        try:
            for batch in self._file.iter_batches(batch_size=rows, columns=names):
                yield self._plain(batch)
        except (self.pa.ArrowException, OSError) as error:
            raise FileFeedError(f"{self._label} is damaged: {_first_line(error)}") from error

    def _plain(self, batch: Any) -> Any:
        """The columns in the forms that are read on: numbers as such and no dictionaries, text as strings."""
        pa, names = self.pa, {self.header[self.fields[one]] for one in _ENCODED if one in self.fields}
        for place, field in enumerate(batch.schema):
            column = batch.column(place)
            if pa.types.is_dictionary(field.type) and field.name not in names:
                column = column.dictionary_decode()
            if getattr(pa.types, "is_string_view", _no)(column.type):
                column = column.cast(pa.large_string())
            if column.type != field.type:
                batch = batch.set_column(place, field.name, column)
        return batch

    def _names(self, metadata: Any) -> list[str]:
        """Columns that are read as the file's own numbers and what they stand for.

        To make text of each row takes as long as all other columns together (bench `backfill`). But a block
        then ends with its group of rows, and where groups are small, that would take longer.
        """
        if metadata.num_rows < _GROUP_ROWS * metadata.num_row_groups:
            return []
        return [self.header[self.fields[one]] for one in _ENCODED if one in self.fields]

    def _choose_time(self, times: list[int], is_named: bool) -> tuple[int, Clock]:
        """The best time column that has a value in every row of the first block."""
        names = [self.header[place] for place in times]
        first = next(self._batches(BLOCK_ROWS, names), None)
        if first is None:
            return times[0], Clock("integer")
        usable: list[tuple[bool, int, Clock]] = []
        for place, name in zip(times, names, strict=True):
            column = first.column(name)
            clock = self._clock(column, unit_of_name(name))
            if clock is not None:
                usable.append((column.null_count > 0, place, clock))
        if not usable:
            sample = first.column(names[0])[0]
            raise FileFeedError(
                f"{self._label}: column {names[0]!r} is of type {sample.type} and holds {sample}, which "
                "is neither a count of s, ms, us or ns since 1970 nor a date and time"
            )
        _, place, clock = min(usable, key=lambda choice: choice[0])
        others = times_of_day(self.header, place) if clock.kind == "calendar" and not is_named else []
        if others:
            few = next(self._batches(100, [self.header[n] for n in (place, *others)]))

            def texts(place: int) -> list[str]:
                return [str(value) for value in few.column(self.header[place]).drop_null().to_pylist()]

            refuse_days(self._label, self.header, place, texts(place), {n: texts(n) for n in others})
        return place, clock

    def _clock(self, column: Any, unit: int | None) -> Clock | None:
        types, kind = self.pa.types, column.type
        if types.is_timestamp(kind) or types.is_date(kind):
            return Clock("calendar")
        if types.is_floating(kind):  # spelled without an exponent, as a file would
            return clock_of((f"{value:.9f}" for value in column.drop_null()[:100].to_pylist()), unit)
        if (
            types.is_integer(kind)
            or types.is_decimal(kind)
            or types.is_string(kind)
            or types.is_large_string(kind)
        ):
            return clock_of((str(value) for value in column.drop_null()[:100].to_pylist()), unit)
        return None


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]


def _no(kind: Any) -> bool:
    """What older versions of Arrow have not."""
    return False
