"""`/health` and its neighbours: for probes, and for who wants failed connectors to count."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import AfterValidator

from connect.rest.answers import Answer
from connect.rest.connectors import host_of
from connect.rest.models.worker import Health, HealthFailure, HealthOfConnector, Probe
from connect.rest.operations import operation
from connect.rest.parameters import Flag
from connect.rest.render import cause_text
from connect.rest.routes import Route
from connect.runtime import health as found_by
from connect.runtime.health import Tally, Threshold

router = APIRouter(tags=["worker"], route_class=Route)
_HEALTH_STATUS = {"healthy": 200, "starting": 503, "unhealthy": 500}


def _threshold(text: str | None) -> str | None:
    if text is not None:
        Threshold.parse(text)
    return text


_FAILED = Annotated[
    str | None,
    Query(
        description="How many FAILED ones make the worker unhealthy: 3 of connectors and tasks together, or 50% of the "
        "connectors or of the tasks."
    ),
    AfterValidator(_threshold),
]


@router.get("/health")
@operation(
    also={500: "The worker is unhealthy; the same body.", 503: "The worker is starting; the same body."},
    same=(500, 503),
)
async def health(
    request: Request,
    failed: _FAILED = None,
    connectors: Annotated[Flag, Query(description="Tell of each connector and its tasks.")] = False,
    scope: Annotated[
        str, Query(description="Which failures: 'worker', those of the worker that is asked; 'cluster', of its group.")
    ] = "worker",
) -> Answer[Health]:
    """Say whether the worker can serve (KIP-1017); connectors that failed count where `failed` says from when on."""
    host = host_of(request)
    found = host.health()
    status, answer = found.status, Health(status=found.status, message=found.message)
    if failed is not None or connectors:
        tally = found_by.tally(host.base, everywhere=scope.lower() == "cluster")
        if failed is not None and (threshold := Threshold.parse(failed)).is_reached(tally):
            status = "unhealthy" if status == "healthy" else status
            answer = Health(status=status, message=f"{tally}, which reaches failed={threshold}")
        # Without a user nobody is told what there is, where users are asked for.
        if connectors or not host.base.config.rest_authentication_file:
            answer["failed"] = _failures(tally)
        if connectors:
            answer["connectors"] = _connectors(tally)
    return Answer(answer, _HEALTH_STATUS[status])


@router.get("/health/live")
@operation(also={503: "The worker hangs, and is to be started anew; the same body."}, same=(503,))
async def live(request: Request) -> Answer[Probe]:
    """Say whether the worker's process goes on: the answer alone says that its event loop does."""
    found = found_by.liveness(host_of(request).base)
    return Answer({"status": found.status, "message": found.message}, 200 if found.status == found_by.ALIVE else 503)


@router.get("/health/ready")
@operation(also={503: "The worker starts, stops, or cannot serve; the same body."}, same=(503,))
async def ready(request: Request) -> Answer[Probe]:
    """Say whether the worker takes requests and work: its stores are read, it is in its group, and does not stop."""
    found = found_by.readiness(host_of(request))
    return Answer({"status": found.status, "message": found.message}, 200 if found.status == found_by.READY else 503)


def _failures(tally: Tally) -> list[HealthFailure]:
    return [
        {"connector": failure.connector, "task": failure.task, "cause": cause_text(failure.trace)}
        for failure in tally.failures
    ]


def _connectors(tally: Tally) -> list[HealthOfConnector]:
    return [
        {
            "connector": one.name,
            "state": None if one.state is None else one.state.value,
            "tasks": [{"task": number, "state": state.value} for number, state in one.tasks],
        }
        for one in tally.seen
    ]
