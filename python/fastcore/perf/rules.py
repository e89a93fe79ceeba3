"""The rules file: objectives, rules, silences and receivers in TOML, checked to the last word.

One file makes the rules that run in the process and those of Prometheus (`fastcore.perf.prometheus_rules`).
"""

from __future__ import annotations

import difflib
import os
import re
import string
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fastcore.errors import ConfigError
from fastcore.perf import _durations
from fastcore.perf.expressions import Expression, Level, Percentile, Rate, Ratio
from fastcore.perf.history import History
from fastcore.perf.objectives import BURNS, Objective
from fastcore.perf.presets import PRESETS

__all__ = ["Rule", "RuleSet", "load", "parse", "presets"]

SEVERITIES = ("info", "warning", "page")
_METRIC = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_DAY = 86_400.0


@dataclass(frozen=True)
class Rule:
    """When something is wrong, for how long it must be, and when it is right again.

    Attributes
    ----------
    name : str
    expression : Expression
    limit : float
    above : bool
        Whether it is wrong above the limit, or below it.
    clear : float
        Once it is told, it stays wrong until the value is on the good side of this.
    hold : float
        Seconds for which it must be wrong.
    keep : float
        Seconds for which it must be right.
    severity : {"info", "warning", "page"}
    summary : str
        A sentence; ``{value}`` and labels in braces are filled in.
    group : str
        What is told together.
    """

    name: str
    expression: Expression
    limit: float
    above: bool = True
    clear: float | None = None
    hold: float = 0.0
    keep: float = 0.0
    severity: str = "warning"
    summary: str = ""
    group: str = ""

    def wrong(self, value: float, firing: bool = False) -> bool:
        """Whether a value breaks it; one that fires is held to its `clear`."""
        limit = self.clear if firing and self.clear is not None else self.limit
        return value > limit if self.above else value < limit

    def sentence(self, value: float, labels: Mapping[str, str]) -> str:
        """The summary for one value."""
        text = self.summary or f"{self.name} is {{value:.4g}}"
        return _Filled().format(text, value=value, **labels)


class _Filled(string.Formatter):
    """A label that a value does not have is left out."""

    def get_value(self, key: int | str, args: Any, kwargs: Any) -> Any:
        return kwargs.get(key, "?")


@dataclass(frozen=True)
class RuleSet:
    """What a rules file says.

    Examples
    --------
    >>> rules = parse('''
    ... [[rule]]
    ... name = "MemoryHigh"
    ... metric = "fastcore_resident_bytes"
    ... above = 100e6
    ... clear = 90e6
    ... for = "10s"
    ... ''')
    >>> rules.rules[0].wrong(95e6), rules.rules[0].wrong(95e6, firing=True)
    (False, True)
    """

    objectives: tuple[Objective, ...] = ()
    rules: tuple[Rule, ...] = ()
    silences: tuple[dict[str, Any], ...] = ()
    receivers: tuple[dict[str, Any], ...] = ()
    group_interval: float = 5.0

    def all_rules(self) -> list[Rule]:
        """The rules, with those that follow from the objectives first."""
        return [rule for objective in self.objectives for rule in rules_of(objective)] + list(self.rules)

    def bounds(self) -> list[int]:
        """Bounds in ns for `fastcore.perf.metrics.Metrics`."""
        return sorted({bound for rule in self.all_rules() for bound in rule.expression.bounds()})

    def status(self, history: History) -> list[dict[str, Any]]:
        """Where each objective stands."""
        return [objective.status(history) for objective in self.objectives]


def rules_of(objective: Objective) -> list[Rule]:
    """The rules of an objective: missed over its window, and its budget burning in two windows at once."""
    per, name = f"{objective.threshold:g} s", objective.name
    found = [
        Rule(
            f"ObjectiveMissed:{name}",
            objective.slow(),
            objective.budget,
            clear=objective.budget * 0.8,
            hold=objective.hold,
            severity=objective.severity,
            summary=f"{{value:.1%}} of the calls of {name} take longer than {per}; "
            f"{objective.budget:.3g} of 1 may",
            group=f"objective {name}",
        )
    ]
    for long, short, factor in objective.burns:
        limit = factor * objective.budget
        if limit < 1:
            found.append(
                Rule(
                    f"BudgetBurns:{name}:{_durations.text(long)}",
                    objective.slow(long, short),
                    limit,
                    severity="page",
                    summary=f"{name} spends its budget of slow calls {factor:g} times faster than it may, "
                    f"for {_durations.text(long)}",
                    group=f"objective {name}",
                )
            )
    return found


def presets() -> RuleSet:
    """The rules that hold where no file says otherwise."""
    return parse(PRESETS)


def load(path: str | os.PathLike[str]) -> RuleSet:
    """Read a rules file.

    Raises
    ------
    ConfigError
        With one sentence for the first thing that is wrong.
    OSError
        If it cannot be read.
    """
    with open(path, "rb") as file:
        try:
            text = file.read().decode()
        except UnicodeDecodeError as error:
            raise ConfigError(f"{os.fspath(path)} is no text in UTF-8: byte {error.start}") from error
    try:
        return parse(text)
    except ConfigError as error:
        raise ConfigError(f"{os.fspath(path)}: {error}") from error


def parse(text: str) -> RuleSet:
    """Read rules from text; see `load`."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the rules are no TOML: {error}") from error
    table = _Table(document, "the rules")
    made = RuleSet(
        tuple(_objective(one) for one in table.tables("objective")),
        tuple(_rule(one) for one in table.tables("rule")),
        tuple(one.take_all() for one in table.tables("silence")),
        tuple(one.take_all() for one in table.tables("receiver")),
        table.duration("group_interval", 5.0),
    )
    table.done()
    seen: set[str] = set()
    for rule in made.all_rules():
        if rule.name in seen:
            raise ConfigError(f"two rules have the name {rule.name!r}")
        seen.add(rule.name)
    return made


class _Table:
    """A table of the file; each key is taken once, and what is left over is an error."""

    def __init__(self, content: Mapping[str, Any], name: str) -> None:
        self.content, self.name = dict(content), name
        self.known: set[str] = set()

    def take(self, key: str, kind: type | tuple[type, ...], what: str, default: Any = None) -> Any:
        self.known.add(key)
        value = self.content.pop(key, default)
        if value is default:
            return default
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ConfigError(f"{self.name}: {key} must be {what}, not {value!r}")
        return value

    def text(self, key: str, default: str = "") -> str:
        return str(self.take(key, str, "text", default))

    def number(self, key: str, default: float | None = None) -> float | None:
        value = self.take(key, (int, float), "a number", default)
        if value is not None and not abs(value) < 1e300:
            raise ConfigError(f"{self.name}: {key} must be a finite number, not {value!r}")
        return None if value is None else float(value)

    def duration(self, key: str, default: float, least: float = 0.0, most: float = _DAY) -> float:
        value = self.take(key, str, "a duration such as '5m'")
        if value is None:
            return default
        found = _durations.seconds(value, f"{self.name}: {key}")
        if not least <= found <= most:
            span = f"{_durations.text(least)} to {_durations.text(most)}" if least else "at most 1d"
            raise ConfigError(f"{self.name}: {key} must be {span}, not {value}")
        return found

    def labels(self, key: str) -> dict[str, str]:
        value = self.take(key, dict, "a table of labels", {})
        for label, one in value.items():
            if not isinstance(one, str) or not _METRIC.fullmatch(label):
                raise ConfigError(f"{self.name}: {key} must be labels with text, not {label} = {one!r}")
        return dict(value)

    def tables(self, key: str) -> list[_Table]:
        value = self.take(key, list, "tables, written [[...]]", [])
        if not all(isinstance(one, dict) for one in value):
            raise ConfigError(f"{self.name}: {key} must be tables, written [[{key}]]")
        return [
            _Table(one, f"{key} {one.get('name', one.get('operation', i + 1))}")
            for i, one in enumerate(value)
        ]

    def take_all(self) -> dict[str, Any]:
        found, self.content = self.content, {}
        return found

    def one_of(self, key: str, choices: Iterable[str], default: str) -> str:
        value = self.text(key, default)
        if value not in choices:
            raise ConfigError(f"{self.name}: {key} must be one of {', '.join(choices)}, not {value!r}")
        return value

    def done(self) -> None:
        for key in self.content:
            close = difflib.get_close_matches(key, self.known, 1)
            hint = f", did you mean {close[0]}?" if close else f": there are {', '.join(sorted(self.known))}"
            raise ConfigError(f"{self.name} has no {key}{hint}")


def _objective(table: _Table) -> Objective:
    operation = table.text("operation")
    name = table.text("name", operation)
    metric = _metric(table, "fastcore_operation_seconds")
    where = table.labels("where")
    if operation:
        where = {"operation": operation, **where}
    percentile = table.number("percentile", 95.0)
    assert percentile is not None
    if not 50 <= percentile <= 99.999:
        raise ConfigError(f"{table.name}: percentile must be 50 to 99.999, not {percentile:g}")
    if not name:
        raise ConfigError(f"{table.name}: it needs an operation, or a name and a metric")
    if table.content.get("threshold") is None:
        raise ConfigError(f"{table.name}: it needs a threshold, such as '200ms'")
    threshold = table.duration("threshold", 0.0, least=1e-6, most=3600.0)
    burn = table.take("burn", list, "a list of [long, short, factor]")
    made = Objective(
        name,
        metric,
        where,
        percentile,
        threshold,
        table.duration("window", 60.0, least=1.0),
        table.duration("for", 0.0),
        BURNS if burn is None else tuple(_burn(one, table.name) for one in burn),
        table.one_of("severity", SEVERITIES, "warning"),
        int(table.number("calls", 0.0) or 0),
    )
    table.done()
    return made


def _burn(value: Any, name: str) -> tuple[float, float, float]:
    if not isinstance(value, list) or len(value) != 3 or not isinstance(value[2], (int, float)):
        raise ConfigError(f"{name}: a burn is ['1h', '5m', 14.4]: two windows and a factor, not {value!r}")
    long, short = (_durations.seconds(one, f"{name}: a burn's window") for one in value[:2])
    if not 0 < short < long <= _DAY or value[2] <= 1:
        raise ConfigError(
            f"{name}: a burn is a long window, a shorter one and a factor above 1, not {value!r}"
        )
    return long, short, float(value[2])


def _metric(table: _Table, default: str = "") -> str:
    metric = table.text("metric", default)
    if not _METRIC.fullmatch(metric):
        raise ConfigError(f"{table.name}: metric must be a metric's name, not {metric!r}")
    return metric


def _rule(table: _Table) -> Rule:
    name = table.text("name")
    if not _METRIC.fullmatch(name):
        raise ConfigError(f"{table.name}: name must be a word such as MemoryHigh, not {name!r}")
    expression = _expression(table)
    above, below = table.number("above"), table.number("below")
    if (above is None) == (below is None):
        raise ConfigError(f"{table.name}: it needs either above or below")
    limit = above if above is not None else below
    assert limit is not None
    clear = table.number("clear")
    if clear is not None and (clear > limit if above is not None else clear < limit):
        side = "at most above" if above is not None else "at least below"
        raise ConfigError(f"{table.name}: clear must be {side}, {limit:g}, not {clear:g}")
    summary = table.text("summary")
    _check_summary(summary, table.name)
    made = Rule(
        name,
        expression,
        limit,
        above is not None,
        clear,
        table.duration("for", 0.0),
        table.duration("keep", 0.0),
        table.one_of("severity", SEVERITIES, "warning"),
        summary,
        table.text("group", name),
    )
    table.done()
    return made


def _expression(table: _Table) -> Expression:
    metric, where = _metric(table), table.labels("where")
    percent = table.number("percentile")
    of, of_where = table.text("of"), table.labels("of_where")
    by = table.take("by", list, "a list of labels", [])
    if not all(isinstance(label, str) and _METRIC.fullmatch(label) for label in by):
        raise ConfigError(f"{table.name}: by must be a list of labels, not {by!r}")
    has_rate = "rate" in table.content
    rate = table.duration("rate", 60.0, least=0.1)
    window = table.duration("window", 60.0, least=0.1)
    ways: list[tuple[bool, Callable[[], Expression]]] = [
        (percent is not None, lambda: Percentile(metric, where, percent or 0.0, window)),
        (bool(of), lambda: Ratio(metric, where, of, of_where, window, tuple(by))),
        (has_rate, lambda: Rate(metric, where, rate)),
    ]
    wanted = [make for there, make in ways if there]
    if len(wanted) > 1:
        raise ConfigError(f"{table.name}: it can have one of percentile, of and rate")
    if percent is not None and not 0 < percent < 100:
        raise ConfigError(f"{table.name}: percentile must be above 0 and below 100, not {percent:g}")
    return wanted[0]() if wanted else Level(metric, where)


def _check_summary(summary: str, name: str) -> None:
    try:
        _Filled().format(summary, value=1.0)
    except (ValueError, IndexError, AttributeError, KeyError) as error:
        raise ConfigError(f"{name}: summary cannot be filled in: {error}") from error
    for _, label, _, _ in string.Formatter().parse(summary):
        if label is not None and not _METRIC.fullmatch(label):
            raise ConfigError(f"{name}: summary has {{{label}}}, which is neither value nor a label")
