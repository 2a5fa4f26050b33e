"""The worker itself: `/` and `/health`."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from connect.rest.connectors import herder_of
from connect.rest.render import json_response

router = APIRouter(tags=["worker"])
_HEALTH_STATUS = {"healthy": 200, "starting": 503, "unhealthy": 500}


@router.get("/")
async def root(request: Request) -> Response:
    """Show versions and the cluster's id."""
    herder = herder_of(request)
    return json_response({"version": herder.version, "commit": herder.commit, "kafka_cluster_id": herder.cluster_id})


@router.get("/health")
async def health(request: Request) -> Response:
    """Say whether the worker can serve (KIP-1017)."""
    found = herder_of(request).health()
    return json_response({"status": found.status, "message": found.message}, _HEALTH_STATUS[found.status])
