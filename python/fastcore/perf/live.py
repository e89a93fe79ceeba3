"""The tuner of a process that serves: it climbs in a thread, and is told to start, to freeze, to set a knob.

A setting is changed within the event loop, between two batches, since that is where owners live.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import dataclasses
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

from fastcore.errors import ConfigError, UnknownNameError
from fastcore.perf.history import History
from fastcore.perf.knobs import live_percentile
from fastcore.perf.samples import Key
from fastcore.perf.tuner import Knob, Trial, Tuner

__all__ = ["RESPONSE", "LiveTuner"]

#: What a loop is tuned for: from when a tick came until all have what came of it.
RESPONSE: Key = ("fastcore_stage_seconds", (("stage", "response"),))
_PATIENCE = 10.0  # s that the event loop may take to come to a change


class LiveTuner:
    """Tunes a live process by a percentile of what is measured anyway.

    Parameters
    ----------
    history : History
        That a `fastcore.perf.monitor.Monitor` fills.
    knobs : sequence of Knob
    key : Key
        The histogram whose percentile is to fall.
    percent : float
        Which one, above 0 and at most 100.
    seconds : float
        That one measurement takes, above 0.
    objectives : callable, optional
        Gives the names of the objectives that are missed now. One more than before a climb is a breach.
    pairs : int
        Measurements of each setting.
    file : path, optional
        Where trials are written, a line of JSON each.

    Raises
    ------
    ConfigError
        If a number is outside its range.

    Examples
    --------
    >>> held = {"batch": 64}
    >>> knob = Knob("batch", lambda: held["batch"], lambda n: held.update(batch=int(n)), (16, 64, 256))
    >>> tuner = LiveTuner(History(), [knob])
    >>> tuner.set("batch", 100).why
    'set by hand'
    >>> held, tuner.state
    ({'batch': 100}, 'idle')
    """

    def __init__(
        self,
        history: History,
        knobs: Sequence[Knob],
        *,
        key: Key = RESPONSE,
        percent: float = 95.0,
        seconds: float = 5.0,
        objectives: Callable[[], set[str]] = set,
        pairs: int = 5,
        file: str | os.PathLike[str] | None = None,
    ) -> None:
        if not 0 < percent <= 100 or not seconds > 0:
            raise ConfigError(
                "LiveTuner: percent must be above 0 and at most 100 and seconds above 0, "
                f"not {percent!r} and {seconds!r}"
            )
        self._here: asyncio.AbstractEventLoop | None = None
        self._hurry = threading.Event()
        self._objectives, self._missed = objectives, set[str]()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        measure = live_percentile(history, key, percent, seconds, self._hurry.wait)
        self.tuner = Tuner(
            [dataclasses.replace(knob, set=self._within(knob.set)) for knob in knobs],
            measure,
            guard=self._breach,
            pairs=pairs,
            file=file,
        )

    def within(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have settings changed in this event loop from now on."""
        self._here = loop

    @property
    def state(self) -> str:
        """``"climbing"``, ``"frozen"`` or ``"idle"``."""
        if self.tuner.frozen:
            return "frozen"
        return "climbing" if self._thread is not None and self._thread.is_alive() else "idle"

    def start(self) -> bool:
        """Climb, once, in a thread; False if that is under way or frozen."""
        with self._lock:
            if self.state != "idle":
                return False
            self._missed = self._objectives()
            self._thread = threading.Thread(target=self.tuner.climb, name="fastcore-tuner", daemon=True)
            self._thread.start()
            return True

    def freeze(self) -> None:
        """End what is under way, put its old setting back, and change nothing until `thaw`."""
        self.tuner.freeze()
        self._hurry.set()

    def thaw(self) -> None:
        """Let it be started again."""
        with self._lock:
            if self._thread is not None:
                self._thread.join(_PATIENCE)
            self._hurry.clear()
            self.tuner.thaw()

    def stop(self) -> None:
        """Freeze, for good."""
        self.freeze()
        if self._thread is not None:
            self._thread.join(_PATIENCE)

    def set(self, name: str, value: float) -> Trial:
        """Set a knob by hand; it is a row of the history.

        Raises
        ------
        UnknownNameError
            If there is none of that name.
        ConfigError
            If the value is outside the knob's range, or the tuner climbs.
        """
        knob = next((one for one in self.tuner.knobs if one.name == name), None)
        if knob is None:
            raise UnknownNameError(f"there is no knob {name!r}; there are {', '.join(self.names)}")
        if not knob.values[0] <= value <= knob.values[-1]:
            raise ConfigError(f"knob {name} must be {knob.values[0]:g} to {knob.values[-1]:g}, not {value:g}")
        with self._lock:
            if self.state == "climbing":
                raise ConfigError(f"knob {name} cannot be set while the tuner climbs: freeze it first")
            return self.tuner.set_by_hand(knob, value)

    @property
    def names(self) -> list[str]:
        """Of the knobs."""
        return [knob.name for knob in self.tuner.knobs]

    def to_json(self) -> dict[str, Any]:
        """State, any trouble, knobs with their values and ranges, and the trials, the newest first."""
        return {
            "state": self.state,
            "trouble": self.tuner.trouble,
            "knobs": [
                {"name": one.name, "value": one.get(), "values": list(one.values), "cost": one.cost}
                for one in self.tuner.knobs
            ],
            "trials": [dataclasses.asdict(trial) for trial in reversed(self.tuner.trials[-200:])],
        }

    def _within(self, put: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The same in the event loop; what it raises is raised here."""

        def set_there(value: Any) -> None:
            here = self._here
            if here is None or not here.is_running() or _runs_here(here):
                put(value)
                return
            done: concurrent.futures.Future[None] = concurrent.futures.Future()

            def call() -> None:
                try:
                    put(value)
                    done.set_result(None)
                except BaseException as error:
                    done.set_exception(error)

            here.call_soon_threadsafe(call)
            done.result(_PATIENCE)

        return set_there

    def _breach(self) -> str:
        new = sorted(self._objectives() - self._missed)
        return f"the objective {new[0]} is missed" if new else ""


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
