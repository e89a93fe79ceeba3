"""What the tick loop refuses before it starts: arguments of another type, and options that cannot be."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from fastcore._checks import FLAG, MANY, NUMBER, PATH, WHOLE, Fit, arguments, optional
from fastcore.engine import Engine
from fastcore.errors import ConfigError

__all__ = ["accepted", "check", "claim", "distinct"]

accepted = arguments(
    "TickLoop",
    strategies=MANY,
    sinks=MANY,
    bars=Fit(
        "bar specs", lambda specs: hasattr(specs, "__iter__") and all(isinstance(x, str) for x in specs)
    ),
    batch=WHOLE,
    save=optional(PATH),
    save_every=NUMBER,
    drain_seconds=NUMBER,
    stall_seconds=NUMBER,
    tune_gc=FLAG,
)


def check(
    engine: Engine,
    batch: int,
    save: str | os.PathLike[str] | None,
    save_every: float,
    drain_seconds: float,
    stall_seconds: float,
) -> None:
    """What a type does not say.

    Raises
    ------
    ConfigError
        It names the option.
    """
    if not isinstance(engine, Engine):
        raise ConfigError(f"TickLoop: engine must be a fastcore.Engine, not {engine!r}")
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise ConfigError(f"TickLoop: batch must be a whole number of ticks above 0, not {batch!r}")
    if save is not None and not os.path.isdir(os.path.dirname(os.path.abspath(save))):
        raise ConfigError(f"TickLoop: save is {os.fspath(save)!r}, whose folder is not there")
    if save is not None and os.path.isdir(save):
        raise ConfigError(f"TickLoop: save is {os.fspath(save)!r}, which is a folder and no file")
    if not save_every >= 0 or (save_every and save is None):
        raise ConfigError(f"TickLoop: save_every must be 0 or more seconds, with a save, not {save_every!r}")
    for name, seconds in (("drain_seconds", drain_seconds), ("stall_seconds", stall_seconds)):
        if not seconds >= 0:
            raise ConfigError(f"TickLoop: {name} must be 0 or more seconds, not {seconds!r}")


def distinct(**kinds: Iterable[Any]) -> None:
    """What is given twice would be read, or written to, twice at once.

    Raises
    ------
    ConfigError
        It names the option and the thing.
    """
    for kind, things in kinds.items():
        seen = set[int]()
        for thing in things:
            if id(thing) in seen:
                raise ConfigError(f"TickLoop: {kind} has the same {thing!r} twice")
            seen.add(id(thing))


def claim(queues: Iterable[Any]) -> None:
    """Queues end with their loop: what another one put into them would be lost.

    Raises
    ------
    ConfigError
        It names the queue that another loop has, or had.
    """
    queues = list(queues)
    for queue in queues:
        if queue.claimed:
            raise ConfigError(f"TickLoop: {queue!r} belongs to another loop, or to one that has ended")
    for queue in queues:
        queue.claimed = True
