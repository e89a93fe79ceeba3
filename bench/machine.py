"""What a results file says about where it was measured, and what it must never say."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import os
import platform
import re
import shutil
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

OTHERS = ("nautilus_trader", "numba", "pandas", "polars")
OURS = "fastcore-ticks"
PACKAGES = (
    OURS,
    "numpy",
    "TA-Lib",
    "wickra",
    "screamer",
    "talipp",
    "csp",
    "kand",
    "tulipy",
    *OTHERS,
)


def processor() -> str:
    """The processor's model name; platform.processor() is empty on many Linux systems."""
    with contextlib.suppress(OSError):
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def compiler() -> str:
    """The C++ compiler found here, by its own version line."""
    for name in (os.environ.get("CXX", ""), "c++", "g++", "clang++"):
        if name and (exe := shutil.which(name)):
            out = subprocess.run([exe, "--version"], capture_output=True, text=True, check=False).stdout
            if out:
                return out.splitlines()[0]
    return "unknown"


def machine() -> dict[str, Any]:
    """What the numbers depend on, and nothing that names the machine."""
    release = re.match(r"\d+\.\d+", platform.release())
    return {
        "cpu": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "os": f"{platform.system()} {release[0] if release else ''}".strip(),
        "compiler": compiler(),
    }


def versions(names: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Installed versions; a package that is missing says so."""
    out = {}
    for name in names:
        try:
            out[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            out[name] = "not installed"
    if out.get(OURS) == "not installed":  # a build in the tree has no metadata
        with contextlib.suppress(ImportError, AttributeError):
            out[OURS] = importlib.import_module("fastcore").__version__
    return out


# A slash or a drive letter that starts a word and goes on with a name: ns/row and A / B are none.
PATH = re.compile(r"(?:^|[\s\"'(=,:])(?:/[\w.~-]+/|/(?:home|root|tmp|usr|opt|var|work)\b|[A-Za-z]:\\|~/)")


def refuse_private(value: Any) -> None:
    """Raise if any text in a document holds an absolute path or this machine's name."""
    host = socket.gethostname().split(".")[0]
    named = re.compile(rf"\b{re.escape(host)}\b") if host and host != "localhost" else None
    queue = [value]
    while queue:
        x = queue.pop()
        if isinstance(x, dict):
            queue += [*x.keys(), *x.values()]
        elif isinstance(x, (list, tuple)):
            queue += x
        elif isinstance(x, str):
            if PATH.search(x):
                raise ValueError(f"results must hold no absolute path: {x!r}")
            if named and named.search(x):
                raise ValueError(f"results must not name the machine: {x!r}")
