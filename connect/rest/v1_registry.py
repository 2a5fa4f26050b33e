"""The schema registry of this worker behind the worker's own REST: what a page shows of it, and Confluent's API below
`/v1/registry/`, the very application that `registry.listeners` serve.

The layers before the routes are the worker's: who may not change connectors may not change schemas (decision 0109).
Of the registry's modules those that read schemas are not imported here: a worker without one starts without them.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import Response

from connect.api import NotFoundError
from connect.api.error_codes import register_code
from connect.registry.overview import Overview, SubjectRow
from connect.registry.records import StoredSchema
from connect.registry.subjects import normalized
from connect.rest.answers import Answer
from connect.rest.connectors import herder_of, host_of
from connect.rest.models.registries import (
    Referrer,
    RegistryInfo,
    Subject,
    SubjectDetails,
    Subjects,
    SubjectVersion,
    UsedRegistries,
    UsedRegistry,
)
from connect.rest.negotiation import name_of
from connect.rest.parameters import Flag
from connect.rest.routes import Route
from connect.rest.security import REGISTRY
from connect.runtime.secrets import hide_in_urls, masked

router = APIRouter(prefix="/v1", tags=["schemas"], route_class=Route)

ABSENT: Final = register_code(
    "registry.absent",
    "No schema registry runs in the worker that was asked.",
    "Set registry.listeners in the worker's config, or ask the registry itself.",
)
_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
#: How a key ends that names a registry: of converters by Confluent's names, and by Apicurio's.
_KEYS: Final = (".schema.registry.url", ".apicurio.registry.url")
SUBJECTS_MAX: Final = 2000
VERSIONS_MAX: Final = 1000
REFERRERS_MAX: Final = 100


def _app(request: Request) -> FastAPI:
    found: FastAPI | None = request.app.state.registry
    if found is None:
        raise NotFoundError("no schema registry runs in this worker", code=ABSENT)
    return found


def _overview(request: Request) -> Overview:
    found: Overview = _app(request).state.registry.overview
    return found


@router.get("/registry")
async def info(request: Request) -> Answer[RegistryInfo]:
    """Show whether a schema registry runs in this worker, and how it does."""
    base = host_of(request).base
    told: RegistryInfo = {
        "running": False,
        "urls": list(base.registry_urls),
        "topic": base.config.registry_storage_topic,
        "level": None,
        "mode": None,
        "contexts": None,
        "types": None,
        "subjects": None,
        "trouble": None,
        "passed_over": None,
    }
    if request.app.state.registry is None:
        return Answer(told)
    overview = _overview(request)
    told["running"] = True
    told["level"], told["mode"] = overview.level, overview.mode
    told["contexts"], told["types"] = overview.contexts, list(overview.types)
    told["subjects"] = len(overview.subjects())
    told["trouble"] = overview.trouble or await overview.unfit()
    told["passed_over"] = overview.passed_over
    return Answer(told)


@router.get("/registry/overview")
async def subjects(
    request: Request,
    contains: Annotated[str, Query(description="What their names hold, in any case of its letters.")] = "",
    deleted: Annotated[Flag, Query(description="With true, softly deleted ones too.")] = False,
    limit: Annotated[int, Query(ge=1, le=SUBJECTS_MAX, description="How many at most.")] = SUBJECTS_MAX,
) -> Answer[Subjects]:
    """List subjects with what a page shows of each."""
    overview = _overview(request)
    names = overview.subjects(contains=contains, deleted=deleted)
    return Answer({"subjects": [_subject(overview.row(name)) for name in names[:limit]], "total": len(names)})


@router.get("/registry/overview/{subject}")
async def subject(request: Request, subject: str) -> Answer[SubjectDetails]:
    """Show a subject and its versions, softly deleted ones too."""
    overview, name = _overview(request), normalized(name_of(subject))
    row, versions = overview.row(name), overview.versions(name)
    return Answer(
        {
            "subject": _subject(row),
            "config": dict(overview.own_config(name)),
            "versions": [_version(overview, one) for one in versions[-VERSIONS_MAX:]],
            "versions_total": len(versions),
        }
    )


def _subject(row: SubjectRow) -> Subject:
    return {
        "subject": row.subject,
        "context": row.context,
        "type": row.newest.schema_type,
        "version": row.newest.version,
        "id": row.newest.id,
        "versions": row.living,
        "deleted_versions": row.deleted,
        "is_deleted": row.living == 0,
        "level": row.level,
        "level_is_own": row.has_own_level,
        "mode": row.mode,
        "mode_is_own": row.has_own_mode,
        "references": row.references,
        "referenced_by": row.referrers,
    }


def _version(overview: Overview, schema: StoredSchema) -> SubjectVersion:
    referrers: list[Referrer] = [
        {"subject": one.subject, "version": one.version, "id": one.id, "deleted": one.deleted}
        for one in overview.referrers(schema)
    ]
    return {
        "version": schema.version,
        "id": schema.id,
        "type": schema.schema_type,
        "deleted": schema.deleted,
        "at": schema.timestamp_ms,
        "characters": len(schema.schema),
        "references": [{"name": r.name, "subject": r.subject, "version": r.version} for r in schema.references],
        "referenced_by": referrers[:REFERRERS_MAX],
        "referenced_by_total": len(referrers),
    }


class _OfRegistry(Response):
    """The registry's own answer to a request: its application is called with the path behind `/v1/registry`."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__()
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"].removeprefix(REGISTRY)
        own = {key: scope[key] for key in scope if key not in ("app", "router", "endpoint", "path_params", "route")}
        await self._app({**own, "path": path, "raw_path": path.encode()}, receive, send)


@router.api_route("/registry/{path:path}", methods=_METHODS, include_in_schema=False)
async def of_registry(request: Request) -> Response:
    """Answer as the registry does on its own listeners."""
    return _OfRegistry(_app(request))


@router.get("/registries")
async def registries(request: Request) -> Answer[UsedRegistries]:
    """List the schema registries that converters of the worker and of connectors are configured with."""
    herder = herder_of(request)
    configs: list[tuple[str | None, dict[str, str]]] = [
        (None, {key: str(value) for key, value in herder.worker_config.originals.items()})
    ]
    configs += [(name, dict(herder.info(name).config)) for name in herder.connectors()]
    found: dict[str, UsedRegistry] = {}
    for name, config in configs:
        keys = sorted(key for key, value in config.items() if key.endswith(_KEYS) and value)
        if not keys:
            continue
        shown = masked(herder.plugins, config)
        for key in keys:
            url = hide_in_urls(shown[key])
            found.setdefault(url, {"url": url, "used_by": []})["used_by"].append({"connector": name, "key": key})
    return Answer({"registries": [found[url] for url in sorted(found)]})
