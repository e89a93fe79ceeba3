"""Flame graphs as SVG that needs nothing else: widths are seconds, a frame stands on who called it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape

from fastcore.perf.profiles import Frame, Profile, Weight

__all__ = ["flame_page", "flame_svg"]

_WIDTH, _ROW = 1200.0, 18
_LEAST = 0.6  # pixels; narrower frames are not drawn
_LETTER = 6.6  # pixels of a letter


@dataclass(slots=True)
class _Node:
    frame: Frame
    seconds: float = 0.0
    before: float = 0.0
    inner: dict[Frame, _Node] = field(default_factory=dict)

    def child(self, frame: Frame) -> _Node:
        found = self.inner.get(frame)
        if found is None:
            found = self.inner[frame] = _Node(frame)
        return found


def flame_svg(profile: Profile, *, by: Weight = "wall", before: Profile | None = None) -> str:
    """Draw a profile.

    Parameters
    ----------
    profile : Profile
    by : {"wall", "cpu"}
    before : Profile, optional
        With it, frames that have grown since are orange, and those that have shrunk are blue.

    Returns
    -------
    str
        SVG, 1200 wide; each frame has a title with its seconds and share.

    Examples
    --------
    >>> svg = flame_svg(Profile({(Frame("main", "app.py", 3),): (1.0, 1.0)}))
    >>> "main (app.py:3)" in svg
    True
    """
    root = _Node(Frame("all"))
    for which, one in (("seconds", profile), ("before", before)):
        for stack, seconds in one.weights(by).items() if one is not None else ():
            node = root
            setattr(node, which, getattr(node, which) + seconds)
            for frame in stack:
                node = node.child(frame)
                setattr(node, which, getattr(node, which) + seconds)
    boxes = list(_boxes(root, 0.0, 0, _WIDTH / root.seconds)) if root.seconds else []
    depth = max((level for _, _, level, _ in boxes), default=0) + 1
    height = depth * _ROW + 2
    drawn = "".join(
        _drawn(node, x, height - (level + 1) * _ROW, width, root, before is not None)
        for node, x, level, width in boxes
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {height}" '
        f'font-family="ui-monospace, monospace" font-size="11">{drawn}</svg>'
    )


def _boxes(node: _Node, x: float, level: int, scale: float) -> Iterator[tuple[_Node, float, int, float]]:
    """Each frame that can be seen, with its left edge, its level and its width."""
    waiting = [(node, x, level)]
    while waiting:
        node, x, level = waiting.pop()
        width = node.seconds * scale
        if width < _LEAST:
            continue
        yield node, x, level, width
        for inner in sorted(node.inner.values(), key=lambda one: one.frame):
            waiting.append((inner, x, level + 1))
            x += inner.seconds * scale


def _drawn(node: _Node, x: float, y: int, width: float, root: _Node, differs: bool) -> str:
    share = node.seconds / root.seconds
    about = f"{node.frame}: {node.seconds:.3g} s, {share:.1%}"
    colour = f"hsl({18 + zlib.crc32(node.frame.file.encode()) % 40} 75% 72%)"
    if differs:
        then = node.before / root.before if root.before else 0.0
        about += f", {then:.1%} before"
        grown = max(-1.0, min(1.0, (share - then) * 4))
        colour = f"hsl({24 if grown >= 0 else 212} {80 if grown else 0}% {92 - abs(grown) * 30:.0f}%)"
    letters = int((width - 6) / _LETTER)
    name = str(node.frame) if len(str(node.frame)) <= letters else node.frame.name
    text = name if len(name) <= letters else name[: letters - 1] + "…"
    label = f'<text x="{x + 3:.1f}" y="{y + 13}" fill="#1c1c1c">{escape(text)}</text>' if letters > 2 else ""
    return (
        f"<g><title>{escape(about)}</title>"
        f'<rect x="{x:.2f}" y="{y}" width="{max(width - 0.4, 0.3):.2f}" height="{_ROW - 1}" rx="1" '
        f'fill="{colour}"/>{label}</g>'
    )


def flame_page(profile: Profile, *, by: Weight = "wall", before: Profile | None = None) -> str:
    """A page with the flame graph and the lines that cost most; it loads nothing."""
    rows = "".join(
        f"<tr><td>{line.own:.1%}<td>{line.total:.1%}<td>{escape(str(line.frame))}"
        for line in profile.lines(by)[:25]
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>fastcore profile</title>'
        "<style>body{font:15px system-ui,sans-serif;margin:24px;background:#fff;color:#1c1c1c}"
        "td,th{padding:2px 16px 2px 0;text-align:left}</style>"
        f"<h1>Profile</h1><p>{profile.seconds(by):.1f} s of all threads, by {_CLOCKS[by]}. A frame stands on "
        "the one that called it and is as wide as the time in it; hold the pointer over one to read it.</p>"
        f"{flame_svg(profile, by=by, before=before)}"
        f"<table><tr><th>itself<th>with calls<th>line{rows}</table></html>"
    )


_CLOCKS = {"wall": "the clock on the wall", "cpu": "processor time"}
