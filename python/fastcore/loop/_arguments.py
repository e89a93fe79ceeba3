"""What the tick loop refuses before it starts: arguments of another type, and options that cannot be."""

from __future__ import annotations

import os

from fastcore._checks import MANY, NUMBER, PATH, WHOLE, Fit, arguments, optional
from fastcore.engine import Engine
from fastcore.errors import ConfigError

__all__ = ["accepted", "check"]

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
    if not save_every >= 0 or (save_every and save is None):
        raise ConfigError(f"TickLoop: save_every must be 0 or more seconds, with a save, not {save_every!r}")
    for name, seconds in (("drain_seconds", drain_seconds), ("stall_seconds", stall_seconds)):
        if not seconds >= 0:
            raise ConfigError(f"TickLoop: {name} must be 0 or more seconds, not {seconds!r}")
