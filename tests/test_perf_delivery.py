"""Delivery: real servers on loopback for webhooks, e-mail, Telegram's API, apprise; the watch end to end."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fastcore as fc
import pytest
from aiosmtpd.controller import Controller
from fastcore.cli import main
from fastcore.errors import ConfigError
from fastcore.perf.alerts import Notification
from fastcore.perf.delivery import Delivery
from fastcore.perf.metrics import Metrics
from fastcore.perf.monitor import Monitor
from fastcore.perf.prometheus_rules import prometheus_rules
from fastcore.perf.receivers import (
    AppriseReceiver,
    EmailReceiver,
    LogReceiver,
    TelegramReceiver,
    WebhookReceiver,
    receiver_of,
    signature,
)
from fastcore.perf.rules import parse
from fastcore.perf.samples import Sample
from fastcore.perf.watch import Watch
from loops import NAMES, TickLoop, cut, stream
from prometheus import Prometheus, promtool
from servers import free_port, wait_until

T0 = 1_700_000_000.0


def notification(state: str = "firing", severity: str = "warning", number: int = 1) -> Notification:
    alert = {
        "id": f"{number:08x}",
        "name": "Hot",
        "state": state,
        "severity": severity,
        "labels": {"place": "a"},
        "value": 11.0,
        "summary": f"a is {number} hot",
    }
    return Notification("heat", T0, (alert,))


class Hooks:
    """An HTTP server that keeps what is posted, and answers with the statuses it is told, then 200."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.answer = b'{"ok": true}'
        self.came = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.posts.append((self.path, dict(self.headers), body))
                status = outer.statuses.pop(0) if outer.statuses else 200
                self.send_response(status)
                self.end_headers()
                self.wfile.write(outer.answer)
                outer.came.set()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, _, body in list(self.posts)]


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    made = Hooks()
    yield made
    made.close()


# ---- receivers


def test_a_webhook_is_signed(hooks: Hooks) -> None:
    """Whoever has the secret can check it; another body or secret gives another signature."""
    WebhookReceiver(hooks.url + "/in", "secret").send(notification())
    ((path, headers, body),) = hooks.posts
    assert path == "/in"
    moment = int(headers["X-Fastcore-Signature"].split(",")[0].removeprefix("t="))
    assert abs(moment - time.time()) < 60
    assert headers["X-Fastcore-Signature"] == signature("secret", moment, body)
    assert signature("secret", moment, body + b" ") != signature("secret", moment, body)
    assert signature("other", moment, body) != signature("secret", moment, body)
    assert json.loads(body)["alerts"][0]["summary"] == "a is 1 hot"
    WebhookReceiver(hooks.url).send(notification())
    assert "X-Fastcore-Signature" not in hooks.posts[1][1]


def test_e_mail_arrives() -> None:
    class Keeper:
        def __init__(self) -> None:
            self.mails: list[tuple[list[str], bytes]] = []

        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            self.mails.append((envelope.rcpt_tos, envelope.content))
            return "250 OK"

    keeper = Keeper()
    controller = Controller(keeper, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        EmailReceiver(
            "127.0.0.1", "bot@example.org", "a@example.org, b@example.org", port=controller.port, tls="none"
        ).send(notification("resolved"))
    finally:
        controller.stop()
    ((to, content),) = keeper.mails
    mail = message_from_bytes(content)
    assert to == ["a@example.org", "b@example.org"]
    assert mail["Subject"] == "[fastcore] heat: 1 resolved"
    assert mail["From"] == "bot@example.org"
    assert mail.get_payload().strip() == "resolved: a is 1 hot"


def test_telegram_is_asked_to_send(hooks: Hooks) -> None:
    receiver = TelegramReceiver("12:token", "@room", api=hooks.url)
    receiver.send(notification())
    assert hooks.posts[0][0] == "/bot12:token/sendMessage"
    assert hooks.bodies()[0] == {
        "chat_id": "@room",
        "text": "[fastcore] heat: 1 firing\nfiring: a is 1 hot",
    }
    hooks.answer = b'{"ok": false, "description": "chat not found"}'
    with pytest.raises(fc.FastcoreError, match="it answers chat not found"):
        receiver.send(notification())


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # apprise's, on old Pythons
def test_apprise_delivers_and_its_no_is_an_error(hooks: Hooks) -> None:
    receiver = AppriseReceiver(hooks.url.replace("http", "json"))
    receiver.send(notification(severity="page"))
    (body,) = hooks.bodies()
    assert (body["title"], body["type"]) == ("[fastcore] heat: 1 firing", "failure")
    hooks.statuses = [500]
    with pytest.raises(fc.FastcoreError, match="apprise could not deliver it"):
        receiver.send(notification())
    with pytest.raises(ConfigError, match="apprise does not know such an address, nothing://"):
        AppriseReceiver("nothing://secret")


def test_the_log_has_the_level_of_the_severity(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "fastcore.alerts"):
        for severity in ("info", "warning", "page"):
            LogReceiver().send(notification(severity=severity))
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "ERROR"]
    assert "firing: a is 1 hot" in caplog.text


# ---- tries


def test_what_is_refused_is_tried_again(hooks: Hooks) -> None:
    """With pauses that double; an answer that is no token's secret is in the error."""
    hooks.statuses = [500, 503]
    pauses: list[float] = []
    with Delivery([WebhookReceiver(hooks.url)], pause=0.5, wait=pauses.append) as delivery:
        delivery.send(notification())
    assert delivery.stats()["webhook"] == {
        "sent": 1,
        "failed": 0,
        "retried": 2,
        "dropped": 0,
        "waiting": 0,
        "error": "",
    }
    assert pauses == [0.5, 1.0]
    assert [body["title"] for body in hooks.bodies()] == ["[fastcore] heat: 1 firing"] * 3


def test_what_nobody_takes_is_given_up_and_seen(caplog: pytest.LogCaptureFixture) -> None:
    receiver = WebhookReceiver(f"http://127.0.0.1:{free_port()}/token-in-the-path")
    with Delivery([receiver], tries=3, wait=lambda _: None) as delivery:
        delivery.send(notification())
    stats = delivery.stats()["webhook"]
    assert (stats["sent"], stats["failed"], stats["retried"]) == (0, 1, 2)
    assert "Connection refused" in stats["error"]
    assert "alerts do not reach webhook" in caplog.text
    assert "token-in-the-path" not in caplog.text


def test_one_that_hangs_holds_up_nobody(hooks: Hooks) -> None:
    """Its queue is bounded: the oldest go, and are counted; another receiver has everything at once."""
    go_on, inside = threading.Event(), threading.Event()

    class Hanging:
        name, severities = "hanging", frozenset({"warning"})
        got: list[str] = []  # noqa: RUF012

        def send(self, one: Notification) -> None:
            inside.set()
            go_on.wait()
            self.got.append(one.alerts[0]["id"])

    with Delivery([Hanging(), WebhookReceiver(hooks.url)], capacity=3) as delivery:
        delivery.send(notification(number=0))
        inside.wait()
        for number in range(1, 11):
            delivery.send(notification(number=number))
            wait_until(lambda: len(hooks.posts) > number, "the other did not get it")  # noqa: B023
        assert delivery.stats()["hanging"]["dropped"] == 7
        go_on.set()
    assert [int(one, 16) for one in Hanging.got] == [0, 8, 9, 10]


def test_severities_choose_receivers(hooks: Hooks) -> None:
    with Delivery([WebhookReceiver(hooks.url, severities=frozenset({"page"}))]) as delivery:
        delivery.send(notification())
        delivery.send(notification(severity="page"))
    assert [body["severity"] for body in hooks.bodies()] == ["page"]


# ---- from the rules file


def test_receivers_come_from_the_file(monkeypatch: pytest.MonkeyPatch, hooks: Hooks) -> None:
    monkeypatch.setenv("HOOK_SECRET", "s3")
    rules = parse(
        f"""
        [[receiver]]
        kind = "webhook"
        name = "ops"
        url = "{hooks.url}"
        secret_env = "HOOK_SECRET"
        severities = ["page"]

        [[receiver]]
        kind = "log"
        """
    )
    ops, other = (receiver_of(table) for table in rules.receivers)
    assert (ops.name, ops.severities, other.name) == ("ops", {"page"}, "log")
    ops.send(notification())
    assert hooks.posts[0][1]["X-Fastcore-Signature"].startswith("t=")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "a receiver's kind must be one of log, webhook, email, telegram, apprise, not None"),
        ({"kind": "webhook"}, "receiver webhook: url is missing"),
        ({"kind": "webhook", "url": "ftp://x"}, "url must begin with http:// or https://, not 'ftp://x'"),
        ({"kind": "webhook", "url": 3}, "receiver webhook: url must be text, not 3"),
        ({"kind": "webhook", "url": "http://x", "secret": "a"}, "there is no secret: it has url, secret_env"),
        (
            {"kind": "webhook", "url": "http://x", "secret_env": "NO_SUCH"},
            "'NO_SUCH', which is not in the env",
        ),
        ({"kind": "telegram", "chat": "1"}, "receiver telegram: token_env is missing"),
        ({"kind": "email", "host": "h", "sender": "x", "to": "a@b"}, "sender must be an address, not 'x'"),
        (
            {"kind": "email", "host": "h", "sender": "a@b", "to": "a@b", "port": "25"},
            "port must be a whole number",
        ),
        ({"kind": "email", "host": "h", "sender": "a@b", "to": "a@b", "tls": "no"}, "tls must be one of"),
        (
            {"kind": "log", "severities": ["loud"]},
            r"severities must be some of info, page, warning, not \['loud",
        ),
    ],
)
def test_receivers_that_cannot_be(table: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        receiver_of(table)


# ---- the command line


def test_the_command_line_looks_after_rules(
    tmp_path: Path, hooks: Hooks, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its presets are a file that it accepts; what it writes for Prometheus is what promtool accepts."""
    assert main(["alerts", "presets"]) == 0
    file = tmp_path / "alerts.toml"
    file.write_text(capsys.readouterr().out + f'[[receiver]]\nkind = "webhook"\nurl = "{hooks.url}"\n')
    assert main(["alerts", "check", str(file)]) == 0
    said = capsys.readouterr().out
    assert "ObjectiveMissed:api" in said
    assert "1 receivers" in said
    assert main(["alerts", "check", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["rules"]) > 20
    assert main(["alerts", "prometheus", str(file)]) == 0
    (tmp_path / "rules.yml").write_text(capsys.readouterr().out)
    promtool("check", "rules", tmp_path / "rules.yml")
    assert main(["alerts", "test", str(file)]) == 0
    assert capsys.readouterr().out == "webhook: it has it\n"
    hooks.statuses = [418]
    assert main(["alerts", "test", str(file)]) == 1
    assert "1 of 1 receivers did not take the test alert" in capsys.readouterr().err
    file.write_text("[[rule]]\nnam = 'x'")
    assert main(["alerts", "check", str(file)]) == 2
    assert "alerts.toml: rule 1:" in " ".join(capsys.readouterr().err.split())


# ---- the watch, from end to end


def test_a_breach_reaches_the_webhook_and_resolves(hooks: Hooks) -> None:
    """Also while the event loop stands still: the watch is no task of it."""
    metrics = Metrics(process=False)
    rules = parse(
        """
        group_interval = "0s"
        [[objective]]
        operation = "api"
        threshold = "200ms"
        window = "1s"
        """
    )
    with Monitor(metrics, rules, [WebhookReceiver(hooks.url, "s")], every=0.05):
        api = metrics.operation("api")

        def slow() -> bool:
            api.record(5e8)
            return bool(hooks.posts)

        async def held_up() -> None:
            api.record(1e6)
            await asyncio.sleep(0.2)
            wait_until(slow, "no webhook")  # in the loop's own thread: it blocks

        asyncio.run(held_up())
        (told,) = hooks.bodies()
        assert told["alerts"][0]["name"] == "ObjectiveMissed:api"
        assert told["alerts"][0]["state"] == "firing"

        def well() -> bool:
            api.record(1e6)
            return len(hooks.posts) > 1

        wait_until(well, "it does not resolve")
    assert [body["alerts"][0]["state"] for body in hooks.bodies()] == ["firing", "resolved"]


def clean_loop(url: str, seconds: float) -> None:
    """All that looks for trouble, over a loop that is well."""

    class Feed:
        async def __aiter__(self) -> Any:
            until, ts = time.monotonic() + seconds, 0
            ticks = stream(100)
            while time.monotonic() < until:
                ticks["ts"] += ts - ticks["ts"][0] + 1 if ts else 0
                ts = int(ticks["ts"][-1])
                yield cut(ticks.copy(), [100], NAMES)[0]
                await asyncio.sleep(0.01)

    loop = TickLoop(fc.Engine({"ema": fc.EMA(20)}), Feed())
    watch = Watch(loop, receivers=[WebhookReceiver(url)], every=0.1)
    with watch:
        asyncio.run(loop.run())
    stats = watch.monitor.stats()
    assert (stats["failures"], stats["active"]) == (0, [])
    assert watch.memory.found == []
    assert loop.stats()["engine"]["accepted"] > 1000


def test_a_clean_loop_is_told_of_nothing(hooks: Hooks) -> None:
    """No alarm, in a process of its own: that of the tests holds much memory. In a proof: half an hour."""
    seconds = 1800.0 if os.environ.get("FASTCORE_PROOF") == "1" else 2.0
    code = f"import test_perf_delivery as t; t.clean_loop({hooks.url!r}, {seconds})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert [(one["name"], one["summary"]) for body in hooks.bodies() for one in body["alerts"]] == []


def test_a_sink_that_loses_rows_is_told(hooks: Hooks) -> None:
    class Broken:
        async def open(self, columns: Any) -> None:
            pass

        async def write(self, event: Any) -> None:
            raise OSError("disk")

        async def close(self) -> None:
            pass

    class Feed:
        async def __aiter__(self) -> Any:
            for batch in cut(stream(500), [10], NAMES):
                yield batch
                await asyncio.sleep(0.001)

    loop = TickLoop(fc.Engine({"ema": fc.EMA(20)}), Feed(), sinks=[Broken()])
    metrics = Metrics(process=False)
    metrics.watch_loop(loop)
    clock = [T0]
    monitor = Monitor(metrics, receivers=[WebhookReceiver(hooks.url)], clock=lambda: clock[0])
    monitor.step()
    asyncio.run(loop.run())
    clock[0] += 1
    monitor.step()
    monitor.stop()
    (told,) = hooks.bodies()
    assert told["severity"] == "page"
    assert told["alerts"][0]["summary"].startswith("sink Broken loses ")


def test_a_watcher_that_fails_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    monitor = Monitor(Metrics(process=False), parse(""), [])
    monitor.watchers.append(lambda _: 1 / 0)
    monitor.step()
    assert monitor.failures == 1
    assert "a watcher failed: ZeroDivisionError" in caplog.text
    with pytest.raises(ConfigError, match=r"Monitor: every must be 0\.05 to 60 s, not 0"):
        Monitor(Metrics(process=False), every=0)


def test_prometheus_fires_the_same_alert_from_the_page(tmp_path: Path) -> None:
    """The real server scrapes the page, runs the rules we wrote, and has the alert that we have."""
    rules = parse(
        """
        [[objective]]
        operation = "api"
        threshold = "123ms"
        window = "5s"

        [[rule]]
        name = "QueueLong"
        metric = "fastcore_queue_waiting"
        above = 5
        """
    )
    metrics = Metrics(process=False)
    samples = [Sample("fastcore_queue_waiting", "gauge", "Waiting.", 7.0, {"queue": "x"})]
    metrics.add(lambda: samples)
    api = metrics.operation("api")
    monitor = Monitor(metrics, rules, [])
    monitor.step()
    path = tmp_path / "rules.yml"
    path.write_text(prometheus_rules(rules))
    stop = metrics.serve(port=0)
    try:
        with Prometheus(stop.port, rules=path) as prometheus:  # type: ignore[attr-defined]
            data: Any = None

            def both() -> bool:
                nonlocal data
                api.record(5e8)
                monitor.step()
                data = prometheus.ask("alerts")
                found = {one["labels"]["alertname"] for one in data["alerts"]} if data else set()
                return {"ObjectiveMissed:api", "QueueLong"} <= found

            wait_until(both, "Prometheus does not have both alerts")
    finally:
        stop()
    ours = {one.rule.name: one.summary for one in monitor.alerts.active}
    theirs = {one["labels"]["alertname"]: one["annotations"]["summary"] for one in data["alerts"]}
    assert ours["QueueLong"] == theirs["QueueLong"] == "QueueLong is 7"
    assert ours["ObjectiveMissed:api"].startswith("100.0% of the calls of api take longer than 0.123 s")
    assert theirs["ObjectiveMissed:api"].startswith("100% of the calls of api take longer than 0.123 s")
    monitor.stop()
