"""What a service is told before it starts, and what it refuses to start with."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fastcore._checks import NUMBER, PATH, TEXT, TEXTS, WHOLE, Fit, check, optional
from fastcore.errors import ConfigError
from fastcore.serve.keys import KeyRing

__all__ = ["Settings"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Addresses, limits and folders of a service.

    Parameters
    ----------
    host : str
        Address to listen at. One that others can reach needs keys.
    port : int
        1 to 65,535.
    data : path, optional
        A folder for what has to outlast the process: the journal, the plan, the webhooks. Without it the
        engine lives in memory alone.
    keys : KeyRing
        Where it is empty, whoever reaches the address may do everything.
    hosts : sequence of str
        Names by which clients may call the service, beside the address and localhost.
    origins : sequence of str
        Origins of other pages that may use the API from a browser, such as ``"https://desk.example"``.
    history : int
        Rows and bars that each symbol keeps, at least 16.
    max_symbols : int
        Symbols that there may be.
    max_body : int
        Bytes of a request's body at most, also when unpacked.
    max_query : int
        Bytes of a request's path and query at most.
    body_seconds : float
        How long a body may take to arrive.
    rate : float
        Requests a second of one address, where there are no keys; 0 for any number.
    max_streams : int
        Subscribers of the live stream that there may be.
    waiting : int
        Ticks that may wait for the engine; more are refused with 429.
    checkpoint_seconds : float
        Seconds between two snapshots beside the journal.
    drain_seconds : float
        How long stopping may take.

    page : str
        Name of a stats page, on which other processes read the stages (`fastcore stages NAME`); "" for none.

    Raises
    ------
    ConfigError
        If something is out of its range, or the address is public and there are no keys.

    Examples
    --------
    >>> Settings(host="0.0.0.0")
    Traceback (most recent call last):
    ...
    fastcore.ConfigError: 0.0.0.0 can be reached by others: make a key first, with fastcore keys add
    """

    host: str = "127.0.0.1"
    port: int = 8000
    data: str | os.PathLike[str] | None = None
    keys: KeyRing = field(default_factory=KeyRing)
    hosts: Sequence[str] = ()
    origins: Sequence[str] = ()
    history: int = 1_000
    max_symbols: int = 10_000
    max_body: int = 8 << 20
    max_query: int = 4_096
    body_seconds: float = 20.0
    rate: float = 0.0
    max_streams: int = 10_000
    waiting: int = 1_000_000
    checkpoint_seconds: float = 300.0
    drain_seconds: float = 10.0
    page: str = ""

    def __post_init__(self) -> None:
        ranges = (
            ("port", 1, 65_535),
            ("history", 16, 1_000_000),
            ("max_symbols", 1, 1_000_000),
            ("max_body", 1_024, 1 << 30),
            ("max_query", 256, 1 << 16),
            ("body_seconds", 0.1, 3_600),
            ("rate", 0, 1e9),
            ("max_streams", 0, 1_000_000),
            ("waiting", 1, 100_000_000),
            ("checkpoint_seconds", 1, 86_400),
            ("drain_seconds", 0, 3_600),
        )
        check("serve", "host", self.host, TEXT)
        check("serve", "hosts", self.hosts, TEXTS)
        check("serve", "origins", self.origins, TEXTS)
        check("serve", "page", self.page, TEXT)
        check("serve", "data", self.data, optional(PATH))
        check(
            "serve", "keys", self.keys, Fit("a fastcore.serve.KeyRing", lambda one: isinstance(one, KeyRing))
        )
        for name, least, most in ranges:
            exact = name not in ("body_seconds", "rate", "checkpoint_seconds", "drain_seconds")
            check("serve", name, getattr(self, name), WHOLE if exact else NUMBER)
            if not least <= getattr(self, name) <= most:
                raise ConfigError(
                    f"serve: {name} must be from {least:,} to {most:,}, not {getattr(self, name)!r}"
                )
        for origin in self.origins:
            if not origin.startswith(("http://", "https://")) or origin.count("/") != 2:
                raise ConfigError(f"serve: an origin is like https://desk.example, not {origin!r}")
        if not self.is_loopback and len(self.keys) == 0:
            raise ConfigError(
                f"{self.host} can be reached by others: make a key first, with fastcore keys add"
            )
        if self.data is not None and Path(self.data).exists() and not Path(self.data).is_dir():
            raise ConfigError(f"serve: data must be a folder, and {os.fspath(self.data)!r} is none")

    @property
    def is_loopback(self) -> bool:
        """Whether this machine alone can reach the address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def names(self) -> frozenset[str]:
        """What a request's ``Host`` may be, without its port."""
        own = {self.host.strip("[]").lower(), "localhost", "127.0.0.1", "::1"}
        return frozenset(own | {name.lower() for name in self.hosts})
