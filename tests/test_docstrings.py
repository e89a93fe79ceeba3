"""The examples in the docstrings are true: every one is run."""

from __future__ import annotations

import doctest
import importlib
import os
import pkgutil

import fastcore as fc
import pytest

# The native cores are no text, and importing __main__ is running the program.
NOT_IMPORTED = ("_cpu", "__main__")
MODULES = [
    "fastcore",
    *(
        module.name
        for module in pkgutil.walk_packages(fc.__path__, "fastcore.")
        if not module.name.rpartition(".")[2].startswith(("_core_", *NOT_IMPORTED))
    ),
]


def examples_of(name: str) -> doctest.TestResults:
    """Run the examples of a module that can be imported here."""
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        reason = f"{name} cannot be imported here: {error}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    for row in fc.indicators() if name == "fastcore" else ():
        getattr(fc, row["name"])  # a class is made, and found, when it has been asked for
    return doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_true(name: str) -> None:
    """Each module's examples give what they show."""
    assert examples_of(name).failed == 0


def test_there_are_examples_where_users_begin() -> None:
    """The engine, the catalogue, the frames: a module that loses its examples is noticed."""
    for name, least in (("fastcore", 5 + 4 * len(fc.indicators())), ("fastcore.frames", 1)):
        assert examples_of(name).attempted >= least, name


@pytest.mark.parametrize("row", fc.indicators(), ids=lambda row: row["name"])
def test_an_indicators_example_shows_values(row: fc.catalogue.Row) -> None:
    """Its rows are enough for each to be past its warm-up."""
    example = (getattr(fc, row["name"]).__doc__ or "").partition("Examples\n")[2]
    shown = example.splitlines()[-1]
    assert shown.count("=") == (len(row["outputs"]) if len(row["outputs"]) > 1 else 0), shown
    assert "nan" not in shown
    assert "None" not in shown


def test_the_modules_of_the_core_are_among_them() -> None:
    """The list is not empty by a change of folders."""
    assert {"fastcore.engine", "fastcore.frames", "fastcore.catalogue", "fastcore.indicators"} <= set(MODULES)
