"""Alerts: the rules file, states against a reference and against Prometheus' own, who is told and when."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from fastcore.errors import ConfigError
from fastcore.perf import Histogram
from fastcore.perf.alerts import Alerts, Notification, Silence
from fastcore.perf.history import History
from fastcore.perf.prometheus_rules import prometheus_rules
from fastcore.perf.rules import load, parse, presets
from fastcore.perf.samples import Distribution, Key
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus import promtool

T0 = 1_700_000_000.0
GAUGE: Key = ("heat", ())


def rule(**keys: Any) -> str:
    """One rule on the metric `heat`, as TOML."""
    keys = {"name": "Hot", "metric": "heat", **keys}
    return "[[rule]]\n" + "\n".join(
        f"{'for' if k == 'hold' else k} = {json.dumps(v)}" for k, v in keys.items()
    )


def told(alerts: Alerts, values: list[float | None], step: float = 1.0) -> list[tuple[int, str, str]]:
    """What is told for a gauge's values one step apart: at which, of what, and its state."""
    history, found = History(), []
    for i, value in enumerate(values):
        history.add(T0 + i * step, {} if value is None else {GAUGE: value})
        for notification in alerts.evaluate(history):
            found += [(i, one["name"], one["state"]) for one in notification.alerts]
    return found


# ---- states


def test_it_fires_once_and_resolves_itself() -> None:
    alerts = Alerts(parse("group_interval = '0s'\n" + rule(above=10)))
    assert told(alerts, [1, 11, 12, 13, 9, 1]) == [(1, "Hot", "firing"), (4, "Hot", "resolved")]
    assert alerts.active == []


def test_it_must_be_wrong_for_as_long_as_the_rule_says() -> None:
    alerts = Alerts(parse(rule(above=10, hold="3s")))
    assert told(alerts, [11, 11, 11, 1, 11, 11, 11, 11]) == [(7, "Hot", "firing")]


def test_once_told_it_is_held_to_the_other_limit() -> None:
    values: list[float | None] = [11, 9, 11, 9, 11, 7, 9]
    flapping = Alerts(parse("group_interval = '0s'\n" + rule(above=10)))
    calm = Alerts(parse("group_interval = '0s'\n" + rule(above=10, clear=8)))
    assert len(told(flapping, values)) == 6
    assert told(calm, values) == [(0, "Hot", "firing"), (5, "Hot", "resolved")]
    below = Alerts(parse("group_interval = '0s'\n" + rule(below=2, clear=4)))
    assert told(below, [1, 3, 5]) == [(0, "Hot", "firing"), (2, "Hot", "resolved")]


def test_it_must_be_right_for_as_long_as_the_rule_says() -> None:
    alerts = Alerts(parse("group_interval = '0s'\n" + rule(above=10, keep="2s")))
    assert told(alerts, [11, 1, 11, 1, 1, 1]) == [(0, "Hot", "firing"), (5, "Hot", "resolved")]


def test_what_is_no_longer_measured_resolves() -> None:
    alerts = Alerts(parse("group_interval = '0s'\n" + rule(above=10)))
    assert told(alerts, [11, None, None]) == [(0, "Hot", "firing"), (1, "Hot", "resolved")]
    assert told(Alerts(parse(rule(above=10))), [math.nan]) == []


def test_each_label_is_its_own_alert_and_a_group_is_told_together() -> None:
    alerts = Alerts(parse(rule(above=10, summary="{place} is {value:.0f} hot")))
    history = History()
    history.add(T0, {("heat", (("place", p),)): v for p, v in (("a", 11.0), ("b", 12.0), ("c", 1.0))})
    (notification,) = alerts.evaluate(history)
    assert notification.title == "[fastcore] Hot: 2 firing"
    assert notification.text == "firing: a is 11 hot\nfiring: b is 12 hot"
    assert len({one["id"] for one in notification.alerts}) == 2


def test_a_group_speaks_no_more_often_than_it_may() -> None:
    """What comes and goes between is never told; what is left is told at the end."""
    alerts = Alerts(parse("group_interval = '5s'\n" + rule(above=10)))
    assert told(alerts, [11, 1, 11, 1, 11, 1, 1]) == [(0, "Hot", "firing"), (5, "Hot", "resolved")]


def test_a_silence_hides_and_what_still_burns_is_told_after_it() -> None:
    alerts = Alerts(parse("group_interval = '0s'\n" + rule(above=10)))
    alerts.silence({"name": "Hot"}, T0, T0 + 3, "maintenance")
    assert told(alerts, [11, 1, 11, 11, 1]) == [(3, "Hot", "firing"), (4, "Hot", "resolved")]
    assert alerts.silences == []
    other = Alerts(parse("group_interval = '0s'\n" + rule(above=10)))
    silence = other.silence({"place": "elsewhere"}, T0, T0 + 9)
    assert told(other, [11]) == [(0, "Hot", "firing")]
    other.unsilence(silence)
    assert other.to_json()["silences"] == []
    with pytest.raises(ConfigError, match="a silence needs labels"):
        Silence({}, 0.0, 1.0)
    with pytest.raises(ConfigError, match="must end after it begins, not at 1 from 2"):
        Silence({"name": "x"}, 2.0, 1.0)


class Reference:
    """One rule on one gauge, written plainly: from the past values alone, each time anew."""

    def __init__(self, limit: float, clear: float, hold: int, keep: int) -> None:
        self.limit, self.clear, self.hold, self.keep = limit, clear, hold, keep

    def firing(self, values: list[float | None]) -> bool:
        firing, wrong_since, right_since = False, None, None
        for i, value in enumerate(values):
            if firing:
                wrong = value is not None and value > self.clear
                right_since = None if wrong else (i if right_since is None else right_since)
                if right_since is not None and i - right_since >= self.keep:
                    firing, wrong_since = False, None
            else:
                wrong = value is not None and value > self.limit
                wrong_since = (i if wrong_since is None else wrong_since) if wrong else None
                if wrong_since is not None and i - wrong_since >= self.hold:
                    firing, right_since = True, None
        return firing


@given(
    st.lists(st.none() | st.integers(0, 12).map(float), max_size=40),
    st.integers(5, 9),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_states_are_those_of_the_reference(
    values: list[float | None], limit: int, gap: int, hold: int, keep: int
) -> None:
    """After every value, and each change is told once, firing and resolved in turn."""
    keys = {"above": limit, "clear": limit - gap, "hold": f"{hold}s", "keep": f"{keep}s"}
    alerts = Alerts(parse("group_interval = '0s'\n" + rule(**keys)))
    reference = Reference(limit, limit - gap, hold, keep)
    history, states = History(), []
    for i, value in enumerate(values):
        history.add(T0 + i, {} if value is None else {GAUGE: value})
        states += [one["state"] for n in alerts.evaluate(history) for one in n.alerts]
        firing = any(alert.state == "firing" for alert in alerts.active)
        assert firing == reference.firing(values[: i + 1])
        assert states == ["firing", "resolved"] * (len(states) // 2) + ["firing"] * firing


@given(
    st.lists(st.lists(st.booleans(), min_size=3, max_size=3), max_size=30),
    st.integers(0, 6),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 20), st.integers(1, 10)), max_size=3),
)
def test_whoever_is_told_never_hears_the_same_twice(
    wrong: list[list[bool]], interval: int, silences: list[tuple[int, int, int]]
) -> None:
    """With groups, pauses and silences: each alert's story alternates, and ends in what is true."""
    alerts = Alerts(parse(f"group_interval = '{interval}s'\n" + rule(above=0.5)))
    for place, start, length in silences:
        alerts.silence({"place": str(place)}, T0 + start, T0 + start + length)
    history, stories = History(), {str(i): ["resolved"] for i in range(3)}
    quiet = [wrong[-1] if wrong else [False] * 3] * 40  # until everything is told
    for i, row in enumerate(wrong + quiet):
        history.add(T0 + i, {("heat", (("place", str(p)),)): float(w) for p, w in enumerate(row)})
        for notification in alerts.evaluate(history):
            for one in notification.alerts:
                place = one["labels"]["place"]
                if one["state"] == "firing":
                    assert not any(
                        p == int(place) and start <= i < start + length for p, start, length in silences
                    )
                assert stories[place][-1] != one["state"]
                stories[place].append(one["state"])
    for place, row_value in enumerate(quiet[-1]):
        assert (stories[str(place)][-1] == "firing") == row_value


def test_a_rule_that_fails_leaves_the_others(caplog: pytest.LogCaptureFixture) -> None:
    rules = parse(rule(above=10) + "\n" + rule(name="Also", above=10))
    object.__setattr__(rules.rules[0], "expression", None)
    alerts = Alerts(rules)
    assert told(alerts, [11]) == [(0, "Also", "firing")]
    assert alerts.failures == 1
    assert "rule Hot failed" in caplog.text


# ---- what rules look at


def test_rates_ratios_and_percentiles() -> None:
    history, api = History(), Histogram()
    for second in range(121):
        api.record(1_000_000 if second % 10 else 300_000_000)
        history.add(
            T0 + second,
            {
                ("errors_total", (("operation", "a"),)): float(second // 2),
                ("calls_seconds", (("operation", "a"),)): Distribution.of(api),
                ("misses_total", (("kind", "x"), ("result", "miss"))): 3.0 * second,
                ("misses_total", (("kind", "x"), ("result", "hit"))): 1.0 * second,
            },
        )
    rules = parse(
        """
        [[rule]]
        name = "Rate"
        metric = "errors_total"
        rate = "60s"
        above = 0

        [[rule]]
        name = "Errors"
        metric = "errors_total"
        of = "calls_seconds_count"
        by = ["operation"]
        window = "1m"
        above = 0

        [[rule]]
        name = "Misses"
        metric = "misses_total"
        where = { result = "miss" }
        of = "misses_total"
        window = "1m"
        above = 0

        [[rule]]
        name = "Slowest"
        metric = "calls_seconds"
        percentile = 95
        window = "1m"
        above = 0

        [[objective]]
        name = "calls"
        metric = "calls_seconds"
        threshold = "100ms"
        """
    )
    values = {one.name: list(one.expression.values(history).items()) for one in rules.all_rules()}
    assert values["Rate"] == [((("operation", "a"),), 0.5)]
    assert values["Errors"] == [((("operation", "a"),), pytest.approx(0.5))]
    assert values["Misses"] == [((), 0.75)]
    assert values["Slowest"][0][1] == pytest.approx(0.3, rel=1 / 32)
    assert values["ObjectiveMissed:calls"][0][1] == pytest.approx(0.1)
    (status,) = rules.status(history)
    assert status["met"] is False
    assert status["slow"] == pytest.approx(0.1)
    assert status["calls"] == 60
    assert status["budget_left"] == pytest.approx(1 - (12 / 120) / 0.05, abs=0.1)


def test_a_counter_that_began_anew_is_no_drop() -> None:
    history = History()
    for second, count in enumerate((10.0, 20.0, 2.0)):
        history.add(T0 + second, {("n_total", ()): count})
    assert history.rate(("n_total", ()), 1) == 2.0
    assert history.rate(("n_total", ()), 1000) == 1.0
    assert math.isnan(history.rate(("other", ()), 1))


def test_history_goes_back_a_day_ever_coarser() -> None:
    """Looked up at any age: the last moment kept before it, against a plain list."""
    history = History()
    for i in range(0, 90_000, 7):
        history.add(T0 + i, {GAUGE: float(i)})
    now = history.now
    for ago, step in ((60, 7), (1800, 21), (3000, 21), (20_000, 308), (80_000, 308)):
        times, values = history.series(GAUGE, ago)
        assert (values == times - T0).all()
        assert now - ago - step <= times[0] <= now - ago
    assert history.rate(GAUGE, 86_400) == pytest.approx(1.0)
    assert now - history.began + 700 >= 86_400


@settings(max_examples=20)
@given(st.lists(st.lists(st.integers(1, 2**40), max_size=5), min_size=2, max_size=30), st.integers(1, 40))
def test_windows_of_a_histogram_hold_what_came_in_them(batches: list[list[int]], seconds: int) -> None:
    history, histogram = History(), Histogram()
    key: Key = ("calls", ())
    for i, batch in enumerate(batches):
        histogram.record_many(batch)
        history.add(T0 + i, {key: Distribution.of(histogram)})
    found = history.distribution(key, seconds)
    assert found is not None
    inside = batches[-seconds:] if seconds < len(batches) else batches[1:]
    assert found.count == sum(map(len, inside))
    parts = history.distributions(key, seconds)
    assert sum(part.count for _, part in parts) == found.count


def test_a_budget_burns_in_two_windows_at_once() -> None:
    """A burst long ago burns the long window only, a blip now the short one only: neither is told."""

    def burning(slow: range, length: int) -> bool:
        rules = parse(
            """
            [[objective]]
            name = "calls"
            metric = "calls_seconds"
            threshold = "100ms"
            burn = [["5m", "30s", 10.0]]
            """
        )
        alerts, history, calls = Alerts(rules), History(), Histogram()
        for second in range(length):
            calls.record(300_000_000 if second in slow else 1_000_000)
            history.add(T0 + second, {("calls_seconds", ()): Distribution.of(calls)})
            alerts.evaluate(history)
        return any(one.rule.name.startswith("BudgetBurns") for one in alerts.active)

    assert burning(range(100, 400), 400)
    assert not burning(range(100, 300), 400)  # over
    assert not burning(range(385, 400), 400)  # just begun


# ---- the file


def test_the_presets_are_the_five_objectives_and_hold_for_a_calm_process() -> None:
    rules = presets()
    wanted = {one.name: (one.percentile, one.threshold) for one in rules.objectives}
    assert wanted == {
        "api": (95, 0.2),
        "query": (95, 0.1),
        "cache": (95, 0.01),
        "webhook": (95, 0.5),
        "ai_response": (95, 2.0),
    }
    assert {200_000_000, 10_000_000, 2_000_000_000} <= set(rules.bounds())
    names = {one.name for one in rules.rules}
    assert {"TicksLate", "OperationFails", "DatabaseAway", "MemoryHigh", "CacheMisses"} <= names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[rule]", "the rules are no TOML"),
        ("[[rules]]\nname = 'x'", "the rules has no rules, did you mean rule?"),
        (rule(abov=1), "rule Hot: it needs either above or below"),
        (rule(above=1, below=0), "rule Hot: it needs either above or below"),
        (rule(above=1, sumary="x"), "rule Hot has no sumary, did you mean summary?"),
        (rule(above="1"), "rule Hot: above must be a number, not '1'"),
        (rule(above=True), "rule Hot: above must be a number, not True"),
        (rule(above=1, clear=2), "rule Hot: clear must be at most above, 1, not 2"),
        (rule(below=1, clear=0), "rule Hot: clear must be at least below, 1, not 0"),
        (rule(above=1, hold="5 minutes"), "rule Hot: for must be a number and one of us, ms, s, m, h, d"),
        (rule(above=1, hold="2d"), "rule Hot: for must be at most 1d, not 2d"),
        (rule(above=1, severity="bad"), "rule Hot: severity must be one of info, warning, page, not 'bad'"),
        (rule(above=1, name="is hot"), "name must be a word such as MemoryHigh, not 'is hot'"),
        (rule(above=1, metric="he at"), "metric must be a metric's name, not 'he at'"),
        (rule(above=1, rate="1m", percentile=95), "rule Hot: it can have one of percentile, of and rate"),
        (rule(above=1, percentile=100), "rule Hot: percentile must be above 0 and below 100, not 100"),
        (rule(above=1, summary="{value"), "rule Hot: summary cannot be filled in"),
        (rule(above=1, summary="{value.x}"), "rule Hot: summary"),
        (rule(above=1) + "\nwhere = { a = 1 }", "rule Hot: where must be labels with text, not a = 1"),
        (rule(above=1) + "\n" + rule(above=2), "two rules have the name 'Hot'"),
        ("[[objective]]\nthreshold = '1s'", "objective 1: it needs an operation, or a name and a metric"),
        ("[[objective]]\noperation = 'a'", "objective a: it needs a threshold, such as '200ms'"),
        ("[[objective]]\noperation = 'a'\nthreshold = '0s'", "objective a: threshold must be .* not 0s"),
        (
            "[[objective]]\noperation = 'a'\nthreshold = '1s'\npercentile = 100",
            "must be 50 to 99.999, not 100",
        ),
        (
            "[[objective]]\noperation = 'a'\nthreshold = '1s'\nburn = [['5m', '1h', 2]]",
            "a burn is a long window, a shorter one and a factor above 1",
        ),
        ("rule = 3", "the rules: rule must be tables, written"),
        ("rule = [3]", "the rules: rule must be tables, written"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(text)
    (tmp_path / "rules.toml").write_text(text)
    with pytest.raises(ConfigError, match=f"{tmp_path}/rules.toml: .*"):
        load(tmp_path / "rules.toml")


def test_a_file_of_other_bytes_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is no text in UTF-8: byte 0"):
        load(tmp_path / "rules.toml")


@given(st.text(max_size=200))
def test_any_text_is_rules_or_a_sentence(text: str) -> None:
    try:
        parse(text)
    except ConfigError as error:
        assert str(error)


# ---- the same rules in Prometheus


def test_promtool_accepts_what_we_write(tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    rules = presets()
    path.write_text(prometheus_rules(rules))
    said = promtool("check", "rules", path)
    assert f"{len(rules.all_rules())} rules found" in said
    path.write_text(prometheus_rules(parse("")))
    promtool("check", "rules", path)


#: Values a minute apart, and the keys of a rule: limits, hysteresis, how long it must be wrong and right.
CASES = [
    ([1, 11, 12, 9, 7, 11, 11, 1, 1, 1], {"above": 10}),
    ([1, 11, 12, 9, 7, 11, 11, 1, 1, 1], {"above": 10, "hold": "1m"}),
    ([1, 11, 9, 9, 8, 9, 11, 9, 1, 9], {"above": 10, "clear": 8}),
    ([1, 11, 11, 9, 9, 8, 9, 11, 11, 9], {"above": 10, "clear": 8, "hold": "1m"}),
    ([5, 1, 3, 3, 5, 3, 1, 1, 5, 5], {"below": 2, "clear": 4}),
    ([1, 11, 1, 11, 1, 1, 1, 1, 11, 1], {"above": 10, "keep": "2m"}),
]


@pytest.mark.parametrize(("values", "keys"), CASES)
def test_prometheus_fires_when_we_fire(values: list[float], keys: dict[str, Any], tmp_path: Path) -> None:
    """promtool runs the rules we write over the same values: the same alerts at every minute."""
    rules = parse("group_interval = '0s'\n" + rule(**keys))
    alerts, history, firing = Alerts(rules), History(), []
    for minute, value in enumerate(values):
        history.add(T0 + 60 * minute, {("heat", (("place", "a"),)): value})
        alerts.evaluate(history)
        firing.append(any(one.state == "firing" for one in alerts.active))
    assert True in firing
    assert False in firing[firing.index(True) :]
    # While it is kept, the value is the last wrong one.
    shown = list(values)
    if "keep" in keys:
        shown = [max(values[max(0, i - 2) : i + 1]) for i in range(len(values))]
    (tmp_path / "rules.yml").write_text(prometheus_rules(rules))
    expected = {"severity": "warning", "group": "Hot", "place": "a"}
    test = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": 'heat{place="a"}', "values": " ".join(map(str, values))}],
                "alert_rule_test": [
                    {
                        "eval_time": f"{minute}m",
                        "alertname": "Hot",
                        "exp_alerts": [
                            {
                                "exp_labels": expected,
                                "exp_annotations": {"summary": f"Hot is {shown[minute]}"},
                            }
                        ]
                        if fires
                        else [],
                    }
                    for minute, fires in enumerate(firing)
                ],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(json.dumps(test))
    promtool("test", "rules", tmp_path / "test.yml")


def test_prometheus_counts_slow_calls_and_ratios_as_we_do(tmp_path: Path) -> None:
    """An objective, a rate and a ratio over counters that grow evenly: both say the same."""
    rules = parse(
        """
        [[objective]]
        operation = "api"
        threshold = "200ms"
        window = "5m"

        [[rule]]
        name = "Fails"
        metric = "fastcore_operation_errors_total"
        of = "fastcore_operation_seconds_count"
        by = ["operation"]
        window = "5m"
        above = 0.05
        summary = "{operation}: {value:.0%}"
        """
    )
    alerts, history, api = Alerts(rules), History(), Histogram()
    for minute in range(11):
        if minute:
            api.record_many([1e6] * 9 + [5e8])
        labels = (("operation", "api"),)
        history.add(
            T0 + 60 * minute,
            {
                ("fastcore_operation_seconds", labels): Distribution.of(api),
                ("fastcore_operation_errors_total", labels): float(minute),
            },
        )
        alerts.evaluate(history)
    ours = {one.rule.name: one for one in alerts.active if one.state == "firing"}
    assert set(ours) == {"ObjectiveMissed:api", "Fails"}
    (tmp_path / "rules.yml").write_text(prometheus_rules(rules))
    selector = 'operation="api"'
    test = {
        "rule_files": ["rules.yml"],
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {
                        "series": f'fastcore_operation_seconds_bucket{{{selector},le="0.2"}}',
                        "values": "0+9x10",
                    },
                    {"series": f"fastcore_operation_seconds_count{{{selector}}}", "values": "0+10x10"},
                    {"series": f"fastcore_operation_errors_total{{{selector}}}", "values": "0+1x10"},
                ],
                "alert_rule_test": [
                    {
                        "eval_time": "10m",
                        "alertname": "ObjectiveMissed:api",
                        "exp_alerts": [
                            {
                                "exp_labels": {
                                    "severity": "warning",
                                    "group": "objective api",
                                    "operation": "api",
                                },
                                "exp_annotations": {
                                    "summary": "10% of the calls of api take longer than 0.2 s; 0.05 of 1 may"
                                },
                            }
                        ],
                    },
                    {
                        "eval_time": "10m",
                        "alertname": "Fails",
                        "exp_alerts": [
                            {
                                "exp_labels": {"severity": "warning", "group": "Fails", "operation": "api"},
                                "exp_annotations": {"summary": "api: 10%"},
                            }
                        ],
                    },
                ],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(json.dumps(test))
    promtool("test", "rules", tmp_path / "test.yml")
    assert ours["Fails"].value == pytest.approx(0.1)
    assert ours["ObjectiveMissed:api"].value == pytest.approx(0.1)


def test_a_notification_says_the_worst() -> None:
    made = [{"severity": s, "state": "firing", "summary": s} for s in ("info", "page", "warning")]
    assert Notification("g", T0, tuple(made)).severity == "page"
    assert (
        json.loads(json.dumps(Notification("g", T0, tuple(made)).to_json()))["title"]
        == "[fastcore] g: 3 firing"
    )
