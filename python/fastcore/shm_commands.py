"""`fastcore shm`: which rings are in shared memory, what is in one, and removing what a crash has left."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fastcore import console, shm
from fastcore.errors import ShmError

__all__ = ["app"]

app = typer.Typer(
    name="shm",
    help="Look after rings in shared memory.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Folder = Annotated[
    Path | None, typer.Option(help="Where the segments lie; by default FASTCORE_SHM_FOLDER or /dev/shm.")
]


def _about(name: str, folder: Path | None) -> dict[str, Any]:
    """What a segment says about itself, or why it cannot be read."""
    try:
        return shm.inspect(name, folder=folder)
    except ShmError as error:
        return {"name": name, "state": "unreadable", "reason": str(error)}


@app.command("ls")
def ls_command(folder: Folder = None, as_json: Json = False) -> None:
    """List the rings, sound or not."""
    found = [_about(name, folder) for name in shm.names(folder)]
    console.show_json(found) if as_json else console.show_segments(found)


@app.command("inspect")
def inspect_command(
    name: Annotated[str, typer.Argument(help="Of the ring.")],
    last: Annotated[int, typer.Option(min=0, help="Show so many of the newest messages.")] = 5,
    folder: Folder = None,
    as_json: Json = False,
) -> None:
    """Tell all about one ring, with its newest messages."""
    about = shm.inspect(name, folder=folder)
    messages = _newest(name, last, folder)
    if as_json:
        console.show_json({**about, "messages": messages})
    else:
        console.show_segment(about, messages)


def _newest(name: str, last: int, folder: Path | None) -> list[dict[str, Any]]:
    reader = shm.attach(name, start="oldest", on_lap="skip", folder=folder)
    reader.seek(max(reader.oldest, reader.end - last))
    if reader.next == reader.end:
        return []
    rows = reader.read(last)
    first = reader.next - len(rows)
    fields = rows.dtype.names
    return [
        {
            "sequence": first + i,
            **({"value": _plain(row)} if fields is None else {f: _plain(row[f]) for f in fields}),
        }
        for i, row in enumerate(rows)
    ]


def _plain(value: Any) -> Any:
    """A value of a message as JSON knows it; what it does not know, as text."""
    value = value.tolist()
    if isinstance(value, float) and not abs(value) < float("inf"):
        return None
    return value if isinstance(value, bool | int | float | str) else str(value)


@app.command("clean")
def clean_command(
    name: Annotated[str | None, typer.Argument(help="Only this one.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which.")] = False,
    folder: Folder = None,
    as_json: Json = False,
) -> None:
    """Remove the rings that have no writer: what a crash has left behind."""
    removed = shm.clean(name, folder=folder, dry_run=dry_run)
    kept = [one for one in ([name] if name else shm.names(folder)) if one not in removed]
    if as_json:
        console.show_json({"removed": removed, "kept": kept, "dry_run": dry_run})
        return
    word = "would be removed" if dry_run else "removed"
    for one in removed:
        console.note(f"{one}: {word}")
    for one in kept:
        console.note(f"{one}: has a writer, kept")
    if not removed and not kept:
        console.note("there are no segments")
