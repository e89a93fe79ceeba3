"""What a loop is given: sinks, feeds and strategies of their kind, each once, and of one loop alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fastcore as fc
import pytest
from fastcore.errors import ConfigError
from fastcore.loop import Intake, Outlet, Signal, Strategy, run
from fastcore.sinks import MemorySink
from loops import PLAN, TickLoop, cut, ran, stream


def test_queues_belong_to_one_loop() -> None:
    """In another one's they would lose what comes."""
    outlet, intake = Outlet(MemorySink()), Intake(cut(stream(10), [10]))
    ran(TickLoop(fc.Engine(PLAN), intake, sinks=[outlet]))
    for feed, sinks in ((cut(stream(10), [5]), [outlet]), (intake, [])):
        engine = fc.Engine(PLAN)
        with pytest.raises(ConfigError, match=r"<(Outlet|Intake) of .*> belongs to another loop"):
            run(TickLoop(engine, feed, sinks=sinks).run())
        assert engine.ledger["received"] == 0


def test_the_same_thing_twice_is_refused() -> None:
    """It would be read, or written to, twice at once."""
    engine, sink, intake, strategy = fc.Engine(PLAN), MemorySink(), Intake(iter([])), Strategy(print)
    for option, make in (
        ("sinks", lambda: TickLoop(engine, iter([]), sinks=[sink, sink])),
        ("sinks", lambda: TickLoop(engine, iter([]), sinks=[Outlet(sink), Outlet(sink, name="b")])),
        ("feeds", lambda: TickLoop(engine, [intake, intake])),
        ("strategies", lambda: TickLoop(engine, iter([]), strategies=[strategy, strategy])),
    ):
        with pytest.raises(ConfigError, match=rf"{option} has the same <.*> twice"):
            make()


def test_names_that_are_numbered_meet_no_other() -> None:
    feeds = [Intake([], name=name) for name in ("a", "a", "a 2")]
    assert len(ran(TickLoop(fc.Engine(PLAN), feeds))["feeds"]) == 3


class Plain:
    """A sink whose methods are not async."""

    def __init__(self) -> None:
        self.done: list[Any] = []

    def open(self, columns: Any) -> None:
        self.done.append("open")

    def write(self, event: Any, /) -> None:
        self.done.append(len(event))

    def close(self) -> None:
        self.done.append("close")


def test_a_sink_without_async_methods_is_one() -> None:
    """It failed at its first write, with words about ``await``, and lost all."""
    sink: Any = Plain()
    assert (
        ran(TickLoop(fc.Engine(PLAN), cut(stream(20), [20]), sinks=[sink]))["sinks"]["Plain"]["written"] == 20
    )
    assert sink.done == ["open", 20, "close"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"when_full": "wait"}, "Strategy: when_full must be one of block, drop, spill, not 'wait'"),
        ({"capacity": 0}, "Strategy: capacity must be a whole number of rows above 0, not 0"),
        ({"capacity": "many"}, "Strategy: capacity must be a whole number of rows above 0, not 'many'"),
    ],
)
def test_a_strategy_is_checked_where_it_is_made(options: Any, said: str) -> None:
    """Also one that is not async, and has no queue yet."""
    with pytest.raises(ConfigError, match=said):
        Strategy(print, **options)


def test_tuning_is_a_yes_or_no() -> None:
    with pytest.raises(TypeError, match="TickLoop: tune_gc must be True or False, not 'no'"):
        fc.TickLoop(fc.Engine(PLAN), iter([]), tune_gc="no")  # type: ignore[arg-type]


def test_a_class_is_nothing_of_its_kind() -> None:
    """It is told at once; what was meant is one of them."""

    class Body:
        def on_row(self, row: Any) -> None: ...

        def __iter__(self) -> Any: ...

    for make in (lambda: Outlet(MemorySink), lambda: Strategy(Body), lambda: Intake(Body)):  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="class"):
            make()


def test_a_folder_is_no_file_to_save_to(tmp_path: Path) -> None:
    """It is told before the start, not at the end."""
    with pytest.raises(ConfigError, match="which is a folder and no file"):
        TickLoop(fc.Engine(PLAN), cut(stream(10), [5]), save=tmp_path)


def test_what_is_said_must_be_signals() -> None:
    loop = TickLoop(fc.Engine(PLAN), iter([]))
    with pytest.raises(TypeError, match="say: signals must be Signals, not 1"):
        run(loop.say([Signal("A", 1), 1]))  # type: ignore[list-item]
