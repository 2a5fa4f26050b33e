"""Under /v1: plugins that come, change or go while the worker runs."""

from __future__ import annotations

import inspect
from typing import Final

from fastapi import APIRouter, Request

from connect.api import Plugin, SinkConnector, SourceConnector
from connect.rest.answers import Answer
from connect.rest.connectors import herder_of, host_of
from connect.rest.models.plugins import InstalledPlugins, RefreshedPlugins
from connect.rest.routes import Route
from connect.runtime.model import PluginKind
from connect.runtime.secrets import redact

router = APIRouter(prefix="/v1", tags=["plugins"], route_class=Route)

_DOC_CHARS_MAX: Final = 4000


@router.get("/plugins")
async def list_plugins(request: Request) -> Answer[InstalledPlugins]:
    """List every installed plugin of every kind, with what it is for, and those that could not be loaded and why."""
    plugins = herder_of(request).plugins
    return Answer(
        {
            "plugins": [
                {
                    "class": desc.name,
                    "type": desc.kind.value,
                    "version": desc.cls.version,
                    "plugin": desc.plugin,
                    "origin": desc.origin,
                    "aliases": list(desc.cls.aliases),
                    "doc": _doc(desc.cls),
                    "exactly_once": _can_be_exact(desc.cls),
                }
                for desc in plugins.list(*PluginKind)
            ],
            "broken": [{"name": b.name, "origin": b.origin, "cause": redact(b.cause)} for b in plugins.broken],
        }
    )


def _doc(cls: type[Plugin]) -> str:
    """Return what a class says of itself, and not what it has from the one that it is made of."""
    text = cls.__dict__.get("__doc__")
    return inspect.cleandoc(text)[:_DOC_CHARS_MAX] if isinstance(text, str) else ""


def _can_be_exact(cls: type[Plugin]) -> bool | None:
    for base in (SourceConnector, SinkConnector):
        if issubclass(cls, base):
            return cls.exactly_once_support is not base.exactly_once_support
    return None


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
