"""What a result was measured on: versions, processor, clock. Read by reports and by `doctor`."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from pathlib import Path

import numpy as np

import fastcore

__all__ = ["clock_step_ns", "cpu_name", "cpus", "machine", "version", "version_of"]


def version() -> str:
    """The version of fastcore."""
    return str(getattr(fastcore, "__version__", None) or version_of("fastcore-ticks") or "unknown")


def version_of(distribution: str) -> str | None:
    """The version of an installed distribution, found without importing it."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def cpu_name() -> str:
    """The processor's name, as the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def cpus() -> int:
    """How many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def clock_step_ns(samples: int = 2_000) -> int:
    """The smallest step seen between two reads of ``perf_counter_ns``: resolution plus one read."""
    steps = []
    for _ in range(samples):
        start = time.perf_counter_ns()
        while (now := time.perf_counter_ns()) == start:
            pass
        steps.append(now - start)
    return min(steps)


def machine() -> dict[str, str]:
    """Versions and machine, as label -> text, in the order in which to show them."""
    return {
        "fastcore": version(),
        "native core": str(fastcore.core_variant()),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "NumPy": np.__version__,
        "system": f"{platform.system()} {platform.release()} ({platform.machine()})",
        "processor": cpu_name(),
        "processors used": f"{cpus()} of {os.cpu_count() or 1}",
        "clock step": f"{clock_step_ns()} ns",
    }
