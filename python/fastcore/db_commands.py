"""`fastcore db`: bring a database to this version, and see how it is, what is slow, and why."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from fastcore import console
from fastcore._extras import require
from fastcore.errors import ConfigError, StoreError

__all__ = ["app"]

app = typer.Typer(
    name="db",
    help="Look after the database of ticks, bars, values and signals.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Answer = TypeVar("Answer")
DEFAULT = "sqlite:///fastcore.db"
#: Queries of the store by name, as `explain` takes them: what they ask, with parameters that any table has.
NAMED = {
    "latest-bars": "SELECT * FROM bars WHERE symbol_id = 1 AND span = '1m' ORDER BY ts DESC LIMIT 100",
    "scan-ticks": "SELECT * FROM ticks WHERE symbol_id = 1 AND ts >= 0 AND ts < 1 ORDER BY ts, id",
    "scan-bars": "SELECT * FROM bars WHERE symbol_id = 1 AND span = '1m' AND ts >= 0 AND ts < 1 ORDER BY ts",
    "scan-values": (
        "SELECT ts, value FROM indicator_values "
        "WHERE symbol_id = 1 AND name = 'rsi' AND ts >= 0 AND ts < 1 ORDER BY ts"
    ),
    "signals": "SELECT * FROM signals WHERE symbol_id = 1 AND ts >= 0 ORDER BY ts",
}


def _revisions(incomplete: str) -> list[str]:
    folder = Path(__file__).parent / "store" / "migrations" / "versions"
    known = [file.name[:4] for file in sorted(folder.glob("[0-9]*.py"))]
    return [one for one in (*known, "head", "base") if one.startswith(incomplete)]


def _named(incomplete: str) -> list[str]:
    return [name for name in NAMED if name.startswith(incomplete)]


Url = Annotated[
    str,
    typer.Option(
        envvar="FASTCORE_DATABASE",
        show_envvar=True,
        help="sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/NAME.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def _with(url: str, ask: Callable[[Any], Awaitable[Answer]], *, must_be: bool = True) -> Answer:
    """Open a database, ask it, close it; a SQLite file is not made by being looked at."""
    require("sqlalchemy", "store", "fastcore db")
    from fastcore.store import Database, Observer

    async def main() -> Answer:
        # What is slow here is the command's own, and no news.
        async with Database(url, observer=Observer(slow=3600)) as database:
            file = database.engine.url.database
            if must_be and database.is_sqlite and not Path(file or "").is_file():
                raise StoreError(f"there is no database {database.shown}: fastcore db upgrade makes it")
            return await ask(database)

    return asyncio.run(main())


@app.command("upgrade")
def upgrade_command(
    to: Annotated[
        str,
        typer.Option(help="The revision; 'head' is the newest.", autocompletion=_revisions),
    ] = "head",
    down: Annotated[
        bool, typer.Option("--down", help="Go back to an earlier revision: what it does not know is dropped.")
    ] = False,
    url: Url = DEFAULT,
    as_json: Json = False,
) -> None:
    """Bring the tables to this version; a SQLite file is made."""
    if down and to == "head":
        raise ConfigError("--down needs --to with the revision to go back to")

    async def ask(database: Any) -> dict[str, Any]:
        before = await database.revision()
        await (database.downgrade if down else database.upgrade)(to)
        return {"url": database.shown, "before": before, "after": await database.revision()}

    answer = _with(url, ask, must_be=down)
    if as_json:
        console.show_json(answer)
    elif answer["before"] == answer["after"]:
        console.note(f"{answer['url']} is of revision {answer['after']}; nothing to do")
    else:
        before, after = (answer[key] or "no tables" for key in ("before", "after"))
        console.note(f"{answer['url']}: from {before} to {after}")


@app.command("stats")
def stats_command(url: Url = DEFAULT, as_json: Json = False) -> None:
    """Tell how large the database is, how its tables and indexes are used, and which connections it has."""

    async def ask(database: Any) -> dict[str, Any]:
        from fastcore.store import advise, sizing, statistics

        about = await statistics(database)
        sized = await sizing(database)
        return {
            **about,
            "pool": {"most": sized["most"], "advice": sized["advice"]},
            "advice": [one._asdict() for one in await advise(database)],
        }

    answer = _with(url, ask)
    console.show_json(answer) if as_json else console.show_database(answer)


@app.command("explain")
def explain_command(
    statement: Annotated[
        str,
        typer.Argument(
            help=f"SQL that reads, or one of the store's own queries: {', '.join(NAMED)}.",
            autocompletion=_named,
        ),
    ],
    analyze: Annotated[
        bool, typer.Option("--analyze", help="Carry it out and measure (PostgreSQL); nothing is kept.")
    ] = False,
    url: Url = DEFAULT,
    as_json: Json = False,
) -> None:
    """Show how a query is carried out, and whether an index would help."""

    async def ask(database: Any) -> dict[str, Any]:
        from fastcore.store import explain
        from fastcore.store.advice import advise_plan

        text = NAMED.get(statement, statement)
        plan = await explain(database, text, analyze=analyze)
        advice = await advise_plan(database, plan, text)
        return {
            "statement": text,
            "lines": plan.lines,
            "shape": plan.shape,
            "steps": [asdict(step) for step in plan.steps],
            "advice": [one._asdict() for one in advice],
        }

    answer = _with(url, ask)
    console.show_json(answer) if as_json else console.show_plan(answer)


@app.command("slow")
def slow_command(
    most: Annotated[int, typer.Option(min=1, max=1000, help="Statements to show.")] = 20,
    log: Annotated[
        Path | None,
        typer.Option(help="A file of slow calls that an Observer wrote, instead of the server's counts."),
    ] = None,
    url: Url = DEFAULT,
    as_json: Json = False,
) -> None:
    """Show what takes the time: PostgreSQL's own counts of statements, or a file of slow calls."""
    found = _from_log(log, most) if log is not None else _from_server(url, most)
    console.show_json(found) if as_json else console.show_slow(found)


def _from_log(log: Path, most: int) -> list[dict[str, Any]]:
    require("sqlalchemy", "store", "fastcore db")
    from fastcore.store.observer import SlowFile

    if not log.is_file():
        raise ConfigError(f"there is no file of slow calls {log}: Observer(file=...) writes it")
    groups: dict[str, list[Any]] = {}
    for one in SlowFile(log).read():
        groups.setdefault(one.statement, []).append(one)
    found = [
        {
            "statement": statement,
            "calls": len(calls),
            "total_ns": sum(one.ns for one in calls),
            "mean_ns": sum(one.ns for one in calls) // len(calls),
            "max_ns": max(one.ns for one in calls),
            "site": calls[-1].site,
            "plan": next((one.plan for one in reversed(calls) if one.plan), []),
            "plan_changes": sum(one.plan_changed for one in calls),
        }
        for statement, calls in groups.items()
    ]
    return sorted(found, key=lambda one: -int(one["total_ns"]))[:most]


def _from_server(url: str, most: int) -> list[dict[str, Any]]:
    async def ask(database: Any) -> list[dict[str, Any]]:
        from fastcore.store import slowest

        found = await slowest(database, most)
        if found is None:
            where = (
                "SQLite keeps no counts"
                if database.is_sqlite
                else "the extension pg_stat_statements is not there"
            )
            raise StoreError(f"{database.shown}: {where}; give --log FILE, as Observer(file=FILE) writes it")
        return list(found)

    return _with(url, ask)
