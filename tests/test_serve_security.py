"""Who may call the service, from where, how often, with how much; and what happens to the rest."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastcore.errors import ConfigError
from fastcore.serve import KeyRing, Settings
from fastcore.serve.guard import scope_of
from fastcore.serve.limits import Buckets
from hypothesis import given
from hypothesis import strategies as st
from services import T0, Served, make_key, problem

EMA = ("--indicator", "ema=EMA(3)")
TICK = [{"symbol": "A", "ts": T0, "price": 1.0}]


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, dict[str, str]]]:
    """A service with four keys, by what they are for."""
    file = tmp_path_factory.mktemp("keys") / "keys.toml"
    keys = {scope: make_key(file, scope) for scope in ("read", "ingest", "plan", "admin")}
    keys["slow"] = make_key(file, "read", rate=0.5)
    with Served(
        *EMA, "--keys", str(file), "--origin", "https://desk.example", "--name", "ticks.example"
    ) as service:
        yield service, keys


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


REQUESTS = {
    "read": ("GET", "/v1/symbols"),
    "ingest": ("POST", "/v1/ticks"),
    "plan": ("DELETE", "/v1/plan/none"),
    "admin": ("GET", "/v1/snapshot"),
}


@pytest.mark.parametrize("scope", REQUESTS)
@pytest.mark.parametrize("holder", REQUESTS)
def test_a_key_is_for_what_it_is_for(keyed: tuple[Served, dict[str, str]], scope: str, holder: str) -> None:
    service, keys = keyed
    method, path = REQUESTS[scope]
    answer = service.client.request(method, path, headers=bearer(keys[holder]))
    if scope == holder:
        assert answer.status_code not in (401, 403)
    else:
        problem(answer, 403, "Authorization")


@pytest.mark.parametrize("text", ["", "fc_00000000_" + "x" * 43, "x", "fc_", "é" * 50, "a" * 3000])
def test_without_a_key_nothing_is_told(keyed: tuple[Served, dict[str, str]], text: str) -> None:
    service, _ = keyed
    headers = {"authorization": f"Bearer {text}".encode("latin-1", "replace")} if text else {}
    for method, path in (*REQUESTS.values(), ("GET", "/v1/nothing"), ("POST", "/v1/plan")):
        answer = service.client.request(method, path, headers=headers)
        problem(answer, 401, "Authorization")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert service.client.get("/health").status_code == 200  # a load balancer has no key
    assert service.client.get("/ready").status_code == 200


def test_nearly_a_key_is_none(keyed: tuple[Served, dict[str, str]]) -> None:
    service, keys = keyed
    key = keys["read"]
    other = "A" if key[-3] != "A" else "B"
    for wrong in (key[:-3] + other + key[-2:], key + "A", key[:-1], key.replace("fc_", "fd_")):
        problem(service.client.get("/v1/symbols", headers=bearer(wrong)), 401)
    assert service.client.get("/v1/symbols", headers=bearer(key)).status_code == 200


def test_a_key_has_its_rate(keyed: tuple[Served, dict[str, str]]) -> None:
    service, keys = keyed
    answers = [service.client.get("/v1/symbols", headers=bearer(keys["slow"])) for _ in range(30)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert 20 <= len(refused) < 30
    problem(refused[0], 429)
    assert int(refused[0].headers["retry-after"]) >= 1
    assert service.client.get("/v1/symbols", headers=bearer(keys["read"])).status_code == 200


def test_only_hashes_are_kept_and_no_secret_is_logged(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    key = make_key(file, "read", "ingest")
    assert file.stat().st_mode & 0o777 == 0o600
    assert key[12:] not in file.read_text()
    with Served(*EMA, "--keys", str(file), key=key) as service:
        service.send(TICK)
        service.client.get("/v1/symbols", headers=bearer(key + "x"))
        service.stop()
    assert key[12:] not in service.errors


def test_keys_are_made_listed_and_removed(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"

    def keys(*arguments: str) -> str:
        command = [sys.executable, "-m", "fastcore", "keys", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    text = keys("add", str(file), "desk", "--scope", "read", "--scope", "plan", "--rate", "5")
    key = KeyRing.load(file).check(text)
    assert key is not None and (key.name, key.scopes, key.rate) == ("desk", {"read", "plan"}, 5.0)
    assert json.loads(keys("ls", str(file), "--json"))[0]["id"] == key.id
    keys("rm", str(file), key.id)
    assert KeyRing.load(file).check(text) is None


def test_a_public_address_needs_keys(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fastcore", "serve", "--host", "0.0.0.0", "--port", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2 and "make a key first" in done.stderr
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org", ""):
        with pytest.raises(ConfigError, match="make a key first"):
            Settings(host=host)
    assert Settings(host="::1").is_loopback and Settings(host="localhost").is_loopback
    ring = KeyRing()
    ring.add("me", ["read"])
    assert not Settings(host="0.0.0.0", keys=ring).is_loopback


def test_keys_that_others_may_read_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    make_key(file, "read")
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        KeyRing.load(file)


@pytest.mark.parametrize(
    "text",
    [
        "[key",
        "[key.x]\nname=1",
        '[key.x]\nname="a"\nsha256="00"\nscopes=["read"]',
        '[key.x]\nscopes=["all"]',
        "\xff",
    ],
)
def test_a_damaged_file_of_keys_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "keys.toml"
    file.write_bytes(text.encode("latin-1"))
    file.chmod(0o600)
    with pytest.raises(ConfigError):
        KeyRing.load(file)


KEY_NAMES = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=64)
SCOPE_SETS = st.sets(st.sampled_from(["read", "ingest", "plan", "admin"]), min_size=1)


@given(st.lists(st.tuples(KEY_NAMES, SCOPE_SETS)))
def test_keys_come_back_from_their_file(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, set[str]]]
) -> None:
    file = tmp_path_factory.mktemp("ring") / "keys.toml"
    ring = KeyRing()
    texts = [ring.add(name, scopes, 2.5) for name, scopes in rows]
    ring.save(file)
    again = KeyRing.load(file)
    assert [key and (key.name, set(key.scopes), key.rate) for key in map(again.check, texts)] == [
        (name, scopes, 2.5) for name, scopes in rows
    ]


@given(st.lists(st.floats(0, 10), min_size=1, max_size=60), st.floats(0.5, 20))
def test_no_one_has_more_than_their_rate(gaps: list[float], rate: float) -> None:
    now = 0.0
    buckets = Buckets(burst=2.0, clock=lambda: now)
    taken = 0
    for gap in gaps:
        now += gap
        wait = buckets.take("me", rate)
        if wait == 0.0:
            taken += 1
        else:
            assert wait <= 1.0 / rate + 1e-9
        assert taken <= max(1.0, rate * 2.0) + now * rate + 1e-6


# ---- from where ----


def test_another_name_of_this_address_is_refused(keyed: tuple[Served, dict[str, str]]) -> None:
    """Against DNS rebinding: a page's own name that leads to this machine."""
    service, keys = keyed
    for host, status in (("evil.example", 421), ("ticks.example", 200), ("localhost:1234", 200), ("", 421)):
        answer = service.client.get("/v1/symbols", headers={**bearer(keys["read"]), "host": host})
        assert answer.status_code == status or (not host and answer.status_code == 400), host


def test_pages_of_other_origins_are_refused() -> None:
    """Also where there are no keys: a page in the same browser could call loopback."""
    with Served(*EMA) as service:
        for method, path in (("GET", "/v1/symbols"), ("POST", "/v1/ticks"), ("DELETE", "/v1/plan/ema")):
            for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
                problem(service.client.request(method, path, headers={"origin": origin}), 403, "Origin")
        own = {"origin": service.url}
        assert service.client.post("/v1/ticks", json=TICK, headers=own).status_code == 200
        assert service.client.get("/v1/symbols", headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_an_origin_that_is_allowed_may_ask(keyed: tuple[Served, dict[str, str]]) -> None:
    service, keys = keyed
    desk = {"origin": "https://desk.example"}
    answer = service.client.get("/v1/symbols", headers={**bearer(keys["read"]), **desk})
    assert answer.headers["access-control-allow-origin"] == "https://desk.example"
    before = service.client.options("/v1/ticks", headers={**desk, "access-control-request-method": "POST"})
    assert before.status_code == 204 and "POST" in before.headers["access-control-allow-methods"]
    assert "access-control-allow-origin" not in service.client.get("/health").headers
    other = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    assert "access-control-allow-origin" not in service.client.options("/v1/ticks", headers=other).headers


def test_answers_forbid_what_a_page_could_do_with_them(keyed: tuple[Served, dict[str, str]]) -> None:
    service, _ = keyed
    headers = service.client.get("/health").headers
    assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"


# ---- how much ----


@pytest.fixture(scope="module")
def small() -> Iterator[Served]:
    """A service with low limits."""
    program = (
        "import sys, fastcore as fc\n"
        "from fastcore.serve import Service, Settings\n"
        "settings = Settings(port=int(sys.argv[1]), max_body=5000, body_seconds=3.0, max_symbols=20)\n"
        "Service({'ema': fc.EMA(3)}, settings=settings).run_blocking()\n"
    )
    with Served(program=program) as service:
        yield service


def test_a_body_has_a_size(small: Served) -> None:
    large = json.dumps(TICK * 200).encode()
    kind = {"content-type": "application/json"}
    problem(small.client.post("/v1/ticks", content=large, headers=kind), 413)
    problem(
        small.client.post("/v1/ticks", content=iter([large]), headers=kind), 413
    )  # chunked: no length given
    small.send(TICK)


def test_a_query_has_a_size(small: Served) -> None:
    problem(small.client.get("/v1/symbols?prefix=" + "x" * 5000), 414)
    problem(small.client.get("/v1/symbols/" + "x" * 5000), 414)


def test_there_is_a_bound_on_symbols(small: Served) -> None:
    many = [{"symbol": f"s{i}", "ts": T0, "price": 1.0} for i in range(30)]
    problem(small.client.post("/v1/ticks", json=many), 422, "ticks.symbol")
    assert small.get("/v1/symbols")["total"] <= 20


def raw(service: Served, data: bytes, seconds: float = 60.0) -> bytes:
    """What comes back for these bytes, until the connection ends."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=seconds) as sock:
        sock.sendall(data)
        found = b""
        while part := sock.recv(65_536):
            found += part
            if b"\r\n\r\n" in found and (size := re.search(rb"content-length: (\d+)", found)):
                head = found.index(b"\r\n\r\n") + 4
                if len(found) >= head + int(size[1]):
                    break
    return found


def test_a_body_that_does_not_come_ends_the_request(small: Served) -> None:
    """Slowloris with a body: the connection is answered, and others are served meanwhile."""
    head = b"POST /v1/ticks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += b"Content-Length: 50\r\n\r\n["
    slow = [socket.create_connection(("127.0.0.1", small.port)) for _ in range(50)]
    for sock in slow:
        sock.sendall(head)
    assert small.get("/health") == {"status": "ok"}
    for sock in slow:
        sock.settimeout(60)
        assert sock.recv(65_536).startswith(b"HTTP/1.1 408")
        sock.close()


def test_headers_that_do_not_end_do_not_hold_others_up(small: Served) -> None:
    slow = [socket.create_connection(("127.0.0.1", small.port)) for _ in range(200)]
    for sock in slow:
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-")
    small.send(TICK)
    for sock in slow:
        sock.close()


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /health HTTP/9.9\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"POST /v1/ticks HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
        b"GET /%ff%fe/\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_malformed_requests_harm_no_one(small: Served, data: bytes) -> None:
    try:
        answer = raw(small, data)
    except ConnectionError:
        answer = b""
    assert not answer or re.match(rb"HTTP/1\.1 4\d\d", answer), answer[:200]
    assert small.get("/health") == {"status": "ok"}


def test_what_a_path_needs() -> None:
    assert scope_of("GET", "/v1/symbols/x") == "read" and scope_of("DELETE", "/v1/symbols/x") == "admin"
    assert scope_of("POST", "/v1/snapshots") == "admin" and scope_of("POST", "/v1/plan") == "plan"
    assert scope_of("GET", "/assets/app.js") == "" and scope_of("GET", "/metrics") == "read"
