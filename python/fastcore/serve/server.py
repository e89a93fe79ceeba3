"""The HTTP server of a service: granian, in its process and its event loop."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import socket
from typing import Any

from fastcore._extras import require
from fastcore.errors import ConfigError
from fastcore.serve.settings import Settings

__all__ = ["few_heaps", "give_back", "listening", "make_server"]

_ARENA_MAX, _ARENAS = -8, 2  # of mallopt(3)


def few_heaps() -> None:
    """Have the C library keep two heaps in the place of eight for each processor, before there are threads.

    What threads of the server give back is then used by others: some 5 MB of a service's 200.
    """
    try:
        ctypes.CDLL(None).mallopt(_ARENA_MAX, _ARENAS)
    except (OSError, AttributeError):
        return  # another C library, which has no such thing


def give_back() -> None:
    """Give memory that starting took, and nobody holds any more, back to the system: some 10 MB of 200."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):
        return


def make_server(app: Any, settings: Settings) -> Any:
    """A server at the address of the settings.

    Raises
    ------
    ConfigError
        If the address cannot be listened at.
    MissingExtraError
        If granian is not installed.
    """
    host = settings.host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, settings.port))
        except OSError as error:
            raise ConfigError(f"cannot listen at {host}:{settings.port}: {error.strerror or error}") from None
    embed = require("granian.server.embed", "serve", "the service")
    constants = require("granian.constants", "serve", "the service")
    http = require("granian.http", "serve", "the service")
    logging.getLogger("_granian").setLevel(logging.ERROR)
    return embed.Server(
        app,
        address=host,
        port=settings.port,
        interface=constants.Interfaces.ASGINL,
        http=constants.HTTPModes.http1,
        websockets=True,
        backlog=4_096,
        backpressure=65_536,
        http1_settings=http.HTTP1Settings(header_read_timeout=10_000, max_buffer_size=1 << 16),
        log_enabled=False,
    )


async def listening(settings: Settings, serving: asyncio.Task[None]) -> None:
    """Wait until a client can connect."""
    host = settings.host.strip("[]")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    while not serving.done():
        try:
            _, writer = await asyncio.open_connection(host, settings.port)
        except OSError:
            await asyncio.sleep(0.01)
            continue
        writer.close()
        return
    raise ConfigError(f"the server ended before it listened: {serving.exception()}")
