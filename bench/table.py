"""The README's benchmark table, from bench/results/latest.json.

    python -m bench.table            rewrite the text between the markers
    python -m bench.table --check    exit 1 when the README does not show the results file

The misses come first and in the open; the long list is folded.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from .harness import RESULTS

START, END = "<!-- bench:start -->", "<!-- bench:end -->"
README = Path(__file__).parent.parent / "README.md"
Doc = dict[str, Any]

# id -> what a reader is told; rows that are missing from a results file are left out
HEADLINES = {
    "one_call.ten.wickra": "ten indicators on a tick, one call, against wickra's ten calls",
    "one_call.ten.ta-lib_stream": "the same against ten TA-Lib streams",
    "one_call.ten.screamer_pipeline": "the same against screamer's one push",
    "one_call.ten.csp": "the same against csp's graph, no Python in its loop",
    "one_call.update.sma.wickra": "one `SMA.update`",
    "one_call.read.item": 'reading one output, `symbol["rsi"]`',
    "tails.on_tick.p99.9": "p99.9 of the ten-indicator call, with the clock",
    "tails.on_tick.p99.99": "p99.99 of the same",
    "tails.worst_2000.donchian.falling": "worst tick of DONCHIAN(2000), falling prices",
    "batch.sma": "SMA over 1 M rows, a row",
    "batch.ema": "EMA over 1 M rows, a row",
    "batch.rsi": "RSI over 1 M rows, a row",
    "batch.numba.stddev": "STDDEV over 1 M rows, a row, against Numba",
    "batch.thousand.rsi": "RSI over 1,000 rows, one call",
    "footprint.rss_100x10": "memory of the process, 100 symbols x 10 indicators",
    "footprint.import": "import, over NumPy's",
    "state.write_1000x10": "snapshot of 1,000 symbols x 10 indicators",
    "state.restore_1000x10": "an engine from it",
    "state.bytes_1000x10": "its size",
}


def number(x: float | None) -> str:
    if x is None:
        return ""
    return f"{x:,.0f}" if abs(x) >= 100 else f"{x:.3g}"


def _ratio(row: Doc) -> str:
    return "" if row["ratio"] is None else f"{row['ratio']:.2f}x"


def _cells(row: Doc, name: str) -> str:
    met = {None: "", True: "yes", False: "**no**"}[row["met"]]
    ours = f"{number(row['value'])} {row['unit']}" if row["value"] is not None else "not measured"
    theirs = f"{row['peer']} {number(row['peer_value'])}" if row["peer_value"] is not None else row["peer"]
    return f"| {name} | {ours} | {theirs} | {_ratio(row)} | {row['target']} | {met} |"


HEAD = ["| what | fastcore | peer | ratio | target | met |", "|---|--:|---|--:|---|---|"]


def render(doc: Doc) -> str:
    """The markdown between the markers."""
    rows = {r["id"]: r for r in doc["rows"]}
    judged = [r for r in doc["rows"] if r["met"] is not None]
    missed = [r for r in judged if not r["met"]]
    m, v = doc["machine"], doc["versions"]
    peers = ", ".join(
        f"{k} {x}" for k, x in v.items() if x != "not installed" and k not in ("numpy", "fastcore-ticks")
    )
    out = [
        f"Measured {doc['date']} on {m['cpu']} ({m['cores']} cores), {m['os']}, Python {m['python']}, "
        f"NumPy {m['numpy']}; {peers}. Medians of alternating pairs in one process; "
        "ratio is the peer's time over ours, so above 1 we are faster."
        + (f" The run was ended with {doc['left']} measurements to go." if doc.get("left") else ""),
        "",
        *HEAD,
        *(_cells(rows[i], text) for i, text in HEADLINES.items() if i in rows),
        "",
        f"{len(judged) - len(missed)} of {len(judged)} targets are met."
        + (" These are not:" if missed else ""),
        "",
    ]
    if missed:
        out += [*HEAD, *(_cells(r, f"`{r['id']}`") for r in missed), ""]
    out += ["<details><summary>Every row</summary>", "", *HEAD]
    out += [_cells(r, f"`{r['id']}`") for r in doc["rows"]]
    return "\n".join([*out, "", "</details>"])


def placed(readme: str, table: str) -> str:
    """The README with the table between its markers."""
    before, found, rest = readme.partition(START)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise ValueError(f"the README needs the lines {START} and {END}, in that order")
    return f"{before}{START}\n{table}\n{END}{after}"


def main(argv: list[str] | None = None) -> int:
    p = argparse.ArgumentParser(prog="python -m bench.table", description="The README's benchmark table")
    p.add_argument("--check", action="store_true", help="write nothing; exit 1 when the README is stale")
    p.add_argument("--results", type=Path, default=RESULTS)
    p.add_argument("--readme", type=Path, default=README)
    a = p.parse_args(argv)
    if not a.results.exists():
        print(f"no {a.results.name}: run `make bench` first", file=sys.stderr)
        return 1
    try:
        old = a.readme.read_text()
        new = placed(old, render(json.loads(a.results.read_text())))
    except (OSError, ValueError, KeyError) as e:
        print(f"{type(e).__name__}: {e}", file=sys.stderr)
        return 1
    if a.check:
        if old != new:
            print(
                "the README's benchmark table is not the one of the results file: run python -m bench.table"
            )
        return int(old != new)
    a.readme.write_text(new)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
