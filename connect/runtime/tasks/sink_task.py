"""The sink task's loop: fetch -> convert -> transforms -> put -> flush -> commit the group's offsets.

While one poll's records are put, the next poll is under way; nothing else is in flight. Committed is what was put
before a `flush` that returned, so after a crash some records come again and none is missed.

What is not put is taken back: the consumer goes on from the first such record of each partition, and what the poll
under way brings of it is dropped. So it is with partitions that the plugin has paused or sought, and with all that is
in hand when a stop, a pause or a rebalance ends the wait for another try, which is no verdict on any record. A
partition that is to be given up is put, flushed, committed and closed before it is released.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from connect.api import (
    Batch,
    ConnectError,
    DataError,
    EnvironmentFault,
    PluginError,
    RetriableError,
    SinkTask,
    UnknownTopicOrPartitionError,
)
from connect.api.contract import refuse
from connect.ports import Consumer, Subscription
from connect.records import FetchedBatch, OffsetAndMetadata, TopicPartition
from connect.runtime.border.calls import call, on_loop
from connect.runtime.config import SinkConnectorConfig, strip_prefix
from connect.runtime.factory import make_pipeline
from connect.runtime.offsets import sink_group
from connect.runtime.tasks.context import SinkTaskContextImpl
from connect.runtime.tasks.dead_letters import DeadLetterQueue
from connect.runtime.tasks.delivery import may_pass
from connect.runtime.tasks.pipeline import Pipeline
from connect.runtime.tasks.task import Surroundings, TaskRunner, TaskSpec, size_of
from connect.runtime.tasks.tolerance import Interrupted, coordinates

POLL_TIMEOUT_MS = 1000
#: While the task is paused, a poll does no more than wait for the group.
PAUSED_POLL_TIMEOUT_MS: Final = 60_000
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
        self._on_loop = self._together = False
        self._polling: asyncio.Task[list[FetchedBatch]] | None = None
        #: Of the records in hand: what is still to be put, None while they are not converted; and what is held back.
        self._todo: deque[Batch] | None = None
        self._held: list[Batch] = []

    async def _prepare(self) -> None:
        self._on_loop = on_loop(self._plugin, "put_batch", "put")
        self._together = type(self._plugin).put_batches is not SinkTask.put_batches
        make = lambda: make_pipeline(  # noqa: E731 - runs on the task's thread
            self.around.plugins, self.around.worker, self.spec.config, log=self.log, interrupted=self.interrupted
        )
        self._pipeline = await self.set_up(make)
        originals = self.spec.config.originals
        assert isinstance(self.spec.config, SinkConnectorConfig)
        producer_configs = {
            **strip_prefix(self.around.worker.originals, "producer."),
            **strip_prefix(originals, "producer.override."),
        }
        self._dead_letters = await DeadLetterQueue.open(
            self.spec.config, self.id, self.around.cluster, producer_configs
        )
        configs = {
            "auto.offset.reset": "earliest",
            **strip_prefix(self.around.worker.originals, "consumer."),
            **strip_prefix(originals, "consumer.override."),
        }
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
        failure: Exception | None = None
        try:
            for step in (self._poll_and_put, self._commit_at_the_end, self._close_partitions):
                try:
                    await step()
                except Exception as error:
                    if failure is not None:
                        self.log.error("and then: %s: %s", type(error).__name__, error)
                    failure = failure or error
        finally:
            if self._polling is not None:
                self._polling.cancel()
                await asyncio.wait({self._polling})
        if failure is not None:
            raise failure

    async def _poll_and_put(self) -> None:
        assert self._consumer is not None
        flush_interval_s = self.around.worker.offset_flush_interval_ms / 1000
        committed_at = time.monotonic()
        while not self.stopping:
            if self.pausing:
                await self._stand_still()
                continue
            fetched = await self._fetch()
            if fetched is None:
                continue
            fetched = await self._take_assignment(fetched)
            if fetched:
                self._begin_poll(POLL_TIMEOUT_MS)
                await self._deliver(fetched)
            now = time.monotonic()
            due_s = flush_interval_s if fetched else min(flush_interval_s, QUIET_COMMIT_S)
            if now - committed_at >= due_s or self.context.commit_requested:
                committed_at = now
                await self._commit()

    async def _commit_at_the_end(self) -> None:
        """Commit what was put, also after a failure, as Kafka does; what a poll brings now comes again."""
        polling, self._polling = self._polling, None
        if polling is not None:
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)
        await self._commit()

    async def _close_partitions(self) -> None:
        assigned, self.context.assigned = self.context.assigned, frozenset()
        if assigned:
            await call(self.thread, self._plugin.close_partitions, sorted(assigned))

    # -- polling ---------------------------------------------------------------------------------------------------

    def _begin_poll(self, timeout_ms: int) -> asyncio.Task[list[FetchedBatch]]:
        assert self._consumer is not None
        if self._polling is None:
            self._polling = asyncio.create_task(self._consumer.poll(timeout_ms=timeout_ms))
        return self._polling

    async def _fetch(self) -> list[FetchedBatch] | None:
        """Return what the poll brings; None when the task is asked to stop or to pause first."""
        polling = self._begin_poll(POLL_TIMEOUT_MS)
        asked = asyncio.ensure_future(self._asked.wait())
        try:
            await asyncio.wait({polling, asked}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()
        if not polling.done():
            return None
        self._polling = None
        return polling.result()

    async def _end_poll(self) -> list[FetchedBatch]:
        """Return what the poll under way has brought; cancel it where that is nothing yet, which moves nothing."""
        polling, self._polling = self._polling, None
        if polling is None:
            return []
        if not polling.done():
            polling.cancel()
            await asyncio.wait({polling})
        return [] if polling.cancelled() else polling.result()

    async def _take_back(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Let the consumer go on from these offsets; drop what the poll under way brings of these partitions, and of
        those that the plugin has paused, which are read again when they are resumed."""
        assert self._consumer is not None
        if self._polling is None and not offsets:
            return
        kept: list[FetchedBatch] = []
        targets: dict[TopicPartition, int] = {}
        for batch in await self._end_poll():
            partition = TopicPartition(batch.topic, batch.partition)
            if partition in self.context.paused:
                targets.setdefault(partition, batch.offsets[0])
            elif partition not in offsets:
                kept.append(batch)
        self._seek({**targets, **offsets})
        if kept:
            self._polling = asyncio.create_task(_returned(kept))

    def _seek(self, offsets: Mapping[TopicPartition, int]) -> None:
        assert self._consumer is not None
        for partition in offsets.keys() & self._consumer.assignment:
            self._consumer.seek(partition, offsets[partition])

    async def _stand_still(self) -> None:
        """Commit, and put nothing until resumed. The group is still heard: what it asks back is given up."""
        assert self._consumer is not None
        self._seek(_firsts(await self._end_poll()))
        await self._commit()
        paused = asyncio.create_task(self.pause_point())
        try:
            while not paused.done():
                self._consumer.pause(*self._consumer.assignment)
                polling = self._begin_poll(PAUSED_POLL_TIMEOUT_MS)
                await asyncio.wait({polling, paused}, return_when=asyncio.FIRST_COMPLETED)
                self._seek(_firsts(await self._end_poll()))  # of a partition that came just now
                await self._take_assignment([])
        finally:
            paused.cancel()
        await paused
        self._consumer.resume(*(self._consumer.assignment - self.context.paused))

    # -- the assignment --------------------------------------------------------------------------------------------

    async def _take_assignment(self, fetched: list[FetchedBatch]) -> list[FetchedBatch]:
        """Give up what is asked back, when all of it that was in hand is put, flushed and committed; tell the plugin
        which partitions went and came. Return what is to be put of what was fetched. No poll is under way."""
        assert self._consumer is not None
        revoking = self._consumer.revoking
        assigned = self._consumer.assignment - revoking
        if assigned == self.context.assigned and not revoking:
            return fetched
        gone = self.context.assigned - assigned
        if gone:
            self._forget(gone - revoking)  # these were taken: what was put of them belongs to nobody
            await self._commit()
            self.context.assigned -= gone
            await call(self.thread, self._plugin.close_partitions, sorted(gone))
            self._forget(gone)
        if revoking:
            await self._consumer.release(revoking)
        gained = assigned - self.context.assigned
        if gained:
            self.context.assigned = assigned
            await call(self.thread, self._plugin.open, sorted(gained))
        return await self._heed(fetched)

    def _forget(self, partitions: Iterable[TopicPartition]) -> None:
        for partition in partitions:
            self._put.pop(partition, None)
        self.context.forget(partitions)

    async def _heed(self, fetched: list[FetchedBatch]) -> list[FetchedBatch]:
        """Do what the plugin has asked for, before any of this was put; return what is left of it to be put."""
        assert self._consumer is not None
        seeks, pauses = self.context.take()
        if not (seeks or pauses or self.context.paused):
            return fetched
        kept, targets = [], dict[TopicPartition, int]()
        for batch in fetched:
            partition = TopicPartition(batch.topic, batch.partition)
            if partition in self.context.paused:
                targets.setdefault(partition, batch.offsets[0])
            elif partition not in seeks:
                kept.append(batch)
        self._seek({**targets, **self._sought(seeks)})
        self._pause(pauses)
        return kept

    def _sought(self, seeks: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        assert self._consumer is not None
        for partition in seeks:
            self._consumer.position(partition)  # raises where the partition is none of this task's
            self._put.pop(partition, None)
        return seeks

    def _pause(self, pauses: Mapping[TopicPartition, bool]) -> None:
        assert self._consumer is not None
        for partition, paused in pauses.items():
            (self._consumer.pause if paused else self._consumer.resume)(partition)

    # -- putting ---------------------------------------------------------------------------------------------------

    async def _deliver(self, fetched: list[FetchedBatch]) -> None:
        """Put what was fetched, and do what the plugin asks for meanwhile. What is not put is taken back."""
        assert self.tolerance is not None
        skipped = self.tolerance.skipped
        self._todo, self._held = None, []
        try:
            await self._convert_and_put(fetched)
            await self._send_letters(fetched)
        except Interrupted:
            if self._todo is None or self.tolerance.letters:
                # Whatever failed has no letter yet, so all of it comes again, and fails again.
                self.tolerance.letters.clear()
                self.tolerance.skipped = skipped
                self._todo = None
        except Exception:
            if await self._send_last_letters(fetched):
                self._record(fetched, self._not_put(fetched))  # what came before the failure
            raise
        not_put = self._not_put(fetched)
        self._record(fetched, not_put)
        if not_put or self.context.has_wishes:
            seeks, pauses = self.context.take()
            await self._take_back({**not_put, **self._sought(seeks)})
            self._pause(pauses)

    async def _convert_and_put(self, fetched: list[FetchedBatch]) -> None:
        assert self._pipeline is not None
        if self._on_loop or self._together:
            self._todo = deque(await self.thread.run(self._pipeline.from_bytes, fetched))
            if self._together:
                await self._put_together()
        else:
            # One hop: convert and put on the task's thread; come back only with what failed.
            error = await self.thread.run(self._put_on_thread, fetched)
            if error is not None:
                await self._recover(error)
        await self._put_all()

    def _put_on_thread(self, fetched: list[FetchedBatch]) -> Exception | None:
        """Put what converts; return the error that stopped it, if any, which the first of what is left has met."""
        assert self._pipeline is not None
        todo = self._todo = deque(self._pipeline.from_bytes(fetched))
        while todo:
            if self._is_held(todo[0]):
                self._held.append(todo.popleft())
                continue
            try:
                self.thread.inside(put, self._plugin, todo[0])
            except Exception as error:  # decided on the loop, where waiting is cheap
                return error
            todo.popleft()
        return None

    async def _put_all(self) -> None:
        todo = self._todo
        assert todo is not None
        while todo:
            if self._is_held(todo[0]):
                self._held.append(todo.popleft())
                continue
            try:
                await call(self.thread, self._plugin.put_batch, todo[0])
            except Exception as error:
                await self._recover(error)
            else:
                todo.popleft()

    def _is_held(self, batch: Batch) -> bool:
        return self.context.is_holding and self.context.holds(batch.original_topic, batch.original_partition)

    async def _put_together(self) -> None:
        """Put all that is in hand or nothing, again while the failure passes; leave it where a record in it is bad.

        Raises:
            Interrupted: See `_recover`.
        """
        assert self._todo is not None
        assert self.tolerance is not None
        self._held += [batch for batch in self._todo if self._is_held(batch)]
        todo = self._todo = deque(batch for batch in self._todo if not self._is_held(batch))
        tries = 0
        while todo:
            try:
                await call(self.thread, self._plugin.put_batches, list(todo))
            except RetriableError as error:
                if not await self._may_try_again(error, tries):
                    raise Interrupted from error
                tries += 1
            except DataError:
                if not self.tolerance.tolerates:
                    raise
                return  # they are put one by one
            else:
                todo.clear()

    async def _may_try_again(self, error: RetriableError, tries: int) -> bool:
        """Wait before a put is made again; False where the task is to stop or to pause, or the assignment moves."""
        going_on = await self.retry_wait(error, tries, until_pause=True)
        return going_on and not self.pausing and not await self._has_assignment_moved()

    async def _recover(self, error: Exception) -> None:
        """Put the first batch again while the failure passes; take it apart while a record in it is bad.

        Raises:
            Interrupted: It is not known what becomes of it: the task is to stop or to pause, or the assignment moves.
        """
        assert self._todo is not None
        assert self.tolerance is not None
        batch, tries = self._todo[0], 0
        while isinstance(error, RetriableError):
            if not await self._may_try_again(error, tries):
                raise Interrupted from error
            tries += 1
            try:
                await call(self.thread, self._plugin.put_batch, batch)
            except Exception as again:
                error = again
            else:
                self._todo.popleft()
                return
        if not isinstance(error, DataError):
            raise _placed(error, batch, self._plugin) from error
        if len(batch) > 1:
            self._todo[0] = batch[len(batch) // 2 :]
            self._todo.appendleft(batch[: len(batch) // 2])
            return
        self.tolerance.failed(error, stage="put", batch=batch, at=("TASK_PUT", self._plugin))
        self._todo.popleft()

    async def _has_assignment_moved(self) -> bool:
        """Hear what the group says, which nobody does while a put is tried again and again."""
        assert self._consumer is not None
        self._seek(_firsts(await self._end_poll()))
        self._consumer.pause(*self._consumer.assignment)
        self._seek(_firsts(await self._consumer.poll(timeout_ms=0)))
        self._consumer.resume(*(self._consumer.assignment - self.context.paused))
        return bool(self._consumer.revoking) or self._consumer.assignment != self.context.assigned

    # -- what was put, and what was not ----------------------------------------------------------------------------

    def _not_put(self, fetched: Sequence[FetchedBatch]) -> dict[TopicPartition, int]:
        """Return the offset of the first record of each partition that is not put; nothing for those that all are."""
        if not self._held and self._todo is not None and not self._todo:
            return {}
        found: dict[TopicPartition, int] = {}
        for batch in (*self._held, *(self._todo or ())):
            if batch.original_topic is None or batch.original_partition is None or not batch.offsets:
                return _firsts(fetched)  # records that a transform has made: nobody knows where they belong
            at = TopicPartition(batch.original_topic, batch.original_partition)
            found[at] = min(found.get(at, batch.offsets[0]), *batch.offsets)
        return found if self._todo is not None else _firsts(fetched)

    def _record(self, fetched: Sequence[FetchedBatch], not_put: Mapping[TopicPartition, int]) -> None:
        for batch in fetched:
            partition = TopicPartition(batch.topic, batch.partition)
            stop = not_put.get(partition)
            if stop is not None and stop < batch.next_offset:
                if stop > batch.offsets[0]:
                    self._put[partition] = stop
                    self.records += sum(offset < stop for offset in batch.offsets)
                continue
            self._put[partition] = batch.next_offset
            size_bytes = size_of(batch.columns.keys, batch.columns.values)
            self.records += len(batch)
            self.size_bytes += size_bytes
            self.tell_delivered(batch.topic, batch.partition, len(batch), size_bytes)
            self.around.on_topic(self.id, batch.topic)

    async def _send_letters(self, fetched: Sequence[FetchedBatch]) -> None:
        """Send what belongs into the dead letter queue; wait where the log cannot take it now.

        Raises:
            Interrupted: The task is to stop; the letters are kept.
        """
        assert self.tolerance is not None
        if self._dead_letters is None or not self.tolerance.letters:
            return
        columns, tries, began = self._dead_letters.columns(self.tolerance.letters, fetched), 0, time.monotonic()
        while True:
            try:
                await self._dead_letters.send(columns)
                break
            except (EnvironmentFault, RetriableError) as error:
                if not may_pass(error) or time.monotonic() - began >= self._dead_letters.delivery_timeout_s:
                    raise
                if not await self.retry_wait(error, tries, doing="append to the dead letter queue"):
                    raise Interrupted from error
                tries += 1
        self.tolerance.letters.clear()

    async def _send_last_letters(self, fetched: Sequence[FetchedBatch]) -> bool:
        """Send the letters of a task that has failed, once; return whether none is left."""
        assert self.tolerance is not None
        letters = self.tolerance.letters
        if self._dead_letters is not None and letters:
            try:
                await self._dead_letters.send(self._dead_letters.columns(letters, fetched))
            except Exception as error:
                self.log.error("%d dead letters were not sent: %s", len(letters), error)
                return False
        letters.clear()
        return True

    async def _commit(self) -> None:
        """Flush the sink, then commit what was put before. A failure that passes leaves it for the next time, one that
        does not is raised.
        """
        assert self._consumer is not None
        self.context.commit_requested = False
        if not self._put:
            return
        offsets = dict(self._put)
        try:
            await call(self.thread, self._plugin.flush)
        except RetriableError as error:
            self.log.warning("offsets were not committed, since the sink cannot flush now: %s", error.message)
            return
        try:
            if self._dead_letters is not None:
                await self._dead_letters.flush()
            await self._consumer.commit({p: OffsetAndMetadata(offset) for p, offset in offsets.items()})
        except ConnectError as error:
            if not may_pass(error) and not self.stopping:
                raise
            self.log.error("offsets were not committed: %s", error.message)
            if not isinstance(error, UnknownTopicOrPartitionError) and error.code != "log.illegal_generation":
                return
            # Refused for ever, and the others are committed.
        else:
            self._tell_committed(offsets)
        self._put = {p: o for p, o in self._put.items() if offsets.get(p) != o}

    def _tell_committed(self, offsets: Mapping[TopicPartition, int]) -> None:
        if self.around.observers.wants("connect_offsets_committed"):
            self.tell("connect_offsets_committed", offsets=_shown(offsets))


def _shown(offsets: Mapping[TopicPartition, int]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return a group's offsets as REST shows them."""
    return [
        ({"kafka_topic": at.topic, "kafka_partition": at.partition}, {"kafka_offset": offset})
        for at, offset in offsets.items()
    ]


def put(task: SinkTask, batch: Batch) -> None:
    """Put to a plain task, on its thread."""
    result = task.put_batch(batch)
    if result is not None and inspect.isawaitable(result):
        close = getattr(result, "close", None)
        if close is not None:
            close()
        refuse(task, "put", result, "nothing from a plain `def`, since nobody would await it: write `async def`")


def _firsts(fetched: Iterable[FetchedBatch]) -> dict[TopicPartition, int]:
    """Return the offset of the first record of each partition."""
    found: dict[TopicPartition, int] = {}
    for batch in fetched:
        found.setdefault(TopicPartition(batch.topic, batch.partition), batch.offsets[0])
    return found


def _placed(error: Exception, batch: Batch, plugin: SinkTask) -> ConnectError:
    """Return what ends the task when a put failed: the cause first, then which records it was about."""
    place = coordinates(batch, 0)
    if len(batch) > 1 and batch.offsets:
        place += f" to {batch.offsets[-1]}"
    if isinstance(error, ConnectError):
        return ConnectError(f"{error.message} (put, {place})", code=error.code, hint=error.hint)
    hint = f"See the trace and report it to the author of {plugin.plugin_name()}."
    return PluginError(f"{type(error).__name__}: {error} (put, {place})", code="plugin.failed", hint=hint)


async def _returned(batches: list[FetchedBatch]) -> list[FetchedBatch]:
    return batches
