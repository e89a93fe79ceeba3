"""Lines of code to blame, from the profiler's last minutes; none where no profiler runs."""

from __future__ import annotations

import gc

from fastcore.perf.profiler import IDLE, Profiler
from fastcore.perf.profiles import Frame, Profile

#: Seconds of samples that a line is named from, at least: on a busy machine the profiler may be late.
_SAMPLES = 10.0


class Lines:
    """Asks a profiler which lines cost most, at the moment `now`."""

    def __init__(self, profiler: Profiler | None, window: float) -> None:
        self.now = 0.0
        self._profiler, self._window = profiler, window

    def profile(self, start: float, end: float = float("inf")) -> Profile | None:
        """What did something in a window of time."""
        return None if self._profiler is None else self._profiler.window(start, end).without(IDLE)

    def recent(self) -> Profile | None:
        """The same of the last seconds."""
        return self.profile(self.now - max(self._window, _SAMPLES))

    def busiest(self) -> tuple[str, list[str]]:
        """The line with the largest share of processor time of its own: what waits has none."""
        profile = self.recent()
        if profile is not None:
            # What the collector calls is not what set it off.
            profile = profile.outside(getattr(call, "__qualname__", "") for call in gc.callbacks)
        lines = [] if profile is None else profile.lines("cpu")
        return (str(lines[0].frame) if lines else ""), [str(line) for line in lines[:5]]

    def below(self, hooks: tuple[str, ...]) -> tuple[str, list[str]]:
        """Where the time goes in what these call: the line of the outermost, and the innermost lines."""
        profile = self.recent()
        if profile is None:
            return "", []
        below: dict[tuple[Frame, ...], tuple[float, float]] = {}
        outermost: dict[Frame, float] = {}
        for stack, pair in profile.stacks.items():
            place = next((i for i, frame in enumerate(stack) if frame.name in hooks), None)
            if place is None or place + 1 >= len(stack):
                continue
            inner = stack[place + 1 :]
            before = below.get(inner, (0.0, 0.0))
            below[inner] = (before[0] + pair[0], before[1] + pair[1])
            outermost[inner[0]] = outermost.get(inner[0], 0.0) + pair[0]
        if not outermost:
            return "", []
        lines = Profile(below).lines()
        return str(max(outermost, key=lambda frame: outermost[frame])), [str(line) for line in lines[:5]]

    def grown(self, since: float) -> tuple[str, list[str]]:
        """What has come into the profile since a moment."""
        after, before = self.profile(since), self.profile(since - 300, since - 1)
        if after is None or before is None or not after.stacks:
            return "", []
        grown = [change for change in after.changes(before) if change.after > change.before]
        return (str(grown[0].frame) if grown else ""), [str(change) for change in grown[:5]]
