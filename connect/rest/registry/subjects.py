"""/subjects: subjects and their versions."""

from __future__ import annotations

from typing import Final

from fastapi import Request
from fastapi.responses import Response
from starlette.routing import Route

from connect.registry.lookups import version_number
from connect.registry.records import guid_of
from connect.registry.subjects import ALL_CONTEXTS
from connect.rest.registry.answers import (
    NAMES_MAX,
    SCHEMAS_MAX,
    answer,
    flag,
    formatted,
    page_of,
    registry_of,
    schema_body,
    schema_in,
    subject_of,
    text_answer,
)


async def subjects(request: Request) -> Response:
    """List subjects."""
    prefix = request.query_params.get("subjectPrefix", ALL_CONTEXTS)
    found = registry_of(request).lookups.subjects(
        prefix, deleted=flag(request, "deleted"), deleted_only=flag(request, "deletedOnly")
    )
    return answer(request, page_of(request, found, NAMES_MAX))


async def look_up(request: Request) -> Response:
    """Say which version of a subject a schema is."""
    given = await schema_in(request)
    found = await registry_of(request).look_up(
        subject_of(request), given, normalize=flag(request, "normalize"), deleted=flag(request, "deleted")
    )
    return answer(request, schema_body(found, await formatted(request, found)))


async def delete_subject(request: Request) -> Response:
    """Delete all versions of a subject."""
    permanent = flag(request, "permanent")
    return answer(request, await registry_of(request).delete_subject(subject_of(request), permanent=permanent))


async def latest_with_metadata(request: Request) -> Response:
    """Return the latest version with some properties."""
    keys, values = request.query_params.getlist("key"), request.query_params.getlist("value")
    wanted = dict(zip(keys, values, strict=False))
    found = registry_of(request).lookups.latest_with(subject_of(request), wanted, deleted=flag(request, "deleted"))
    return answer(request, schema_body(found, await formatted(request, found)))


async def versions(request: Request) -> Response:
    """List the versions of a subject."""
    found = registry_of(request).lookups.versions(
        subject_of(request),
        deleted=flag(request, "deleted"),
        deleted_only=flag(request, "deletedOnly"),
        as_negative=flag(request, "deletedAsNegative"),
    )
    return answer(request, page_of(request, found, NAMES_MAX))


async def register(request: Request) -> Response:
    """Register a schema."""
    given = await schema_in(request)
    made = await registry_of(request).register(
        subject_of(request), given, normalize=flag(request, "normalize"), force=flag(request, "force")
    )
    body = {"id": made.id, "version": made.version, "guid": guid_of(made)}
    # Without a format the text is left out: clients keep the one that they sent, which may be of another form.
    text = await formatted(request, made)
    return answer(request, body if text is None else {**body, "schemaType": made.schema_type, "schema": text})


async def version(request: Request) -> Response:
    """Return a version of a subject."""
    found = registry_of(request).lookups.version(
        subject_of(request), version_number(request.path_params["version"]), deleted=flag(request, "deleted")
    )
    return answer(request, schema_body(found, await formatted(request, found)))


async def version_schema(request: Request) -> Response:
    """Return the schema alone of a version."""
    found = registry_of(request).lookups.version(
        subject_of(request), version_number(request.path_params["version"]), deleted=flag(request, "deleted")
    )
    text = await formatted(request, found)
    return text_answer(request, found.schema if text is None else text)


async def referenced_by(request: Request) -> Response:
    """List the ids of the schemas that refer to a version."""
    found = registry_of(request).lookups.referenced_by(
        subject_of(request), version_number(request.path_params["version"]), deleted=flag(request, "deleted")
    )
    return answer(request, page_of(request, found, SCHEMAS_MAX))


async def delete_version(request: Request) -> Response:
    """Delete a version of a subject."""
    number = version_number(request.path_params["version"])
    permanent = flag(request, "permanent")
    return answer(request, await registry_of(request).delete_version(subject_of(request), number, permanent=permanent))


ROUTES: Final = [
    Route("/subjects", subjects, methods=["GET"]),
    Route("/subjects/{subject}", look_up, methods=["POST"]),
    Route("/subjects/{subject}", delete_subject, methods=["DELETE"]),
    Route("/subjects/{subject}/metadata", latest_with_metadata, methods=["GET"]),
    Route("/subjects/{subject}/versions", versions, methods=["GET"]),
    Route("/subjects/{subject}/versions", register, methods=["POST"]),
    Route("/subjects/{subject}/versions/{version}", version, methods=["GET"]),
    Route("/subjects/{subject}/versions/{version}", delete_version, methods=["DELETE"]),
    Route("/subjects/{subject}/versions/{version}/schema", version_schema, methods=["GET"]),
    Route("/subjects/{subject}/versions/{version}/referencedby", referenced_by, methods=["GET"]),
]
