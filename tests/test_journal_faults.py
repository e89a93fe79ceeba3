"""A journal under faults: its process killed at every step and anywhere, its disk full or failing."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faults import HERE, run_under_faults
from samples import scaled

KILLS = scaled(30, 1000)
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


@pytest.fixture(scope="module")
def found() -> Iterator[Any]:
    """What faulty_journals.py tells; each kind of fault is judged by a test of its own."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        folder = Path(name, "files")
        folder.mkdir()
        yield json.loads(run_under_faults(HERE / "faulty_journals.py", Path(name), folder, KILLS))


def check(one: dict[str, Any]) -> None:
    """All that was acknowledged is there, nothing but the stream is, and no word of damage."""
    assert one["received"] >= one["told"], one
    assert one["same"], one
    assert one["notes"] == [], one


def test_every_kind_of_call_is_met(found: Any) -> None:
    """The faults come where the journal asks the system for something."""
    met = {"flock", "posix_fallocate", "open folder", "fsync", "fdatasync", "ftruncate", "rename", "write"}
    assert met <= set(found["steps"])
    assert found["calls"] > 30


def test_who_is_killed_before_any_of_its_calls_loses_nothing(found: Any) -> None:
    """The journal is taken up again after each kill, and killed again."""
    # A run makes a few calls less or more than the one that was counted: its thread has a time of its own.
    assert sum(one["killed"] for one in found["killed"]) >= len(found["killed"]) * 2 // 3 > 20
    for one in found["killed"]:
        check(one)


def test_who_is_killed_at_any_instruction_loses_nothing(found: Any) -> None:
    """From outside, after a time by chance."""
    assert len(found["shot"]) == KILLS
    assert all(one["killed"] for one in found["shot"])
    for one in found["shot"]:
        check(one)
    assert found["shot"][-1]["told"] > 1000


def test_checkpoints_that_come_due_are_among_what_is_killed(found: Any) -> None:
    """Nobody asked for any: all but the first, which is that of attaching, came by themselves."""
    for kills in (found["killed"], found["shot"]):
        begun = {one["snapshot"] for one in kills}
        assert len(begun) > 4, sorted(begun)


def test_a_disk_that_is_full_or_fails_is_told_of_and_loses_nothing(found: Any) -> None:
    """Each refusal is a sentence with the reason; the engine never runs ahead of its journal."""
    refusals = [line for one in found["refused"] for line in one["said"]]
    assert not [line for line in refusals if line.startswith("wrong")]
    assert len(refusals) > 10
    reasons = (os.strerror(28), os.strerror(5), "is closed")
    assert not [line for line in refusals if not any(reason in line for reason in reasons)]
    for one in found["refused"]:
        check(one)
    recovered = [one for one in found["refused"] if one["said"] and one["received"] >= 700]
    assert recovered, "with room again, an engine goes on"
