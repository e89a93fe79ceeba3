"""The live stream: what subscribers of the WebSocket and of server-sent events are told, and when.

Subscribers who want the same share a channel, and a frame is encoded once for all of them that stand at the
same number. One pass hands it to the server for each of them, and no task waits for any. One whose last frame
is not through yet is passed over: when it is ready, its next frame has the newest row of each symbol that has
changed meanwhile. So a slow client costs nothing and misses no newest value, and the engine waits for no one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Annotated, Any, NamedTuple, Protocol

import msgspec

from fastcore.engine import Engine
from fastcore.serve.hub import Hub
from fastcore.serve.problems import Problem

__all__ = ["KINDS", "Line", "Slot", "Streams", "Subscriber", "Subscription", "Wanted"]

KINDS = ("rows", "bars", "signals", "alerts")
_BEAT = 15.0  # s without news after which a subscriber is told that all is well


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """What a client subscribes to."""

    kinds: list[str] = msgspec.field(default_factory=lambda: ["rows"])
    symbols: Annotated[list[str], msgspec.Meta(max_length=1_000)] | None = None
    columns: Annotated[list[str], msgspec.Meta(max_length=1_000)] | None = None
    interval_ms: Annotated[int, msgspec.Meta(ge=10, le=60_000)] = 100
    since: Annotated[str, msgspec.Meta(max_length=64)] = ""


class Subscription(NamedTuple):
    """What a channel carries: kinds, symbols and columns, None for all, and how often."""

    kinds: frozenset[str]
    symbols: frozenset[str] | None
    columns: tuple[str, ...] | None
    interval: float

    @classmethod
    def of(cls, wanted: Wanted, engine: Engine) -> Subscription:
        """What a client wants, checked.

        Raises
        ------
        Problem
            422, with the field that is wrong.
        """
        for kind in wanted.kinds:
            if kind not in KINDS:
                raise Problem(422, f"kinds are of {', '.join(KINDS)}, not {kind[:70]!r}", field="kinds")
        for column in wanted.columns or ():
            if column not in engine.columns:
                raise Problem(422, f"no column is named {column[:70]!r}", field="columns")
        symbols = None if wanted.symbols is None else frozenset(wanted.symbols)
        columns = None if wanted.columns is None else tuple(wanted.columns)
        return cls(frozenset(wanted.kinds), symbols, columns, wanted.interval_ms / 1e3)


class Line(Protocol):
    """How a client is reached."""

    def begin(self, frame: str) -> asyncio.Future[Any]:
        """Begin to send a frame; it is through when the future is done."""
        ...

    def end(self) -> None:
        """No more will come."""
        ...


class Slot:
    """A line for a reader that asks: it holds one frame until that has been taken and sent."""

    def __init__(self) -> None:
        self._frame: str | None = None
        self._ended = False
        self._come = asyncio.Event()
        self._through: asyncio.Future[None] | None = None

    def begin(self, frame: str) -> asyncio.Future[None]:
        """Hold a frame; the one before is through."""
        self._frame = frame
        self._through = asyncio.get_running_loop().create_future()
        self._come.set()
        return self._through

    def end(self) -> None:
        """No more will come."""
        self._ended = True
        self._come.set()

    async def next(self) -> str | None:
        """Wait for a frame; None at the end. It counts as through when `sent` is called."""
        while self._frame is None and not self._ended:
            self._come.clear()
            await self._come.wait()
        return self._frame

    def sent(self) -> None:
        """The frame is through."""
        self._frame = None
        if self._through is not None:
            self._through.set_result(None)


class Subscriber:
    """One client: where it stands, and whether it can be told more.

    Nothing waits for its frames: whether the last is through is looked up when there is another.
    """

    __slots__ = ("_last", "channel", "line", "number")

    def __init__(self, channel: Channel, number: int, line: Line) -> None:
        self.channel, self.number, self.line = channel, number, line
        self._last: asyncio.Future[Any] | None = None

    @property
    def ready(self) -> bool:
        """Whether its last frame is through."""
        return self._last is None or self._last.done()

    def push(self, frame: str) -> None:
        """Send the next frame."""
        self._last = self.line.begin(frame)


class Channel:
    """Subscribers who want the same, and the task that tells them."""

    def __init__(self, hub: Hub, engine: Callable[[], Engine], wanted: Subscription) -> None:
        self.wanted = wanted
        self.subscribers: set[Subscriber] = set()
        self._hub, self._engine = hub, engine
        self._epoch = hub.epoch
        self._cells: dict[str, tuple[int, msgspec.Raw]] = {}
        self._frames: dict[int, str | None] = {}
        self._frames_of = -1
        self.task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Tell the subscribers what is new, at most once an interval, until there are none."""
        loop = asyncio.get_running_loop()
        heard = loop.time()
        while self.subscribers:
            if not self._is_behind():
                await self._hub.moved()
            if self.round(loop.time() - heard > _BEAT):
                heard = loop.time()
            await asyncio.sleep(self.wanted.interval)

    def _is_behind(self) -> bool:
        """Whether anyone has something to be told, now or when its last frame is through."""
        hub = self._hub
        return self._epoch != hub.epoch or any(one.number != hub.number for one in self.subscribers)

    def round(self, beat: bool = False) -> bool:
        """Give each subscriber that is ready what is new for it; whether anyone was told anything."""
        hub, told = self._hub, False
        if hub.epoch != self._epoch:
            self._epoch = hub.epoch
            self._cells.clear()
            self._frames.clear()
            for subscriber in self.subscribers:
                subscriber.number = -1
        for subscriber in self.subscribers:
            if subscriber.number == hub.number and not beat:
                continue
            if not subscriber.ready:
                continue
            frame = self.frame(subscriber.number)
            if frame is None and beat:
                frame = msgspec.json.encode({"type": "delta", "number": hub.number}).decode()
            subscriber.number = hub.number
            if frame is not None:
                subscriber.push(frame)
                told = True
        return told

    def frame(self, since: int) -> str | None:
        """What is new for one who stands at a number; None if nothing is. A snapshot for -1."""
        if self._frames_of != self._hub.number:
            self._frames.clear()
            self._frames_of = self._hub.number
        if since not in self._frames:
            self._frames[since] = self._encoded(since)
        return self._frames[since]

    def _encoded(self, since: int) -> str | None:
        hub, kinds = self._hub, self.wanted.kinds
        body: dict[str, Any] = {"type": "delta", "number": hub.number}
        if since < 0:
            columns = self._engine().columns if self.wanted.columns is None else list(self.wanted.columns)
            body = {"type": "snapshot", "number": hub.number, "epoch": hub.epoch, "columns": columns}
        if "rows" in kinds and ((rows := dict(self._rows(since))) or since < 0):
            body["rows"] = rows
        if "rows" in kinds and since >= 0 and (dropped := self._dropped(since)):
            body["dropped"] = dropped
        if since >= 0 and kinds - {"rows"}:
            self._add_news(body, since)
        return msgspec.json.encode(body).decode() if len(body) > 2 else None

    def _rows(self, since: int) -> Iterator[tuple[str, msgspec.Raw]]:
        trails, wanted = self._hub.trails, self.wanted.symbols
        engine, columns = self._engine(), self.wanted.columns
        places = (
            None
            if columns is None
            else [engine.columns.index(name) for name in columns if name in engine.columns]
        )
        for name in trails if wanted is None else wanted & trails.keys():
            trail = trails[name]
            if trail.number <= since:
                continue
            number, cell = self._cells.get(name, (-1, None))
            if number != trail.number or cell is None:
                values: Any = engine.symbol(name).values()
                if places is not None:
                    values = [values[place] for place in places]
                cell = msgspec.Raw(msgspec.json.encode((trail.ts, trail.price, trail.size, values)))
                self._cells[name] = trail.number, cell
            yield name, cell

    def _dropped(self, since: int) -> list[str]:
        """Symbols that were dropped, oldest first; one that came back is among the rows, too."""
        found, wanted = [], self.wanted.symbols
        for number, name in reversed(self._hub.drops):
            if number <= since:
                break
            if wanted is None or name in wanted:
                found.append(name)
        return found[::-1]

    def _add_news(self, body: dict[str, Any], since: int) -> None:
        """Bars, signals and alerts, each once; and whether some are gone that were never told."""
        news, found = self._hub.news, []
        for item in reversed(news):
            if item.number <= since:
                break
            found.append(item)
        else:
            if len(news) == news.maxlen:
                body["missed"] = True
        for item in reversed(found):
            if item.kind in self.wanted.kinds and (
                item.kind == "alerts" or self.wanted.symbols is None or item.symbol in self.wanted.symbols
            ):
                body.setdefault(item.kind, []).append({"number": item.number, **item.body})


class Streams:
    """All channels of a service.

    Parameters
    ----------
    hub : Hub
    engine : callable
        Gives the engine of the moment.
    most : int
        Subscribers that there may be.
    """

    def __init__(self, hub: Hub, engine: Callable[[], Engine], most: int) -> None:
        self._hub, self._engine, self._most = hub, engine, most
        self._channels: dict[Subscription, Channel] = {}
        self._many = 0
        self._beating: asyncio.Task[None] | None = None
        self.closed = False

    def __len__(self) -> int:
        return self._many

    def counts(self) -> dict[str, int]:
        """Subscribers, and the channels that they share."""
        return {"subscribers": len(self), "channels": len(self._channels)}

    def join(self, wanted: Wanted, line: Line) -> Subscriber:
        """Subscribe; the first frame is a snapshot, or what is new since the number that the client names.

        Parameters
        ----------
        wanted : Wanted
        line : Line
            How the client is reached.

        Raises
        ------
        Problem
            422 for what cannot be subscribed to, 503 if there are too many subscribers.
        """
        subscription = Subscription.of(wanted, self._engine())
        if self.closed or len(self) >= self._most:
            raise Problem(503, f"there are {len(self):,} subscribers", headers={"retry-after": "5"})
        channel = self._channels.get(subscription)
        if channel is None:
            channel = self._channels[subscription] = Channel(self._hub, self._engine, subscription)
        epoch, _, number = wanted.since.partition(":")
        known = epoch == self._hub.epoch and number.isdigit() and int(number) <= self._hub.number
        subscriber = Subscriber(channel, int(number) if known else -1, line)
        channel.subscribers.add(subscriber)
        self._many += 1
        frame = channel.frame(subscriber.number)
        subscriber.number = self._hub.number
        if frame is not None:
            subscriber.push(frame)
        if channel.task is None or channel.task.done():
            channel.task = asyncio.create_task(channel.run(), name="fastcore stream")
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._beats(), name="fastcore stream beats")
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """The client is gone."""
        channel = subscriber.channel
        if subscriber in channel.subscribers:
            channel.subscribers.remove(subscriber)
            self._many -= 1
        if not channel.subscribers and self._channels.get(channel.wanted) is channel:
            del self._channels[channel.wanted]

    def close(self) -> None:
        """Tell all that it ends."""
        self.closed = True
        for channel in list(self._channels.values()):
            for subscriber in channel.subscribers:
                subscriber.line.end()

    async def _beats(self) -> None:
        """Have the channels look at the clock where nothing else wakes them: one timer for them all."""
        while self._channels:
            await asyncio.sleep(_BEAT / 3)
            self._hub.wake()
