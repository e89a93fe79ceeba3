"""A profile: how often each stack was seen in a window, what it says, and in which forms it can leave."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from fastcore.errors import InputError

__all__ = ["Change", "Frame", "Line", "Profile", "Weight"]

#: Seconds by the clock on the wall, or of the processor.
Weight = Literal["wall", "cpu"]


class Frame(NamedTuple):
    """One place in the code; `line` is 0 for what has none: a thread, the C++ core."""

    name: str
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        return f"{self.name} ({self.file}:{self.line})" if self.file else self.name


@dataclass(frozen=True, slots=True)
class Line:
    """A line of code and its share of a profile, 0 to 1: its own, and with all that it calls."""

    frame: Frame
    own: float
    total: float

    def __str__(self) -> str:
        return f"{self.frame}: {self.own:.0%} itself, {self.total:.0%} with what it calls"


@dataclass(frozen=True, slots=True)
class Change:
    """A line's own share before and after, 0 to 1."""

    frame: Frame
    before: float
    after: float

    def __str__(self) -> str:
        return f"{self.frame}: {self.before:.0%} before, {self.after:.0%} now"


class Profile:
    """Stacks, outermost frame first, each with the seconds that were seen in it.

    Parameters
    ----------
    stacks : mapping of tuple of Frame to (float, float)
        Seconds on the wall and of the processor.
    start, end : float
        The window, in s since 1970 UTC.

    Examples
    --------
    >>> main, slow = Frame("main", "app.py", 3), Frame("slow", "app.py", 9)
    >>> profile = Profile({(main, slow): (3.0, 2.9), (main,): (1.0, 1.0)})
    >>> print(profile.lines()[0])
    slow (app.py:9): 75% itself, 75% with what it calls
    >>> print(profile.collapsed("wall"))
    main (app.py:3) 1000
    main (app.py:3);slow (app.py:9) 3000
    """

    def __init__(
        self,
        stacks: Mapping[tuple[Frame, ...], tuple[float, float]],
        start: float = 0.0,
        end: float = 0.0,
    ) -> None:
        self.stacks = dict(stacks)
        self.start, self.end = start, end

    def weights(self, by: Weight = "wall") -> dict[tuple[Frame, ...], float]:
        """Seconds of each stack."""
        if by not in ("wall", "cpu"):
            raise InputError(f"a profile is weighed by 'wall' or 'cpu', not {by!r}")
        place = 0 if by == "wall" else 1
        return {stack: pair[place] for stack, pair in self.stacks.items() if pair[place] > 0}

    def seconds(self, by: Weight = "wall") -> float:
        """All seconds of all threads."""
        return sum(self.weights(by).values())

    def of_thread(self, name: str) -> Profile:
        """The stacks of one thread."""
        kept = {stack: pair for stack, pair in self.stacks.items() if stack and stack[0].name == name}
        return Profile(kept, self.start, self.end)

    def without(self, idle: Iterable[str]) -> Profile:
        """Without stacks whose innermost frame has one of these names: what only waits."""
        names = set(idle)
        kept = {stack: pair for stack, pair in self.stacks.items() if stack and stack[-1].name not in names}
        return Profile(kept, self.start, self.end)

    def outside(self, names: Iterable[str]) -> Profile:
        """With innermost frames of these names taken off: their time is that of who called them."""
        names, kept = set(names), dict[tuple[Frame, ...], tuple[float, float]]()
        for stack, (wall, cpu) in self.stacks.items():
            while stack and stack[-1].name in names:
                stack = stack[:-1]
            before = kept.get(stack, (0.0, 0.0))
            kept[stack] = (before[0] + wall, before[1] + cpu)
        return Profile(kept, self.start, self.end)

    def lines(self, by: Weight = "wall") -> list[Line]:
        """All lines, those with the largest share of their own first."""
        own: dict[Frame, float] = {}
        total: dict[Frame, float] = {}
        weights = self.weights(by)
        for stack, seconds in weights.items():
            if stack:
                own[stack[-1]] = own.get(stack[-1], 0.0) + seconds
            for frame in set(stack):
                total[frame] = total.get(frame, 0.0) + seconds
        whole = sum(weights.values()) or 1.0
        found = [Line(frame, own.get(frame, 0.0) / whole, part / whole) for frame, part in total.items()]
        return sorted(found, key=lambda line: (-line.own, -line.total, line.frame))

    def changes(self, before: Profile, by: Weight = "wall") -> list[Change]:
        """What has grown since another window, and what has shrunk; the largest change first."""
        then = {line.frame: line.own for line in before.lines(by)}
        now = {line.frame: line.own for line in self.lines(by)}
        found = [Change(frame, then.get(frame, 0.0), now.get(frame, 0.0)) for frame in then.keys() | now]
        return sorted(found, key=lambda change: (-abs(change.after - change.before), change.frame))

    # ---- forms in which it leaves ----

    def collapsed(self, by: Weight = "wall") -> str:
        """A line for each stack: frames joined by ``;``, and ms. What flamegraph.pl and others read."""
        lines = []
        for stack, seconds in self.weights(by).items():
            names = ";".join(str(frame).replace(";", ":").replace("\n", " ") for frame in stack)
            if round(seconds * 1e3):
                lines.append(f"{names} {round(seconds * 1e3)}")
        return "\n".join(sorted(lines))

    def speedscope(self, name: str = "fastcore", by: Weight = "wall") -> dict[str, Any]:
        """The profile as www.speedscope.app takes it; `json.dump` writes it."""
        weights = self.weights(by)
        places: dict[Frame, int] = {}
        for stack in weights:
            for frame in stack:
                places.setdefault(frame, len(places))
        frames = [
            {"name": frame.name, "file": frame.file, "line": frame.line}
            if frame.file
            else {"name": frame.name}
            for frame in places
        ]
        return {
            "$schema": "https://www.speedscope.app/file-format-schema.json",
            "exporter": "fastcore",
            "name": name,
            "activeProfileIndex": 0,
            "shared": {"frames": frames},
            "profiles": [
                {
                    "type": "sampled",
                    "name": f"{name}, {by}",
                    "unit": "seconds",
                    "startValue": 0,
                    "endValue": sum(weights.values()),
                    "samples": [[places[frame] for frame in stack] for stack in weights],
                    "weights": list(weights.values()),
                }
            ],
        }

    def save(self, path: str | os.PathLike[str], by: Weight = "wall") -> None:
        """Write it: ``.json`` for speedscope, ``.html`` or ``.svg`` as a flame graph, else collapsed.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        from fastcore.perf.flame import flame_page, flame_svg

        kind = os.fspath(path).rpartition(".")[2]
        if kind == "json":
            text = json.dumps(self.speedscope(by=by))
        elif kind == "html":
            text = flame_page(self, by=by)
        else:
            text = flame_svg(self, by=by) if kind == "svg" else self.collapsed(by) + "\n"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
