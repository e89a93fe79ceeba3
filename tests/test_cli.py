"""The command line: what it computes, prints and writes, and how it says no."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastcore import config
from fastcore._extras import EXTRAS
from fastcore.cli import main
from fastcore.errors import ConfigError
from fastcore.feeds.demo import bad_ticks, demo_market
from fastcore.feeds.files import read_ticks
from servers import wait_until

DATA = Path(os.environ.get("FASTCORE_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
T0_MS = 1_723_161_255_342


def data_file(name: str) -> Path:
    """A real file; without it the test fails in CI and is skipped elsewhere."""
    path = DATA / name
    if not path.exists():
        reason = f"the real ticks {name} are not in {DATA}: set FASTCORE_DATA to the folder that holds them"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands write into the current folder: give each test its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


@pytest.fixture
def trades(tmp_path: Path) -> Path:
    """400 trades of two symbols, one line of them unreadable and one of them late."""
    lines = [f"{T0_MS + 10 * i},{'AB'[i % 2]},{100 + i % 17 / 8},{1 + i % 3}" for i in range(400)]
    lines[100] = f"{T0_MS},A,oops,1"
    lines[201] = f"{T0_MS - 1},B,101,1"
    path = tmp_path / "trades.csv"
    path.write_text("\n".join(["time_ms,symbol,price,size", *lines, ""]))
    return path


def answer(capsys: pytest.CaptureFixture[str], *args: str) -> Any:
    """Run a command with --json; stdout must be JSON and nothing else."""
    assert main([*args, "--json"]) == 0
    out, _ = capsys.readouterr()
    return json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))


def refused(capsys: pytest.CaptureFixture[str], status: int, *args: str) -> str:
    """Run a command that must fail; returns its one sentence."""
    assert main(list(args)) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    assert "Traceback" not in err
    return err.strip()


def adds_up(ledger: dict[str, int]) -> bool:
    return ledger["received"] == sum(count for bucket, count in ledger.items() if bucket != "received")


# ---- run ------------------------------------------------------------------------------------------


def test_run_counts_what_the_demo_market_holds(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = answer(capsys, "run", "--ticks", "60000", "--symbols", "4", "--seed", "7", "--no-report")
    bad = bad_ticks(60_000)
    ledger = found["ledger"]
    assert adds_up(ledger)
    assert ledger["received"] == 60_000
    assert ledger["late_dropped"] == bad["late"]
    assert ledger["invalid"] == sum(bad.values()) - bad["late"]
    assert len(found["symbols"]) == 4
    assert sum(symbol["ledger"]["received"] for symbol in found["symbols"].values()) == 60_000
    assert found["report"] is None
    assert list(tmp_path.glob("*.html")) == []
    assert found["ticks_per_second"] > 0
    for stage in ("on_tick", "on_ticks", "on_tick_from_python"):
        numbers = found["latency_ns"][stage]
        assert 0 < numbers["p50"] <= numbers["p99"] <= numbers["p99.9"] <= numbers["max"]


def test_the_rows_of_a_run_do_not_depend_on_how_ticks_were_fed(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "run", "--ticks", "30000", "--symbols", "3", "--no-report")
    engine = fc.Engine(config.default_plan())
    for batch in demo_market(symbols=3, ticks=30_000, batch=30_000):
        engine.on_ticks(batch.ticks, symbols=batch.symbols)
    for name, symbol in found["symbols"].items():
        assert list(symbol["row"].values()) == list(engine.symbol(name).values())
    assert list(next(iter(found["symbols"].values()))["row"]) == list(engine.columns)


def test_run_prints_tables_and_writes_the_report(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["run", "--ticks", "20000"]) == 0
    out, err = capsys.readouterr()
    for text in (
        "20,000 ticks of 10 symbols",
        "p99.9",
        "max",
        "accepted",
        "invalid",
        "demo:BTCUSD",
        "zscore20",
    ):
        assert text in out
    assert "report: fastcore-report.html" in err
    assert "Latency" in (tmp_path / "fastcore-report.html").read_text()
    assert main(["run", "--ticks", "2000", "--report", "other.html"]) == 0
    assert (tmp_path / "other.html").exists()


@pytest.mark.parametrize("ticks", [1, 2, 63, 64, 5_000])
def test_short_runs(capsys: pytest.CaptureFixture[str], ticks: int) -> None:
    found = answer(capsys, "run", "--ticks", str(ticks), "--symbols", "1")
    assert found["ledger"]["received"] == ticks
    assert Path(found["report"]).exists()


def test_run_refuses_what_makes_no_sense(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "--ticks" in refused(capsys, 2, "run", "--ticks", "0")
    assert "--symbols" in refused(capsys, 2, "run", "--symbols", "ten")
    assert "--sede" in refused(capsys, 2, "run", "--sede", "1")
    assert "no folder" in refused(capsys, 2, "run", "--ticks", "10", "--report", "absent/report.html")
    (tmp_path / "taken.html").mkdir()
    assert "taken.html is a folder" in refused(capsys, 2, "run", "--ticks", "10", "--report", "taken.html")


# ---- replay ---------------------------------------------------------------------------------------


def test_replay_of_a_small_file(capsys: pytest.CaptureFixture[str], trades: Path) -> None:
    found = answer(capsys, "replay", str(trades))
    assert found["files"] == [str(trades)]
    assert found["ledger"] == {
        **dict.fromkeys(found["ledger"], 0),
        "received": 400,
        "accepted": 398,
        "invalid": 1,
        "late_dropped": 1,
    }
    assert list(found["symbols"]) == ["A", "B"]
    assert found["symbols"]["A"]["ledger"]["invalid"] == 1
    assert found["symbols"]["B"]["ledger"]["late_dropped"] == 1
    assert found["columns"] == list(found["symbols"]["A"]["row"])
    prices = [price for name, price in accepted(trades) if name == "A"]
    assert found["symbols"]["A"]["row"]["sma20"] == fc.sma(np.array(prices), period=20)[-1]


def accepted(path: Path) -> list[tuple[str, float]]:
    """Symbol and price of the ticks of `trades` that an engine takes."""
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    return [(row[1], float(row[2])) for i, row in enumerate(rows) if i not in (100, 201)]


def test_replay_prints_tables(capsys: pytest.CaptureFixture[str], trades: Path) -> None:
    assert main(["replay", str(trades)]) == 0
    out, _ = capsys.readouterr()
    for text in ("trades.csv", "400 ticks of 2 symbols", "late_dropped", "all that were received", "rsi14"):
        assert text in out


def test_values_that_are_not_there_yet_are_null(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    path.write_text(f"ts,price\n{T0_MS},1\n{T0_MS},2\n")
    found = answer(capsys, "replay", str(path), "--indicator", "fast=SMA(2)", "--indicator", "slow=SMA(3)")
    assert found["symbols"]["two"]["row"] == {"fast": 1.5, "slow": None}


def test_replay_with_own_indicators_on_bars_and_chained(
    capsys: pytest.CaptureFixture[str], trades: Path
) -> None:
    plan = [
        "--indicator",
        'rsi=RSI(14).on("100ms")',
        "--indicator",
        'trend=EMA(3).of("rsi")',
        "--indicator",
        "MACD",
    ]
    found = answer(capsys, "replay", str(trades), *plan)
    engine = fc.Engine({"rsi": fc.RSI(14).on("100ms"), "trend": fc.EMA(3).of("rsi"), "macd": fc.MACD()})
    assert found["columns"] == list(engine.columns)
    for batch in read_ticks(trades):
        engine.on_ticks(batch.ticks, symbols=batch.symbols)
    assert found["symbols"]["B"]["row"]["rsi"] == engine.symbol("B").values()[0]


def test_several_files_make_one_run(capsys: pytest.CaptureFixture[str], trades: Path, tmp_path: Path) -> None:
    lines = trades.read_text().splitlines(keepends=True)
    first, second = tmp_path / "1.csv", tmp_path / "2.csv.gz"
    first.write_text("".join(lines[:150]))
    second.write_bytes(gzip.compress("".join([lines[0], *lines[150:]]).encode()))
    whole = answer(capsys, "replay", str(trades))
    parts = answer(capsys, "replay", str(first), str(second), "--batch", "7")
    assert parts["symbols"] == whole["symbols"]
    swapped = answer(capsys, "replay", str(second), str(first))
    assert swapped["ledger"]["late_dropped"] > 100


def test_columns_and_symbol_by_option(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text(f"when,what\n{T0_MS},7\n")
    found = answer(
        capsys, "replay", str(path), "--column", "ts=when", "--column", "price=what", "--symbol", "XY"
    )
    assert list(found["symbols"]) == ["XY"]


def test_out_holds_every_row(capsys: pytest.CaptureFixture[str], trades: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.parquet"
    found = answer(capsys, "replay", str(trades), "--out", str(out), "--batch", "33")
    assert found["out"] == str(out)
    table = pq.read_table(out)
    assert table.schema.field("ts").type == pa.timestamp("ns", "UTC")
    assert table.column_names == ["ts", "symbol", "outcome", *found["columns"]]
    assert table.num_rows == 400
    outcomes = table.column("outcome").to_pylist()
    assert outcomes.count("accepted") == 398
    assert (outcomes[100], outcomes[201]) == ("invalid", "late_dropped")
    kept = table.filter(pa.compute.equal(table.column("outcome"), "accepted"))
    assert kept.column("symbol").to_pylist() == [name for name, _ in accepted(trades)]
    for name in "AB":
        mine = kept.filter(pa.compute.equal(kept.column("symbol"), name))
        prices = np.array([price for symbol, price in accepted(trades) if symbol == name])
        assert np.array_equal(mine.column("rsi14").to_numpy(), fc.rsi(prices, period=14), equal_nan=True)
        assert np.array_equal(
            mine.column("bbands20.upper").to_numpy(), fc.bbands(prices, period=20)[0], equal_nan=True
        )
    assert list(tmp_path.glob("*.part")) == []


def test_out_leaves_nothing_half_written(
    capsys: pytest.CaptureFixture[str], trades: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(gzip.compress(trades.read_bytes())[:-20])
    sentence = refused(capsys, 1, "replay", str(cut), "--out", "rows.parquet")
    assert "cut.csv.gz is truncated" in sentence
    assert "ticks had been read" in sentence
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.csv.gz", "trades.csv"]
    assert "is being replayed" in refused(capsys, 1, "replay", str(trades), "--out", str(trades))
    assert "no folder" in refused(capsys, 1, "replay", str(trades), "--out", "absent/rows.parquet")


def test_files_that_cannot_be_replayed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "absent.csv cannot be opened" in refused(capsys, 1, "replay", "absent.csv")
    (tmp_path / "notes.txt").write_text("x")
    assert "unknown kind" in refused(capsys, 1, "replay", "notes.txt")
    (tmp_path / "empty.csv").write_text("")
    assert "is empty" in refused(capsys, 1, "replay", "empty.csv")
    (tmp_path / "bars.csv").write_text("ts,high,low\n1,2,3\n")
    assert "--column price=NAME" in refused(capsys, 1, "replay", "bars.csv")


def test_a_replay_of_nothing_ends_with_a_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A folder that is no journal is refused; a file without a tick is told of."""
    assert "there is no journal in" in refused(capsys, 1, "replay", str(tmp_path))
    header, none, empty = tmp_path / "header.csv", tmp_path / "none.parquet", tmp_path / "empty.fct"
    header.write_text("ts,price,size\n")
    pq.write_table(pa.table({"ts": pa.array([], pa.int64()), "price": pa.array([], pa.float64())}), none)
    empty.write_bytes(b"")
    for file in (header, none, empty):
        assert main(["replay", str(file)]) == 1
        assert "there was no tick to take" in capsys.readouterr().err


def test_wrong_usage_of_replay(capsys: pytest.CaptureFixture[str], trades: Path) -> None:
    assert "files" in refused(capsys, 2, "replay").lower()
    file = str(trades)
    assert "FIELD=COLUMN" in refused(capsys, 2, "replay", file, "--column", "price")
    assert "a field of ts, price" in refused(capsys, 2, "replay", file, "--column", "prise=x")
    assert "did you mean RSI" in refused(capsys, 2, "replay", file, "--indicator", "r=RIS(14)")
    assert "did you mean BBANDS" in refused(capsys, 2, "replay", file, "--indicator", "r=BBAND(14)")
    assert "period" in refused(capsys, 2, "replay", file, "--indicator", "SMA(0)")
    assert "comes twice" in refused(
        capsys, 2, "replay", file, "--indicator", "SMA(3)", "--indicator", "SMA(4)"
    )
    assert "1parsec" in refused(capsys, 2, "replay", file, "--indicator", 'a=EMA(3).on("1parsec")')
    assert "nope" in refused(capsys, 2, "replay", file, "--indicator", 'a=EMA(3).of("nope")')
    assert "--batch" in refused(capsys, 2, "replay", file, "--batch", "0")


@pytest.mark.parametrize(
    ("name", "rows", "symbols"),
    [
        ("binance_ws_multi_20240808/trades.csv.gz", 55_270, 6),
        ("binance_ws_multi_20240808/quotes.csv.gz", 207_146, 6),
        ("es_trades_mlfinpy/es_trades_first300k.csv.gz", 300_000, 1),
        ("fx_quotes_oanda_2014/eurusd_ticks.csv.gz", 532_903, 1),
        ("fx_quotes_oanda_2014/nzdusd_ticks.csv.gz", 457_699, 1),
    ],
)
def test_real_ticks_are_all_accounted_for(
    capsys: pytest.CaptureFixture[str], name: str, rows: int, symbols: int
) -> None:
    path = data_file(name)
    with gzip.open(path) as lines:
        assert sum(1 for _ in lines) - 1 == rows
    found = answer(capsys, "replay", str(path))
    assert adds_up(found["ledger"])
    assert found["ledger"]["received"] == found["ledger"]["accepted"] == rows
    assert len(found["symbols"]) == symbols
    feed = list(read_ticks(path))
    prices: dict[str, list[float]] = {}
    for batch in feed:
        for code, price in zip(batch.ticks["symbol"].tolist(), batch.ticks["price"].tolist(), strict=True):
            prices.setdefault(batch.symbols[code], []).append(price)
    for symbol, series in prices.items():
        row = found["symbols"][symbol]["row"]
        close = np.array(series)
        assert row["ema26"] == fc.ema(close, period=26)[-1]
        assert row["rsi14"] == fc.rsi(close, period=14)[-1]
        assert row["sma20"] == pytest.approx(close[-20:].mean(), rel=1e-12)
        assert row["stddev20"] == pytest.approx((close[-20:] - close[-1]).std(), rel=1e-9, abs=1e-15)


# ---- indicators, doctor, the rest -----------------------------------------------------------------


def test_the_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    rows = answer(capsys, "indicators")
    assert [row["name"] for row in rows] == [row["name"] for row in fc.indicators()]
    assert main(["indicators"]) == 0
    out, _ = capsys.readouterr()
    assert all(row["name"] in out for row in rows)


@pytest.mark.parametrize("row", fc.indicators(), ids=lambda row: row["name"])
def test_all_about_one_indicator(capsys: pytest.CaptureFixture[str], row: Any) -> None:
    found = answer(capsys, "indicators", row["name"].lower())
    assert found["name"] == row["name"]
    assert main(["indicators", row["name"]]) == 0
    out, _ = capsys.readouterr()
    for text in (*(p["name"] for p in row["params"]), *(o["name"] for o in row["outputs"]), *row["inputs"]):
        assert text in out
    head, single, whole, engine = found["example"].splitlines()
    names = {name: 1.0 for name in row["inputs"]}
    exec("\n".join([head, single, engine]), dict(names))
    exec("\n".join([head, whole]), {name: np.full(300, 1.0) for name in names})


def test_an_unknown_indicator(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean" in refused(capsys, 2, "indicators", "RSII")
    assert "no indicator is named 'qqqqqqqq'" in refused(capsys, 2, "indicators", "qqqqqqqq")


def test_the_doctor_finds_this_installation_sound(capsys: pytest.CaptureFixture[str]) -> None:
    findings = {finding["name"]: finding for finding in answer(capsys, "doctor")}
    assert findings["answers"]["status"] == "ok"
    assert findings["native core"]["detail"] == fc.core_variant()
    assert {
        "Python",
        "NumPy",
        "fastcore",
        "clock",
        "processors",
        "huge pages",
        "extra frames",
    } <= findings.keys()
    assert main(["doctor"]) == 0


def test_the_doctor_sees_a_wrong_answer(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fc, "make", lambda _, period: fc.EMA(period))
    assert main(["doctor"]) == 1
    out, _ = capsys.readouterr()
    assert "fail" in out
    assert "install anew" in out


def test_version_help_and_completion(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("fastcore ")
    assert main(["replay", "--help"]) == 0
    assert "--indicator" in capsys.readouterr().out
    monkeypatch.setenv("_FASTCORE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "fastcore indicators BB")
    monkeypatch.setenv("COMP_CWORD", "2")
    with pytest.raises(SystemExit):
        main([])
    assert "BBANDS" in capsys.readouterr().out


def test_a_traceback_only_on_demand(capsys: pytest.CaptureFixture[str]) -> None:
    refused(capsys, 1, "replay", "absent.csv")
    with pytest.raises(ValueError, match=r"absent\.csv cannot be opened"):
        main(["replay", "absent.csv", "--debug"])


def python(*args: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *args], capture_output=True, text=True, timeout=120, **options)


def test_the_command_as_a_process(trades: Path) -> None:
    done = python("-m", "fastcore", "replay", str(trades), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["ledger"]["received"] == 400
    done = python("-m", "fastcore", "replay", "absent.csv")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "absent.csv cannot be opened: No such file or directory\n"


def without(module: str, args: list[str]) -> str:
    """Code that runs a command as if a module were not installed."""
    return (
        f"import sys; sys.modules[{module!r}] = None; from fastcore.cli import main; sys.exit(main({args!r}))"
    )


def test_a_replay_that_takes_nothing_fails(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """With its ledger, and a sentence; so does a file without ticks."""
    file = tmp_path / "bad.csv"
    file.write_text(f"ts,symbol,price\n{T0_MS},A,-1\n{T0_MS},A,x\n")
    assert main(["replay", str(file), "--json"]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["ledger"]["invalid"] == 2
    assert "no tick was taken" in told.err
    file.write_text("ts,symbol,price\n")
    assert main(["replay", str(file), "--json"]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["ledger"]["received"] == 0 and "no tick to take" in told.err


def test_names_reach_a_terminal_as_text(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Escape sequences and markup in a symbol are shown, not obeyed; in JSON they are escaped."""
    file = tmp_path / "names.csv"
    file.write_text(f"ts,symbol,price\n{T0_MS},\x1b[31mA\x9b,1\n{T0_MS},[red]B,1\n", encoding="utf-8")
    assert main(["replay", str(file)]) == 0
    told = capsys.readouterr()
    assert r"\x1b[31mA\x9b" in told.out
    assert "[red]B" in told.out
    assert main(["replay", str(file), "--json"]) == 0
    text = capsys.readouterr().out
    assert all(char.isprintable() or char == "\n" for char in text)
    assert set(json.loads(text)["symbols"]) == {"\x1b[31mA\x9b", "[red]B"}


def test_out_must_be_named_as_what_it_is(
    capsys: pytest.CaptureFixture[str], trades: Path, tmp_path: Path
) -> None:
    assert main(["replay", str(trades), "--out", str(tmp_path / "o.csv")]) != 0
    assert "Parquet" in capsys.readouterr().err
    assert not list(tmp_path.glob("o.csv*"))


@contextlib.contextmanager
def interruptible(*args: str) -> Iterator[subprocess.Popen[str]]:
    """A Python that hears Ctrl-C: a run in a shell's background ignores it, and so would its children."""
    heard = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        running = subprocess.Popen(
            [sys.executable, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    finally:
        signal.signal(signal.SIGINT, heard)
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def test_an_interrupt_is_told_in_one_word() -> None:
    with interruptible("-m", "fastcore", "run", "--ticks", "1000000000", "--no-report") as running:
        process = psutil.Process(running.pid)
        wait_until(lambda: process.cpu_times().user > 4.0, "it has begun, which takes half a second")
        assert running.poll() is None
        running.send_signal(signal.SIGINT)
        assert running.communicate(timeout=60) == ("", "interrupted\n")
        assert running.returncode == 130


@pytest.mark.parametrize(
    "module", ["fastcore._starting", "numpy", "fastcore.engine", "typer", "rich.console"]
)
def test_an_interrupt_of_its_imports_is_told_in_one_word(module: str) -> None:
    """Sent when Python says that it has imported a module: no traceback, wherever that finds the others."""
    args = ("-X", "importtime", "-m", "fastcore", "run", "--ticks", "50000000", "--no-report")
    with interruptible(*args) as running:
        assert running.stderr is not None
        told = iter(running.stderr)
        assert any(line.split()[-1:] == [module] for line in told)
        running.send_signal(signal.SIGINT)
        rest = [line for line in told if not line.startswith("import time:")]
        assert rest == ["interrupted\n"]
        assert running.wait(60) == 130


def test_a_program_that_imports_it_keeps_its_interrupts() -> None:
    """Also where its name, or its arguments, are the command's."""
    code = "import signal, sys; sys.argv = ['bin/fastcore']; before = signal.getsignal(signal.SIGINT)\n"
    code += "import fastcore; print(signal.getsignal(signal.SIGINT) is before)"
    for args in ([sys.executable, "-c", code], [sys.executable, "-c", code, "-m", "pytest", "fastcore"]):
        assert subprocess.run(args, capture_output=True, text=True, timeout=60).stdout == "True\n"


def test_a_reader_that_has_had_enough_is_no_error() -> None:
    code = f"'{sys.executable}' -m fastcore indicators --json | head -n 1"
    done = subprocess.run(["sh", "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("[\n", "")


@pytest.mark.parametrize("module", ["typer", "rich"])
def test_without_the_extra_there_is_one_sentence(module: str) -> None:
    code = (
        f"import sys; sys.modules[{module!r}] = None; from fastcore.cli import main; sys.exit(main(['run']))"
    )
    done = python("-c", code)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"the command line needs {module}, which is not installed: pip install 'fastcore-ticks[cli]'\n"
    )


def test_without_pyarrow_and_matplotlib_the_extra_is_named(trades: Path) -> None:
    for module, args, extra in (
        ("pyarrow", ["replay", str(trades)], "frames"),
        ("matplotlib", ["run", "--ticks", "100"], "report"),
    ):
        done = python("-c", without(module, args))
        assert done.returncode == 1
        assert f"fastcore-ticks[{extra}]" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_run_needs_neither_pyarrow_nor_matplotlib_for_numbers() -> None:
    code = (
        "import sys; sys.modules['pyarrow'] = sys.modules['matplotlib'] = None\n"
        "from fastcore.cli import main; sys.exit(main(['run', '--ticks', '1000', '--no-report', '--json']))"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ledger"]["received"] == 1_000


#: The modules of distributions whose name is another.
MODULES = {
    "nats-py": "nats",
    "prometheus-client": "prometheus_client",
    "py-spy": "py_spy",
    "opentelemetry-sdk": "opentelemetry",
    "opentelemetry-exporter-otlp-proto-http": "opentelemetry",
}


def test_the_extras_are_those_of_the_distribution() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    for extra, modules in EXTRAS.items():
        required = {re.split(r"[>\[]", text)[0] for text in project["optional-dependencies"][extra]}
        required = {MODULES.get(name, name) for name in required}
        assert required == set(modules)


def test_importing_fastcore_stays_light() -> None:
    heavy = ["typer", "rich", "matplotlib", "pyarrow", "pandas", "polars"]
    heavy += ["fastcore.jobs", "fastcore.feeds", "fastcore.cli", "fastcore.config"]
    done = python("-c", f"import sys, fastcore; print([m for m in {heavy!r} if m in sys.modules])")
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


# ---- indicators as text ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("SMA(5)", lambda: fc.SMA(5)),
        (" sma( period = 5 ) ", lambda: fc.SMA(5)),
        ("MACD(fast=12, slow=26, signal=9)", lambda: fc.MACD()),
        ("BBANDS(20, up=2.5, down=1)", lambda: fc.BBANDS(20, up=2.5, down=1)),
        ("RSI", lambda: fc.RSI()),
    ],
)
def test_indicators_from_text(text: str, same: Any) -> None:
    prices = np.random.default_rng(1).random(200) + 100
    left, right = config.parse_indicator(text).batch(prices), same().batch(prices)
    assert np.array_equal(np.array(left), np.array(right), equal_nan=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "RSI(",
        "RSI(14)(3)",
        "RSI(14).update(3)",
        "RSI(14).on",
        "RSI(14).on()",
        "RSI(14).on(5)",
        'RSI("x")',
        "RSI(2.5)",
        "RSI(0)",
        "RSI(periods=3)",
        "RSI(*[14])",
        "RSI(**{'period': 14})",
        "RSI([14])",
        "RSI(None)",
        "RSI(1+1j)",
        "RSI(x)",
        "__import__('os').getcwd()",
        "os.system('true')",
        "Engine({})",
        "indicators()",
        "lambda: RSI(14)",
        "RSI(14) if 1 else 2",
        "RSI(14); SMA(3)",
        "(" * 450,
        "RSI(" + "-" * 450 + "1)",
        "-" * 450 + "RSI()",
        "1 + 2",
        "RSI() + 'x'",
        "30 < RSI() < 70",
        "RSI() and SMA(3)",
        "RSI() ** 2",
        "(RSI() - 1).of('x')",
        "RSI()['nothing']",
        "maximum(RSI())",
        "price('nothing')",
        "column(5)",
        "nothing(RSI())",
        "sqrt(RSI(), out=1)",
        "R\0SI(14)",
        "S" * 600,
    ],
)
def test_text_that_is_no_indicator_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse_indicator(text)
    assert 10 < len(str(caught.value)) < 800
    assert "\n" not in str(caught.value)


def formulas() -> list[Any]:
    fast, slow = fc.EMA(12), fc.EMA(26).on("1m")
    return [
        (fast - fc.EMA(26)) / fc.ATR(14),
        -5.0 / (fast * -2.5) + 1e-300,
        np.maximum(np.sqrt(abs(-fast)), np.log(fast) - np.exp(fast)) >= np.minimum(fast, 3),
        100 - fc.column("rsi"),
        (fc.price("high") + fc.price("low")) / 2,
        fc.price("close").on("1m") > slow,
        fc.MACD()["hist"] * 2,
        fc.EMA(5).of(fc.MACD()["hist"] * 100),
        fc.ATR(5).of("a", "b", fc.SMA(3) - 1),
        fc.function(lambda x: 2 * x, name="doubled_text").of(fc.SMA(3)) - 1,
        fc.STDDEV(20, ddof="sample") < 0.5,
    ]


@pytest.mark.parametrize("formula", formulas(), ids=repr)
def test_a_formula_is_read_from_what_it_writes(formula: Any) -> None:
    again = config.parse_indicator(repr(formula))
    assert repr(again) == repr(formula) and type(again) is type(formula)


def test_a_formula_from_text_has_the_bits_of_python() -> None:
    prices = np.random.default_rng(1).random(200) + 100
    left = config.parse_indicator("(ema(5) - SMA(3)) * -2 < 0.0").values(prices)
    right = ((fc.EMA(5) - fc.SMA(3)) * -2 < 0.0).values(prices)
    assert np.array_equal(left, right, equal_nan=True) and 0.0 in left and 1.0 in left
    assert list(config.parse_plan(["low=30 - RSI()"])) == ["low"]
    with pytest.raises(ConfigError, match="name"):
        config.parse_plan(["30 - RSI()"])


def test_the_default_plan_makes_an_engine() -> None:
    engine = fc.Engine(config.default_plan())
    assert len(config.DEFAULT_PLAN) == 10
    assert {column.partition(".")[0] for column in engine.columns} == set(config.DEFAULT_PLAN)


def test_a_shell_completes_commands() -> None:
    """By what `--install-completion` writes into the shell's own file."""
    command = [sys.executable, "-m", "fastcore"]
    asked = {
        **os.environ,
        "_FASTCORE_COMPLETE": "complete_bash",
        "COMP_WORDS": "fastcore re",
        "COMP_CWORD": "1",
    }
    told = subprocess.run(command, env=asked, capture_output=True, text=True, timeout=60)
    assert set(told.stdout.split()) == {"report", "replay"}
    # In a shell, since which one it is asked from is what it looks for.
    line = f"{shlex.join(command)} --show-completion; true"
    shown = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60)
    assert "complete -o default -F _fastcore_completion fastcore" in shown.stdout, shown.stderr
