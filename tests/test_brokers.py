"""Streams of Valkey and NATS JetStream, on real servers: nothing lost, whatever is killed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import fastcore as fc
import nats
import numpy as np
import pytest
import redis.asyncio
from brokers import Broker, Nats, Valkey
from fastcore.errors import ConfigError, InputError
from fastcore.feeds import BarBatch, TickBatch, wire
from fastcore.feeds.nats import NatsFeed
from fastcore.feeds.valkey import ValkeyFeed
from fastcore.loop import BarEvent, Rows, Signal, run
from fastcore.sinks import MemorySink
from fastcore.sinks import wire as events
from fastcore.sinks.brokers import NatsSink, ValkeySink
from hypothesis import given
from hypothesis import strategies as st
from loops import NAMES, PLAN, TickLoop, balanced, cut, same, stream, together, whole

both = pytest.mark.parametrize("kind", [Valkey, Nats])


async def until(loop: fc.TickLoop, received: int) -> None:
    """Wait until the engine has received so many ticks."""
    async with asyncio.timeout(60):
        while loop.stats()["engine"]["received"] < received:
            await asyncio.sleep(0.005)


def messages(ticks: Any, size: int = 50) -> list[bytes]:
    return [wire.encode(batch) for batch in cut(ticks, [size])]


@both
def test_a_stream_gives_the_rows_of_one_batch(kind: type[Broker], tmp_path: Path) -> None:
    """All that was published, in order, to the same bits; and what the engine has taken is acknowledged."""
    ticks = stream(1000)

    async def main() -> tuple[MemorySink, Any, int]:
        async with kind(tmp_path) as broker:
            await broker.publish(*messages(ticks[:600]))
            feed, sink = broker.feed(), MemorySink()
            async with TickLoop(fc.Engine(PLAN), feed, sinks=[sink]) as loop:
                await until(loop, 600)
                await broker.publish(*messages(ticks[600:]), b"not a message", b"\x91" * 5000)
                await until(loop, 1000)
                while feed.counts()["malformed"] < 2:
                    await asyncio.sleep(0.005)
            return sink, loop.stats(), await broker.open_messages()

    sink, stats, left = run(main())
    balanced(stats)
    assert same(together(sink).rows, whole(ticks)[0])
    (counts,) = stats["feeds"].values()
    assert counts["malformed"] == 2  # the second is nested more deeply than a decoder goes
    assert counts["acknowledged"] == 22
    assert left == 0


@both
@pytest.mark.parametrize("forgets", [False, True])
def test_a_server_that_is_killed_comes_back(kind: type[Broker], forgets: bool, tmp_path: Path) -> None:
    """The feed connects again, and goes on where it was, whether the server heard what was safe or not."""
    ticks = stream(400)
    policy = fc.Policy(duplicates="id", duplicate_window=1024)

    async def main() -> tuple[MemorySink, Any]:
        async with kind(tmp_path) as broker:
            await broker.publish(*messages(ticks[:200]))
            sink, feed = MemorySink(), broker.feed()
            if forgets:
                feed.commit = lambda rows: None
            async with TickLoop(fc.Engine(PLAN, policy=policy), feed, sinks=[sink]) as loop:
                await until(loop, 200)
                broker.kill()
                await asyncio.sleep(0.05)
                await broker.start()
                await broker.publish(*messages(ticks[200:]))
                async with asyncio.timeout(60):
                    while loop.stats()["engine"]["accepted"] < 400:
                        await asyncio.sleep(0.005)
            return sink, loop.stats()

    sink, stats = run(main())
    balanced(stats)
    got = together(sink)
    again = len(got.ticks) - 400  # what was not acknowledged came again, and is counted as that
    assert stats["engine"]["accepted"] == 400
    assert stats["engine"]["duplicate"] == again
    taken = got.outcomes == fc.OUTCOMES.index("accepted")
    assert got.ticks["id"][taken].tolist() == ticks["id"].tolist()
    assert same(got.rows[taken], whole(ticks)[0])


@pytest.mark.parametrize("saves", [False, True])
def test_what_was_not_saved_comes_again(saves: bool, tmp_path: Path) -> None:
    """A process that dies, with or without a snapshot behind it, and its successor see every tick once."""
    ticks = stream(600)
    path = tmp_path / "engine"
    plan = {"sum": fc.SMA(50), "ema": fc.EMA(9)}
    policy = fc.Policy(duplicates="id", duplicate_window=1024)

    async def main() -> tuple[fc.Engine, int]:
        async with Valkey(tmp_path) as broker:
            await broker.publish(*messages(ticks[:400], 40))
            engine = fc.Engine(plan, policy=policy)
            feed = broker.feed()
            loop = TickLoop(engine, feed, save=path, save_every=1e-9 if saves else 1e9)
            loop._saving.saved_at = float("inf") if not saves else 0.0
            running = asyncio.create_task(loop.run())
            await until(loop, 400)
            # It dies: nothing of its end takes place, neither a save nor an acknowledgement.
            loop._saving.make_safe = lambda engine, at_the_end=False: None  # type: ignore[method-assign]
            feed._safe.clear()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            left = await broker.open_messages()
            await broker.publish(*messages(ticks[400:], 40))
            engine = fc.Engine.load(path) if saves else fc.Engine(plan, policy=policy)
            async with TickLoop(engine, broker.feed(), save=path) as second:
                async with asyncio.timeout(60):
                    while engine.ledger["accepted"] < 600:
                        await asyncio.sleep(0.005)
            assert second.stats()["engine"]["accepted"] == 600
            assert await broker.open_messages() == 0
            return engine, left

    engine, left = run(main())
    assert left > 0
    reference = fc.Engine(plan)
    reference.on_ticks(ticks, symbols=NAMES)
    for name in NAMES:
        assert engine.symbol(name).values() == reference.symbol(name).values()


@pytest.mark.parametrize(("seconds", "waits"), [(0.05, 0.06), (1.0, 0.0)])
def test_what_another_consumer_left_is_taken_over(tmp_path: Path, seconds: float, waits: float) -> None:
    """It held entries and was never heard of again: for long enough when the feed begins, or later."""
    ticks = stream(200)

    async def main() -> Any:
        async with Valkey(tmp_path) as broker:
            await broker.publish(*messages(ticks, 20))
            async with redis.asyncio.Redis.from_url(broker.url) as client:
                await client.xgroup_create("ticks", "engines", id="0")
                await client.xreadgroup("engines", "dead", {"ticks": ">"}, count=4)
            await asyncio.sleep(waits)
            feed = broker.feed(consumer="alive", claim_seconds=seconds)
            async with TickLoop(fc.Engine(PLAN, policy=fc.Policy(order="accept")), feed) as loop:
                await until(loop, 200)
            assert await broker.open_messages() == 0
            return loop.stats()

    stats = run(main())
    assert stats["feeds"]["ValkeyFeed"]["claimed"] == 4
    assert stats["engine"]["received"] == 200


def test_without_a_group_reading_begins_where_it_is_told(tmp_path: Path) -> None:
    """At the first entry, at an id, or at what comes next; the position says where it is."""
    ticks = stream(60)

    async def main() -> list[list[int]]:
        found = []
        async with Valkey(tmp_path) as broker:
            await broker.publish(*messages(ticks, 20))
            position = "0"
            for _ in range(3):
                feed = broker.feed(group="", start=position, count=1)
                async for batch in feed:
                    found.append(batch.ticks["id"].tolist())
                    break
                position = feed.position
                await feed.aclose()
        return found

    assert run(main()) == [list(range(1, 21)), list(range(21, 41)), list(range(41, 61))]


def test_nothing_is_missed_from_the_next_entry_on(tmp_path: Path) -> None:
    """What came between two questions, before the first entry, was lost: each began at what came after it."""
    ticks = stream(60)

    async def main() -> list[int]:
        async with Valkey(tmp_path) as broker:
            await broker.publish(*messages(ticks[:20], 20))
            feed, asked = broker.feed(group="", start="$"), 0
            acknowledge = feed._acknowledge

            async def between() -> None:
                nonlocal asked
                asked += 1
                if asked == 2:
                    await broker.publish(*messages(ticks[20:40], 20))
                elif asked == 3:
                    await broker.publish(*messages(ticks[40:], 20))
                await acknowledge()

            feed._acknowledge = between
            found: list[int] = []
            async with asyncio.timeout(30):
                async for batch in feed:
                    found += batch.ticks["id"].tolist()
                    if found[-1] == 60:
                        break
            await feed.aclose()
        return found

    assert run(main()) == list(range(21, 61))


@pytest.mark.parametrize("group", ["", "engines"])
@pytest.mark.parametrize("start", ["0", "$"])
@pytest.mark.parametrize(
    ("spoilt", "says"),
    [
        ("key", "WRONGTYPE"),
        ("password", "[Aa]uthenticat|NOAUTH"),
        ("rights", "[Nn]o permissions"),
        ("database", "DB index is out of range"),
    ],
)
def test_what_a_server_will_always_refuse_is_said_at_once(
    spoilt: str, says: str, group: str, start: str, tmp_path: Path
) -> None:
    """It was tried again for ever, with a warning."""

    async def main() -> None:
        async with Valkey(tmp_path) as broker:
            url = broker.url
            async with redis.asyncio.Redis.from_url(broker.url) as client:
                if spoilt == "key":
                    await client.set("ticks", "a text")
                elif spoilt == "password":
                    await client.config_set("requirepass", "secret")
                elif spoilt == "rights":
                    await client.execute_command("ACL", "SETUSER", "guest", "on", "nopass", "~other", "+@all")
                    url = url.replace("redis://", "redis://guest:x@")
                else:
                    url += "/99"
            feed = ValkeyFeed(url, "ticks", group=group, start=start)
            async with asyncio.timeout(30):
                with pytest.raises(ConfigError, match=f"stream 'ticks' cannot be read: .*({says})"):
                    await anext(aiter(feed))
            await feed.aclose()

    run(main())


def test_a_server_that_begins_to_refuse_is_waited_for(tmp_path: Path) -> None:
    ticks = stream(40)

    async def main() -> Any:
        async with Valkey(tmp_path) as broker:
            await broker.publish(*messages(ticks[:20], 20))
            feed = broker.feed()
            async with (
                asyncio.timeout(60),
                redis.asyncio.Redis.from_url(broker.url) as client,
                TickLoop(fc.Engine(PLAN), feed) as loop,
            ):
                await until(loop, 20)
                await client.rename("ticks", "kept")
                await client.set("ticks", "a text")
                while feed.counts()["lost_connections"] < 2:
                    await asyncio.sleep(0.005)
                await client.delete("ticks")
                await client.rename("kept", "ticks")
                await broker.publish(*messages(ticks[20:], 20))
                await until(loop, 40)
                return loop.stats()

    stats = run(main())
    balanced(stats)
    (counts,) = stats["feeds"].values()
    assert counts["lost_connections"] > 1


def test_a_consumer_that_is_deleted_is_made_again(tmp_path: Path) -> None:
    """It goes on where the feed was; the feed asked for ever, and got nothing."""
    ticks = stream(100)

    async def main() -> tuple[MemorySink, Any]:
        async with Nats(tmp_path) as broker:
            await broker.publish(*messages(ticks[:40], 20))
            sink = MemorySink()
            async with TickLoop(fc.Engine(PLAN), broker.feed(), sinks=[sink]) as loop:
                await until(loop, 40)
                client = await nats.connect(f"nats://127.0.0.1:{broker.port}")
                await client.jetstream().delete_consumer("TICKS", "fastcore")
                await broker.publish(*messages(ticks[40:], 20))
                await until(loop, 100)
                await client.close()
            assert await broker.open_messages() == 0
            return sink, loop.stats()

    sink, stats = run(main())
    balanced(stats)
    assert same(together(sink).rows, whole(ticks)[0])
    assert stats["engine"]["received"] == 100


@both
def test_sinks_carry_events_to_others(kind: type[Broker], tmp_path: Path) -> None:
    """Rows, bars and signals arrive as they were; a feed reads the ticks out of the rows."""
    ticks = stream(300)

    def strategy(row: Any) -> Signal | None:
        return (
            Signal(row.symbol, row.ts, {"price": row.price, "why": ["low", 1]}) if row.ts % 7 == 0 else None
        )

    async def main() -> tuple[MemorySink, MemorySink]:
        async with kind(tmp_path) as broker:
            own, other = MemorySink(), MemorySink()
            sinks = [broker.sink(), own]
            await TickLoop(fc.Engine(PLAN), cut(ticks, [50]), strategies=[strategy], sinks=sinks).run()
            async with TickLoop(fc.Engine(PLAN), broker.feed(), sinks=[other]) as loop:
                await until(loop, 300)
        return own, other

    own, other = run(main())
    assert same(together(own).rows, together(other).rows)
    assert len(own.events) > 6  # signals, too
    for event in own.events:
        if isinstance(event, Signal):
            assert events.decode(events.encode(event)) == event


def test_a_sink_whose_server_is_away_waits_for_it(tmp_path: Path) -> None:
    """For a while: a short absence loses nothing, and the loop never notices."""
    ticks = stream(200)

    async def main() -> tuple[int, Any]:
        async with Valkey(tmp_path) as broker:
            loop = TickLoop(fc.Engine(PLAN), cut(ticks, [20]), batch=20, sinks=[broker.sink(retries=20)])
            for outlet in loop.outlets:
                await outlet.sink.open([])
            broker.kill()
            running = asyncio.create_task(loop.run())
            await asyncio.sleep(0.05)
            await broker.start()
            await running
            async with redis.asyncio.Redis.from_url(broker.url) as client:
                return await client.xlen("ticks"), loop.stats()["sinks"]

    try:
        entries, sinks = run(main())
    except redis.exceptions.ConnectionError:
        pytest.fail("the sink gave up")
    assert entries == 10
    assert sinks["ValkeySink"]["lost"] == 0


# ---- messages ----


@given(st.integers(0, 40), st.lists(st.text(min_size=1, max_size=5), min_size=3, max_size=5, unique=True))
def test_batches_survive_the_wire(rows: int, names: list[str]) -> None:
    """Bit for bit, with the names that they use and no others."""
    ticks = stream(rows)
    batch = wire.decode(wire.encode(TickBatch(ticks, names)))
    assert isinstance(batch, TickBatch)
    used = sorted(set(ticks["symbol"].tolist()))
    assert batch.symbols == [names[code] for code in used]
    assert [batch.symbols[code] for code in batch.ticks["symbol"]] == [
        names[code] for code in ticks["symbol"]
    ]
    for field in ("ts", "price", "size", "id", "side"):
        assert same(np.ascontiguousarray(batch.ticks[field]), np.ascontiguousarray(ticks[field]))
    bars = BarBatch("1m", np.zeros(rows, fc.BAR), ["X"] * rows)
    back = wire.decode(wire.encode(bars))
    assert isinstance(back, BarBatch)
    assert (back.span, back.names, back.bars.tolist()) == (bars.span, bars.names, bars.bars.tolist())


def event_examples() -> list[Any]:
    ticks = stream(20)
    rows, outcomes = whole(ticks)
    numbers = (1.0, 2.0, 0.5, 1.5, 9.0, 10.0, 1.2, 3.0, 4.0, 3)
    bar = BarEvent("X", "1m", 10**18, *numbers, 10**18 + 5, 10**18 + 9, 1, False, False, 2, [1.0, 2.0])
    return [
        Rows(ticks, NAMES, rows, outcomes, list(fc.Engine(PLAN).columns)),
        bar,
        Signal("X", 10**18, [1, "a"], "me"),
    ]


def test_events_survive_the_wire() -> None:
    """Rows, bars, signals."""
    rows, bar, signal = event_examples()
    back = events.decode(events.encode(rows))
    assert isinstance(back, Rows)
    assert back.ticks.tolist() == rows.ticks.tolist()
    assert same(back.rows, rows.rows)
    assert same(back.outcomes, rows.outcomes)
    assert back.columns == rows.columns
    assert events.decode(events.encode(bar)) == bar
    assert events.decode(events.encode(signal)) == signal


@given(st.integers(0, 2), st.integers(0, 3000), st.integers(1, 255))
def test_damage_is_a_sentence(which: int, place: int, flip: int) -> None:
    """A byte that is another, or bytes that are missing: an error of ours or an event, and never a crash."""
    data = bytearray(events.encode(event_examples()[which]))
    for damaged in (data[: place % len(data)], _flipped(data, place % len(data), flip)):
        for decode in (events.decode, wire.decode):
            try:
                decode(bytes(damaged))
            except InputError as error:
                assert "message" in str(error)


def _flipped(data: bytearray, place: int, flip: int) -> bytearray:
    other = bytearray(data)
    other[place] ^= flip
    return other


def test_impossible_messages_are_refused() -> None:
    """Each says what is wrong."""
    ticks = stream(2).tobytes()
    cases: list[tuple[bytes, str]] = [
        (b"", "0 bytes are no message"),
        (b"\x91" * 5000, "5000 bytes are no message"),  # nested
        (wire.pack("ticks", {"symbols": ["A"], "ticks": ticks}), "of 1 symbols has ticks of symbol"),
        (
            wire.pack("ticks", {"symbols": NAMES, "ticks": ticks[:-1]}),
            "ticks must be bytes, 40 for each, not 79",
        ),
        (wire.pack("ticks", {"symbols": [1, 2, 3], "ticks": ticks}), "symbols must be a list of names"),
        (
            wire.pack("ticks", {"symbols": NAMES, "ticks": ticks, "v": 2}),
            "is of version 2; this is version 1",
        ),
        (wire.pack("bars", {"span": "1m", "names": ["A"], "bars": b""}), "of 0 bars has 1 names"),
        (wire.pack("other", {}), "of the kind 'other' holds no ticks or bars"),
    ]
    for data, sentence in cases:
        with pytest.raises(InputError) as caught:
            wire.decode(data)
        assert sentence in str(caught.value)
    with pytest.raises(InputError, match="of the kind 'bar' lacks 'symbol'"):
        events.decode(wire.pack("bar", {}))
    signal = {"symbol": "A", "ts": 1, "value": None, "strategy": ""}
    bar = dict(zip(BarEvent._fields, event_examples()[1], strict=True))  # type: ignore[arg-type]
    for kind, fields in (
        ("signal", signal | {"symbol": 65}),
        ("signal", signal | {"ts": True}),
        ("signal", signal | {"ts": 1.5}),
        ("bar", bar | {"close": "1"}),
        ("bar", bar | {"complete": 1}),
        ("bar", bar | {"values": None}),
    ):
        with pytest.raises(InputError, match=f"a message of the kind '{kind}' has "):
            events.decode(wire.pack(kind, fields))
    rows = event_examples()[0]
    assert isinstance(rows, Rows)
    outcomes = np.full(len(rows), 99, np.uint8)
    with pytest.raises(InputError, match="a message of rows has outcome 99; there are"):
        events.decode(events.encode(Rows(rows.ticks, rows.symbols, rows.rows, outcomes, rows.columns)))
    with pytest.raises(InputError, match="of 2 rows has 0 outcomes"):
        events.decode(
            wire.pack("rows", {"symbols": NAMES, "ticks": ticks, "columns": [], "rows": b"", "outcomes": b""})
        )


def test_impossible_options_stop_before_the_start() -> None:
    """Each is a sentence."""
    cases: list[tuple[Any, str]] = [
        (lambda: ValkeyFeed("redis://x", ""), "stream and consumer must not be empty"),
        (lambda: ValkeyFeed("x://y", "ticks"), "url 'x://y' cannot be read"),
        (lambda: ValkeyFeed("redis://x", "ticks", count=0), "count must be at least 1"),
        (lambda: ValkeyFeed("redis://x", "ticks", start="now"), "start must be '$' or an entry's id"),
        (lambda: ValkeyFeed("redis://x", "ticks", start=0), "start must be '$' or an entry's id"),  # type: ignore[arg-type]
        (lambda: ValkeySink("redis://x", "ticks", longest=-1), "longest and retries 0 or more"),
        (lambda: NatsFeed("nats://x", "", "ticks"), "stream, subject and durable must not be empty"),
        (lambda: NatsSink("nats://x", ""), "subject must not be empty"),
        (
            lambda: TickLoop(fc.Engine(PLAN), [[]], save_every=1.0),
            "save_every must be 0 or more seconds, with a save",
        ),
    ]
    for make, sentence in cases:
        with pytest.raises(ConfigError) as caught:
            make()
        assert sentence in str(caught.value)
