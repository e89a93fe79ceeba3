"""The HTTP API: a real service in a process of its own, asked over real sockets."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterator
from typing import Any

import cramjam
import fastcore as fc
import httpx
import msgspec
import numpy as np
import pyarrow as pa
import pytest
from fastcore.feeds import TickBatch
from fastcore.feeds.wire import encode
from services import MINUTE, T0, Served, problem, profiled, walk
from websockets.sync.client import connect

PLAN = {"ema": "EMA(3)", "rsi": 'RSI(3).on("1m")', "bands": "BBANDS(5)"}
ARGUMENTS = [part for name, text in PLAN.items() for part in ("--indicator", f"{name}={text}")]
TICKS = walk("BTC/USD", 400, gap=2_000_000_000)


def twin(ticks: list[Any] = TICKS) -> Any:
    """An engine that was given the same ticks directly."""
    engine = fc.Engine({"ema": fc.EMA(3), "rsi": fc.RSI(3).on("1m"), "bands": fc.BBANDS(5)}, history=1000)
    for tick in ticks:
        symbol = engine.symbol(tick["symbol"])
        symbol.on_tick(tick["ts"], tick["price"], tick["size"], id=tick["id"])
    return engine


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A service with the ticks of one symbol; tests that change it use symbols of their own."""
    with Served(*ARGUMENTS) as service:
        service.send(TICKS)
        yield service


def test_it_says_how_it_is(served: Served) -> None:
    assert served.get("/health") == {"status": "ok"}
    assert served.get("/ready") == {"ready": True, "reasons": []}
    told = served.get("/v1/version")
    assert told["version"] == fc.__version__ and told["pid"] == served.process.pid
    stats = served.get("/v1/stats")
    assert stats["engine"]["received"] == stats["feeds"]["api"]["received"] >= len(TICKS)
    assert stats["columns"] == 5 and stats["strategies"]["service"]["failures"] == 0


def test_the_catalogue_is_the_engines(served: Served) -> None:
    assert served.get("/v1/indicators")["indicators"] == json.loads(json.dumps(fc.indicators()))
    assert served.get("/v1/indicators/rsi")["name"] == "RSI"
    assert "RSI" in problem(served.client.get("/v1/indicators/RSJ"), 404, "name")["detail"]


def test_the_latest_row_is_the_engines_to_the_bit(served: Served) -> None:
    told = served.get("/v1/symbols/BTC%2FUSD")
    symbol = twin().symbol("BTC/USD")
    assert list(told["values"].values()) == list(symbol.values())
    assert list(told["values"]) == ["ema", "rsi", "bands.upper", "bands.middle", "bands.lower"]
    assert told["ledger"] == symbol.ledger
    assert (told["ts"], told["price"], told["size"]) == tuple(
        TICKS[-1][key] for key in ("ts", "price", "size")
    )
    problem(served.client.get("/v1/symbols/NONE"), 404, "symbol")


def test_history_has_the_times_of_its_clock(served: Served) -> None:
    told = served.get("/v1/symbols/BTC%2FUSD/history", column=["ema", "rsi"], last=1000)["series"]
    symbol = twin().symbol("BTC/USD")
    on_ticks, on_bars = told
    assert on_ticks["clock"] == "" and on_ticks["ts"] == [tick["ts"] for tick in TICKS]
    assert on_bars["clock"] == "1m" and on_bars["ts"] == symbol.bars("1m")["ts"].tolist()
    for series in told:
        expected = symbol.history(series["column"]).tolist()
        assert [math.nan if value is None else value for value in series["values"]] == pytest.approx(
            expected, rel=0, abs=0, nan_ok=True
        )
    assert len(served.get("/v1/symbols/BTC%2FUSD/history", column="ema", last=7)["series"][0]["ts"]) == 7
    problem(served.client.get("/v1/symbols/BTC%2FUSD/history?column=none"), 404, "column")
    problem(served.client.get("/v1/symbols/BTC%2FUSD/history"), 422, "column")
    for last in ("0", "many", "100001"):
        problem(served.client.get(f"/v1/symbols/BTC%2FUSD/history?column=ema&last={last}"), 422, "last")


def test_bars_come_in_pages(served: Served) -> None:
    bars = twin().symbol("BTC/USD").bars("1m")
    first = served.get("/v1/symbols/BTC%2FUSD/bars", span="1m", last=5)
    assert first["ts"] == bars["ts"][-5:].tolist() and first["close"] == bars["close"][-5:].tolist()
    assert first["forming"]["count"] > 0
    older = served.get("/v1/symbols/BTC%2FUSD/bars", span="1m", last=1000, before=first["next"])
    assert older["ts"] == bars["ts"][:-5].tolist() and older["next"] is None and older["forming"] is None
    problem(served.client.get("/v1/symbols/BTC%2FUSD/bars?span=7h"), 404, "span")


def test_symbols_come_in_pages(served: Served) -> None:
    served.send([{"symbol": f"page{i}", "ts": T0, "price": 1.0} for i in range(7)])
    seen, after = [], ""
    while after is not None:
        page = served.get("/v1/symbols", limit=3, after=after, prefix="page")
        seen += [row["symbol"] for row in page["symbols"]]
        after = page["next"]
        assert page["total"] == 7
    assert seen == [f"page{i}" for i in range(7)]


def test_the_form_is_the_one_that_is_asked_for(served: Served) -> None:
    path = "/v1/symbols/BTC%2FUSD/ticks?last=50"
    plain = served.get(path)
    packed = served.client.get(path, headers={"accept": "application/msgpack"})
    assert msgspec.msgpack.decode(packed.content) == plain
    arrow = served.client.get(path, headers={"accept": "application/vnd.apache.arrow.stream, */*;q=0.5"})
    table = pa.ipc.open_stream(arrow.content).read_all()
    assert (
        table["ts"].cast(pa.int64()).to_pylist() == plain["ts"]
        and table["price"].to_pylist() == plain["price"]
    )
    assert str(table["ts"].type) == "timestamp[ns, tz=UTC]"
    bars = served.client.get(
        "/v1/symbols/BTC%2FUSD/bars?span=1m", headers={"accept": arrow.headers["content-type"]}
    )
    assert pa.ipc.open_stream(bars.content).read_all().column_names[1:5] == ["open", "high", "low", "close"]
    mixed = "/v1/symbols/BTC%2FUSD/history?column=ema&column=rsi"
    for at, accept in (
        (path, "image/png"),
        (mixed, arrow.headers["content-type"]),
        ("/health", arrow.headers["content-type"]),
    ):
        problem(served.client.get(at, headers={"accept": accept}), 406)


def test_the_fast_lane_tells_the_same(served: Served) -> None:
    """A query that means nothing sends a request through the framework: the answers are the same bytes."""
    for headers in ({}, {"accept": "application/msgpack"}, {"accept-encoding": "identity"}):
        fast = served.client.get("/v1/symbols/BTC%2FUSD", headers=headers)
        slow = served.client.get("/v1/symbols/BTC%2FUSD?", params={"x": "1"}, headers=headers)
        assert fast.content == slow.content and fast.status_code == slow.status_code == 200
        left_out = ("date",)
        assert {k: v for k, v in fast.headers.items() if k not in left_out} == {
            k: v for k, v in slow.headers.items() if k not in left_out
        }
        again = served.client.get(
            "/v1/symbols/BTC%2FUSD", headers={**headers, "if-none-match": fast.headers["etag"]}
        )
        assert again.status_code == 304 and again.content == b""
    problem(served.client.get("/v1/symbols/BTC%2FUSD", headers={"accept": "image/png"}), 406, "Accept")
    problem(
        served.client.get("/v1/symbols/BTC%2FUSD", headers={"accept": "application/vnd.apache.arrow.stream"}),
        406,
    )


def test_what_has_not_changed_is_not_sent_again(served: Served) -> None:
    path = "/v1/symbols/BTC%2FUSD/ticks"
    first = served.client.get(path)
    again = served.client.get(path, headers={"if-none-match": f'"other", {first.headers["etag"]}'})
    assert (
        again.status_code == 304 and again.content == b"" and again.headers["etag"] == first.headers["etag"]
    )
    assert (
        served.client.get(path + "?last=5", headers={"if-none-match": first.headers["etag"]}).status_code
        == 200
    )


@pytest.mark.parametrize(("coding", "unpack"), [("gzip", gzip.decompress), ("zstd", cramjam.zstd.decompress)])
def test_large_answers_are_compressed(served: Served, coding: str, unpack: Any) -> None:
    plain = served.client.get("/v1/indicators", headers={"accept-encoding": "identity"})
    with served.client.stream("GET", "/v1/indicators", headers={"accept-encoding": coding}) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == coding and len(raw) < len(plain.content) / 4
    assert bytes(unpack(raw)) == plain.content
    assert answer.headers["etag"] != plain.headers["etag"]
    small = served.client.get("/health", headers={"accept-encoding": coding})
    assert "content-encoding" not in small.headers


# ---- ticks in ----


def arrays(symbol: str) -> Any:
    """Three ticks as an array."""
    ticks = np.zeros(3, fc.TICK)
    ticks["ts"], ticks["price"], ticks["id"] = T0 + np.arange(3), [1.5, 2.5, 3.5], [1, 2, 3]
    return TickBatch(ticks, [symbol])


def arrow_of(rows: list[Any]) -> bytes:
    """Ticks as a stream of Arrow's."""
    table = pa.table({key: [row[key] for row in rows] for key in rows[0]})
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return bytes(out.getvalue())


def bodies(symbol: str) -> dict[str, tuple[str, bytes]]:
    """The same three ticks in every form."""
    rows = [{"symbol": symbol, "ts": T0 + i, "price": i + 1.5, "id": i + 1} for i in range(3)]
    return {
        "json": ("application/json", json.dumps(rows).encode()),
        "ndjson": ("application/x-ndjson", "\n".join(map(json.dumps, rows)).encode()),
        "msgpack": ("application/msgpack", msgspec.msgpack.encode(rows)),
        "wire": ("application/msgpack", encode(arrays(symbol))),
        "arrow": ("application/vnd.apache.arrow.stream", arrow_of(rows)),
    }


@pytest.mark.parametrize("form", bodies("x"))
def test_ticks_come_in_every_form(served: Served, form: str) -> None:
    symbol = f"form-{form}"
    kind, body = bodies(symbol)[form]
    answer = served.client.post("/v1/ticks", content=body, headers={"content-type": kind})
    assert answer.json() == {"received": 3}, answer.text
    told = served.get(f"/v1/symbols/{symbol}")
    assert told["ledger"]["accepted"] == 3 and told["price"] == 3.5 and told["values"]["ema"] == 2.5
    packed = served.client.post(
        "/v1/ticks", content=gzip.compress(body), headers={"content-type": kind, "content-encoding": "gzip"}
    )
    assert packed.json() == {"received": 3}


def test_one_tick_alone_is_taken(served: Served) -> None:
    tick = {"symbol": "alone", "ts": T0, "price": 2.0}
    assert served.client.post("/v1/ticks", json=tick).json() == {"received": 1}
    answer = served.client.post(
        "/v1/ticks",
        content=msgspec.msgpack.encode(tick | {"ts": T0 + 1}),
        headers={"content-type": "application/msgpack"},
    )
    assert answer.json() == {"received": 1}
    assert served.get("/v1/symbols/alone")["ledger"]["accepted"] == 2


GOOD = {"symbol": "bad", "ts": T0, "price": 1.0}


@pytest.mark.parametrize("form", ["one", "list", "lines", "pack", "packed list", "arrow", "stream"])
@pytest.mark.parametrize(
    ("ts", "unit"),
    [
        (T0 // 10**9, "seconds: multiply by 1_000_000_000"),
        (T0 // 10**6, "milliseconds: multiply by 1_000_000"),
        (T0 // 10**3, "microseconds: multiply by 1_000"),
        (-5, "a time before 1970"),
    ],
)
def test_a_time_in_another_unit_is_told_by_its_unit(served: Served, form: str, ts: int, unit: str) -> None:
    """In every form of a body, and in a message of a stream."""
    bad = GOOD | {"ts": ts}
    kind, content = {
        "one": ("application/json", json.dumps(bad).encode()),
        "list": ("application/json", json.dumps([GOOD, bad]).encode()),
        "lines": ("application/x-ndjson", f"{json.dumps(GOOD)}\n{json.dumps(bad)}\n".encode()),
        "pack": ("application/msgpack", msgspec.msgpack.encode(bad)),
        "packed list": ("application/msgpack", msgspec.msgpack.encode([GOOD, bad])),
        "arrow": ("application/vnd.apache.arrow.stream", arrow_of([GOOD, bad])),
        "stream": ("", b""),
    }[form]
    if form == "stream":
        with connect(served.url.replace("http", "ws") + "/v1/stream", proxy=None, open_timeout=60) as socket:
            socket.send(json.dumps({"op": "ticks", "ticks": [GOOD, bad]}))
            detail = json.loads(socket.recv(timeout=60))["detail"]
    else:
        answer = served.client.post("/v1/ticks", content=content, headers={"content-type": kind})
        detail = problem(answer, 422)["detail"]
    field = "ticks.ts" if form in ("one", "pack") else "ticks[1].ts"
    assert detail == f"{field}={ts} must be nanoseconds since 1970 UTC; it looks like {unit}"


@pytest.mark.parametrize("behind", ["}", ',"ts":"x"}', ""])
def test_a_wrong_time_in_a_message_with_more_that_is_wrong(served: Served, behind: str) -> None:
    """The first fault is told, whatever stands behind it."""
    body = '{"symbol":"bad","ts":1,"price":1' + behind
    answer = served.client.post("/v1/ticks", content=body, headers={"content-type": "application/json"})
    assert problem(answer, answer.status_code)["status"] in (400, 422)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([GOOD, GOOD | {"price": "1"}], "ticks[1].price"),
        ([GOOD | {"price": None}], "ticks[0].price"),
        ([GOOD | {"ts": T0 // 10**6}], "ticks[0].ts"),
        ([GOOD | {"ts": 2**63}], "ticks[0].ts"),
        ([GOOD | {"ts": 1.5}], "ticks[0].ts"),
        ([GOOD | {"symbol": ""}], "ticks[0].symbol"),
        ([GOOD | {"symbol": "x" * 65}], "ticks[0].symbol"),
        ([GOOD | {"symbol": "a\nb"}], "ticks.symbol"),
        ([GOOD | {"side": 2}], "ticks[0].side"),
        ([GOOD | {"id": -1}], "ticks[0].id"),
        ([GOOD | {"colour": 1}], "ticks[0]"),
        ([{"ts": T0, "price": 1.0}], "ticks[0]"),
        ([GOOD, 7], "ticks[1]"),
        ([], "body"),
        (7, "ticks"),
    ],
)
def test_a_wrong_tick_is_refused_with_its_field(served: Served, body: Any, field: str) -> None:
    before = served.get("/v1/stats")["engine"]["received"]
    problem(served.client.post("/v1/ticks", json=body), 422, field)
    assert served.get("/v1/stats")["engine"]["received"] == before


@pytest.mark.parametrize(
    ("kind", "body", "coding", "status"),
    [
        ("application/json", b"[{", "", 400),
        ("application/json", b"", "", 400),
        ("application/json", b"\xff\xfe", "", 400),
        ("application/x-ndjson", b'{"symbol":"x"\n', "", 400),
        ("application/msgpack", b"\xc1", "", 400),
        ("application/msgpack", b"\x81\xa4kind\xa5ticks", "", 422),
        ("application/vnd.apache.arrow.stream", b"not arrow", "", 400),
        ("text/plain", b"[]", "", 415),
        ("application/x-www-form-urlencoded", b"a=b", "", 415),
        ("application/json", b"[]", "br", 415),
        ("application/json", b"not gzip", "gzip", 400),
        ("application/json", gzip.compress(b"[]", mtime=0)[:-4], "gzip", 400),
        ("application/json", gzip.compress(b" " * (9 << 20), mtime=0), "gzip", 413),
    ],
)
def test_what_cannot_be_read_is_refused(
    served: Served, kind: str, body: bytes, coding: str, status: int
) -> None:
    headers = {"content-type": kind, **({"content-encoding": coding} if coding else {})}
    problem(served.client.post("/v1/ticks", content=body, headers=headers), status)


def test_arrow_with_other_columns_is_refused(served: Served) -> None:
    out = pa.BufferOutputStream()
    table = pa.table({"when": [1], "what": ["x"]})
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    kind = {"content-type": "application/vnd.apache.arrow.stream"}
    problem(served.client.post("/v1/ticks", content=bytes(out.getvalue()), headers=kind), 422, "body")


def test_a_repeated_request_is_taken_once(served: Served) -> None:
    ticks = [{"symbol": "once", "ts": T0, "price": 2.0}]
    headers = {"idempotency-key": "order 66"}
    first = served.client.post("/v1/ticks", json=ticks, headers=headers)
    again = served.client.post("/v1/ticks", json=ticks, headers=headers)
    assert first.json() == again.json() and again.headers["idempotency-replayed"] == "true"
    assert served.get("/v1/symbols/once")["ledger"]["received"] == 1
    other = served.client.post("/v1/ticks", json=ticks * 2, headers=headers)
    problem(other, 422, "Idempotency-Key")
    # What failed may come again under the same key.
    bad = served.client.post("/v1/ticks", json=[{"symbol": "once"}], headers={"idempotency-key": "k2"})
    assert bad.status_code == 422
    assert served.client.post("/v1/ticks", json=ticks, headers={"idempotency-key": "k2"}).status_code == 200


# ---- the plan ----


def test_the_plan_changes_while_it_runs() -> None:
    with Served("--indicator", "ema=EMA(3)") as service:
        ticks = walk("A", 60)
        service.send(ticks[:30])
        added = service.client.post(
            "/v1/plan", json={"name": "slow", "indicator": "EMA", "params": {"period": 9}}
        )
        assert added.status_code == 201 and "slow" in added.json()["cold"]
        told = service.client.post("/v1/plan", json={"name": "rsi", "indicator": 'RSI(3).on("1m")'})
        assert told.status_code == 201, told.text
        service.send(ticks[30:])
        columns = service.get("/v1/plan")["columns"]
        assert [(c["name"], c["clock"]) for c in columns] == [("ema", ""), ("slow", ""), ("rsi", "1m")]
        values = service.get("/v1/symbols/A")["values"]
        assert (
            values["ema"] == fc.ema([tick["price"] for tick in ticks], period=3)[-1]
        )  # as if it had always run
        assert values["slow"] == fc.ema([tick["price"] for tick in ticks[30:]], period=9)[-1]  # from there on
        assert (
            service.get("/v1/symbols/A/history", column="slow", last=1000)["series"][0]["ts"][-1]
            == ticks[-1]["ts"]
        )
        left = service.client.delete("/v1/plan/slow")
        assert list(left.json()["plan"]) == ["ema", "rsi"]
        service.send(walk("A", 1, start=T0 + 100 * MINUTE))
        assert list(service.get("/v1/symbols/A")["values"]) == ["ema", "rsi"]


@pytest.mark.parametrize(
    ("node", "status", "field"),
    [
        ({"name": "ema", "indicator": "EMA(3)"}, 409, "name"),
        ({"name": "9x", "indicator": "EMA(3)"}, 422, "name"),
        ({"name": "x", "indicator": "EMMA"}, 422, "indicator"),
        ({"name": "x", "indicator": "EMA(0)"}, 422, "indicator"),
        ({"name": "x", "indicator": "__import__('os')"}, 422, "indicator"),
        ({"name": "x", "indicator": "EMA", "params": {"period": 0}}, 422, "params.period"),
        ({"name": "x", "indicator": "EMA", "params": {"length": 3}}, 422, "params.length"),
        ({"name": "x", "indicator": "EMA", "params": {"period": "3"}}, 422, "params[...]"),
        ({"name": "x", "indicator": "EMA", "on": "soon"}, 422, "on"),
        ({"name": "x", "indicator": "EMA", "of": ["none"]}, 422, "indicator"),
        ({"name": "x", "indicator": "EMA(3)", "on": "1m"}, 422, "on"),
        ({"name": "x"}, 422, "body"),
        ({"name": "x", "indicator": "EMA", "colour": 1}, 422, "body"),
    ],
)
def test_a_wrong_plan_is_refused_and_the_old_one_goes_on(
    served: Served, node: dict[str, Any], status: int, field: str
) -> None:
    before = served.get("/v1/plan")
    problem(served.client.post("/v1/plan", json=node), status, field)
    assert served.get("/v1/plan") == before
    problem(served.client.delete("/v1/plan/none"), 404, "name")


def test_wrong_paths_and_methods_are_problems(served: Served) -> None:
    problem(served.client.get("/v2/symbols"), 404)
    problem(served.client.put("/v1/ticks"), 405)
    problem(served.client.post("/v1/snapshots"), 409)
    problem(served.client.get("/v1/symbols?limit=x"), 422, "limit")


def test_a_symbol_is_forgotten(served: Served) -> None:
    served.send(walk("gone", 3))
    assert served.client.delete("/v1/symbols/gone").json() == {"symbol": "gone"}
    problem(served.client.get("/v1/symbols/gone"), 404)


def test_the_snapshot_restores(served: Served) -> None:
    answer = served.client.get("/v1/snapshot")
    assert answer.headers["content-type"] == "application/octet-stream"
    engine = fc.Engine.restore(answer.content)
    assert engine.symbol("BTC/USD").values() == twin().symbol("BTC/USD").values()


def test_the_document_describes_all_of_it(served: Served) -> None:
    document = served.get("/openapi.json")
    assert document["openapi"].startswith("3.1")
    assert {"/health", "/ready", "/v1/ticks", "/v1/plan", "/v1/symbols/{symbol}/history"} <= set(
        document["paths"]
    )
    body = document["paths"]["/v1/ticks"]["post"]["requestBody"]["content"]
    assert {"application/json", "application/x-ndjson", "application/msgpack"} <= set(body)
    for path, methods in document["paths"].items():
        for method in methods.values():
            assert method["description"], path


def test_many_clients_at_once_lose_nothing() -> None:
    """Ticks of one symbol each from eight connections, one by one and in batches."""
    import threading

    with Served("--indicator", "ema=EMA(3)") as service:

        def run(number: int) -> None:
            with httpx.Client(base_url=service.url, timeout=60, trust_env=False) as client:
                ticks = walk(f"S{number}", 120)
                for at in range(0, 120, 1 + number * 2):
                    answer = client.post("/v1/ticks", json=ticks[at : at + 1 + number * 2])
                    assert answer.status_code == 200, answer.text

        threads = [threading.Thread(target=run, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for number in range(8):
            told = service.get(f"/v1/symbols/S{number}")
            assert told["ledger"]["accepted"] == 120
            assert told["values"]["ema"] == fc.ema([t["price"] for t in walk("", 120)], period=3)[-1]


def test_what_is_measured_is_on_one_page(served: Served) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    served.send(walk("measured", 5))
    served.client.get("/v1/nothing")
    page = served.client.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page.text)
        for sample in family.samples
    }
    assert samples["fastcore_http_requests_total", (("method", "GET"), ("status", "404"))] >= 1
    assert samples["fastcore_ready", ()] == 1 and samples["fastcore_workers_wanted", ()] >= 1
    assert samples["fastcore_operation_seconds_count", (("operation", "api"),)] > 1
    names = {name for name, _ in samples}
    assert {"fastcore_stage_seconds_bucket", "fastcore_stream_subscribers", "fastcore_load"} <= names


def test_it_watches_itself(served: Served) -> None:
    from servers import wait_until

    served.send(walk("watched", 5))
    names = [one["name"] for one in served.get("/v1/objectives")["objectives"]]
    assert "api" in names and "webhook" in names
    wait_until(
        lambda: any(one["met"] is not None for one in served.get("/v1/objectives")["objectives"]),
        "the API's objective is judged",
    )
    wait_until(lambda: profiled(served), "the profiler has seen something")
    told = served.get("/v1/profile")
    assert told["running"] and told["samples"] > 0
    assert sum(told["folded"].values()) > 0 and all(".py:" in stack for stack in told["folded"])
