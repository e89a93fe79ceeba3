"""Policies: which tick is taken, left out or held, against a model in plain Python."""

from __future__ import annotations

import statistics
import struct
from dataclasses import dataclass, field
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import SECOND, T0, assert_same_bits, rng_of, scaled
from tick_streams import PLAN, SYMBOLS, Ticks, adds_up, face_of, in_batches, one_by_one, ticks_of, walk_ticks

MS = 1_000_000
Row = tuple[int, float, float, int]  # ts, price, size, id


@dataclass
class Model:
    """The words of Policy's docstring, one rule after the other; `taken` is what reached the indicators."""

    policy: fc.Policy
    lateness: int = 0
    ahead: int = 0
    taken: list[Row] = field(default_factory=list)
    ledger: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("received", *fc.OUTCOMES), 0))
    waiting: list[tuple[int, int, Row]] = field(default_factory=list)
    released: int = 0
    newest: int = 0
    last_ts: int = 0
    seen: list[Any] = field(default_factory=list)
    prices: list[float] = field(default_factory=list)
    suspect: Row | None = None
    front: int = 0
    early: Row | None = None
    arrivals: int = 0

    def on_tick(self, row: Row) -> None:
        self.ledger["received"] += 1
        ts, price, size, id = row
        if not (np.isfinite(price) and price > 0 and np.isfinite(size) and size >= 0):
            priced = np.isfinite(price) and price > 0
            if self.policy.invalid != "clamp" or not (priced or self.taken):
                return self.count("invalid")
            price = price if priced else self.taken[-1][1]
            row = (ts, price, size if np.isfinite(size) and size >= 0 else 0.0, id)
        if self.ahead:
            early = self.early
            if early is not None:
                self.early = None
                self.count("held", -1)
                if abs(ts - early[0]) < abs(ts - self.front):
                    self.front = early[0]
                    self.place(early)
                else:
                    self.count("invalid")
            if self.front and ts - self.front > self.ahead:
                self.early = row
                return self.count("held")
            self.front = max(self.front, ts)
        self.place(row)

    def place(self, row: Row) -> None:
        ts = row[0]
        if self.policy.order != "buffer":
            return self.judge(row)
        if ts < self.released:
            return self.count("late_dropped")
        self.waiting.append((ts, self.arrivals, row))
        self.arrivals += 1
        self.newest = max(self.newest, ts)
        self.count("held")
        while self.waiting and (
            len(self.waiting) > self.policy.buffer_size or self.newest - min(self.waiting)[0] >= self.lateness
        ):
            self.release()

    def flush(self) -> None:
        while self.waiting:
            self.release()
        self.refute()
        if self.early is not None:
            self.early = None
            self.count("held", -1)
            self.count("invalid")

    def count(self, bucket: str, by: int = 1) -> None:
        self.ledger[bucket] += by

    def release(self) -> None:
        oldest = min(self.waiting)
        self.waiting.remove(oldest)
        self.released = max(self.released, oldest[0])
        self.count("held", -1)
        self.judge(oldest[2])

    def refute(self) -> None:
        if self.suspect is not None:
            self.suspect = None
            self.count("held", -1)
            self.count("invalid")

    def judge(self, row: Row) -> None:
        ts, price, size, id = row
        key: Any = (ts, price, size) if self.policy.duplicates == "value" else id
        if self.policy.duplicates != "keep" and key != 0:
            if key in self.seen:
                return self.count("duplicate")
            self.seen = [*self.seen, key][-self.policy.duplicate_window :]
        if self.policy.jumps is not None:
            middle = statistics.median(self.prices) if self.prices else 0.0
            if self.suspect is not None:
                held = self.suspect
                if abs(price - held[1]) < abs(price - middle):
                    self.suspect, self.prices = None, []
                    self.count("held", -1)
                    self.admit(held)
                else:
                    self.refute()
            if len(self.prices) == self.policy.jump_window:
                middle = statistics.median(self.prices)
                mad = statistics.median_high(abs(one - middle) for one in self.prices)
                if mad > 0 and abs(price - middle) > self.policy.jumps * mad:
                    self.suspect = row
                    return self.count("held")
        self.admit(row)

    def admit(self, row: Row) -> None:
        if row[0] < self.last_ts:
            if self.policy.order != "accept":
                return self.count("rejected" if self.policy.order == "reject" else "late_dropped")
            self.count("late_accepted")
        else:
            self.last_ts = row[0]
            self.count("accepted")
        self.taken.append(row)
        if self.policy.jumps is not None:
            self.prices = [*self.prices, row[1]][-self.policy.jump_window :]


def rows_of(ticks: Ticks) -> list[Row]:
    columns = [ticks[name].tolist() for name in ("ts", "price", "size", "id")]
    return list(zip(*columns, strict=True))


policies = st.builds(
    fc.Policy,
    order=st.sampled_from(["drop", "accept", "buffer"]),
    invalid=st.sampled_from(["drop", "clamp"]),
    duplicates=st.sampled_from(["keep", "id", "value"]),
    jumps=st.sampled_from([None, 3.0, 8.0]),
    lateness=st.sampled_from([0, 3 * MS, 40 * MS]),
    ahead=st.sampled_from([None, 2 * MS, 50 * MS]),
    buffer_size=st.sampled_from([1, 4, 4096]),
    duplicate_window=st.sampled_from([1, 3, 64]),
    jump_window=st.sampled_from([4, 5, 9]),
)


@st.composite
def unruly(draw: st.DrawFn) -> Ticks:
    """Ticks out of order, seen before, with jumps and with numbers that cannot be; few distinct values."""
    count = draw(st.integers(0, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    ticks = walk_ticks(rng, max(count, 1), MS)[:count]
    ticks["symbol"] = 0
    ticks["ts"] = T0 + np.arange(count) * MS - rng.integers(0, 12, count) * MS * (rng.random(count) < 0.3)
    leaps = rng.choice([20 * MS, 60 * MS, 10**18, T0], count) * (rng.random(count) < 0.1)
    ticks["ts"] += np.where(rng.random(count) < 0.5, leaps, np.cumsum(leaps % (100 * MS)))
    ticks["price"] = 100.0 + rng.integers(-3, 4, count) + 60.0 * (rng.random(count) < 0.15)
    ticks["price"][rng.random(count) < 0.05] = draw(st.sampled_from([-1.0, np.nan, np.inf, 0.0]))
    ticks["size"] = rng.integers(0, 3, count)
    ticks["size"][rng.random(count) < 0.05] = -1.0
    ticks["id"] = rng.integers(0, 40, count)
    return ticks


@settings(max_examples=scaled(300, 5_000), deadline=None)
@given(unruly(), policies)
def test_policies_do_what_their_words_say(ticks: Ticks, policy: fc.Policy) -> None:
    """After every tick the ledger is the model's; the row is that of the ticks that the model took."""
    model = Model(policy, int(policy.lateness), int(policy.ahead or 0))
    engine = fc.Engine({"sma": fc.SMA(3), "obv": fc.OBV()}, policy=policy)
    symbol = engine.symbol(SYMBOLS[0])
    for k, row in enumerate(rows_of(ticks)):
        one_by_one(engine, ticks[k : k + 1])
        model.on_tick(row)
        assert symbol.ledger == model.ledger, f"after tick {k}"
        assert adds_up(symbol.ledger)
    engine.flush()
    model.flush()
    assert symbol.ledger == model.ledger
    assert symbol.ledger["held"] == 0
    plain = fc.Engine({"sma": fc.SMA(3), "obv": fc.OBV()}, policy=fc.Policy(order="accept"))
    for ts, price, size, _ in model.taken:
        plain.symbol("S").on_tick(ts, price, size)
    assert_same_bits(np.array(symbol.values()), np.array(plain.symbol("S").values()), "the row")


@settings(max_examples=scaled(100, 2_000), deadline=None)
@given(unruly(), policies, st.integers(0, 60))
def test_batches_and_restored_engines_hold_the_same_ticks(ticks: Ticks, policy: fc.Policy, at: int) -> None:
    """on_tick == on_ticks == restored in the middle of what is held: rows, ledgers and bytes."""
    single, batched, restored = (fc.Engine(PLAN, policy=policy) for _ in range(3))
    for engine in (single, batched, restored):
        engine.symbol(SYMBOLS[0])
    at = min(at, len(ticks))
    one_by_one(single, ticks)
    batched.on_ticks(ticks)
    restored.on_ticks(ticks[:at])
    restored = fc.Engine.restore(restored.snapshot())
    restored.on_ticks(ticks[at:])
    assert single.snapshot() == batched.snapshot() == restored.snapshot()
    for engine in (single, batched, restored):
        engine.flush()
    assert single.snapshot() == batched.snapshot() == restored.snapshot()
    assert single.ledger == restored.ledger


def test_one_stream_under_a_table_of_policies() -> None:
    """The same nine ticks, and where each rule sends them."""
    ticks = ticks_of(
        [
            (T0 + ms * MS, price, 1.0, 0)
            for ms, price in ((0, 1.0), (2, 2.0), (1, 3.0), (2, 2.0), (9, -4.0), (9, 5.0))
        ]
    )
    ticks["id"] = (1, 2, 3, 2, 5, 6)
    table = {
        fc.Policy(): {"accepted": 4, "late_dropped": 1, "invalid": 1},
        fc.Policy(order="accept"): {"accepted": 4, "late_accepted": 1, "invalid": 1},
        fc.Policy(order="reject"): {"accepted": 4, "rejected": 1, "invalid": 1},
        fc.Policy(order="buffer", lateness="5ms"): {"accepted": 5, "invalid": 1},
        fc.Policy(order="buffer"): {"accepted": 4, "late_dropped": 1, "invalid": 1},
        fc.Policy(duplicates="id"): {"accepted": 3, "late_dropped": 1, "invalid": 1, "duplicate": 1},
        fc.Policy(duplicates="value"): {"accepted": 3, "late_dropped": 1, "invalid": 1, "duplicate": 1},
        fc.Policy(invalid="clamp"): {"accepted": 5, "late_dropped": 1},
    }
    for policy, expected in table.items():
        engine = fc.Engine({"sma": fc.SMA(1)}, policy=policy)
        engine.on_ticks(ticks, symbols=["S"])
        engine.flush()
        assert {key: n for key, n in engine.ledger.items() if n} == {"received": 6, **expected}, policy


def test_a_spike_is_left_out_and_a_new_level_is_not() -> None:
    """One tick away and back is invalid; one that the next confirms is taken, and in its order."""
    prices = [100.0 + 0.1 * (i % 5) for i in range(40)]
    policy = fc.Policy(jumps=8.0, jump_window=16)
    for away, invalid in (([150.0], 1), ([150.0, 150.1, 150.2], 0), ([50.0, 150.0], 2)):
        engine = fc.Engine({"last": fc.SMA(1)}, policy=policy)
        symbol = engine.symbol("S")
        for i, price in enumerate([*prices, *away]):
            symbol.on_tick(T0 + i * SECOND, price, 1.0)
        if len(away) < 3:
            assert symbol.outcome == "held"
            assert symbol["last"] == prices[-1], "a held tick does nothing"
            symbol.on_tick(T0 + 99 * SECOND, 100.2, 1.0)
        assert symbol.ledger["invalid"] == invalid
        assert symbol.ledger["held"] == 0
        assert symbol["last"] == (100.2 if len(away) < 3 else 150.2)


def test_a_symbol_may_have_a_policy_of_its_own() -> None:
    """Given at its first use, kept by snapshots, not to be changed."""
    engine = fc.Engine({"sma": fc.SMA(2)})
    own = engine.symbol("own", policy=fc.Policy(order="accept"))
    rest = engine.symbol("rest")
    engine = fc.Engine.restore(engine.snapshot())
    for symbol in (engine.symbol("own"), engine.symbol("rest"), own, rest):
        symbol.on_tick(T0, 1.0)
        symbol.on_tick(T0 - 1, 1.0)
        assert symbol.outcome == ("late_accepted" if symbol.name == "own" else "late_dropped")
    with pytest.raises(fc.InputError, match="'own' is there already"):
        engine.symbol("own", policy=fc.Policy())


def test_a_dropped_symbol_leaves_no_tick_in_the_air() -> None:
    """What it held back is released first: every tick is in a bucket that stays, also after a restore."""
    engine = fc.Engine(PLAN, policy=fc.Policy("buffer", lateness="1m"))
    for i in range(5):
        engine.symbol("x").on_tick(T0 + i * SECOND, 100.0, 1.0)
    assert engine.ledger["held"] == 5
    engine.drop("x")
    assert (engine.ledger["held"], engine.ledger["accepted"]) == (0, 5)
    assert adds_up(engine.ledger)
    assert fc.Engine.restore(engine.snapshot()).ledger == engine.ledger


def test_a_crossed_quote_is_what_the_policy_says() -> None:
    """Invalid, or a tick at the mid."""
    for crossed, outcome in (("drop", "invalid"), ("accept", "accepted")):
        symbol = fc.Engine({"sma": fc.SMA(1)}, policy=fc.Policy(crossed=crossed)).symbol("S")
        symbol.on_quote(T0, 101.0, 99.0)
        assert symbol.outcome == outcome


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"duplicates": "price"}, ("duplicates", "'price'", "'id'")),
        ({"crossed": "x"}, ("crossed", "'x'")),
        ({"lateness": "5 parsecs"}, ("lateness", "5 parsecs", "250ms")),
        ({"lateness": -1}, ("lateness", "-1")),
        ({"lateness": 10**15}, ("lateness", "8.64e+13", "1e+15")),
        ({"jumps": 0.0}, ("jumps", "0")),
        ({"jumps": float("nan")}, ("jumps", "nan")),
        ({"ahead": 0}, ("ahead", "0", "None")),
        ({"ahead": -5}, ("ahead", "-5", "0")),
        ({"ahead": "5 parsecs"}, ("ahead", "5 parsecs", "250ms")),
        ({"ahead": "367d"}, ("ahead", "3.16224e+16", "3.17088e+16")),
        ({"duplicate_window": 10**12}, ("duplicate_window", "1", "16777216", "1e+12")),
        ({"duplicate_window": 10**30}, ("duplicate_window", "16777216", "1e+30")),
        ({"duplicate_window": -(10**400)}, ("duplicate_window", "16777216")),
        ({"order": "\ud800"}, ("order", "surrogate")),
        ({"lateness": "\ud800"}, ("lateness", "surrogate")),
        ({"jump_window": 3}, ("jump_window", "4", "1024", "3")),
        ({"buffer_size": 0}, ("buffer_size", "0")),
        ({"duplicate_window": 2**40}, ("duplicate_window",)),
    ],
)
def test_rules_that_cannot_be_are_refused(rules: dict[str, Any], words: tuple[str, ...]) -> None:
    """With the rule, the value and the range."""
    with pytest.raises(fc.InputError) as caught:
        fc.Engine({"sma": fc.SMA(2)}, policy=fc.Policy(**rules))
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"jumps": "a"}, ("jumps", "'a'", "None")),
        ({"jumps": [1.0]}, ("jumps", "[1.0]")),
        ({"jump_window": 4.5}, ("jump_window", "4.5", "whole")),
        ({"buffer_size": True}, ("buffer_size", "True", "whole")),
        ({"duplicate_window": "12"}, ("duplicate_window", "'12'", "whole")),
        ({"lateness": 1.5}, ("lateness", "1.5")),
        ({"ahead": 1.5}, ("ahead", "1.5")),
    ],
)
def test_rules_of_the_wrong_kind_are_refused(rules: dict[str, Any], words: tuple[str, ...]) -> None:
    """Nothing is rounded or read as a number that is none."""
    with pytest.raises(TypeError) as caught:
        fc.Engine({"sma": fc.SMA(2)}, policy=fc.Policy(**rules))
    for word in words:
        assert word in str(caught.value)


HOUR = 3600 * SECOND


@pytest.mark.parametrize("order", ["drop", "buffer"])
def test_a_tick_from_the_far_future_does_not_silence_its_symbol(order: Any) -> None:
    """It is invalid; without the rule everything after it is late."""
    times = [T0, T0 + SECOND, 5 * T0, *(T0 + i * SECOND for i in range(2, 10))]
    silenced, kept = {"accepted": 3, "late_dropped": 8}, {"accepted": 10, "invalid": 1}
    for ahead, expected in ((None, silenced), ("1h", kept)):
        engine = fc.Engine({"sma": fc.SMA(1)}, policy=fc.Policy(order=order, lateness=SECOND, ahead=ahead))
        symbol = engine.symbol("S")
        for ts in times:
            symbol.on_tick(ts, 100.0)
        engine.flush()
        if order == "drop" or ahead is not None:
            assert {key: n for key, n in engine.ledger.items() if n} == {"received": 11, **expected}
        assert symbol.last_ts == (max(times) if ahead is None else times[-1])


def test_a_real_gap_goes_on_with_its_second_tick() -> None:
    """After a weekend both are taken, in order; where ticks are rarer than that, each waits for the next."""
    engine = fc.Engine({"last": fc.SMA(1)}, policy=fc.Policy(ahead="1h"))
    symbol = engine.symbol("weekend")
    seen = []
    for ts in (T0, T0 + 49 * HOUR, T0 + 49 * HOUR + SECOND, T0 + 49 * HOUR + 2 * SECOND):
        symbol.on_tick(ts, 100.0 + len(seen))
        seen.append((symbol.outcome, symbol["last"]))
    assert seen == [("accepted", 100.0), ("held", 100.0), ("accepted", 102.0), ("accepted", 103.0)]
    assert symbol.ledger["accepted"] == 4
    rare = engine.symbol("rare")
    for i in range(20):
        rare.on_tick(T0 + i * 3 * HOUR, 100.0 + i)
    assert (rare.ledger["accepted"], rare.ledger["held"], rare["last"]) == (19, 1, 118.0)


def test_a_dropped_symbol_takes_nothing_more() -> None:
    """What it held is released and counted, its handle can be read, and the sums hold."""
    policy = fc.Policy(order="buffer", lateness="1d", ahead="1d")
    engine = fc.Engine({"last": fc.SMA(1), "bar": fc.SMA(1).on("1m")}, policy=policy)
    symbol = engine.symbol("S")
    for ts in (T0 + 2, T0 + 1, 5 * T0):
        symbol.on_tick(ts, 100.0)
    assert symbol.ledger["held"] == 3
    engine.drop("S")
    assert symbol.ledger == engine.ledger
    assert {key: n for key, n in engine.ledger.items() if n} == {"received": 3, "accepted": 2, "invalid": 1}
    for call in (
        lambda: symbol.on_tick(T0 + 9, 100.0),
        lambda: symbol.on_tick(5, 100.0),
        lambda: symbol.on_quote(T0 + 9, 99.0, 101.0),
        lambda: symbol.on_bar("1m", T0 // 60 // SECOND * 60 * SECOND, 1.0, 1.0, 1.0, 1.0),
    ):
        with pytest.raises(fc.UnknownNameError, match="symbol 'S' has been dropped"):
            call()
    assert symbol.ledger == engine.ledger
    assert (symbol["last"], symbol.outcome, symbol.name) == (100.0, "held", "S")
    again = engine.symbol("S")
    again.on_tick(T0, 101.0)
    assert again is not symbol
    assert engine.ledger["received"] == 4
    assert adds_up(engine.ledger)


def test_faces_of_guarded_engines_are_those_of_plain_ones_on_a_good_stream() -> None:
    """Guards change nothing where nothing is wrong."""
    ticks = walk_ticks(rng_of("good"), 500, SECOND)
    guarded, plain = fc.Engine(PLAN, policy=fc.Policy(duplicates="id", invalid="clamp")), fc.Engine(PLAN)
    in_batches(guarded, ticks, [])
    in_batches(plain, ticks, [])
    assert face_of(guarded) == face_of(plain)


def resealed(data: bytes, old: bytes, new: bytes, occurrence: int = 0) -> bytes:
    """A snapshot in which some bytes are others, with a checksum that fits."""
    at = -1
    for _ in range(occurrence + 1):
        at = data.index(old, at + 1)
    changed = data[:at] + new + data[at + len(new) : -4]
    crc = 0xFFFFFFFF
    for byte in changed:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return changed + struct.pack("<I", crc ^ 0xFFFFFFFF)


REAL, WHOLE = struct.Struct("<d").pack, struct.Struct("<q").pack
#: What is in a snapshot, and what can never have been there.
IMPOSSIBLE: dict[str, tuple[bytes, bytes, str]] = {
    "a NaN among the prices of a jump window": (REAL(103.25), REAL(float("nan")), "jump window"),
    "a price below zero there": (REAL(103.25), REAL(-1.0), "jump window"),
    "a held jump that is no price": (REAL(900.5), REAL(float("inf")), "jump"),
    "a waiting tick without a price": (REAL(106.75), REAL(0.0), "waits"),
    "a waiting tick from before": (WHOLE(T0 + 9 * SECOND), WHOLE(T0), "waits"),
    "a waiting tick that is due": (WHOLE(T0 + 9 * SECOND), WHOLE(T0 + SECOND), "waits"),
    "an id that is none": (WHOLE(7_000_003), WHOLE(0), "remembered"),
    "an id twice": (WHOLE(7_000_003), WHOLE(7_000_004), "remembered"),
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_a_state_that_no_ticks_leave_is_refused(what: str) -> None:
    """Each part of a policy's state is looked at when it is loaded, checksum or not."""
    policy = fc.Policy(
        order="buffer", lateness="3s", duplicates="id", duplicate_window=8, jumps=5.0, jump_window=6
    )
    engine = fc.Engine({"obv": fc.OBV()}, policy=policy)
    prices = [100.25, 101.25, 102.25, 103.25, 104.25, 105.25, 900.5, 106.75, 107.75, 108.75]
    for i, price in enumerate(prices):
        engine.symbol("S").on_tick(T0 + i * SECOND, price, 1.0, id=7_000_000 + i)
    assert engine.symbol("S").ledger["held"] == 4
    data = engine.snapshot()
    assert fc.Engine.restore(data).snapshot() == data
    old, new, words = IMPOSSIBLE[what]
    last = data.count(old) - 1
    with pytest.raises(fc.SnapshotError, match=words):
        fc.Engine.restore(resealed(data, old, new, last))


def test_a_ledger_that_does_not_add_up_is_refused() -> None:
    """One tick more received than there are in buckets."""
    engine = fc.Engine({"obv": fc.OBV()})
    for i in range(321):
        engine.symbol("S").on_tick(T0 + i, 100.0)
    with pytest.raises(fc.SnapshotError, match="add up"):
        fc.Engine.restore(resealed(engine.snapshot(), WHOLE(321), WHOLE(322)))
