"""Records of topics. Bytes are base64."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field
from typing_extensions import TypedDict

from connect.rest.models.base import Body, ConfigValue, example

#: Records of one request, whichever way they go.
RECORDS_MAX: Final = 100_000


_Text = Annotated[str, Field(description="text")]
_Base64 = Annotated[str | None, Field(description="text in base64")]
_Header = Annotated[tuple[_Text, _Base64], Field(strict=False, description="[name, value]")]


class AppendRecord(TypedDict, total=False):
    """A record to append. Without a partition the producer's partitioner takes one, without a timestamp it is now."""

    key: _Base64
    value: _Base64
    timestamp: Annotated[int | None, Field(strict=False, description="a whole number of ms since the epoch")]
    partition: Annotated[int | None, Field(description="a whole number")]
    headers: Annotated[list[_Header] | None, Field(description="an array of [name, value]")]


class AppendRecords(
    Body,
    json_schema_extra={
        "examples": [
            {
                "records": [{"key": "aw==", "value": "dg==", "partition": 0, "headers": [["h", "eA=="]]}],
                "acks": "written",
            }
        ]
    },
):
    """Records to append. `configs` are Kafka's producer keys; with `transactional.id` they are one transaction."""

    records: list[Annotated[AppendRecord, Field(description="an object")]] = Field(
        description="an array of records", max_length=RECORDS_MAX
    )
    acks: Literal["none", "written", "durable"] = Field(default="written", description="none, written or durable")
    configs: dict[str, ConfigValue] | None = Field(default=None, description="an object of config keys")


# -- answers -------------------------------------------------------------------------------------------------------


class Record(TypedDict):
    """A record; each header is [name, value]."""

    offset: int
    timestamp: int
    key: str | None
    value: str | None
    headers: list[list[Any]]


@example(
    {
        "records": [
            {"offset": 41, "timestamp": 1763700000000, "key": "aw==", "value": "dg==", "headers": [["h", "eA=="]]}
        ],
        "next_offset": 42,
        "log_start_offset": 0,
        "log_end_offset": 42,
        "last_stable_offset": 42,
    }
)
class Records(TypedDict):
    """Records of a partition; the next read goes on at `next_offset`."""

    records: list[Record]
    next_offset: int
    log_start_offset: int
    log_end_offset: int
    last_stable_offset: int


@example({"appended": 1})
class Appended(TypedDict):
    """How many records were appended."""

    appended: int


@example({"offset": 41})
class Offset(TypedDict):
    """An offset, null where there is none."""

    offset: int | None


@example({"log_start_offset": 40})
class LogStart(TypedDict):
    """Where the log starts now."""

    log_start_offset: int
