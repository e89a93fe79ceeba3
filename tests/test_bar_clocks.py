"""Bars of local days and of sessions, fills, gaps and the word of time."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import bar_references as reference
import fastcore as fc
import numpy as np
import pandas as pd
import polars as pl
import pytest
from bar_streams import DataFile, assert_bars, assert_conserved, assert_sound, bar_symbol, real_sets
from hypothesis import given
from hypothesis import strategies as st
from samples import MINUTE, SECOND, T0, rng_of
from tick_streams import Ticks, ticks_of

HOUR = 60 * MINUTE
DAY = 24 * HOUR


def ns(text: str, zone: str = "UTC") -> int:
    """A local time as ns UTC."""
    return int(pd.Timestamp(text, tz=zone).value)


def sparse_ticks(seed: object, first: int, last: int, rows: int) -> Ticks:
    """Trades spread over a long time, on whole seconds, some right at full hours."""
    rng = rng_of("sparse", seed)
    ts = np.sort(rng.integers(first // SECOND, last // SECOND, rows)) * SECOND
    full = rng.random(rows) < 0.3
    ts[full] -= ts[full] % HOUR
    ts = np.sort(ts)
    ticks = np.zeros(rows, fc.TICK)
    ticks["ts"] = ts
    ticks["price"] = 100 + 0.25 * np.cumsum(rng.integers(-1, 2, rows))
    ticks["price"] = np.abs(ticks["price"]) + 1
    ticks["size"] = rng.integers(1, 9, rows)
    return ticks


def by_labels(ticks: Ticks, starts: Any) -> Any:
    """Time bars that begin at those times, by tick; the first is not known to be complete."""
    bars = reference.bars_of(ticks, starts, np.asarray(starts))
    bars["complete"][0] = False
    return bars


def polars_starts(ticks: Ticks, zone: str, every: str) -> Any:
    """Where Polars says that the local span of each tick begins."""
    times = pl.Series(ticks["ts"]).cast(pl.Datetime("ns", "UTC")).dt.convert_time_zone(zone)
    return times.dt.truncate(every).dt.convert_time_zone("UTC").cast(pl.Int64).to_numpy()


def check(symbol: Any, spec: str, expected: Any, ticks: Ticks) -> None:
    """All bars, the forming one too."""
    ours = np.concatenate([symbol.bars(spec), symbol.forming(spec).reshape(1)])
    assert_bars(ours, expected, spec)
    assert_sound(ours, spec)
    assert_conserved(symbol, spec, ticks, spec)


# -------------------------------------------------------------------------------------------- time zones
@pytest.mark.parametrize(
    "zone",
    [
        "America/New_York",
        "Europe/London",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
        "America/Sao_Paulo",
        "Pacific/Apia",
        "Africa/Cairo",
        "Asia/Tokyo",
    ],
)
def test_bars_of_a_zone_are_those_of_polars(zone: str) -> None:
    """Years of local days and hours, over every change of the clocks, at midnight too."""
    ticks = sparse_ticks(zone, ns("2008-01-01"), ns("2018-06-01"), 20_000)
    specs = {f"1d@{zone}": "1d", f"15m@{zone}": "15m"}
    if zone != "Australia/Lord_Howe":  # whose clocks change by half an hour, within hours
        specs |= {f"1h@{zone}": "1h"}
    symbol = bar_symbol(specs, ticks)
    for spec, every in specs.items():
        check(symbol, spec, by_labels(ticks, polars_starts(ticks, zone, every)), ticks)


@pytest.mark.parametrize(
    ("zone", "spring", "autumn"),
    [
        ("America/New_York", "2024-03-10", "2024-11-03"),
        ("Europe/Berlin", "2024-03-31", "2024-10-27"),
        ("Australia/Lord_Howe", "2024-10-06", "2024-04-07"),
        ("Africa/Cairo", "2024-04-26", "2024-10-31"),
    ],
)
def test_days_on_which_clocks_change_are_shorter_and_longer(zone: str, spring: str, autumn: str) -> None:
    """The bar of the day begins at local midnight, or where the clocks skip it, and ends with the day."""
    change = HOUR // 2 if "Lord_Howe" in zone else HOUR
    for date, length in ((spring, DAY - change), (autumn, DAY + change)):
        after = str(pd.Timestamp(date) + pd.Timedelta(days=1))[:10]
        first = ns(date, zone) if zone != "Africa/Cairo" or date != spring else ns(f"{date} 01:00", zone)
        last = ns(after, zone) - 1
        assert last + 1 - first == length
        times = [first - 1, first, first + HOUR, last, last + 1]
        ticks = ticks_of([(ts, 1.0 + i, 1.0, 0) for i, ts in enumerate(times)])
        bars = bar_symbol([f"1d@{zone}"], ticks).bars(f"1d@{zone}")
        assert bars["ts"][1] == first, f"{zone} {date}"
        assert bars["count"].tolist() == [1, 3], f"{zone} {date}"


def test_an_hour_that_the_clocks_show_twice_is_two_bars_and_part_of_one_longer() -> None:
    """01:00 to 02:00 in New York on 2024-11-03: of one hour each; four hours from midnight last five."""
    zone = "America/New_York"
    midnight = ns("2024-11-03", zone)
    ticks = ticks_of([(midnight + i * 20 * MINUTE, 5.0, 1.0, 0) for i in range(24)])
    symbol = bar_symbol([f"1h@{zone}", f"4h@{zone}", f"30m@{zone}"], ticks)
    assert np.diff(symbol.bars(f"1h@{zone}")["ts"]).tolist() == [HOUR] * 6
    assert symbol.bars(f"4h@{zone}")["count"].tolist() == [15]
    assert symbol.forming(f"4h@{zone}")["ts"] == midnight + 5 * HOUR
    assert np.diff(symbol.bars(f"30m@{zone}")["ts"]).tolist() == [HOUR // 2] * 14


def test_an_origin_shifts_spans() -> None:
    """In UTC and in a zone: days that begin at 17:00 in New York."""
    zone = "America/New_York"
    ticks = sparse_ticks("origin", ns("2023-01-01"), ns("2024-12-31"), 4_000)
    symbol = bar_symbol([f"1d@{zone}+17h", "1h@+30m"], ticks)
    local = pd.to_datetime(ticks["ts"], utc=True).tz_convert(zone).tz_localize(None)
    day = (local - pd.Timedelta(hours=17)).floor("D") + pd.Timedelta(hours=17)
    starts = (
        day.tz_localize(zone).tz_convert("UTC").tz_localize(None).to_numpy().astype("M8[ns]").astype(np.int64)
    )
    check(symbol, f"1d@{zone}+17h", by_labels(ticks, starts), ticks)
    half = (ticks["ts"] - 30 * MINUTE) // HOUR * HOUR + 30 * MINUTE
    check(symbol, "1h@+30m", by_labels(ticks, half), ticks)


def test_utc_as_a_zone_is_utc() -> None:
    """The same bars, whether the zone is named or not."""
    ticks = sparse_ticks("utc", ns("2023-01-01"), ns("2023-03-01"), 2_000)
    symbol = bar_symbol(["4h@UTC", "4h"], ticks)
    assert_bars(symbol.bars("4h@UTC"), symbol.bars("4h"), "UTC")


def test_local_days_of_real_ticks(data_file: DataFile) -> None:
    """Futures of Chicago, currencies by New York's days."""
    for name, ticks in real_sets(data_file, 20_000).items():
        zone = "America/Chicago" if name == "ES" else "America/New_York"
        symbol = bar_symbol([f"1h@{zone}", f"1d@{zone}"], ticks)
        for every in ("1h", "1d"):
            check(symbol, f"{every}@{zone}", by_labels(ticks, polars_starts(ticks, zone, every)), ticks)


@given(
    st.sampled_from(("America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "America/St_Johns")),
    st.sampled_from(("1d", "1h", "90m", "4h", "7h", "2d")),
    st.integers(ns("1990-01-01") // MINUTE, ns("2030-01-01") // MINUTE),
    st.lists(st.integers(0, 90), min_size=2, max_size=60),
)
def test_spans_of_a_zone_follow_each_other_without_a_hole(
    zone: str, span: str, start: int, waits: Any
) -> None:
    """A time between two of one bar is in that bar: the spans part time, whatever the clocks do."""
    times = (start + np.cumsum(waits)) * MINUTE
    ticks = ticks_of([(int(ts), 1.0, 1.0, 0) for ts in times])
    spec = f"{span}@{zone}"
    symbol = bar_symbol([spec], ticks)
    bars = np.concatenate([symbol.bars(spec), symbol.forming(spec).reshape(1)])
    assert (np.diff(bars["ts"]) > 0).all()
    assert (bars["first_ts"] >= bars["ts"]).all()
    assert (bars["last_ts"][:-1] < bars["ts"][1:]).all()
    local = [dt.datetime.fromtimestamp(int(ts) // SECOND, ZoneInfo(zone)) for ts in bars["ts"]]
    if span == "1d":
        assert all((one.minute, one.second) in ((0, 0), (30, 0)) for one in local)
        assert len({one.date() for one in local}) == len(local)


# --------------------------------------------------------------------------------------------- calendars
CME = fc.Calendar(
    "America/Chicago",
    open="17:00",
    close="16:00",
    holidays=["2013-12-25"],
    early={"2013-11-29": "12:15"},
    years=(2013, 2014),
)


def pandas_sessions() -> Any:
    """The same sessions by pandas."""
    days = pd.bdate_range("2013-01-01", "2014-12-31")
    days = days[days != pd.Timestamp("2013-12-25")]
    opens = (days - pd.Timedelta(days=1) + pd.Timedelta(hours=17)).tz_localize("America/Chicago")
    closes = pd.DatetimeIndex(
        [
            day
            + (
                pd.Timedelta(hours=12, minutes=15)
                if day == pd.Timestamp("2013-11-29")
                else pd.Timedelta(hours=16)
            )
            for day in days
        ]
    ).tz_localize("America/Chicago")
    return opens.as_unit("ns").asi8, closes.as_unit("ns").asi8


def test_a_calendar_has_the_sessions_that_pandas_finds() -> None:
    """Two years of nights, over changes of the clocks, a holiday and an early close."""
    opens, closes = pandas_sessions()
    assert CME.sessions() == list(zip(opens.tolist(), closes.tolist(), strict=True))


def session_starts(ts: Any, span: int) -> Any:
    """Where the bar of each time begins: with the session or the break, or a whole number of spans later."""
    opens, closes = pandas_sessions()
    edges = np.sort(np.concatenate([opens, closes]))
    begin = edges[np.searchsorted(edges, ts, side="right") - 1]
    return begin if span >= DAY else begin + (ts - begin) // span * span


def marked(bars: Any, sessions: bool = True) -> Any:
    """Bars that follow the end of a session, or of a break, say so."""
    opens, closes = pandas_sessions()
    edges = np.sort(np.concatenate([opens, closes]))
    place = np.searchsorted(edges, bars["first_ts"], side="right")
    bars["gap"][1:][np.diff(place) > 0] = fc.GAPS["session"]
    return bars


def calendar_symbol(specs: Any, ticks: Ticks, **options: Any) -> Any:
    """A symbol with bars of the calendar."""
    plan = {f"close{i}": fc.SMA(1).on(spec) for i, spec in enumerate(specs)}
    engine = fc.Engine(plan, history=len(ticks), calendars={"cme": CME}, **options)
    assert engine.on_ticks(ticks, symbols=["S"]) == len(ticks)
    return engine.symbol("S")


def test_bars_of_sessions_begin_and_end_with_them() -> None:
    """Days, hours and spans that do not divide a session; ticks between sessions have bars of their own."""
    ticks = sparse_ticks("sessions", ns("2013-01-03"), ns("2014-12-20"), 20_000)
    spans = {"1d@cme": DAY, "1h@cme": HOUR, "7h@cme": 7 * HOUR}
    symbol = calendar_symbol(spans, ticks)
    for spec, span in spans.items():
        check(symbol, spec, marked(by_labels(ticks, session_starts(ticks["ts"], span))), ticks)


def test_sessions_of_es_futures(data_file: DataFile) -> None:
    """September 2013, by the exchange's own days."""
    ticks = real_sets(data_file, 300_000)["ES"]
    symbol = calendar_symbol(["1d@cme", "30m@cme"], ticks)
    for spec, span in (("1d@cme", DAY), ("30m@cme", 30 * MINUTE)):
        check(symbol, spec, marked(by_labels(ticks, session_starts(ticks["ts"], span))), ticks)


def test_outside_of_its_years_a_calendar_is_utc() -> None:
    """Bars go on; there is nothing that is not in one."""
    ticks = sparse_ticks("outside", ns("2016-01-01"), ns("2016-02-01"), 500)
    symbol = calendar_symbol(["1h@cme"], ticks)
    check(symbol, "1h@cme", by_labels(ticks, ticks["ts"] // HOUR * HOUR), ticks)


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda: fc.Calendar("Mars/Olympus", "09:00", "17:00"), "'Mars/Olympus' is no time zone"),
        (lambda: fc.Calendar("Europe/Berlin", "9 o'clock", "17:00"), "open must be a time such as"),
        (lambda: fc.Calendar("Europe/Berlin", "09:00", "25:00"), "close must be a time such as"),
        (lambda: fc.Calendar("Europe/Berlin", "09:00", "17:00", days=["mo"]), "not 'mo'"),
        (lambda: fc.Calendar("Europe/Berlin", "09:00", "17:00", holidays=["25.12."]), "not '25.12.'"),
        (lambda: fc.Calendar("Europe/Berlin", "09:00", "17:00", early={"2024-01-02": 5}), "not 5"),
        (lambda: fc.Calendar("Europe/Berlin", "09:00", "17:00", years=(2020, 2000)), "in order"),
        (
            lambda: fc.Calendar(
                "Europe/Berlin", "09:00", "17:00", early={"2024-01-02": "08:00"}, years=(2024, 2024)
            ).sessions(),
            "the session of 2024-01-02 closes before it opens",
        ),
    ],
)
def test_a_calendar_that_cannot_be_is_refused(made: Any, sentence: str) -> None:
    """With what is wrong, and what would be right."""
    with pytest.raises(fc.InputError, match=sentence.replace("(", r"\(")):
        made()


def test_zones_and_calendars_that_are_not_known_are_refused() -> None:
    """By the plan, with the spec and the name."""
    for spec, sentence in {
        "1d@Mars/Olympus": "names 'Mars/Olympus', which is neither a time zone",
        "1d@nyse": "names 'nyse', which is neither",
        "1h@nyse from 1m": "do not begin and end where those of '1m' do",
        "2d@cme": "spans begin with a session and are of a day at most",
        "1h@cme+5m": "spans begin with a session",
    }.items():
        with pytest.raises(fc.PlanError, match=sentence):
            fc.Engine({"a": fc.SMA(1).on(spec)}, calendars={"cme": CME})
    with pytest.raises(TypeError, match=r"must be of fastcore\.Calendar"):
        fc.Engine({"a": fc.SMA(1).on("1d@x")}, calendars={"x": "America/New_York"})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="must map names to calendars"):
        fc.Engine({"a": fc.SMA(1)}, calendars=[CME])  # type: ignore[arg-type]
    with pytest.raises(fc.InputError, match="the name of a calendar"):
        fc.Engine({"a": fc.SMA(1)}, calendars={"c m e": CME})


def test_a_restored_engine_keeps_zones_and_calendars_as_they_were() -> None:
    """In the snapshot: the machine need not know them, and the same name may mean something else by then."""
    specs = ["1d@cme", "1h@America/New_York"]
    ticks = sparse_ticks("kept", ns("2013-03-01"), ns("2013-12-20"), 4_000)
    plan = {f"close{i}": fc.SMA(1).on(spec) for i, spec in enumerate(specs)}
    other = fc.Calendar("Asia/Tokyo", open="09:00", close="15:00", years=(2013, 2014))
    whole = fc.Engine(plan, history=4_000, calendars={"cme": CME})
    whole.on_ticks(ticks, symbols=["S"])
    first = fc.Engine(plan, history=4_000, calendars={"cme": CME})
    first.on_ticks(ticks[:1_500], symbols=["S"])
    data = first.snapshot(history=True)
    for again in (
        fc.Engine.restore(data),
        fc.Engine.restore(data, plan=plan | {"new": fc.SMA(1).on("1d@Asia/Tokyo")}),
        fc.Engine.restore(data, plan=plan, calendars={"cme": other}),
    ):
        again.on_ticks(ticks[1_500:], symbols=["S"])
        for spec in specs:
            assert_bars(again.symbol("S").bars(spec), whole.symbol("S").bars(spec), spec)
    assert fc.Engine.restore(data).snapshot(history=True) == data


# ------------------------------------------------------------------------------------ fills, gaps and time
def test_a_span_without_a_tick_makes_a_bar_only_where_it_is_asked_for() -> None:
    """Stale ones at the last close, in a hole between two ticks and when time is said to have come."""
    start = T0 - T0 % MINUTE
    ticks = ticks_of([(start, 5.0, 1.0, 0), (start + 4 * MINUTE, 7.0, 2.0, 0)])
    without = bar_symbol(["1m"], ticks)
    assert without.bars("1m")["ts"].tolist() == [start]
    symbol = bar_symbol(["1m", "3m from 1m"], ticks, fc.Policy(fill="flat"), history=9)
    bars = symbol.bars("1m")
    assert bars["ts"].tolist() == [start + i * MINUTE for i in range(4)]
    assert bars["stale"].tolist() == [False, True, True, True]
    for field in ("open", "high", "low", "close"):
        assert (bars[field] == 5.0).all()
    assert bars["count"].tolist() == [1, 0, 0, 0]
    assert bars["volume"].sum() == 1.0
    assert (bars["last_ts"] == start).all()
    symbol.on_time(start + 7 * MINUTE)
    assert symbol.bars("1m")["close"].tolist() == [5.0, 5.0, 5.0, 5.0, 7.0, 7.0, 7.0]
    assert symbol.history("close0").tolist() == symbol.bars("1m")["close"].tolist()
    assert len(symbol.bars("3m from 1m")) == 2
    assert not symbol.bars("3m from 1m")["stale"].any()


def test_bars_close_when_time_is_said_to_have_come() -> None:
    """At the end of the span, not before; then ticks before that time are late."""
    start = T0 - T0 % MINUTE
    symbol = bar_symbol(["1m"], ticks_of([(start + 5, 5.0, 1.0, 0)]), history=9)
    symbol.on_time(start + MINUTE - 1)
    assert len(symbol.bars("1m")) == 0
    symbol.on_time(start + MINUTE)
    assert symbol.bars("1m")["close"].tolist() == [5.0]
    assert symbol.forming("1m")["count"] == 0
    symbol.on_time(start)
    assert symbol.last_ts == start + MINUTE
    symbol.on_tick(start + 10, 6.0, 1.0)
    assert symbol.outcome == "late_dropped"
    symbol.on_tick(start + MINUTE, 6.0, 1.0)
    assert symbol.outcome == "accepted"
    with pytest.raises(fc.InputError, match="nanoseconds since 1970"):
        symbol.on_time(5)


def test_time_that_has_come_releases_what_a_buffer_holds() -> None:
    """Up to the lateness allowed: the bars are those of the ticks in order."""
    start = T0 - T0 % MINUTE
    engine = fc.Engine({"c": fc.SMA(1).on("1m")}, history=9, policy=fc.Policy(order="buffer", lateness="10s"))
    symbol = engine.symbol("S")
    for second in (50, 58, 49):
        symbol.on_tick(start + second * SECOND, float(second), 1.0)
    engine.on_time(start + 65 * SECOND)
    assert symbol.ledger["held"] == 1
    engine.on_time(start + 70 * SECOND)
    assert symbol.ledger["held"] == 0
    assert symbol.bars("1m")[["open", "close"]].tolist() == [(49.0, 58.0)]
    symbol.on_tick(start + 59 * SECOND, 1.0, 1.0)
    assert symbol.outcome == "late_dropped"


GAP_KINDS = tuple(fc.GAPS)


@pytest.mark.parametrize("kind", GAP_KINDS)
def test_a_gap_shows_in_the_bars_on_both_sides_of_it(kind: str) -> None:
    """The four kinds: what is lost makes bars incomplete, the end of a session ends them."""
    start = T0 - T0 % MINUTE
    symbol = bar_symbol(["1m", "2tick"], ticks_of([(start, 5.0, 1.0, 0)]), history=9)
    symbol.on_tick(start + MINUTE, 5.0, 1.0)
    symbol.on_tick(start + MINUTE, 5.0, 1.0)
    assert symbol.ready
    symbol.on_gap(kind)
    assert (symbol.gap, symbol.ready, symbol.gaps[kind]) == ((kind,), False, 1)
    ended = kind == "session"
    assert len(symbol.bars("1m")) == (2 if ended else 1)
    symbol.on_tick(start + 3 * MINUTE, 6.0, 1.0)
    assert (symbol.gap, symbol.ready) == ((), True)
    symbol.on_tick(start + 5 * MINUTE, 6.0, 1.0)
    bars = symbol.bars("1m")
    lost = kind in ("sequence", "feed")
    # The end of the session is the end of its bar: nothing is missing in that.
    assert bars["gap"].tolist() == [0, 0 if ended else fc.GAPS[kind], fc.GAPS[kind]]
    assert bars["complete"].tolist() == [False, not lost, not lost]
    assert symbol.bars("2tick")["gap"].tolist()[0] == 0
    assert sum(symbol.gaps.values()) == 1


def test_holes_in_ids_and_long_silence_are_found() -> None:
    """Where the policy asks for it: an id left out, a wait that is longer."""
    policy = fc.Policy(sequence="id", silence="30s")
    engine = fc.Engine({"c": fc.SMA(1).on("1h")}, history=9, policy=policy)
    symbol = engine.symbol("S")
    for second, number in ((0, 7), (1, 8), (2, 8), (3, 0), (4, 9), (5, 12), (36, 13), (37, 14)):
        symbol.on_tick(T0 + second * SECOND, 5.0, 1.0, 0, number)
    assert symbol.gaps == {"sequence": 1, "silence": 1, "session": 0, "feed": 0}
    forming = symbol.forming("1h")
    assert forming["gap"] == fc.GAPS["sequence"] + fc.GAPS["silence"]
    symbol.on_time(T0 + 60 * SECOND)
    assert symbol.gap == ()
    symbol.on_time(T0 + 68 * SECOND)
    assert symbol.gap == ("silence",)
    symbol.on_time(T0 + 90 * SECOND)
    assert symbol.gaps["silence"] == 2
    symbol.on_tick(T0 + 99 * SECOND, 5.0, 1.0, 0, 15)
    assert (symbol.gap, symbol.gaps["silence"]) == ((), 2)


def test_nothing_is_filled_while_the_feed_is_down_or_the_session_over() -> None:
    """Silence is filled; a feed that is down is not."""
    start = T0 - T0 % MINUTE
    for kind in GAP_KINDS:
        engine = fc.Engine({"c": fc.SMA(1).on("1m")}, history=9, policy=fc.Policy(fill="flat"))
        symbol = engine.symbol("S")
        symbol.on_tick(start, 5.0, 1.0)
        engine.on_gap(kind)
        symbol.on_tick(start + 3 * MINUTE, 6.0, 1.0)
        filled = kind in ("sequence", "silence")
        assert symbol.bars("1m")["stale"].sum() == (2 if filled else 0), kind


def test_sessions_are_filled_to_their_end_and_not_beyond() -> None:
    """The last hours without a tick, none of the break, and none of the next session before its first."""
    opens, closes = CME.sessions()[10]
    following = CME.sessions()[11][0]
    ticks = ticks_of([(opens, 5.0, 1.0, 0), (following + 2 * HOUR, 6.0, 1.0, 0)])
    plan = {"c": fc.SMA(1).on("1h@cme")}
    engine = fc.Engine(plan, history=90, calendars={"cme": CME}, policy=fc.Policy(fill="flat"))
    engine.on_ticks(ticks, symbols=["S"])
    bars = engine.symbol("S").bars("1h@cme")
    assert len(bars) == (closes - opens) // HOUR == 23
    assert bars["stale"].sum() == 22
    assert engine.symbol("S").forming("1h@cme")["gap"] == fc.GAPS["session"]


def test_an_unknown_kind_of_gap_is_refused() -> None:
    """With those that there are."""
    engine = fc.Engine({"c": fc.SMA(1)})
    with pytest.raises(fc.InputError, match="sequence, silence, session, feed, not 'storm'"):
        engine.on_gap("storm")
    with pytest.raises(fc.InputError, match="not 'storm'"):
        engine.symbol("S").on_gap("storm")


def test_a_journal_keeps_the_word_of_time_and_gaps(tmp_path: Path) -> None:
    """Of one symbol and of all: what is recovered is what was."""
    start = T0 - T0 % MINUTE
    plan = {"c": fc.SMA(1).on("1m")}
    engine = fc.Engine(plan, journal=tmp_path / "journal")
    symbol = engine.symbol("S")
    for minute in range(6):
        symbol.on_tick(start + minute * MINUTE, 5.0 + minute, 1.0)
        if minute == 1:
            symbol.on_gap("sequence")
        elif minute == 2:
            engine.on_gap("feed")
        elif minute == 3:
            symbol.on_time(start + minute * MINUTE + 90 * SECOND)
    engine.on_time(start + 7 * MINUTE)
    data = engine.snapshot(history=True)
    assert symbol.ledger["late_dropped"] == 1
    assert symbol.gaps["sequence"] == symbol.gaps["feed"] == 1
    engine.journal.close()
    again = fc.Engine.recover(tmp_path / "journal")
    assert again.snapshot(history=True) == data
    again.journal.close()
