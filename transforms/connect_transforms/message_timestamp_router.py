"""MessageTimestampRouter: a topic name from the old one and a timestamp within the value. Confluent's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connect.api import Batch, Config, DataError, Problem, Transform, config_key
from connect.api.java import DateFormat, java_class, milliseconds
from connect_transforms.fields.columns import VERSION, require_map, valid_list
from connect_transforms.fields.field_path import path_problems, paths_of, syntax_version_key
from connect_transforms.filter_by_path import CONFLUENT
from connect_transforms.timestamp_router import by_topic, format_problems, topic_name


class MessageTimestampRouterConfig(Config):
    """Where the timestamp is, and what the name is made of."""

    topic_format: str = config_key(
        "Format string which can contain ${topic} and ${timestamp} as placeholders for the topic and timestamp, "
        "respectively.",
        default="${topic}-${timestamp}",
        importance="high",
    )
    message_timestamp_format: str = config_key(
        "Format of the timestamp in the value, as of java.text.SimpleDateFormat; a number is ms since the epoch.",
        default="yyyy-MM-dd'T'HH:mm:ss.SSSX",
        importance="high",
    )
    topic_timestamp_format: str = config_key(
        "Format of the timestamp in the topic name, as of java.text.SimpleDateFormat.",
        default="yyyyMMdd",
        importance="high",
    )
    message_timestamp_keys: list[str] = config_key(
        "Fields that may hold the timestamp; the first that is there and not null counts.",
        importance="high",
        validators=[valid_list("message.timestamp.keys")],
    )
    field_syntax_version: str = syntax_version_key()

    def problems(self) -> Iterable[Problem]:
        yield from format_problems("message.timestamp.format", self.message_timestamp_format)
        yield from format_problems("topic.timestamp.format", self.topic_timestamp_format)
        yield from path_problems("message.timestamp.keys", self.message_timestamp_keys, self.field_syntax_version)


class MessageTimestampRouter(Transform[MessageTimestampRouterConfig]):
    """Name the topic by a format with ${topic} and ${timestamp}, the timestamp being a field of the value."""

    class_name = CONFLUENT + "MessageTimestampRouter"
    version = VERSION

    def configure(self, config: Config) -> None:
        super().configure(config)
        own = self.config
        self._read = DateFormat(own.message_timestamp_format)
        self._written = DateFormat(own.topic_timestamp_format)
        self._paths = paths_of(own.message_timestamp_keys, own.field_syntax_version)

    def apply_batch(self, batch: Batch) -> Batch | list[Batch]:
        texts = self._written.format_all([self._ms(value) for value in batch.values])
        template, topic = self.config.topic_format, batch.topic
        names = {text: topic_name(template, topic, text) for text in set(texts)}
        return by_topic(batch, [names[text] for text in texts])

    def _ms(self, value: Any) -> int:
        """Return the timestamp within a value."""
        own = require_map(value, "timestamp extraction")
        for path in self._paths:
            found = own.get(path.steps[0]) if len(path.steps) == 1 else path.value_in(own)
            if found is not None:
                return self._parsed(found, path.text)
        raise DataError(
            f"no timestamp in the value: none of the fields {', '.join(path.text for path in self._paths)} is there"
        )

    def _parsed(self, found: Any, name: str) -> int:
        if isinstance(found, str):
            try:
                return self._read.parse(found)
            except ValueError:
                raise DataError(
                    f"Could not parse timestamp: value ({found}) of field {name!r} does not match pattern "
                    f"({self._read.pattern})"
                ) from None
        if isinstance(found, int) and not isinstance(found, bool):
            return found
        if hasattr(found, "year"):
            return milliseconds(found)
        raise DataError(f"field {name!r} must hold a timestamp, found: {java_class(found)}")
