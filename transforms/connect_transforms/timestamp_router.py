"""TimestampRouter: a topic name from the old one and the record's timestamp."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from connect.api import Batch, Config, DataError, Problem, Transform, config_key
from connect.api.java import DateFormat
from connect_transforms.fields.columns import PREFIX, VERSION


class TimestampRouterConfig(Config):
    """What the name is made of."""

    topic_format: str = config_key(
        "Format string which can contain ${topic} and ${timestamp} as placeholders for the topic and timestamp, "
        "respectively.",
        default="${topic}-${timestamp}",
        importance="high",
    )
    timestamp_format: str = config_key(
        "Format string for the timestamp that is compatible with java.text.SimpleDateFormat.",
        default="yyyyMMdd",
        importance="high",
    )

    def problems(self) -> Iterable[Problem]:
        return format_problems("timestamp.format", self.timestamp_format)


class TimestampRouter(Transform[TimestampRouterConfig]):
    """Name the topic by a format with ${topic} and ${timestamp}."""

    class_name = PREFIX + "TimestampRouter"
    version = VERSION

    def configure(self, config: Config) -> None:
        super().configure(config)
        self._format = DateFormat(self.config.timestamp_format)

    def apply_batch(self, batch: Batch) -> Batch | list[Batch]:
        if not batch.values:
            return batch
        if not isinstance(batch.timestamps, list):
            return batch.replace(topic=self._topic(batch.topic, self._text(batch.timestamps, batch)))
        if None in batch.timestamps:
            self._text(None, batch)
        texts = self._format.format_all([ms for ms in batch.timestamps if ms is not None])
        topics = {text: self._topic(batch.topic, text) for text in set(texts)}
        return by_topic(batch, [topics[text] for text in texts])

    def _text(self, ms: int | None, batch: Batch) -> str:
        if ms is None:
            raise DataError(f"Timestamp missing on record: the timestamp of a record of topic {batch.topic} is null")
        return self._format.format(ms)

    def _topic(self, topic: str, text: str) -> str:
        return topic_name(self.config.topic_format, topic, text)


def topic_name(template: str, topic: str | None, timestamp: str) -> str:
    """Return a template with ${topic} and ${timestamp} filled in, one after the other as Kafka does.

    Raises:
        DataError: There is no topic.
    """
    if topic is None:
        raise DataError("the record has no topic to make another of")
    return template.replace("${topic}", topic).replace("${timestamp}", timestamp)


def by_topic(batch: Batch, topics: Sequence[str]) -> Batch | list[Batch]:
    """Return the records under new topics, one batch for each run of one topic; order is kept."""
    if len(set(topics)) == 1:
        return batch.replace(topic=topics[0])
    parts: list[Batch] = []
    start = 0
    for topic, run in groupby(topics):
        end = start + sum(1 for _ in run)
        part = batch[start:end]
        part.topic = topic  # a batch of our own by now
        parts.append(part)
        start = end
    return parts


def format_problems(name: str, pattern: str) -> Iterable[Problem]:
    """Yield what is wrong with a key that is a SimpleDateFormat pattern."""
    try:
        DateFormat(pattern)
    except ValueError as error:
        yield Problem(name, f"Invalid value {pattern} for configuration {name}: {error}")
