"""How a backfill is cut: partitions without a common symbol, written down so that every run cuts alike."""

from __future__ import annotations

import contextlib
import fcntl
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
from fastcore.feeds.files import TickFile

__all__ = ["Chain", "Job", "open_job", "read_job", "state_path"]

_VERSION = 1
_JOB = "job.json"
_PLAN = "plan.fcs"


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
            return Engine.load(path) if path.exists() else Engine.restore(self.plan)
        except SnapshotError as error:
            raise BackfillError(f"the state of partition {partition} is damaged: {error}") from error

    def done(self, partition: int) -> int:
        """Steps of a partition that are done."""
        return self.engine(partition).sequence

    def left(self, partition: int) -> int:
        """Bytes of the steps of a partition that are not done."""
        return sum(self.sizes[partition][self.done(partition) :])

    def ledger(self) -> dict[str, int]:
        """Ticks of all steps that are done, by bucket."""
        ledgers = [dict(self.engine(p).ledger) for p in range(len(self.chains))]
        return {bucket: sum(one[bucket] for one in ledgers) for bucket in ledgers[0]}


def state_path(folder: Path, partition: int) -> Path:
    """Where a partition keeps its state."""
    return folder / f"state-{partition:04d}.fcs"


@contextlib.contextmanager
def open_job(
    files: list[Path], plan: bytes, folder: Path, columns: dict[str, str], workers: int
) -> Iterator[Job]:
    """The job of a folder, made or found again; nobody else may run it meanwhile."""
    if not files:
        raise FileFeedError("backfill was given no files")
    for file in files:
        if not file.is_file():
            raise FileFeedError(f"{file} cannot be opened: there is no such file")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackfillError(f"a backfill into {folder} is running") from None
        about = [_fingerprint(file) for file in files]
        if (folder / _JOB).exists():
            _compare(_read(folder), about, columns, plan, folder)
        else:
            if any(folder.glob("*.parquet")):
                raise BackfillError(f"{folder} holds Parquet files and no {_JOB}: take an empty folder")
            chains = _cut(
                [_symbols(file, columns) for file in files], [one["bytes"] for one in about], workers
            )
            (folder / _PLAN).write_bytes(plan)
            described = {
                "version": _VERSION,
                "files": about,
                "columns": columns,
                "chains": [[list(chain.files), chain.part, chain.parts] for chain in chains],
            }
            replace_file(folder / _JOB, json.dumps(described, indent=1).encode())
        yield read_job(folder)


def _fingerprint(file: Path) -> dict[str, Any]:
    status = file.stat()
    return {"path": str(file.absolute()), "bytes": status.st_size, "modified": status.st_mtime_ns}


def _read(folder: Path) -> dict[str, Any]:
    path = folder / _JOB
    try:
        about = json.loads(path.read_bytes())
        version = about["version"]
    except (ValueError, KeyError, TypeError) as error:
        raise BackfillError(f"{path} is damaged: {error}") from error
    if version != _VERSION:
        raise BackfillError(f"{path} is of version {version}, and this fastcore reads version {_VERSION}")
    return dict(about)


def _compare(
    before: dict[str, Any], files: list[dict[str, Any]], columns: dict[str, str], plan: bytes, folder: Path
) -> None:
    """Whether the folder's job is this one."""
    if (folder / _PLAN).read_bytes() != plan:
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


def read_job(folder: Path) -> Job:
    """The job of a folder, for who does a part of it."""
    about = _read(folder)
    try:
        files = tuple(Path(one["path"]) for one in about["files"])
        bytes_ = [int(one["bytes"]) for one in about["files"]]
        chains = tuple(Chain(tuple(of), part, parts) for of, part, parts in about["chains"])
        sizes = tuple(tuple(bytes_[file] // chain.parts for file in chain.files) for chain in chains)
        return Job(folder, files, about["columns"], chains, sizes, (folder / _PLAN).read_bytes())
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BackfillError(f"{folder / _JOB} is damaged: {error}") from error


def _symbols(file: Path, columns: dict[str, str]) -> set[str]:
    """The symbols of a file's ticks."""
    found: set[str] = set()
    with TickFile(file, columns=columns) as ticks:
        if file.suffix == ".parquet" and "symbol" in ticks.columns and "market" not in ticks.columns:
            return _distinct(file, ticks.columns["symbol"])
        for batch in ticks:
            found.update(batch.symbols[number] for number in np.unique(batch.ticks["symbol"]))
            if "symbol" not in ticks.columns:
                break  # all have the file's
    return found


def _distinct(file: Path, column: str) -> set[str]:
    """The texts of one column of a Parquet file, read alone; "?" for what has none, as feeds name it."""
    arrow = require("pyarrow", "frames", "reading Parquet")
    parquet = require("pyarrow.parquet", "frames", "reading Parquet")
    compute = require("pyarrow.compute", "frames", "reading Parquet")
    found: set[str] = set()
    # By the file's own numbers: making text of each row takes four times as long.
    with parquet.ParquetFile(file, read_dictionary=[column]) as source:
        for batch in source.iter_batches(columns=[column], batch_size=1 << 20):
            names = compute.unique(batch.column(0))
            if isinstance(names, arrow.DictionaryArray):
                names = names.dictionary_decode()
            found.update("?" if text is None else text for text in names.cast("string").to_pylist())
    return found


def _cut(symbols: list[set[str]], sizes: list[int], workers: int) -> list[Chain]:
    """Files with a common symbol belong together; what is over half a worker's share is cut by symbol."""
    groups: list[tuple[list[int], set[str]]] = []
    for number, names in enumerate(symbols):
        mine: tuple[list[int], set[str]] = ([number], set(names))
        others = []
        for group in groups:
            if group[1] & names:
                mine = (group[0] + mine[0], group[1] | mine[1])
            else:
                others.append(group)
        groups = [*others, mine]
    share = max(1.0, sum(sizes) / (2 * workers))
    chains = []
    for files, names in groups:
        size = sum(sizes[file] for file in files)
        parts = max(1, min(len(names), round(size / share), workers)) if workers > 1 else 1
        chains += [Chain(tuple(sorted(files)), part, parts) for part in range(parts)]
    return chains
