"""A service in a process of its own, for tests: started, asked over sockets, stopped by a signal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from fastcore.serve import KeyRing
from servers import die_with_parent, free_port, listens, wait_until

T0 = 1_700_000_000_000_000_000
MINUTE = 60_000_000_000


class Served:
    """``fastcore serve`` with these arguments.

    Parameters
    ----------
    *arguments : str
    key : str, optional
        Sent with every request of `client`.
    program : str, optional
        Python code that serves, in the command's place; it is given the port as its first argument.
    """

    def __init__(self, *arguments: str, key: str = "", program: str = "", port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        serve = ["-m", "fastcore", "serve", "--port", str(self.port), "--json", *arguments]
        self._command = [sys.executable, *(["-c", program, str(self.port)] if program else serve)]
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self.client = httpx.Client(base_url=self.url, headers=headers, timeout=60.0, trust_env=False)
        self.errors = ""
        self.must_be_calm = True  # no traceback in what it says; turned off where a fault is planted

    def start(self) -> Self:
        """Start it, and return when it listens."""
        self.process = subprocess.Popen(
            self._command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
            env={**os.environ, "PYTHONWARNINGS": "error"},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        wait_until(self._is_up, "the service listens")
        return self

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr:
            for line in self.process.stderr:
                self.errors += line

    def _is_up(self) -> bool:
        if self.process.poll() is not None:
            self._reader.join()
            raise RuntimeError(f"the service ended with {self.process.returncode}: {self.errors}")
        return listens(self.port)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; the status with which it ended."""
        self.process.send_signal(number)
        status = self.process.wait(60)
        self._reader.join()
        return status

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.stop()
        self._reader.join()
        assert not self.must_be_calm or "Traceback" not in self.errors, self.errors

    # ---- what tests do often ----

    def get(self, path: str, **params: Any) -> Any:
        """The value of a successful answer."""
        answer = self.client.get(path, params=params or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def send(self, ticks: Sequence[dict[str, Any]]) -> None:
        """Send ticks, which must be taken."""
        answer = self.client.post("/v1/ticks", json=list(ticks))
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"received": len(ticks)}


def profiled(service: Served) -> bool:
    """Whether its profiler has seen something by now; a report is work enough to be seen at."""
    assert service.client.post("/v1/reports").status_code == 201
    return bool(service.get("/v1/profile")["folded"])


def walk(
    symbol: str, count: int, start: int = T0, gap: int = 1_000_000_000, price: float = 100.0
) -> list[Any]:
    """Ticks of a symbol that go up and down, with numbers from 1 on."""
    return [
        {"symbol": symbol, "ts": start + i * gap, "price": price + (i * 7 % 11) / 8, "size": 1.0, "id": i + 1}
        for i in range(count)
    ]


def problem(answer: httpx.Response, status: int, field: str = "") -> dict[str, Any]:
    """The problem that an answer tells, which must be of this status and name this field."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = json.loads(answer.content)
    assert found["status"] == status and found["title"] and found["detail"]
    if field:
        assert field in [one["field"] for one in found["errors"]], found
    return found


def make_key(file: Path, *scopes: str, rate: float = 0.0) -> str:
    """A key of these scopes in a file of keys."""
    ring = KeyRing.load(file)
    text = ring.add("test", scopes, rate)
    ring.save(file)
    return text
