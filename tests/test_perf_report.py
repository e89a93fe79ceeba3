"""The report: all of it from a watched loop, as JSON and as a page; what differs between two."""

from __future__ import annotations

import asyncio
import copy
import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import fastcore as fc
import pytest
from fastcore.cli import main
from fastcore.errors import InputError
from fastcore.loop import Row
from fastcore.perf.report_page import differences, page
from fastcore.perf.reports import collect, load_report, write_report
from fastcore.perf.tuner import Knob, Tuner
from fastcore.perf.watch import Watch
from fastcore.sinks import MemorySink
from loops import NAMES, PLAN, TickLoop, cut, stream

VOID = {"meta", "br", "path", "rect", "polyline"}


class Balanced(HTMLParser):
    """Every element that opens closes, in order; remembers what is shown, and all attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data + " "


def read(html: str) -> Balanced:
    parser = Balanced()
    parser.feed(html)
    assert parser.open == []
    return parser


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """Of a loop with a slow strategy, watched until that is found."""

    def slow(row: Row) -> None:
        sum(range(3_000))

    batches = cut(stream(200_000), [50], NAMES)

    class Feed:
        async def __aiter__(self) -> Any:
            until = time.monotonic() + 60
            for batch in batches:
                if seen() or time.monotonic() > until:
                    return
                watch.metrics.operation("api").record(1e6)
                yield batch
                await asyncio.sleep(0.001)

    def seen() -> bool:
        return any(one.kind == "slow strategy" for one in watch.bottlenecks.found)

    loop = TickLoop(fc.Engine(PLAN), Feed(), strategies=[slow], sinks=[MemorySink()])
    watch = Watch(loop, every=0.1, hz=97)
    watch.bottlenecks.window = 1.0
    with watch:
        asyncio.run(loop.run())
    made = watch.report("a <slow> loop")
    held = {"n": 1.0}
    tuner = Tuner(
        [Knob("n", lambda: held["n"], lambda n: held.update(n=n), (1.0, 2.0))], lambda: 1 / held["n"]
    )
    tuner.climb()
    made["trials"] = collect(watch.monitor, tuner=tuner)["trials"]
    return made


def test_a_report_holds_all_of_it(report: dict[str, Any]) -> None:
    again = json.loads(json.dumps(report))
    assert again["values"]["fastcore_ticks_received_total"] > 0
    assert 'fastcore_stage_seconds{stage="response"}' in again["latency"]
    assert {"ticks per second", "memory", "processor", "response p95"} <= set(again["timeline"])
    assert any(one["kind"] == "slow strategy" and one["what"] == "slow" for one in again["findings"])
    assert again["profile"]["seconds"] > 0
    assert again["capacity"]["most"] > 0
    assert again["trials"][0]["verdict"] == "kept"
    assert [one["name"] for one in again["objectives"]] == ["api", "query", "cache", "webhook", "ai_response"]


def test_its_page_is_complete_and_loads_nothing(report: dict[str, Any]) -> None:
    html = page(report)
    parsed = read(html)
    for heading in (
        *("Bottlenecks", "Objectives", "Latency", "Over time", "Profile", "Capacity", "Tuning", "Counts"),
        "What this costs",
    ):
        assert f"<h2>{heading}</h2>" in html, heading
    assert "slow strategy slow: it takes" in parsed.text
    assert "a <slow> loop" in parsed.text
    addresses = [value for name, value in parsed.attributes if name in ("src", "href", "srcset", "data")]
    assert addresses == []
    assert "<script" not in html
    assert not re.search(r"@import|url\(", html)


def test_a_calm_report_says_so(report: dict[str, Any]) -> None:
    calm = {**report, "findings": [], "alerts": {"active": []}}
    assert "All is well" in read(page(calm)).text
    assert "<h2>Bottlenecks</h2>" not in page(calm)


def test_two_reports_are_compared(report: dict[str, Any]) -> None:
    """What is twice as slow comes first; what is the same is left out."""
    older = copy.deepcopy(report)
    older["title"] = "before"
    response = 'fastcore_stage_seconds{stage="response"}'
    for part in ("p50", "p95", "p99"):
        older["latency"][response][part] /= 4 if part == "p99" else 2
    older["values"]["fastcore_resident_bytes"] *= 1.04
    rows = differences(report, older)
    assert [name for name, _, _ in rows] == [f"{response} p99", f"{response} p50", f"{response} p95"]
    assert rows[0][2] / rows[0][1] == pytest.approx(4)
    parsed = read(page(report, older))
    assert "This report beside before" in parsed.text
    assert "+300%" in parsed.text
    assert "Orange has grown" in parsed.text
    assert "Nothing." in read(page(report, report)).text


def test_the_command_writes_and_compares(report: dict[str, Any], tmp_path: Path, capsys: Any) -> None:
    kept = write_report(tmp_path / "old.json", report)
    assert load_report(kept)["title"] == "a <slow> loop"
    out = tmp_path / "new.json"
    assert main(["report", "--ticks", "20000", "--title", "demo", "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["report"] == str(out)
    assert load_report(out)["values"]["fastcore_ticks_received_total"] == 20_000
    html = tmp_path / "both.html"
    assert main(["report", str(out), "--against", str(kept), "--out", str(html)]) == 0
    assert "What differs" in html.read_text()
    (tmp_path / "other.json").write_text("[]")
    assert main(["report", str(tmp_path / "other.json")]) == 1
    assert "is no report of version 1" in " ".join(capsys.readouterr().err.split())
    (tmp_path / "other.json").write_text("{")
    with pytest.raises(InputError, match=r"other\.json is no report: "):
        load_report(tmp_path / "other.json")


def test_what_cannot_be_written_leaves_nothing(report: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        write_report(tmp_path / "nowhere" / "a.html", report)
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(OSError, match="cannot be written: it is a folder"):
        write_report(tmp_path / "folder.html", report)
    assert [file.name for file in tmp_path.iterdir()] == ["folder.html"]
