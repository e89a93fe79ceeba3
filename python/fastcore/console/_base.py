"""What all that the command line shows is made of: a sentence, JSON, a bar that moves, a table."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich import markup
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from fastcore._units import count, size
from fastcore.jobs import Progress as Report

__all__ = ["columns_of", "console", "error", "note", "plain", "progress", "show_json"]


def plain(text: str) -> str:
    """Text that is shown as it is: no markup of rich's, and nothing that a terminal would obey."""
    printed = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return markup.escape(printed)


def console() -> Console:
    """Standard output."""
    return Console(highlight=False)


def error(sentence: str) -> None:
    """One red sentence on standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[red]{plain(sentence)}[/red]")


def note(text: str) -> None:
    """A line on standard error: what was written where."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(plain(text))


def show_json(value: Any) -> None:
    """JSON alone on standard output; a NaN in it would be a fault of the caller's."""
    text = json.dumps(value, allow_nan=False, indent=2, ensure_ascii=False)
    # JSON escapes only some of the characters that a terminal obeys, and no half ones.
    text = re.sub("[\x7f-\x9f\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text)
    sys.stdout.write(text + "\n")


@contextmanager
def progress(label: str, unit: str) -> Iterator[Report]:
    """A bar on standard error, if that is a terminal; gives the function that moves it.

    Parameters
    ----------
    label : str
        What is going on.
    unit : str
        ``"ticks"`` or ``"bytes"``: what the function is called with, done and whole.
    """
    show = size if unit == "bytes" else count
    columns = (
        SpinnerColumn(),
        TextColumn(label),
        BarColumn(),
        TextColumn("{task.fields[text]}"),
        TimeRemainingColumn(),
    )
    terminal = Console(stderr=True)
    with Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as bar:
        task = bar.add_task(label, total=None, text="")

        def move(done: int, whole: int) -> None:
            bar.update(
                task,
                completed=done,
                total=whole,
                text=f"{show(done)} of {show(whole)} {unit}".removesuffix(" bytes"),
            )

        yield move


def columns_of(title: str, *columns: str, left: int = 1) -> Table:
    """A table without lines, its first `left` columns set to the left."""
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for place, column in enumerate(columns):
        table.add_column(
            column, justify="left" if place < left else "right", header_style="dim", no_wrap=True
        )
    return table
