"""Ticks that clients send: from bytes to batches, and into the loop as one of its feeds.

An answer waits until the engine has taken the ticks, and with it the journal where there is one: what was
acknowledged is not lost. When the engine is behind, new ticks are refused at once, with a time to come again.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import zlib
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np

from fastcore._extras import require
from fastcore._frame_values import EARLIEST, unit_wrong
from fastcore._tick_frames import ticks_of
from fastcore.errors import FastcoreError, InputError
from fastcore.feeds import TickBatch
from fastcore.feeds.wire import ticks_of_message, unpack
from fastcore.serve.arrow_bodies import table_of
from fastcore.serve.problems import Problem, field_of
from fastcore.serve.wire import ARROW, JSON, MSGPACK
from fastcore.ticks import TICK

__all__ = ["Ingest", "Repeats", "TickIn", "of_structs", "parsed", "refused", "unpacked"]

_LONGEST_NAME = 64
_WHOLE = 2**63 - 1
_NDJSON = ("application/x-ndjson", "application/jsonl", "application/ndjson")

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=_LONGEST_NAME)]


class TickIn(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One tick as a client sends it."""

    symbol: Name
    ts: Annotated[int, msgspec.Meta(ge=EARLIEST, le=_WHOLE, description="ns since 1970 UTC")]
    price: float
    size: float = 0.0
    id: Annotated[int, msgspec.Meta(ge=0, le=_WHOLE, description="the venue's number, 0 for none")] = 0
    side: Annotated[int, msgspec.Meta(ge=-1, le=1, description="1: a buyer took, -1: a seller took")] = 0


_one_json, _many_json = msgspec.json.Decoder(TickIn), msgspec.json.Decoder(list[TickIn])
_one_pack, _many_pack = msgspec.msgpack.Decoder(TickIn), msgspec.msgpack.Decoder(list[TickIn])


def unpacked(data: bytes, coding: str, most: int) -> bytes:
    """A body without its ``Content-Encoding``.

    Raises
    ------
    Problem
        415 for a coding other than gzip, 400 for damaged data, 413 if it grows beyond `most` bytes.
    """
    if coding in ("", "identity"):
        return data
    if coding != "gzip":
        raise Problem(415, f"Content-Encoding is {coding!r}; bodies may be gzip", field="Content-Encoding")
    unpacker = zlib.decompressobj(wbits=31)
    try:
        out = unpacker.decompress(data, most + 1)
    except zlib.error as error:
        raise Problem(400, f"the body is no gzip: {error}", field="body") from None
    if len(out) > most:
        raise Problem(413, f"the body has more than {most:,} bytes when unpacked", field="body")
    if not unpacker.eof:
        raise Problem(400, "the body's gzip ends too early", field="body")
    return out


def parsed(data: bytes, kind: str, most: int = 8 << 20) -> tuple[Any, list[str]]:
    """The ticks of a body, and the names that they index.

    Parameters
    ----------
    data : bytes
    kind : str
        Its ``Content-Type``.
    most : int
        Bytes that columns in Arrow's form may have when they are unpacked.

    Raises
    ------
    Problem
        400 if it cannot be read, 413 if it unpacks to more, 415 for a media type that is none of ours, 422
        with the field that is wrong.
    """
    media = kind.partition(";")[0].strip().lower() or JSON
    try:
        if media == ARROW:
            return _checked(*_of_arrow(data, most))
        if media in (MSGPACK, "application/x-msgpack", "application/vnd.msgpack"):
            return _of_msgpack(data)
        if media in _NDJSON:
            return of_structs(_one_json.decode_lines(data))
        if media == JSON:
            single = data.lstrip()[:1] == b"{"
            return of_structs([_one_json.decode(data)] if single else _many_json.decode(data))
    except msgspec.ValidationError as error:
        raise refused(error, "ticks", lambda: _plain(data, media)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, f"the body is no {media}: {error}", field="body") from None
    except RecursionError:
        raise Problem(400, "the body is nested too deeply", field="body") from None
    raise Problem(
        415,
        f"Content-Type is {media!r}; ticks come as {JSON}, {_NDJSON[0]}, {MSGPACK} or {ARROW}",
        field="Content-Type",
    )


def refused(error: msgspec.ValidationError, root: str, plain: Callable[[], Any]) -> Problem:
    """What a validation found wrong with ticks; of a time in another unit, which unit that is.

    Parameters
    ----------
    error : ValidationError
    root : str
        What the message is called in the names of its fields.
    plain : callable
        Gives the same message without validation.
    """
    field, detail = field_of(error, root)
    if field.endswith(".ts") and ">=" in detail:
        value: Any = None
        # Or more is wrong: it is nested deeply, or something else before the time.
        with contextlib.suppress(msgspec.DecodeError, UnicodeError, LookupError, RecursionError):
            value = plain()
            for place in re.findall(r"\w+", field[len(root) :]):
                value = value[int(place)] if isinstance(value, list) else value[place]
        if isinstance(value, int):
            return Problem(422, unit_wrong(field, value), field=field)
    return Problem(422, f"{field or 'message'}: {detail}", field=field or "message")


def _plain(data: bytes, media: str) -> Any:
    if media in _NDJSON:
        return msgspec.json.Decoder().decode_lines(data)
    return msgspec.json.decode(data) if media == JSON else msgspec.msgpack.decode(data)


def of_structs(found: Sequence[TickIn]) -> tuple[Any, list[str]]:
    """Ticks as an array, and the names that they index."""
    codes: dict[str, int] = {}
    ticks = np.zeros(len(found), TICK)
    ticks["symbol"] = [codes.setdefault(tick.symbol, len(codes)) for tick in found]
    for name in ("ts", "price", "size", "id", "side"):
        ticks[name] = [getattr(tick, name) for tick in found]
    return ticks, _names(list(codes))


def _of_msgpack(data: bytes) -> tuple[Any, list[str]]:
    """A list of ticks, one tick, or a message of `fastcore.feeds.wire`."""
    first = data[:1]
    if first and (first[0] & 0xF0 == 0x80 or first[0] in (0xDE, 0xDF)):  # a map
        head = msgspec.msgpack.decode(data)
        if "kind" not in head:
            return of_structs([_one_pack.decode(data)])
        try:
            batch = ticks_of_message(unpack(data))
        except InputError as error:
            raise Problem(422, str(error), field="body") from None
        return _checked(batch.ticks, batch.symbols)
    return of_structs(_many_pack.decode(data))


def _of_arrow(data: bytes, most: int) -> tuple[Any, list[str]]:
    table = table_of(data, most)
    pa = require("pyarrow", "frames", "a body in Arrow's form")
    try:
        return ticks_of(table)
    except (FastcoreError, pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise Problem(422, str(error)[:300], field="body") from None


def _checked(ticks: Any, names: Sequence[str]) -> tuple[Any, list[str]]:
    """Ticks that came as an array: their times and symbols must be what they say."""
    wrong = np.flatnonzero(ticks["ts"] < EARLIEST)
    if len(wrong):
        at = int(wrong[0])
        field = f"ticks[{at}].ts"
        raise Problem(422, unit_wrong(field, int(ticks["ts"][at])), field=field)
    if len(ticks) and int(ticks["symbol"].max()) >= len(names):
        raise Problem(422, "a tick has no symbol", field="ticks.symbol")
    return ticks, _names(names)


def _names(names: Sequence[str]) -> list[str]:
    for name in names:
        if not name.isprintable() or not 1 <= len(name) <= _LONGEST_NAME:
            raise Problem(
                422,
                f"a symbol has 1 to {_LONGEST_NAME} printable characters, unlike {name[:70]!r}",
                field="ticks.symbol",
            )
    return list(names)


class Ingest:
    """A feed of the loop that clients push to, and that tells them when the engine has what they sent.

    Parameters
    ----------
    waiting : int
        Ticks that may wait at most.
    max_symbols : int
        Names that may come.
    refused : callable
        How many ticks the loop has refused so far.
    """

    hears_of_refused = True  # whoever sent what the engine could not take is told so

    def __init__(self, waiting: int, max_symbols: int, refused: Callable[[], int]) -> None:
        self._most, self._max_symbols, self._refused = waiting, max_symbols, refused
        self._names: list[str] = []
        self._codes: dict[str, int] = {}
        self._queue: deque[TickBatch] = deque()
        self._come = asyncio.Event()
        self._put = self._taken = self._refused_before = 0
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._closed = False

    @property
    def waiting(self) -> int:
        """Ticks that the engine has not taken yet."""
        return self._put - self._taken

    def counts(self) -> dict[str, int]:
        """Requests that wait for the engine."""
        return {"requests_waiting": len(self._waiters)}

    async def put(self, ticks: Any, names: Sequence[str]) -> None:
        """Hand over ticks; returns when the engine has taken them.

        Raises
        ------
        Problem
            429 if too many wait already, 503 if the service stops or the engine refused them, 422 if there
            would be too many symbols.
        """
        await self.begin(ticks, names)

    def begin(self, ticks: Any, names: Sequence[str]) -> asyncio.Future[None]:
        """Hand over ticks; what is returned is done when the engine has taken them. Raises as `put` does."""
        if self._closed:
            raise stopping()
        if self.waiting and self.waiting + len(ticks) > self._most:
            raise Problem(
                429,
                f"{self.waiting:,} ticks wait for the engine, which is behind; send them again later",
                headers={"retry-after": "1"},
            )
        self._queue.append(TickBatch(self._numbered(ticks, names), self._names))
        self._put += len(ticks)
        self._come.set()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((self._put, done))
        return done

    def _numbered(self, ticks: Any, names: Sequence[str]) -> Any:
        """The ticks with the numbers that their symbols have in this feed."""
        fresh = [name for name in names if name not in self._codes]
        if len(self._codes) + len(fresh) > self._max_symbols:
            raise Problem(
                422, f"there would be more than {self._max_symbols:,} symbols", field="ticks.symbol"
            )
        for name in fresh:
            self._codes[name] = len(self._names)
            self._names.append(name)
        codes = np.array([self._codes[name] for name in names], np.uint32)
        if len(codes) and not np.array_equal(codes, np.arange(len(codes))):
            ticks = ticks.copy()
            ticks["symbol"] = codes[ticks["symbol"]]
        return ticks

    async def __aiter__(self) -> AsyncIterator[TickBatch]:
        while True:
            while self._queue:
                yield self._queue.popleft()
            self._come.clear()
            await self._come.wait()

    def commit(self, count: int) -> None:
        """The loop has given the engine the first `count` ticks: whoever waits for them is told."""
        self._taken = count
        refused = self._refused()
        spoilt, self._refused_before = refused > self._refused_before, refused
        while self._waiters and self._waiters[0][0] <= count:
            _, done = self._waiters.popleft()
            if done.done():
                continue
            if spoilt:
                done.set_exception(
                    Problem(503, "the engine refused the ticks; its log says why", headers=_LATER)
                )
            else:
                done.set_result(None)

    async def aclose(self) -> None:
        """The loop has ended: whoever still waits is told that the ticks were not taken."""
        self._closed = True
        for _, done in self._waiters:
            if not done.done():
                done.set_exception(stopping())
        self._waiters.clear()


_LATER = {"retry-after": "5"}


def stopping() -> Problem:
    """What a service says that is about to stop."""
    return Problem(503, "the service is stopping; nothing of this request was taken", headers=_LATER)


class Repeats:
    """Answers to requests that carried an ``Idempotency-Key``, so that a repetition does nothing again.

    Parameters
    ----------
    keep : int
        Answers that are remembered.
    """

    def __init__(self, keep: int = 10_000) -> None:
        self._keep = keep
        self._seen: OrderedDict[tuple[str, str], tuple[bytes, Any]] = OrderedDict()

    def find(self, client: str, key: str, digest: bytes) -> Any:
        """The answer to an earlier request with this key; None for a new key, which is now under way.

        Raises
        ------
        Problem
            422 if the key was used for something else, 409 while the first request is under way.
        """
        if not 1 <= len(key) <= 200 or not key.isprintable():
            raise Problem(
                422, "Idempotency-Key must have 1 to 200 printable characters", field="Idempotency-Key"
            )
        before = self._seen.get((client, key))
        if before is None:
            self._seen[client, key] = digest, None
            if len(self._seen) > self._keep:
                self._seen.popitem(last=False)
            return None
        if before[0] != digest:
            raise Problem(
                422, f"Idempotency-Key {key!r} was used for another request", field="Idempotency-Key"
            )
        if before[1] is None:
            raise Problem(
                409,
                f"the first request with Idempotency-Key {key!r} is under way",
                field="Idempotency-Key",
                headers={"retry-after": "1"},
            )
        return before[1]

    def keep(self, client: str, key: str, digest: bytes, answer: Any) -> None:
        """Remember an answer."""
        self._seen[client, key] = digest, answer

    def forget(self, client: str, key: str) -> None:
        """The request failed: it may come again."""
        self._seen.pop((client, key), None)
