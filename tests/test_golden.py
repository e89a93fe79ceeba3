"""Outputs have the bits that they had when their hash was kept: on this platform, and so far on every one."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import fastcore as fc
import pytest
from golden_outputs import FOLDER, HASHES, PLATFORM, kept

KEPT = kept()


def test_this_platform_has_hashes() -> None:
    """Of the plan under every policy, and of the indicators that there were when they were last kept."""
    assert KEPT, f"no hashes are kept for {PLATFORM}: run `make golden` on a commit whose outputs are right"
    assert {name for name in HASHES if name.startswith("engine")} <= set(KEPT)
    assert len(KEPT) > 25


@pytest.mark.parametrize("name", [name for name in HASHES if name in KEPT])
def test_outputs_have_the_bits_that_they_had(name: str) -> None:
    """A change of any bit is either a fault, or meant and then kept anew."""
    assert HASHES[name]() == KEPT[name], (
        f"the outputs of {name} have changed; if they were meant to, run `make golden ARGS=\"'{name}'\"` "
        "and say so in the change log"
    )


def test_what_is_kept_is_of_something() -> None:
    """No hash outlives what it was made of."""
    files = list(FOLDER.glob("*.json"))
    assert files
    for path in files:
        assert set(json.loads(path.read_text())) <= set(HASHES), path.name


def test_the_other_core_has_the_same_bits() -> None:
    """The hashes of the plan, by the core that this processor would not choose."""
    names = [name for name in HASHES if name.startswith("engine")]
    program = "import sys, golden_outputs as g; print(*(g.HASHES[name]() for name in sys.argv[1:]))"
    environment = {**os.environ, "FASTCORE_VARIANT": "baseline", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program, *names], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [KEPT[name] for name in names]
    assert fc.core_variant() in ("v3", "baseline")
