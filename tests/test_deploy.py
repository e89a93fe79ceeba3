"""What is in deploy/: read by the programs that it is for, and held to what a service really measures."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastcore.perf.prometheus_rules import prometheus_rules
from fastcore.perf.rules import presets
from prometheus import Prometheus, promtool
from services import Served, walk

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
BOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
RULES = sorted((DEPLOY / "prometheus").glob("*.rules.yml"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service that uses all there is, so that its page has all metrics."""
    folder = tmp_path_factory.mktemp("state")
    hooks = folder / "hooks.toml"
    hooks.write_text('[in.desk]\nsecret = "a secret that is long enough"\n')
    hooks.chmod(0o600)
    with Served("--indicator", "ema=EMA(3)", "--data", str(folder)) as service:
        service.send(walk("A", 10))
        yield service


def expressions(board: Any) -> list[str]:
    """Every expression of a board, its variables filled in."""
    found = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    return [text.replace("$__rate_interval", "1m").replace("$instance", ".*") for text in found]


def names(page: str) -> set[str]:
    """The names of all samples on a page of metrics."""
    return {
        line.partition("{")[0].partition(" ")[0] for line in page.splitlines() if not line.startswith("#")
    }


def used(expression: str) -> set[str]:
    return set(re.findall(r"\bfastcore_\w+", expression))


@pytest.mark.parametrize("board", BOARDS, ids=lambda path: path.stem)
def test_every_panel_shows_what_is_measured(board: Path, served: Served, tmp_path: Path) -> None:
    found = expressions(json.loads(board.read_text()))
    assert len(found) > 10
    there = names(served.client.get("/metrics").text)
    wanted = set().union(*map(used, found))
    assert wanted and wanted <= there, wanted - there
    rules = {
        "groups": [
            {"name": "x", "rules": [{"record": f"x{i}", "expr": text} for i, text in enumerate(found)]}
        ]
    }
    (tmp_path / "rules.yml").write_text(json.dumps(rules))
    assert f"{len(found)} rules found" in promtool("check", "rules", tmp_path / "rules.yml")


@pytest.mark.parametrize("board", BOARDS, ids=lambda path: path.stem)
def test_panels_lie_side_by_side(board: Path) -> None:
    content = json.loads(board.read_text())
    ids = [panel["id"] for panel in content["panels"]]
    assert len(set(ids)) == len(ids)
    cells: set[tuple[int, int]] = set()
    for panel in content["panels"]:
        at = panel["gridPos"]
        mine = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & mine and at["x"] + at["w"] <= 24, panel["title"]
        cells |= mine


def test_prometheus_reads_configuration_and_rules() -> None:
    said = promtool("check", "config", DEPLOY / "prometheus" / "prometheus.yml")
    assert "valid prometheus config" in said and f"{len(RULES)} rule files found" in said


def test_the_rules_are_those_that_hold_by_default() -> None:
    """Made anew with: fastcore alerts prometheus."""
    kept = (DEPLOY / "prometheus" / "fastcore.rules.yml").read_text()
    assert kept.partition("\n")[2] == prometheus_rules(presets())


def test_every_rule_of_the_service_is_about_what_is_measured(served: Served) -> None:
    text = (DEPLOY / "prometheus" / "service.rules.yml").read_text()
    assert used(text) and used(text) <= names(served.client.get("/metrics").text)


def test_every_alert_is_in_the_runbook() -> None:
    headings = set(re.findall(r"^### (\w+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE))
    alerts = {name for path in RULES for name in re.findall(r'alert: "?(\w+)', path.read_text())}
    assert alerts == headings
    links = re.findall(
        r"runbook: docs/runbook\.md#(\w+)", (DEPLOY / "prometheus" / "service.rules.yml").read_text()
    )
    assert sorted(links) == sorted(
        name.lower()
        for name in re.findall(r"alert: (\w+)", (DEPLOY / "prometheus" / "service.rules.yml").read_text())
    )


def test_prometheus_really_scrapes_it(served: Served) -> None:
    with Prometheus(served.port, DEPLOY / "prometheus" / "service.rules.yml") as prometheus:
        assert prometheus.wait_for('up{job="fastcore"} == 1') == 1
        assert prometheus.wait_for("fastcore_ready") == 1
        assert prometheus.wait_for('fastcore_ticks_total{outcome="accepted"} > 0') == 10
        assert prometheus.wait_for('increase(fastcore_http_requests_total{status="200"}[10s]) > 0') > 0


def test_systemd_reads_the_unit() -> None:
    unit = DEPLOY / "systemd" / "fastcore.service"
    text = unit.read_text()
    assert "fastcore serve --data" in text and "KillSignal=SIGTERM" in text
    if shutil.which("systemd-analyze"):  # where systemd is
        done = subprocess.run(
            ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
        )
        wrong = [
            line
            for line in done.stderr.splitlines()
            if "fastcore.service" in line and "not executable" not in line
        ]
        assert not wrong, wrong
