"""A connector's schema contract."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from typing_extensions import TypedDict

from connect.rest.models.base import Body, example

_SCHEMA = {
    "type": "struct",
    "fields": [
        {"type": "int32", "optional": False, "field": "id"},
        {"type": "string", "optional": True, "field": "note"},
    ],
    "optional": False,
}
_KNOWN = {"topic": "orders", "version": 1, "at": 1767225600000, "by": "task 0", "schema": _SCHEMA}


class GiveSchema(Body, extra="forbid", json_schema_extra={"examples": [{"schema": _SCHEMA}]}):
    """What records of the topic are held against from now on, in the shape of JsonConverter's envelope."""

    schema_: dict[str, Any] = Field(alias="schema", description="an object with 'type'")


@example(_KNOWN)
class KnownSchema(TypedDict):
    """What is known of a topic: which version it is, since when (ms since the epoch), and who has learned it."""

    topic: str
    version: int
    at: int
    by: str
    schema: Any


@example({"settings": {"schema.contract.fields": "freeze"}, "topics": [_KNOWN]})
class Contract(TypedDict):
    """What is in force, by key, and what is known of each topic."""

    settings: dict[str, str]
    topics: list[KnownSchema]


@example({"forgotten": ["orders"]})
class Forgotten(TypedDict):
    """The topics of which something was known."""

    forgotten: list[str]
