"""Segments of shared memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastcore._units import MISSING, count, duration, size
from fastcore.console._base import columns_of, console, plain

__all__ = ["show_segment", "show_segments"]


def show_segments(found: Sequence[Mapping[str, Any]]) -> None:
    """One line for each segment: whether it has a writer, how far that is, and when it last wrote."""
    out = console()
    if not found:
        out.print("there are no segments")
        return
    table = columns_of(
        "", "name", "state", "writer", "messages", "slots", "rows", "size", "last sign", left=3
    )
    for one in found:
        if one["state"] == "unreadable":
            table.add_row(plain(one["name"]), "[red]unreadable[/red]", "", "", "", "", "", "")
        else:
            table.add_row(plain(one["name"]), one["state"], _writer(one), *_figures(one))
    out.print(table)
    for one in found:
        if "reason" in one:
            out.print(f"[red]{plain(one['reason'])}[/red]", soft_wrap=True)


def _writer(one: Mapping[str, Any]) -> str:
    return f"{one['writer']}" if one["alive"] else f"[yellow]{one['writer']} is gone[/yellow]"


def _figures(one: Mapping[str, Any]) -> list[str]:
    ago = f"{duration(one['age'] * 1e9)} ago"
    return [*(count(one[key]) for key in ("sequence", "capacity", "rows")), size(one["bytes"]), ago]


def show_segment(one: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]) -> None:
    """All about one segment, with its newest messages."""
    out = console()
    show_segments([one])
    fields = ", ".join(f"{name} {kind}".strip() for name, kind in one["fields"].items())
    out.print(f"\n[dim]fields[/dim]   {plain(fields)}", soft_wrap=True)
    out.print(f"[dim]message[/dim]  {count(one['message_bytes'])} bytes; the oldest: {count(one['oldest'])}")
    out.print(f"[dim]writers[/dim]  {one['epoch']} so far")
    if one["names"]:
        out.print(f"[dim]rows[/dim]     {plain(', '.join(one['names']))}", soft_wrap=True)
    if messages:
        table = columns_of("Newest messages", *messages[0])
        for message in messages:
            table.add_row(*(plain(MISSING if value is None else str(value)) for value in message.values()))
        out.print("", table)
