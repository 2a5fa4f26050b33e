"""Committed offsets of connectors (KIP-875)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from connect.rest.models.base import Body, example

_EXAMPLE = {"offsets": [{"partition": {"filename": "/var/lib/orders/orders.jsonl"}, "offset": {"position": 1024}}]}


class AlterOffset(Body, extra="forbid"):
    """Where one partition is to stand; null forgets it."""

    partition: dict[str, Any] = Field(description="an object")
    offset: dict[str, Any] | None = Field(default=None, description="an object")


class AlterOffsets(Body, extra="forbid", json_schema_extra={"examples": [_EXAMPLE]}):
    """Where a stopped connector is to go on."""

    offsets: list[Annotated[AlterOffset, Field(description="an object with 'partition' and 'offset'")]] | None = Field(
        default=None, description="an array of partitions with offsets"
    )


# -- answers -------------------------------------------------------------------------------------------------------


class ConnectorOffset(TypedDict):
    """Where one partition stands."""

    partition: Any
    offset: Any


@example(_EXAMPLE)
class ConnectorOffsets(TypedDict):
    """What a connector has committed."""

    offsets: list[ConnectorOffset]


@example({"message": "The offsets for this connector have been altered successfully"})
class Message(TypedDict):
    """What was done."""

    message: str
