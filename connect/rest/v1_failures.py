"""Under /v1: the last failures of a connector and its tasks."""

from __future__ import annotations

from fastapi import APIRouter, Request

from connect.rest.answers import Answer
from connect.rest.connectors import herder_of
from connect.rest.models.failures import Failure, Failures
from connect.rest.negotiation import name_of
from connect.rest.routes import Route
from connect.rest.rows import next_restart
from connect.runtime.causes import Cause, cause_of, frames_of, java_text
from connect.runtime.live.failures import Failed
from connect.runtime.secrets import redact

router = APIRouter(prefix="/v1", tags=["worker"], route_class=Route)


@router.get("/connectors/{name}/failures")
async def failures(request: Request, name: str) -> Answer[Failures]:
    """Show the last 20 failures of a connector and its tasks, the newest first, since the worker began: when, what, its
    traces, and what started it anew; and the next restart that comes by itself."""
    herder, name = herder_of(request), name_of(name)
    status = herder.status(name)
    return Answer(
        {
            "failures": [_told(one) for one in herder.base.failures.of(name)],
            "next_restart": next_restart(status),
        }
    )


def _told(one: Failed) -> Failure:
    trace = redact(one.trace)
    cause = cause_of(trace) or Cause("no cause is known")
    return {
        "at": one.at_ms,
        "task": one.task,
        "worker_id": one.worker_id,
        "code": cause.code,
        "message": cause.message,
        "hint": cause.hint,
        "details": one.details,
        "java_trace": java_text(trace),
        "python_trace": frames_of(trace),
        "restarted": one.restarted_ms is not None,
        "restarted_at": one.restarted_ms,
        "restarted_by": one.restarted_by,
    }
