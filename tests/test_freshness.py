"""What is written from the live catalogue and from the benchmark results is up to date."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GENERATED = {
    "stubs": (["tools/stubs.py"], "make stubs"),
    "docs": (["tools/docs.py"], "make docs"),
    "README's benchmark table": (["-m", "bench.table"], "python -m bench.table"),
}


@pytest.mark.parametrize("what", GENERATED)
def test_is_fresh(what: str) -> None:
    """The file on disk is what its tool would write now."""
    program, remedy = GENERATED[what]
    done = subprocess.run(
        [sys.executable, *program, "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{what}: run `{remedy}`\n{done.stdout}{done.stderr}"


# What a stub cannot say, or says differently on purpose: pybind11's metaclass, signatures kept for
# `inspect`, the base class whose methods stand for those of all indicators, a class that only the
# engine makes.
NOT_COMPARED = r"""
fastcore\.(indicators|_core)\.[A-Z]\w*
.*\.__signature__
fastcore\.indicators\.Indicator\.(update|peek|batch)
fastcore\._core\.Symbol\.__init__
"""


def test_stubs_say_what_is_there(tmp_path: Path) -> None:
    """Names, parameters and defaults of the installed stubs are those of the live objects."""
    pytest.importorskip("mypy", reason="the linters are not installed")
    allowed = tmp_path / "allowed"
    allowed.write_text(NOT_COMPARED)
    modules = [f"fastcore.{name}" for name in ("indicators", "_core", "_cpu")]
    options = ["--allowlist", str(allowed), "--ignore-unused-allowlist"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", *modules, *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
