"""The live stream: snapshot, deltas, resuming, slow clients; over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fastcore as fc
import fastcore.serve.stream
import msgspec
import numpy as np
import pytest
from fastcore.feeds import TickBatch
from fastcore.feeds.wire import encode
from fastcore.serve.hub import Hub
from fastcore.serve.stream import Slot, Streams, Wanted
from services import MINUTE, T0, Served, make_key, problem, walk
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

PATIENT: Any = {"open_timeout": 60, "ping_interval": None}  # a client that reads nothing sees no pong
ARGUMENTS = ("--indicator", "ema=EMA(3)", "--indicator", 'rsi=RSI(3).on("1m")')


@contextmanager
def stream(
    service: Served, *, hello: bool = True, max_queue: int = 16, **wanted: Any
) -> Iterator[ClientConnection]:
    """A connection that has subscribed."""
    url = service.url.replace("http", "ws") + "/v1/stream"
    with connect(url, proxy=None, max_size=None, max_queue=max_queue, **PATIENT) as socket_:
        if hello:
            socket_.send(json.dumps({"op": "subscribe", "interval_ms": 10, **wanted}))
        yield socket_


def receive(connection: ClientConnection) -> Any:
    return json.loads(connection.recv(timeout=60))


def until(connection: ClientConnection, done: Any) -> list[Any]:
    """Frames up to the one that makes it true."""
    frames = []
    while not frames or not done(frames[-1]):
        frames.append(receive(connection))
    return frames


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with Served(*ARGUMENTS) as service:
        yield service


def row(service: Served, symbol: str) -> list[Any]:
    """What a frame has of a symbol now."""
    told = service.get(f"/v1/symbols/{symbol}")
    return [told["ts"], told["price"], told["size"], list(told["values"].values())]


def test_a_snapshot_comes_first_and_then_what_changes(served: Served) -> None:
    served.send(walk("A", 5) + walk("B", 5))
    with stream(served, symbols=["A", "B"]) as connection:
        first = receive(connection)
        assert first["type"] == "snapshot" and first["columns"] == ["ema", "rsi"]
        assert first["rows"] == {"A": row(served, "A"), "B": row(served, "B")}
        served.send(walk("B", 1, start=T0 + MINUTE))
        delta = receive(connection)
        assert delta["type"] == "delta" and delta["number"] > first["number"]
        assert delta["rows"] == {"B": row(served, "B")}
        served.send(walk("elsewhere", 3))
        served.send(walk("A", 1, start=T0 + MINUTE))
        assert list(receive(connection)["rows"]) == ["A"]


def test_columns_are_those_that_were_asked_for(served: Served) -> None:
    served.send(walk("C", 5))
    with stream(served, symbols=["C"], columns=["rsi", "ema"]) as connection:
        first = receive(connection)
        assert first["columns"] == ["rsi", "ema"]
        assert first["rows"]["C"][3] == row(served, "C")[3][::-1]


def test_bars_and_signals_each_come_once() -> None:
    program = (
        "import sys, fastcore as fc\n"
        "from fastcore.loop import Signal\n"
        "from fastcore.serve import Service, Settings\n"
        "def strategy(row):\n"
        "    return Signal(row.symbol, row.ts, 'high') if row.price > 100 else None\n"
        "settings = Settings(port=int(sys.argv[1]))\n"
        "Service({'rsi': fc.RSI(3).on('1m')}, settings=settings, strategies=[strategy]).run_blocking()\n"
    )
    with Served(program=program) as service, stream(service, kinds=["bars", "signals"]) as connection:
        receive(connection)
        prices = [99.0, 101.0, 99.5, 102.0, 99.0]
        ticks = [{"symbol": "A", "ts": T0 + i * MINUTE, "price": price} for i, price in enumerate(prices)]
        for tick in ticks:
            service.send([tick])
        frames = until(connection, lambda frame: [b["close"] for b in frame.get("bars", ())][-1:] == [102.0])
        bars = [bar for frame in frames for bar in frame.get("bars", ())]
        signals = [signal for frame in frames for signal in frame.get("signals", ())]
        assert [bar["close"] for bar in bars] == prices[:-1]
        assert [(s["ts"], s["value"], s["strategy"]) for s in signals] == [
            (ticks[1]["ts"], "high", "strategy"),
            (ticks[3]["ts"], "high", "strategy"),
        ]
        numbers = [one["number"] for one in sorted(bars + signals, key=lambda one: one["number"])]
        assert len(set(numbers)) == len(numbers)
        assert not any("rows" in frame for frame in frames)


def test_a_client_goes_on_where_it_was() -> None:
    with Served(*ARGUMENTS) as service:
        service.send(walk("A", 3) + walk("B", 3))
        with stream(service, kinds=["rows", "bars"]) as connection:
            first = receive(connection)
        service.send(walk("B", 2, start=T0 + 5 * MINUTE, gap=MINUTE))
        with stream(
            service, kinds=["rows", "bars"], since=f"{first['epoch']}:{first['number']}"
        ) as connection:
            missed = receive(connection)
        assert missed["type"] == "delta" and list(missed["rows"]) == ["B"]
        assert [bar["symbol"] for bar in missed["bars"]] == ["B", "B"]
        for since in ("", "x:1", f"{first['epoch']}:x", f"{first['epoch']}:{10**9}"):
            with stream(service, since=since) as connection:
                assert receive(connection)["type"] == "snapshot"


def test_who_follows_rows_is_told_of_symbols_that_are_dropped() -> None:
    """Also who comes back; one that is there again is among the rows, and other symbols are not told."""
    with Served(*ARGUMENTS) as service:
        service.send(walk("A", 3) + walk("B", 3))
        with stream(service) as all_, stream(service, symbols=["B"]) as other:
            first = receive(all_)
            assert set(first["rows"]) == {"A", "B"} and receive(other)["type"] == "snapshot"
            assert service.client.delete("/v1/symbols/A").status_code == 200
            assert until(all_, lambda frame: "dropped" in frame)[-1]["dropped"] == ["A"]
            service.send(walk("A", 1) + walk("B", 1, start=T0 + MINUTE))
            until(all_, lambda frame: "A" in frame.get("rows", ()))
            frames = until(other, lambda frame: "rows" in frame)
            assert all("dropped" not in frame for frame in frames)
        with stream(service, since=f"{first['epoch']}:{first['number']}") as again:
            told = receive(again)
            assert told["type"] == "delta" and told["dropped"] == ["A"] and "A" in told["rows"]


def test_another_plan_is_a_new_snapshot() -> None:
    with Served(*ARGUMENTS) as service, stream(service) as connection:
        service.send(walk("A", 3))
        first = until(connection, lambda frame: frame.get("rows"))[0]
        assert service.client.post("/v1/plan", json={"name": "sma", "indicator": "SMA(2)"}).status_code == 201
        again = until(connection, lambda frame: frame["type"] == "snapshot")[-1]
        assert again["columns"] == ["ema", "rsi", "sma"] and again["epoch"] != first["epoch"]
        service.send(walk("A", 2, start=T0 + MINUTE))
        assert until(connection, lambda frame: "rows" in frame)[-1]["rows"]["A"] == row(service, "A")


def test_a_slow_client_holds_no_one_up_and_sees_the_newest_row() -> None:
    """It reads nothing while many rows pass; then its next frames are the newest."""
    symbols = [f"S{i:03d}" for i in range(200)]
    # Much more than the kernel keeps for a client that does not read: some 200 KB with each round of rows.
    rounds = 20 + 3 * int(Path("/proc/sys/net/ipv4/tcp_wmem").read_text().split()[2]) // 200_000
    wide = [part for i in range(150) for part in ("--indicator", f"e{i}=EMA({i + 2})")]
    with (
        Served(*wide) as service,
        stream(service) as quick,
        stream(service, hello=False, max_queue=1) as connection,
    ):
        connection.send(json.dumps({"op": "subscribe", "interval_ms": 10}))
        for turn in range(rounds):
            ticks = [{"symbol": s, "ts": T0 + turn * 10**9, "price": 100 + turn / 7} for s in symbols]
            service.send(ticks)
        last = {"S199": row(service, "S199")}
        until(quick, lambda frame: frame.get("rows", {}).get("S199") == last["S199"])
        assert service.get("/ready")["ready"]
        frames = until(connection, lambda frame: frame.get("rows", {}).get("S199") == last["S199"])
        numbers = [frame["number"] for frame in frames]
        assert numbers == sorted(numbers)
        told = sum(len(frame.get("rows", ())) for frame in frames)
        assert told < rounds * len(symbols)  # what was overtaken was left out


def test_a_frame_is_encoded_once_and_who_is_behind_gets_what_it_missed_in_one() -> None:
    hub = Hub(10)

    async def taken(slot: Slot) -> tuple[str, list[int]]:
        frame = await asyncio.wait_for(slot.next(), 30)
        assert frame is not None
        return frame, [alert["at"] for alert in json.loads(frame).get("alerts", ())]

    async def main() -> None:
        streams = Streams(hub, lambda: fc.Engine({"ema": fc.EMA(3)}), 10)
        quick, slow = Slot(), Slot()
        subscribers = [streams.join(Wanted(kinds=["alerts"], interval_ms=10), slot) for slot in (quick, slow)]
        assert streams.counts() == {"subscribers": 2, "channels": 1}
        assert (await taken(quick))[0] is (await taken(slow))[0]  # the snapshot
        quick.sent()
        for at in range(3):
            hub.tell("alerts", "", {"at": at})
            assert (await taken(quick))[1] == [at]
            quick.sent()
        assert (await taken(slow))[1] == []  # it holds the snapshot still
        slow.sent()
        assert (await taken(slow))[1] == [0, 1, 2]
        slow.sent()
        hub.tell("alerts", "", {"at": 3})
        assert (await taken(quick))[0] is (await taken(slow))[0]
        for left, subscriber in enumerate([subscribers[0], *subscribers]):  # the first goes twice
            streams.leave(subscriber)
            assert len(streams) == (1, 1, 0)[left]
        assert streams.counts() == {"subscribers": 0, "channels": 0}

    asyncio.run(main())


def test_who_hears_nothing_is_told_that_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fastcore.serve.stream, "_BEAT", 0.05)
    hub = Hub(10)

    async def main() -> None:
        streams, slots = Streams(hub, lambda: fc.Engine({"ema": fc.EMA(3)}), 10), [Slot(), Slot()]
        for slot, kinds in zip(slots, (["rows"], ["bars"]), strict=True):  # two channels, one clock
            streams.join(Wanted(kinds=kinds, interval_ms=10), slot)
        for expected in ("snapshot", "delta", "delta"):
            for slot in slots:
                frame = json.loads(await asyncio.wait_for(asyncio.ensure_future(slot.next()), 30) or "")
                assert (frame["type"], frame["number"]) == (expected, 0)
                slot.sent()

    asyncio.run(main())


# ---- ticks by WebSocket ----


def test_ticks_are_acknowledged_in_their_turn(served: Served) -> None:
    with stream(served, hello=False) as connection:
        for number, tick in enumerate(walk("W", 60)):
            connection.send(json.dumps({"op": "ticks", "id": number, "ticks": [tick]}))
        answers = [receive(connection) for _ in range(60)]
        assert answers == [{"type": "taken", "id": number, "received": 1} for number in range(60)]
        ticks = np.zeros(1000, fc.TICK)
        ticks["ts"], ticks["price"] = T0 + MINUTE * (1 + np.arange(1000)), 5.0
        connection.send(encode(TickBatch(ticks, ["W"])))
        assert receive(connection) == {"type": "taken", "id": None, "received": 1000}
        connection.send(msgspec.msgpack.encode(walk("W", 2, start=T0 + 2000 * MINUTE)))
        assert receive(connection)["received"] == 2
    assert served.get("/v1/symbols/W")["ledger"]["accepted"] == 1062


@pytest.mark.parametrize(
    ("message", "status", "field"),
    [
        ("nonsense", 400, "message"),
        ("[]", 422, "message"),
        ('{"op":"dance"}', 422, "op"),
        ('{"op":"subscribe","kinds":["dreams"]}', 422, "kinds"),
        ('{"op":"subscribe","columns":["none"]}', 422, "columns"),
        ('{"op":"subscribe","interval_ms":0}', 422, "interval_ms"),
        ('{"op":"subscribe","colour":1}', 422, "message"),
        ('{"op":"ticks","ticks":[]}', 422, "ticks"),
        ('{"op":"ticks","ticks":[{"symbol":"A","ts":1,"price":1}]}', 422, "ticks[0].ts"),
        (b"\xc1", 400, "body"),
        (b"\x90", 422, "ticks"),
    ],
)
def test_a_wrong_message_is_answered_and_the_connection_stays(
    served: Served, message: str | bytes, status: int, field: str
) -> None:
    with stream(served, hello=False) as connection:
        connection.send(message)
        answer = receive(connection)
        assert (answer["type"], answer["status"]) == ("problem", status)
        assert answer["errors"][0]["field"] == field, answer
        connection.send('{"op":"ping","id":7}')
        assert receive(connection) == {"type": "pong", "id": 7}


def test_a_message_has_a_size(served: Served) -> None:
    with stream(served, hello=False) as connection:
        connection.send(b"\x00" * (9 << 20))
        with pytest.raises(ConnectionClosed) as closed:
            receive(connection)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009


def test_who_unsubscribes_is_told_nothing_more(served: Served) -> None:
    with stream(served, symbols=["U"]) as connection:
        receive(connection)
        connection.send('{"op":"unsubscribe","id":1}')
        assert receive(connection) == {"type": "unsubscribed", "id": 1}
        served.send(walk("U", 5))
        connection.send('{"op":"ping"}')
        assert receive(connection)["type"] == "pong"


# ---- who may ----


def test_a_key_is_needed_and_is_for_something(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    keys = {scope: make_key(file, scope) for scope in ("read", "ingest")}
    with Served(*ARGUMENTS, "--keys", str(file)) as service:
        url = service.url.replace("http", "ws") + "/v1/stream"
        for given in ({}, {"additional_headers": {"authorization": "Bearer fc_x"}}):
            with pytest.raises(InvalidStatus), connect(url, proxy=None, **PATIENT, **given):
                pass
        protocols: Any = ["fastcore", f"key.{keys['read']}"]
        with connect(url, proxy=None, subprotocols=protocols, **PATIENT) as connection:
            assert connection.subprotocol == "fastcore"  # and not the key, which would be echoed
            connection.send('{"op":"subscribe"}')
            assert receive(connection)["type"] == "snapshot"
            connection.send(json.dumps({"op": "ticks", "ticks": walk("A", 1)}))
            assert receive(connection)["status"] == 403
        ingest: Any = {"additional_headers": {"authorization": f"Bearer {keys['ingest']}"}}
        with connect(url, proxy=None, **PATIENT, **ingest) as connection:
            connection.send('{"op":"subscribe"}')
            assert receive(connection)["status"] == 403
            connection.send(json.dumps({"op": "ticks", "ticks": walk("A", 1)}))
            assert receive(connection)["type"] == "taken"
        for header in ({"origin": "https://evil.example"}, {"host": "evil.example"}):
            with pytest.raises(InvalidStatus), connect(url, proxy=None, additional_headers=header, **PATIENT):
                pass


def test_it_says_that_it_goes(served: Served) -> None:
    with Served(*ARGUMENTS) as service, stream(service) as connection:
        receive(connection)
        assert service.stop() == 0
        with pytest.raises(ConnectionClosed) as closed:
            receive(connection)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001


# ---- server-sent events ----


def events(
    service: Served, many: int, headers: dict[str, str] | None = None, **params: Any
) -> list[dict[str, Any]]:
    """The first events: their id, name and data."""
    found: list[dict[str, Any]] = []
    event: dict[str, Any] = {}
    with service.client.stream("GET", "/v1/events", params=params, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            name, _, text = line.partition(": ")
            if name in ("id", "event"):
                event[name] = text
            elif name == "data":
                event["data"] = json.loads(text)
            elif not line and "data" in event:
                found.append(event)
                event = {}
                if len(found) == many:
                    return found
    return found


def test_events_tell_the_same(served: Served) -> None:
    served.send(walk("E", 5))
    (first,) = events(served, 1, symbol=["E"], interval_ms=10)
    assert first["event"] == "snapshot" and first["data"]["rows"] == {"E": row(served, "E")}
    assert first["id"] == f"{first['data']['epoch']}:{first['data']['number']}"
    served.send(walk("E", 1, start=T0 + MINUTE))
    (missed,) = events(served, 1, headers={"last-event-id": first["id"]}, symbol=["E"])
    assert missed["event"] == "delta" and missed["data"]["rows"] == {"E": row(served, "E")}
    assert served.client.get("/v1/events?kinds=dreams").status_code == 422


def test_events_refuse_a_parameter_that_they_do_not_have(served: Served) -> None:
    """One that is misspelt would widen what is asked for to everything."""
    answer = served.client.get("/v1/events?symbols=A")
    told = problem(answer, 422, "symbols")
    assert "symbol, column" in told["detail"]


def test_clients_that_go_are_forgotten(served: Served) -> None:
    from servers import wait_until

    for _ in range(5):
        with stream(served) as connection:
            receive(connection)
        events(served, 1)

    def quiet() -> bool:
        served.send(walk("gone", 1))
        return bool(served.get("/v1/stats")["streams"] == {"subscribers": 0, "channels": 0})

    wait_until(quiet, "all subscribers are gone")
