"""Servers for measurements: those of the tests, which need no installation."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def servers() -> ModuleType:
    """The tests' module of the same name."""
    file = Path(__file__).resolve().parents[1] / "tests" / "servers.py"
    spec = importlib.util.spec_from_file_location("bench_test_servers", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
