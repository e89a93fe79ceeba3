"""Level 1 and the loaders: what is served, for how long, and how often it is loaded."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from cache_tools import Clock, Loader, in_loop, until
from fastcore.cache import Cache, Kind, cached, cached_indicator


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@in_loop
async def test_a_thousand_that_miss_together_run_one_loader() -> None:
    async with Cache({"bars": 60}) as cache:
        load = Loader([1, 2])
        found = await asyncio.gather(*(cache.get_or_load("bars", "BTC", load) for _ in range(1000)))
        assert load.calls == 1
        assert found == [[1, 2]] * 1000


@in_loop
async def test_a_value_is_good_for_its_ttl(clock: Clock) -> None:
    async with Cache({"bars": Kind(ttl=60, jitter=0)}) as cache:
        load = Loader(1)
        await cache.get_or_load("bars", "BTC", load)
        clock.pass_by(59.9)
        load.value = 2
        assert cache.local("bars", "BTC") == 1
        assert await cache.get("bars", "BTC") == 1
        assert await cache.get_or_load("bars", "BTC", load) == 1
        clock.pass_by(0.2)
        assert cache.local("bars", "BTC", "none") == "none"
        assert await cache.get("bars", "BTC", "none") == "none"
        assert await cache.get_or_load("bars", "BTC", load) == 2
        assert load.calls == 2


@in_loop
async def test_jitter_only_shortens_and_spreads(clock: Clock) -> None:
    async with Cache({"bars": Kind(ttl=100, jitter=0.2)}) as cache:
        for i in range(200):
            await cache.set("bars", str(i), i)
        alive = []
        for _ in range(3):
            alive.append(sum(cache.local("bars", str(i)) is not None for i in range(200)))
            clock.pass_by({1: 79.9, 2: 10, 3: 10.2}[len(alive)])
        alive.append(sum(cache.local("bars", str(i)) is not None for i in range(200)))
        assert alive[:2] == [200, 200]
        assert 50 < alive[2] < 150
        assert alive[3] == 0


@in_loop
async def test_a_stale_value_is_served_while_one_loader_runs_behind(clock: Clock) -> None:
    async with Cache({"bars": Kind(ttl=60, stale=30, jitter=0)}) as cache:
        load = Loader("old")
        await cache.get_or_load("bars", "BTC", load)
        clock.pass_by(61)
        load.value, load.gate = "new", asyncio.Event()
        found = [await cache.get_or_load("bars", "BTC", load) for _ in range(5)]
        assert found == ["old"] * 5
        await until(lambda: load.calls == 2, "the refresh begins")
        load.gate.set()
        await until(lambda: cache.local("bars", "BTC") == "new", "the refresh is kept")
        assert load.calls == 2
        assert cache.stats()["kinds"]["bars"]["stale_hits"] == 5


@in_loop
async def test_a_refresh_that_fails_leaves_the_stale_value_until_its_end(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async with Cache({"bars": Kind(ttl=60, stale=30, jitter=0)}) as cache:
        await cache.get_or_load("bars", "BTC", Loader("old"))
        clock.pass_by(61)
        broken = Loader(error=RuntimeError("no feed"))
        with caplog.at_level(logging.WARNING):
            assert await cache.get_or_load("bars", "BTC", broken) == "old"
            await until(lambda: "refreshing bars:BTC failed: no feed" in caplog.text, "the failure is logged")
        assert await cache.get_or_load("bars", "BTC", broken) == "old"
        clock.pass_by(30)
        with pytest.raises(RuntimeError, match="no feed"):
            await cache.get_or_load("bars", "BTC", broken)


@in_loop
async def test_there_is_none_is_remembered_for_its_own_time(clock: Clock) -> None:
    async with Cache({"bars": Kind(ttl=60, negative=5), "symbols": 60}) as cache:
        nothing = Loader(None)
        for kind in ("bars", "symbols"):
            for _ in range(2):
                assert await cache.get_or_load(kind, "X", nothing) is None
        assert nothing.calls == 1 + 2
        clock.pass_by(5.1)
        await cache.get_or_load("bars", "X", nothing)
        assert nothing.calls == 4


@in_loop
async def test_an_error_goes_to_all_that_wait_and_is_not_kept() -> None:
    async with Cache({"bars": 60}) as cache:
        load = Loader(error=ValueError("no such symbol"))
        found = await asyncio.gather(
            *(cache.get_or_load("bars", "X", load) for _ in range(10)), return_exceptions=True
        )
        assert [str(one) for one in found] == ["no such symbol"] * 10
        assert load.calls == 1
        load.error = None
        assert await cache.get_or_load("bars", "X", load) == "value"
        assert cache.stats()["kinds"]["bars"]["load_errors"] == 1


@in_loop
async def test_a_caller_that_gives_up_leaves_the_load_to_the_others() -> None:
    async with Cache({"bars": 60}) as cache:
        load = Loader("value")
        load.gate = asyncio.Event()
        first, second = (asyncio.create_task(cache.get_or_load("bars", "X", load)) for _ in range(2))
        await load.entered.wait()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        load.gate.set()
        assert await second == "value"
        assert load.calls == 1


@in_loop
async def test_the_least_recently_used_go_first_when_memory_is_full() -> None:
    async with Cache({"bars": 60}, memory=100_000) as cache:
        for i in range(20):
            await cache.set("bars", str(i), np.full(1000, i * 1.0))  # 8 kB, hard to compress below its size
            assert cache.local("bars", "0") is not None
        stats = cache.stats()["local"]
        assert stats["bytes"] <= stats["memory"] == 100_000
        assert stats["entries"] + stats["evictions"] == 20
        assert cache.recent(1) == [("bars", "0")]


@in_loop
async def test_a_value_larger_than_its_kind_allows_is_handed_on_and_not_kept() -> None:
    async with Cache({"bars": Kind(ttl=60, largest=1000)}) as cache:
        load = Loader(np.random.default_rng(1).random(1000))
        for _ in range(2):
            assert len(await cache.get_or_load("bars", "X", load)) == 1000
        assert load.calls == 2
        assert cache.stats()["kinds"]["bars"]["oversize"] == 2
        with pytest.raises(fc.InputError, match=r"the value of bars:X takes 81\d\d bytes, the most is 1000"):
            await cache.set("bars", "X", load.value)


@in_loop
async def test_tags_forget_many_at_once() -> None:
    async with Cache({"bars": 60, "rows": 60}) as cache:
        for key in ("1m", "5m"):
            await cache.set("bars", f"BTC:{key}", 1, tags=["BTC", key])
            await cache.set("bars", f"ETH:{key}", 2, tags=["ETH", key])
        await cache.set("rows", "BTC", 3, tags=["BTC"])
        await cache.invalidate("BTC")
        assert {key for _, key in cache.recent(10)} == {"ETH:1m", "ETH:5m"}
        await cache.invalidate("5m")
        assert cache.recent(10) == [("bars", "ETH:1m")]
        await cache.invalidate("unknown")
        await cache.clear()
        assert cache.recent(10) == []


@pytest.mark.parametrize("how", ["delete", "invalidate", "clear", "set"])
@in_loop
async def test_what_was_invalidated_while_it_loaded_is_not_kept(how: str) -> None:
    """Those who waited get it; whoever asks after the invalidation gets a new load."""
    async with Cache({"bars": 60}) as cache:
        load = Loader("before")
        load.gate = asyncio.Event()
        early = asyncio.create_task(cache.get_or_load("bars", "BTC", load, tags=["t"]))
        await load.entered.wait()
        acts: dict[str, Any] = {
            "delete": lambda: cache.delete("bars", "BTC"),
            "invalidate": lambda: cache.invalidate("t"),
            "clear": cache.clear,
            "set": lambda: cache.set("bars", "BTC", "set"),
        }
        await acts[how]()
        load.value = "after"
        late = asyncio.create_task(cache.get_or_load("bars", "BTC", load, tags=["t"]))
        await asyncio.sleep(0)
        load.gate.set()
        assert await early == "before"
        assert await late == ("set" if how == "set" else "after")
        assert cache.local("bars", "BTC") == ("set" if how == "set" else "after")
        assert cache.stats()["kinds"]["bars"]["overtaken"] == 1


@in_loop
async def test_arrays_are_shared_and_cannot_be_written() -> None:
    async with Cache({"bars": 60}) as cache:
        mine = np.arange(3.0)
        await cache.set("bars", "X", mine)
        found = await cache.get("bars", "X")
        with pytest.raises(ValueError, match="read-only"):
            found[0] = 1
        mine[0] = 5  # the caller's own stays the caller's


@in_loop
async def test_warming_loads_a_list_and_says_how_many(caplog: pytest.LogCaptureFixture) -> None:
    async with Cache({"bars": 60}) as cache:

        async def load(kind: str, key: str) -> str:
            if key == "bad":
                raise RuntimeError("no feed")
            return f"{kind} of {key}"

        assert await cache.warm([("bars", "a"), ("bars", "bad"), ("bars", "b")], load, at_once=2) == 2
        assert cache.local("bars", "b") == "bars of b"
        assert "warming bars:bad failed: no feed" in caplog.text


@in_loop
async def test_a_decorated_function_is_called_once_for_its_arguments() -> None:
    async with Cache({"sums": 60}) as cache:
        calls = []

        @cached(cache, "sums", tags=lambda first, second=2: [f"first={first}"])
        async def add(first: int, second: int = 2) -> int:
            calls.append((first, second))
            return first + second

        assert [await add(1), await add(1, 2), await add(second=2, first=1), await add(2)] == [3, 3, 3, 4]
        assert calls == [(1, 2), (2, 2)]
        await add.forget(1)  # type: ignore[attr-defined]
        await add(1)
        await cache.invalidate("first=2")
        await add(2)
        assert calls[2:] == [(1, 2), (2, 2)]
        with pytest.raises(TypeError, match="the argument first is a list, which makes no key"):
            await add([1])  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="for coroutine functions"):
            cached(cache, "sums")(len)  # type: ignore[arg-type]


@in_loop
async def test_one_and_true_are_different_arguments() -> None:
    async with Cache({"texts": 60}) as cache:

        @cached(cache, "texts")
        async def text(value: Any) -> str:
            return repr(value)

        assert [await text(one) for one in (1, True, 1.0, "1", (1,), None)] == [
            "1",
            "True",
            "1.0",
            "'1'",
            "(1,)",
            "None",
        ]


@in_loop
async def test_an_indicator_is_computed_once_for_the_same_data() -> None:
    rng = np.random.default_rng(3)
    close = 100 + rng.normal(size=500).cumsum()
    async with Cache({"indicators": 60}) as cache:
        first = await cached_indicator(cache, "MACD", close, fast=5)
        again = await cached_indicator(cache, "macd", list(close), fast=5, slow=26, signal=9)
        assert first is again
        for found, expected in zip(first, fc.macd(close, fast=5), strict=True):
            np.testing.assert_array_equal(found, expected)
        close[77] += 1e-9
        await cached_indicator(cache, "MACD", close, fast=5)
        await cached_indicator(cache, "MACD", close, fast=6)
        assert cache.stats()["kinds"]["indicators"]["loads"] == 3
        with pytest.raises(fc.UnknownNameError, match="there is no indicator 'NOPE'"):
            await cached_indicator(cache, "NOPE", close)
        with pytest.raises(fc.ParameterError, match="period"):
            await cached_indicator(cache, "SMA", close, period=0)
        with pytest.raises(fc.InputError, match="one dimension, not 2"):
            await cached_indicator(cache, "SMA", [[1.0]], period=3)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"ttl": -1}, "ttl must be above 0 and at most 31622400 s, not -1"),
        ({"ttl": float("nan")}, "ttl must be above 0 and at most 31622400 s, not nan"),
        ({"ttl": 1, "stale": -1}, "stale must be 0 to 31622400 s, not -1"),
        ({"ttl": 1, "negative": 1e9}, "negative must be 0 to 31622400 s, not 1000000000.0"),
        ({"ttl": 1, "jitter": 0.6}, "jitter must be 0 to 0.5 of the ttl, not 0.6"),
        ({"ttl": 1, "largest": 0}, "largest must be 1 byte or more, not 0"),
        ({"ttl": 1, "schema": 70000}, "schema must be 0 to 65535, not 70000"),
    ],
)
def test_a_kind_outside_its_ranges_is_refused(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(fc.ParameterError, match=f"^Kind: {sentence}$"):
        Kind(**arguments)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"memory": 10}, "memory must be 65536 bytes or more, not 10"),
        ({"timeout": 0}, "timeout must be above 0 and at most 60 s, not 0"),
        ({"connections": 1}, "connections must be 2 to 10000, not 1"),
        ({"prefix": "a{b}"}, "prefix must be 1 to 64 characters without braces, not 'a{b}'"),
        ({"url": "http://user:secret@host"}, r"must be redis://HOST:PORT/DB, .*'http://\*\*\*@host'"),
    ],
)
def test_a_cache_outside_its_ranges_is_refused(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(fc.ParameterError, match=sentence) as caught:
        Cache({"bars": 60}, **arguments)
    assert "secret" not in str(caught.value)


@in_loop
async def test_other_bad_input_is_named() -> None:
    async with Cache({"bars": 60}) as cache:
        with pytest.raises(fc.UnknownNameError, match="the cache has no kind 'rows': it has bars"):
            await cache.get("rows", "X")
        for key in ("", "x" * 513, 5):
            with pytest.raises(fc.InputError, match="a cache key is text of 1 to 512 characters, not"):
                await cache.get("bars", key)  # type: ignore[arg-type]
        with pytest.raises(fc.InputError, match="a value of type object cannot be cached"):
            await cache.set("bars", "X", object())
        with pytest.raises(fc.InputError, match="holds Python objects, which no cache keeps"):
            await cache.get_or_load("bars", "X", lambda: np.array([{}], dtype=object))
        with pytest.raises(fc.ParameterError, match="a kind's name is a letter and up to 63"):
            Cache({"a:b": 60})
