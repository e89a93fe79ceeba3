"""A rules file's rules as Prometheus takes them: the same names, limits, durations and severities."""

from __future__ import annotations

import json
import re
from typing import Any

from fastcore.perf._durations import text
from fastcore.perf.expressions import Expression, Slow
from fastcore.perf.rules import Rule, RuleSet

__all__ = ["prometheus_rules"]


def prometheus_rules(rules: RuleSet) -> str:
    """The file for Prometheus, 2.42 or newer, in YAML.

    Differences that cannot be helped: Prometheus reads percentiles off buckets, where we have the records
    within 3 %; and its rates look at what lies between scrapes.

    Examples
    --------
    >>> from fastcore.perf.rules import parse
    >>> made = parse('[[rule]]\\nname = "Many"\\nmetric = "fastcore_threads"\\nabove = 100\\nfor = "1m"')
    >>> print(prometheus_rules(made))
    groups:
    - name: fastcore
      rules:
      - alert: "Many"
        expr: "fastcore_threads > 100"
        for: "1m"
        labels: {"severity": "warning", "group": "Many"}
        annotations: {"summary": "Many is {{ printf \\"%.4g\\" $value }}"}
    <BLANKLINE>
    """
    lines = ["groups:", "- name: fastcore", "  rules:"]
    for rule in rules.all_rules():
        entry = _entry(rule)
        first, *rest = (f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in entry.items())
        lines += [f"  - {first}", *(f"    {line}" for line in rest)]
    if len(lines) == 3:
        lines[-1] += " []"
    return "\n".join(lines) + "\n"


def _entry(rule: Rule) -> dict[str, Any]:
    entry: dict[str, Any] = {"alert": rule.name, "expr": _expr(rule)}
    if rule.hold:
        entry["for"] = text(rule.hold)
    if rule.keep:
        entry["keep_firing_for"] = text(rule.keep)
    entry["labels"] = {"severity": rule.severity, "group": rule.group or rule.name}
    entry["annotations"] = {"summary": _summary(rule)}
    return entry


def _expr(rule: Rule) -> str:
    sign = ">" if rule.above else "<"
    looked_at: Expression = rule.expression
    if isinstance(looked_at, Slow) and len(looked_at.windows) > 1:
        parts = (f"({looked_at.over(window)}) {sign} {rule.limit:.12g}" for window in looked_at.windows)
        return " and ".join(parts)
    inside = looked_at.promql()
    inside = f"({inside})" if " " in inside else inside
    breach = f"{inside} {sign} {rule.limit:.12g}"
    if rule.clear is None or rule.clear == rule.limit:
        return breach
    # Held to the other limit while it fires: Prometheus keeps what fires as a metric.
    told = f'ALERTS{{alertname={json.dumps(rule.name)}, alertstate="firing"}}'
    return (
        f"{breach} or ({inside} {sign} {rule.clear:.12g} "
        f"and ignoring (alertname, alertstate, severity, group) {told})"
    )


_FIELD = re.compile(r"\{(\w+)(?::([^{}]*))?\}")


def _summary(rule: Rule) -> str:
    def filled(field: re.Match[str]) -> str:
        name, form = field[1], field[2] or ""
        if name != "value":
            return f"{{{{ $labels.{name} }}}}"
        if form.endswith("%"):
            return "{{ humanizePercentage $value }}"
        return f'{{{{ printf "%{form or "g"}" $value }}}}'

    return _FIELD.sub(filled, rule.summary or f"{rule.name} is {{value:.4g}}")
