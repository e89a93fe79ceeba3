"""Symbols: which there are, their latest rows, their history, their bars."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import numpy as np
from litestar import Response, delete, get
from litestar.params import QueryParameter

from fastcore import Symbol
from fastcore.errors import FastcoreError
from fastcore.serve.api.common import MOST, Call, Last, Name, service_of, symbol_of
from fastcore.serve.guard import SLASH
from fastcore.serve.problems import Problem
from fastcore.serve.service import Service
from fastcore.serve.wire import reply

__all__ = ["handlers", "latest_of"]

_BAR_FIELDS = ("ts", "open", "high", "low", "close", "volume", "count")


class Brief(msgspec.Struct):
    """A symbol and its newest tick."""

    symbol: str
    ts: int
    price: float | None


class Symbols(msgspec.Struct):
    """A page of symbols in the order of their names; `next` is where the next page begins, or null."""

    symbols: list[Brief]
    total: int
    next: str | None


class Latest(msgspec.Struct):
    """The newest tick of a symbol, every output after it, and its ledger."""

    symbol: str
    ts: int
    price: float | None
    size: float | None
    values: Mapping[str, float | None]
    ledger: dict[str, int]


class Series(msgspec.Struct):
    """One column over time: its bars (empty: ticks), times in ns, values, null while warming up."""

    column: str
    clock: str
    ts: list[int]
    values: list[float | None]


class History(msgspec.Struct):
    """Columns of a symbol over time."""

    symbol: str
    series: list[Series]


class Ticks(msgspec.Struct):
    """The last ticks of a symbol, column by column."""

    symbol: str
    ts: list[int]
    price: list[float]
    size: list[float]


class Bars(msgspec.Struct):
    """Closed bars, column by column, oldest first, and the one that forms; `next` leads to older ones."""

    symbol: str
    span: str
    ts: list[int]
    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    volume: list[float]
    count: list[int]
    forming: dict[str, float] | None
    next: int | None


class Dropped(msgspec.Struct):
    """The symbol that was forgotten."""

    symbol: str


@get("/v1/symbols", tags=["symbols"])
async def symbols(
    request: Call,
    limit: Annotated[int, QueryParameter(ge=1, le=1_000, description="how many")] = 100,
    after: Annotated[str, QueryParameter(max_length=64, description="`next` of the page before")] = "",
    prefix: Annotated[str, QueryParameter(max_length=64, description="what their names begin with")] = "",
) -> Response[Symbols]:
    """List the symbols by name, page by page."""
    trails = service_of(request).hub.trails
    names = sorted(name for name in trails if name.startswith(prefix)) if prefix else sorted(trails)
    start = bisect.bisect_right(names, after) if after else 0
    page = names[start : start + limit]
    found = [Brief(name, trails[name].ts, trails[name].price) for name in page]
    following = page[-1] if page and start + limit < len(names) else None
    return await reply(request, Symbols(found, len(names), following))


@get("/v1/symbols/{symbol:str}", tags=["symbols"])
async def latest(request: Call, symbol: Name) -> Response[Latest]:
    """Give the newest tick, every output after it by column name, and the symbol's ledger."""
    return await reply(request, latest_of(service_of(request), symbol))


def latest_of(service: Service, name: str) -> Latest:
    """What is told of a symbol; 404 where it is not there."""
    found = symbol_of(service, name)
    trail = service.hub.trails[found.name]
    values = dict(zip(service.loop.columns, found.values(), strict=True))
    return Latest(found.name, trail.ts, trail.price, trail.size, values, found.ledger)


@get("/v1/symbols/{symbol:str}/history", tags=["symbols"])
async def history(
    request: Call,
    symbol: Name,
    column: Annotated[
        list[str], QueryParameter(min_items=1, max_items=64, description="a column of the plan")
    ],
    last: Last = 100,
) -> Response[History]:
    """Give columns over time. In Arrow's form they must run on the same clock."""
    service = service_of(request)
    found = symbol_of(service, symbol)
    series = [_series(service, found, name, last) for name in column]

    def table() -> dict[str, Any]:
        if len({clock for _, clock, _, _ in series}) > 1:
            raise Problem(406, "columns of several clocks make no table: ask for each alone", field="column")
        return {"ts": series[0][2], **{name: values for name, _, _, values in series}}

    told = [Series(name, clock, ts.tolist(), values.tolist()) for name, clock, ts, values in series]
    return await reply(request, History(found.name, told), arrow=table)


def _series(service: Service, symbol: Symbol, column: str, last: int) -> tuple[str, str, Any, Any]:
    """A column's name, clock, times and values."""
    clocks = service.clocks
    if column not in clocks:
        raise Problem(404, f"no column is named {column[:70]!r}; /v1/plan lists them", field="column")
    values = np.array(symbol.history(column))
    clock = clocks[column]
    trail = service.hub.trails[symbol.name]
    times = np.array(symbol.bars(clock)["ts"]) if clock else trail.last(MOST)[0]
    many = min(len(values), len(times), last)
    return column, clock, times[len(times) - many :], values[len(values) - many :]


@get("/v1/symbols/{symbol:str}/ticks", tags=["symbols"])
async def ticks(request: Call, symbol: Name, last: Last = 100) -> Response[Ticks]:
    """Give the last ticks that were taken since the service started."""
    service = service_of(request)
    found = symbol_of(service, symbol)
    ts, (price, size) = service.hub.trails[found.name].last(last)
    told = Ticks(found.name, ts.tolist(), price.tolist(), size.tolist())
    return await reply(request, told, arrow=lambda: {"ts": ts, "price": price, "size": size})


@get("/v1/symbols/{symbol:str}/bars", tags=["symbols"])
async def bars(
    request: Call,
    symbol: Name,
    span: Annotated[str, QueryParameter(max_length=32, description="such as 1m, of the plan")],
    last: Last = 100,
    before: Annotated[int | None, QueryParameter(ge=0, description="`next` of the page before, ns")] = None,
) -> Response[Bars]:
    """Give closed bars, and the one that forms."""
    service = service_of(request)
    found = symbol_of(service, symbol)
    try:
        kept, forming = np.array(found.bars(span)), found.forming(span)
    except FastcoreError as error:
        raise Problem(404, str(error), field="span") from None
    if before is not None:
        kept = kept[kept["ts"] < before]
    page = kept[-last:]
    columns = {name: page[name] for name in _BAR_FIELDS}
    more = int(page["ts"][0]) if len(page) and len(kept) > len(page) else None
    shown = None
    if before is None and forming["count"]:
        shown = {name: forming[name].item() for name in _BAR_FIELDS}
    told = Bars(
        found.name,
        span,
        **{name: values.tolist() for name, values in columns.items()},
        forming=shown,
        next=more,
    )
    return await reply(request, told, arrow=lambda: columns)


@delete("/v1/symbols/{symbol:str}", tags=["symbols"], status_code=200)
async def drop(request: Call, symbol: Name) -> Response[Dropped]:
    """Forget a symbol; its ledger stays in the engine's."""
    service = service_of(request)
    name = symbol_of(service, symbol.replace(SLASH, "/")).name
    service.engine.drop(name)
    service.hub.forget(name)
    return await reply(request, Dropped(name))


handlers = [symbols, latest, history, ticks, bars, drop]
