"""Getting JSON over HTTP, patiently: within a rate; again after what passes, never after what does not."""

from __future__ import annotations

import asyncio
import http.client
import logging
import math
import queue
import random
import ssl
import time
import urllib.parse
import zlib
from collections.abc import Mapping

from fastcore._checks import NUMBER, WHOLE, check
from fastcore._quiet import Quiet
from fastcore.errors import ConfigError, HistoryError

__all__ = ["HttpSource"]

log = logging.getLogger("fastcore.feeds")

_MOST_BYTES = 64 * 2**20


class HttpSource:
    """GET requests to one host, on connections that are kept, each in a thread.

    Parameters
    ----------
    url : str
        Scheme and host, such as ``https://api.binance.com``.
    weight_per_minute : int
        What the venue allows, by the weights that it gives to requests. What it says that it has counted
        (``X-MBX-USED-WEIGHT-1M``) goes before what is counted here.
    retries : int
        How often a request is tried again.
    timeout : float
        Seconds for each try.
    backoff : float
        Seconds; the bound of the random delay before the first retry, which doubles with each.
    """

    def __init__(
        self,
        url: str,
        *,
        weight_per_minute: int,
        retries: int = 6,
        timeout: float = 10.0,
        backoff: float = 0.2,
    ) -> None:
        try:
            parts = urllib.parse.urlsplit(url)
            port = parts.port
        except (ValueError, TypeError, AttributeError) as error:
            raise ConfigError(f"url {url!r} cannot be read: {error}") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"url must begin with http:// or https:// and name a host, not be {url!r}")
        for name, value in (("weight_per_minute", weight_per_minute), ("retries", retries)):
            check("history", name, value, WHOLE)
        for name, seconds in (("timeout", timeout), ("backoff", backoff)):
            check("history", name, seconds, NUMBER)
        if weight_per_minute < 1 or retries < 0 or timeout <= 0:
            raise ConfigError(
                "weight_per_minute must be at least 1, retries 0 or more and timeout above 0, "
                f"not {weight_per_minute!r}, {retries!r}, {timeout!r}"
            )
        self._host, self._port, self._tls = parts.hostname, port, parts.scheme == "https"
        self._retries, self._timeout = retries, timeout
        self._rate = weight_per_minute / 60.0
        self._most = self._allowed = min(float(weight_per_minute), 10 * self._rate + 50)
        self._counted_at = time.monotonic()
        self._limit = weight_per_minute
        self._paused_until = 0.0
        self._free: queue.LifoQueue[http.client.HTTPConnection] = queue.LifoQueue()
        self._users = 0
        self._backoff = backoff
        self._quiet = Quiet(log)
        self.counts = dict.fromkeys(("requests", "retries", "rate_limited", "bytes"), 0)

    async def get(self, path: str, query: Mapping[str, object], weight: int) -> bytes:
        """The answer's body.

        Raises
        ------
        HistoryError
            If the venue refuses the request, or does not answer it however often it is asked.
        """
        target = f"{path}?{urllib.parse.urlencode(query)}"
        attempt = 0
        while True:
            await self._turn(weight)
            self.counts["requests"] += 1
            try:
                status, headers, body = await asyncio.to_thread(self._ask, target)
                problem = f"status {status}"
            except (OSError, http.client.HTTPException, zlib.error) as error:
                status, headers, body = 0, {}, b""
                problem = f"{type(error).__name__}: {error}"
            if status == 200:
                self._heed(headers)
                self.counts["bytes"] += len(body)
                return body
            limited = status in (418, 429)
            if 400 <= status < 500 and not limited:
                raise HistoryError(
                    f"{self._host}{target} is refused: {status} {body[:200].decode(errors='replace')}"
                )
            attempt += 1
            if attempt > self._retries:
                raise HistoryError(f"{self._host}{target} failed {attempt} times, last with {problem}")
            self.counts["rate_limited" if limited else "retries"] += 1
            wait = random.uniform(0, min(10.0, self._backoff * 2.0**attempt))
            if limited:
                wait = _seconds(headers.get("retry-after"), wait)
                self._paused_until = max(self._paused_until, time.monotonic() + wait)
            self._quiet.warn("%s%s: %s; it is tried again in %.1f s", self._host, path, problem, wait)
            await asyncio.sleep(wait)  # as long as the venue asks for, or a random while

    async def _turn(self, weight: int) -> None:
        """Wait until the request may be sent."""
        while True:
            now = time.monotonic()
            self._allowed = min(self._most, self._allowed + (now - self._counted_at) * self._rate)
            self._counted_at = now
            wait = max(self._paused_until - now, (weight - self._allowed) / self._rate)
            if wait <= 0:
                self._allowed -= weight
                return
            await asyncio.sleep(wait)  # until the rate allows it

    def _heed(self, headers: Mapping[str, str]) -> None:
        """Slow down where the venue has counted more than was counted here."""
        used = headers.get("x-mbx-used-weight-1m", "")
        if used.isdecimal():
            self._allowed = min(self._allowed, float(self._limit - int(used)))

    def _ask(self, target: str) -> tuple[int, dict[str, str], bytes]:
        try:
            connection = self._free.get_nowait()
        except queue.Empty:
            connection = self._connection()
        try:
            connection.request("GET", target, headers={"Accept-Encoding": "gzip", "User-Agent": "fastcore"})
            answer = connection.getresponse()
            body = answer.read(_MOST_BYTES + 1)
            if len(body) > _MOST_BYTES:
                raise http.client.HTTPException(f"more than {_MOST_BYTES} bytes")
            headers = {name.lower(): value for name, value in answer.getheaders()}
            if headers.get("content-encoding") == "gzip":
                body = _unpacked(body)
        except BaseException:
            connection.close()
            raise
        if not self._users:
            connection.close()
        else:
            self._free.put(connection)
        return answer.status, headers, body

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=context)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)

    def open(self) -> None:
        """Begin a use: connections are kept until as many have ended."""
        self._users += 1

    def close(self) -> None:
        """End one use; at the last, close the connections, those under way when they are done."""
        self._users -= 1
        if self._users:
            return
        while not self._free.empty():
            self._free.get_nowait().close()


def _unpacked(body: bytes) -> bytes:
    """Without gzip; a little that unpacks to a lot is not taken."""
    unpacker = zlib.decompressobj(wbits=31)
    data = unpacker.decompress(body, _MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise http.client.HTTPException(f"more than {_MOST_BYTES} bytes when unpacked")
    if not unpacker.eof:
        raise zlib.error("the gzip data ends too early")
    return data


def _seconds(text: str | None, otherwise: float) -> float:
    try:
        seconds = float(text) if text else otherwise
    except ValueError:
        return otherwise
    return max(0.0, seconds) if math.isfinite(seconds) else otherwise
