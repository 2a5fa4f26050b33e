"""Under /v1: plugins that come, change or go while the worker runs."""

from __future__ import annotations

from fastapi import APIRouter, Request

from connect.rest.answers import Answer
from connect.rest.connectors import host_of
from connect.rest.models.plugins import RefreshedPlugins
from connect.rest.routes import Route
from connect.runtime.secrets import redact

router = APIRouter(prefix="/v1", tags=["plugins"], route_class=Route)


@router.post("/plugins/refresh")
async def refresh(request: Request) -> Answer[RefreshedPlugins]:
    """Take plugins that were installed, changed or removed since; of a group, on the worker that is asked.

    Connectors that run keep the code that they have until they are restarted: `outdated` names them. A plugin that
    cannot be loaded is in `broken`, and goes on as it was.
    """
    report = await host_of(request).base.plugin_refresh.refresh()
    found = report.found
    return Answer(
        {
            "added": list(found.added),
            "changed": list(found.changed),
            "removed": list(found.removed),
            "broken": [{"name": b.name, "origin": b.origin, "cause": redact(b.cause)} for b in found.broken],
            "outdated": list(report.outdated),
        }
    )
