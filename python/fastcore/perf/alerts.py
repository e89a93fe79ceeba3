"""Alerts: rules held to what is measured, and who is to be told of what has changed.

Nothing here waits, sends or looks at a clock: `Alerts.evaluate` is given the moment, and returns what is
to be told. So time can be made up, and what happened can be held to it again.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from fastcore._quiet import Quiet
from fastcore.errors import ConfigError
from fastcore.perf.expressions import Labels
from fastcore.perf.history import History
from fastcore.perf.rules import Rule, RuleSet

__all__ = ["Alert", "Alerts", "Notification", "Silence"]

log = logging.getLogger("fastcore.perf")

State = Literal["pending", "firing", "resolved"]


@dataclass(slots=True)
class Alert:
    """One rule, broken for one set of labels.

    Attributes
    ----------
    rule : Rule
    labels : dict of str to str
    since : float
        When it began to be wrong, s since 1970 UTC.
    state : {"pending", "firing", "resolved"}
    value : float
        The last value.
    fired, ended : float
        When it had been wrong for as long as its rule says, and when it was right again; 0 before.
    told : bool
        Whether someone was told that it fires.
    """

    rule: Rule
    labels: dict[str, str]
    since: float
    state: State = "pending"
    value: float = 0.0
    fired: float = 0.0
    ended: float = 0.0
    told: bool = False
    right_since: float = 0.0

    @property
    def id(self) -> str:
        """The same for the same rule and labels, in every process."""
        return f"{zlib.crc32(repr((self.rule.name, sorted(self.labels.items()))).encode()):08x}"

    @property
    def summary(self) -> str:
        """The rule's sentence about the last value."""
        return self.rule.sentence(self.value, self.labels)

    def to_json(self) -> dict[str, Any]:
        """The alert as it is sent."""
        return {
            "id": self.id,
            "name": self.rule.name,
            "state": self.state,
            "severity": self.rule.severity,
            "labels": dict(self.labels),
            "value": self.value,
            "summary": self.summary,
            "since": self.since,
            "fired": self.fired,
            "ended": self.ended,
        }


@dataclass(frozen=True, slots=True)
class Notification:
    """What has changed in one group, at one moment.

    Attributes
    ----------
    group : str
    at : float
        s since 1970 UTC.
    alerts : tuple of dict
        As `Alert.to_json` gives them, firing or resolved.
    """

    group: str
    at: float
    alerts: tuple[dict[str, Any], ...]

    @property
    def severity(self) -> str:
        """The most severe of its alerts'."""
        order = ("info", "warning", "page")
        return str(max((alert["severity"] for alert in self.alerts), key=order.index, default="info"))

    @property
    def title(self) -> str:
        """One line."""
        firing = sum(alert["state"] == "firing" for alert in self.alerts)
        parts = [f"{firing} firing"] if firing else []
        parts += [f"{len(self.alerts) - firing} resolved"] if firing < len(self.alerts) else []
        return f"[fastcore] {self.group}: {', '.join(parts)}"

    @property
    def text(self) -> str:
        """A line for each alert."""
        return "\n".join(f"{alert['state']}: {alert['summary']}" for alert in self.alerts)

    def to_json(self) -> dict[str, Any]:
        """The notification as it is sent."""
        return {
            "group": self.group,
            "at": self.at,
            "severity": self.severity,
            "title": self.title,
            "alerts": list(self.alerts),
        }


@dataclass(frozen=True, slots=True)
class Silence:
    """A time in which nobody is told of alerts with these labels; ``name`` is the rule's.

    Examples
    --------
    >>> Silence({"name": "MemoryHigh"}, 0.0, 60.0, "known").covers("MemoryHigh", {}, 30.0)
    True
    """

    where: Mapping[str, str]
    start: float
    end: float
    reason: str = ""

    def __post_init__(self) -> None:
        if not self.where:
            raise ConfigError("a silence needs labels: one without would silence everything")
        if not self.start < self.end:
            raise ConfigError(f"a silence must end after it begins, not at {self.end:g} from {self.start:g}")

    def covers(self, name: str, labels: Mapping[str, str], now: float) -> bool:
        """Whether an alert is silenced now."""
        found = {**labels, "name": name}
        return self.start <= now < self.end and all(found.get(k) == v for k, v in self.where.items())


@dataclass(slots=True)
class _Group:
    """What waits to be told of one group: alerts by id."""

    last: float = float("-inf")
    waiting: dict[str, Alert] = field(default_factory=dict)


class Alerts:
    """The rules at work.

    Parameters
    ----------
    rules : RuleSet

    Examples
    --------
    >>> from fastcore.perf.rules import parse
    >>> alerts = Alerts(parse('[[rule]]\\nname = "Many"\\nmetric = "threads"\\nabove = 100'))
    >>> history = History()
    >>> for now, threads in ((0.5, 50.0), (1.0, 150.0), (9.0, 60.0)):
    ...     history.add(now, {("threads", ()): threads})
    ...     print([told.title for told in alerts.evaluate(history)])
    []
    ['[fastcore] Many: 1 firing']
    ['[fastcore] Many: 1 resolved']
    """

    def __init__(self, rules: RuleSet) -> None:
        self.rules = rules
        self.silences: list[Silence] = [_silence(one) for one in rules.silences]
        self.failures = 0
        self._rules = rules.all_rules()
        self._active: dict[tuple[str, Labels], Alert] = {}
        self._groups: dict[str, _Group] = {}
        self._quiet = Quiet(log)

    @property
    def active(self) -> list[Alert]:
        """What is pending or fires, the oldest first."""
        return sorted(self._active.values(), key=lambda alert: alert.since)

    def silence(self, where: Mapping[str, str], start: float, end: float, reason: str = "") -> Silence:
        """Tell nobody of alerts with these labels for a time; returns what `unsilence` takes."""
        made = Silence(dict(where), start, end, reason)
        self.silences.append(made)
        return made

    def unsilence(self, silence: Silence) -> None:
        """End a silence early."""
        self.silences.remove(silence)

    def evaluate(self, history: History) -> list[Notification]:
        """Hold the rules to the history's last moment; what is to be told now."""
        now = history.now
        self.silences = [silence for silence in self.silences if silence.end > now]
        for rule in self._rules:
            try:
                values = rule.expression.values(history)
            except Exception as error:  # one rule must not silence the others
                self.failures += 1
                self._quiet.warn("rule %s failed: %s: %s", rule.name, type(error).__name__, error)
                continue
            self._hold(rule, values, now)
        return self._tell(now)

    # ---- states ----

    def _hold(self, rule: Rule, values: Mapping[Labels, float], now: float) -> None:
        gone = [labels for name, labels in self._active if name == rule.name and labels not in values]
        for labels, value in values.items():
            alert = self._active.get((rule.name, labels))
            if not rule.wrong(value, firing=alert is not None and alert.state == "firing"):
                gone.append(labels)
                if alert is not None:
                    alert.value = value
                continue
            if alert is None:
                alert = self._active[rule.name, labels] = Alert(rule, dict(labels), now)
            alert.value, alert.right_since = value, 0.0
            if alert.state == "pending" and now - alert.since >= rule.hold:
                alert.state, alert.fired = "firing", now
        for labels in gone:
            self._right(rule, labels, now)

    def _right(self, rule: Rule, labels: Labels, now: float) -> None:
        alert = self._active.get((rule.name, labels))
        if alert is None:
            return
        if alert.state == "firing":
            alert.right_since = alert.right_since or now
            if now - alert.right_since < rule.keep:
                return
            alert.state, alert.ended = "resolved", now
            if alert.told:
                self._group(rule).waiting[alert.id] = alert
            elif self._group(rule).waiting.get(alert.id) is alert:
                del self._group(rule).waiting[alert.id]
        del self._active[rule.name, labels]

    # ---- telling ----

    def _group(self, rule: Rule) -> _Group:
        return self._groups.setdefault(rule.group or rule.name, _Group())

    def _tell(self, now: float) -> list[Notification]:
        for alert in self._active.values():
            if alert.state == "firing" and not alert.told:
                self._group(alert.rule).waiting.setdefault(alert.id, alert)
        told = []
        for name, group in self._groups.items():
            if not group.waiting or now - group.last < self.rules.group_interval:
                continue
            ready = [alert for alert in group.waiting.values() if not self._silenced(alert, now)]
            sent = []
            for alert in ready:
                del group.waiting[alert.id]
                alert.told = True
                sent.append(alert)
            if sent:
                group.last = now
                told.append(Notification(name, now, tuple(alert.to_json() for alert in sent)))
        return told

    def _silenced(self, alert: Alert, now: float) -> bool:
        return any(silence.covers(alert.rule.name, alert.labels, now) for silence in self.silences)

    def to_json(self) -> dict[str, Any]:
        """What is active, and what is silenced."""
        return {
            "active": [alert.to_json() for alert in self.active],
            "silences": [
                {"where": dict(one.where), "start": one.start, "end": one.end, "reason": one.reason}
                for one in self.silences
            ],
            "failures": self.failures,
        }


def _silence(table: Mapping[str, Any]) -> Silence:
    unknown = sorted(set(table) - {"where", "start", "end", "reason"})
    if unknown:
        raise ConfigError(f"a silence has where, start, end and reason, not {unknown[0]}")
    times = []
    for key in ("start", "end"):
        value = table.get(key)
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise ConfigError(f"a silence's {key} must be a time such as 2026-01-31T12:00:00Z, not {value!r}")
        times.append(value.timestamp())
    where: Iterable[tuple[str, str]] = dict(table.get("where", {})).items()
    return Silence(dict(where), times[0], times[1], str(table.get("reason", "")))
