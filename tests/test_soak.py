"""The loop for long, and under a burst: flat memory, bounded queues, an exact ledger, all tasks alive."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from samples import scaled


def soaked(folder: Path, phases: list[tuple[float, float]], slow: float = 0.0) -> dict[str, Any]:
    """What became of a loop that was fed so; its sums are held here."""
    program = str(Path(__file__).parent / "soaking.py")
    asked = json.dumps({"phases": phases, "slow": slow})
    done = subprocess.run(
        [sys.executable, program, str(folder), asked], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    stats = found["stats"]
    feed, ledger = stats["feeds"]["market"], stats["engine"]
    assert found["sent"] == round(sum(seconds * rate for seconds, rate in phases))
    assert feed["received"] == found["sent"]
    assert feed["pending"] == 0
    assert stats["loop"]["refused"] == feed["dropped"] == 0
    assert ledger["received"] == found["sent"] - feed["conflated"]
    assert ledger["received"] == sum(count for name, count in ledger.items() if name != "received")
    assert found["looked"] == ledger["received"]  # each row was seen, and once
    rows = ledger["received"]
    assert stats["sinks"]["files"]["written"] == rows
    slow_sink = stats["sinks"]["slow"]
    assert slow_sink["written"] + slow_sink["dropped"] == rows
    assert slow_sink["high_water"] <= 20_000
    assert feed["high_water"] <= 20_000
    beside = stats["strategies"]["Beside"]
    assert beside["failures"] == 0
    assert (found["lost"], found["after"]) == ([], [])
    assert found["running"] >= 4  # the feed's, the two sinks', the async strategy's
    return found


def test_memory_is_flat_for_as_long_as_it_runs(tmp_path: Path) -> None:
    """From when queues, pools and files have their sizes. Some seconds; in a proof half an hour."""
    found = soaked(tmp_path, [(2, 20_000.0), (scaled(6, 1800), 5_000.0)])
    held = np.array(found["uss"]) / 1e6
    half, last = held[len(held) // 2 : len(held) * 3 // 4], held[len(held) * 3 // 4 :]
    assert np.median(last) <= np.median(half) * 1.03 + 6, held.round(1).tolist()


def test_a_burst_of_a_hundred_times_the_rate_is_borne(tmp_path: Path) -> None:
    """A second of it; in a proof ten. What waits is bounded, trades are all kept, nobody is lost."""
    base, burst = 1_000.0, 100_000.0
    found = soaked(tmp_path, [(0.5, base), (scaled(1, 10), burst), (0.5, base)], slow=0.05)
    held = np.array(found["uss"]) / 1e6
    assert held.max() - held[0] < 150, held.round(1).tolist()
