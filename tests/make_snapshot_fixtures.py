"""Write snapshots of the present format, with what must follow from them, into tests/fixtures/snapshots.

Run once, when a format is new: `python tests/make_snapshot_fixtures.py NUMBER`, with the names of the
indicators whose states are new where others are not. What is there stays for ever, and the tests read it
with every later version; so nothing here overwrites a file.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import pickle
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
from golden_outputs import BARS
from samples import NAMES, ROWS, accepted, columns_of, make, rng_of, stacked
from tick_streams import PLAN, walk_ticks

FOLDER = Path(__file__).resolve().parent / "fixtures" / "snapshots"
SYMBOLS = ("BTCUSDT", "\N{EURO SIGN}:x")


def params_of(name: str, largest: bool) -> dict[str, int | float]:
    """Periods of 3 to 7, or of 9 and more: windows are kept in two ways, which meet at eight values."""
    params: dict[str, int | float] = {}
    for place, p in enumerate(ROWS[name]["params"]):
        usual = (9 + 4 * place if largest else 3 + place) if p["type"] == "int" else 1.5
        params[p["name"]] = p["default"] if "convention" in p else usual
    return params if accepted(name, params) else {p["name"]: p["default"] for p in ROWS[name]["params"]}


def every_kernel(names: Sequence[str] = NAMES) -> dict[str, fc.Indicator]:
    """Every indicator with short windows on ticks and on bars, and with long ones."""
    plan: dict[str, fc.Indicator] = {}
    for name in names:
        plan[f"{name} short"] = make(name, params_of(name, False))
        plan[f"{name} long"] = make(name, params_of(name, True))
        plan[f"{name} on bars"] = make(name, params_of(name, False)).on("2s")
    return plan


def shared_windows() -> dict[str, fc.Indicator]:
    """Indicators that read one window: of prices, of bars, of another column."""
    plan: dict[str, fc.Indicator] = {"rma": fc.RMA(4)}
    for period in (5, 20):
        group = {
            "sma": fc.SMA(period),
            "dev": fc.STDDEV(period),
            "bands": fc.BBANDS(period),
            "score": fc.ZSCORE(period),
            "wma": fc.WMA(period),
            "line": fc.LINEARREG(period),
        }
        for place, one in enumerate(group.items()):
            where = ("{} {}", "{} {} on bars", "{} {} of rma")[place % 3].format(one[0], period)
            plan[where] = (one[1], one[1].on("1s"), one[1].of("rma"))[place % 3]
            plan[f"{one[0]} {period} again"] = one[1]
    return plan


def chains() -> dict[str, fc.Indicator]:
    """Columns of columns, twins, spans written in two ways."""
    return {
        "rsi": fc.RSI(3).on("1s"),
        "twin": fc.RSI(3).on("1000ms"),
        "trend": fc.EMA(2).of("rsi"),
        "macd": fc.MACD(3, 5, 2),
        "score": fc.ZSCORE(9).of("macd.signal"),
        "stoch": fc.STOCH(3, 2, 2).of("macd.macd", "macd.signal", "macd.hist"),
        "atr": fc.ATR(2).on("1m"),
    }


def packed(values: Any, kind: str) -> str:
    """Numbers as text, bit for bit."""
    return base64.b64encode(np.ascontiguousarray(values, kind).tobytes()).decode()


def feed(engine: fc.Engine, ticks: Any) -> Any:
    """Rows after each tick, of an engine whose policy may raise."""
    return engine.on_ticks(ticks, symbols=SYMBOLS, rows="all")


def stream(seed: str, count: int) -> Any:
    """Ticks, one in seven of them late or not a price."""
    ticks = walk_ticks(rng_of("fixture", seed), count, symbols=len(SYMBOLS))
    ticks["price"][5::23] = -1.0
    ticks["ts"][9::31] -= 3_000_000_000
    ticks["price"][17::53] = np.nan
    ticks["id"] = np.arange(count) // 5 * 6 + np.arange(count) % 5 + 1
    ticks["side"] = np.arange(count) % 3 - 1
    return ticks


def every_bar() -> dict[str, fc.Indicator]:
    """A column on each kind of bar."""
    return {f"atr{i}": fc.ATR(2).on(spec) for i, spec in enumerate(BARS)}


def bar_fixtures() -> dict[str, Any]:
    """Engines with every kind of bar, under the policies that keep most."""
    lost = fc.Policy(sequence="id", silence="5s", fill="flat", large_trades="split")
    days = {"day": fc.Calendar("Europe/London", "08:00", "16:30", years=(2023, 2024))}
    policies = {"bars": None, "bars with gaps": lost, "bars revised": fc.Policy("revise", revise_bars=9)}
    return {
        name: engine_fixture(every_bar(), 150, 60, history=8, policy=policy, calendars=days)
        for name, policy in policies.items()
    }


def engine_fixture(plan: dict[str, fc.Indicator], before: int, after: int, **options: Any) -> dict[str, Any]:
    """An engine after some ticks, and its rows after those that follow."""
    engine = fc.Engine(plan, **options)
    ticks = stream(",".join(plan), before + after)
    feed(engine, ticks[:before])
    if before > 100:  # a symbol that was dropped leaves its ledger
        engine.symbol("gone").on_tick(int(ticks["ts"][0]), 1.0)
        engine.drop("gone")
    with_history = bool(options.get("history"))
    snapshot = engine.snapshot(history=with_history)
    state = {
        name: {
            "row": packed(symbol.row, "<f8"),
            "ledger": symbol.ledger,
            "outcome": symbol.outcome,
            "last_ts": symbol.last_ts,
            "snapshot": base64.b64encode(symbol.snapshot()).decode(),
            "history": {
                column: packed(symbol.history(column), "<f8") for column in engine.columns if with_history
            },
            "bars": {
                spec: hashlib.sha256(symbol.bars(spec).tobytes()).hexdigest()
                for spec in BARS
                if plan.keys() == every_bar().keys()
            },
            "gaps": symbol.gaps,
        }
        for name, symbol in ((name, engine.symbol(name)) for name in engine.symbols)
    }
    held = dict(engine.ledger)
    rest = ticks[before:]
    rows = feed(engine, rest)
    return {
        "snapshot": base64.b64encode(snapshot).decode(),
        "columns": engine.columns,
        "symbols": state,
        "ledger": held,
        "ticks": {
            "ts": packed(rest["ts"], "<i8"),
            "price": packed(rest["price"], "<f8"),
            "size": packed(rest["size"], "<f8"),
            "symbol": packed(rest["symbol"], "<u4"),
            "id": packed(rest["id"], "<i8"),
            "side": packed(rest["side"], "i1"),
        },
        "names": SYMBOLS,
        "rows": packed(rows, "<f8"),
        "ledger_after": dict(engine.ledger),
    }


def indicator_fixture(name: str, largest: bool, before: int, after: int) -> dict[str, Any]:
    """An indicator after some rows, pickled with a place in a plan, and its outputs after more rows."""
    one = make(name, params_of(name, largest))
    columns = columns_of(name, rng_of("fixture", name, largest), before + after, "grid")
    one.batch(*(column[:before] for column in columns))
    placed = one.copy()
    placed._place("5m", ["a", "b.c"])
    rest = [column[before:] for column in columns]
    value = packed(np.atleast_1d(np.asarray(one.value, float)), "<f8")
    return {
        "indicator": name,
        "params": params_of(name, largest),
        "snapshot": base64.b64encode(one._snapshot()).decode(),
        "pickle": base64.b64encode(pickle.dumps(placed, protocol=4)).decode(),
        "value": value,
        "inputs": [packed(column, "<f8") for column in rest],
        "outputs": packed(stacked(one.batch(*rest)), "<f8"),
    }


def every_engine() -> dict[str, Any]:
    """Engines with everything that a snapshot may hold."""
    accept = fc.Policy(order="accept", invalid="raise")
    buffer = fc.Policy(order="buffer", lateness="2s", buffer_size=20)
    guarded = fc.Policy(invalid="clamp", duplicates="value", jumps=6.0, jump_window=8, duplicate_window=9)
    return {
        "empty": engine_fixture({"sma": fc.SMA(3)}, 0, 20, max_symbols=7, policy=fc.Policy(order="reject")),
        "young": engine_fixture(every_kernel(), 5, 16),
        "kernels": engine_fixture(every_kernel(), 140, 16),
        "mixed": engine_fixture(dict(PLAN), 150, 40, history=8, max_symbols=3, policy=accept),
        "windows": engine_fixture(shared_windows(), 130, 40),
        "windows young": engine_fixture(shared_windows(), 13, 40),
        "chains": engine_fixture(chains(), 120, 40),
        "buffer": engine_fixture(dict(PLAN), 150, 40, policy=buffer),
        "guarded": engine_fixture(dict(PLAN), 150, 40, history=8, policy=guarded),
        **bar_fixtures(),
    }


def kernel_engines(names: Sequence[str]) -> dict[str, Any]:
    """Engines with these indicators alone."""
    return {
        "young": engine_fixture(every_kernel(names), 5, 16),
        "kernels": engine_fixture(every_kernel(names), 140, 16),
    }


def main(number: float, names: Sequence[str]) -> None:
    """Write the fixtures of format `number`, such as 2 or 2.1, where there are none yet."""
    engines = kernel_engines(names) if names else every_engine()
    indicators = [
        indicator_fixture(name, largest, before, 12)
        for name in names or NAMES
        for largest in (False, True)
        for before in (4, 61)
    ]
    for name, body in (("engines", engines), ("indicators", indicators)):
        target = FOLDER / f"format_{number}_{name}.json.gz"
        text = json.dumps({"format": number, name: body}, indent=0, ensure_ascii=False)
        with target.open("xb") as file:
            file.write(gzip.compress(text.encode(), mtime=0))
        print(target.name, target.stat().st_size)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2:])
