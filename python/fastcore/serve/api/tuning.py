"""The tuner, as clients see it and as operators steer it; reports of the service's speed."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post, put
from litestar.params import QueryParameter

from fastcore.errors import ConfigError, UnknownNameError
from fastcore.serve.api.common import Call, Name, body_operation, decoded, service_of
from fastcore.serve.problems import Problem
from fastcore.serve.wire import reply

__all__ = ["handlers"]


class KnobOut(msgspec.Struct):
    """A knob as it stands, the settings that are tried, and what larger ones cost."""

    name: str
    value: float
    values: list[float]
    cost: str


class TrialOut(msgspec.Struct):
    """A setting against another, and why it stayed or went."""

    at: float
    knob: str
    before: float
    after: float
    ratio: float
    t: float
    verdict: str
    why: str


class Tuning(msgspec.Struct):
    """Whether it climbs, is frozen or idle; what it cannot write; knobs; trials, the newest first."""

    state: str
    trouble: str
    knobs: list[KnobOut]
    trials: list[TrialOut]


class KnobIn(msgspec.Struct, forbid_unknown_fields=True):
    """What a knob is to be set to."""

    value: float


class ReportOut(msgspec.Struct):
    """A report that is kept."""

    name: str
    at: float
    findings: int


class Reports(msgspec.Struct):
    """Reports that are kept, the newest first."""

    reports: list[ReportOut]


# ---- the tuner


@get("/v1/tuner", tags=["tuner"])
async def tuner(request: Call) -> Response[Tuning]:
    """Give the tuner's knobs and history."""
    return await reply(request, _state(request))


@post("/v1/tuner/start", tags=["tuner"], status_code=202)
async def start(request: Call) -> Response[Tuning]:
    """Have it climb, once, in the background; 409 if it does, or is frozen."""
    found = service_of(request).observer.tuner
    if not found.start():
        raise Problem(409, f"the tuner is {found.state}")
    return await reply(request, _state(request), status=202)


@post("/v1/tuner/freeze", tags=["tuner"], status_code=200)
async def freeze(request: Call) -> Response[Tuning]:
    """End what it tries, put the old setting back, and change nothing until it is thawed."""
    service_of(request).observer.tuner.freeze()
    return await reply(request, _state(request))


@post("/v1/tuner/thaw", tags=["tuner"], status_code=200)
async def thaw(request: Call) -> Response[Tuning]:
    """Let it be started again."""
    await asyncio.to_thread(service_of(request).observer.tuner.thaw)
    return await reply(request, _state(request))


@put("/v1/tuner/knobs/{name:str}", tags=["tuner"], operation_class=body_operation(KnobIn))
async def knob(request: Call, name: Name) -> Response[Tuning]:
    """Set a knob by hand; it is noted in the history."""
    wanted = await decoded(request, KnobIn)
    try:
        service_of(request).observer.tuner.set(name, wanted.value)
    except UnknownNameError as error:
        raise Problem(404, str(error), field="name") from None
    except ConfigError as error:
        status = 409 if "climbs" in str(error) else 422
        raise Problem(status, str(error), field="value") from None
    return await reply(request, _state(request))


def _state(request: Call) -> Tuning:
    return msgspec.convert(service_of(request).observer.tuner.to_json(), Tuning)


# ---- reports


@get("/v1/reports", tags=["reports"])
async def reports(request: Call) -> Response[Reports]:
    """List the reports that are kept."""
    kept = service_of(request).observer.reports
    return await reply(request, Reports([_about(name, one) for name, one in reversed(kept.items())]))


@post("/v1/reports", tags=["reports"])
async def report_now(request: Call) -> Response[ReportOut]:
    """Make a report of what is known now, and keep it among the newest sixteen."""
    observer = service_of(request).observer
    name = await asyncio.to_thread(observer.report)
    return await reply(request, _about(name, observer.reports[name]), status=201)


@get("/v1/reports/{name:str}", tags=["reports"])
async def report(
    request: Call,
    name: Name,
    against: Annotated[
        str | None, QueryParameter(max_length=64, description="an older one: begin with what differs")
    ] = None,
    form: Annotated[
        str,
        QueryParameter(pattern="^(json|html)$", description="html is a file to open, which loads nothing"),
    ] = "json",
) -> Response[dict[str, Any]] | Response[bytes]:
    """Give a report: JSON, or one file of HTML."""
    found = _kept(request, name, "name")
    older = None if against is None else _kept(request, against, "against")
    if form == "json":
        return await reply(request, found)
    from fastcore.perf.report_page import page

    text = await asyncio.to_thread(page, found, older)
    headers = {"content-disposition": f'attachment; filename="fastcore-{name}.html"'}
    return Response(content=text.encode(), media_type="text/html; charset=utf-8", headers=headers)


def _about(name: str, found: dict[str, Any]) -> ReportOut:
    return ReportOut(name, found["at"], len(found["findings"]))


def _kept(request: Call, name: str, field: str) -> dict[str, Any]:
    found = service_of(request).observer.reports.get(name)
    if found is None:
        raise Problem(404, f"no report is named {name[:70]!r}", field=field)
    return found


handlers = [tuner, start, freeze, thaw, knob, reports, report_now, report]
