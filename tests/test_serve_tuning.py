"""The tuner, reports, findings, profile windows and the scaling signal of a service, by its API."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastcore.perf.pages import StatsView
from servers import wait_until
from services import Served, profiled, walk

PAGE = f"serve-{os.getpid()}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    with Served("--indicator", "ema=EMA(3)", "--data", str(folder), "--page", PAGE) as service:
        service.send(walk("A", 50))
        yield service


def test_another_process_reads_its_stages(served: Served) -> None:
    """On its page, which is this service's alone; it goes with the service."""
    view = StatsView(PAGE)
    assert (view.pid, view.alive) == (served.process.pid, True)
    served.send(walk("paged", 300))
    wait_until(lambda: view.read()["tick on_ticks"].count > 0, "no tick was sampled")
    wait_until(lambda: view.read()["strategy service"].count > 0, "the service's own strategy is not there")
    with pytest.raises(RuntimeError, match="belongs to another process that runs"):
        Served("--indicator", "ema=EMA(3)", "--page", PAGE).start()


def knobs(told: Any) -> dict[str, float]:
    return {one["name"]: one["value"] for one in told["knobs"]}


def test_a_knob_is_set_by_hand_and_noted(served: Served, folder: Path) -> None:
    told = served.get("/v1/tuner")
    assert told["state"] == "idle" and told["trials"] == []
    assert {"batch", "gc threshold", "profiler hz"} <= set(knobs(told))
    answer = served.client.put("/v1/tuner/knobs/batch", json={"value": 4096})
    assert answer.status_code == 200, answer.text
    assert knobs(answer.json())["batch"] == 4096
    (trial,) = answer.json()["trials"]
    assert (trial["verdict"], trial["after"], trial["why"]) == ("set", 4096, "set by hand")
    assert json.loads((folder / "trials.jsonl").read_text().splitlines()[0])["knob"] == "batch"
    served.send(walk("A", 50, start=1_800_000_000_000_000_000))  # it serves on


@pytest.mark.parametrize(
    ("name", "body", "status", "text"),
    [
        ("batch", {"value": 1e9}, 422, "knob batch must be 16 to 65536, not 1e+09"),
        ("none", {"value": 1}, 404, "there is no knob 'none'; there are batch"),
        ("batch", {"valu": 1}, 422, "valu"),
        ("batch", {"value": "much"}, 422, "Expected `float`"),
    ],
)
def test_a_wrong_setting_is_refused(served: Served, name: str, body: Any, status: int, text: str) -> None:
    before = knobs(served.get("/v1/tuner"))
    answer = served.client.put(f"/v1/tuner/knobs/{name}", json=body)
    assert answer.status_code == status
    assert text in answer.json()["detail"]
    assert knobs(served.get("/v1/tuner")) == before


def test_it_climbs_when_told_and_ends_when_frozen(served: Served) -> None:
    """What was held when it is frozen in the middle of a trial holds again."""
    before = knobs(served.get("/v1/tuner"))
    many = len(served.get("/v1/tuner")["trials"])
    assert served.client.post("/v1/tuner/start").status_code == 202
    assert served.get("/v1/tuner")["state"] == "climbing"
    again = served.client.post("/v1/tuner/start")
    assert (again.status_code, again.json()["detail"]) == (409, "the tuner is climbing")
    refused = served.client.put("/v1/tuner/knobs/batch", json={"value": 64})
    assert refused.status_code == 409 and "freeze it first" in refused.json()["detail"]
    assert served.client.post("/v1/tuner/freeze").json()["state"] == "frozen"
    assert served.client.post("/v1/tuner/start").status_code == 409
    wait_until(lambda: len(served.get("/v1/tuner")["trials"]) > many, "the trial has not ended")
    told = served.get("/v1/tuner")
    assert told["trials"][0]["verdict"] == "frozen"
    assert knobs(told) == before
    assert served.client.post("/v1/tuner/thaw").json()["state"] == "idle"


def test_a_report_is_made_kept_and_compared(served: Served) -> None:
    made = [served.client.post("/v1/reports") for _ in range(2)]
    assert [one.status_code for one in made] == [201, 201]
    first, second = (one.json()["name"] for one in made)
    assert [one["name"] for one in served.get("/v1/reports")["reports"][:2]] == [second, first]
    report = served.get(f"/v1/reports/{second}")
    assert report["values"]["fastcore_ticks_received_total"] >= 50
    assert {"objectives", "latency", "timeline", "findings", "profile", "trials", "capacity"} <= set(report)
    page = served.client.get(f"/v1/reports/{second}", params={"form": "html", "against": first})
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-disposition"].endswith(f'filename="fastcore-{second}.html"')
    assert page.text.startswith("<!doctype html>")
    assert "src=" not in page.text and "href=" not in page.text
    for path in ("/v1/reports/none", f"/v1/reports/{first}?against=none"):
        missing = served.client.get(path)
        assert (missing.status_code, missing.json()["detail"]) == (404, "no report is named 'none'")
    assert served.client.get(f"/v1/reports/{first}", params={"form": "pdf"}).status_code == 422


def test_only_the_newest_reports_are_kept(served: Served) -> None:
    for _ in range(18):
        assert served.client.post("/v1/reports").status_code == 201
    assert len(served.get("/v1/reports")["reports"]) == 16


def test_windows_of_the_profile(served: Served) -> None:
    wait_until(lambda: profiled(served), "the profiler has seen nothing")
    assert served.get("/v1/profile", seconds=60)["folded"]
    told = served.get("/v1/profile/changes", seconds=60)
    assert told["seconds"] == 60
    assert all(0 <= one["before"] <= 1 and 0 <= one["after"] <= 1 for one in told["changes"])
    assert served.client.get("/v1/profile", params={"seconds": 0}).status_code == 422


SLOW = """
import sys
import fastcore as fc
from fastcore.feeds.demo import demo_market
from fastcore.serve import Service, Settings
from fastcore.serve.demo import LiveDemo
def heavy(row):
    sum(range(3_000))  # HEAVY
settings = Settings(port=int(sys.argv[1]))
market = LiveDemo(5, past=60, speed=2000)
Service({"ema": fc.EMA(3)}, market, settings=settings, strategies=[heavy]).run_blocking()
"""


def test_a_bottleneck_is_told_with_its_line() -> None:
    """A strategy that takes most of the loop's time, and with it more than one worker's share."""
    with Served(program=SLOW) as service:

        def found() -> Any:
            return [one for one in service.get("/v1/findings")["findings"] if one["kind"] == "slow strategy"]

        wait_until(lambda: bool(found()) and bool(found()[0]["line"]), "the slow strategy is not found")
        (one,) = found()
        assert one["what"] == "heavy" and one["sentence"].startswith("slow strategy heavy: it takes ")
        assert "do less for each row" in one["advice"] and 0.25 < one["share"] <= 1
        told = service.get("/v1/scale")
        assert told["workers"] == 1 and told["load"] > 0.2
        page = service.client.get("/metrics").text
        assert 'fastcore_bottleneck{kind="slow strategy",what="heavy"} 1.0' in page
        assert "\nfastcore_workers_wanted " in page and "\nfastcore_load " in page
