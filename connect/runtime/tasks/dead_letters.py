"""The dead letter queue: a topic for records that a sink could not convert, transform or put, as they were in the log.

A failure becomes a `Letter` on the task's thread; when the poll it belongs to has been delivered, the task sends its
letters, and before offsets are committed they are on disk. So a record that was skipped is in the queue, or comes
again.

Source of keys, headers and stages: Kafka 4.3.1, DeadLetterQueueReporter.java, Stage.java (KIP-298).
"""

from __future__ import annotations

import traceback
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from connect.api import (
    Batch,
    ConnectError,
    DataError,
    Plugin,
    RetriableError,
    SchemaError,
    SchemaProjectorError,
    Transform,
)
from connect.api.contract import details_of
from connect.api.errors import InternalTopicError
from connect.ports import Cluster, Producer
from connect.records import Columns, FetchedBatch, RawHeaders
from connect.runtime.clock import now_ms
from connect.runtime.connector_config import SinkConnectorConfig
from connect.runtime.model import TaskId
from connect.runtime.secrets import redact
from connect.runtime.tasks.delivery import delivery_timeout_s
from connect.stores.topics import ensure_topic

PREFIX: Final = "__connect.errors."
#: The header in which a record that was replayed from a queue carries how often that was.
REPLAY_COUNT: Final = "__connect.replay.count"
#: The names under which Kafka's consumers of dead letters know our errors, the narrowest first.
_JAVA_NAMES: Final = {
    SchemaProjectorError: "org.apache.kafka.connect.errors.SchemaProjectorException",
    SchemaError: "org.apache.kafka.connect.errors.SchemaBuilderException",
    DataError: "org.apache.kafka.connect.errors.DataException",
    RetriableError: "org.apache.kafka.connect.errors.RetriableException",
    ConnectError: "org.apache.kafka.connect.errors.ConnectException",
}


@dataclass(frozen=True, slots=True)
class Letter:
    """A record that failed: where it is in the log, and what failed.

    Attributes:
        stage: Kafka's name of the step: KEY_CONVERTER, VALUE_CONVERTER, HEADER_CONVERTER, TRANSFORMATION, TASK_PUT.
        plugin: The plugin that was at work.
        details: What the error knows of its cause by name.
        failed_ms: When it failed.
    """

    topic: str
    partition: int
    offset: int
    stage: str
    plugin: Plugin
    error: Exception
    details: Mapping[str, str]
    failed_ms: int

    @classmethod
    def of(cls, batch: Batch, index: int, stage: str, plugin: Plugin, error: Exception) -> Letter:
        """Make the letter of one record of a sink's batch."""
        partition = batch.original_partition if batch.original_partition is not None else batch.partition
        assert partition is not None, "a sink's record has a partition"
        assert batch.offsets is not None, "a sink's record has an offset"
        details = details_of(plugin, stage, error) if isinstance(error, DataError) else {}
        topic = batch.original_topic or batch.topic
        return cls(topic, partition, batch.offsets[index], stage, plugin, error, details, now_ms())


class DeadLetterQueue:
    """One task's way into the queue. Used on the loop, one call after another."""

    def __init__(
        self, topic: str, task: TaskId, producer: Producer, *, with_context: bool, delivery_timeout_s: float
    ) -> None:
        #: How long letters may wait for a log that cannot take them.
        self.delivery_timeout_s = delivery_timeout_s
        self._topic = topic
        self._task = task
        self._producer = producer
        self._with_context = with_context

    @classmethod
    async def open(
        cls, config: SinkConnectorConfig, task: TaskId, cluster: Cluster, producer_configs: Mapping[str, str]
    ) -> DeadLetterQueue | None:
        """Make the queue that a config names, and its topic where it is missing; None where it names none."""
        topic = config.errors_deadletterqueue_topic_name.strip()
        if not topic:
            return None
        if cluster.is_internal(topic):
            raise InternalTopicError(
                f"topic {topic!r} of errors.deadletterqueue.topic.name is internal: it takes no dead letters"
            )
        await ensure_topic(cluster.admin, topic)
        producer = cluster.producer(client_id=f"connector-dlq-producer-{task}", configs=producer_configs)
        with_context = config.errors_deadletterqueue_context_headers_enable
        timeout_s = delivery_timeout_s(producer_configs)
        return cls(topic, task, producer, with_context=with_context, delivery_timeout_s=timeout_s)

    def columns(self, letters: Sequence[Letter], fetched: Sequence[FetchedBatch]) -> Columns:
        """Return the letters' records, as they were fetched. A record that failed twice is there once."""
        once = {(letter.topic, letter.partition, letter.offset): letter for letter in reversed(letters)}
        rows = [(letter, *_found(letter, fetched)) for letter in reversed(once.values())]
        return Columns(
            values=[batch.columns.values[i] for _, batch, i in rows],
            keys=[None if batch.columns.keys is None else batch.columns.keys[i] for _, batch, i in rows],
            timestamps=[_timestamp(batch, i) for _, batch, i in rows],
            headers=[self._headers(letter, batch, i) for letter, batch, i in rows],
        )

    async def send(self, columns: Columns) -> None:
        """Append letters; pass the same columns again where the disk refused them, and none is there twice."""
        await self._producer.append(self._topic, columns)

    async def flush(self) -> None:
        """Return when every letter is on disk."""
        await self._producer.flush()

    async def aclose(self) -> None:
        """Release the producer."""
        await self._producer.aclose()

    def _headers(self, letter: Letter, batch: FetchedBatch, index: int) -> RawHeaders:
        headers = list((batch.columns.headers[index] if batch.columns.headers is not None else None) or ())
        return [*headers, *self._context(letter, headers)] if self._with_context else headers

    def _context(self, letter: Letter, own: RawHeaders) -> Iterable[tuple[str, bytes]]:
        """Return the headers that tell what happened: Kafka's, then ours.

        Args:
            own: The record's own headers, which say how often it was replayed.
        """
        error = letter.error
        told: dict[str, object] = {
            "topic": letter.topic,
            "partition": letter.partition,
            "offset": letter.offset,
            "connector.name": self._task.connector,
            "task.id": self._task.task,
            "stage": letter.stage,
            "class.name": letter.plugin.plugin_name(),
            "exception.class.name": _class_name(error),
            # Whoever reads the queue need not know the connector's secrets, which a target's error may quote.
            "exception.message": redact(error.message if isinstance(error, ConnectError) else str(error)),
            "exception.stacktrace": redact("".join(traceback.format_exception(error))),
            # Ours.
            **{f"cause.{name}": redact(value) for name, value in letter.details.items()},
            "cause.code": error.code if isinstance(error, ConnectError) else "plugin.failed",
            "timestamp": letter.failed_ms,
            "attempts": _replays(own),
        }
        if isinstance(letter.plugin, Transform):
            told["stage.alias"] = letter.plugin.alias
        # A header is UTF-8, which a text of a driver need not be.
        return [(PREFIX + name, str(value).encode("utf-8", "backslashreplace")) for name, value in told.items()]


def _found(letter: Letter, fetched: Sequence[FetchedBatch]) -> tuple[FetchedBatch, int]:
    for batch in fetched:
        if (batch.topic, batch.partition) == (letter.topic, letter.partition):
            index = bisect_left(batch.offsets, letter.offset)
            if index < len(batch) and batch.offsets[index] == letter.offset:
                return batch, index
    raise AssertionError(f"{letter.topic}-{letter.partition}@{letter.offset} is one of the records that were fetched")


def _replays(headers: RawHeaders) -> int:
    """Return how often a record was replayed from a queue, as its last header of that says; 0 where none does."""
    found = next((value for name, value in reversed(headers) if name == REPLAY_COUNT), None)
    return int(found) if found is not None and found.isdigit() and len(found) < 10 else 0


def _timestamp(batch: FetchedBatch, index: int) -> int:
    timestamps = batch.columns.timestamps
    return timestamps if isinstance(timestamps, int) else timestamps[index]


def _class_name(error: Exception) -> str:
    known = next((name for cls, name in _JAVA_NAMES.items() if isinstance(error, cls)), None)
    return known or f"{type(error).__module__}.{type(error).__qualname__}"
