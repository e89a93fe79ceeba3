"""The native core for this processor: the fastest one that it runs, chosen before any is loaded.

All cores give the same bits. ``FASTCORE_VARIANT=baseline`` in the environment asks for a certain one.
"""

from __future__ import annotations

import importlib
import os
from importlib.util import find_spec

from fastcore._native_words import reworded

try:
    from fastcore import _cpu
except ImportError as error:
    if find_spec("fastcore._cpu") is not None:
        raise  # it is there, and says why it cannot be loaded
    raise ImportError(
        "fastcore's native core is not built: install the package with pip, or run `make build` in its folder"
    ) from error

_FASTEST = {"x86-64-v3": "v3", "baseline": "baseline"}


def _load(variant: str) -> object:
    try:
        return importlib.import_module(f"fastcore._core_{variant}")
    except ModuleNotFoundError as error:
        if variant != "baseline" and "FASTCORE_VARIANT" not in os.environ:
            return importlib.import_module("fastcore._core_baseline")
        raise ImportError(f"FASTCORE_VARIANT={variant!r} is not one of: baseline, v3") from error


_native = _load(os.environ.get("FASTCORE_VARIANT") or _FASTEST[_cpu.level()])

Engine = _native.Engine
Histogram = _native.Histogram
Indicator = _native.Indicator
Journal = _native.Journal
JournalPlayer = _native.JournalPlayer
JournalReader = _native.JournalReader
RingReader = _native.RingReader
RingWriter = _native.RingWriter
Symbol = _native.Symbol
anchors = _native.anchors
catalogue = _native.catalogue
define = _native.define
install = _native.install
outcomes = _native.outcomes
journal_difference = _native.journal_difference
snapshot_difference = _native.snapshot_difference
shm_names = _native.shm_names
shm_remove = _native.shm_remove
variant = _native.variant

for _kind in (Engine, Histogram, Journal, RingReader, RingWriter, Symbol):
    reworded(_kind)
