"""What the registry's routes have in common: parameters, bodies and answers."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Final, TypeVar

from fastapi import Request
from fastapi.responses import Response

from connect.api import ConfigError
from connect.api.config_values import whole_number
from connect.registry.records import StoredSchema, UnreadableError, guid_of, references_of
from connect.registry.registry import Registry
from connect.registry.schemas import NewSchema
from connect.registry.subjects import DEFAULT_CONTEXT, normalized, qualified
from connect.rest.answers import encode
from connect.rest.bodies import body_of
from connect.rest.models.registry import RegisterBody
from connect.rest.negotiation import name_of

T = TypeVar("T")
#: The registry's own types of JSON, the preferred one first.
MEDIA_TYPES: Final = ("application/vnd.schemaregistry.v1+json", "application/vnd.schemaregistry+json")
#: What bodies may be called besides application/json.
KINDS: Final = (*MEDIA_TYPES, "application/octet-stream")
#: How many entries a listing has at most.
SCHEMAS_MAX: Final = 1000
NAMES_MAX: Final = 20_000


def registry_of(request: Request) -> Registry:
    """Return the registry that a request is for."""
    found: Registry = request.app.state.registry
    return found


def answer(request: Request, body: Any, status: int = 200) -> Response:
    """Return a JSON answer, in the type that the request accepts."""
    return Response(encode(body), status, media_type=_media_type(request))


def text_answer(request: Request, text: str) -> Response:
    """Return a schema alone, as it is."""
    return Response(text.encode("utf-8", "replace"), media_type=_media_type(request))


def _media_type(request: Request) -> str:
    accepted = request.headers.get("accept", "*/*").lower()
    if "*/*" in accepted or "application/*" in accepted:
        return MEDIA_TYPES[0]
    return next((kind for kind in MEDIA_TYPES if kind in accepted), "application/json")


# -- parameters --------------------------------------------------------------------------------------------------------


def flag(request: Request, name: str) -> bool:
    """Return a boolean as Java reads it: true in any case is true, anything else is false."""
    return request.query_params.get(name, "").lower() == "true"


def subject_of(request: Request, *, aliased: bool = True) -> str:
    """Return the subject of a path: the one that it stands for, where it has an alias."""
    subject = normalized(name_of(request.path_params["subject"]))
    return registry_of(request).lookups.aliased(subject) if aliased else subject


def scope_of(request: Request) -> str | None:
    """Return the subject or context of a path of settings; None is the default context, whose are the global ones."""
    given = name_of(request.path_params["subject"])
    found = qualified(given)
    return None if given and found.context == DEFAULT_CONTEXT and not found.subject else normalized(given)


def page_of(request: Request, found: Iterable[T], most: int) -> list[T]:
    """Return the part of a listing that offset and limit ask for.

    Raises:
        ConfigError: request.invalid: one of these is no number.
    """
    offset, limit = _number(request, "offset", 0), _number(request, "limit", -1)
    size = most if limit < 0 else min(limit, most)
    first = min(max(0, offset), sys.maxsize - size)
    return list(islice(found, first, first + size))


def _number(request: Request, name: str, default: int) -> int:
    given = request.query_params.get(name)
    number = default if given is None else whole_number(given)
    if number is None:
        raise ConfigError(f"{name} is {given!r:.100}; a whole number is expected", code="request.invalid")
    return number


# -- schemas -----------------------------------------------------------------------------------------------------------


async def schema_in(request: Request) -> NewSchema:
    """Return the schema of a request's body.

    Raises:
        ConfigError: request.invalid.
    """
    body = await body_of(request, RegisterBody)
    try:
        references = references_of(body.references)
    except UnreadableError as error:
        raise ConfigError(f"references: {error}", code="request.invalid") from None
    return NewSchema(
        schema=body.schema_text or "",
        schema_type=body.schema_type or "AVRO",
        references=references,
        metadata=body.metadata,
        rule_set=body.rule_set,
        id=-1 if body.id is None else body.id,
        version=body.version or 0,
    )


def schema_body(schema: StoredSchema, text: str | None = None) -> dict[str, Any]:
    """Return a version as it is told.

    Args:
        text: In place of the schema's own, in another format.
    """
    return _filled(
        {
            "subject": schema.subject,
            "version": schema.version,
            "id": schema.id,
            "guid": guid_of(schema),
            **_content(schema, text),
            "ts": schema.timestamp_ms or None,
            "deleted": schema.deleted,
        }
    )


def content_body(schema: StoredSchema, text: str | None = None) -> dict[str, Any]:
    """Return a schema as it is told to who asks for its id."""
    return _filled({"guid": guid_of(schema), **_content(schema, text)})


def _content(schema: StoredSchema, text: str | None) -> dict[str, Any]:
    return {
        "schemaType": schema.schema_type,
        "references": [one.body() for one in schema.references],
        "metadata": schema.metadata,
        "ruleSet": schema.rule_set,
        "schema": schema.schema if text is None else text,
    }


def _filled(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None and value != []}


async def formatted(request: Request, schema: StoredSchema) -> str | None:
    """Return a schema's text in the format that is asked for; None where it is its own, and where the format is none
    that is known, as Confluent's does it."""
    wanted = request.query_params.get("format", "").lower()
    if wanted not in ("resolved", "serialized"):
        return None
    return await registry_of(request).text(schema, "inlined" if wanted == "resolved" else "serialized")
