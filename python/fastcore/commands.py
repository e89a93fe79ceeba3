"""The commands of `fastcore`: their arguments, and which job and which view they call."""

from __future__ import annotations

import enum
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

import fastcore
from fastcore import (
    catalogue,
    config,
    console,
    db_commands,
    jobs,
    journal_files,
    perf_commands,
    serve_commands,
    shm_commands,
)
from fastcore._extras import require
from fastcore._machine import version
from fastcore._other_names import OTHER_NAMES
from fastcore.doctor import examine
from fastcore.errors import ConfigError
from fastcore.feeds._columns import FIELDS
from fastcore.feeds.convert import convert

__all__ = ["app", "run"]

app = typer.Typer(
    name="fastcore",
    help="Streaming technical indicators: every indicator of a symbol in one native call.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(shm_commands.app)
app.add_typer(serve_commands.keys_app, name="keys")
app.command("serve")(serve_commands.serve_command)
app.add_typer(perf_commands.alerts_app)
app.command("report")(perf_commands.report_command)
app.command("profile")(perf_commands.profile_command)
app.command("stages")(perf_commands.stages_command)
app.add_typer(db_commands.app)

journal_app = typer.Typer(
    help="Look into a journal: its files, their soundness, its records.", no_args_is_help=True
)
app.add_typer(journal_app, name="journal")


class Executor(enum.Enum):
    """Where a backfill runs."""

    local = "local"
    ray = "ray"
    dask = "dask"


Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def run(args: Sequence[str]) -> int:
    """Run a command; exceptions come out, for `cli.main` to turn into sentences."""
    try:
        status = app(args=list(args), prog_name="fastcore", standalone_mode=False)
    except typer.Abort:  # what older versions of Typer make of Ctrl-C
        return 130
    return status if isinstance(status, int) else 0


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fastcore {version()}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop."),
    ] = False,
    _debug: Annotated[
        bool, typer.Option("--debug", help="Show a traceback when something goes wrong.")
    ] = False,
) -> None:
    pass


@app.command("run")
def run_command(
    ticks: Annotated[int, typer.Option(min=1, help="Length of the demo market.")] = 1_000_000,
    symbols: Annotated[int, typer.Option(min=1, max=100_000, help="How many instruments.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same ticks.")] = 1,
    report: Annotated[Path, typer.Option(help="Where the HTML report goes.")] = Path("fastcore-report.html"),
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no report.")] = False,
    as_json: Json = False,
) -> None:
    """Run a demo market through ten indicators, and measure it."""
    if not no_report:
        _check_report(report)
    with console.progress("demo market", "ticks") as move:
        result = jobs.run_demo(ticks=ticks, symbols=symbols, seed=seed, progress=move)
    written = None
    if not no_report:
        from fastcore.report import write_report  # here: it is not needed without a report

        written = str(write_report(report, result))
    if as_json:
        console.show_json({**result.to_json(), "report": written})
    else:
        console.show_run(result)
        if written:
            console.note(f"report: {written}")


def _check_report(path: Path) -> None:
    """Fail before the run, not after it."""
    require("matplotlib", "report", "writing a report")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"the report cannot be written: there is no folder {path.parent}")
    if path.is_dir():
        raise ConfigError(f"the report cannot be written: {path} is a folder")


@app.command("replay")
def replay_command(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="CSV, CSV.gz or Parquet files, in the order in which to replay them; or a journal."
        ),
    ],
    column: Annotated[
        list[str] | None,
        typer.Option(help=f"FIELD=COLUMN, where a name is not found by itself; fields: {', '.join(FIELDS)}."),
    ] = None,
    symbol: Annotated[str | None, typer.Option(help="Symbol of files without a symbol column.")] = None,
    indicator: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=INDICATOR, such as 'rsi=RSI(14).on(\"1m\")'; repeatable; default a plan of ten."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write ts, symbol and every output of each tick to this Parquet file.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Ticks per call of the engine.")] = 65_536,
    speed: Annotated[
        float | None,
        typer.Option(
            help="1 is the pace at which it happened, 10 ten times that; default as fast as it goes."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Replay tick files or a journal through an engine, in constant memory."""
    plan = config.parse_plan(indicator) if indicator else None
    columns = _columns(column or [])
    with console.progress("replay", "bytes") as move:
        if speed is not None or any(file.is_dir() for file in files):
            if out is not None:
                raise ConfigError(
                    "--out is for files, as fast as they go: without --speed, and not for a journal"
                )
            result = jobs.play(files, plan=plan, columns=columns, symbol=symbol, speed=speed, progress=move)
        else:
            result = jobs.replay(
                files, plan=plan, columns=columns, symbol=symbol, batch=batch, out=out, progress=move
            )
    if as_json:
        console.show_json({**result.to_json(), "out": str(out) if out else None})
    else:
        console.show_run(result)
        if out:
            console.note(f"rows: {out}")
    if not result.engine_ticks:
        console.error("there was no tick to take")
        raise typer.Exit(1)
    if result.ledger["received"] and not (result.ledger["accepted"] + result.ledger["late_accepted"]):
        console.error("no tick was taken: the ledger says what became of them")
        raise typer.Exit(1)


@app.command("convert")
def convert_command(
    files: Annotated[list[Path], typer.Argument(help="CSV, CSV.gz, Parquet or .fct files, in order.")],
    out: Annotated[Path, typer.Option(help="The file to write: .csv, .parquet or .fct.")],
    column: Annotated[
        list[str] | None,
        typer.Option(help=f"FIELD=COLUMN, where a name is not found by itself; fields: {', '.join(FIELDS)}."),
    ] = None,
    symbol: Annotated[str | None, typer.Option(help="Symbol of files without a symbol column.")] = None,
    append: Annotated[bool, typer.Option("--append", help="Add to a .fct file that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Write tick files in another form, in constant memory."""
    with console.progress("convert", "bytes") as move, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UserWarning)
        rows = convert(
            files, out, columns=_columns(column or []), symbol=symbol, append=append, progress=move
        )
    for each in told:
        console.error(str(each.message))
    if as_json:
        console.show_json({"out": str(out), "ticks": rows})
    else:
        console.note(f"{rows:,} ticks: {out}")


def _columns(items: Sequence[str]) -> dict[str, str]:
    columns = {}
    for item in items:
        field, sign, column = item.partition("=")
        if not sign or field not in FIELDS or not column:
            raise ConfigError(
                f"--column takes FIELD=COLUMN with a field of {', '.join(FIELDS)}, got {item!r}"
            )
        columns[field] = column
    return columns


def _indicator_names(incomplete: str) -> list[str]:
    return [row["name"] for row in fastcore.indicators() if row["name"].startswith(incomplete.upper())]


def _families(incomplete: str) -> list[str]:
    return [one for one in catalogue.families() if one.startswith(incomplete)]


@app.command("backfill")
def backfill_command(
    files: Annotated[list[Path], typer.Argument(help="Tick files, those of a symbol in order of time.")],
    out: Annotated[Path, typer.Option(help="A folder for the rows; what is done there stays.")],
    indicator: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=INDICATOR, such as 'rsi=RSI(14).on(\"1m\")'; repeatable; default a plan of ten."
        ),
    ] = None,
    column: Annotated[list[str] | None, typer.Option(help="FIELD=COLUMN, as of replay.")] = None,
    executor: Annotated[Executor, typer.Option(help="Where it runs.")] = Executor.local,
    workers: Annotated[int | None, typer.Option(min=1, help="Default: one for each processor.")] = None,
    as_json: Json = False,
) -> None:
    """Compute every output at every tick of many files; go on where an earlier run stopped."""
    plan = config.parse_plan(indicator) if indicator else config.default_plan()
    columns = _columns(column or [])
    with console.progress("backfill", "bytes") as move:
        result = fastcore.backfill(
            files, plan, out, executor=executor.value, workers=workers, columns=columns, progress=move
        )
    if as_json:
        console.show_json({**asdict(result), "folder": str(result.folder)})
    else:
        console.show_backfill(result)


@app.command("indicators")
def indicators_command(
    name: Annotated[
        str | None, typer.Argument(help="Tell all about this one.", autocompletion=_indicator_names)
    ] = None,
    family: Annotated[
        str | None, typer.Option(help="List one family, such as volume.", autocompletion=_families)
    ] = None,
    find: Annotated[
        str | None, typer.Option(help="List those with this in their names, or in what they are.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the indicators, or tell all about one."""
    if name is None:
        rows = [_plain(row) for row in catalogue.chosen(family, find)]
        console.show_json(rows) if as_json else console.show_indicators(rows)
        return
    if family is not None or find is not None:
        raise ConfigError(f"--family and --find choose from the list; {name!r} alone tells all about one")
    row = _plain(fastcore.describe(name))
    if as_json:
        console.show_json({**row, "example": _example(row)})
    else:
        console.show_indicator(row, _example(row))


def _plain(row: Any) -> dict[str, Any]:
    """A row for JSON, with what it is called elsewhere."""
    lists = {key: [dict(item) for item in row[key]] for key in ("params", "outputs")}
    return {
        **{key: row[key] for key in ("name", "family")},
        "elsewhere": list(OTHER_NAMES.get(row["name"], ())),
        **{key: row[key] for key in ("doc", "formula", "source")},
        "inputs": list(row["inputs"]),
        **lists,
    }


def _example(row: dict[str, Any]) -> str:
    """Lines that work as they stand, from the catalogue's own defaults."""
    arguments = ", ".join(f"{p['name']}={p['default']}" for p in row["params"])
    made = f"fc.{row['name']}({arguments})"
    inputs = ", ".join(row["inputs"])
    whole = ", ".join(filter(None, [inputs, arguments]))
    return "\n".join(
        [
            "import fastcore as fc",
            f"value = {made}.update({inputs})  # tick by tick; nan while warming up",
            f"values = fc.{row['name'].lower()}({whole})  # arrays at once",
            f'engine = fc.Engine({{{row["name"].lower()!r}: {made}.on("1m")}})  # on bars of one minute',
        ]
    )


@app.command("diff")
def diff_command(
    a: Annotated[
        Path,
        typer.Argument(help="A snapshot, a file of outputs (Parquet, Arrow, CSV), or a journal."),
    ],
    b: Annotated[Path, typer.Argument(help="Another one of the same kind.")],
    as_json: Json = False,
) -> None:
    """Name the first difference of two snapshots, outputs or journals; 0: equal, 1: different, 2: error."""
    found = fastcore.diff(a, b)
    if as_json:
        difference = None if found is None else found.to_json()
        console.show_json({"a": str(a), "b": str(b), "equal": found is None, "difference": difference})
    else:
        console.show_difference(found)
    if found is not None:
        raise typer.Exit(1)


@app.command("doctor")
def doctor_command(as_json: Json = False) -> None:
    """Tell whether this installation is sound, and what to do if not."""
    findings = examine()
    if as_json:
        console.show_json([asdict(finding) for finding in findings])
    else:
        console.show_doctor(findings)
    if any(finding.status == "fail" for finding in findings):
        raise typer.Exit(1)


Folder = Annotated[Path, typer.Argument(help="The folder of a journal.")]


@journal_app.command("ls")
def journal_ls(folder: Folder, as_json: Json = False) -> None:
    """List the segments and the snapshots of a journal."""
    found = journal_files.inspect(folder)
    console.show_json(found.to_json()) if as_json else console.show_journal(found)


@journal_app.command("verify")
def journal_verify(folder: Folder, as_json: Json = False) -> None:
    """Read a journal to its end, and say what is not sound; ends with 1 if anything is not."""
    with console.progress("verify", "bytes") as move:
        verdict = journal_files.verify(folder, progress=move)
    console.show_json(verdict.to_json()) if as_json else console.show_verdict(verdict)
    if not verdict.sound:
        raise typer.Exit(1)


@journal_app.command("cat")
def journal_cat(
    folder: Folder,
    start: Annotated[int, typer.Option(min=0, help="Sequence of the first record.")] = 0,
    last: Annotated[int | None, typer.Option(min=0, help="Sequence of the last record.")] = None,
    as_json: Json = False,
) -> None:
    """Print the records of a journal, one in a line; with --json, each is an object."""
    console.show_records(journal_files.records(folder, start=start, last=last), as_json)
