"""The command line about journals: ls, verify, cat, and replay of a journal's folder."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastcore as fc
import pytest
from fastcore.cli import main
from samples import SECOND, T0

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The journal of an engine that took a tick, a quote, a bar, and a checkpoint."""
    monkeypatch.setenv("COLUMNS", "120")
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        path = Path(name, "btc")
        journal = fc.Journal(path, segment_bytes=65536)
        engine = fc.Engine({"sma": fc.SMA(2), "ema": fc.EMA(2).on("1m")}, journal=journal)
        btc = engine.symbol("BTC")
        btc.on_tick(T0, 100.5, 2.0, side=1, id=7)
        btc.on_tick(T0 + 1, float("nan"), 1.0)
        btc.on_quote(T0 + SECOND, 100.0, 101.0, 3.0, 4.0)
        btc.on_bar("1m", T0 + 600 * SECOND, 1.0, 3.0, 0.5, 2.0, 9.0)
        engine.checkpoint()
        journal.note("a word")
        journal.close()
        yield path


def answer(capsys: pytest.CaptureFixture[str], status: int, *args: str) -> Any:
    """Run a command with --json."""
    assert main([*args, "--json"]) == status
    return json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))


def damaged(folder: Path) -> None:
    """Flip a bit of the first tick."""
    file = folder / "journal-00000001.fcj"
    data = bytearray(file.read_bytes())
    data[180] ^= 1
    file.write_bytes(data)


def test_ls_lists_the_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Segments and snapshots, whole and damaged."""
    found = answer(capsys, 0, "journal", "ls", str(folder))
    assert [one["file"] for one in found["segments"]] == ["journal-00000001.fcj"]
    assert found["segments"][0]["first"] == 1
    assert found["segments"][0]["header"] == "sound"
    assert found["segments"][0]["synced_sequence"] == 6
    assert [(one["sequence"], one["sound"]) for one in found["snapshots"]] == [(0, True), (5, True)]
    newest = folder / found["snapshots"][-1]["file"]
    newest.write_bytes(newest.read_bytes()[:-1])
    assert main(["journal", "ls", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "journal-00000001.fcj" in out
    assert "sound" in out
    assert "cut or damaged" in out


def test_cat_prints_every_record(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its fields; a note's text, a place of damage."""
    assert main(["journal", "cat", str(folder)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1 make symbol=BTC",
        f"2 tick symbol=BTC ts={T0} price=100.5 size=2.0 side=1 id=7",
        f"3 tick symbol=BTC ts={T0 + 1} price=nan size=1.0 side=0 id=0",
        f"4 quote symbol=BTC ts={T0 + SECOND} bid=100.0 ask=101.0 bid_size=3.0 ask_size=4.0",
        f"5 bar symbol=BTC span=1m ts={T0 + 600 * SECOND} open=1.0 high=3.0 low=0.5 close=2.0 volume=9.0",
        "6 note a word",
    ]
    assert main(["journal", "cat", str(folder), "--start", "3", "--last", "4", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["sequence"] for row in rows] == [3, 4]
    assert rows[0]["price"] == "nan"
    damaged(folder)
    assert main(["journal", "cat", str(folder)]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("- damage journal-00000001.fcj, byte ")


def test_verify_says_what_is_not_sound(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And ends with 1."""
    verdict = answer(capsys, 0, "journal", "verify", str(folder))
    assert verdict["sound"]
    assert verdict["records"] == verdict["last"] == 6
    assert verdict["kinds"] == {"make": 1, "tick": 2, "quote": 1, "bar": 1, "note": 1}
    damaged(folder)
    verdict = answer(capsys, 1, "journal", "verify", str(folder))
    assert not verdict["sound"]
    assert [(one["first_missing"], one["missing"]) for one in verdict["damage"]] == [(2, 1)]
    assert main(["journal", "verify", str(folder)]) == 1
    out = capsys.readouterr().out
    assert "record 2 is missing" in out
    assert "not sound" in out


def test_replay_plays_a_journal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Through a plan of one's own, with quotes and bars."""
    plan = ["--indicator", "sma=SMA(2)", "--indicator", "ema=EMA(2).on('1m')"]
    result = answer(capsys, 0, "replay", str(folder), *plan)
    assert result["ledger"]["received"] == 4
    assert result["symbols"]["BTC"]["row"]["sma"] == 100.5
    assert main(["replay", str(folder), *plan, "--speed", "1e9"]) == 0
    assert "4 ticks of 1 symbols" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (["journal", "ls", "none"], 1, "there is no journal none"),
        (["journal", "verify", "none"], 1, "there is no journal none"),
        (["journal", "cat", "."], 1, "there is no journal in .: it holds no segment and no snapshot"),
        (["replay", ".", "--out", "x.parquet"], 2, "--out is for files"),
        (["replay", "."], 1, "it holds no segment and no snapshot"),
        (["replay", "one.csv", "--speed", "0"], 1, "speed must be above 0"),
    ],
)
def test_what_is_no_journal_is_refused(
    args: list[str],
    status: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In one sentence."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.csv").write_text("ts,price\n1700000000,1.0\n")
    assert main(args) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert said in err
