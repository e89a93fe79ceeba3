"""Hashes of what comes out, kept for each platform: a change of one bit in any output is seen.

    make golden                 add what is new to this platform's hashes
    make golden ARGS="NAME..."  also replace these: their outputs were meant to change

The inputs are made here by whole-number arithmetic, and scaled by powers of two: they are the same bits on
every machine, with every version of NumPy.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
from samples import NAMES, ROWS, T0, Array, accepted, bits, default_params, make, smallest_params, stacked
from tick_streams import PLAN, SYMBOLS, WINDOWS

FOLDER = Path(__file__).resolve().parent / "fixtures" / "golden"
PLATFORM = "-".join((platform.system().lower(), platform.machine().lower(), platform.libc_ver()[0] or "libc"))
ROWS_EACH = 3000


@cache
def noise(seed: int, rows: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Whole numbers from -2^15 to 2^15 - 1: splitmix64."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed * 2**32) + np.arange(1, rows + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return (z ^ (z >> np.uint64(31))).view(np.int64) >> 48


def market(seed: int, level: float, step: float, rows: int = ROWS_EACH) -> dict[str, Array]:
    """Bars of a walk that begins at `level` and moves by multiples of `step`, a power of two."""
    moves = noise(seed, rows) % 17 - 8
    close = level + step * np.cumsum(np.where(noise(seed + 1, rows) % 5 == 0, 0, moves))
    open_ = np.concatenate([[level], close[:-1]])
    above, below = (step * (noise(seed + k, rows) % 7) for k in (2, 3))
    high, low = np.maximum(open_, close) + above, np.minimum(open_, close) - below
    return {
        "open": open_,
        "high": high,
        "low": low,
        "close": close,
        "volume": (1 + noise(seed + 4, rows) % 1000).astype(float),
        "ts": T0 + 1e9 * np.cumsum(noise(seed + 5, rows) % 5),
        "side": (noise(seed + 6, rows) % 3 - 1).astype(float),
        "bid": low,
        "ask": high,
        "bid_size": (noise(seed + 7, rows) % 9).astype(float),
        "ask_size": (noise(seed + 8, rows) % 9).astype(float),
    }


MARKETS = {
    "prices near 4096": (1, 4096.0, 2.0**-6),
    "prices near 1e8": (11, 1e8, 2.0**-7),
    "prices near 2^-9": (21, 2.0**-9, 2.0**-24),
}


def indicator_hash(name: str, **conventions: int) -> str:
    """Batches over markets and parameters; that every other path gives the same bits is tested elsewhere."""
    sha = hashlib.sha256()
    wide = {
        p["name"]: 37 + 4 * place if p["type"] == "int" and "convention" not in p else p["default"]
        for place, p in enumerate(ROWS[name]["params"])
    }
    for params in (one | conventions for one in (default_params(name), smallest_params(name), wide)):
        if accepted(name, params):
            for seed, level, step in MARKETS.values():
                columns = market(seed, level, step)
                outputs = make(name, params).batch(*(columns[column] for column in ROWS[name]["inputs"]))
                sha.update(bits(stacked(outputs)).tobytes())
    return sha.hexdigest()[:32]


def ticks(rows: int = 4000) -> Any:
    """A stream with late, equal and impossible ticks."""
    made = np.zeros(rows, fc.TICK)
    made["ts"] = T0 + np.cumsum(10**6 * (noise(31, rows) % 900))
    made["ts"][5::37] -= 3 * 10**9
    made["price"] = market(41, 4096.0, 2.0**-6, rows)["close"]
    made["price"][7::53] = math.nan
    made["price"][11::59] *= -1
    made["price"][13::61] *= 1.25
    made["size"] = (noise(51, rows) % 64) / 8
    made["id"] = np.arange(rows) // 2
    made["symbol"] = noise(61, rows) % len(SYMBOLS)
    return made


POLICIES = {
    "default": fc.Policy(),
    "accept": fc.Policy("accept"),
    "buffer": fc.Policy("buffer", lateness="2s", invalid="clamp"),
    "guarded": fc.Policy("drop", duplicates="value", jumps=8.0),
}


def engine_hash(policy: str) -> str:
    """Rows, buckets and ledgers of a plan with every kind of node."""
    plan = {**PLAN, **{f"{name} of 20": one for name, one in WINDOWS.items()}}
    engine = fc.Engine(plan, policy=POLICIES[policy], history=40)
    rows, outcomes = engine.on_ticks(ticks(), symbols=SYMBOLS, rows="all", outcomes=True)
    engine.flush()
    sha = hashlib.sha256(bits(rows).tobytes())
    sha.update(json.dumps([fc.OUTCOMES[code] for code in outcomes]).encode())
    for name in engine.symbols:
        symbol = engine.symbol(name)
        sha.update(bits(symbol.row).tobytes())
        sha.update(json.dumps({k: n for k, n in sorted(symbol.ledger.items()) if n}).encode())
    return sha.hexdigest()[:32]


#: Every kind of bar, with the units that it may have.
BARS = (
    "1m", "7s@+3s", "90m@America/New_York", "1d@day",
    "3tick", "25vol", "2e5value", "range:0.5", "renko:0.25",
    "tick_imbalance:4", "vol_imbalance:9", "value_imbalance:8e4",
    "tick_runs:7", "vol_runs:21", "value_runs:1e5",
    "tick_imbalance:adaptive:9", "vol_runs:adaptive:5:3",
    "5m from 1m", "10bar from 3tick", "60vol from 25vol",
    "heikin_ashi from 1m", "heikin_ashi from 10bar from 3tick",
)  # fmt: skip
BAR_POLICIES = {
    "whole": fc.Policy(),
    "split and filled": fc.Policy(large_trades="split", fill="flat", silence="10s", sequence="id"),
    "revised": fc.Policy("revise", revise_bars=40),
}


def bar_hash(spec: str) -> str:
    """Bars, revisions and the forming bar of one kind under each policy, and a plan's columns on them."""
    sha = hashlib.sha256()
    made = ticks()
    made["side"] = noise(71, len(made)) % 3 - 1
    days = {
        "day": fc.Calendar("Europe/London", "08:00", "16:30", days=fc.calendars._DAYS, years=(2023, 2024))
    }
    for policy in BAR_POLICIES.values():
        engine = fc.Engine({"sma": fc.SMA(3).on(spec)}, policy=policy, history=2000, calendars=days)
        engine.on_ticks(made[:2500], symbols=SYMBOLS)
        engine.on_gap("feed")
        engine.on_ticks(made[2500:], symbols=SYMBOLS)
        engine.on_time(int(made["ts"].max()) + 10**12)
        for name in engine.symbols:
            symbol = engine.symbol(name)
            shown = [symbol.bars(spec), symbol.forming(spec).reshape(1)]
            shown += [symbol.revisions(spec)] if policy.order == "revise" else []
            for bars in shown:
                for field in fc.BAR.names or ():
                    column = bars[field]
                    sha.update((bits(column) if column.dtype == np.float64 else column).tobytes())
            sha.update(bits(symbol.row).tobytes())
            sha.update(json.dumps(symbol.gaps).encode())
    return sha.hexdigest()[:32]


HASHES: dict[str, Callable[[], str]] = {
    **{name: (lambda name=name: indicator_hash(name)) for name in NAMES},
    **{
        f"{name}, {p['name']}={kind}": (
            lambda name=name, p=p, value=value: indicator_hash(name, **{p["name"]: value})
        )
        for name in NAMES
        for p in ROWS[name]["params"]
        if "convention" in p
        for value, kind in list(enumerate(p["choices"]))[1:]
    },
    **{f"engine, {policy}": (lambda policy=policy: engine_hash(policy)) for policy in POLICIES},
    **{f"bars, {spec}": (lambda spec=spec: bar_hash(spec)) for spec in BARS},
}


def kept(platform_name: str = PLATFORM) -> dict[str, str]:
    """The hashes of a platform; none where there is no file of it."""
    path = FOLDER / f"{platform_name}.json"
    found: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    return found


def main(replaced: list[str]) -> None:
    """Write this platform's file."""
    known = {name: value for name, value in kept().items() if name in HASHES and name not in replaced}
    made = {name: known.get(name) or hash_of() for name, hash_of in HASHES.items()}
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{PLATFORM}.json").write_text(json.dumps(dict(sorted(made.items())), indent=1) + "\n")
    print(f"{PLATFORM}: {len(made) - len(known)} of {len(made)} hashes are new")


if __name__ == "__main__":
    main(sys.argv[1:])
