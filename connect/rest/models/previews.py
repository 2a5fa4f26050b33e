"""Previews of connector configs."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, cast

from pydantic import Field

from connect.rest.models.base import Body, ConfigValue, example
from connect.runtime.preview.answers import (
    RECORDS_MAX,
    TIMEOUT_MS_MAX,
    TIMEOUT_MS_MIN,
    PreviewAnswer,
)

_CONFIG: Final = {
    "connector.class": "FileStreamSink",
    "topics": "orders",
    "file": "orders.txt",
    "transforms": "mask",
    "transforms.mask.type": "org.apache.kafka.connect.transforms.MaskField$Value",
    "transforms.mask.fields": "card",
}


class AskPreview(
    Body,
    extra="forbid",
    json_schema_extra={"examples": [{"config": _CONFIG, "records": 20, "timeout_ms": 10000, "from": "latest"}]},
):
    """A connector's config, and how much of what it would do is to be shown."""

    config: dict[str, ConfigValue] = Field(description="an object of config keys")
    records: int = Field(default=20, ge=1, le=RECORDS_MAX, description=f"a whole number from 1 to {RECORDS_MAX}")
    timeout_ms: int = Field(
        default=10_000,
        ge=TIMEOUT_MS_MIN,
        le=TIMEOUT_MS_MAX,
        description=f"a whole number from {TIMEOUT_MS_MIN} to {TIMEOUT_MS_MAX}",
    )
    start: Annotated[
        Literal["earliest", "latest", "committed"] | None,
        Field(alias="from", description="earliest, latest, committed or null"),
    ] = None
    name: str | None = Field(default=None, min_length=1, max_length=250, description="text")
    allow_effects: bool = Field(default=False, description="true or false")


_RECORD: Final[dict[str, Any]] = {
    "topic": "orders",
    "partition": 0,
    "timestamp": 1763700000000,
    "key": "7",
    "key_schema": None,
    "value": {"id": 7, "card": ""},
    "value_schema": "struct Order {id: int64, card: string?}",
    "headers": [],
}
EXAMPLE: Final[dict[str, Any]] = {
    "type": "sink",
    "class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
    "walks": [
        {
            "index": 0,
            "topic": "orders",
            "partition": 0,
            "offset": 41,
            "steps": [
                {
                    "stage": "transform",
                    "alias": "mask",
                    "plugin": "org.apache.kafka.connect.transforms.MaskField$Value",
                    "predicate": None,
                    "applied": None,
                    "records": [_RECORD],
                    "changed": [{"path": "value.card", "kind": "changed"}],
                    "dropped": False,
                    "error": None,
                }
            ],
        }
    ],
    "target": {
        "kind": "lines",
        "items": [{"text": "Struct{id=7,card=}", "parameters": None, "records": [0], "error": None}],
        "note": "",
    },
    "problems": [],
    "error": None,
    "ended_by": "records",
    "took_ms": 12,
}


#: It has a member that is a keyword of Python, so it is declared by a call.
example(EXAMPLE)(cast(Any, PreviewAnswer))
