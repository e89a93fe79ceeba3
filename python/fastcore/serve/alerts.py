"""Alerts as clients see them: what is out of order now, and what was."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any

import msgspec

from fastcore.serve.hub import Hub

__all__ = ["Alert", "Board"]

_KEPT = 200  # alerts that are remembered; of those that are over, the oldest go


class Alert(msgspec.Struct):
    """Something that is out of order, or was: since when, in seconds since 1970."""

    name: str
    state: str
    text: str
    severity: str
    since: float


class Board:
    """All alerts; each change is told to those who follow the stream.

    Examples
    --------
    >>> board = Board(Hub(16))
    >>> board.fire("disk", "the disk is full"), board.fire("disk", "the disk is full")
    (True, False)
    >>> board.resolve("disk"), [alert.state for alert in board]
    (True, ['resolved'])
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._alerts: OrderedDict[str, Alert] = OrderedDict()

    def __iter__(self) -> Any:
        return iter(sorted(self._alerts.values(), key=lambda one: (one.state != "firing", -one.since)))

    def fire(self, name: str, text: str, severity: str = "warning") -> bool:
        """Say that something is out of order; True if that is news."""
        known = self._alerts.get(name)
        if known is not None and known.state == "firing":
            known.text = text
            return False
        self._set(Alert(name, "firing", text, severity, time.time()))
        return True

    def resolve(self, name: str) -> bool:
        """Say that it is in order again; True if that is news."""
        known = self._alerts.get(name)
        if known is None or known.state != "firing":
            return False
        self._set(Alert(name, "resolved", known.text, known.severity, time.time()))
        return True

    def _set(self, alert: Alert) -> None:
        self._alerts[alert.name] = alert
        self._alerts.move_to_end(alert.name)
        for name in [one.name for one in self._alerts.values() if one.state != "firing"]:
            if len(self._alerts) <= _KEPT:
                break
            del self._alerts[name]
        self._hub.tell("alerts", "", msgspec.structs.asdict(alert))
