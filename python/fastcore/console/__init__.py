"""What the command line shows: tables on standard output, progress and errors on standard error."""

from __future__ import annotations

from fastcore.console._base import error, note, progress, show_json
from fastcore.console._catalogue import show_doctor, show_indicator, show_indicators
from fastcore.console._database import show_database, show_plan, show_slow
from fastcore.console._journals import show_journal, show_records, show_verdict
from fastcore.console._runs import show_backfill, show_difference, show_run
from fastcore.console._segments import show_segment, show_segments

__all__ = [
    "error",
    "note",
    "progress",
    "show_backfill",
    "show_database",
    "show_difference",
    "show_doctor",
    "show_indicator",
    "show_indicators",
    "show_journal",
    "show_json",
    "show_plan",
    "show_records",
    "show_run",
    "show_segment",
    "show_segments",
    "show_slow",
    "show_verdict",
]
