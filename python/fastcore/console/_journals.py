"""The files of a journal, what is in them, and whether they are sound."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

from rich.console import Console

from fastcore._units import count, size
from fastcore.console._base import columns_of, console, plain
from fastcore.journal_files import Inspection, Verdict

__all__ = ["show_journal", "show_records", "show_verdict"]


def show_journal(found: Inspection) -> None:
    """The files of a journal."""
    out = console()
    out.print(f"[bold]{plain(found.folder)}[/bold]", soft_wrap=True)
    table = columns_of("Segments", "file", "size", "first record", "synced to", "header")
    for one in found.segments:
        synced = count(one["synced_sequence"]) if one["synced_sequence"] else "?"
        table.add_row(one["file"], size(one["bytes"]), count(one["first"]), synced, one["header"])
    out.print(table, "")
    _show_snapshots(out, found.snapshots)


def _show_snapshots(out: Console, snapshots: Sequence[Mapping[str, Any]]) -> None:
    table = columns_of("Snapshots", "file", "size", "sequence", "")
    table.columns[3].justify, table.columns[3].no_wrap = "left", False
    for one in snapshots:
        table.add_row(one["file"], size(one["bytes"]), count(one["sequence"]), plain(one["error"] or "sound"))
    out.print(table, "")


def show_verdict(verdict: Verdict) -> None:
    """What reading a whole journal has shown."""
    out = console()
    kinds = ", ".join(f"{count(number)} {kind}" for kind, number in verdict.kinds.items()) or "none"
    out.print(f"[bold]{plain(verdict.folder)}[/bold]", soft_wrap=True)
    out.print(f"{count(verdict.records)} records up to {count(verdict.last)}: {kinds}\n", soft_wrap=True)
    _show_snapshots(out, verdict.snapshots)
    for one in verdict.damage:
        out.print(f"[red]{plain(one['text'])}[/red]", soft_wrap=True)
    if verdict.torn_bytes:
        out.print(
            f"the end is torn: {count(verdict.torn_bytes)} bytes that were never acknowledged as synced"
        )
    out.print("[green]sound[/green]" if verdict.sound else "[red]not sound[/red]")


def show_records(records: Iterable[Mapping[str, Any]], as_json: bool) -> None:
    """Records as they come, each in a line: its sequence, its kind, and its fields."""
    for record in records:
        if as_json:
            sys.stdout.write(json.dumps(_finite(record), allow_nan=False, ensure_ascii=False) + "\n")
            continue
        fields = {name: value for name, value in record.items() if name not in ("sequence", "kind")}
        told = fields.pop("text", "") if record["kind"] in ("damage", "note") else ""
        line = [str(record.get("sequence", "-")), record["kind"]]
        if record["kind"] != "damage":
            line += [f"{name}={value}" for name, value in fields.items()]
        sys.stdout.write(" ".join([*line, *([told] if told else [])]) + "\n")


def _finite(record: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no NaN and no infinity: they are told as text."""
    return {
        name: str(value) if isinstance(value, float) and not isfinite(value) else value
        for name, value in record.items()
    }
