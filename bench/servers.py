"""Servers for measurements: those of the tests, which need no installation."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType


def servers(name: str = "servers") -> ModuleType:
    """The tests' module of the same name, or another of theirs."""
    tests = str(Path(__file__).resolve().parents[1] / "tests")
    if tests not in sys.path:
        sys.path.append(tests)
    return importlib.import_module(name)
