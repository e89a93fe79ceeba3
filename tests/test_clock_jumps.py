"""Clocks that jump by hours under load: the servers', and that of the program itself."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, cast

import pytest
import redis
import sqlalchemy as sa
from cache_tools import Clock, Loader, in_loop, until
from clocks import JumpingClock
from fastcore.cache import Cache, Kind
from fastcore.store import Database
from servers import Postgres, Valkey

HOUR = 3600


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JumpingClock:
    made = JumpingClock(tmp_path)
    made.install(monkeypatch)
    return made


WRITING = """
    import asyncio, json, sys, time
    from fastcore.store import Database, Pool, Writer, schema

    async def main(url, clock):
        began, days = time.monotonic(), set()
        async with Database(url, pool=Pool(size=2, overflow=0, timeout=60)) as database:
            await database.upgrade()
            done = []
            async with Writer(database, rows=20, delay=0.001) as writer:
                for i in range(300):
                    if i % 50 == 0:  # forward, back behind where it began, and so on
                        offset = 3600 * (i // 50) * (-1) ** (i // 50)
                        with open(clock, "r+b") as file:
                            file.write(offset.to_bytes(8, "little", signed=True))
                    days.add(round((time.time() - time.monotonic()) / 3600))
                    own = {"ts": [10**18 + i], "symbol": "BTC", "name": "cross", "value": [float(i)]}
                    done.append(await writer.write(schema.signals, {"key": f"s{i}", **own}))
                    if i % 10 == 9:
                        await done[-1]
            acknowledged = sum([await one for one in done])
            stats = database.stats()
            print(json.dumps({
                "acknowledged": acknowledged,
                "retries": writer.stats()["retries"],
                "timeouts": stats["pool"]["timeouts"],
                "open": stats["breaker"]["open"],
                "clocks": len(days),
                "waited": stats["pool"]["wait_ns"]["max"] / 1e9,
                "seconds": time.monotonic() - began,
            }))

    asyncio.run(main(*sys.argv[1:]))
"""


@in_loop
async def test_what_is_acknowledged_is_there_whatever_the_clocks_say(clock: JumpingClock) -> None:
    """The server's clock and the writer's jump together, by up to five hours, six times."""
    with Postgres() as server:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", textwrap.dedent(WRITING), server.url(), str(clock.file)),
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parent,
        )
        out, _ = await child.communicate()
        assert child.returncode == 0
        told = json.loads(out)
        clock.jump(0)
        async with Database(server.url()) as database, database.connect() as connection:
            rows = await connection.scalar(sa.text("SELECT count(DISTINCT key) FROM signals"))
    assert told["clocks"] == 6  # it did jump
    assert rows == told["acknowledged"] == 300
    assert (told["retries"], told["timeouts"], told["open"]) == (0, 0, False)
    assert told["waited"] < 600  # where the clocks went on by hours
    assert told["seconds"] < 600


@in_loop
async def test_a_value_is_good_for_its_time_whatever_the_servers_clock_says(
    clock: JumpingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server's clock that goes back lets values live, one that goes forward ends them: no errors."""
    kinds: dict[str, Kind | float] = {"bars": Kind(ttl=60, jitter=0)}
    options: dict[str, Any] = {"timeout": 10}
    with Valkey() as server, redis.Redis(port=server.port) as client:
        here, probe = Clock(monkeypatch), cast(Any, client)
        probe.set("probe", "x", px=60_000)
        async with (
            Cache(kinds, url=server.url, **options) as first,
            Cache(kinds, url=server.url, **options) as second,
        ):
            await first.set("bars", "back", "value")
            clock.jump(-5 * HOUR)
            # The server looks at its clock ten times a second.
            await until(lambda: probe.pttl("probe") > HOUR * 1000, "the server's clock went back")
            assert await second.get("bars", "back") == "value"
            here.pass_by(61)
            assert second.local("bars", "back") is None  # not for five hours more

            await first.set("bars", "forward", "value")
            clock.jump(5 * HOUR)
            await until(lambda: probe.get("probe") is None, "the server's clock went forward")
            assert first.local("bars", "forward") == "value"  # by a clock that only goes forward
            loader = Loader("loaded")
            assert await second.get_or_load("bars", "forward", loader) == "loaded"
            assert loader.calls == 1
            assert not first.degraded
            assert not second.degraded
