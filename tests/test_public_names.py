"""Every public name, called wrongly: an error of ours, in a sentence that names what is wrong.

Each callable name of each public module has a call here that works. Each argument is replaced in turn by
values of other kinds. A new name without a call fails the test.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fastcore as fc
import pytest
from fastcore import shm
from public_calls import CALLS, NOT_CALLED, PLAN, Given

MODULES = (
    *("fastcore", "fastcore.shm", "fastcore.perf", "fastcore.loop", "fastcore.feeds", "fastcore.sinks"),
    *("fastcore.store", "fastcore.cache", "fastcore.serve", "fastcore.scale"),
)
CATALOGUE = {row["name"] for row in fc.indicators()}
WRONG: tuple[Any, ...] = (
    None,
    3,
    -1,
    1.5,
    math.nan,
    "",
    "?",
    b"x",
    object(),
    [],
    {},
    (),
    True,
    [None],
    {"?": None},
)

#: Words of Python and of pybind11 about a value that came too far.
STRANGE = re.compile(
    r"object has no attribute|not supported between|is not iterable|is not subscr|incompatible \w+ arg|"
    r"Invoked with|has no len|expected str, bytes|unsupported operand|object is not callable|cannot unpack|"
    r"object cannot be interpreted|No constructor|not a mapping|missing \d+ required|takes \d+ positional|"
    r"sequence item|invalid literal|could not convert|cannot convert|zip\(\)|not understood|must be real num|"
    r"argument should be a str|0x[0-9a-f]{6,} (?!.*not <object)"
)


def public() -> Iterator[str]:
    """All callable names of the public modules but errors and the catalogue, which has walks of its own."""
    for module in MODULES:
        of = importlib.import_module(module)
        for name in of.__all__:
            one = getattr(of, name)
            is_error = inspect.isclass(one) and issubclass(one, BaseException)
            in_catalogue = module == "fastcore" and name.upper() in CATALOGUE
            if callable(one) and not is_error and not in_catalogue:
                yield f"{module}.{name}"


def test_every_public_name_has_a_call_here() -> None:
    """Or is known as one that users do not call."""
    assert set(public()) - set(CALLS) - NOT_CALLED == set(), "give these a call in CALLS"
    called = {name for name in CALLS if name in set(public())}
    assert not called & NOT_CALLED


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    """One for all calls."""
    return Given(tmp_path_factory.mktemp("names"))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that is wrong for a name of a file may be a good one: what is made of it stays here."""
    monkeypatch.chdir(tmp_path)


async def outcome(
    made: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Exception | None:
    """What a call raises, awaited where it is to be."""
    try:
        found = made(*args, **kwargs)
        if inspect.isawaitable(found):
            await found
    except Exception as error:
        return error
    return None


def variants(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterator[tuple[str, Any, tuple[Any, ...], dict[str, Any]]]:
    """Each argument in turn replaced by each wrong value."""
    for wrong in WRONG:
        for place in range(len(args)):
            yield str(place), wrong, (*args[:place], wrong, *args[place + 1 :]), kwargs
        for key in kwargs:
            yield key, wrong, args, {**kwargs, key: wrong}


@pytest.mark.parametrize("name", CALLS)
def test_wrong_arguments_are_told_in_a_sentence(given: Given, name: str) -> None:
    """Of ours or a TypeError, with the thing and the value, and no word of the interpreter's."""

    async def walk() -> list[str]:
        made, args, kwargs = CALLS[name](given)
        error = await outcome(made, args, kwargs)
        assert error is None, f"a call that works: {error!r}"
        strange = []
        for which, wrong, *changed in variants(args, kwargs):
            made = CALLS[name](given)[0]
            error = await outcome(made, *changed)
            if error is None:
                continue
            text = str(error)
            ours = isinstance(error, (TypeError, OSError, fc.FastcoreError)) or " must be " in text
            sound = ours and len(text.split()) >= 4
            by_key = name in ("fastcore.Symbol.get", "fastcore.Symbol.__getitem__") and "unhashable" in text
            if by_key:  # as of a dict: nothing is in the way of reading an output
                continue
            if not sound or STRANGE.search(text):
                strange.append(f"{which}={wrong!r}: {type(error).__name__}: {text[:150]}")
        return strange

    async def connected() -> list[str]:
        await given.open()
        async with given.database.begin() as connection:
            given.connection = connection
            return await walk()

    strange = asyncio.run(connected() if ".store." in name else walk()) if name != "fastcore.loop.run" else []
    assert not strange, "\n".join(strange)


@pytest.mark.parametrize(
    "name", sorted(name for name in set(CALLS) & set(public()) if name.rpartition(".")[2][0].isupper())
)
def test_what_is_made_shows_what_it_is(given: Given, name: str) -> None:
    """No object is shown by its address alone."""
    made, args, kwargs = CALLS[name](given)
    asyncio.run(shown(made, args, kwargs))


async def shown(made: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """In a loop, which some need to be made."""
    text = repr(made(*args, **kwargs))
    assert " object at 0x" not in text.split(",")[0], text
    assert any(word in text for word in (made.__name__, "writer", "reader", "replica")), text


def test_a_notebook_completes_names() -> None:
    """Columns of a symbol, outputs of an indicator, symbols and methods of an engine."""
    engine = fc.Engine({"macd": fc.MACD(), "ema": fc.EMA(3)})
    symbol = engine.symbol("BTC")
    assert (
        symbol._ipython_key_completions_()
        == engine.columns
        == ["macd.macd", "macd.signal", "macd.hist", "ema"]
    )
    assert fc.MACD()._ipython_key_completions_() == ["macd", "signal", "hist"]
    assert fc.EMA()._ipython_key_completions_() == []
    assert {"on_ticks", "symbol", "snapshot", "ledger"} <= set(dir(engine))
    assert {"RSI", "Engine", "rsi", "shm"} <= set(dir(fc))
    assert repr(symbol) == "<Symbol BTC, 0 ticks received>"
    engine.drop("BTC")
    assert symbol._ipython_key_completions_() == []
    assert repr(symbol) == "<Symbol BTC, 0 ticks received>"


def test_native_methods_tell_what_they_take() -> None:
    """In words, where pybind11 would show types."""
    engine = fc.Engine(PLAN)
    symbol = engine.symbol("S")
    for made, text in (
        (lambda: engine.on_time("soon"), "Engine.on_time takes ts (a whole number), not 'soon'"),
        (lambda: engine.flush(3), "Engine.flush takes no arguments, not 3"),
        (lambda: symbol.snapshot(3), "Symbol.snapshot takes history (True or False), not 3"),
        (lambda: fc.Symbol(), "Symbol: a symbol is made by its engine, engine.symbol(name)"),
        (lambda: shm.create(None, fc.TICK), "shm.create: name must be text, not None"),
        (lambda: shm.attach(3), "shm.attach: name must be text, not 3"),
    ):
        with pytest.raises(TypeError) as error:
            made()
        assert str(error.value) == text
