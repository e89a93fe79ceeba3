"""How a backfill is cut: partitions without a common symbol, written down so that every run cuts alike."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fastcore._extras import require
from fastcore._replacing import replace_file
from fastcore.engine import Engine
from fastcore.errors import BackfillError, FileFeedError, SnapshotError
from fastcore.feeds._convert import UNKNOWN, text_of
from fastcore.feeds.files import TickFile

__all__ = ["Chain", "Job", "open_job", "read_job", "rows_path", "state_path"]

_VERSION = 1
_JOB = "job.json"
_PLAN = "plan.fcs"
#: Bytes; longer names may be cut short in what a Parquet file says of its columns.
_WHOLE_NAME = 32


@dataclass(frozen=True, slots=True)
class Chain:
    """One partition: numbers of files in order, and which of its symbols, as share `part` of `parts`."""

    files: tuple[int, ...]
    part: int
    parts: int


@dataclass(frozen=True, slots=True)
class Job:
    """A backfill as its folder says it."""

    folder: Path
    files: tuple[Path, ...]
    about: tuple[dict[str, Any], ...]  # what says whether a file has changed
    columns: dict[str, str]
    chains: tuple[Chain, ...]
    sizes: tuple[tuple[int, ...], ...]  # bytes of each step of each partition
    plan: bytes

    @property
    def size(self) -> int:
        """Bytes of all steps."""
        return sum(map(sum, self.sizes))

    def engine(self, partition: int) -> Engine:
        """The engine of a partition as its last step left it; `sequence` counts the steps."""
        path = state_path(self.folder, partition)
        try:
            fresh = Engine.restore(self.plan)
            engine = Engine.load(path) if path.exists() else fresh
        except SnapshotError as error:
            raise BackfillError(f"the state of partition {partition} is damaged: {error}") from error
        if engine.columns != fresh.columns or engine.sequence > len(self.chains[partition].files):
            raise BackfillError(f"{path} is not of this backfill: its plan or its number of steps is another")
        return engine

    def done(self, partition: int) -> int:
        """Steps of a partition that are done."""
        return self.engine(partition).sequence

    def left(self, partition: int) -> int:
        """Bytes of the steps of a partition that are not done."""
        return sum(self.sizes[partition][self.done(partition) :])

    def check_rows(self, partition: int, steps: int) -> None:
        """See that the rows of the steps that are done are there."""
        for step in range(steps):
            path = rows_path(self.folder, partition, step)
            if not path.is_file():
                raise BackfillError(
                    f"{path} is missing, and its step is done: put it back, or take an empty folder"
                )

    def check_file(self, number: int) -> None:
        """See that a file is what it was when the job was cut."""
        file = self.files[number]
        try:
            same = _fingerprint(file) == self.about[number]
        except OSError as error:
            raise FileFeedError(f"{file} cannot be opened: {error.strerror}") from error
        if not same:
            raise BackfillError(f"{file} has changed since the backfill into {self.folder} began")

    def ledger(self) -> dict[str, int]:
        """Ticks of all steps that are done, by bucket."""
        ledgers = [dict(self.engine(p).ledger) for p in range(len(self.chains))]
        return {bucket: sum(one[bucket] for one in ledgers) for bucket in ledgers[0]}


def state_path(folder: Path, partition: int) -> Path:
    """Where a partition keeps its state."""
    return folder / f"state-{partition:04d}.fcs"


def rows_path(folder: Path, partition: int, step: int) -> Path:
    """Where a step writes its rows."""
    return folder / f"rows-{partition:04d}-{step:04d}.parquet"


@contextlib.contextmanager
def open_job(
    files: list[Path], plan: bytes, folder: Path, columns: dict[str, str], workers: int
) -> Iterator[Job]:
    """The job of a folder, made or found again; nobody else may run it meanwhile."""
    if not files:
        raise FileFeedError("backfill was given no files")
    _check(files)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise BackfillError(
            f"{folder} cannot hold a backfill: there is a file in the place of a folder"
        ) from None
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackfillError(f"a backfill into {folder} is running") from None
        about = [_fingerprint(file) for file in files]
        if (folder / _JOB).exists():
            _compare(_read(folder), about, columns, plan, folder)
        else:
            for what, pattern in (("Parquet files", "*.parquet"), ("states of a backfill", "state-*.fcs")):
                if any(folder.glob(pattern)):
                    raise BackfillError(f"{folder} holds {what} and no {_JOB}: take an empty folder")
            chains = _cut(
                [_symbols(file, columns) for file in files], [one["bytes"] for one in about], workers
            )
            replace_file(folder / _PLAN, plan)
            described = {
                "version": _VERSION,
                "files": about,
                "columns": columns,
                "chains": [[list(chain.files), chain.part, chain.parts] for chain in chains],
            }
            replace_file(folder / _JOB, json.dumps(described, indent=1).encode())
        yield read_job(folder)


def _check(files: list[Path]) -> None:
    """That all are files, each given once."""
    seen: dict[tuple[int, int], Path] = {}
    for file in files:
        if not file.is_file():
            why = (
                "it is a folder"
                if file.is_dir()
                else "it is no file"
                if file.exists()
                else "there is no such file"
            )
            raise FileFeedError(f"{file} cannot be opened: {why}")
        status = file.stat()
        first = seen.setdefault((status.st_dev, status.st_ino), file)
        if first is not file:
            raise FileFeedError(f"{file} is given twice, also as {first}: each file is read once")


def _fingerprint(file: Path) -> dict[str, Any]:
    status = file.stat()
    return {"path": str(file.absolute()), "bytes": status.st_size, "modified": status.st_mtime_ns}


def _read(folder: Path) -> dict[str, Any]:
    path = folder / _JOB
    try:
        about = json.loads(path.read_bytes())
        version = about["version"]
    except OSError as error:
        raise BackfillError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BackfillError(f"{path} is damaged: {error}") from error
    if version != _VERSION:
        raise BackfillError(f"{path} is of version {version}, and this fastcore reads version {_VERSION}")
    return dict(about)


def _compare(
    before: dict[str, Any], files: list[dict[str, Any]], columns: dict[str, str], plan: bytes, folder: Path
) -> None:
    """Whether the folder's job is this one."""
    if _plan(folder) != plan:
        raise BackfillError(f"{folder} holds a backfill with another plan or policy: take an empty folder")
    if before["columns"] != columns:
        raise BackfillError(f"{folder} holds a backfill with other columns: take an empty folder")
    old = {one["path"]: one for one in before["files"]}
    for one in files:
        if one["path"] not in old:
            raise BackfillError(f"{folder} holds a backfill without {one['path']}: take an empty folder")
        if old[one["path"]] != one:
            raise BackfillError(f"{one['path']} has changed since the backfill into {folder} began")
    if [one["path"] for one in files] != [one["path"] for one in before["files"]]:
        raise BackfillError(f"{folder} holds a backfill of other files, or in another order")


def _plan(folder: Path) -> bytes:
    try:
        return (folder / _PLAN).read_bytes()
    except OSError as error:
        raise BackfillError(f"{folder / _PLAN} cannot be read: {error.strerror}") from error


def read_job(folder: Path) -> Job:
    """The job of a folder, for who does a part of it."""
    try:
        status = (folder / _JOB).stat()
    except OSError as error:
        raise BackfillError(f"{folder / _JOB} cannot be read: {error.strerror}") from error
    return _job(folder, (status.st_ino, status.st_mtime_ns, status.st_size))


@functools.lru_cache(maxsize=4)
def _job(folder: Path, _version: tuple[int, ...]) -> Job:
    """The job as that version of its file says it; kept, since each of thousands of steps asks for it."""
    about = _read(folder)
    try:
        files = tuple(Path(one["path"]) for one in about["files"])
        bytes_ = [int(one["bytes"]) for one in about["files"]]
        chains = tuple(Chain(tuple(of), part, parts) for of, part, parts in about["chains"])
        sizes = tuple(tuple(bytes_[file] // chain.parts for file in chain.files) for chain in chains)
        return Job(folder, files, tuple(about["files"]), about["columns"], chains, sizes, _plan(folder))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BackfillError(f"{folder / _JOB} is damaged: {error}") from error


def _symbols(file: Path, columns: dict[str, str]) -> set[str]:
    """The symbols of a file's ticks."""
    found: set[str] = set()
    with TickFile(file, columns=columns) as ticks:
        if file.suffix == ".parquet" and "symbol" in ticks.columns and "market" not in ticks.columns:
            names = _distinct(file, ticks.columns["symbol"])
            if names is not None:
                return names
        for batch in ticks:
            found.update(batch.symbols[number] for number in np.unique(batch.ticks["symbol"]))
            if "symbol" not in ticks.columns:
                break  # all have the file's
    return found


def _distinct(file: Path, column: str) -> set[str] | None:
    """The names in the one column of texts of a flat Parquet file, as feeds make them; None of others."""
    arrow = require("pyarrow", "frames", "reading Parquet")
    parquet = require("pyarrow.parquet", "frames", "reading Parquet")
    compute = require("pyarrow.compute", "frames", "reading Parquet")
    found: set[str] = set()
    # By the file's own numbers: making text of each row takes four times as long.
    with parquet.ParquetFile(file, read_dictionary=[column]) as source:
        schema, unknown = source.schema_arrow, []
        if schema.names.count(column) != 1 or any(arrow.types.is_nested(kind) for kind in schema.types):
            return None
        place = schema.names.index(column)
        if not _of_texts(arrow, schema.field(place).type):
            return None
        for group in range(source.num_row_groups):
            name = _only_name(source.metadata.row_group(group).column(place).statistics)
            if name is None:
                unknown.append(group)
            else:
                found.add(name)
        if not unknown:
            return found
        for batch in source.iter_batches(columns=[column], row_groups=unknown, batch_size=1 << 20):
            names = compute.unique(batch.column(0))
            if isinstance(names, arrow.DictionaryArray):
                names = names.dictionary_decode()
            found.update(text_of(name) or UNKNOWN for name in names.to_pylist())
    return found


def _of_texts(arrow: Any, kind: Any) -> bool:
    kind = kind.value_type if arrow.types.is_dictionary(kind) else kind
    texts = (arrow.string(), arrow.large_string(), arrow.binary(), arrow.large_binary())
    return any(kind == one for one in texts)


def _only_name(statistics: Any) -> str | None:
    """The one name of a group of rows, where the file says that it has no other.

    A file for each symbol is as usual as one for all, and nothing else is wanted of their rows: of eight with
    4,000,000 each 15 ms are left to read (bench `backfill.local`).
    """
    if statistics is None or not statistics.has_min_max or statistics.null_count != 0:
        return None
    least, most = statistics.min, statistics.max
    if least != most or len(least if isinstance(least, bytes) else least.encode()) >= _WHOLE_NAME:
        return None
    return text_of(least) or UNKNOWN


def _cut(symbols: list[set[str]], sizes: list[int], workers: int) -> list[Chain]:
    """Files with a common symbol belong together; what is over half a worker's share is cut by symbol."""
    share = max(1.0, sum(sizes) / (2 * workers))
    chains = []
    for files in _together(symbols):
        size = sum(sizes[file] for file in files)
        names = set[str]().union(*(symbols[file] for file in files))
        parts = max(1, min(len(names), round(size / share), workers)) if workers > 1 else 1
        chains += [Chain(tuple(files), part, parts) for part in range(parts)]
    return chains


def _together(symbols: list[set[str]]) -> list[list[int]]:
    """Numbers of files by groups, in order: in one are all to which common symbols lead from one of them.

    Each file names an earlier one of its group, or itself, so that thousands are grouped in one pass.
    """
    above = list(range(len(symbols)))

    def first(file: int) -> int:
        while above[file] != file:
            above[file] = above[above[file]]
            file = above[file]
        return file

    home: dict[str, int] = {}
    for number, names in enumerate(symbols):
        for name in names:
            one, other = first(home.setdefault(name, number)), first(number)
            above[max(one, other)] = min(one, other)
    groups: dict[int, list[int]] = {}
    for number in range(len(symbols)):
        groups.setdefault(first(number), []).append(number)
    return list(groups.values())
