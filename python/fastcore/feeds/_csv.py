"""Delimited text, plain or gzip, read in blocks of constant memory and turned into Arrow columns.

The fast path gives pyarrow a block and the types that every row must have. A block in which any
row breaks the rules goes, piece by piece, through a reader that takes each line as it is: slower,
but a bad line then costs that line alone.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fastcore._extras import require
from fastcore.errors import FileFeedError
from fastcore.feeds._columns import normal, refuse_days, resolve, times_of_day, unit_of_name
from fastcore.feeds._convert import Converter
from fastcore.feeds._times import Clock, clock_of

__all__ = ["CsvFile"]

GZIP_MAGIC = b"\x1f\x8b"
BLOCK_BYTES = 1 << 20
LONGEST_LINE = 1 << 20
PIECE_BYTES = 1 << 15  # what a bad line slows down: about 500 rows


class CsvFile:
    """One delimited text file: its layout is found when it is opened, its rows when it is read.

    Parameters
    ----------
    path : Path
        A file with a header line; comma, semicolon, tab or bar between fields; UTF-8.
    columns : mapping of str to str, optional
        Field -> column name.
    symbol : str
        The symbol if the file has no symbol column.
    """

    def __init__(self, path: Path, columns: Mapping[str, str] | None, symbol: str) -> None:
        self.pa = require("pyarrow", "frames", "reading tick files")
        self._arrow_csv = require("pyarrow.csv", "frames", "reading tick files")
        self._label = path.name
        self._raw = path.open("rb")
        self._rest = b""
        #: Bytes of the file, as it lies on the disk, that have been read.
        self.position = 0
        try:
            self._open(path, columns, symbol)
        except BaseException:
            self._raw.close()
            raise

    def _open(self, path: Path, columns: Mapping[str, str] | None, symbol: str) -> None:
        packed = self._raw.peek(2)[:2] == GZIP_MAGIC
        if path.suffix.lower() == ".gz" and not packed and path.stat().st_size:
            raise FileFeedError(f"{path} is named .gz, but its content is not gzip")
        self._stream: Any = gzip.GzipFile(fileobj=self._raw) if packed else self._raw
        self._failure: FileFeedError | None = None
        first = self._block().lstrip(b"\r\n")
        line, _, self._first = first.partition(b"\n")
        if line.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise FileFeedError(f"{path} is UTF-16 text; tick files are read as UTF-8")
        head = line.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").strip("\r")
        if "\r" in head:
            raise FileFeedError(f"{path} has lines that end in CR alone; tick files are read with LF or CRLF")
        if not head.strip():
            raise self._failure or FileFeedError(f"{path} is empty: it has not even a header line")
        self._delimiter = max(",;\t|", key=head.count)
        self.header = self._split(head)
        self.fields, times = resolve(self._label, self.header, columns)
        self.fields["ts"], clock = self._choose_time(times, "ts" in (columns or {}))
        side = self.fields.get("side")
        maker = side is not None and "maker" in normal(self.header[side])
        self.converter = Converter(self.pa, clock, symbol, maker)
        self._types = self._arrow_types(clock)

    def close(self) -> None:
        """Close the file; what has been read stays valid."""
        self._raw.close()

    def blocks(self) -> Iterator[tuple[dict[str, Any], int]]:
        """Yield ``(field -> Arrow array, rows)`` per block; then raise if the file broke off.

        Raises
        ------
        FileFeedError
            After the last whole row of a truncated or damaged file.
        """
        try:
            block = self._first or self._block()
            self._first = b""
            while block:
                yield from self._parse(block, PIECE_BYTES)
                block = self._block()
            if self._failure is not None:
                raise self._failure
        finally:
            self._raw.close()

    def _block(self) -> bytes:
        """The next whole lines; the last line of a whole file may lack its line break."""
        parts, size = [self._rest], len(self._rest)
        self._rest = b""
        while data := self._read():
            parts.append(data)
            size += len(data)
            if size >= BLOCK_BYTES and b"\n" in data:
                block = b"".join(parts)
                end = block.rfind(b"\n") + 1
                self._rest = block[end:]
                return block[:end]
            if size > BLOCK_BYTES + LONGEST_LINE:
                self._failure = FileFeedError(
                    f"{self._label} has a line of more than {LONGEST_LINE:,} bytes: it is not text"
                )
                break
        block = b"".join(parts)
        # The line at which a file broke off is not whole, and its beginning could pass for a tick.
        return block[: block.rfind(b"\n") + 1] if self._failure else block

    def _read(self) -> bytes:
        if self._failure is not None:
            return b""
        try:
            # read1 hands out what was unpacked before a fault; read would lose it.
            data = bytes(self._stream.read1(BLOCK_BYTES))
            self.position = self._raw.tell()
            return data
        except EOFError:
            self._failure = FileFeedError(
                f"{self._label} is truncated: the gzip data breaks off before its end"
            )
        except (gzip.BadGzipFile, zlib.error) as error:
            self._failure = FileFeedError(f"{self._label} is damaged: {error}")
        except OSError as error:
            self._failure = FileFeedError(f"{self._label} cannot be read: {error.strerror or error}")
        return b""

    def _choose_time(self, times: list[int], is_named: bool) -> tuple[int, Clock]:
        """The best time column that has a value in every row of the first block."""
        lines = [line for line in self._first.decode("utf-8", "replace").split("\n") if line.strip()]
        if not lines:  # a header alone is a file of no ticks
            return times[0], Clock("integer")
        split = [self._split(line) for line in lines]
        rows = [row for row in split if len(row) == len(self.header)]
        if not rows:
            raise FileFeedError(
                f"{self._label}: the header has {len(self.header)} fields, the first row {len(split[0])}: "
                f"{lines[0].strip()[:80]!r}"
            )
        usable: list[tuple[bool, int, Clock]] = []
        for place in times:
            values = [row[place] for row in rows]
            clock = clock_of(values, unit_of_name(self.header[place]))
            if clock is not None:
                usable.append((not all(value.strip() for value in values), place, clock))
        if not usable:
            raise FileFeedError(
                f"{self._label}: column {self.header[times[0]]!r} holds {rows[0][times[0]]!r}, which "
                "is neither a count of s, ms, us or ns since 1970 nor an ISO-8601 date and time"
            )
        _, place, clock = min(usable, key=lambda choice: choice[0])
        if clock.kind == "calendar" and not is_named:
            few = rows[:100]
            others = {n: [row[n] for row in few] for n in times_of_day(self.header, place)}
            refuse_days(self._label, self.header, place, [row[place] for row in few], others)
        return place, clock

    def _arrow_types(self, clock: Clock) -> dict[str, Any]:
        pa = self.pa
        text = pa.dictionary(pa.int32(), pa.string())
        times = {
            "integer": pa.int64(),
            "fraction": pa.decimal128(29, clock.scale),
            "calendar": pa.timestamp("ns"),
            "zoned": pa.timestamp("ns", "UTC"),
        }
        types = {"ts": times[clock.kind], "id": pa.string(), "side": text, "symbol": text, "market": text}
        if "id" in self.fields:
            sample = [
                self._split(line) for line in self._first[:PIECE_BYTES].decode("utf-8", "replace").split("\n")
            ]
            ids = [row[self.fields["id"]] for row in sample if len(row) == len(self.header)]
            if all(value.strip().isdecimal() for value in ids[:100]):
                types["id"] = pa.int64()
        return {field: types.get(field, pa.float64()) for field in self.fields}

    def _parse(self, block: bytes, piece: int) -> Iterator[tuple[dict[str, Any], int]]:
        columns = self._parse_fast(block)
        if columns is not None:
            yield columns
        elif len(block) <= piece:
            yield self._parse_lines(block)
        else:
            at = 0
            while at < len(block):
                end = block.find(b"\n", at + piece) + 1 or len(block)
                yield from self._parse(block[at:end], len(block))
                at = end

    def _parse_fast(self, block: bytes) -> tuple[dict[str, Any], int] | None:
        options = self._arrow_csv
        names = [str(place) for place in range(len(self.header))]
        by_place = {names[place]: self._types[field] for field, place in self.fields.items()}
        try:
            table = options.read_csv(
                self.pa.py_buffer(block),
                read_options=options.ReadOptions(
                    column_names=names, block_size=len(block) + 1, use_threads=False
                ),
                parse_options=options.ParseOptions(delimiter=self._delimiter),
                convert_options=options.ConvertOptions(column_types=by_place, include_columns=list(by_place)),
            )
        except self.pa.ArrowInvalid:
            return None
        # A stray quote can swallow line breaks without an error: then rows and lines do not agree.
        lines = block.count(b"\n") + (not block.endswith(b"\n"))
        if table.num_rows != lines and table.num_rows != sum(map(bool, map(bytes.strip, block.split(b"\n")))):
            return None
        columns = {field: table.column(names[place]).combine_chunks() for field, place in self.fields.items()}
        return columns, table.num_rows

    def _parse_lines(self, block: bytes) -> tuple[dict[str, Any], int]:
        """Every line by itself; a line with a wrong number of fields becomes a row of nulls."""
        width = len(self.header)
        nothing: list[str | None] = [None] * width
        rows: list[list[str | None]] = []
        # Bytes that are no UTF-8 are written out, so that two names of them stay two.
        for line in block.decode("utf-8", "backslashreplace").split("\n"):
            if line.strip():
                row: list[str | None] = [*self._split(line)]
                rows.append(row if len(row) == width else nothing)
        text = self.pa.string()
        columns = {f: self.pa.array([row[place] for row in rows], text) for f, place in self.fields.items()}
        return columns, len(rows)

    def _split(self, line: str) -> list[str]:
        """The fields of one line; none if the line is beyond reading."""
        try:
            return next(csv.reader([line.rstrip("\r")], delimiter=self._delimiter), [])
        except csv.Error:
            return []
