"""What no feed should give and no strategy should say: refused and counted, and the loop goes on."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from fastcore.errors import JournalError
from fastcore.feeds import Outage, TickBatch
from fastcore.feeds.memory import MemoryFeed
from fastcore.loop import Intake, Rows, Signal
from fastcore.loop.intake import conflated
from fastcore.sinks import MemorySink
from fastcore.sinks.store import StoreSink
from fastcore.sinks.wire import decode, encode
from loops import NAMES, PLAN, TickLoop, cut, ran, stream, together, whole


@pytest.mark.parametrize("name", [None, 7, "\ud800", b"BTC"])
def test_a_name_that_is_none_costs_its_batch_alone(name: Any) -> None:
    """The batches around it are taken, to the bit."""
    ticks, sink = stream(150), MemorySink()
    batches = cut(ticks, [50])
    batches[1] = TickBatch(batches[1].ticks, [name, "B", "C"])
    stats = ran(TickLoop(fc.Engine(PLAN), batches, sinks=[sink], batch=50))
    assert stats["loop"]["refused"] == 50
    rest = np.concatenate([ticks[:50], ticks[100:]])
    assert together(sink).rows.tobytes() == whole(rest)[0].tobytes()


@pytest.mark.parametrize(
    ("ticks", "names", "said"),
    [
        (stream(4).reshape(2, 2), NAMES, "TickBatch.ticks must have one dimension, not 2"),
        (stream(1).reshape(()), NAMES, "TickBatch.ticks must have one dimension, not 0"),
        (stream(2), None, "TickBatch.symbols must be a list of names, not None"),
        (stream(2), "BTC", "TickBatch.symbols must be a list of names, not 'BTC'"),
        (stream(2), np.array(NAMES), r"TickBatch.symbols must be a list of names, not array\("),
    ],
)
def test_a_batch_of_another_form_is_refused_where_it_is_made(ticks: Any, names: Any, said: str) -> None:
    """Two dimensions were counted as their rows, and lost; some tables failed in the loop's midst."""
    with pytest.raises(TypeError, match=said):
        TickBatch(ticks, names)


@pytest.mark.parametrize(("order", "told"), [("buffer", 1), ("drop", 0)])
def test_rows_that_a_policy_holds_are_told_of(
    order: Any, told: int, caplog: pytest.LogCaptureFixture
) -> None:
    """They are handed over as held, and that is all: who works with rows is to know."""
    engine = fc.Engine(PLAN, policy=fc.Policy(order=order, lateness="5s"))
    sink = MemorySink()
    with caplog.at_level(logging.WARNING):
        ran(TickLoop(engine, cut(stream(100), [10]), sinks=[sink], batch=10))
    assert caplog.text.count("the policy holds ticks back") == told
    assert (together(sink).outcomes == fc.OUTCOMES.index("held")).any() == bool(told)


class Fails(fc.Engine):
    """An engine whose journal's disk is full for a while."""

    calls = 0

    def on_ticks(self, ticks: Any, **options: Any) -> Any:
        self.calls += 1
        if self.calls == 3:
            raise JournalError("the journal cannot be written: no space left")
        return super().on_ticks(ticks, **options)


@pytest.mark.parametrize("hears", [False, True])
def test_what_an_engine_could_not_take_is_not_acknowledged(hears: bool) -> None:
    """Nor what comes behind it: a broker gives it again. Bad ticks are, as they would come for ever."""

    class Broker(MemoryFeed):
        hears_of_refused = hears
        safe = 0

        def commit(self, rows: int) -> None:
            self.safe = rows

    ticks = stream(100)
    ticks["symbol"][:5] = 99
    feed = Broker(cut(ticks, [20]))
    stats = ran(TickLoop(Fails(PLAN), Intake(feed, capacity=20), batch=20))
    assert stats["loop"]["refused"] == 5 + 20
    assert stats["engine"]["received"] == 75
    assert feed.safe == (100 if hears else 40)


def test_an_outage_takes_any_names() -> None:
    assert Outage({"BTCUSDT"}).symbols == ["BTCUSDT"]


@pytest.mark.parametrize("flaw", ["nan", "negative", "older"])
def test_a_quote_that_may_be_refused_overtakes_none(flaw: str) -> None:
    """Else the engine would know neither it nor the good one before."""
    ticks = stream(6, symbols=1, quotes=1.0)
    if flaw == "older":
        ticks["ts"][-1] = ticks["ts"][0] - 1
    else:
        ticks["price"][-1] = np.nan if flaw == "nan" else -1.0
    assert conflated(ticks)["id"].tolist() == [5, 6]


@pytest.mark.parametrize(
    ("value", "back"),
    [
        (np.float64(1.5), 1.5),
        (np.float32(0.5), 0.5),
        (np.int64(-3), -3),
        (np.bool_(True), True),
        (np.str_("buy"), "buy"),
        ([np.float64(1.0), {"rows": np.uint8(2)}], [1.0, {"rows": 2}]),
        (np.arange(3), [0, 1, 2]),
    ],
)
def test_what_a_strategy_takes_from_arrays_goes_over_the_wire(value: Any, back: Any) -> None:
    """``rows["rsi"][-1]`` is NumPy's number, and so is the time beside it."""
    signal = decode(encode(Signal(NAMES[0], np.int64(10**18), value)))  # type: ignore[arg-type]
    assert signal == Signal(NAMES[0], 10**18, back)
    assert type(signal.ts) is int


NESTED: list[Any] = []
NESTED.append(NESTED)


@pytest.mark.parametrize(
    "value", [object(), np.datetime64(1, "s"), np.array([None]), 2**70, "\ud800", NESTED]
)
def test_what_no_message_holds_is_told_in_a_sentence(value: Any) -> None:
    with pytest.raises(fc.InputError, match="a message of the kind 'signal' cannot hold what it was given"):
        encode(Signal(NAMES[0], 10**18, value))


@pytest.mark.parametrize("value", [np.float32(3.0), np.int64(3), 3])
def test_numbers_of_arrays_are_numbers_in_the_store(value: Any, tmp_path: Path) -> None:
    """An int64 was a note."""
    sink = StoreSink(f"sqlite:///{tmp_path}/test.db")
    row = sink._signal(Signal(NAMES[0], 10**18, value))
    assert (row["value"], row["note"]) == ([3.0], "")


def test_signals_of_arrays_reach_sinks_as_they_are() -> None:
    """In the process nothing is converted."""

    class Says:
        def on_rows(self, rows: Rows) -> Signal:
            return Signal(rows.symbols[0], rows.ticks["ts"][-1], rows["fast"][-1])

    sink = MemorySink(wants=("signals",))
    ran(TickLoop(fc.Engine(PLAN), cut(stream(20), [10]), strategies=[Says()], sinks=[sink], batch=10))
    assert [type(event.value) for event in sink.events] == [np.float64] * 2
