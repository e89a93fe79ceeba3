"""Starting, stopping and starting again: what was acknowledged is there."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import fastcore as fc
import httpx
import pytest
from fastcore.errors import ConfigError
from fastcore.serve import Service, Settings
from servers import wait_until
from services import MINUTE, T0, Served, problem, walk

EMA = ("--indicator", "ema=EMA(3)")


def ema(ticks: int) -> float:
    return float(fc.ema([tick["price"] for tick in walk("", ticks)], period=3)[-1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_was_acknowledged_outlasts_the_process(tmp_path: Path, number: int) -> None:
    """The signal comes while four clients send; each tick that was acknowledged is there afterwards."""
    state = ("--data", str(tmp_path / "state"))
    acknowledged = [0] * 4
    with Served(*EMA, *state) as service:
        enough, stopped = threading.Event(), threading.Event()

        def run(place: int) -> None:
            ticks = walk(f"S{place}", 100_000)
            with httpx.Client(base_url=service.url, timeout=60, trust_env=False) as client:
                while not stopped.is_set():
                    at = acknowledged[place]
                    try:
                        answer = client.post("/v1/ticks", json=ticks[at : at + 3])
                    except httpx.HTTPError:
                        return
                    if answer.status_code == 503:
                        return
                    assert answer.status_code == 200, answer.text
                    acknowledged[place] += 3
                    if sum(acknowledged) >= 300 and min(acknowledged) > 0:
                        enough.set()

        threads = [threading.Thread(target=run, args=(place,)) for place in range(4)]
        for thread in threads:
            thread.start()
        assert enough.wait(60)
        status = service.stop(number)
        assert status == (0 if number == signal.SIGTERM else -9)
        stopped.set()
        for thread in threads:
            thread.join()
    assert min(acknowledged) > 0
    with Served(*EMA, *state) as again:
        for place, count in enumerate(acknowledged):
            told = again.get(f"/v1/symbols/S{place}")
            taken = told["ledger"]["accepted"]
            assert count <= taken <= count + 3  # the last request may have been taken and not answered
            assert told["values"]["ema"] == ema(taken)


def test_the_plan_outlasts_the_process(tmp_path: Path) -> None:
    state = ("--data", str(tmp_path / "state"))
    with Served(*EMA, *state) as service:
        service.send(walk("A", 50))
        added = service.client.post("/v1/plan", json={"name": "rsi", "indicator": "RSI", "on": "1m"})
        assert added.status_code == 201
        service.send(walk("A", 10, start=T0 + 10 * MINUTE))
        plan, row = service.get("/v1/plan"), service.get("/v1/symbols/A")
        history = service.get("/v1/symbols/A/bars", span="1m")
        service.stop()
    assert json.loads((tmp_path / "state" / "plan.json").read_text()) == plan["plan"]
    with Served(*EMA, *state) as again:
        assert again.get("/v1/plan") == plan
        told = again.get("/v1/symbols/A")
        assert told["values"] == row["values"] and told["ledger"] == row["ledger"] and told["ts"] == row["ts"]
        assert told["price"] == row["price"] is not None
        assert again.get("/v1/symbols/A/bars", span="1m") == history
        again.stop(signal.SIGKILL)
    with Served(*EMA, *state) as third:
        assert third.get("/v1/plan") == plan


def test_a_snapshot_is_written_when_asked(tmp_path: Path) -> None:
    with Served(*EMA, "--data", str(tmp_path)) as service:
        service.send(walk("A", 5))
        answer = service.client.post("/v1/snapshots")
        assert answer.status_code == 201
        assert (tmp_path / "journal" / answer.json()["file"]).is_file()


def test_a_folder_has_one_service(tmp_path: Path) -> None:
    with Served(*EMA, "--data", str(tmp_path)), pytest.raises(RuntimeError, match="journal"):
        Served(*EMA, "--data", str(tmp_path)).start()


def test_a_port_has_one_service() -> None:
    with Served(*EMA) as service:
        command = [sys.executable, "-m", "fastcore", "serve", "--port", str(service.port)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 2 and "cannot listen" in done.stderr


def test_a_damaged_plan_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"ema": "EMA(')
    with pytest.raises(ConfigError, match=r"plan\.json"):
        Service({"ema": fc.EMA(3)}, settings=Settings(data=tmp_path))


FORMULAS = """
import sys, fastcore as fc
from fastcore.serve import Service, Settings
above = fc.function(lambda x, state: x - state[0], name="above_first", state=1)
plan = {
    "t": fc.EMA(5) - 1,
    "bars": (fc.SMA(2) > fc.EMA(3)).on("1m"),
    "chain": fc.EMA(5).of(fc.MACD()["hist"] * 100),
    "two": fc.MACD(3, 6, 2).of(fc.SMA(2) / 2),
    "above": above,
}
Service(plan, settings=Settings(port=int(sys.argv[1]), data=sys.argv[2])).run_blocking()
"""


class OfFormulas(Served):
    """A service whose plan has formulas, in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(program=FORMULAS)
        self._command.append(str(folder))


def test_formulas_are_served_and_outlast_the_process(tmp_path: Path) -> None:
    with OfFormulas(tmp_path) as service:
        service.send(walk("A", 60))
        added = service.client.post("/v1/plan", json={"name": "low", "indicator": 'column("t") < 100'})
        assert added.status_code == 201
        service.send(walk("A", 10, start=T0 + 10 * MINUTE))
        plan, row = service.get("/v1/plan"), service.get("/v1/symbols/A")
        prices = [tick["price"] for count in (60, 10) for tick in walk("A", count)]
        clocks = {one["name"]: one["clock"] for one in plan["columns"]}
        assert clocks.pop("bars") == "1m" and set(clocks.values()) == {""}
        assert [one["role"] for one in plan["columns"] if one["node"] == "two"] == ["line", "signal", "bar"]
        assert row["values"]["t"] == float(fc.ema(prices, period=5)[-1]) - 1
        assert row["values"]["above"] == row["price"]
        service.stop()
    with OfFormulas(tmp_path) as again:
        assert again.get("/v1/plan") == plan
        assert again.get("/v1/symbols/A")["values"] == row["values"]
        again.stop(signal.SIGKILL)
    with OfFormulas(tmp_path) as third:
        assert third.get("/v1/symbols/A")["values"] == row["values"]


def deep() -> dict[str, Any]:
    formula = fc.SMA(3) + 1
    for _ in range(110):
        formula = -formula
    return {"deep": formula}


@pytest.mark.parametrize(
    "plan", [deep(), {"a": fc.EMA(3).of("nothing")}, {"a": 5}], ids=["deep", "column", "number"]
)
def test_a_plan_that_cannot_be_kept_leaves_no_trace(tmp_path: Path, plan: Any) -> None:
    folder = tmp_path / "state"
    with pytest.raises((fc.FastcoreError, TypeError)) as caught:
        Service(plan, settings=Settings(data=folder))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
    assert not folder.exists()
    service = Service({"ema": fc.EMA(3)}, settings=Settings(data=folder))
    service.engine.journal.close()


def test_it_stops_when_the_engine_can_go_no_further(tmp_path: Path) -> None:
    """A feed that fails is a reason not to be ready, and no reason to stop answering."""
    program = (
        "import sys, fastcore as fc\n"
        "from fastcore.serve import Service, Settings\n"
        "async def feed():\n"
        "    raise RuntimeError('the venue is gone')\n"
        "    yield\n"
        "Service({'ema': fc.EMA(3)}, feed(), settings=Settings(port=int(sys.argv[1]))).run_blocking()\n"
    )
    with Served(program=program) as service:
        service.must_be_calm = False
        wait_until(lambda: service.client.get("/ready").status_code == 503, "it is not ready")
        answer = service.client.get("/ready")
        assert answer.status_code == 503 and answer.headers["retry-after"]
        assert "the venue is gone" in answer.json()["reasons"][0]
        service.send(walk("A", 3))


def test_a_full_disk_is_not_acknowledged(tmp_path: Path) -> None:
    """Where the journal cannot take ticks, they are refused, and the client is told."""
    program = (
        "import sys, fastcore as fc\n"
        "from fastcore.serve import Service, Settings\n"
        f"settings = Settings(port=int(sys.argv[1]), data={str(tmp_path)!r})\n"
        "service = Service({'ema': fc.EMA(3)}, settings=settings)\n"
        "service.engine.journal.close()  # takes nothing from here on\n"
        "service.run_blocking()\n"
    )
    with Served(program=program) as service:
        service.must_be_calm = False
        answer = service.client.post("/v1/ticks", json=walk("A", 3))
        assert problem(answer, 503)["detail"].startswith("the engine refused")
        assert service.client.get("/ready").json()["reasons"] == ["the journal is closed"]
        service.process.kill()


def test_the_demo_market_runs_now() -> None:
    with Served("--demo", "3", "--demo-speed", "50") as service:

        def is_now() -> bool:
            rows = service.get("/v1/symbols")["symbols"]
            return len(rows) == 3 and all(abs(row["ts"] - time.time_ns()) < 30 * MINUTE for row in rows)

        wait_until(is_now, "the market has come to now")
        received = service.get("/v1/stats")["engine"]["received"]
        wait_until(lambda: service.get("/v1/stats")["engine"]["received"] > received, "the market goes on")
