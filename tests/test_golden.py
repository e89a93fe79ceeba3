"""Outputs have the bits that they had when their hash was kept: on this platform, and so far on every one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import fastcore as fc
import pytest
from golden_outputs import BARS, FOLDER, HASHES, PLATFORM, kept

KEPT = kept()


def test_this_platform_has_hashes_of_everything() -> None:
    """Of every indicator, every kind of bar, and the plan under every policy."""
    missing = sorted(set(HASHES) - set(KEPT))
    assert not missing, f"no hash of {', '.join(missing)} is kept for {PLATFORM}: run `make golden`"


def test_every_kind_of_bar_is_among_them() -> None:
    """Each form of a spec that the engine names when it refuses one that it does not know."""
    with pytest.raises(fc.PlanError) as refused:
        fc.Engine({"sma": fc.SMA(2).on("nonsense")})
    forms = re.findall(r"'([^']+)'", str(refused.value).split("the forms are")[1])
    assert len(forms) > 10
    assert {kind_of(form) for form in forms} <= {kind_of(spec) for spec in BARS}


def kind_of(spec: str) -> tuple[str, bool, bool, bool]:
    """What a spec counts or measures; whether by a zone or with a shift, of what follows, of other bars."""
    unit = re.split(r"[:@ ]", re.sub(r"^[0-9.]+(e[0-9]+)?", "", spec))[0]
    unit = "time" if unit in ("ms", "s", "m", "h", "d") else unit
    return unit, "@" in spec, "adaptive" in spec, " from " in spec


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
    """The hashes of the plan and of the bars, by the core that this processor would not choose."""
    names = [name for name in HASHES if name.startswith(("engine", "bars"))]
    program = "import sys, golden_outputs as g; print(*(g.HASHES[name]() for name in sys.argv[1:]))"
    environment = {**os.environ, "FASTCORE_VARIANT": "baseline", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program, *names], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [KEPT[name] for name in names]
    assert fc.core_variant() in ("v3", "baseline")
