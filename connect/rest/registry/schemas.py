"""/schemas: schemas by their ids, and all of them."""

from __future__ import annotations

from typing import Final

from fastapi import Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.routing import Route

from connect.api.config_values import whole_number
from connect.registry.errors import schema_not_found
from connect.registry.records import StoredSchema
from connect.registry.schemas import schema_types
from connect.registry.subjects import ALL_CONTEXTS, DEFAULT_CONTEXT, Qualified, normalized
from connect.rest.registry.answers import (
    NAMES_MAX,
    SCHEMAS_MAX,
    answer,
    content_body,
    flag,
    formatted,
    page_of,
    registry_of,
    schema_body,
    text_answer,
)


def _versions(request: Request) -> list[StoredSchema]:
    subject = normalized(request.query_params.get("subject", ""))
    given = request.path_params["id"]
    if not given.isdecimal():
        raise HTTPException(404, "Not Found")
    number = whole_number(given)
    if number is None:
        raise schema_not_found(f"{given:.100}")
    return registry_of(request).lookups.with_id(number, subject)


def _shown(request: Request) -> list[StoredSchema]:
    return [one for one in _versions(request) if flag(request, "deleted") or not one.deleted]


async def schemas(request: Request) -> Response:
    """List the versions of all subjects."""
    found = registry_of(request).lookups.listed(
        request.query_params.get("subjectPrefix", ALL_CONTEXTS),
        deleted=flag(request, "deleted"),
        latest_only=flag(request, "latestOnly"),
    )
    return answer(request, [schema_body(one) for one in page_of(request, found, SCHEMAS_MAX)])


async def types(request: Request) -> Response:
    """List the types of schemas."""
    return answer(request, schema_types())


async def schema(request: Request) -> Response:
    """Return a schema by its id."""
    found = _versions(request)[0]
    body = content_body(found, await formatted(request, found))
    if flag(request, "fetchMaxId"):
        body["maxId"] = registry_of(request).lookups.max_id(found.subject)
    return answer(request, body)


async def schema_alone(request: Request) -> Response:
    """Return the text of a schema by its id."""
    found = _versions(request)[0]
    text = await formatted(request, found)
    return text_answer(request, found.schema if text is None else text)


async def subjects(request: Request) -> Response:
    """List the subjects that have an id."""
    names = dict.fromkeys(one.subject for one in _shown(request))
    return answer(request, page_of(request, sorted(names), NAMES_MAX))


async def versions(request: Request) -> Response:
    """List the versions that have an id."""
    found = [{"subject": one.subject, "version": one.version} for one in _shown(request)]
    return answer(request, page_of(request, found, NAMES_MAX))


async def by_guid(request: Request) -> Response:
    """Return a schema by the id that is the same in all contexts."""
    lookups = registry_of(request).lookups
    context, schema_id = lookups.with_guid(request.path_params["guid"])[0]
    found = lookups.with_id(schema_id, str(Qualified(context, "")))[0]
    return answer(request, content_body(found, await formatted(request, found)))


async def ids_of_guid(request: Request) -> Response:
    """List the contexts that have a schema, with its id there."""
    found = registry_of(request).lookups.with_guid(request.path_params["guid"])
    return answer(request, [{"context": context or DEFAULT_CONTEXT, "id": schema_id} for context, schema_id in found])


ROUTES: Final = [
    Route("/schemas/ids/{id}", schema, methods=["GET"]),
    Route("/schemas/ids/{id}/schema", schema_alone, methods=["GET"]),
    Route("/schemas/ids/{id}/subjects", subjects, methods=["GET"]),
    Route("/schemas/ids/{id}/versions", versions, methods=["GET"]),
    Route("/schemas/guids/{guid}", by_guid, methods=["GET"]),
    Route("/schemas/guids/{guid}/ids", ids_of_guid, methods=["GET"]),
    Route("/schemas", schemas, methods=["GET"]),
    Route("/schemas/types", types, methods=["GET"]),
]
