"""The tick loop from end to end: what comes out is what one batch would give, whatever happens around it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from fastcore.errors import ConfigError
from fastcore.feeds import BarBatch, TickBatch
from fastcore.feeds.files import read_ticks
from fastcore.feeds.memory import MemoryFeed, QueueFeed, paced
from fastcore.loop import BarEvent, Intake, Outlet, Row, Signal, Strategy, run
from fastcore.sinks import CallbackSink, MemorySink
from hypothesis import given, settings
from hypothesis import strategies as st
from loops import NAMES, PLAN, TickLoop, balanced, cut, ran, same, stream, together, whole
from samples import MINUTE, SECOND, T0


class Everything:
    """A strategy that keeps all it is given, in order."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_row(self, row: Row) -> None:
        self.seen.append(row)

    def on_bar(self, bar: BarEvent) -> None:
        self.seen.append(bar)


@settings(max_examples=20)
@given(sizes=st.lists(st.integers(1, 70), min_size=1, max_size=5), batch=st.integers(1, 100))
def test_rows_do_not_depend_on_batches(sizes: list[int], batch: int) -> None:
    """However ticks come and are taken, a sink gets the rows of one call with all of them."""
    ticks = stream(400)
    ticks["price"][[7, 90]] = np.nan, -1.0
    ticks["ts"][200] -= MINUTE
    sink = MemorySink()
    stats = ran(TickLoop(fc.Engine(PLAN), cut(ticks, sizes), sinks=[sink], batch=batch))
    rows, outcomes = whole(ticks)
    got = together(sink)
    assert same(got.rows, rows)
    assert got.outcomes.tolist() == outcomes.tolist()
    assert got.ticks["id"].tolist() == ticks["id"].tolist()
    assert stats["engine"]["invalid"] == 2
    assert sink.closed
    assert sink.columns == list(fc.Engine(PLAN).columns)


@settings(max_examples=20)
@given(
    sizes=st.lists(st.integers(1, 70), min_size=1, max_size=5),
    batch=st.integers(1, 400),
    history=st.integers(1, 9),
)
def test_strategies_see_rows_and_bars_in_their_order(sizes: list[int], batch: int, history: int) -> None:
    """Each tick that was taken, and before it the bars that it closed, however the ticks were batched.

    A history shorter than what a batch closes loses none of them.
    """
    ticks = stream(400, gap=2 * SECOND)
    ticks["price"][50] = 0.0
    ticks["ts"][200:] += 300 * SECOND
    ticks["ts"][300] += 10**15
    ticks["price"][300] = np.nan
    strategy = Everything()
    engine = fc.Engine(PLAN, history=history)
    ran(TickLoop(engine, cut(ticks, sizes), strategies=[strategy], bars=["1m"], batch=batch, tune_gc=False))

    expected = told_one_by_one(fc.Engine(PLAN, history=400), ticks, ["1m"])
    assert repr(strategy.seen) == repr(expected)  # in which one NaN is like another
    assert sum(isinstance(event, BarEvent) for event in strategy.seen) > 20


def told_one_by_one(engine: fc.Engine, ticks: Any, spans: Sequence[str]) -> list[Any]:
    """Each tick that is taken, and before it what it made anew and what it closed; history must hold it."""
    found: list[Any] = []
    known: dict[tuple[str, str], tuple[int, int, int]] = {}
    for tick in ticks:
        name = NAMES[tick["symbol"]]
        symbol = engine.symbol(name)
        symbol.on_tick(int(tick["ts"]), float(tick["price"]), float(tick["size"]), int(tick["side"]))
        values = list(symbol.values())
        for span in spans:
            closed = symbol.bars(span)
            anew = symbol.revisions(span) if symbol.outcome == "late_accepted" else closed[:0]
            before, revised, newest = known.get((name, span), (0, 0, 0))
            new = closed[before:].tolist()
            if span == "1m" and new:  # a bar that was put between others is one made anew
                new = [bar for bar in new if bar[0] > newest]
            told = anew[revised:].tolist() + new
            found += [BarEvent._make((name, span, *bar, values)) for bar in told]
            newest = new[-1][0] if new else newest
            known[name, span] = len(closed), max(revised, len(anew)), newest
        if symbol.outcome in ("accepted", "late_accepted"):
            found.append(Row(name, int(tick["ts"]), float(tick["price"]), float(tick["size"]), values))
    return found


EVERY_KIND = (
    "1m",
    "90s@+7s",
    "1h@America/New_York",
    "3tick",
    "25vol",
    "range:0.05",
    "renko:0.03",
    "vol_runs:90",
)
OF_BARS = ("5m from 1m", "10bar from 3tick", "heikin_ashi from 1m")


@settings(max_examples=20)
@given(sizes=st.lists(st.integers(1, 70), min_size=1, max_size=5), split=st.booleans(), fill=st.booleans())
def test_strategies_see_every_kind_of_bar_right_before_the_tick_that_closed_it(
    sizes: list[int], split: bool, fill: bool
) -> None:
    """With all that is known of it: several of one tick, bars at equal times, bars of bars."""
    ticks = stream(400, gap=9 * SECOND, symbols=2)
    ticks["ts"] = ticks["ts"] // (30 * SECOND) * 30 * SECOND
    ticks["side"] = np.arange(400) % 3 - 1
    ticks["price"][50], ticks["ts"][100] = -1.0, T0
    spans = EVERY_KIND + OF_BARS
    plan = {f"sma{i}": fc.SMA(2).on(span) for i, span in enumerate(spans)}
    policy = fc.Policy(large_trades="split" if split else "whole", fill="flat" if fill else "none")
    strategy = Everything()
    loop = TickLoop(
        fc.Engine(plan, history=1000, policy=policy), cut(ticks, sizes), strategies=[strategy], bars=spans
    )
    stats = ran(loop)
    expected = told_one_by_one(fc.Engine(plan, history=1000, policy=policy), ticks, spans)
    assert repr(strategy.seen) == repr(expected)
    assert {event.span for event in strategy.seen if isinstance(event, BarEvent)} == set(spans)
    assert stats["loop"]["bars_lost"] == 0


@settings(max_examples=20)
@given(sizes=st.lists(st.integers(1, 70), min_size=1, max_size=5))
def test_strategies_are_told_what_late_ticks_make_anew(sizes: list[int]) -> None:
    """Each bar that changed, with its number, before the tick that changed it."""
    ticks = stream(300, gap=9 * SECOND)
    ticks["ts"][5::6] -= 80 * SECOND
    ticks["size"] = 1.0
    spans = ("1m", "4tick", "range:0.05")
    plan = {f"sma{i}": fc.SMA(2).on(span) for i, span in enumerate(spans)}
    policy = fc.Policy(order="revise", revise_bars=20)
    strategy = Everything()
    engine = fc.Engine(plan, history=300, policy=policy)
    ran(TickLoop(engine, cut(ticks, sizes), strategies=[strategy], bars=spans))
    expected = told_one_by_one(fc.Engine(plan, history=300, policy=policy), ticks, spans)
    assert repr(strategy.seen) == repr(expected)
    anew = [event for event in strategy.seen if isinstance(event, BarEvent) and event.revision]
    assert {event.span for event in anew} == set(spans)
    for name in NAMES:  # who keeps the last that was told of each bar has the bars of the engine
        newest = {
            e.ts: e for e in strategy.seen if isinstance(e, BarEvent) and (e.symbol, e.span) == (name, "1m")
        }
        bars = engine.symbol(name).bars("1m")
        assert [newest[ts].close for ts in bars["ts"].tolist()] == bars["close"].tolist()


def test_bars_that_the_history_cannot_hold_are_counted() -> None:
    """A jump over a hundred bricks, of which twenty are kept."""
    ticks = stream(2, symbols=1)
    ticks["price"] = 100.0, 200.0
    strategy = Everything()
    engine = fc.Engine({"sma": fc.SMA(2).on("renko:1")}, history=20)
    stats = ran(TickLoop(engine, cut(ticks, [2]), strategies=[strategy], bars=["renko:1"]))
    told = [event for event in strategy.seen if isinstance(event, BarEvent)]
    assert len(told) == 20
    assert stats["loop"]["bars_lost"] == 80
    assert told[-1].close == 200.0


def test_bars_that_close_at_the_end_are_told() -> None:
    """A buffer lets out what it holds when the feeds have ended."""
    ticks = stream(60, symbols=1, gap=9 * SECOND)
    policy = fc.Policy(order="buffer", lateness="1h")
    strategy, sink = Everything(), MemorySink()
    engine = fc.Engine(PLAN, history=64, policy=policy)
    stats = ran(TickLoop(engine, cut(ticks, [7]), strategies=[strategy], sinks=[sink], bars=["1m"]))
    bars = engine.symbol(NAMES[0]).bars("1m")
    assert [bar.ts for bar in strategy.seen] == bars["ts"].tolist()
    assert len(bars) > 5
    assert stats["engine"]["held"] == 0


def test_a_row_knows_columns_and_is_no_view() -> None:
    """What is kept stays as it was, and names find outputs."""
    kept: list[Row] = []
    ticks = stream(100, symbols=1)
    loop = TickLoop(fc.Engine(PLAN), cut(ticks, [9]), strategies=[kept.append])
    ran(loop)
    rows, _ = whole(ticks)
    assert same(np.array([row.values for row in kept]), rows)
    assert kept[-1]["fast"] == rows[-1, 0] == loop.engine.symbol("BTCUSDT")["fast"]
    symbol, ts, price, size, values = kept[-1]
    assert (symbol, ts, price, size) == ("BTCUSDT", *ticks[["ts", "price", "size"]][-1].item())
    assert values is kept[-1].values
    with pytest.raises(fc.UnknownNameError, match=r"no column 'slow' in the row; it has fast, bands\.upper"):
        kept[-1]["slow"]


def test_rows_for_sinks_share_nothing_with_the_engine() -> None:
    """The engine goes on; what waits in a queue does not change."""
    sink = MemorySink()
    engine = fc.Engine(PLAN, history=16)
    ran(TickLoop(engine, cut(stream(50, symbols=1), [10]), sinks=[sink]))
    symbol = engine.symbol("BTCUSDT")
    for event in sink.events:
        assert not np.shares_memory(event.rows, symbol.row)
        assert not np.shares_memory(event.rows, symbol.history("fast"))


def test_a_strategy_that_raises_hurts_itself_alone(caplog: pytest.LogCaptureFixture) -> None:
    """It is counted, logged once and stopped; the others and the engine go on."""
    calls = 0

    def broken(row: Row) -> None:
        nonlocal calls
        calls += 1
        raise RuntimeError("no such order")

    def moody(row: Row) -> None:
        if row.ts % 3:
            raise ValueError

    kept: list[Row] = []
    ticks = stream(300)
    ticks["ts"] = T0 + np.arange(300)
    with caplog.at_level(logging.WARNING):
        stats = ran(
            TickLoop(
                fc.Engine(PLAN),
                cut(ticks, [70]),
                strategies=[Strategy(broken, failures=5), moody, kept.append],
            )
        )
    assert calls == 5
    assert stats["strategies"]["broken"] == {"calls": 5, "signals": 0, "failures": 5, "stopped": True}
    # Two failures, then a success: never ten in a row.
    assert stats["strategies"]["moody"]["failures"] == np.count_nonzero(ticks["ts"] % 3)
    assert not stats["strategies"]["moody"]["stopped"]
    assert len(kept) == 300
    written = [record.getMessage() for record in caplog.records if "broken" in record.getMessage()]
    assert len(written) == 2  # a flood of failures is one line
    assert "RuntimeError: no such order" in written[0]
    assert "test_loop.py:" in written[0]
    assert "strategy broken is stopped: it has failed 5 times in a row" in written[1]


def test_async_strategies_run_beside_the_engine() -> None:
    """They get every row through a queue of their own, and their signals reach sinks before these close."""

    class Slow:
        def __init__(self) -> None:
            self.rows = 0

        async def on_row(self, row: Row) -> Signal | None:
            await asyncio.sleep(0)
            self.rows += 1
            return Signal(row.symbol, row.ts, "hundredth") if self.rows % 100 == 0 else None

    slow, sink = Slow(), MemorySink(wants=["signals"])
    stats = ran(TickLoop(fc.Engine(PLAN), cut(stream(1000), [64]), strategies=[slow], sinks=[sink]))
    assert slow.rows == 1000
    assert [signal.value for signal in sink.events] == ["hundredth"] * 10
    assert {signal.strategy for signal in sink.events} == {"Slow"}
    assert stats["strategies"]["Slow"]["signals"] == 10


def test_signals_reach_other_strategies_and_end() -> None:
    """One speaks, the other answers; two that answer each other for ever are cut off."""

    class Echo:
        def __init__(self, name: str) -> None:
            self.heard = 0
            self.__name__ = name

        def on_signal(self, signal: Signal) -> Signal:
            self.heard += 1
            return Signal(signal.symbol, signal.ts, "echo")

    def speaks(row: Row) -> list[Signal]:
        return [Signal(row.symbol, row.ts, "hello")]

    one, other = Echo("one"), Echo("other")
    stats = ran(TickLoop(fc.Engine(PLAN), cut(stream(3), [1]), strategies=[speaks, one, other]))
    assert one.heard == other.heard > 3
    assert stats["loop"]["signals_refused"] == 3 * 2


def test_a_strategy_that_returns_nonsense_is_counted() -> None:
    """Only signals are signals."""
    stats = ran(TickLoop(fc.Engine(PLAN), cut(stream(20), [20]), strategies=[lambda row: "buy"]))
    assert stats["strategies"]["<lambda>"]["stopped"]
    assert stats["strategies"]["<lambda>"]["failures"] == 10


def test_bars_from_outside_reach_the_engine_strategies_and_sinks() -> None:
    """Candles of a venue close bars; those of an unknown span are counted and left out."""
    bars = np.zeros(40, fc.BAR)
    bars["ts"] = T0 // MINUTE * MINUTE + np.arange(40) * MINUTE
    bars["count"], bars["buy_volume"], bars["complete"] = 7, 3.5, True
    for field in ("open", "high", "low", "close"):
        bars[field] = 100 + np.sin(np.arange(40))
    strategy, sink = Everything(), MemorySink()
    engine = fc.Engine(PLAN, history=64)
    batches = [BarBatch("1m", bars, ["BTCUSDT"] * 40), BarBatch("7m", bars[:3], ["BTCUSDT"] * 3)]
    stats = ran(TickLoop(engine, MemoryFeed(batches), strategies=[strategy], sinks=[sink], bars=["1m"]))
    apart = fc.Engine(PLAN).symbol("BTCUSDT")
    for bar in bars.tolist():
        apart.on_bar("1m", *bar[:6])
    assert engine.symbol("BTCUSDT")["rsi"] == apart["rsi"]
    assert [bar.ts for bar in strategy.seen] == bars["ts"].tolist()
    assert {(bar.ticks, bar.buy_volume, bar.complete) for bar in strategy.seen} == {(7, 3.5, True)}
    assert strategy.seen == sink.events
    assert same(np.array(strategy.seen[-1].values), np.array(apart.values()))
    assert stats["loop"]["refused"] == 3


def test_absurd_times_are_refused_one_by_one() -> None:
    """Milliseconds at the head of a batch cost those ticks, not the batch; the loop goes on."""
    ticks = stream(100)
    ticks["ts"][[0, 1, 40]] //= 1_000_000
    sink = MemorySink()
    stats = ran(TickLoop(fc.Engine(PLAN), cut(ticks, [30]), sinks=[sink]))
    assert stats["loop"]["refused"] + stats["engine"]["invalid"] + stats["engine"]["rejected"] == 3
    assert stats["engine"]["accepted"] == 97


def test_a_feed_that_breaks_ends_alone(caplog: pytest.LogCaptureFixture) -> None:
    """What it gave before is taken, and the other feed is read to its end."""

    async def breaks() -> Any:
        yield TickBatch(stream(5), NAMES)
        raise ConnectionError("gone")

    ticks = stream(50)
    feeds = [Intake(breaks(), name="broken"), Intake(MemoryFeed(cut(ticks, [7])), name="good")]
    stats = ran(TickLoop(fc.Engine(PLAN, policy=fc.Policy(order="accept")), feeds))
    assert stats["engine"]["received"] == 55
    assert feeds[0].error == "ConnectionError: gone"
    assert "feed broken ended: ConnectionError: gone" in caplog.text


def test_a_feed_of_something_else_is_refused() -> None:
    """Not a batch: the feed ends with a sentence, the loop in order."""
    intake = Intake([{"price": 1.0}], name="dicts")
    ran(TickLoop(fc.Engine(PLAN), intake))
    assert intake.error == "TypeError: a feed gives TickBatch or BarBatch, not dict"


def test_stopping_drains_and_saves(tmp_path: Path) -> None:
    """Of a feed that never ends, all that came is written, and the engine saved as it stands."""
    path = tmp_path / "engine.snapshot"
    ticks = stream(500)

    async def main() -> tuple[fc.Engine, MemorySink, dict[str, Any]]:
        feed, sink = QueueFeed(), MemorySink()
        engine = fc.Engine(PLAN)
        async with TickLoop(engine, feed, sinks=[Outlet(sink)], save=path) as loop:
            for batch in cut(ticks, [50]):
                feed.push(batch)
            while loop.stats()["engine"]["received"] < 500:
                await asyncio.sleep(0)
        return engine, sink, loop.stats()

    engine, sink, stats = run(main())
    balanced(stats)
    assert same(together(sink).rows, whole(ticks)[0])
    assert stats["sinks"]["MemorySink"]["written"] == 500
    assert path.read_bytes() == engine.snapshot()
    assert fc.Engine.load(path).symbol("BTCUSDT").values() == engine.symbol("BTCUSDT").values()


def test_what_policies_hold_is_released_at_the_end() -> None:
    """A stream that waits for its order has no tick left behind."""
    engine = fc.Engine(PLAN, policy=fc.Policy(order="buffer", lateness="1h"))
    stats = ran(TickLoop(engine, cut(stream(50), [50])))
    assert stats["engine"]["accepted"] == 50
    assert stats["engine"]["held"] == 0


def test_waiting_within_the_block_sees_the_feeds_end() -> None:
    """`wait` returns when all is through, and what the loop raised is raised there."""

    async def main() -> int:
        async with TickLoop(fc.Engine(PLAN), cut(stream(80), [9])) as loop:
            await loop.wait()
            return int(loop.stats()["engine"]["received"])

    assert run(main()) == 80


def test_a_sink_that_cannot_be_opened_stops_the_start() -> None:
    """Nothing was taken then."""

    class Closed(MemorySink):
        async def open(self, columns: Any) -> None:
            raise ConfigError("this sink is closed")

    engine = fc.Engine(PLAN)
    with pytest.raises(ConfigError, match="this sink is closed"):
        run(TickLoop(engine, cut(stream(10), [5]), sinks=[Closed()]).run())
    assert engine.ledger["received"] == 0


def test_pacing_keeps_order_and_loses_nothing() -> None:
    """At a speed at which nothing waits, all ticks come, late ones too."""
    ticks = stream(500)
    ticks["ts"][100] -= MINUTE
    sink = MemorySink()
    ran(TickLoop(fc.Engine(PLAN), paced(cut(ticks, [99]), speed=1e9), sinks=[sink]))
    assert same(together(sink).rows, whole(ticks)[0])


def test_a_file_is_a_feed(tmp_path: Path) -> None:
    """As fast as it can be read, and at a pace."""
    ticks = stream(300, symbols=1)
    fields = ticks[["ts", "price", "size"]].tolist()
    lines = [f"{ts},BTCUSDT,{price!r},{size!r}" for ts, price, size in fields]
    path = tmp_path / "ticks.csv"
    path.write_text("\n".join(["ts,symbol,price,size", *lines]))
    for feed in (read_ticks(path, batch=70), paced(read_ticks(path, batch=70), speed=1e9)):
        sink = MemorySink()
        ran(TickLoop(fc.Engine(PLAN), feed, sinks=[sink]))
        assert same(together(sink).rows, whole(ticks)[0])


def test_a_feed_in_a_thread_is_as_one_in_memory() -> None:
    """An iterator that is not async is read beside the loop, to the same end."""
    ticks = stream(300)
    sink = MemorySink()
    ran(TickLoop(fc.Engine(PLAN), iter(cut(ticks, [40])), sinks=[sink]))
    assert same(together(sink).rows, whole(ticks)[0])


def test_impossible_options_stop_before_the_start() -> None:
    """Each is a sentence that names the thing and the value."""
    engine, feed = fc.Engine(PLAN), cut(stream(1), [1])

    class Half:
        def on_row(self, row: Row) -> None: ...

        async def on_bar(self, bar: BarEvent) -> None: ...

    cases: list[tuple[Any, str]] = [
        (lambda: TickLoop("engine", feed), "engine must be a fastcore.Engine, not 'engine'"),  # type: ignore[arg-type]
        (lambda: TickLoop(engine, 5), "a feed must be an iterable or async iterable, not 5"),
        (lambda: TickLoop(engine, []), "there is no feed"),
        (lambda: TickLoop(engine, feed, batch=0), "batch must be a whole number of ticks above 0, not 0"),
        (lambda: TickLoop(engine, feed, strategies=[5]), "a strategy is a callable"),
        (lambda: TickLoop(engine, feed, strategies=[Half()]), "on_row is not, on_bar is"),
        (lambda: TickLoop(engine, feed, sinks=[5]), "a sink has the methods open, write and close"),  # type: ignore[list-item]
        (lambda: TickLoop(engine, feed, bars=["1m"]), "bars needs an engine with a history"),
        (lambda: TickLoop(fc.Engine(PLAN, history=4), feed, bars=["2m"]), "bars has '2m'"),
        (lambda: TickLoop(engine, feed, bars="1m"), "bars must be a sequence of spans, not '1m'"),
        (lambda: TickLoop(engine, feed, save="/no/such/folder/engine"), "whose folder is not there"),
        (lambda: Intake(feed, when_full="wait"), "one of block, drop_oldest, conflate, not 'wait'"),  # type: ignore[arg-type]
        (lambda: Intake(feed, capacity=0), "capacity must be a whole number of ticks above 0, not 0"),
        (lambda: Outlet(MemorySink(), when_full="wait"), "one of block, drop, spill, not 'wait'"),  # type: ignore[arg-type]
        (lambda: Outlet(MemorySink(), capacity=True), "capacity must be a whole number of rows above 0"),
        (lambda: Outlet(MemorySink(), folder="/no/such/folder"), "'/no/such/folder' is not there"),
        (lambda: Strategy(print, failures=0), "failures must be a whole number of at least 1, not 0"),
        (
            lambda: TickLoop(engine, feed).every("soon", print),
            "every: span must be a whole number and one of",
        ),
        (lambda: TickLoop(engine, feed).every(f"{10**20}d", print), "every: span must be a whole number"),
        (lambda: TickLoop(engine, feed).at(1_700_000_000, print), "at: ts must be nanoseconds"),
    ]
    for make, sentence in cases:
        with pytest.raises((ConfigError, fc.InputError)) as caught:
            make()
        assert sentence in str(caught.value)
    assert engine.ledger["received"] == 0


def test_two_of_a_name_are_told_apart() -> None:
    """Statistics count each."""
    heard: list[Any] = []
    sinks = [CallbackSink(heard.append), CallbackSink(heard.append)]
    stats = ran(TickLoop(fc.Engine(PLAN), [MemoryFeed(cut(stream(5), [5])), MemoryFeed([])], sinks=sinks))
    assert list(stats["sinks"]) == ["CallbackSink", "CallbackSink 2"]
    assert list(stats["feeds"]) == ["MemoryFeed", "MemoryFeed 2"]
    assert len(heard) == 2
