"""History and what comes behind it, as one feed: nothing twice, and nothing lost in silence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from fastcore.errors import ConfigError
from fastcore.feeds import Outage, TickBatch
from fastcore.feeds.history import spliced
from fastcore.loop import TickLoop

T0 = 1_700_000_000_000_000_000
SECOND = 10**9


def trades(ids: Iterable[int], times: Iterable[int] | None = None, symbol: str = "A") -> TickBatch:
    """Trades by number; a second apart from where their number says, unless times are given."""
    numbers = list(ids)
    ticks = np.zeros(len(numbers), fc.TICK)
    ticks["id"] = numbers
    ticks["ts"] = [T0 + n * SECOND for n in (numbers if times is None else times)]
    ticks["price"] = 1.0
    return TickBatch(ticks, [symbol])


class Live:
    """A feed that keeps its messages until they are safe."""

    def __init__(self, *batches: TickBatch) -> None:
        self._batches = batches
        self.safe: list[int] = []
        self.closed = 0

    async def __aiter__(self) -> AsyncIterator[TickBatch]:
        for batch in self._batches:
            yield batch

    def counts(self) -> dict[str, int]:
        return {"messages": len(self._batches)}

    def commit(self, rows: int) -> None:
        self.safe.append(rows)

    async def aclose(self) -> None:
        self.closed += 1


def all_of(feed: Any) -> list[Any]:
    async def main() -> list[Any]:
        return [batch async for batch in feed]

    return asyncio.run(main())


def numbers(batches: list[Any]) -> list[int]:
    return [n for batch in batches for n in batch.ticks["id"].tolist()]


def outages(batches: list[Any]) -> list[tuple[int, list[str]]]:
    """The places of outages, in ticks, and their symbols."""
    found, place = [], 0
    for batch in batches:
        if isinstance(batch, Outage):
            found.append((place, batch.symbols))
        place += len(batch)
    return found


def test_a_hole_between_history_and_the_live_feed_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """It was passed over in silence: the live feed had begun after history's end."""
    feed = spliced([trades(range(1, 11))], [trades(range(8, 11)), trades(range(15, 20))])
    with caplog.at_level(logging.WARNING):
        got = all_of(feed)
    assert numbers(got) == [*range(1, 11), *range(15, 20)]
    assert outages(got) == [(10, ["A"])]
    assert feed.counts() == {"history": 10, "repeated": 3, "missing": 4}
    assert "A: trades 11 to 14 did not come" in caplog.text


def test_numbers_with_holes_of_their_own_tell_of_none() -> None:
    """Where a venue numbers several markets at once, the next number says nothing."""
    feed = spliced([trades([1, 4, 9])], [trades([9, 30])])
    assert outages(all_of(feed)) == []
    assert feed.counts()["missing"] == 0


def test_a_numbering_that_begins_anew_goes_on() -> None:
    """Every live trade was left out for ever, since its number was below history's last."""
    feed = spliced([trades(range(1_000, 1_010))], [trades(range(1, 50), range(2_000, 2_049))])
    assert len(numbers(all_of(feed))) == 10 + 49


def test_repetitions_are_left_out_until_the_seam() -> None:
    """By number, and where there is none, by time; of each symbol by itself."""
    quotes = trades([0, 0, 0], [3, 4, 5], "Q")
    feed = spliced(
        [trades(range(1, 5)), trades([0, 0], [2, 3], "Q")],
        [trades(range(2, 5)), quotes, trades(range(4, 8)), trades([7, 8], symbol="B")],
    )
    got = all_of(feed)
    by_symbol = {
        name: [n for batch in got if batch.symbols == [name] for n in batch.ticks["id"].tolist()]
        for name in "AQB"
    }
    assert by_symbol == {"A": list(range(1, 8)), "Q": [0, 0, 0, 0], "B": [7, 8]}
    assert feed.counts()["repeated"] == 3 + 1 + 1


def test_it_hands_on_what_a_feed_is_asked_for() -> None:
    """Counts, what is safe, and the end; a broker's messages were never acknowledged behind a history."""
    live = Live(trades(range(3, 6)), trades(range(6, 9)))
    feed = spliced([trades(range(1, 5))], live)
    engine = fc.Engine({"last": fc.SMA(1)})
    asyncio.run(TickLoop(engine, feed).run())
    assert engine.ledger["accepted"] == 8
    assert live.safe[-1] == 6  # rows of its own: three, of which one was taken, and three
    assert set(live.safe) <= {3, 6}
    assert live.closed == 1
    assert feed.counts() == {"messages": 2, "history": 4, "repeated": 2, "missing": 0}
    assert not hasattr(spliced([], []), "commit")


def test_feeds_that_are_none_are_sentences() -> None:
    for arguments, sentence in (
        ((None, []), "history must be iterable or async iterable, not None"),
        (([], 5), "live must be iterable or async iterable, not 5"),
        (([], [], 0), "most must be a whole number of ticks above 0, not 0"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            spliced(*arguments)  # type: ignore[arg-type]


def test_an_error_of_the_live_feed_comes_behind_history() -> None:
    def live() -> Any:
        yield trades([1])
        raise OSError("the line is cut")

    feed, got = spliced([trades([1])], live()), []

    async def main() -> None:
        async for batch in feed:
            got.append(batch)

    with pytest.raises(OSError, match="the line is cut"):
        asyncio.run(main())
    assert numbers(got) == [1]
