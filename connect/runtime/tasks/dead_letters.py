"""The dead letter queue: a topic for records that could not be converted, transformed, put or appended.

What failed of a poll is sent when the poll has been delivered, and before offsets are committed it is on disk. So a
record that was skipped is in the queue, or comes again; and where the queue cannot be written, the task fails and
nothing is skipped. A letter that is too large for the topic loses its trace, then all of its context; one whose bare
record is too large fails the task.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

from connect.api import ConnectError, EnvironmentFault, RecordTooLargeError, RetriableError, register_code
from connect.api.errors import InternalTopicError
from connect.ports import Cluster, Producer
from connect.records import FetchedBatch
from connect.runtime.connector_config import DeadLetterConfig
from connect.runtime.model import TaskId
from connect.runtime.tasks.delivery import delivery_timeout_s, may_pass
from connect.runtime.tasks.failures import Failure
from connect.runtime.tasks.letters import Letter, Writer, columns_of
from connect.runtime.tasks.meter import TaskMeter
from connect.runtime.tasks.tolerance import Interrupted
from connect.stores.topics import ensure_topic

UNWRITABLE: Final = register_code(
    "dead_letter.unwritable",
    "The dead letter queue does not take a record that failed, so it is not skipped.",
    "Mend the topic of errors.deadletterqueue.topic.name, or name another; then restart the task.",
)
#: What a record batch takes beside its only record.
_BATCH_BYTES: Final = 200


class DeadLetterQueue:
    """One task's way into the queue. Used on the loop, one call after another.

    Attributes:
        topic: The queue's topic.

    Args:
        retry_wait: Waits before the next try, given the error, how many tries there were and what is done; returns
            False once the task is to stop.
        meter: Where letters are counted.
    """

    def __init__(
        self,
        topic: str,
        writer: Writer,
        producer: Producer,
        cluster: Cluster,
        *,
        delivery_timeout_s: float,
        retry_wait: Callable[[ConnectError, int, str], Awaitable[bool]],
        meter: TaskMeter | None = None,
    ) -> None:
        self.topic = topic
        self._meter = meter or TaskMeter()
        self._writer = writer
        self._producer = producer
        self._cluster = cluster
        self._delivery_timeout_s = delivery_timeout_s
        self._retry_wait = retry_wait

    @classmethod
    async def open(
        cls,
        config: DeadLetterConfig,
        task: TaskId,
        cluster: Cluster,
        producer_configs: Mapping[str, str],
        retry_wait: Callable[[ConnectError, int, str], Awaitable[bool]],
        meter: TaskMeter | None = None,
    ) -> DeadLetterQueue | None:
        """Make the queue that a config names, and its topic where it is missing; None where it names none."""
        topic = config.errors_deadletterqueue_topic_name.strip()
        if not topic:
            return None
        if cluster.is_internal(topic):
            raise InternalTopicError(
                f"topic {topic!r} of errors.deadletterqueue.topic.name is internal: it takes no dead letters"
            )
        await ensure_topic(
            cluster.admin, topic, replication_factor=config.errors_deadletterqueue_topic_replication_factor
        )
        return cls(
            topic,
            Writer(task, with_context=config.errors_deadletterqueue_context_headers_enable),
            cluster.producer(client_id=f"connector-dlq-producer-{task}", configs=producer_configs),
            cluster,
            delivery_timeout_s=delivery_timeout_s(producer_configs),
            retry_wait=retry_wait,
            meter=meter,
        )

    async def keep(
        self, failures: Iterable[Failure], fetched: Sequence[FetchedBatch] = (), *, waits: bool = True
    ) -> None:
        """Append the letters of failures; wait where the log cannot take them now.

        Args:
            fetched: What a sink's records are among.
            waits: False where the task has failed: it is tried once.

        Raises:
            Interrupted: The task is to stop, and maybe not all of the letters are there.
            ConnectError: dead_letter.unwritable.
        """
        failures = list(failures)
        if not failures:
            return
        # Rendering thousands of traces takes a while, and the loop is everybody's.
        letters = await asyncio.to_thread(self._writer.letters, failures, fetched)
        self._meter.letters += len(failures)
        try:
            await self._send(letters, waits=waits)
        except ConnectError as error:
            self._meter.failed_letters += len(failures)
            if error.code == UNWRITABLE:
                raise
            raise self._unwritable(letters, error) from error
        for failure in failures:
            self._meter.lettered(failure.step, failure.error)

    async def _send(self, letters: Sequence[Letter], *, waits: bool) -> None:
        """Append letters, together where the topic takes them so."""
        try:
            await self._append(letters, waits=waits)
        except RecordTooLargeError:
            if len(letters) > 1:
                middle = len(letters) // 2
                await self._send(letters[:middle], waits=waits)
                await self._send(letters[middle:], waits=waits)
            else:
                await self._send_smaller(letters[0], waits=waits)

    async def _send_smaller(self, letter: Letter, *, waits: bool) -> None:
        entries = await self._cluster.admin.topic_configs(self.topic)
        limit = next((int(entry.value) for entry in entries if entry.name == "max.message.bytes"), 0)
        smaller = letter.without_trace(letter.size_bytes + _BATCH_BYTES - limit)
        for attempt in (smaller, letter.bare()):
            try:
                await self._append([attempt], waits=waits)
            except RecordTooLargeError as error:
                last = error
            else:
                return
        raise self._unwritable([letter], last) from last

    async def _append(self, letters: Sequence[Letter], *, waits: bool) -> None:
        """Append letters; the same columns again where the disk refused them, so that none is there twice."""
        columns, tries, began = columns_of(letters), 0, time.monotonic()
        while True:
            try:
                await self._producer.append(self.topic, columns)
                return
            except (EnvironmentFault, RetriableError) as error:
                if not waits or not may_pass(error) or time.monotonic() - began >= self._delivery_timeout_s:
                    raise
                if not await self._retry_wait(error, tries, "append to the dead letter queue"):
                    raise Interrupted from error
                tries += 1

    def _unwritable(self, letters: Sequence[Letter], error: ConnectError) -> ConnectError:
        others = f" and {len(letters) - 1} more" if len(letters) > 1 else ""
        return ConnectError(
            f"the dead letter of {letters[0].where}{others} cannot be written to topic {self.topic!r}, so nothing is "
            f"skipped: {error.message}",
            code=UNWRITABLE,
        )

    async def flush(self) -> None:
        """Return when every letter is on disk."""
        await self._producer.flush()

    async def aclose(self) -> None:
        """Release the producer."""
        await self._producer.aclose()
