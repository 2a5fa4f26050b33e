"""The sink task's loop: fetch -> convert -> transforms -> put -> flush -> commit the group's offsets.

While one poll's records are put, the next poll is under way; nothing else is in flight. Committed is what was put
before a `flush` that returned, so after a crash some records come again and none is missed.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Iterable, Sequence

from connect.api import Batch, ConnectError, DataError, RetriableError, SinkTask
from connect.api.contract import refuse
from connect.ports import Consumer, FetchedBatch, OffsetAndMetadata, Subscription, TopicPartition
from connect.runtime.calls import call, on_loop
from connect.runtime.config import SinkConnectorConfig, strip_prefix
from connect.runtime.context import SinkTaskContextImpl
from connect.runtime.dead_letters import DeadLetterQueue
from connect.runtime.factory import make_pipeline
from connect.runtime.offsets import sink_group
from connect.runtime.pipeline import Pipeline
from connect.runtime.task import Surroundings, TaskRunner, TaskSpec, size_of
from connect.runtime.tolerance import Interrupted

POLL_TIMEOUT_MS = 1000
#: As for sources: a task that has nothing to do commits this soon.
QUIET_COMMIT_S = 5.0


class SinkTaskRunner(TaskRunner):
    """Runs one sink task."""

    _plugin: SinkTask
    context: SinkTaskContextImpl

    def __init__(self, spec: TaskSpec, around: Surroundings) -> None:
        super().__init__(spec, around, SinkTaskContextImpl(spec.id.connector, spec.id.task))
        self._pipeline: Pipeline | None = None
        self._consumer: Consumer | None = None
        self._dead_letters: DeadLetterQueue | None = None
        self._put: dict[TopicPartition, int] = {}
        self._on_loop = False

    async def _prepare(self) -> None:
        self._on_loop = on_loop(self._plugin, "put_batch", "put")
        make = lambda: make_pipeline(  # noqa: E731 - runs on the task's thread
            self.around.plugins, self.around.worker, self.spec.config, log=self.log, interrupted=self.interrupted
        )
        self._pipeline, self.tolerance = await self.set_up(make)
        originals = self.spec.config.originals
        assert isinstance(self.spec.config, SinkConnectorConfig)
        producer_configs = {**strip_prefix(self.around.worker.originals, "producer."),
                            **strip_prefix(originals, "producer.override.")}  # fmt: skip
        self._dead_letters = await DeadLetterQueue.open(
            self.spec.config, self.id, self.around.cluster, producer_configs
        )
        configs = {"auto.offset.reset": "earliest", **strip_prefix(self.around.worker.originals, "consumer."),
                   **strip_prefix(originals, "consumer.override.")}  # fmt: skip
        configs.pop("group.id", None)
        group = sink_group(self.around.worker, self.id.connector, originals)
        self._consumer = await self.around.cluster.consumer(
            self._subscription(), group=group, client_id=f"connector-consumer-{self.id}", configs=configs
        )

    def _subscription(self) -> Subscription:
        config = self.spec.config
        assert isinstance(config, SinkConnectorConfig)
        topics = tuple(config.topics)
        return Subscription(topics, config.topics_regex or None, member=self.id.task, members=self.spec.tasks)

    async def _release(self) -> None:
        if self._dead_letters is not None:
            await self._dead_letters.aclose()
        if self._consumer is not None:
            await self._consumer.aclose()

    async def _loop(self) -> None:
        assert self._consumer is not None
        flush_interval_s = self.around.worker.offset_flush_interval_ms / 1000
        committed_at = time.monotonic()
        polling: asyncio.Task[list[FetchedBatch]] | None = None
        try:
            while not self.stopping:
                if self.pausing:
                    await self._commit()
                    await self.pause_point()
                    continue
                if polling is None:
                    polling = asyncio.ensure_future(self._consumer.poll(timeout_ms=POLL_TIMEOUT_MS))
                fetched = await self._unless_stopping(polling)
                if fetched is None:
                    break
                polling = None
                fetched = await self._take_assignment(fetched)
                if fetched:
                    # The positions that belong to these batches, before the next poll moves on.
                    polling = asyncio.ensure_future(self._consumer.poll(timeout_ms=POLL_TIMEOUT_MS))
                    await self._deliver(fetched)
                    if moved := self.context.apply_to(self._consumer):
                        polling = await self._without(moved, polling)
                now = time.monotonic()
                due_s = flush_interval_s if fetched else min(flush_interval_s, QUIET_COMMIT_S)
                if now - committed_at >= due_s or self.context.commit_requested:
                    committed_at = now
                    await self._commit()
        finally:
            if polling is not None:
                polling.cancel()
                await asyncio.gather(polling, return_exceptions=True)
        await self._commit()
        if self.context.assigned:
            await call(self.thread, self._plugin.close_partitions, sorted(self.context.assigned))

    async def _unless_stopping(self, polling: asyncio.Task[list[FetchedBatch]]) -> list[FetchedBatch] | None:
        """Return what the poll brings; None when the task is to stop first."""
        stopped = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({polling, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
        return polling.result() if polling.done() else None

    async def _take_assignment(self, fetched: list[FetchedBatch]) -> list[FetchedBatch]:
        """Tell the plugin which partitions came and went; drop what it does not want from there."""
        assert self._consumer is not None
        assigned = self._consumer.assignment
        if assigned == self.context.assigned:
            return fetched
        lost, gained = self.context.assigned - assigned, assigned - self.context.assigned
        if lost:
            await self._commit()
            await call(self.thread, self._plugin.close_partitions, sorted(lost))
        self.context.assigned = assigned
        await call(self.thread, self._plugin.open, sorted(gained))
        moved = self.context.apply_to(self._consumer)
        return [batch for batch in fetched if TopicPartition(batch.topic, batch.partition) not in moved]

    async def _without(
        self, moved: frozenset[TopicPartition], polling: asyncio.Task[list[FetchedBatch]]
    ) -> asyncio.Task[list[FetchedBatch]]:
        """Drop what a poll under way brings of partitions that the plugin has moved since; seek them again."""
        assert self._consumer is not None
        targets = {partition: self._consumer.position(partition) for partition in moved}
        kept = [b for b in await polling if TopicPartition(b.topic, b.partition) not in moved]
        for partition, offset in targets.items():
            self._consumer.seek(partition, offset)
            self._put.pop(partition, None)
        return asyncio.ensure_future(_returned(kept))

    # -- putting ---------------------------------------------------------------------------------------------------

    async def _deliver(self, fetched: list[FetchedBatch]) -> None:
        assert self._pipeline is not None
        assert self.tolerance is not None
        try:
            if self._on_loop:
                await self._put_all(await self.thread.run(self._pipeline.from_bytes, fetched))
            else:
                # One hop: convert and put on the task's thread; come back only with what failed.
                left, error = await self.thread.run(self._convert_and_put, fetched)
                if error is not None:
                    await self._recover(left[0], error)
                    await self._put_all(left[1:])
        except Interrupted:
            self.tolerance.letters.clear()  # these records come again, and fail again
            return
        finally:
            await self._send_letters(fetched)
        self._record(fetched)

    async def _send_letters(self, fetched: Sequence[FetchedBatch]) -> None:
        assert self.tolerance is not None
        if self._dead_letters is not None and self.tolerance.letters:
            letters, self.tolerance.letters = self.tolerance.letters, []
            await self._dead_letters.send(letters, fetched)

    def _convert_and_put(self, fetched: list[FetchedBatch]) -> tuple[list[Batch], Exception | None]:
        """Put what converts; return what is left and the error that stopped it, if any."""
        assert self._pipeline is not None
        batches = self._pipeline.from_bytes(fetched)
        for index, batch in enumerate(batches):
            try:
                self.thread.inside(put, self._plugin, batch)
            except Exception as error:  # decided on the loop, where waiting is cheap
                return batches[index:], error
        return [], None

    async def _put_all(self, batches: Iterable[Batch]) -> None:
        for batch in batches:
            try:
                await call(self.thread, self._plugin.put_batch, batch)
            except Exception as error:
                await self._recover(batch, error)

    async def _recover(self, batch: Batch, error: Exception) -> None:
        """Put a batch that failed: again while the failure passes, in halves while a record in it is bad."""
        tries = 0
        while isinstance(error, RetriableError):
            if not await self.retry_wait(error, tries):
                raise Interrupted from error
            tries += 1
            try:
                await call(self.thread, self._plugin.put_batch, batch)
                return
            except Exception as again:
                error = again
        assert self.tolerance is not None
        if not isinstance(error, DataError) or (not self.tolerance.tolerates and len(batch) == 1):
            raise error
        if len(batch) == 1:
            self.tolerance.failed(error, stage="put", batch=batch, at=("TASK_PUT", self._plugin))
            return
        if not self.tolerance.tolerates:
            raise error
        middle = len(batch) // 2
        await self._put_all([batch[:middle], batch[middle:]])

    def _record(self, fetched: Sequence[FetchedBatch]) -> None:
        for batch in fetched:
            partition = TopicPartition(batch.topic, batch.partition)
            self._put[partition] = batch.next_offset
            self.records += len(batch)
            self.size_bytes += size_of(batch.columns.keys, batch.columns.values)
            self.around.on_topic(self.id, batch.topic)

    async def _commit(self) -> None:
        """Flush the sink, then commit what was put before. A `RetriableError` leaves it for the next time."""
        assert self._consumer is not None
        self.context.commit_requested = False
        if not self._put:
            return
        offsets = dict(self._put)
        try:
            await call(self.thread, self._plugin.flush)
            if self._dead_letters is not None:
                await self._dead_letters.flush()
        except RetriableError as error:
            self.log.warning("offsets were not committed, since the sink cannot flush now: %s", error.message)
            return
        try:
            await self._consumer.commit({p: OffsetAndMetadata(offset) for p, offset in offsets.items()})
        except ConnectError as error:
            self.log.error("offsets were not committed: %s", error.message)
            return
        self._put = {p: o for p, o in self._put.items() if offsets.get(p) != o}


def put(task: SinkTask, batch: Batch) -> None:
    """Put to a plain task, on its thread."""
    result = task.put_batch(batch)
    if result is not None and inspect.isawaitable(result):
        close = getattr(result, "close", None)
        if close is not None:
            close()
        refuse(task, "put", result, "nothing from a plain `def`, since nobody would await it: write `async def`")


async def _returned(batches: list[FetchedBatch]) -> list[FetchedBatch]:
    return batches
