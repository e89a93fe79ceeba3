"""The database of webhooks: what it counts, what it forgets, and that its size costs nothing."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastcore.serve.mailroom import Letter, Mailroom
from hypothesis import given
from hypothesis import strategies as st

STEPS = st.lists(
    st.tuples(
        st.sampled_from(("receive", "settle", "post", "sent", "failed", "dead", "replay", "wrong", "forget")),
        st.integers(0, 5),
    ),
    max_size=30,
)


def lost(_: BaseException) -> None:
    """It was not settled, since the batch that it rode with was refused: it would be acted upon again."""


async def take(room: Mailroom, step: str, number: int) -> None:
    """One step of a life of messages."""
    name = f"m{number}"
    if step == "receive":
        await room.receive("desk", name, b"{}")
    elif step == "settle":
        room.settle("desk", name, lost)
    elif step == "post":
        await room.post([Letter(name, "desk", b"{}", 0), Letter(f"{name} too", "other", b"{}", 0)])
    elif step == "sent":
        await room.sent(name)
    elif step in ("failed", "dead"):
        await room.failed(name, "no answer", None if step == "dead" else 0.0)
    elif step == "replay":
        await room.replay(name)
    elif step == "wrong":  # the batch is rolled back, after a row of it was written
        await asyncio.gather(room.receive("late", name, b"{}"), room.do(refused), return_exceptions=True)
    else:
        old = f"UPDATE inbox SET at = 0; UPDATE outbox SET at = 0 WHERE id = '{name}'"
        for statement in old.split(";"):
            await room.do(lambda db, statement=statement: db.execute(statement))  # type: ignore[misc]
        await room.counts()


def refused(db: sqlite3.Connection) -> None:
    db.execute("INSERT INTO outbox (id, target, body, at, due) VALUES ('never', 'desk', '', 0, 0)")
    raise sqlite3.OperationalError("the disk is full")


def counted(path: Path) -> dict[str, int]:
    """The counts, by looking at each row."""
    with sqlite3.connect(path) as db:
        states = Counter(state for (state,) in db.execute("SELECT state FROM outbox"))
        received = len(db.execute("SELECT * FROM inbox").fetchall())
    db.close()
    return {name: states[name] for name in ("waiting", "sent", "dead")} | {"received": received}


@given(STEPS)
def test_counts_are_those_of_the_rows(steps: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "webhooks.db"

        async def main() -> dict[str, int]:
            room = Mailroom(path)
            for step, number in steps:
                await take(room, step, number)
            found = await room.counts()
            await asyncio.to_thread(room.close)
            return found

        assert asyncio.run(main()) == counted(path)


def test_what_is_long_done_is_forgotten_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "webhooks.db"

    async def main() -> dict[str, int]:
        room = Mailroom(path)
        for number in range(6):
            await room.receive("desk", f"m{number}", b"{}")
            await room.post([Letter(f"m{number}", "desk", b"{}", 0)])
        for number in range(3):
            room.settle("desk", f"m{number}", lost)
            await room.sent(f"m{number}")
        await room.failed("m5", "gone", None)
        eight_days = time.time() - 8 * 86_400
        for table in ("inbox", "outbox"):
            text = f"UPDATE {table} SET at = ? WHERE id <> 'm0'"
            await room.do(lambda db, text=text: db.execute(text, (eight_days,)))  # type: ignore[misc]
        found = await room.counts()
        await asyncio.to_thread(room.close)
        return found

    assert asyncio.run(main()) == {"waiting": 2, "sent": 1, "dead": 1, "received": 4} == counted(path)


def test_no_question_reads_a_whole_table(tmp_path: Path) -> None:
    """What a week holds, a hundred million messages at 200 a second, is in nobody's way."""
    asked: list[str] = []

    async def main() -> None:
        room = Mailroom(tmp_path / "webhooks.db")
        room._db.set_trace_callback(asked.append)
        for step in ("receive", "settle", "post", "failed", "dead", "replay", "sent"):
            await take(room, step, 1)
        await room.counts()
        assert await room.due("desk", 8) == []
        assert await room.dead(10) == []
        await room.unsettled()
        room._db.set_trace_callback(None)
        await asyncio.to_thread(room.close)

    asyncio.run(main())
    db = sqlite3.connect(tmp_path / "webhooks.db")
    plans = {
        text: [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {text}")]
        for text in set(filter(questions, asked))
    }
    db.close()
    assert len(plans) >= 12
    whole = {
        text: plan
        for text, plan in plans.items()
        if any(step.startswith("SCAN") and step != "SCAN counts" for step in plan)
    }
    assert not whole
    assert not any("TEMP B-TREE" in step for plan in plans.values() for step in plan)


def questions(text: str) -> bool:
    return text.startswith(("SELECT", "INSERT", "UPDATE", "DELETE"))


def test_a_room_of_before_is_counted_once(tmp_path: Path) -> None:
    path = tmp_path / "webhooks.db"

    def lived(step: Callable[[Mailroom], Any]) -> dict[str, int]:
        async def main() -> dict[str, int]:
            room = Mailroom(path)
            await step(room)
            found = await room.counts()
            await asyncio.to_thread(room.close)
            return found

        return asyncio.run(main())

    lived(lambda room: room.post([Letter(f"m{i}", "desk", b"{}", 0) for i in range(3)]))
    db = sqlite3.connect(path)
    for kind, names in (
        ("TRIGGER", "inbox_in inbox_out outbox_in outbox_out outbox_moved"),
        ("TABLE", "counts"),
    ):
        for name in names.split():
            db.execute(f"DROP {kind} {name}")
    db.execute("INSERT INTO inbox (source, id, body, at) VALUES ('desk', 'before', '', 0)")
    db.commit()
    db.close()
    expected = {"waiting": 2, "sent": 1, "dead": 0, "received": 1}
    assert lived(lambda room: room.sent("m1")) == expected
    assert (
        lived(lambda room: room.receive("desk", "m0", b"{}")) == expected | {"received": 2} == counted(path)
    )
