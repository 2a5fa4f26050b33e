"""The worker itself: `/`."""

from __future__ import annotations

from fastapi import APIRouter, Request

from connect.rest.answers import Answer
from connect.rest.connectors import host_of
from connect.rest.models.worker import ServerInfo
from connect.rest.routes import Route

router = APIRouter(tags=["worker"], route_class=Route)


@router.get("/")
async def root(request: Request) -> Answer[ServerInfo]:
    """Show versions and the cluster's id."""
    base = host_of(request).base
    return Answer({"version": base.version, "commit": base.commit, "kafka_cluster_id": base.cluster.cluster_id})
