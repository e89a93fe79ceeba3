"""Files that tools write from the catalogue: written, or with --check only compared."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent


def deliver(files: Mapping[Path, str], folder: Path | None, program: str) -> int:
    """Write the files, or compare them; returns the exit status.

    Parameters
    ----------
    files : mapping of Path to str
        What each file must hold.
    folder : Path, optional
        A folder that must hold no other files of these kinds: what is left over is stale.
    program : str
        How a reader makes them again, for the message.
    """
    parser = argparse.ArgumentParser(prog=program, description="Write files from the live catalogue.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    check = parser.parse_args().check
    kinds = {path.suffix for path in files}
    found = [path for path in folder.rglob("*") if path.suffix in kinds] if folder and folder.is_dir() else []
    left_over = [path for path in found if path not in files]
    stale = [path for path, text in files.items() if not path.is_file() or path.read_text() != text]
    for path in sorted(stale + left_over):
        done = "stale" if check else "removed" if path in left_over else "written"
        print(f"{done}: {path.relative_to(ROOT)}")
    if check:
        if stale or left_over:
            print(f"these files are not what the catalogue says: run {program}")
        return int(bool(stale or left_over))
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path])
    for path in left_over:
        path.unlink()
    return 0
