"""The indicators, and how the installation is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import markup

from fastcore.console._base import columns_of, console, plain
from fastcore.doctor import Finding

__all__ = ["show_doctor", "show_indicator", "show_indicators"]


def show_indicators(rows: Sequence[Mapping[str, Any]]) -> None:
    """The catalogue: a table on a terminal, a line for each where it goes elsewhere, to be searched."""
    out = console()
    if out.is_terminal:
        table = columns_of("", "name", "parameters", "what it is", left=3)
        table.columns[1].no_wrap = table.columns[2].no_wrap = False
        table.columns[1].max_width = max(out.width // 4, 20)
        for row in rows:
            parameters = ", ".join(f"{p['name']}={p['default']}" for p in row["params"])
            table.add_row(row["name"], parameters, plain(str(row["doc"])))
        out.print(table)
    else:
        for row in rows:
            known = ", ".join(row["elsewhere"])
            text = f"{row['name']:<20} {row['family']:<11} {row['doc']}" + (
                f" Also: {known}." if known else ""
            )
            out.print(plain(text), soft_wrap=True)
    out.print(f"\n[dim]{len(rows)} indicators; `fastcore indicators NAME` tells all about one[/dim]")


def show_indicator(row: Mapping[str, Any], example: str) -> None:
    """Everything about one indicator."""
    out = console()
    out.print(f"[bold]{row['name']}[/bold]  {plain(str(row['doc']))}\n")
    if row["elsewhere"]:
        out.print(f"[dim]also[/dim]     {plain(', '.join(row['elsewhere']))}")
    out.print(f"[dim]formula[/dim]  {plain(str(row['formula']))}")
    out.print(f"[dim]source[/dim]   {plain(str(row['source']))}")
    out.print(f"[dim]inputs[/dim]   {', '.join(row['inputs'])}")
    outputs = ", ".join(f"{output['name']} ({output['role']})" for output in row["outputs"])
    out.print(f"[dim]outputs[/dim]  {outputs}\n")
    if row["params"]:
        table = columns_of("Parameters", "name", "type", "default", "range", "meaning", left=2)
        table.columns[4].justify, table.columns[4].no_wrap = "left", False
        for p in row["params"]:
            table.add_row(
                p["name"],
                str(p["type"]),
                str(p["default"]),
                f"{p['min']:,} to {p['max']:,}",
                plain(str(p["doc"])),
            )
        out.print(table, "")
    out.print("[bold]Example[/bold]")
    out.print(markup.escape(example))


def show_doctor(findings: Sequence[Finding]) -> None:
    """One line per finding, and the advice below those that need it."""
    out = console()
    colours = {"ok": "green", "warn": "yellow", "fail": "red"}
    wide = max(len(finding.name) for finding in findings)
    for finding in findings:
        mark = f"[{colours[finding.status]}]{finding.status:<4}[/]"
        out.print(f"{mark}  {finding.name:<{wide}}  {plain(finding.detail)}", soft_wrap=True)
        if finding.advice:
            out.print(f"{'':6}{'':{wide}}  [dim]{plain(finding.advice)}[/dim]", soft_wrap=True)
