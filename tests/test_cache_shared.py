"""Level 2 on a real server: shared by processes, invalidated in all, and away without harm."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import numpy as np
import pytest
from cache_tools import Loader, in_loop, until
from fastcore.cache import Cache, Kind, _remote
from servers import Valkey, free_port


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server for tests that leave it alive: FASTCORE_TEST_REDIS, or one of their own."""
    given = os.environ.get("FASTCORE_TEST_REDIS")
    if given:
        yield given
    else:
        with Valkey() as server:
            yield server.url


@pytest.fixture
def prefix() -> str:
    return f"test-{secrets.token_hex(6)}"


async def caches(stack: AsyncExitStack, count: int, url: str, **options: Any) -> list[Cache]:
    """Caches over one server, each as a process of its own would have it."""
    kinds: dict[str, Kind | float] = {"bars": Kind(ttl=60, stale=10, negative=5, jitter=0), "short": 30}
    made = [Cache(kinds, url=url, timeout=10, **options) for _ in range(count)]
    for cache in made:
        await stack.enter_async_context(cache)
        assert not cache.degraded, cache.stats()["remote"]
    return made


@in_loop
async def test_one_loader_runs_for_all_processes(url: str, prefix: str) -> None:
    async with AsyncExitStack() as stack:
        several = await caches(stack, 4, url, prefix=prefix)
        load = Loader(np.arange(100.0))
        load.gate = asyncio.Event()
        asking = [asyncio.create_task(one.get_or_load("bars", "X", load)) for one in several * 50]
        await load.entered.wait()
        load.gate.set()
        for found in await asyncio.gather(*asking):
            np.testing.assert_array_equal(found, np.arange(100.0))
        assert load.calls == 1


@in_loop
async def test_a_value_goes_through_the_server_and_keeps_its_tags(url: str, prefix: str) -> None:
    async with AsyncExitStack() as stack:
        writer, reader = await caches(stack, 2, url, prefix=prefix)
        await writer.set("bars", "X", {"close": [1.5, 2.5]}, tags=["BTC"])
        assert await reader.get("bars", "X") == {"close": [1.5, 2.5]}
        assert reader.stats()["kinds"]["bars"]["remote_hits"] == 1
        await writer.invalidate("BTC")
        await until(lambda: reader.local("bars", "X") is None, "the reader hears of it")
        assert await reader.get("bars", "X", "none") == "none"


@pytest.mark.parametrize("how", ["delete", "invalidate", "clear", "set"])
@in_loop
async def test_an_invalidation_reaches_the_other_processes(url: str, prefix: str, how: str) -> None:
    async with AsyncExitStack() as stack:
        first, second = await caches(stack, 2, url, prefix=prefix)
        await first.set("bars", "X", "old", tags=["t"])
        assert await second.get("bars", "X") == "old"
        acts: dict[str, Any] = {
            "delete": lambda: first.delete("bars", "X"),
            "invalidate": lambda: first.invalidate("t"),
            "clear": first.clear,
            "set": lambda: first.set("bars", "X", "new"),
        }
        await acts[how]()
        await until(lambda: second.local("bars", "X") is None, "the other process forgets")
        assert await second.get("bars", "X") == ("new" if how == "set" else None)
        assert first.local("bars", "X") == ("new" if how == "set" else None)


@pytest.mark.parametrize("how", ["delete", "invalidate", "clear"])
@in_loop
async def test_a_load_that_another_process_overtakes_is_not_stored(url: str, prefix: str, how: str) -> None:
    async with AsyncExitStack() as stack:
        loads, invalidates = await caches(stack, 2, url, prefix=prefix)
        load = Loader("before")
        load.gate = asyncio.Event()
        early = asyncio.create_task(loads.get_or_load("bars", "X", load, tags=["t"]))
        await load.entered.wait()
        acts: dict[str, Any] = {
            "delete": lambda: invalidates.delete("bars", "X"),
            "invalidate": lambda: invalidates.invalidate("t"),
            "clear": invalidates.clear,
        }
        await acts[how]()
        load.gate.set()
        assert await early == "before"
        assert loads.local("bars", "X") is None
        assert await invalidates.get("bars", "X", "none") == "none"
        assert loads.stats()["kinds"]["bars"]["overtaken"] == 1


CHILD = """
    import asyncio, sys
    from fastcore.cache import Cache

    async def main():
        async with Cache({"bars": 60}, url=sys.argv[1], prefix=sys.argv[2]) as cache:
            print(await cache.get("bars", "X"), flush=True)
            while cache.local("bars", "X") is not None:
                await asyncio.sleep(0.001)
            print(await cache.get_or_load("bars", "X", lambda: "loaded by the child"), flush=True)

    asyncio.run(main())
"""


@in_loop
async def test_it_holds_between_real_processes(url: str, prefix: str) -> None:
    async with AsyncExitStack() as stack:
        (cache,) = await caches(stack, 1, url, prefix=prefix)
        await cache.set("bars", "X", "of the parent")
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", textwrap.dedent(CHILD), url, prefix), stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        try:
            assert await child.stdout.readline() == b"of the parent\n"
            await cache.delete("bars", "X")
            assert await child.stdout.readline() == b"loaded by the child\n"
            assert await cache.get("bars", "X") == "loaded by the child"
            assert await child.wait() == 0
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()


@in_loop
async def test_a_claim_of_a_process_that_died_is_waited_for_and_taken_over(
    url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_remote, "CLAIM_MS", 150)
    async with AsyncExitStack() as stack:
        dead, alive = await caches(stack, 2, url, prefix=prefix)
        remote = dead._levels.remote
        assert remote is not None
        assert await remote.claim(("bars", "X"), (), 60) is not None
        assert await alive.get_or_load("bars", "X", Loader("value")) == "value"


@in_loop
async def test_a_claim_is_kept_while_its_loader_runs(
    url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For longer than a claim lives, and still no other process loads."""
    life = 3_000
    monkeypatch.setattr(_remote, "CLAIM_MS", life)
    monkeypatch.setattr("fastcore.cache._levels.CLAIM_MS", life)
    async with AsyncExitStack() as stack:
        first, second = await caches(stack, 2, url, prefix=prefix)
        load = Loader("value")
        load.gate = asyncio.Event()
        asking = [asyncio.create_task(one.get_or_load("bars", "X", load)) for one in (first, second)]
        await load.entered.wait()
        await asyncio.sleep(1.2 * life / 1000)
        load.gate.set()
        assert await asyncio.gather(*asking) == ["value"] * 2
        assert load.calls == 1


@in_loop
async def test_a_loader_that_raises_gives_its_claim_back(url: str, prefix: str) -> None:
    async with AsyncExitStack() as stack:
        first, second = await caches(stack, 2, url, prefix=prefix)
        # An error of the kind that the client raises too, which says nothing of the server.
        with pytest.raises(ConnectionError, match="no feed"):
            await first.get_or_load("bars", "X", Loader(error=ConnectionError("no feed")))
        assert not first.degraded
        assert await second.get_or_load("bars", "X", Loader("value")) == "value"


@in_loop
async def test_values_that_cannot_be_read_are_misses(
    url: str, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with AsyncExitStack() as stack:
        (cache,) = await caches(stack, 1, url, prefix=prefix)
        remote = cache._levels.remote
        assert remote is not None
        await remote.client.set(f"{prefix}:{{bars:X}}:v", b"not an entry at all", px=60_000)
        with caplog.at_level(logging.WARNING):
            assert await cache.get_or_load("bars", "X", Loader("value")) == "value"
        assert "bars:X is taken for a miss: a cache entry is" in caplog.text
        assert cache.stats()["kinds"]["bars"]["undecodable"] >= 1
        other = Cache({"bars": Kind(ttl=60, schema=2)}, url=url, prefix=prefix)
        async with other:
            assert await other.get("bars", "X", "none") == "none"


@in_loop
async def test_the_server_forgets_when_the_time_is_up(url: str, prefix: str) -> None:
    async with AsyncExitStack() as stack:
        (cache,) = await caches(stack, 1, url, prefix=prefix)
        await cache.set("bars", "X", 1, tags=["t"])
        await cache.set("short", "X", 1)
        remote = cache._levels.remote
        assert remote is not None
        names = await remote.client.keys(f"{prefix}*")
        async with remote.client.pipeline() as pipe:  # all at one moment
            for name in names:
                pipe.pttl(name)
            left = await pipe.execute()
        lives = {name.decode().removeprefix(prefix): life for name, life in zip(names, left, strict=True)}
        assert set(lives) == {":{bars:X}:v", ":{short:X}:v", ":t:t"}
        assert 50_000 < lives[":{bars:X}:v"] <= 70_000
        assert 0 < lives[":{short:X}:v"] <= 30_000
        assert lives[":{bars:X}:v"] < lives[":t:t"] <= 75_000  # nor does a tag go before what it marks


# ---- the server goes away -------------------------------------------------------------------------


@in_loop
async def test_a_killed_server_costs_no_answer_and_what_is_owed_is_paid() -> None:
    with Valkey() as server:
        async with AsyncExitStack() as stack:
            first, second = await caches(stack, 2, server.url)
            await first.set("bars", "kept", "local")
            wrong: list[Any] = []
            stop = asyncio.Event()

            async def ask(cache: Cache, name: str) -> None:
                while not stop.is_set():
                    for i in range(20):
                        found = await cache.get_or_load("bars", f"{name}{i}", Loader(i))
                        if found != i:
                            wrong.append((name, i, found))
                    await asyncio.sleep(0)

            asking = [asyncio.create_task(ask(cache, name)) for cache in (first, second) for name in "ab"]
            await asyncio.sleep(0.05)
            server.kill()
            await until(lambda: first.degraded and second.degraded, "both notice")
            assert first.local("bars", "kept") == "local"
            assert await first.get_or_load("bars", "fresh", Loader("loaded")) == "loaded"
            await first.invalidate("t")
            await first.delete("bars", "kept")
            assert first.stats()["remote"]["owed"] == 2
            server.start()
            await until(lambda: not first.degraded and not second.degraded, "both come back")
            assert first.stats()["remote"]["owed"] == 0
            assert first.stats()["remote"]["drops"] >= 1
            stop.set()
            await asyncio.gather(*asking)
            assert wrong == []
            await first.set("bars", "again", 1)
            assert await second.get("bars", "again") == 1


@in_loop
async def test_a_frozen_server_is_given_up_after_the_timeout() -> None:
    with Valkey() as server:
        async with Cache({"bars": 60}, url=server.url, timeout=0.1) as cache:
            server.freeze()
            try:
                assert await cache.get_or_load("bars", "X", Loader("loaded")) == "loaded"
                assert cache.degraded
                assert "Timeout" in cache.stats()["remote"]["error"]
            finally:
                server.thaw()
            await until(lambda: not cache.degraded, "it comes back")


@in_loop
async def test_a_lost_channel_is_noticed_and_nothing_old_is_served() -> None:
    """What was invalidated while a process could not hear it is gone when it hears again."""
    with Valkey() as server:
        async with AsyncExitStack() as stack:
            deaf, other = await caches(stack, 2, server.url)
            await other.set("bars", "X", "old")
            assert await deaf.get("bars", "X") == "old"
            remote, link = other._levels.remote, deaf._levels.link
            assert remote is not None
            assert link is not None
            link._hear = lambda message: None  # the message is lost on its way
            before = deaf.stats()["remote"]["drops"]
            await other.set("bars", "X", "new")
            await remote.client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            await until(lambda: deaf.stats()["remote"]["drops"] > before, "it is noticed")
            await until(lambda: not deaf.degraded, "it is heard again")
            assert await deaf.get("bars", "X") == "new"


@in_loop
async def test_more_owed_than_can_be_kept_clears_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastcore.cache._levels.MOST_OWED", 3)
    with Valkey() as server:
        async with AsyncExitStack() as stack:
            (cache,) = await caches(stack, 1, server.url)
            remote = cache._levels.remote
            assert remote is not None
            server.kill()
            await until(lambda: cache.degraded, "it notices")
            for i in range(10):
                await cache.delete("bars", str(i))
            assert cache.stats()["remote"]["owed"] <= 3
            server.start()
            await remote.client.set("fastcore:{bars:99}:v", "left by another process")
            await until(lambda: not cache.degraded, "it comes back")
            assert await remote.client.keys("fastcore*") == []


@in_loop
async def test_a_server_that_is_not_there_or_refuses_is_no_error_and_shows(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Valkey("--requirepass", "right") as server:
        for place, reason in (
            (f"redis://user:secret@127.0.0.1:{free_port()}", "connect"),
            (f"redis://:secret@127.0.0.1:{server.port}", "WRONGPASS|invalid"),
        ):
            async with Cache({"bars": 60}, url=place) as cache:
                assert await cache.get_or_load("bars", "X", Loader("loaded")) == "loaded"
                assert cache.degraded
                remote = cache.stats()["remote"]
                assert "secret" not in str(remote)
                assert any(word in remote["error"] for word in reason.split("|")), remote
    assert "is away" in caplog.text
    assert "secret" not in caplog.text
