"""Signals to source connectors."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from typing_extensions import TypedDict

from connect.rest.models.base import Body, example

_EXAMPLE = {
    "id": "orders-again",
    "type": "execute-snapshot",
    "data": {"type": "incremental", "data-collections": ["public.orders"]},
}


class SendSignal(Body, extra="forbid", json_schema_extra={"examples": [_EXAMPLE]}):
    """What a source connector is to do while it runs."""

    id: str | None = Field(default=None, min_length=1, max_length=100, description="text")
    type: str = Field(min_length=1, max_length=100, description="text")
    data: dict[str, Any] = Field(default={}, description="an object")


@example({"id": _EXAMPLE["id"], "type": _EXAMPLE["type"]})
class SentSignal(TypedDict):
    """A signal that the connector's tasks will find."""

    id: str
    type: str
