"""The worker itself: `/` and `/health`."""

from __future__ import annotations

from fastapi import APIRouter, Request

from connect.rest.answers import Answer
from connect.rest.connectors import host_of
from connect.rest.models.worker import Health, ServerInfo
from connect.rest.operations import operation
from connect.rest.routes import Route

router = APIRouter(tags=["worker"], route_class=Route)
_HEALTH_STATUS = {"healthy": 200, "starting": 503, "unhealthy": 500}


@router.get("/")
async def root(request: Request) -> Answer[ServerInfo]:
    """Show versions and the cluster's id."""
    base = host_of(request).base
    return Answer({"version": base.version, "commit": base.commit, "kafka_cluster_id": base.cluster.cluster_id})


@router.get("/health")
@operation(
    also={500: "The worker is unhealthy; the same body.", 503: "The worker is starting; the same body."},
    same=(500, 503),
)
async def health(request: Request) -> Answer[Health]:
    """Say whether the worker can serve (KIP-1017)."""
    found = host_of(request).health()
    return Answer({"status": found.status, "message": found.message}, _HEALTH_STATUS[found.status])
