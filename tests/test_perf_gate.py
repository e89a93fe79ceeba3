"""The gate: a planted slowdown in a copy of the package is caught and named; equal trees pass."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import fastcore
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.gate import Verdict  # noqa: E402


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package, as it is imported here."""
    copy = tmp_path / "slow"
    shutil.copytree(fastcore.__path__[0], copy / "fastcore", ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def gate(ours: Path | str, base: Path | str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench.gate", "--trees", str(ours), str(base), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_planted_slowdown_is_named(package: Path) -> None:
    """In one row of two: the other is left alone."""
    passage = package / "fastcore" / "loop" / "passage.py"
    text = passage.read_text()
    place = "    async def ticks(self, batch: TickBatch) -> None:\n"
    assert place in text
    passage.write_text(text.replace(place, place + "        sum(range(10_000))\n"))
    here = Path(fastcore.__path__[0]).parent
    done = gate(package, here, "--by", "instructions", "--rows", "loop", "batch")
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith("by more than 3%: loop")
    (batch,) = re.findall(r"batch +([\d.]+) of the base's instructions  ok", done.stdout)
    assert float(batch) == pytest.approx(1.0, abs=0.01)


def test_time_is_taken_in_turns(package: Path) -> None:
    """A tree that does nothing more: the pairs are there, and far from what would fail."""
    here = Path(fastcore.__path__[0]).parent
    done = gate(package, here, "--by", "time", "--rows", "batch", "--pairs", "2", "--threshold", "20")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("batch ")
    assert " of the base's time (" in done.stdout


def test_without_a_past_there_is_nothing_to_compare(tmp_path: Path) -> None:
    """As in a source archive. A base that was asked for is missed."""
    shutil.copytree(
        ROOT / "bench", tmp_path / "bench", ignore=shutil.ignore_patterns("__pycache__", "results")
    )
    command = [sys.executable, "-m", "bench.gate"]
    alone = {"cwd": tmp_path, "capture_output": True, "text": True, "check": False}
    done = subprocess.run(command, **alone)
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing to compare with" in done.stdout
    asked = subprocess.run([*command, "--base", "HEAD~3"], **alone)
    assert asked.returncode == 1
    assert asked.stderr.startswith("there is no commit HEAD~3")


def test_a_tree_that_does_not_run_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "fastcore").mkdir()
    (tmp_path / "fastcore" / "__init__.py").write_text("raise SystemError('broken')")
    done = gate(tmp_path, tmp_path, "--by", "time", "--rows", "batch")
    assert done.returncode == 1
    assert f"the rows cannot be measured in {tmp_path}" in done.stderr


def test_only_what_is_certain_fails() -> None:
    """One bad turn of four is noise; three are not. Faster is never a failure."""
    assert not Verdict("x", (1.0, 1.0, 1.02, 3.0), 1.1).slower
    assert Verdict("x", (1.2, 1.3, 1.25, 1.0), 1.1).slower
    assert not Verdict("x", (0.5, 0.5, 0.5), 1.1).slower
    assert "SLOWER" in str(Verdict("x", (2.0, 2.0), 1.1))
