"""`fastcore serve` and `fastcore keys`: run the service, and look after the keys of those who may call it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from fastcore import config, console
from fastcore.errors import ConfigError

__all__ = ["keys_app", "serve_command"]

keys_app = typer.Typer(help="Look after the API keys of a service.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
File = Annotated[Path, typer.Argument(help="The file of keys, such as state/keys.toml.")]
KEYS = "keys.toml"


def serve_command(
    host: Annotated[str, typer.Option(help="Address to listen at; a public one needs keys.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to listen at.")] = 8000,
    data: Annotated[
        Path | None, typer.Option(help="Folder of the journal, the plan and the keys; made where missing.")
    ] = None,
    keys: Annotated[
        Path | None, typer.Option(help="File of API keys; default keys.toml in the data folder.")
    ] = None,
    indicator: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=INDICATOR, such as 'rsi=RSI(14).on(\"1m\")'; repeatable; default a plan of ten."
        ),
    ] = None,
    demo: Annotated[int, typer.Option(min=0, help="Symbols of a demo market that runs; 0 for none.")] = 0,
    demo_speed: Annotated[float, typer.Option(min=0.01, help="How fast the demo market runs.")] = 1.0,
    binance: Annotated[
        str, typer.Option(help="Symbols whose live trades come from Binance, such as BTCUSDT,ETHUSDT.")
    ] = "",
    history: Annotated[int, typer.Option(min=16, help="Rows and bars kept for each symbol.")] = 1_000,
    name: Annotated[
        list[str] | None, typer.Option(help="A further name by which clients call the service; repeatable.")
    ] = None,
    origin: Annotated[
        list[str] | None, typer.Option(help="An origin whose pages may use the API; repeatable.")
    ] = None,
    rate: Annotated[
        float, typer.Option(min=0, help="Requests a second of one address without keys; 0 for any number.")
    ] = 0.0,
    page: Annotated[str, typer.Option(help="Name of a stats page, for `fastcore stages NAME`.")] = "",
    as_json: Json = False,
) -> None:
    """Serve an engine: HTTP API, live stream, dashboard."""
    from fastcore.serve import KeyRing, Service, Settings

    file = keys or (data / KEYS if data else None)
    settings = Settings(
        host=host,
        port=port,
        data=data,
        keys=KeyRing.load(file) if file else KeyRing(),
        hosts=name or (),
        origins=origin or (),
        history=history,
        rate=rate,
        page=page,
    )
    plan = config.parse_plan(indicator) if indicator else config.default_plan()
    service = Service(plan, _feeds(demo, demo_speed, binance), settings=settings)

    def ready() -> None:
        if as_json:
            console.show_json({"url": service.url, "data": str(data) if data else None})
            sys.stdout.flush()
        else:
            console.note(f"serving at {service.url} (Ctrl-C stops)")

    service.run_blocking(ready)
    if not as_json:
        ledger = service.engine.ledger
        console.note(f"stopped: {ledger['received']:,} ticks received, {ledger['accepted']:,} accepted")


def _feeds(demo: int, speed: float, binance: str) -> list[Any]:
    feeds: list[Any] = []
    if demo:
        from fastcore.serve.demo import LiveDemo

        feeds.append(LiveDemo(symbols=demo, speed=speed))
    if binance:
        from fastcore.feeds.binance import BinanceFeed

        feeds.append(BinanceFeed([symbol.strip() for symbol in binance.split(",")]))
    return feeds


@keys_app.command("add")
def keys_add(
    file: File,
    name: Annotated[str, typer.Argument(help="Whose it is; for people.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="read, ingest, plan or admin; repeatable; default read.")
    ] = None,
    rate: Annotated[float, typer.Option(min=0, help="Requests a second; 0 for any number.")] = 0.0,
    as_json: Json = False,
) -> None:
    """Make a key, and show it this once; the file has its hash. A service reads the file when it starts."""
    from fastcore.serve import KeyRing

    if not file.absolute().parent.is_dir():
        raise ConfigError(f"the keys cannot be written: there is no folder {file.parent}")
    ring = KeyRing.load(file)
    text = ring.add(name, scope or ["read"], rate)
    ring.save(file)
    if as_json:
        console.show_json({"key": text, "name": name, "scopes": scope or ["read"]})
    else:
        typer.echo(text)


@keys_app.command("ls")
def keys_ls(file: File, as_json: Json = False) -> None:
    """List the keys: their ids, names and scopes."""
    from fastcore.serve import KeyRing

    ring = KeyRing.load(file)
    if as_json:
        rows = [{"id": k.id, "name": k.name, "scopes": sorted(k.scopes), "rate": k.rate} for k in ring]
        console.show_json(rows)
        return
    for key in ring:
        typer.echo(f"{key.id}  {key.name}  {','.join(sorted(key.scopes))}  {key.rate:g}/s")


@keys_app.command("rm")
def keys_rm(file: File, number: Annotated[str, typer.Argument(metavar="ID", help="As ls shows it.")]) -> None:
    """Remove a key."""
    from fastcore.serve import KeyRing

    ring = KeyRing.load(file)
    ring.remove(number)
    ring.save(file)
