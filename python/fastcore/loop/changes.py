"""Another engine in the place of the one that runs: asked for at any time, done between two batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from fastcore._checks import CALL, check
from fastcore.engine import Engine
from fastcore.errors import ConfigError
from fastcore.loop.bars import ClosedBars

__all__ = ["Changes"]


class Changes:
    """The one change that is asked for; who comes meanwhile waits for its turn."""

    def __init__(self) -> None:
        self._asked: tuple[Callable[[Engine], Engine], Sequence[str], asyncio.Future[Engine]] | None = None
        self._over = False

    def __bool__(self) -> bool:
        return self._asked is not None

    async def ask(
        self, make: Callable[[Engine], Engine], bars: Sequence[str], notify: Callable[[], None]
    ) -> Engine:
        """Ask for a change, and wait until it is made; `notify` is called when it may be."""
        check("change", "make", make, CALL)
        while self._asked is not None:
            await asyncio.wait([self._asked[2]])
        self._look()
        done: asyncio.Future[Engine] = asyncio.get_running_loop().create_future()
        self._asked = make, bars, done
        notify()
        return await done

    def make(self, engine: Engine) -> tuple[Engine, ClosedBars] | None:
        """Make what was asked for, or tell who asked why not; `tell` when it is in its place."""
        assert self._asked is not None
        make, bars, done = self._asked
        if done.cancelled():  # nobody waits for it any more
            self._asked = None
            return None
        try:
            new = make(engine)
            if not isinstance(new, Engine):
                raise TypeError(f"change: make must return a fastcore.Engine, not {new!r:.100}")
            return new, ClosedBars(new, bars)
        except Exception as error:
            self._asked = None
            if not done.done():
                done.set_exception(error)
            return None

    def tell(self, engine: Engine) -> None:
        """Tell who asked that it is done."""
        assert self._asked is not None
        done, self._asked = self._asked[2], None
        if not done.done():
            done.set_result(engine)

    def end(self) -> None:
        """No batch comes any more."""
        self._over = True
        if self._asked is not None and not self._asked[2].done():
            self._asked[2].set_exception(ConfigError("the loop has stopped: nothing was changed"))
        self._asked = None

    def _look(self) -> None:
        if self._over:
            raise ConfigError("the loop has stopped: nothing was changed")
