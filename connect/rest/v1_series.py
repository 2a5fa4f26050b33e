"""Under /v1: rates and times of a connector over the last hour."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from connect.rest.answers import Answer
from connect.rest.connectors import herder_of, host_of
from connect.rest.models.series import Series
from connect.rest.negotiation import name_of
from connect.rest.progress import ask_for_parts
from connect.rest.routes import Route
from connect.runtime.live import rings

router = APIRouter(prefix="/v1", tags=["worker"], route_class=Route)

_Since = Annotated[
    int, Query(ge=0, lt=1 << 53, description="Points that ended before this time are left out, ms since the epoch.")
]


@router.get("/connectors/{name}/series")
async def series(request: Request, name: str, since_ms: _Since = 0) -> Answer[Series]:
    """Show a connector's rates, lag, times and errors over the last hour, of all its tasks on all workers; with many
    connectors in coarser steps."""
    herder, name = herder_of(request), name_of(name)
    herder.info(name)
    own = herder.base.recorder.series(name, since_ms)
    others = await ask_for_parts(request, name, f"series?since_ms={since_ms}", _parsed)
    return Answer(_told(rings.merged([own, *others])))


@router.get("/worker/connectors/{name}/series")
async def own_series(request: Request, name: str, since_ms: _Since = 0) -> Answer[Series]:
    """Show the part of a connector's series that this worker has: of the tasks that it runs, or has run."""
    return Answer(_told(host_of(request).base.recorder.series(name_of(name), since_ms)))


def _told(found: rings.Series) -> Series:
    rate, lag, batch_ms, commit_ms, errors = map(list, found.rows)
    return {
        "step_ms": found.step_s * 1000,
        "from": found.from_ms,
        "records_per_second": rate,
        "lag": lag,
        "batch_ms": batch_ms,
        "commit_ms": commit_ms,
        "errors": errors,
    }


def _parsed(told: dict[str, Any]) -> rings.Series:
    rows = tuple(tuple(told[name]) for name in ("records_per_second", "lag", "batch_ms", "commit_ms", "errors"))
    return rings.Series(int(told["step_ms"]) // 1000, int(told["from"]), rows)
