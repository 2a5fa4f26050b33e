"""Where a connector is to go on from, and what that does to it."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field, WithJsonSchema
from typing_extensions import TypedDict

from connect.rest.models.base import Body, example
from connect.rest.models.offsets import AlterOffset

_TO = "earliest, latest, or an object with 'timestamp', 'by' or 'offsets'"
_TIMESTAMP = "a whole number of ms since the epoch"


class Place(Body, extra="forbid"):
    """One of them: the first record at or after a moment; so many offsets on, or back where it is negative; named
    offsets, where partitions that are not named keep theirs."""

    timestamp: Annotated[int, Field(ge=0, lt=1 << 63)] | None = Field(default=None, description=_TIMESTAMP)
    by: Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)] | None = Field(default=None, description="a whole number")
    offsets: list[Annotated[AlterOffset, Field(description="an object with 'partition' and 'offset'")]] | None = Field(
        default=None, description="an array of partitions with offsets", min_length=1, max_length=100_000
    )


_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [
        {"type": "string", "enum": ["earliest", "latest"]},
        {
            "type": "object",
            "properties": {
                "timestamp": {"type": "integer", "minimum": 0, "description": _TIMESTAMP},
                "by": {"type": "integer"},
                "offsets": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "properties": {"partition": {"type": "object"}, "offset": {"type": ["object", "null"]}},
                        "required": ["partition"],
                        "additionalProperties": False,
                    },
                },
            },
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": False,
        },
    ]
}


class RewindConnector(Body, extra="forbid", json_schema_extra={"examples": [{"to": {"by": -100}, "dry_run": True}]}):
    """Where to, and whether only to say what that would do."""

    to: Annotated[Any, WithJsonSchema(_SCHEMA)] = Field(description=_TO)
    dry_run: bool = Field(default=False, description="true or false")


# -- answers -------------------------------------------------------------------------------------------------------

# `from` is no name in Python, so this one is no class statement.
RewoundPartition = TypedDict(
    "RewoundPartition",
    {
        "topic": str | None,
        "partition": Any,
        "from": Any,
        "to": Any,
        "end": int | None,
        "again": int | None,
        "skipped": int | None,
    },
)


@example(
    {
        "partitions": [
            {"topic": "orders", "partition": 0, "from": 1200, "to": 1100, "end": 1250, "again": 100, "skipped": 0}
        ],
        "again": 100,
        "state_before": "RUNNING",
        "applied": False,
        "note": None,
    }
)
class Rewinding(TypedDict):
    """What a rewind does, or did where `applied` is true.

    Of a sink `from`, `to` and `end` are offsets of the topic's partition, `again` counts those that are read once more
    and `skipped` those that are passed over; `to` null forgets what is committed. Of a source `topic` is null,
    `partition`, `from` and `to` are what it has committed, and `again` is not known. `state_before` is what was wanted
    of the connector, and is again.
    """

    partitions: list[RewoundPartition]
    again: int | None
    state_before: str
    applied: bool
    note: str | None
