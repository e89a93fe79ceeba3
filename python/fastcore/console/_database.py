"""A database: its tables, plans, slow statements, and advice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastcore._units import MISSING, count, duration, size
from fastcore.console._base import columns_of, console, plain

__all__ = ["show_database", "show_plan", "show_slow"]


def show_database(about: Mapping[str, Any]) -> None:
    """A database as a whole, its tables, and what should be done about them."""
    out = console()
    revision = about["revision"] or "no tables"
    out.print(f"[bold]{plain(about['url'])}[/bold]  {about['kind']} {about['version']}, revision {revision}")
    line = f"[dim]size[/dim] {size(about['bytes'])}"
    if "connections" in about:
        hits = MISSING if about["hit_ratio"] is None else f"{about['hit_ratio']:.1%}"
        line += f"  [dim]connections[/dim] {about['connections']} of {about['max_connections']}"
        line += f"  [dim]read from memory[/dim] {hits}"
    else:
        line += f"  [dim]free[/dim] {size(about['free_bytes'])}  [dim]journal[/dim] {about['journal_mode']}"
    out.print(line)
    sizes = {"bytes": "size", "index_bytes": "indexes"}
    keys = [key for key in about["tables"][0] if key != "name"] if about["tables"] else []
    table = columns_of("", "table", *(sizes.get(key, key.replace("_", " ")) for key in keys))
    for one in about["tables"]:
        figures = (size(one[key]) if key in sizes else count(one[key]) for key in keys)
        table.add_row(plain(one["name"]), *figures)
    out.print(table)
    for sentence in about["pool"]["advice"]:
        out.print(f"[yellow]{plain(sentence)}[/yellow]", soft_wrap=True)
    _show_advice(about["advice"])


def _show_advice(advice: Sequence[Mapping[str, Any]]) -> None:
    for one in advice:
        console().print(f"[yellow]{plain(one['sentence'])}[/yellow]", soft_wrap=True)
        console().print(f"  {plain(one['statement'])}", soft_wrap=True)


def show_plan(about: Mapping[str, Any]) -> None:
    """A plan, a line for each step, and advice."""
    for line in about["lines"]:
        console().print(plain(line), soft_wrap=True)
    _show_advice(about["advice"])


def show_slow(found: Sequence[Mapping[str, Any]]) -> None:
    """Statements, those that took most time first; what is known of where they come from below each."""
    out = console()
    if not found:
        out.print("nothing was slow")
    for one in found:
        times = f"{count(one['calls'])} calls, {duration(one['total_ns'])} in all"
        times += f", {duration(one['mean_ns'])} each, {duration(one['max_ns'])} at most"
        out.print(f"[bold]{times}[/bold]")
        out.print(f"  {plain(one['statement'])}", soft_wrap=True)
        if "site" in one:
            out.print(f"  [dim]{plain(one['site'])}[/dim]", soft_wrap=True)
        for line in one.get("plan") or ():
            out.print(f"    [dim]{plain(line)}[/dim]", soft_wrap=True)
