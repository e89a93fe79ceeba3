"""Late and repeated ticks under a table of policies: the ledger and the bars of each, by hand."""

from __future__ import annotations

from typing import Any

import fastcore as fc
import numpy as np
import pytest
from samples import MINUTE, SECOND, T0
from tick_streams import adds_up

START = T0 // MINUTE * MINUTE
Bar = tuple[float, float, float, float, float, int]  # open, high, low, close, volume, count

#: Second, price, size, id.
TICKS = (
    (10, 100.0, 1.0, 1),
    (20, 101.0, 2.0, 2),
    (20, 101.0, 2.0, 3),  # time, price and size of the one before
    (40, 102.0, 1.0, 4),
    (30, 99.0, 1.0, 5),  # late, in the minute that forms
    (70, 103.0, 1.0, 6),
    (50, 98.0, 2.0, 7),  # late, its minute has closed
    (80, 104.0, 1.0, 6),  # the id of one before
    (80, np.nan, 1.0, 8),
    (130, 105.0, 1.0, 9),
    (75, 97.0, 1.0, 10),  # 55 s late
    (190, 106.0, 1.0, 11),
)

IN_ORDER = ((100.0, 102.0, 98.0, 98.0, 9.0, 6), (103.0, 104.0, 97.0, 104.0, 3.0, 3))
PLAIN = ((100.0, 102.0, 100.0, 102.0, 6.0, 4), (103.0, 104.0, 103.0, 104.0, 2.0, 2))

#: Rules; buckets; bars of two minutes; last prices of the bars of three ticks; revisions of the minutes.
MATRIX: dict[str, tuple[dict[str, Any], dict[str, int], tuple[Bar, Bar], list[float], list[int]]] = {
    "drop": ({}, {"accepted": 8, "late_dropped": 3, "invalid": 1}, PLAIN, [101, 104], [0, 0]),
    "reject": (
        {"order": "reject"},
        {"accepted": 8, "rejected": 3, "invalid": 1},
        PLAIN,
        [101, 104],
        [0, 0],
    ),
    "accept": (  # what is late is taken where it stands: in the bar that forms
        {"order": "accept"},
        {"accepted": 8, "late_accepted": 3, "invalid": 1},
        ((100.0, 102.0, 99.0, 99.0, 7.0, 5), (103.0, 104.0, 98.0, 104.0, 4.0, 3)),
        [101, 103, 105],
        [0, 0],
    ),
    "buffer a minute": (
        {"order": "buffer", "lateness": "60s"},
        {"accepted": 11, "invalid": 1},
        IN_ORDER,
        [101, 98, 104],
        [0, 0],
    ),
    "buffer 20 seconds": (
        {"order": "buffer", "lateness": "20s"},
        {"accepted": 10, "late_dropped": 1, "invalid": 1},
        (IN_ORDER[0], PLAIN[1]),
        [101, 98, 105],
        [0, 0],
    ),
    "buffer one tick": (  # the buffer is full sooner: the second minute's late tick is lost
        {"order": "buffer", "lateness": "60s", "buffer_size": 1},
        {"accepted": 10, "late_dropped": 1, "invalid": 1},
        (IN_ORDER[0], PLAIN[1]),
        [101, 98, 105],
        [0, 0],
    ),
    "revise": (
        {"order": "revise"},
        {"accepted": 8, "late_accepted": 3, "invalid": 1},
        IN_ORDER,
        [101, 98, 104],
        [1, 1],
    ),
    "duplicates by value": (
        {"duplicates": "value"},
        {"accepted": 7, "late_dropped": 3, "duplicate": 1, "invalid": 1},
        ((100.0, 102.0, 100.0, 102.0, 4.0, 3), PLAIN[1]),
        [102, 105],
        [0, 0],
    ),
    "duplicates by id": (
        {"duplicates": "id"},
        {"accepted": 7, "late_dropped": 3, "duplicate": 1, "invalid": 1},
        (PLAIN[0], (103.0, 103.0, 103.0, 103.0, 1.0, 1)),
        [101, 105],
        [0, 0],
    ),
    "duplicates by id, of which one is remembered": (  # a late tick came between the two
        {"duplicates": "id", "duplicate_window": 1},
        {"accepted": 8, "late_dropped": 3, "invalid": 1},
        PLAIN,
        [101, 104],
        [0, 0],
    ),
    "buffer and duplicates by value": (
        {"order": "buffer", "lateness": "60s", "duplicates": "value"},
        {"accepted": 10, "duplicate": 1, "invalid": 1},
        ((100.0, 102.0, 98.0, 98.0, 7.0, 5), IN_ORDER[1]),
        [99, 103, 105],
        [0, 0],
    ),
    "revise and duplicates by id": (
        {"order": "revise", "duplicates": "id"},
        {"accepted": 7, "late_accepted": 3, "duplicate": 1, "invalid": 1},
        (IN_ORDER[0], (103.0, 103.0, 97.0, 97.0, 2.0, 2)),
        [101, 98, 105],
        [1, 1],
    ),
    "clamp": (
        {"invalid": "clamp"},
        {"accepted": 9, "late_dropped": 3},
        (PLAIN[0], (103.0, 104.0, 103.0, 104.0, 3.0, 3)),
        [101, 104, 106],
        [0, 0],
    ),
}


def ticks() -> Any:
    """The stream as an array."""
    made = np.zeros(len(TICKS), fc.TICK)
    for field, column in zip(("ts", "price", "size", "id"), zip(*TICKS, strict=True), strict=True):
        made[field] = column
    made["ts"] = START + made["ts"] * SECOND
    return made


@pytest.mark.parametrize("size", [1, 5, len(TICKS)])
@pytest.mark.parametrize("name", MATRIX)
def test_late_and_repeated_ticks_go_where_the_policy_says(name: str, size: int) -> None:
    """Ledger and bars, whatever the batches; the fourth minute is the same for all, the third but for one."""
    rules, buckets, minutes, closes, revisions = MATRIX[name]
    plan = {"last": fc.SMA(1).on("1m"), "third": fc.SMA(1).on("3tick")}
    engine = fc.Engine(plan, history=10, policy=fc.Policy(**rules))
    for at in range(0, len(TICKS), size):
        engine.on_ticks(ticks()[at : at + size], symbols=["S"])
    engine.flush()
    symbol = engine.symbol("S")
    ledger = symbol.ledger
    assert adds_up(ledger)
    assert {bucket: n for bucket, n in ledger.items() if n and bucket != "received"} == buckets
    bars = symbol.bars("1m")
    fields = ["open", "high", "low", "close", "volume", "count"]
    third = (105.0, 105.0, 97.0, 97.0, 2.0, 2) if name == "accept" else (105.0, 105.0, 105.0, 105.0, 1.0, 1)
    assert bars[fields].tolist() == [*minutes, third]
    assert bars["ts"].tolist() == [START, START + MINUTE, START + 2 * MINUTE]
    assert bars["revision"].tolist() == [*revisions, 0]
    assert symbol.forming("1m")[fields].tolist() == (106.0, 106.0, 106.0, 106.0, 1.0, 1)
    assert symbol.bars("3tick")["close"].tolist() == closes
    assert symbol["last"] == third[3]
    assert symbol["third"] == closes[-1]
