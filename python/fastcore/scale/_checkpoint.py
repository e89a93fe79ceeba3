"""The state of all shards in a folder: a file for each, and a manifest of them that is replaced last."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from fastcore._replacing import replace_file
from fastcore.errors import SnapshotError

__all__ = ["read", "write"]

_MANIFEST = "shards.json"
_VERSION = 1
_OURS = re.compile(r"state-[0-9a-f]{32}\.fcs")


def write(folder: Path, empty: bytes, states: Sequence[bytes], unplaced: dict[str, int]) -> None:
    """Write the states, then the manifest, then remove the states of the manifest before.

    Parameters
    ----------
    folder : Path
        Made where it is not there.
    empty : bytes
        State of an engine without symbols: the plan and the policy.
    states : sequence of bytes
        Of the shards, in their order.
    unplaced : dict of str to int
        Ledger of what went to no shard.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {_name(data): data for data in (empty, *states)}
    for name, data in files.items():
        replace_file(folder / name, data)
    manifest = {
        "version": _VERSION,
        "empty": _name(empty),
        "shards": [_name(state) for state in states],
        "unplaced": unplaced,
    }
    replace_file(folder / _MANIFEST, json.dumps(manifest, indent=1).encode())
    for old in folder.glob("state-*.fcs"):
        if old.name not in files and _OURS.fullmatch(old.name):  # a backfill's states have names like it
            old.unlink()


def _name(data: bytes) -> str:
    return f"state-{sha256(data).hexdigest()[:32]}.fcs"


def read(folder: Path, expected: bytes | None) -> tuple[bytes, list[bytes], dict[str, int]]:
    """What `write` wrote: the empty state, the shards' states, the ledger.

    Parameters
    ----------
    folder : Path
    expected : bytes, optional
        What the empty state must be.

    Raises
    ------
    SnapshotError
        If something is missing, damaged, or of another plan.
    """
    manifest = _manifest(folder)
    empty = _state(folder, manifest["empty"])
    if expected is not None and expected != empty:
        raise SnapshotError(f"{folder} was saved with another plan or policy than the one given")
    return empty, [_state(folder, name) for name in manifest["shards"]], manifest["unplaced"]


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / _MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
        version = manifest["version"]
        if version == _VERSION:
            names = [manifest["empty"], *manifest["shards"]]
            sound = len(names) > 1 and all(os.path.basename(name) == name for name in names)
            if sound and all(isinstance(count, int) for count in manifest["unplaced"].values()):
                return dict(manifest)
    except FileNotFoundError as error:
        raise SnapshotError(f"{folder} holds no saved shards: there is no {_MANIFEST}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SnapshotError(f"{path} is damaged: {error}") from error
    if version != _VERSION:
        raise SnapshotError(f"{path} is of version {version}, and this fastcore reads version {_VERSION}")
    raise SnapshotError(f"{path} is damaged")


def _state(folder: Path, name: str) -> bytes:
    try:
        data = (folder / name).read_bytes()
    except FileNotFoundError as error:
        raise SnapshotError(f"{folder} lacks {name}, which its manifest names") from error
    if _name(data) != name:
        raise SnapshotError(f"{folder / name} is damaged: its contents do not have its name's checksum")
    return data
