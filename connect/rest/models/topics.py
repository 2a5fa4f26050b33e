"""Topics of the bundled log."""

from __future__ import annotations

from pydantic import Field
from typing_extensions import TypedDict

from connect.rest.models.base import Body, ConfigChange, ConfigValue, example


class CreateTopic(
    Body,
    json_schema_extra={"examples": [{"name": "orders", "partitions": 1, "configs": {"retention.ms": "604800000"}}]},
):
    """A new topic."""

    # Rules that the log has too, and tells in Kafka's words: here they are for readers of the document.
    name: str = Field(description="text", json_schema_extra={"pattern": "^[a-zA-Z0-9._-]{1,249}$"})
    partitions: int = Field(default=1, description="a whole number", json_schema_extra={"minimum": 1, "maximum": 4})
    configs: dict[str, ConfigValue] | None = Field(default=None, description="an object of config keys")


class AlterTopic(
    Body,
    extra="forbid",
    json_schema_extra={"examples": [{"configs": {"retention.ms": "86400000", "segment.bytes": None}}]},
):
    """Changes of a topic. A config that is null goes back to its default; partitions are only added."""

    configs: dict[str, ConfigChange] | None = Field(default=None, description="an object of config keys")
    partitions: int | None = Field(
        default=None, description="a whole number", json_schema_extra={"minimum": 1, "maximum": 8}
    )


# -- answers -------------------------------------------------------------------------------------------------------


class Partition(TypedDict):
    """A partition of a topic."""

    partition: int
    log_start_offset: int
    log_end_offset: int
    segments: int
    size_bytes: int
    last_stable_offset: int


_TOPIC = {
    "name": "orders",
    "topic_id": "u1ZkTQxZQ9qTfVXbVYzNlg",
    "internal": False,
    "configs": {},
    "partitions": [
        {
            "partition": 0,
            "log_start_offset": 0,
            "log_end_offset": 42,
            "segments": 1,
            "size_bytes": 4096,
            "last_stable_offset": 42,
        }
    ],
}


@example(_TOPIC)
class Topic(TypedDict):
    """A topic; `configs` are those that were set for it."""

    name: str
    topic_id: str
    internal: bool
    configs: dict[str, str]
    partitions: list[Partition]


@example({"topics": [_TOPIC]})
class Topics(TypedDict):
    """All topics."""

    topics: list[Topic]


class TopicConfig(TypedDict):
    """A config of a topic as it is in force; `source` says who set it."""

    name: str
    value: str
    source: str
    doc: str
    is_ignored: bool


@example(
    {
        "configs": [
            {
                "name": "retention.ms",
                "value": "86400000",
                "source": "topic",
                "doc": "Age in ms beyond which segments are removed; -1 for no limit.",
                "is_ignored": False,
            }
        ]
    }
)
class TopicConfigs(TypedDict):
    """Every config of a topic."""

    configs: list[TopicConfig]
