"""Saves while a loop runs and at its end, and what feeds are told when their ticks are safe."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence

from fastcore._quiet import Quiet
from fastcore.engine import Engine
from fastcore.loop.intake import Intake

__all__ = ["Saving"]

log = logging.getLogger("fastcore.loop")


class Saving:
    """Where and how often an engine is saved; feeds with a method ``commit`` are told what is safe.

    Parameters
    ----------
    path : path, optional
        None saves nothing: then a tick is safe when the engine has it.
    every : float
        Seconds between two saves; 0 saves at the end alone.
    intakes : sequence of Intake
    """

    def __init__(self, path: str | os.PathLike[str] | None, every: float, intakes: Sequence[Intake]) -> None:
        self.saved_at = 0.0
        self._path, self._every = path, every
        self._holding = [one for one in intakes if callable(getattr(one.feed, "commit", None))]
        self._quiet = Quiet(log)

    @property
    def is_busy(self) -> bool:
        """Whether there is anything to do before the end."""
        return bool(self._holding or self._every)

    def make_safe(self, engine: Engine, at_the_end: bool = False) -> None:
        """Save, if it is time, and tell the feeds what need not come again."""
        now = time.monotonic()
        if self._path is not None:
            if not at_the_end and (not self._every or now < self.saved_at + self._every):
                return
            self.saved_at = now  # also where it fails: then it is tried again at the next time
            engine.save(self._path)
        for intake in self._holding:
            # Who asks what was refused (`fastcore.serve` tells its clients) hears of all that is gone.
            hears = getattr(intake.feed, "hears_of_refused", False)
            intake.feed.commit(intake.gone if hears else intake.safe)

    def try_to_make_safe(self, engine: Engine) -> bool:
        """The same between two batches; False where it failed, which is in the log."""
        try:
            self.make_safe(engine)
        except Exception as error:
            self._quiet.warn("saving failed, and will be tried again: %s: %s", type(error).__name__, error)
            return False
        return True
