"""Consumer groups and their committed offsets."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from connect.rest.models.base import Body, example

#: Digits as text are taken for numbers, as Kafka Connect takes them in offsets of sinks.
_PartitionNumber = Annotated[int, Field(strict=False, ge=0, lt=1 << 31)]
_PARTITION: Final = re.compile(r"[0-9]{1,10}")
_OffsetNumber = Annotated[int, Field(strict=False, ge=0, lt=1 << 63)]


class SetGroupOffset(Body):
    """The next offset that a group reads of one partition."""

    topic: str = Field(description="text")
    partition: _PartitionNumber = Field(description="a whole number")
    offset: _OffsetNumber = Field(description="a whole number")
    metadata: str | None = Field(default=None, description="text")


class SetGroupOffsets(
    Body, json_schema_extra={"examples": [{"offsets": [{"topic": "orders", "partition": 0, "offset": 35}]}]}
):
    """Offsets that a group is to go on from."""

    offsets: list[Annotated[SetGroupOffset, Field(description="an object of topic, partition and offset")]] = Field(
        description="an array of {topic, partition, offset}"
    )


def _pair(value: Any) -> tuple[str, int]:
    match value:
        case [str(topic), int(partition) | str(partition)] if (
            _PARTITION.fullmatch(str(partition)) and int(partition) < 1 << 31
        ):
            return topic, int(partition)
    raise PydanticCustomError("pair", "[topic, partition] is expected")


class GroupPartitions(Body, json_schema_extra={"examples": [{"partitions": [["orders", 0]]}]}):
    """Partitions whose offsets a group is to forget."""

    partitions: list[
        Annotated[
            tuple[str, int],
            BeforeValidator(_pair, json_schema_input_type=list[str | int]),
            Field(description="[topic, partition]"),
        ]
    ] = Field(description="an array of [topic, partition]")


# -- answers -------------------------------------------------------------------------------------------------------

_OFFSET = {
    "topic": "orders",
    "partition": 0,
    "offset": 35,
    "metadata": "",
    "commit_timestamp": 1763700000000,
    "log_end_offset": 42,
    "lag": 7,
}


@example({"groups": ["connect-orders-sink"]})
class Groups(TypedDict):
    """The names of all groups."""

    groups: list[str]


class GroupOffset(TypedDict):
    """A partition of a group.

    `offset` is null where a sink connector has committed nothing, `lag` where nothing reads the partition any more, and
    `log_end_offset` where it is gone.
    """

    topic: str
    partition: int
    offset: int | None
    metadata: str
    commit_timestamp: int
    log_end_offset: int | None
    lag: int | None


@example({"offsets": [_OFFSET]})
class GroupOffsets(TypedDict):
    """What a group has committed."""

    offsets: list[GroupOffset]


@example(
    {
        "name": "connect-orders-sink",
        "state": "Stable",
        "members": ["connector-orders-sink-0"],
        "offsets": [_OFFSET],
    }
)
class Group(TypedDict):
    """A consumer group."""

    name: str
    state: str
    members: list[str]
    offsets: list[GroupOffset]
