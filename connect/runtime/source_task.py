"""The source task's loop: poll -> transforms -> convert -> append -> commit the source offset.

Two things are in flight at most: one poll's records on their way into the log, and the next poll. An offset is
recorded when the append of its records has returned, and committed (every `offset.flush.interval.ms`, and at the end)
only after the producer has flushed: so the offset store is never ahead of durable data.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

import orjson

from connect.api import Batch, ConnectError, RetriableError, SourceTask, UnknownTopicOrPartitionError
from connect.api.connector import Batches
from connect.ports import Producer
from connect.runtime.calls import call, on_loop
from connect.runtime.config import SourceConnectorConfig, strip_prefix
from connect.runtime.context import SourceTaskContextImpl
from connect.runtime.factory import make_pipeline
from connect.runtime.pipeline import Outgoing, Pipeline
from connect.runtime.task import IDLE_WAIT_MAX_S, IDLE_WAIT_MIN_S, Surroundings, TaskRunner, TaskSpec, size_of
from connect.runtime.topic_creation import TopicGroup, topic_groups
from connect.stores.offsets import OffsetStore

#: A task that has nothing to do commits this soon: what it costs is nothing then, and a crash repeats less.
QUIET_COMMIT_S = 5.0

SourceOffset = tuple[Mapping[str, Any], Mapping[str, Any]]


class SourceTaskRunner(TaskRunner):
    """Runs one source task."""

    _plugin: SourceTask

    def __init__(self, spec: TaskSpec, around: Surroundings, offsets: OffsetStore) -> None:
        connector = spec.id.connector
        context = SourceTaskContextImpl(connector, spec.id.task, lambda partition: offsets.get(connector, partition))
        super().__init__(spec, around, context)
        self._store = offsets
        self._pipeline: Pipeline | None = None
        self._producer: Producer | None = None
        self._known_topics: set[str] = set()
        self._topic_groups: list[TopicGroup] = []
        self._pending = PendingOffsets()
        self._committed: list[SourceOffset] | None = None

    async def _prepare(self) -> None:
        stopping = self.context.stopping
        make = lambda: make_pipeline(  # noqa: E731 - runs on the task's thread
            self.around.plugins, self.around.worker, self.spec.config, log=self.log, stopping=stopping
        )
        self._pipeline, self.tolerance = await self.thread.run(make)
        assert isinstance(self.spec.config, SourceConnectorConfig)
        self._topic_groups = topic_groups(self.spec.config.originals, self.spec.config.topic_creation_groups)
        configs = {**strip_prefix(self.around.worker.originals, "producer."),
                   **strip_prefix(self.spec.config.originals, "producer.override.")}  # fmt: skip
        client_id = f"connector-producer-{self.id}"
        self._producer = self.around.cluster.producer(client_id=client_id, configs=configs)

    async def _release(self) -> None:
        if self._pipeline is not None:
            self._pipeline.close()
        if self._producer is not None:
            await self._producer.aclose()

    async def _loop(self) -> None:
        poll = self._poll_on_loop if on_loop(self._plugin, "poll_batch", "poll") else self._poll_on_thread
        flush_interval_s = self.around.worker.offset_flush_interval_ms / 1000
        committed_at = time.monotonic()
        idle_s, tries = IDLE_WAIT_MIN_S, 0
        async with asyncio.TaskGroup() as group:
            appending: asyncio.Task[None] | None = None
            committing: asyncio.Task[None] | None = None
            while not self.stopping:
                if self.pausing:
                    await _finished(appending)
                    await _finished(committing)
                    appending = committing = None
                    await self._commit()
                    await self.pause_point()
                    continue
                if self._committed is not None and appending is None:
                    done, self._committed = self._committed, None
                    await call(self.thread, self._plugin.commit, done)
                try:
                    outgoing, offsets = await poll()
                    tries = 0
                except RetriableError as error:
                    await _finished(appending)
                    appending = None
                    await self.retry_wait(error, tries)
                    tries += 1
                    continue
                await _finished(appending)
                appending = None
                if outgoing or offsets:
                    idle_s = IDLE_WAIT_MIN_S
                    appending = group.create_task(self._append(outgoing, offsets))
                else:
                    await self.wait_idle(idle_s)
                    idle_s = min(idle_s * 2, IDLE_WAIT_MAX_S)
                due_s = flush_interval_s if appending is not None else min(flush_interval_s, QUIET_COMMIT_S)
                if time.monotonic() - committed_at >= due_s and (committing is None or committing.done()):
                    committed_at = time.monotonic()
                    committing = group.create_task(self._commit())
            await _finished(appending)
            await _finished(committing)
        await self._commit()
        if self._committed is not None:
            await call(self.thread, self._plugin.commit, self._committed)

    # -- polling ---------------------------------------------------------------------------------------------------

    async def _poll_on_thread(self) -> tuple[list[Outgoing], list[SourceOffset]]:
        return await self.thread.run(lambda: self._converted(_listed(cast(Batches, self._plugin.poll_batch()))))

    async def _poll_on_loop(self) -> tuple[list[Outgoing], list[SourceOffset]]:
        # An async poll may wait as long as it likes: stopping cancels it. What it had in hand is polled again later,
        # since no offset covers it.
        polling = asyncio.ensure_future(call(self.thread, self._plugin.poll_batch))
        stopped = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({polling, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not polling.done():
                return [], []
            batches = _listed(polling.result())
        finally:
            polling.cancel()
            stopped.cancel()
        if not batches:
            return [], []
        return await self.thread.run(self._converted, batches)

    def _converted(self, batches: list[Batch]) -> tuple[list[Outgoing], list[SourceOffset]]:
        offsets = [
            (batch.source_partition, batch.source_offset)
            for batch in batches
            if batch.source_partition is not None and batch.source_offset is not None
        ]
        assert self._pipeline is not None
        return self._pipeline.to_bytes(batches), offsets

    # -- appending and committing ----------------------------------------------------------------------------------

    async def _append(self, outgoing: Sequence[Outgoing], offsets: Sequence[SourceOffset]) -> None:
        assert self._producer is not None
        for out in outgoing:
            if out.topic not in self._known_topics:
                await self._ensure_topic(out.topic)
            self.around.on_topic(self.id, out.topic)
            await self._producer.append(out.topic, out.columns, partition=out.partition)
            self.records += len(out.columns)
            self.size_bytes += size_of(out.columns.keys, out.columns.values)
        self._pending.add(offsets)

    async def _ensure_topic(self, topic: str) -> None:
        admin = self.around.cluster.admin
        if await admin.partitions(topic) is None:
            if not self.around.worker.topic_creation_enable:
                raise UnknownTopicOrPartitionError(f"topic {topic!r} does not exist and topic.creation.enable is false", hint=f"Create it with 'connect topic create {topic}'.")  # fmt: skip
            group = next(group for group in self._topic_groups if group.takes(topic))
            await admin.create_topic(topic, partitions=group.partitions, configs=group.configs)
        self._known_topics.add(topic)

    async def _commit(self) -> None:
        """Make what was appended durable, then store its offsets. A failure is logged, and tried again later."""
        offsets = self._pending.take()
        if not offsets:
            return
        assert self._producer is not None
        try:
            async with asyncio.timeout(self.around.worker.offset_flush_timeout_ms / 1000):
                await self._producer.flush()
                await self._store.put(self.id.connector, offsets)
        except (ConnectError, TimeoutError) as error:
            self._pending.put_back(offsets)
            reason = (
                str(error)
                or f"it took longer than offset.flush.timeout.ms={self.around.worker.offset_flush_timeout_ms}"
            )
            self.log.error("source offsets were not committed: %s", reason)
        else:
            self._committed = offsets


class PendingOffsets:
    """Offsets whose records are appended and which are not committed yet: the newest of each source partition."""

    def __init__(self) -> None:
        self._offsets: dict[bytes, SourceOffset] = {}

    def add(self, offsets: Sequence[SourceOffset]) -> None:
        """Take newer offsets."""
        for partition, offset in offsets:
            self._offsets[_key(partition)] = (partition, offset)

    def take(self) -> list[SourceOffset]:
        """Return what is there, and hold nothing any more."""
        offsets, self._offsets = self._offsets, {}
        return list(offsets.values())

    def put_back(self, offsets: Sequence[SourceOffset]) -> None:
        """Take offsets that could not be committed; newer ones that came since stay."""
        self._offsets = {_key(partition): (partition, offset) for partition, offset in offsets} | self._offsets


def _key(partition: Mapping[str, Any]) -> bytes:
    return orjson.dumps(dict(partition), option=orjson.OPT_SORT_KEYS)


def _listed(batches: Batches) -> list[Batch]:
    if batches is None:
        return []
    return [batches] if isinstance(batches, Batch) else list(batches)


async def _finished(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        await task
