"""The report: complete in one file, and it says what the run said."""

from __future__ import annotations

import re
import sys
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from fastcore import _units as units
from fastcore.errors import MissingExtraError
from fastcore.feeds.demo import bad_ticks
from fastcore.jobs import run_demo
from fastcore.report import write_report
from fastcore.results import BUCKETS, RunResult, SymbolResult

TICKS = 100_000


@pytest.fixture(scope="module")
def run() -> RunResult:
    return run_demo(ticks=TICKS)


@pytest.fixture(scope="module")
def page(run: RunResult, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = write_report(tmp_path_factory.mktemp("report") / "report.html", run)
    return path.read_text(encoding="utf-8")


class Tags(HTMLParser):
    """Collects what a page opens and closes, and every attribute."""

    VOID = frozenset({"meta", "br", "wbr", "link", "img", "input", "hr"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_loads_nothing(page: str) -> None:
    tags = Tags(page)
    assert tags.open == []
    assert not {"script", "link", "img", "iframe"} & set(tags.seen)
    for name, value in tags.attributes:
        if name in ("href", "src", "xlink:href"):
            assert value.startswith("#"), f"{name}={value}"
        elif not name.startswith("xmlns"):
            assert "//" not in value, f"{name}={value}"
    assert not re.search(r"@import|url\((?!#)", page)
    assert len(page) < 1_000_000


def test_ids_are_used_once_and_references_lead_somewhere(page: str) -> None:
    tags = Tags(page)
    ids = [value for name, value in tags.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    used = {value[1:] for name, value in tags.attributes if name == "xlink:href"}
    used |= set(re.findall(r"url\(#([^)]+)\)", page))
    assert used <= set(ids)


def test_no_colour_is_left_that_does_not_follow_the_reader(page: str) -> None:
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawings) >= 3
    for drawing in drawings:
        assert re.findall(r"#[0-9a-f]{6}\b", drawing) == []
        assert "DejaVu" not in drawing
    used = set(re.findall(r"var\((--\w+)\)", page))
    light, dark = page.split("prefers-color-scheme: dark")
    for variable in used:
        assert f"{variable}:" in light, variable
        assert f"{variable}:" in dark.partition("body")[0], variable


def test_the_numbers_are_those_of_the_run(run: RunResult, page: str) -> None:
    bad = bad_ticks(TICKS)
    ledger = run.ledger
    assert ledger["received"] == TICKS
    assert ledger["invalid"] + ledger["late_dropped"] == sum(bad.values())
    for text in (
        f"{TICKS:,} ticks went in",
        units.count(ledger["accepted"]),
        units.share(ledger["invalid"], TICKS),
        units.duration(run.latency_ns["on_tick_from_python"]["p99.9"]).replace(" ", "&nbsp;"),
        f"equal to the {TICKS:,} received",
        run.machine["processor"],
        *map(escape, BUCKETS.values()),
        *run.columns,
    ):
        assert text in page, text
    for name, result in run.symbols.items():
        assert name.replace(":", ":<wbr>") in page
        assert units.number(result.row["rsi14"], 5) in page


def test_what_a_run_keeps_for_the_report(run: RunResult) -> None:
    assert [len(window.price) for window in run.windows] == [240] * 3
    for window in run.windows:
        last = run.symbols[window.symbol].row
        assert {name: values[-1] for name, values in window.values.items()} == last
        assert (np.diff(window.ts) >= 0).all()
        assert (window.price > 0).all()
        assert window.price[-1] == run.symbols[window.symbol].path[-1]
        mean = np.convolve(window.price, np.full(20, 1 / 20), "valid")
        assert np.allclose(window.values["sma20"][19:], mean, rtol=1e-12)
    for result in run.symbols.values():
        assert 60 <= len(result.path) <= 130
    assert {how for _, _, how in run.pace} == {"in batches", "tick by tick"}
    assert 0.08 * TICKS < len(run.single_ns) < 0.2 * TICKS


def bare(symbols: dict[str, SymbolResult], received: int) -> RunResult:
    ledger = {"received": received, **dict.fromkeys(BUCKETS, 0)}
    return RunResult(
        source="nothing <at all> & more",
        columns=["a<b"],
        ledger=ledger,
        symbols=symbols,
        seconds=0.0,
        engine_seconds=0.0,
        engine_ticks=0,
        latency_ns={"on_tick": {"count": 0, "mean": 0.0, "p50": 0.0, "max": 0.0}},
        latency_sampling=128,
        memory_bytes=0,
        machine={"cpu": "<fast>"},
    )


def test_sections_without_content_are_left_out_and_text_is_escaped(tmp_path: Path) -> None:
    page = write_report(tmp_path / "bare.html", bare({}, 0)).read_text(encoding="utf-8")
    assert Tags(page).open == []
    assert "nothing &lt;at all&gt; &amp; more" in page.lower()
    for title in ("Latency", "Throughput", "Close-up", "Last rows"):
        assert f"<h2>{title}</h2>" not in page
    symbol = SymbolResult({"received": 1}, {"a<b": float("nan")})
    page = write_report(tmp_path / "one.html", bare({"<S>": symbol}, 1)).read_text(encoding="utf-8")
    assert "&lt;S&gt;" in page
    assert units.MISSING in page
    assert "NOT equal to the 1 received" in page, "a ledger that does not add up is said to"


def test_a_missing_matplotlib_names_the_extra(
    run: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(
        MissingExtraError, match=r"writing a report needs matplotlib.*fastcore-ticks\[report\]"
    ):
        write_report(tmp_path / "report.html", run)
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken.html").mkdir()
    with pytest.raises(OSError, match="cannot be written: it is a folder"):
        write_report(tmp_path / "taken.html", bare({}, 0))
    assert [path.name for path in tmp_path.iterdir()] == ["taken.html"]


def test_drawing_leaves_matplotlib_as_it_was(page: str) -> None:
    import matplotlib

    assert page
    assert matplotlib.rcParams["svg.fonttype"] == matplotlib.rcParamsDefault["svg.fonttype"]
