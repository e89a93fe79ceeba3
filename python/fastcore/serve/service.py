"""The service: an engine in its loop, and the API in front of it, in one process and one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from fastcore._checks import MANY, MAPPING, arguments, having, optional
from fastcore._replacing import replace_file
from fastcore.engine import Engine
from fastcore.errors import ConfigError, FastcoreError
from fastcore.journal import Journal
from fastcore.loop import Intake, Sink, Strategy, TickLoop
from fastcore.loop.runner import run
from fastcore.policy import Policy
from fastcore.serve.alerts import Board
from fastcore.serve.guard import Guard
from fastcore.serve.hooks import Hooks
from fastcore.serve.hub import Hub
from fastcore.serve.ingest import Ingest, Repeats
from fastcore.serve.mailroom import Mailroom
from fastcore.serve.observe import Observer
from fastcore.serve.plans import clocks_of, keepable, read_plan, written
from fastcore.serve.post import Post
from fastcore.serve.server import few_heaps, give_back, listening, make_server
from fastcore.serve.settings import Settings
from fastcore.serve.stream import Streams

__all__ = ["Service"]


_LOOK = 0.25  # s between two looks at what may be out of order


async def _settle() -> None:
    """When the start is over and the first clients have been served."""
    await asyncio.sleep(2.0)
    await asyncio.to_thread(give_back)


class Service:
    """An engine in its loop, with an HTTP API, a live stream and a dashboard.

    Parameters
    ----------
    plan : mapping of str to Indicator or Formula
        What the engine computes. Where the folder of the settings holds a plan, that one goes on.
    feeds : feed or sequence of feeds
        As of `fastcore.TickLoop`; ticks that clients send are a further feed.
    settings : Settings, optional
    policy : Policy, optional
    strategies, sinks : sequence
        As of `fastcore.TickLoop`.

    Raises
    ------
    ConfigError
        If a setting is impossible, or the plan in the folder cannot be read.
    JournalError
        If the journal in the folder is damaged, or has a writer.

    Examples
    --------
    >>> import asyncio
    >>> import fastcore as fc
    >>> service = Service({"ema": fc.EMA(20), "rsi": fc.RSI(14).on("1m")})
    >>> service.clocks
    {'ema': '', 'rsi': '1m'}

    ``service.run_blocking()`` then serves until Ctrl-C or SIGTERM.
    """

    @arguments(
        "Service",
        plan=MAPPING,
        settings=optional(having("a fastcore.serve.Settings", "host", "port")),
        strategies=MANY,
        sinks=MANY,
    )
    def __init__(
        self,
        plan: Mapping[str, Any],
        feeds: Any = (),
        *,
        settings: Settings | None = None,
        policy: Policy | None = None,
        strategies: Sequence[Any] = (),
        sinks: Sequence[Sink] = (),
    ) -> None:
        self.settings = settings or Settings()
        self.plan = dict(plan)
        self._journal_folder = self._plan_file = None
        if self.settings.data is not None:
            folder = Path(self.settings.data)
            self._journal_folder, self._plan_file = folder / "journal", folder / "plan.json"
        engine = self._begun(policy)
        self._closing: list[Callable[[], Any]] = []
        self.hub = Hub(self.settings.history)
        for name in engine.symbols:
            trail, symbol = self.hub.trail(name), engine.symbol(name)
            trail.ts, trail.price = symbol.last_ts, _newest_price(symbol, self._spans(engine))
        self.board = Board(self.hub)
        self.ingest = Ingest(self.settings.waiting, self.settings.max_symbols, lambda: self.loop.refused)
        self.repeats = Repeats()
        given = list(feeds) if isinstance(feeds, (list, tuple)) else [feeds]
        self.loop = TickLoop(
            engine,
            [*given, Intake(self.ingest, name="api", capacity=self.settings.waiting)],
            strategies=[*strategies, Strategy(self.hub, failures=2**31, name="service")],
            sinks=sinks,
            bars=self._spans(engine),
            drain_seconds=self.settings.drain_seconds,
        )
        self.streams = Streams(self.hub, lambda: self.engine, self.settings.max_streams)
        self.sockets: set[Any] = set()
        self.on_close(self._leave)
        self.guard: Guard | None = None
        self.hooks: Post | None = None
        self.observer = Observer(self)
        self.started = time.time()
        self.draining = False
        self._stop = asyncio.Event()

    # ---- what is served ----

    def __repr__(self) -> str:
        return f"<Service at {self.settings.host}:{self.settings.port}>"

    @property
    def engine(self) -> Engine:
        """The engine of this moment: a change of the plan brings another."""
        return self.loop.engine

    @property
    def clocks(self) -> dict[str, str]:
        """Of each column the spec of the bars it runs on; empty for those that run on ticks."""
        return clocks_of(self.plan, self.engine.columns)

    @property
    def url(self) -> str:
        """Where it listens."""
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        return f"http://{host}:{self.settings.port}"

    def reasons(self) -> dict[str, str]:
        """Why it is not ready, by what is out of order; empty when it is."""
        found = {}
        if self.draining:
            found["stopping"] = "the service is stopping"
        task = self.loop._task
        if task is None:
            found["loop"] = "the loop has not started"
        elif task.done() and not self.draining:
            found["loop"] = "the loop has ended"
        for intake in self.loop.intakes:
            if intake.error and not self.draining:
                found[f"feed {intake.name}"] = f"the feed {intake.name} ended: {intake.error}"
        if self.ingest.waiting > self.settings.waiting // 2:
            found["backlog"] = f"{self.ingest.waiting:,} ticks wait for the engine, which is behind"
        journal = self.engine.journal
        if journal is not None and journal.closed:
            found["journal"] = "the journal is closed"
        return found

    async def change_plan(self, plan: Mapping[str, Any]) -> dict[str, str]:
        """Go on under another plan: what computes the same as before keeps its state.

        Returns
        -------
        dict
            The columns that begin anew, and why.

        Raises
        ------
        PlanError
            If the plan is none; all stays as it was.
        ConfigError
            If there is a folder and the plan cannot be kept in it.
        """
        wanted = dict(plan)
        if self._plan_file is not None:
            keepable(wanted)

        def make(before: Engine) -> Engine:
            after = Engine.restore(before.snapshot(history=True), plan=wanted)
            if before.journal is None:
                return after
            before.journal.close()
            try:
                after.attach(self._journal())
            except BaseException:
                before.attach(self._journal())
                raise
            return after

        spans = sorted({clock for clock in clocks_of(wanted, list(wanted)).values() if clock})
        engine = await self.loop.change(make, bars=spans)
        self.plan = wanted
        self._keep_plan()
        self.hub.begin()
        return dict(engine.cold)

    def save(self) -> str:
        """Write the state beside the journal; where that is.

        Raises
        ------
        ConfigError
            If there is no folder to write to.
        """
        if self.engine.journal is None:
            raise ConfigError("there is no folder for snapshots: start with --data FOLDER")
        return os.path.basename(self.engine.checkpoint(history=True))

    # ---- life ----

    def on_close(self, call: Callable[[], Any]) -> None:
        """Have something called, and awaited, when the service stops, before the server does."""
        self._closing.append(call)

    def stop(self) -> None:
        """Take no more, answer what is under way, drain, save; `run` then returns."""
        self.draining = True
        self._stop.set()

    async def run(self, ready: Callable[[], Any] | None = None) -> None:
        """Serve until `stop`.

        Parameters
        ----------
        ready : callable, optional
            Called once clients can connect.

        Raises
        ------
        ConfigError
            If the address cannot be listened at.
        """
        from fastcore.serve.app import make_app

        app = make_app(self)
        server = make_server(app, self.settings)
        async with self.loop:
            self.observer.start()
            await self._open_post()
            serving = asyncio.create_task(server.serve(), name="fastcore http")
            watching = asyncio.create_task(self._watch(), name="fastcore watch")
            settling = asyncio.create_task(_settle(), name="fastcore settle")
            stopping = asyncio.create_task(self._stop.wait())
            running = self.loop._task
            assert running is not None
            try:
                await listening(self.settings, serving)
                if ready is not None:
                    ready()
                await asyncio.wait({serving, stopping, running}, return_when=asyncio.FIRST_COMPLETED)
                self.draining = True
                for call in self._closing:
                    with contextlib.suppress(Exception):
                        await asyncio.wait_for(call(), self.settings.drain_seconds)
            finally:
                for task in (watching, settling, stopping):
                    task.cancel()
                server.stop()
                await asyncio.wait({serving}, timeout=self.settings.drain_seconds)
                serving.cancel()
        if self.hooks is not None:
            await self.hooks.stop()
        await asyncio.to_thread(self.observer.stop)
        if not self._stop.is_set() and not serving.cancelled() and serving.exception() is not None:
            raise ConfigError(f"the server ended: {serving.exception()}")
        if self.engine.journal is not None:
            self.engine.checkpoint(history=True)
            self.engine.journal.close()

    def run_blocking(self, ready: Callable[[], Any] | None = None) -> None:
        """Serve in an event loop of its own; Ctrl-C and SIGTERM stop gracefully."""
        import signal

        few_heaps()

        async def main() -> None:
            here = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                here.add_signal_handler(number, self.stop)
            await self.run(ready)

        run(main())

    async def _open_post(self) -> None:
        if self.settings.data is None:
            return
        folder = Path(self.settings.data)
        hooks = Hooks.load(folder / "hooks.toml")
        if hooks.sources or hooks.targets:
            self.hooks = Post(self, hooks, await asyncio.to_thread(Mailroom, folder / "webhooks.db"))
            await self.hooks.start()

    async def _leave(self) -> None:
        """Tell those who follow that it ends."""
        self.streams.close()
        for socket_ in list(self.sockets):
            socket_.leave()
        while self.sockets:
            await asyncio.sleep(0.01)

    # ---- parts ----

    def _begun(self, policy: Policy | None) -> Engine:
        """The engine of the folder, or a new one."""
        kept = self._kept_plan()
        if kept is not None:
            self.plan = kept
        if self._journal_folder is not None and self._journal_folder.exists():
            if kept is None:
                keepable(self.plan)
            engine = Engine.recover(self._journal())
            if kept is None:
                self._keep_plan()
            return engine
        engine = Engine(
            self.plan, history=self.settings.history, max_symbols=self.settings.max_symbols, policy=policy
        )
        if self._journal_folder is not None:
            keepable(self.plan)  # all is judged before anything is written
            self._journal_folder.parent.mkdir(parents=True, exist_ok=True)
            engine.attach(self._journal())
        self._keep_plan()
        return engine

    def _journal(self) -> Journal:
        assert self._journal_folder is not None
        return Journal(
            self._journal_folder, keep_bytes=4 << 30, checkpoint_seconds=self.settings.checkpoint_seconds
        )

    def _kept_plan(self) -> dict[str, Any] | None:
        if self._plan_file is None or not self._plan_file.exists():
            return None
        try:
            return read_plan(msgspec.json.decode(self._plan_file.read_bytes(), type=dict[str, str]))
        except (msgspec.MsgspecError, FastcoreError) as error:
            raise ConfigError(f"{self._plan_file} cannot be read as a plan: {error}") from error

    def _keep_plan(self) -> None:
        if self._plan_file is None:
            return
        text = msgspec.json.format(msgspec.json.encode(written(self.plan)), indent=2)
        replace_file(self._plan_file, text + b"\n")

    def _spans(self, engine: Engine) -> list[str]:
        return sorted({clock for clock in clocks_of(self.plan, engine.columns).values() if clock})

    def _unsaved(self) -> dict[str, str]:
        """Why the last checkpoint failed: the service goes on, and a recovery takes longer."""
        journal = self.engine.journal
        failure = "" if journal is None else journal.checkpoints["failure"]
        return {"checkpoint": f"the state could not be saved: {failure}"} if failure else {}

    async def _watch(self) -> None:
        """Make alerts of the reasons not to be ready, while there are any."""
        fired: set[str] = set()
        while True:
            reasons = self.reasons() | self._unsaved()
            for name, text in reasons.items():
                self.board.fire(name, text, "critical")
            for name in fired - reasons.keys():
                self.board.resolve(name)
            fired = set(reasons)
            await asyncio.sleep(_LOOK)


def _newest_price(symbol: Any, spans: Sequence[str]) -> float:
    """The newest price that its bars know; NaN where it has none, as under a plan without bars."""
    for span in spans:
        forming = symbol.forming(span)
        if forming["count"]:
            return float(forming["close"])
    closed = [(bars["ts"][-1], bars["close"][-1]) for span in spans if len(bars := symbol.bars(span))]
    return float(max(closed)[1]) if closed else float("nan")
