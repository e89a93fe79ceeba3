"""Write-behind: what was acknowledged is there, whoever is killed."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pytest
import sqlalchemy as sa
from cache_tools import in_loop, until
from databases import START, bar_columns, opened
from fastcore.store import Database, Pool, Writer, latest_bars, scan, schema
from servers import Postgres, die_with_parent


def values(first: int, count: int, name: str = "ema", value: float = 1.0) -> dict[str, Any]:
    return {"ts": START + first + np.arange(count), "symbol": "BTC", "name": name, "value": [value] * count}


async def stored(database: Database, name: str = "ema") -> Any:
    async with database.connect() as connection:
        return await scan(connection, schema.values, "BTC", 0, 2**62, name=name)


@in_loop
async def test_batches_share_transactions_and_the_last_of_a_key_counts(fresh_url: str) -> None:
    async with opened(fresh_url) as database:
        async with Writer(database, delay=60) as writer:
            done = [await writer.write(schema.values, values(i, 2, value=float(i))) for i in range(50)]
            await writer.write(schema.bars, bar_columns("BTC", 0, 20))
            assert not any(one.done() for one in done)
            await writer.flush()
            assert [one.result() for one in done] == [2] * 50
            assert writer.stats() | {"high_water": 0} == {
                "pending": 0,
                "high_water": 0,
                "written": 120,
                "refused": 0,
                "transactions": 1,
                "retries": 0,
            }
        found = await stored(database)
        np.testing.assert_array_equal(found["value"], [*range(50), 49])
        with pytest.raises(fc.StoreError, match=r"the writer to .* is closed"):
            await writer.write(schema.values, values(0, 1))


@in_loop
async def test_who_writes_too_fast_waits(fresh_url: str) -> None:
    async with opened(fresh_url) as database, Writer(database, rows=10, capacity=25, delay=60) as writer:
        for i in range(100):
            await writer.write(schema.values, values(10 * i, 10))
        await writer.flush()
        assert writer.stats()["high_water"] <= 25
        assert writer.stats()["written"] == 1000
        assert len((await stored(database))["ts"]) == 1000


@in_loop
async def test_rows_at_fault_are_refused_alone(fresh_url: str) -> None:
    async with opened(fresh_url) as database, Writer(database, delay=60) as writer:
        good = await writer.write(schema.values, values(0, 3))
        own = {"ts": START + np.arange(2), "symbol_id": [999, 999], "name": "x", "value": [1.0, 2.0]}
        bad = await writer.write(schema.values, own)
        later = await writer.write(schema.values, values(3, 3))
        await writer.flush()
        assert (good.result(), later.result()) == (3, 3)
        with pytest.raises(fc.InputError, match="no symbol has the number 999"):
            bad.result()
        assert writer.stats()["refused"] == 2
        assert len((await stored(database))["ts"]) == 6
        with pytest.raises(fc.InputError, match="missing: value"):
            await writer.write(schema.values, {k: v for k, v in values(0, 1).items() if k != "value"})


@pytest.mark.parametrize("wrong", [{"rows": 0}, {"delay": -1}, {"delay": 61}, {"rows": 10, "capacity": 9}])
def test_numbers_outside_their_ranges_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(fc.ParameterError, match="Writer: rows must be 1 or more"):
        Writer(Database(f"sqlite:///{tmp_path}/x.db"), **wrong)


WRITES = """
import asyncio, sys
import numpy as np
from fastcore.store import Database, Writer, schema

async def main(url):
    async with Database(url) as database:
        writer = Writer(database, rows=500, delay=0.001)
        for i in range(10**9):
            ts = int(sys.argv[2]) + 100 * i + np.arange(100)
            done = await writer.write(
                schema.values, {"ts": ts, "symbol": "BTC", "name": "ema", "value": ts % 1000.0}
            )
            done.add_done_callback(lambda _, i=i: print(i, flush=True))

asyncio.run(main(sys.argv[1]))
"""


@in_loop
async def test_what_was_acknowledged_outlives_a_writer_that_is_killed(fresh_url: str) -> None:
    async with opened(fresh_url) as database:
        command = [sys.executable, "-c", WRITES, fresh_url, str(START)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        assert child.stdout is not None
        acknowledged = [int(child.stdout.readline()) for _ in range(80)]
        child.send_signal(signal.SIGKILL)
        acknowledged += [
            int(line) for line in child.communicate()[0].splitlines(keepends=True) if "\n" in line
        ]
        found = await stored(database)
        there = set(((found["ts"] - START) // 100).tolist())
        assert len(acknowledged) >= 80
        assert set(acknowledged) <= there
        np.testing.assert_array_equal(found["value"], found["ts"] % 1000.0)
        # It sends again what it was not sure of: nothing is there twice.
        async with Writer(database) as writer:
            last = max(acknowledged) + 10
            for i in range(last):
                ts = START + 100 * i + np.arange(100)
                again = {"ts": ts, "symbol": "BTC", "name": "ema", "value": ts % 1000.0}
                await writer.write(schema.values, again)
        found = await stored(database)
        assert len(found["ts"]) == len(np.unique(found["ts"])) >= 100 * last


@in_loop
async def test_what_was_acknowledged_outlives_a_server_that_is_killed() -> None:
    """The server does not wait for its log by default here: the writer asks it to."""
    acknowledged = []
    with Postgres(wal_writer_delay="10s") as server:
        async with Database(server.url(), pool=Pool(size=2, timeout=0.5)) as database:
            await database.upgrade()
            async with Writer(database, rows=200, delay=0.001, capacity=2000) as writer:

                async def load() -> None:
                    for i in range(200):
                        done = await writer.write(schema.values, values(100 * i, 100))
                        done.add_done_callback(lambda _, i=i: acknowledged.append(i))
                        await asyncio.sleep(0)

                task = asyncio.create_task(load())
                for kill in (20, 80):
                    await until(lambda kill=kill: len(acknowledged) > kill, "rows are acknowledged")
                    await asyncio.to_thread(server.kill)
                    before = set(acknowledged)
                    await until(lambda: database.breaker.failures > 0, "the writer sees it")
                    await asyncio.to_thread(server.start)
                    async with Database(server.url()) as other:
                        found = await stored(other)
                    assert before <= set(((found["ts"] - START) // 100).tolist())
                await task
                await writer.flush()
                assert writer.stats()["retries"] >= 2
                assert writer.stats()["written"] == 20_000
            found = await stored(database)
    np.testing.assert_array_equal(found["ts"], START + np.arange(20_000))


@in_loop
async def test_a_writer_that_cannot_write_says_how_much_is_lost() -> None:
    with Postgres() as server:
        async with Database(server.url(), pool=Pool(size=1, timeout=0.2)) as database:
            await database.upgrade()
            writer = Writer(database)
            server.kill()
            done = await writer.write(schema.values, values(0, 30))
            with pytest.raises(fc.StoreError, match=r"30 rows could not be written to .* within 0.2 s: "):
                await writer.close(timeout=0.2)
            with pytest.raises(fc.StoreError, match="30 rows could not be written"):
                await done


# ---- the sink -------------------------------------------------------------------------------------


@in_loop
async def test_a_loop_keeps_all_it_makes(fresh_url: str) -> None:
    from fastcore.feeds.demo import demo_market
    from fastcore.loop import Signal
    from fastcore.sinks import MemorySink
    from fastcore.sinks.store import StoreSink

    def strategy(row: Any) -> Any:
        return Signal(row.symbol, row.ts, "up", "cross") if row.price > row["ema"] else None

    async with opened(fresh_url) as database:
        for _ in range(2):  # the same again: nothing is there twice
            engine = fc.Engine({"ema": fc.EMA(5), "rsi": fc.RSI(14).on("1s")}, history=512)
            memory = MemorySink()
            sink = StoreSink(database, values=["ema"], upgrade=False)
            await fc.TickLoop(
                engine, demo_market(ticks=3000), sinks=[sink, memory], strategies=[strategy], bars=["1s"]
            ).run()
            assert sink.stats()["refused"] == sink.stats()["pending"] == 0
        rows = [event for event in memory.events if hasattr(event, "ticks") and hasattr(event, "rows")]
        bars = [event for event in memory.events if hasattr(event, "span")]
        signals = [event for event in memory.events if isinstance(event, Signal)]
        assert len(bars) > 3
        assert len(signals) > 100
        async with database.connect() as connection:
            for name in engine.symbols:
                found = await scan(connection, schema.ticks, name, 0, 2**62)
                code = rows[0].symbols.index(name)
                mine = [one.ticks[one.taken & (one.ticks["symbol"] == code)] for one in rows]
                wanted = np.concatenate(mine)
                order = np.lexsort((found["id"], found["ts"]))
                np.testing.assert_array_equal(np.sort(found["price"][order]), np.sort(wanted["price"]))
                np.testing.assert_array_equal(found["ts"], np.sort(wanted["ts"]))
                kept = await latest_bars(connection, [name], "1s", 1000)
                own = [bar for bar in bars if bar.symbol == name]
                if own:
                    np.testing.assert_array_equal(kept[name]["close"], [bar.close for bar in own])
                    np.testing.assert_array_equal(kept[name]["count"], [bar.ticks for bar in own])
                known = await scan(connection, schema.values, name, 0, 2**62, name="ema")
                last = {}
                for one in rows:
                    mask = one.taken & (one.ticks["symbol"] == code) & ~np.isnan(one["ema"])
                    last |= dict(zip(one.ticks["ts"][mask].tolist(), one["ema"][mask].tolist(), strict=True))
                assert dict(zip(known["ts"].tolist(), known["value"].tolist(), strict=True)) == last
            count = await connection.scalar(sa.select(sa.func.count()).select_from(schema.signals))
        assert count == len(signals)


@in_loop
async def test_ticks_without_an_id_are_told_apart(fresh_url: str) -> None:
    from fastcore.loop.events import Rows
    from fastcore.sinks.store import StoreSink

    def rows(times: list[int], codes: list[int], first: float) -> Rows:
        ticks = np.zeros(len(times), fc.TICK)
        ticks["ts"], ticks["symbol"] = np.array(times) + START, codes
        ticks["price"] = first + np.arange(len(times))
        nothing = np.zeros((len(times), 0))
        return Rows(ticks, ["A", "B"], nothing, np.zeros(len(times), np.uint8), [])

    async with opened(fresh_url) as database:
        sink = StoreSink(database, bars=False, signals=False)
        await sink.open([])
        await sink.write(rows([1, 1, 2, 2, 2], [0, 1, 0, 0, 1], 0))
        await sink.write(rows([2, 2, 2, 3], [0, 1, 0, 0], 10))
        await sink.write(rows([3, 3], [0, 0], 20))
        await sink.close()
        async with database.connect() as connection:
            a = await scan(connection, schema.ticks, "A", 0, 2**62)
            b = await scan(connection, schema.ticks, "B", 0, 2**62)
    assert sorted(a["price"]) == [0, 2, 3, 10, 12, 13, 20, 21]
    assert sorted(b["price"]) == [1, 4, 11]


@in_loop
async def test_a_sink_that_cannot_be_is_refused(tmp_path: Path) -> None:
    from fastcore.sinks.store import StoreSink

    url = f"sqlite:///{tmp_path}/store.db"
    with pytest.raises(fc.ConfigError, match="one of ticks, bars, signals and values must be kept"):
        StoreSink(url, ticks=False, bars=False, signals=False)
    with pytest.raises(fc.ConfigError, match="values must be a sequence of columns, not 'ema'"):
        StoreSink(url, values="ema")
    sink = StoreSink(url, values=["emma"])
    with pytest.raises(fc.ConfigError, match="the engine has no column 'emma'; it has ema, rsi"):
        await sink.open(["ema", "rsi"])
    await sink.close()
    missing = StoreSink("sqlite:////no/such/folder/x.db")
    with pytest.raises(fc.StoreError, match="there is no folder /no/such/folder"):
        await missing.open(["ema"])
    await missing.close()
