"""Batches with tables of names of their own: every tick keeps its symbol, however batches are joined."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from fastcore.feeds import TickBatch
from fastcore.feeds.history import spliced
from fastcore.feeds.memory import MemoryFeed
from fastcore.feeds.wire import decode, encode
from fastcore.loop import Intake
from fastcore.loop.joining import joined
from fastcore.loop.sources import as_async
from fastcore.sinks import MemorySink
from hypothesis import given, settings
from hypothesis import strategies as st
from loops import NAMES, TickLoop, ran, same
from samples import SECOND, T0

RULES = ["block", "drop_oldest", "conflate"]

#: Of each batch its table, and of each tick a number, in the table or not, and whether it is a quote.
tables = st.lists(
    st.tuples(
        st.lists(st.sampled_from([*NAMES, "XRPUSDT"]), min_size=1, max_size=4, unique=True),
        st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=12,
)


def of_tables(shape: Any) -> tuple[list[TickBatch], dict[int, str]]:
    """Batches, and by the id of each tick its symbol, "" where its table has none."""
    batches, names, place = [], {}, 0
    for table, entries in shape:
        ticks = np.zeros(len(entries), fc.TICK)
        for at, (number, quote) in enumerate(entries):
            place += 1
            ticks[at] = (T0 + place * SECOND, 100.0 + place % 7, 0.0 if quote else 1.0, place, number, 0)
            names[place] = table[number] if number < len(table) else ""
        batches.append(TickBatch(ticks, table))
    return batches, names


def named(batch: TickBatch) -> dict[int, str]:
    """By the id of each tick the symbol that the batch says."""
    known = dict(enumerate(batch.symbols))
    return {int(tick["id"]): known.get(int(tick["symbol"]), "") for tick in batch.ticks}


@given(tables)
def test_joined_ticks_keep_their_symbols(shape: Any) -> None:
    """Also those that have none."""
    batches, names = of_tables(shape)
    before = [batch.ticks.copy() for batch in batches]
    both = joined(batches)
    assert named(both) == names
    assert both.ticks["id"].tolist() == list(names)
    assert all((batch.ticks == copy).all() for batch, copy in zip(batches, before, strict=True))


def test_tables_that_only_grew_are_joined_as_they_are() -> None:
    """The longest is the table, the same object."""
    ticks = np.zeros(1, fc.TICK)
    long = list(NAMES)
    assert (
        joined([TickBatch(ticks, NAMES[:1]), TickBatch(ticks, long), TickBatch(ticks, [])]).symbols
        is not long
    )
    assert joined([TickBatch(ticks, NAMES[:1]), TickBatch(ticks, long)]).symbols is long
    assert joined([TickBatch(ticks, long), TickBatch(ticks, NAMES[:2])]).symbols is long


@settings(max_examples=60)
@given(tables, st.sampled_from(RULES), st.integers(1, 30), st.integers(1, 40), st.booleans())
def test_each_symbol_gets_its_own_ticks(
    shape: Any, rule: Any, capacity: int, batch: int, apart: bool
) -> None:
    """Through every rule: the rows of each symbol are those of its ticks fed one by one."""
    batches, names = of_tables(shape)
    sink = MemorySink()
    engine = fc.Engine({"sma": fc.SMA(2)})
    intake = Intake(MemoryFeed(batches) if apart else batches, when_full=rule, capacity=capacity)
    stats = ran(TickLoop(engine, intake, sinks=[sink], batch=batch))

    alone = fc.Engine({"sma": fc.SMA(2)})
    seen = []
    for event in sink.events:
        for tick, row in zip(event.ticks, event.rows, strict=True):
            name = names[int(tick["id"])]
            assert event.symbols[tick["symbol"]] == name
            symbol = alone.symbol(name)
            symbol.on_tick(int(tick["ts"]), float(tick["price"]), float(tick["size"]))
            assert same(np.array(symbol.values()), row)
            seen.append(int(tick["id"]))
    assert seen == sorted(set(seen))
    left = sum(feed["dropped"] + feed["conflated"] for feed in stats["feeds"].values())
    if not left:
        assert seen == [number for number, name in names.items() if name]
    assert set(engine.symbols) == {names[number] for number in seen}


@pytest.mark.parametrize("rule", RULES)
def test_messages_of_one_symbol_each(rule: Any) -> None:
    """As brokers' feeds give them: every message has the names of its own ticks alone."""
    batches = []
    for place in range(20):
        for name, price in (("BTCUSDT", 60_000.0), ("ETHUSDT", 10.0)):
            ticks = np.zeros(5, fc.TICK)
            ticks["ts"], ticks["price"], ticks["size"] = T0 + place * SECOND + np.arange(5), price, 1.0
            batches.append(decode(encode(TickBatch(ticks, [name]))))
    engine = fc.Engine({"sma": fc.SMA(2)})
    ran(TickLoop(engine, Intake(batches, when_full=rule)))
    for name, price in (("BTCUSDT", 60_000.0), ("ETHUSDT", 10.0)):
        assert engine.symbol(name).ledger["accepted"] == 100
        assert engine.symbol(name)["sma"] == price


@pytest.mark.parametrize("batch", [1, 16_384])
def test_history_and_live_have_tables_of_their_own(batch: int) -> None:
    """Spliced, every tick goes where its own batch says."""

    def ticks(number: int, start: int, price: float) -> Any:
        found = np.zeros(4, fc.TICK)
        found["ts"], found["price"] = T0 + (start + np.arange(4)) * SECOND, price
        found["size"], found["symbol"] = 1.0, number
        return found

    async def history() -> AsyncIterator[TickBatch]:
        for place in range(3):
            yield TickBatch(ticks(0, place * 4, 60_000.0), ["BTCUSDT"])

    table = ["ETHUSDT", "BTCUSDT"]
    live = [TickBatch(ticks(0, 20, 10.0), table), TickBatch(ticks(1, 20, 60_000.0), table)]
    engine = fc.Engine({"sma": fc.SMA(2)})
    ran(TickLoop(engine, spliced(history(), as_async(live)), batch=batch))
    assert {name: engine.symbol(name).ledger["accepted"] for name in engine.symbols} == {
        "BTCUSDT": 16,
        "ETHUSDT": 4,
    }
    assert [engine.symbol(name)["sma"] for name in table] == [10.0, 60_000.0]


@pytest.mark.parametrize("place", [0, 2, 3])
@pytest.mark.parametrize("sinks", [True, False])
def test_a_tick_of_no_symbol_is_refused_wherever_it_stands(place: int, sinks: bool) -> None:
    """Counted, and the others are taken; no sink sees it."""
    ticks = np.zeros(4, fc.TICK)
    ticks["ts"], ticks["price"], ticks["size"] = T0 + np.arange(4), 1.0, 1.0
    ticks["symbol"][place] = 9
    sink = MemorySink()
    stats = ran(
        TickLoop(fc.Engine({"sma": fc.SMA(2)}), [TickBatch(ticks, ["A"])], sinks=[sink] if sinks else [])
    )
    assert stats["loop"]["refused"] == 1
    assert stats["engine"]["accepted"] == stats["engine"]["received"] == 3
    assert [len(event) for event in sink.events] == [3] * sinks
