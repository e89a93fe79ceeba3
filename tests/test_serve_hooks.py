"""Webhooks: in and acknowledged when durable, out until delivered; old, forged and repeated ones refused."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastcore.errors import ConfigError
from fastcore.serve import mailroom
from fastcore.serve.hooks import Hooks, Source, signature, verified
from fastcore.serve.mailroom import Mailroom
from fastcore.serve.problems import Problem
from hypothesis import given
from hypothesis import strategies as st
from servers import wait_until
from services import MINUTE, T0, Served, problem

SECRET = "a secret that is long enough"
EMA = ("--indicator", "ema=EMA(3)", "--indicator", 'bar=EMA(3).on("1m")')
IN = f'[in.desk]\nsecret = "{SECRET}"\n[in.tv]\nkind = "tradingview"\nsecret = "{SECRET}"\n'


class Receiver:
    """A server that takes webhooks: it answers with the statuses it was told to, then with 200."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.got: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/take?all=1"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def folder(path: Path, text: str) -> tuple[str, ...]:
    """The arguments of a service with these webhooks."""
    path.mkdir(exist_ok=True)
    file = path / "hooks.toml"
    file.write_text(text)
    file.chmod(0o600)
    return (*EMA, "--data", str(path))


def signed(
    body: bytes, number: str = "msg_1", moment: float | None = None, secret: str = SECRET
) -> dict[str, str]:
    moment = int(time.time() if moment is None else moment)
    return {
        "content-type": "application/json",
        "webhook-id": number,
        "webhook-timestamp": str(moment),
        "webhook-signature": signature(secret, number, moment, body),
    }


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(*folder(tmp_path_factory.mktemp("state"), IN)) as service:
        yield service


def test_a_signed_message_becomes_a_signal(served: Served) -> None:
    from test_serve_stream import receive, stream

    body = json.dumps({"symbol": "BTCUSDT", "action": "buy"}).encode()
    with stream(served, kinds=["signals"]) as connection:
        receive(connection)
        answer = served.client.post("/hooks/desk", content=body, headers=signed(body, "msg_first"))
        assert answer.status_code == 202 and answer.json() == {"id": "msg_first", "duplicate": False}
        (said,) = receive(connection)["signals"]
        assert (said["symbol"], said["strategy"]) == ("BTCUSDT", "webhook desk")
        assert said["value"] == {"symbol": "BTCUSDT", "action": "buy"}
        again = served.client.post("/hooks/desk", content=body, headers=signed(body, "msg_first"))
        assert again.json() == {"id": "msg_first", "duplicate": True}
        other = served.client.post("/hooks/desk", content=body, headers=signed(body, "msg_second"))
        assert other.json()["duplicate"] is False
        (said,) = receive(connection)["signals"]  # the repeated one was not told
    assert served.get("/v1/stats")["loop"]["signals"] == 2


def test_tradingview_puts_the_secret_into_the_body(served: Served) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    alert = {"secret": SECRET, "time": now, "ticker": "ETHUSDT", "price": 2500.5, "action": "sell"}
    answer = served.client.post("/hooks/tv", json=alert)
    assert answer.status_code == 202 and not answer.json()["duplicate"]
    assert served.client.post("/hooks/tv", json=alert).json()["duplicate"]  # replayed: not acted upon
    for wrong in ({"secret": "other"}, {"secret": None}, {"time": "soon"}, {"time": "2020-01-01T00:00:00Z"}):
        problem(served.client.post("/hooks/tv", json=alert | wrong), 401)
    del alert["time"]
    problem(served.client.post("/hooks/tv", json=alert), 401, "time")


BODY = b'{"symbol":"A"}'


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (lambda: {}, BODY, 401),
        (lambda: signed(BODY, secret="another secret, long enough"), BODY, 401),
        (lambda: signed(BODY), b'{"symbol":"B"}', 401),
        (lambda: signed(BODY) | {"webhook-id": "msg_2"}, BODY, 401),
        (lambda: signed(BODY) | {"webhook-timestamp": "x"}, BODY, 401),
        (lambda: signed(BODY) | {"webhook-timestamp": "9" * 40}, BODY, 401),
        (lambda: signed(BODY) | {"webhook-signature": "v1,"}, BODY, 401),
        (lambda: signed(BODY, moment=1_700_000_000), BODY, 401),
        (lambda: signed(BODY, moment=4_000_000_000), BODY, 401),
        (lambda: signed(b"[1]"), b"[1]", 400),
        (lambda: signed(b"{"), b"{", 400),
        (lambda: signed(b"\xff"), b"\xff", 400),
    ],
)  # fmt: skip
def test_what_is_not_what_it_says_is_refused(
    served: Served, headers: Callable[[], dict[str, str]], body: bytes, status: int
) -> None:
    before = served.get("/v1/webhooks")["counts"]["received"]
    own = headers()  # signed now: minutes may have gone by since the tests were collected
    problem(served.client.post("/hooks/desk", content=body, headers=own), status)
    problem(served.client.post("/hooks/none", content=body, headers=own), 404, "name")
    assert served.get("/v1/webhooks")["counts"]["received"] == before


HEADERS = st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"])


@given(st.binary(max_size=200), st.dictionaries(HEADERS, st.text(max_size=50)))
def test_no_bytes_pass_without_the_secret(body: bytes, headers: dict[str, str]) -> None:
    for kind in ("signed", "tradingview"):
        with pytest.raises(Problem):
            verified(Source("x", kind, SECRET), headers, body, time.time())


def test_what_was_acknowledged_is_acted_upon_after_a_kill(tmp_path: Path) -> None:
    arguments = folder(tmp_path, IN)
    with Served(*arguments) as service:
        for number in range(20):
            answer = service.client.post("/hooks/desk", content=BODY, headers=signed(BODY, f"msg_{number}"))
            assert answer.status_code == 202
        service.stop(signal.SIGKILL)
    with Served(*arguments) as again:
        assert again.get("/v1/webhooks")["counts"]["received"] == 20
        for number in range(20):
            answer = again.client.post("/hooks/desk", content=BODY, headers=signed(BODY, f"msg_{number}"))
            assert answer.json()["duplicate"]  # it remembers


def test_many_at_once_share_the_disk(served: Served) -> None:
    before = served.get("/v1/webhooks")["counts"]["received"]

    def run(place: int) -> None:
        with httpx.Client(base_url=served.url, timeout=60, trust_env=False) as client:
            for number in range(25):
                headers = signed(BODY, f"msg_many_{place}_{number}")
                assert client.post("/hooks/desk", content=BODY, headers=headers).status_code == 202

    threads = [threading.Thread(target=run, args=(place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert served.get("/v1/webhooks")["counts"]["received"] == before + 200


def test_what_nobody_waits_for_costs_no_commit_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That a message was acted upon is written with the next one, or soon, and before the room is closed."""
    faults: list[BaseException] = []

    async def main() -> tuple[int, int]:
        monkeypatch.setattr(mailroom, "_LATER", 600.0)  # "soon" is later than any next one
        room = Mailroom(tmp_path / "webhooks.db")
        said: list[str] = []
        room._db.set_trace_callback(said.append)
        for number in range(20):
            assert await room.receive("desk", f"m{number}", b"{}")
            room.settle("desk", f"m{number}", faults.append)
            while not room._jobs.empty():  # it has been taken, and waits for the next
                await asyncio.sleep(0)
        commits = said.count("COMMIT")
        left = len(await room.unsettled())
        monkeypatch.undo()
        here = asyncio.get_running_loop()
        last = here.create_future()
        room.do_later(lambda _: here.call_soon_threadsafe(last.set_result, None), faults.append)
        await asyncio.wait_for(last, 60)
        room.settle("desk", "m0", faults.append)
        await asyncio.to_thread(room.close)
        return commits, left

    commits, left = asyncio.run(main())
    assert (left, faults) == (0, [])
    assert commits == 20  # one for each message
    again = sqlite3.connect(tmp_path / "webhooks.db")
    assert again.execute("SELECT count(*) FROM inbox WHERE done").fetchone() == (20,)
    again.close()


# ---- out ----


def out(receiver: Receiver, **more: Any) -> str:
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in more.items())
    return f'[out.desk]\nurl = "{receiver.url}"\nsecret = "{SECRET}"\n{lines}'


def bars(service: Served, many: int, symbol: str = "A") -> None:
    """As many bars as that close."""
    service.send([{"symbol": symbol, "ts": T0 + i * MINUTE, "price": 1.0 + i} for i in range(many + 1)])


def test_what_happens_is_told_signed_and_in_order_of_its_kind(tmp_path: Path) -> None:
    with Receiver() as receiver:
        arguments = folder(tmp_path, out(receiver, kinds=["bars"], symbols=["A"]))
        with Served(*arguments) as service:
            bars(service, 3)
            bars(service, 2, "B")
            wait_until(lambda: len(receiver.got) >= 3, "three bars were told")
            wait_until(lambda: service.get("/v1/webhooks")["counts"]["sent"] == 3, "they are settled")
        assert len(receiver.got) == 3
        for headers, body in receiver.got:
            number, moment = headers["webhook-id"], int(headers["webhook-timestamp"])
            assert headers["webhook-signature"] == signature(SECRET, number, moment, body)
            told = json.loads(body)
            assert told["id"] == number and told["type"] == "bar" and told["data"]["symbol"] == "A"
        assert sorted(json.loads(body)["data"]["close"] for _, body in receiver.got) == [1.0, 2.0, 3.0]


def test_what_fails_is_tried_again_with_the_same_id(tmp_path: Path) -> None:
    with Receiver(500, 503) as receiver, Served(*folder(tmp_path, out(receiver, kinds=["bars"]))) as service:
        bars(service, 1)
        wait_until(lambda: len(receiver.got) == 3, "it was tried three times")
        assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
        wait_until(lambda: service.get("/v1/webhooks")["counts"]["sent"] == 1, "it is settled")


def test_a_letter_that_is_gone_is_dead_until_it_is_replayed(tmp_path: Path) -> None:
    with Receiver(410) as receiver, Served(*folder(tmp_path, out(receiver, kinds=["bars"]))) as service:
        bars(service, 1)
        wait_until(lambda: bool(service.get("/v1/webhooks")["dead"]), "it is dead")
        (dead,) = service.get("/v1/webhooks")["dead"]
        assert dead["error"] == "answered with 410" and dead["target"] == "desk"
        assert service.client.post(f"/v1/webhooks/{dead['id']}/replay").status_code == 200
        wait_until(lambda: len(receiver.got) == 2, "it was sent again")
        assert receiver.got[0][1] == receiver.got[1][1]
        problem(service.client.post("/v1/webhooks/none/replay"), 404, "number")


def test_what_was_not_delivered_goes_out_after_a_restart(tmp_path: Path) -> None:
    with Receiver() as receiver:
        arguments = folder(
            tmp_path, out(receiver, kinds=["bars"]).replace(receiver.url, "http://127.0.0.1:9/")
        )
        with Served(*arguments) as service:
            bars(service, 2)
            wait_until(lambda: service.get("/v1/webhooks")["counts"]["waiting"] == 2, "two wait")
            service.stop(signal.SIGKILL)
        folder(tmp_path, out(receiver, kinds=["bars"]))
        with Served(*arguments):
            wait_until(lambda: len(receiver.got) >= 2, "they went out")


# ---- the file ----


@pytest.mark.parametrize(
    "text",
    [
        "[in.x]",
        '[in.x]\nsecret = "short"',
        f'[in.x]\nsecret = "{SECRET}"\nkind = "magic"',
        f'[out.x]\nsecret = "{SECRET}"\nurl = "ftp://x"',
        f'[out.x]\nsecret = "{SECRET}"\nurl = "http://x"\nkinds = ["dreams"]',
        "[inn.x]",
        "[in",
    ],
)
def test_a_wrong_file_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        Hooks.parse(text)


def test_secrets_that_others_may_read_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "hooks.toml"
    file.write_text(IN)
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        Hooks.load(file)
    assert not Hooks.load(tmp_path / "none.toml").sources


def test_a_time_may_be_off_a_little() -> None:
    now = datetime(2024, 5, 1, 12, tzinfo=UTC)
    content = {"secret": SECRET, "time": (now - timedelta(seconds=299)).isoformat(), "symbol": "A"}
    source = Source("tv", "tradingview", SECRET)
    number, told = verified(source, {}, json.dumps(content).encode(), now.timestamp())
    assert told == {"time": content["time"], "symbol": "A"} and number.startswith("tv_")
    with pytest.raises(Problem, match="301 s"):
        verified(source, {}, json.dumps(content).encode(), now.timestamp() + 2)
