"""Scenarios for locust: readers, a feed and dashboards at a service that runs the demo market.

locust -f bench/load/locustfile.py --headless -u 200 -r 50 -t 60s -H http://127.0.0.1:8000
"""

from __future__ import annotations

import itertools
import random
import time

from locust import FastHttpUser, between, constant_throughput, task

SYMBOLS = ["demo:BTCUSD", "demo:ETHUSD", "demo:ES", "demo:EURUSD", "demo:AAPL"]


class Reader(FastHttpUser):
    """A program that looks at latest rows, and now and then at a history."""

    weight = 8
    wait_time = between(0.05, 0.2)

    @task(20)
    def latest(self) -> None:
        self.client.get(f"/v1/symbols/{random.choice(SYMBOLS)}", name="latest")

    @task(2)
    def history(self) -> None:
        symbol = random.choice(SYMBOLS)
        self.client.get(f"/v1/symbols/{symbol}/history?column=ema12&column=rsi14&last=200", name="history")

    @task(1)
    def symbols(self) -> None:
        self.client.get("/v1/symbols?limit=100", name="symbols")


class Feed(FastHttpUser):
    """A program that sends a hundred ticks ten times a second, and again what was refused."""

    weight = 1
    wait_time = constant_throughput(10)
    numbers = itertools.count()

    def on_start(self) -> None:
        self.symbol = f"load:{next(self.numbers)}"

    @task
    def ticks(self) -> None:
        now = time.time_ns()
        body = [{"symbol": self.symbol, "ts": now + i, "price": 100.0 + i % 7} for i in range(100)]
        with self.client.post("/v1/ticks", json=body, name="ticks", catch_response=True) as answer:
            if answer.status_code == 429:  # it is behind, and says so: that is no failure
                answer.success()
                time.sleep(float(answer.headers["retry-after"]))


class Dashboard(FastHttpUser):
    """A page that is open: what it asks for every two seconds."""

    weight = 1
    wait_time = constant_throughput(0.5)

    @task
    def panels(self) -> None:
        self.client.get("/v1/stats", name="stats")
        self.client.get("/v1/alerts", name="alerts")
