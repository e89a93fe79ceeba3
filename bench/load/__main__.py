"""`make load`: load, stress and scalability of a service on this machine, printed and written as JSON.

    python -m bench.load [--seconds 10] [--out FILE]

wrk asks for latest rows over more and more connections; locust plays readers, feeds and dashboards. The
server, the clients and whatever else runs share the processors, so a number is a lower bound.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def service(*arguments: str, program: str = "") -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A service in a process of its own; its address."""
    port = free_port()
    code = (
        ["-c", program, str(port)]
        if program
        else ["-m", "fastcore", "serve", "--port", str(port), *arguments]
    )
    process = subprocess.Popen([sys.executable, *code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{url}/health", timeout=1).read()
                break
            except OSError:
                if time.monotonic() > end or process.poll() is not None:
                    raise
                time.sleep(0.05)
        yield url, process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def wrk(
    url: str, connections: int, seconds: float, script: Path | None = HERE / "latest.lua"
) -> dict[str, float]:
    """One run of wrk; milliseconds."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "10s", "--latency"]
    command += ["-s", str(script or HERE / "latest.lua"), url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found | {"rate": found["requests"] / found["seconds"]}


def locust(url: str, users: int, seconds: float) -> list[dict[str, Any]]:
    """One run of the scenarios; a row for each kind of request."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "locust", "-f", str(HERE / "locustfile.py"), "--headless", "-H", url]
        command += ["-u", str(users), "-r", str(users), "-t", f"{seconds:g}s", "--json", "--only-summary"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    rows = json.loads(done.stdout[done.stdout.index("[") :])
    found = []
    for row in rows:
        times = sorted((float(ms), count) for ms, count in row["response_times"].items())
        total, seen, p95 = sum(count for _, count in times), 0, 0.0
        for ms, count in times:
            seen += count
            p95 = ms
            if seen >= 0.95 * total:
                break
        found.append(
            {
                "name": row["name"],
                "requests": row["num_requests"],
                "failures": row["num_failures"],
                "p95": p95,
            }
        )
    return found


def resident(pid: int) -> float:
    """MiB that a process holds."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def main() -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each step")
    parser.add_argument("--out", type=Path, default=None, help="write the numbers as JSON")
    given = parser.parse_args()
    result: dict[str, Any] = {
        "processors": os.cpu_count(),
        "seconds": given.seconds,
        "latest": [],
        "mixed": [],
    }
    with service("--demo", "10") as (url, process):
        while len(json.load(urllib.request.urlopen(f"{url}/v1/symbols"))["symbols"]) < 10:
            time.sleep(0.05)  # the market opens
        for connections in (1, 10, 100, 1_000):
            row = {
                "connections": connections,
                **wrk(url, connections, given.seconds),
                "rss": resident(process.pid),
            }
            result["latest"].append(row)
            print(
                f"latest rows, {connections:5} connections: {row['rate']:7.0f}/s, p50 {row['p50']:.1f} ms, "
                f"p95 {row['p95']:.1f} ms, p99 {row['p99']:.1f} ms, {row['errors']:.0f} errors, "
                f"{row['rss']:.0f} MiB",
                flush=True,
            )
        for users in (20, 100, 400):
            for row in locust(url, users, given.seconds):
                result["mixed"].append({"users": users, **row})
                rate = row["requests"] / given.seconds
                print(
                    f"mixed, {users:4} users, {row['name']:8}: {rate:6.0f}/s, p95 {row['p95']:.0f} ms, "
                    f"{row['failures']} failures",
                    flush=True,
                )
    if given.out is not None:
        given.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
