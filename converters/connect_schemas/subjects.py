"""Under which subject a schema stands in the registry: Confluent's strategies, by their class names.

Source: Confluent's documentation, "Formats, Serializers, and Deserializers", Subject name strategy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from connect.api import DataError
from connect_schemas.errors import INVALID

#: From topic, whether it is the key's, and the name of the schema's record; None where it is no record.
SubjectName = Callable[[str, bool, str | None], str]


def topic_name(topic: str, is_key: bool, record: str | None) -> str:
    """TopicNameStrategy: one subject for a topic's keys, one for its values."""
    return f"{topic}-{'key' if is_key else 'value'}"


def record_name(topic: str, is_key: bool, record: str | None) -> str:
    """RecordNameStrategy: one subject for a record's name, whatever the topic."""
    return _needed(record, is_key, "RecordNameStrategy")


def topic_record_name(topic: str, is_key: bool, record: str | None) -> str:
    """TopicRecordNameStrategy: one subject for a record's name in a topic."""
    return f"{topic}-{_needed(record, is_key, 'TopicRecordNameStrategy')}"


def _needed(record: str | None, is_key: bool, strategy: str) -> str:
    if record is None:
        what = "key" if is_key else "value"
        raise DataError(
            f"{strategy} takes the subject from the name of a record, and the {what}'s schema is none",
            code=INVALID,
            hint=f"Use TopicNameStrategy for {what}s that are no records.",
        )
    return record


def plain_topic(topic: str, is_key: bool, record: str | None) -> str:
    """Apicurio's SimpleTopicIdStrategy: one artifact for a topic."""
    return topic


_BY_NAME: Final[dict[str, SubjectName]] = {
    "TopicNameStrategy": topic_name,
    "RecordNameStrategy": record_name,
    "TopicRecordNameStrategy": topic_record_name,
}
#: Apicurio's, which name artifacts.
APICURIO: Final[dict[str, SubjectName]] = {
    "io.apicurio.registry.serde.strategy.TopicIdStrategy": topic_name,
    "io.apicurio.registry.serde.strategy.SimpleTopicIdStrategy": plain_topic,
    "io.apicurio.registry.serde.avro.strategy.QualifiedRecordIdStrategy": record_name,
}
_PACKAGE: Final = "io.confluent.kafka.serializers.subject."
DEFAULT: Final = _PACKAGE + "TopicNameStrategy"
NAMES: Final = tuple(_PACKAGE + name for name in _BY_NAME)


def strategy(name: str) -> SubjectName | None:
    """Return the strategy of a class name, also without its package; None where there is none."""
    return _BY_NAME.get(name.removeprefix(_PACKAGE)) or APICURIO.get(name)


def check(name: str | None) -> None:
    """A config's check of a strategy's class name. Raises ValueError."""
    if name is not None and strategy(name) is None:
        raise ValueError(f"one of {', '.join(NAMES)} is expected")
