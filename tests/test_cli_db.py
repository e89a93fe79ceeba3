"""`fastcore db`: upgrade, stats, explain and slow, as a user calls them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from databases import bar_columns, opened
from fastcore.cli import main
from fastcore.store import Database, Observer, append, scan, schema
from servers import free_port


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "150")
    return tmp_path


@pytest.fixture
def url(fresh_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database of its own, named as the environment names it."""
    monkeypatch.setenv("FASTCORE_DATABASE", fresh_url)
    return fresh_url


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert main(["db", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def fill(url: str, count: int = 2000) -> None:
    async def work() -> None:
        async with opened(url) as database:
            async with database.begin() as connection:
                for name in ("BTC", "ETH"):
                    await append(connection, schema.bars, bar_columns(name, 0, count))
            async with database.begin() as connection:
                await connection.execute(sa.text("ANALYZE"))

    asyncio.run(work())


def test_upgrade_goes_up_and_down_and_says_from_where(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    first = answer(capsys, "upgrade")
    assert (first["before"], first["after"]) == (None, "0004")
    assert main(["db", "upgrade"]) == 0
    assert "is of revision 0004; nothing to do" in capsys.readouterr().err
    assert main(["db", "upgrade", "--down", "--to", "0001"]) == 0
    assert "from 0004 to 0001" in capsys.readouterr().err.replace("\n", " ")
    assert answer(capsys, "upgrade", "--to", "0002")["after"] == "0002"
    assert main(["db", "upgrade", "--down"]) == 2
    assert "--down needs --to" in capsys.readouterr().err
    assert main(["db", "upgrade", "--to", "nonsense"]) == 1
    assert "cannot be brought to revision nonsense" in capsys.readouterr().err


def test_stats_show_tables_and_advice(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    fill(url)
    about = answer(capsys, "stats")
    assert about["revision"] == "0004"
    assert {"bars", "ticks", "symbols"} <= {one["name"] for one in about["tables"]}
    assert about["pool"]["advice"] == about["advice"] == []
    assert main(["db", "stats"]) == 0
    shown = capsys.readouterr().out
    assert "indicator_values" in shown
    assert "revision 0004" in shown


def test_explain_shows_a_plan_and_an_index_that_would_help(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(url)
    good = answer(capsys, "explain", "latest-bars")
    assert good["advice"] == []
    assert any(step["kind"] == "index" and step["table"] == "bars" for step in good["steps"])
    bad = answer(capsys, "explain", "SELECT * FROM bars WHERE volume = 0.5")
    assert [one["statement"] for one in bad["advice"]] == ["CREATE INDEX ix_bars_volume ON bars (volume)"]
    assert main(["db", "explain", "SELECT * FROM bars WHERE volume = 0.5"]) == 0
    assert "CREATE INDEX ix_bars_volume" in capsys.readouterr().out
    assert main(["db", "explain", "DROP TABLE bars"]) == 1
    assert "must begin with one of SELECT, WITH" in capsys.readouterr().err
    assert main(["db", "explain", "SELECT 1; DROP TABLE bars"]) == 1
    assert "cannot be explained" in capsys.readouterr().err
    assert len(answer(capsys, "explain", "scan-bars")["lines"]) > 0


def test_slow_reads_the_file_that_an_observer_wrote(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "slow.jsonl"

    async def work() -> None:
        async with Database(url, observer=Observer(slow=0, file=log)) as database:
            await database.upgrade()
            for _ in range(3):
                async with database.connect() as connection:
                    await scan(connection, schema.bars, "secret name", 0, 1)

    asyncio.run(work())
    found = answer(capsys, "slow", "--log", str(log), "--most", "100")
    mine = next(one for one in found if "FROM bars JOIN" in one["statement"])
    assert mine["calls"] == 3
    assert mine["plan"]
    assert "test_cli_db.py" in mine["site"]
    assert "secret name" not in json.dumps(found)
    assert main(["db", "slow", "--log", str(log)]) == 0
    assert "test_cli_db.py" in capsys.readouterr().out
    assert main(["db", "slow", "--log", "nowhere"]) == 2
    assert "there is no file of slow calls nowhere" in capsys.readouterr().err


def test_slow_reads_the_server_s_own_counts(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    fill(url, 10)
    assert main(["db", "slow"]) == 1
    error = " ".join(capsys.readouterr().err.split())
    if url.startswith("sqlite"):
        assert "SQLite keeps no counts; give --log FILE" in error
        return
    assert "the extension pg_stat_statements is not there" in error

    async def work() -> None:
        async with Database(url) as database, database.begin() as connection:
            await connection.execute(sa.text("CREATE EXTENSION pg_stat_statements"))

    asyncio.run(work())
    assert len(answer(capsys, "slow", "--most", "3")) == 3
    assert main(["db", "slow"]) == 0
    assert "calls," in capsys.readouterr().out


@pytest.mark.parametrize("command", [["stats"], ["explain", "latest-bars"], ["slow"]])
def test_a_file_is_not_made_by_being_looked_at(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["db", *command, "--url", "sqlite:///missing.db"]) == 1
    assert "there is no database sqlite" in capsys.readouterr().err
    assert not Path(tmp_path, "missing.db").exists()


def test_no_secret_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    for url in (f"postgresql://u:secret@127.0.0.1:{free_port()}/x", "mysql://u:secret@h/x"):
        for command in (["stats"], ["upgrade"], ["explain", "SELECT 1"]):
            assert main(["db", *command, "--url", url]) in (1, 2)
            said = capsys.readouterr()
            assert "secret" not in said.err + said.out
            assert len(said.err.strip()) > 20


def test_a_database_of_a_newer_revision_is_told(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    fill(url, 10)

    async def work() -> None:
        async with Database(url) as database, database.begin() as connection:
            await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))

    asyncio.run(work())
    assert main(["db", "upgrade"]) == 1
    assert "9999" in capsys.readouterr().err


def test_names_complete_with_tab() -> None:
    from fastcore.db_commands import _named, _revisions

    assert _revisions("00") == ["0001", "0002", "0003", "0004"]
    assert _revisions("h") == ["head"]
    assert _named("scan") == ["scan-ticks", "scan-bars", "scan-values"]
