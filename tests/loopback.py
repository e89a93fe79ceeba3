"""Real servers on loopback that do what a test tells them, down to the byte: frames cut in the middle."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import struct
import urllib.parse
import zlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Self

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(payload: bytes, opcode: int = TEXT, final: bool = True) -> bytes:
    """One frame as a server sends it, unmasked."""
    head, size = (0x80 if final else 0) | opcode, len(payload)
    if size < 126:
        return struct.pack(">BB", head, size) + payload
    if size < 65536:
        return struct.pack(">BBH", head, 126, size) + payload
    return struct.pack(">BBQ", head, 127, size) + payload


class Peer:
    """The server's end of one websocket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.number = number
        self.path = ""
        self.headers: dict[str, str] = {}
        self._reader, self._writer = reader, writer
        self._unpacker = zlib.decompressobj(wbits=-15)

    async def shake_hands(self) -> None:
        """Answer the client's request to upgrade."""
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        self.path = lines[0].split(" ")[1]
        self.headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)
        }
        key = self.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        answer = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
        answer.append(f"Sec-WebSocket-Accept: {accept}")
        if "permessage-deflate" in self.headers.get("sec-websocket-extensions", ""):
            answer.append("Sec-WebSocket-Extensions: permessage-deflate")
        await self.raw("\r\n".join([*answer, "", ""]).encode())

    async def receive(self) -> tuple[int, bytes]:
        """One frame of the client: opcode and payload."""
        head, size = await self._reader.readexactly(2)
        size &= 0x7F
        if size == 126:
            (size,) = struct.unpack(">H", await self._reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", await self._reader.readexactly(8))
        mask = await self._reader.readexactly(4)
        payload = await self._reader.readexactly(size)
        payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        if head & 0x40:
            payload = self._unpacker.decompress(payload + b"\x00\x00\xff\xff")
        return head & 0x0F, payload

    async def request(self) -> Any:
        """The client's next message, read from JSON; pings and pongs between are not answered."""
        while True:
            opcode, payload = await self.receive()
            if opcode == TEXT:
                return json.loads(payload)
            if opcode == CLOSE:
                raise ConnectionResetError("the client closed")

    async def subscribed(self) -> list[str]:
        """Take one request to subscribe, and agree to it."""
        asked = await self.request()
        await self.send(json.dumps({"result": None, "id": asked["id"]}).encode())
        streams: list[str] = asked["params"]
        return streams

    async def send(self, *messages: bytes) -> None:
        """Messages, a frame each."""
        await self.raw(b"".join(map(frame, messages)))

    async def raw(self, data: bytes) -> None:
        """Bytes as they are."""
        if self._writer.is_closing():
            raise ConnectionResetError("the connection is gone")
        self._writer.write(data)
        await self._writer.drain()

    def cut(self) -> None:
        """End the connection at once, without a closing handshake."""
        self._writer.close()

    async def gone(self) -> None:
        """Read until the client says that it goes, and agree; pings are not answered."""
        while (await self.receive())[0] != CLOSE:
            pass
        await self.raw(frame(b"\x03\xe8", CLOSE))


Script = Callable[[Peer], Awaitable[None]]


class WebSocketServer:
    """Runs a script for each connection. When it returns, the connection is cut."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.peers: list[Peer] = []
        self.errors: list[Exception] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/stream"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for peer in self.peers:
            peer.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer, len(self.peers))
        self.peers.append(peer)
        try:
            await peer.shake_hands()
            await self._script(peer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away
        except Exception as error:
            self.errors.append(error)
            raise
        finally:
            peer.cut()


def trade(symbol: str, number: int, price: float = 100.0, size: float = 1.0, ms: int | None = None) -> bytes:
    """A trade as Binance sends it in a combined stream."""
    when = 1_700_000_000_000 + number if ms is None else ms
    data = {"e": "trade", "E": when, "s": symbol, "t": number, "p": str(price), "q": str(size), "T": when}
    return combined(symbol, "trade", data | {"m": number % 2 == 0, "M": True})


def combined(symbol: str, kind: str, data: Any) -> bytes:
    """A message of a combined stream."""
    return json.dumps({"stream": f"{symbol.lower()}@{kind}", "data": data}, separators=(",", ":")).encode()


def trades(symbol: str, numbers: Iterable[int]) -> list[bytes]:
    """Trades of these numbers."""
    return [trade(symbol, number) for number in numbers]


class HttpServer:
    """Answers each GET with what a function says: status, headers, body; or cuts the connection."""

    def __init__(
        self, answer: Callable[[str, dict[str, str]], tuple[int, dict[str, str], bytes] | None]
    ) -> None:
        self._answer = answer
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                target = urllib.parse.urlsplit(head.split(" ")[1])
                query = dict(urllib.parse.parse_qsl(target.query))
                self.asked.append((target.path, query))
                answer = self._answer(target.path, query)
                if answer is None:
                    break
                status, headers, body = answer
                lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
                lines += [f"{name}: {value}" for name, value in headers.items()]
                writer.write("\r\n".join([*lines, "", ""]).encode() + body)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self._writers.discard(writer)
