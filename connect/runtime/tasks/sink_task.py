"""The sink task's loop: fetch -> convert -> transforms -> put -> flush -> commit the group's offsets.

While one poll's records are put, the next poll is under way; nothing else is in flight. How they are put, and taken
apart around bad ones, is in `isolation.py`. Committed is what was put before a `flush` that returned, or as much of it
as the flush says, so after a crash some records come again and none is missed.

What is not put is taken back: the consumer goes on from the first such record of each partition, and what the poll
under way brings of it is dropped. So it is with partitions that the plugin has paused or sought, and with all that is
in hand when a stop, a pause or a rebalance ends the wait for another try, which is no verdict on any record. A
partition that is to be given up is put, flushed, committed and closed before it is released.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Any, Final

from connect.api import (
    ConnectError,
    RetriableError,
    SinkTask,
    UnknownTopicOrPartitionError,
)
from connect.api.contract import flushed_of, resume_offsets_of
from connect.ports import Consumer, Subscription
from connect.records import FetchedBatch, OffsetAndMetadata, TopicPartition
from connect.runtime.border.calls import call
from connect.runtime.clock import now_ms
from connect.runtime.config_prefixes import strip_prefix
from connect.runtime.connector_config import SinkConnectorConfig
from connect.runtime.factory import make_pipeline
from connect.runtime.guarantee import is_at_most_once
from connect.runtime.model import State
from connect.runtime.offsets import sink_group
from connect.runtime.processes.stand_ins import lost
from connect.runtime.tasks.asked import idle_wait_s
from connect.runtime.tasks.context import SinkTaskContextImpl
from connect.runtime.tasks.delivery import may_pass
from connect.runtime.tasks.failures import Failure, before, first_places
from connect.runtime.tasks.isolation import Puts
from connect.runtime.tasks.pacing import HEAR_S, parted, positive
from connect.runtime.tasks.pipeline import Pipeline
from connect.runtime.tasks.replays import is_replay_topic, replay_topic
from connect.runtime.tasks.sink_offsets import firsts, nearest
from connect.runtime.tasks.sink_polls import SinkPolls
from connect.runtime.tasks.sink_progress import Reached, SinkProgress
from connect.runtime.tasks.spec import Surroundings, TaskSpec
from connect.runtime.tasks.task import TaskRunner
from connect.runtime.tasks.tolerance import Interrupted

#: What a poll waits for records, which end it at once. When it ends without any, a commit may be due, or partitions
#: that came are opened. Half as much costs an idle task twice as much.
POLL_TIMEOUT_S: Final = 5.0
#: The same while something is to be committed or opened.
BUSY_POLL_TIMEOUT_MS: Final = 1000
#: What one fetch brings at most, but for a record that is larger; `fetch.max.bytes` may say less.
FETCH_BYTES: Final = 1 << 20
#: While the task is paused, a poll does no more than wait for the group.
PAUSED_POLL_TIMEOUT_MS: Final = 60_000
#: As for sources: a task that has nothing to do commits this soon.
QUIET_COMMIT_S = 5.0
#: How often, while there are records, it is looked for partitions that have none and go on all the same.
PASS_OVER_S: Final = 1.0


class SinkTaskRunner(TaskRunner):
    """Runs one sink task: converters, transforms and put in one hop to its thread, beside the next poll."""

    _plugin: SinkTask
    context: SinkTaskContextImpl

    def __init__(self, spec: TaskSpec, around: Surroundings) -> None:
        super().__init__(spec, around, SinkTaskContextImpl(spec.id.connector, spec.id.task))
        self._pipeline: Pipeline | None = None
        self._consumer: Consumer | None = None
        self._polls: SinkPolls | None = None
        self._puts: Puts | None = None
        self._progress = SinkProgress()
        #: `delivery.guarantee=at-most-once`: offsets are committed before the records are put.
        self._at_most_once = False
        self._is_flush_due = False
        #: A put was broken off: whatever the sink holds for the rest of it is let go of in a flush.
        self._was_broken_off = False
        #: Which failures of this fetch have their letters on disk already, by identity.
        self._kept: set[int] = set()
        #: What is being put.
        self._fetched: list[FetchedBatch] = []
        self._passed_over_at = 0.0
        #: Bytes that were put last; and how many records one put holds at most.
        self._put_bytes = self._in_hand_bytes = 0
        #: Of each batch of `_fetched`: counted once, since it costs time a record.
        self._sizes: list[int] = []
        self._records_max: int | None = None

    @property
    def in_hand_bytes(self) -> int:
        return self._in_hand_bytes

    @property
    def partition_count(self) -> int:
        """How many partitions the task reads."""
        return len(self.context.assigned)

    def log_trouble(self) -> str | None:
        """Return why the consumer gets nothing."""
        return None if self._consumer is None else self._consumer.trouble

    async def _prepare(self) -> None:
        contract = await self.contract()
        make = lambda: make_pipeline(  # noqa: E731 - runs on the task's thread
            self.spec.plugins,
            self.around.worker,
            self.spec.config,
            log=self.log,
            interrupted=self.asked.interrupted,
            stopping=self.context.stopping,
            contract=contract,
        )
        self._pipeline = await self.set_up(make)
        originals = self.spec.config.originals
        self._at_most_once = is_at_most_once(originals)
        self._dead_letters = await self.open_dead_letters()
        assert self.tolerance is not None
        self._puts = Puts(
            self.thread,
            self._plugin,
            self._pipeline,
            self.tolerance,
            self.context,
            self._may_try_again,
            self.asked.interrupted,
            keep_first=self._keep_first if self._dead_letters is not None else None,
            at_most_once=self._at_most_once,
            meter=self.meter,
        )
        self.context.reached = self._puts.reached
        configs = {
            "auto.offset.reset": "earliest",
            # Not Kafka Connect's default: an exactly-once source's aborted records are nobody's.
            "isolation.level": "read_committed",
            **strip_prefix(self.around.worker.originals, "consumer."),
            **strip_prefix(originals, "consumer.override."),
        }
        configs.pop("group.id", None)
        fetch_bytes = min(FETCH_BYTES, max(1, self.bytes_max // 2), positive(configs, "fetch.max.bytes") or FETCH_BYTES)
        self._records_max = positive(configs, "max.poll.records")
        group = sink_group(self.around.worker, self.id.connector, originals)
        await self._look_at_topics()
        self._consumer = await self.around.cluster.consumer(
            self._subscription(), group=group, client_id=f"connector-consumer-{self.id}", configs=configs
        )
        self._polls = SinkPolls(self._consumer, self.context, fetch_bytes=fetch_bytes)
        self._begin(self._consumer.assignment)

    async def _look_at_topics(self) -> None:
        """Look at the topics that the config names. One that is missing may come; one that is not to be seen, since
        nobody has allowed it, looks just so to the group, and is told here."""
        config = self.spec.config
        assert isinstance(config, SinkConnectorConfig)
        await asyncio.gather(*(self.around.cluster.admin.partitions(topic) for topic in config.topics))

    def _subscription(self) -> Subscription:
        config = self.spec.config
        assert isinstance(config, SinkConnectorConfig)
        topics = (*config.topics, replay_topic(self.id.connector))
        return Subscription(topics, config.topics_regex or None, member=self.id.task, members=self.spec.tasks)

    async def _release(self) -> None:
        try:
            await self.close_dead_letters()
        finally:
            if self._consumer is not None:
                await self._consumer.aclose()

    async def _loop(self) -> None:
        assert self._polls is not None
        try:
            await self.all_steps(self._poll_and_put, self._commit_at_the_end, self._close_partitions)
        finally:
            await self._polls.drop()

    async def _poll_and_put(self) -> None:
        assert self._polls is not None
        flush_interval_s = self.around.worker.offset_flush_interval_ms / 1000
        committed_at = time.monotonic()
        while not self.stopping:
            if (gone := lost(self._plugin)) is not None:  # while nothing comes, no call would tell
                raise gone
            await self._grant({})  # what was asked for in `flush`, behind which maybe nothing more is fetched
            if self.pausing:
                await self._stand_still()
                continue
            fetched = await self._fetch()
            if fetched is None:
                continue
            fetched = await self._take_assignment(fetched)
            self._pass_over(fetched)
            if fetched and (self.pace.is_limited or self._records_max is not None):
                fetched = await self._take_turn(fetched)
            if fetched:
                if self._put_bytes < self.bytes_max // 2:  # else the next fetch waits for the put
                    self._polls.begin(BUSY_POLL_TIMEOUT_MS)
                await self._deliver(fetched)
            now = time.monotonic()
            due_s = flush_interval_s if fetched else min(flush_interval_s, QUIET_COMMIT_S)
            if now - committed_at >= due_s or self.context.commit_requested:
                committed_at = now
                await self._commit()

    async def _commit_at_the_end(self) -> None:
        """Commit what was put, also after a failure, as Kafka does; what a poll brings now comes again."""
        assert self._polls is not None
        await self._polls.drop()
        await self._commit()

    async def _close_partitions(self) -> None:
        assigned, self.context.assigned = self.context.assigned, frozenset()
        if assigned:
            await call(self.thread, self._plugin.close_partitions, sorted(assigned))

    # -- polling ---------------------------------------------------------------------------------------------------

    async def _take_turn(self, fetched: list[FetchedBatch]) -> list[FetchedBatch]:
        """Return what is to be put now of what was fetched, as `rate.limit.*` and `max.poll.records` say, once its turn
        has come; [] where it has not. The rest is what the next poll brings. No poll is under way."""
        assert self._polls is not None
        # While only what is in hand is put, no poll hears the group.
        if time.monotonic() - self._polls.heard_at >= HEAR_S and await self._polls.hear():
            self._polls.seek(firsts(fetched))
            return await self._take_assignment([])
        records, size = self.pace.limit.turn()
        records = min(filter(None, (records, self._records_max)), default=None)
        first, rest, count, size_bytes = parted(fetched, records, size)
        has_turn = not self.pace.is_limited or await self.pace.limit.take(
            self.pace.share, count, size_bytes, until=self.asked.either, within_s=HEAR_S
        )
        self._polls.put_back(rest if has_turn else fetched)
        return first if has_turn else []

    async def _fetch(self) -> list[FetchedBatch] | None:
        """Return what the poll brings; None when the task is asked to stop or to pause first."""
        assert self._consumer is not None
        assert self._polls is not None
        is_opened = self._consumer.assignment == self.context.assigned
        is_idle = is_opened and self._is_all_committed()
        polling = self._polls.begin(int(idle_wait_s(POLL_TIMEOUT_S) * 1000) if is_idle else BUSY_POLL_TIMEOUT_MS)
        asked = asyncio.ensure_future(self.asked.either.wait())
        waits: set[asyncio.Future[Any]] = {polling, asked}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()
        return self._polls.take() if polling.done() else None

    async def _stand_still(self) -> None:
        """Commit, and put nothing until resumed. The group is still heard: what it asks back is given up."""
        assert self._consumer is not None
        assert self._polls is not None
        self._polls.seek(firsts(await self._polls.end()))
        await self._commit()
        paused = asyncio.create_task(self.pause_point())
        try:
            while not paused.done():
                self._consumer.pause(*self._consumer.assignment)
                polling = self._polls.begin(PAUSED_POLL_TIMEOUT_MS)
                waits: set[asyncio.Future[Any]] = {polling, paused}
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                self._polls.seek(firsts(await self._polls.end()))  # of a partition that came just now
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
        assert self._polls is not None
        revoking = self._consumer.revoking
        assigned = self._consumer.assignment - revoking
        if assigned == self.context.assigned and not revoking:
            return fetched
        gone = self.context.assigned - assigned
        if gone:
            self._forget(gone - revoking)  # these were taken: what was put of them belongs to nobody
            await self._commit()
            self.context.assigned -= gone
            await self._close(gone)
            self._forget(gone)
        if revoking:
            await self._consumer.release(revoking)
        gained = assigned - self.context.assigned
        if gained and not await self._open(gained):
            self._polls.seek(firsts(fetched))
            return []
        return await self._heed(fetched)

    async def _open(self, gained: frozenset[TopicPartition]) -> bool:
        """Have the plugin open what came, again while its target is away.

        Returns False where a stop, a pause or a rebalance ends the wait: they are not the plugin's then, as if they had
        not come, and are opened when they are found again.
        """
        assert self._consumer is not None
        self.context.assigned |= gained
        self._begin(gained)
        is_open, tries = False, 0
        while True:
            try:
                if not is_open:
                    await call(self.thread, self._plugin.open, sorted(gained))
                    is_open = True
                await self._resume_where_the_sink_is(gained)
                self.went_on()
                return True
            except RetriableError as error:
                if not await self._may_open_again(error, tries):
                    break
                tries += 1
        self.went_on()
        self.context.assigned -= gained
        if is_open:
            await self._close(gained)
        self._forget(gained)
        return False

    def _begin(self, partitions: Iterable[TopicPartition]) -> None:
        assert self._consumer is not None
        for partition in partitions:
            if not self._progress.has_begun(partition):
                self._progress.begin(partition, self._consumer.position(partition))

    async def _may_open_again(self, error: RetriableError, tries: int) -> bool:
        if self.state is not State.PAUSED:
            return await self._wait_and_hear(self.retry_wait(error, tries, until_pause=True))
        # Partitions come to a task that stands still, too: the pause that it is in ends no wait.
        assert self._polls is not None
        return await self.retry_wait(error, tries) and not await self._polls.hear()

    async def _close(self, gone: frozenset[TopicPartition]) -> None:
        """Have the plugin close what goes, again while its target is away and the task is not to stop."""
        tries = 0
        while True:
            try:
                await call(self.thread, self._plugin.close_partitions, sorted(gone))
                self.went_on()
                return
            except RetriableError as error:
                if not await self.retry_wait(error, tries):
                    raise
                tries += 1

    async def _resume_where_the_sink_is(self, gained: Iterable[TopicPartition]) -> None:
        """Ask a sink that keeps offsets in its target where these partitions go on."""
        if type(self._plugin).resume_offsets is SinkTask.resume_offsets:
            return
        asked = sorted(gained)
        await self._learn_topic_ids({at.topic for at in asked})
        found = await call(self.thread, self._plugin.resume_offsets, asked)
        if found is not None:
            assert self._puts is not None
            self._puts.keeps_offsets = True
        for (topic, partition), offset in resume_offsets_of(self._plugin, found, asked).items():
            self.context.resume_from(TopicPartition(topic, partition), offset)

    async def _learn_topic_ids(self, topics: set[str]) -> None:
        """One that is gone again has none, which the next look at the assignment shows."""
        found = await self.around.cluster.admin.describe_topics(topics)
        self.context.topic_ids = {
            **{topic: known for topic, known in self.context.topic_ids.items() if topic not in topics},
            **{topic: info.topic_id for topic, info in found.items()},
        }

    def _forget(self, partitions: Iterable[TopicPartition]) -> None:
        self._progress.forget(partitions)
        self.context.forget(partitions)

    async def _heed(self, fetched: list[FetchedBatch]) -> list[FetchedBatch]:
        """Do what the plugin has asked for, before any of this was put; return what is left of it to be put."""
        assert self._polls is not None
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
        self._polls.seek({**targets, **self._sought(seeks)})
        self._pause(pauses)
        return kept

    async def _grant(self, not_put: Mapping[TopicPartition, int]) -> None:
        """Do what the plugin has asked for, though a poll may be under way; take back what is not put."""
        assert self._polls is not None
        if not_put or self.context.has_wishes:
            seeks, pauses = self.context.take()
            await self._polls.take_back({**not_put, **self._sought(seeks)})
            self._pause(pauses)

    def _sought(self, seeks: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        assert self._consumer is not None
        for partition, offset in seeks.items():
            self._consumer.position(partition)  # raises where the partition is none of this task's
            self._progress.begin(partition, offset)
        return seeks

    def _pause(self, pauses: Mapping[TopicPartition, bool]) -> None:
        assert self._consumer is not None
        for partition, paused in pauses.items():
            (self._consumer.pause if paused else self._consumer.resume)(partition)

    def _pass_over(self, fetched: Sequence[FetchedBatch]) -> None:
        """Take what the polls found to hold no records, as an aborted transaction's or a marker alone, for reached: the
        sink is not behind for it. No poll is under way, so what comes next of a partition without batches here is
        behind all that was put or skipped of it."""
        assert self._consumer is not None
        now = time.monotonic()
        if fetched and now - self._passed_over_at < PASS_OVER_S:
            return
        self._passed_over_at = now
        found = {TopicPartition(batch.topic, batch.partition) for batch in fetched}
        for partition in (self.context.assigned & self._consumer.assignment) - found:
            self._progress.pass_over(partition, self._consumer.position(partition))

    # -- putting ---------------------------------------------------------------------------------------------------

    async def _deliver(self, fetched: list[FetchedBatch]) -> None:
        """Put what was fetched, and do what the plugin asks for meanwhile. What is not put is taken back."""
        assert self._puts is not None
        if self._at_most_once:
            await self._commit_first(fetched)
        self._fetched, self._is_flush_due = fetched, True
        self._meter_fetch(fetched)
        tracer, failure = self.around.traces.tracer, None
        span = None if tracer is None else tracer.fetched(self.id, fetched)
        try:
            await self._puts.put(fetched)
        except Interrupted:
            self._was_broken_off = True
            not_put = await self._settle(fetched)
        except Exception as error:
            failure = error
            await self._settle_failed(fetched)
            raise
        else:
            not_put = await self._settle(fetched)
        finally:
            if span is not None:
                span.end(failure)
            self.went_on()
            self._in_hand_bytes = 0
        await self._grant(not_put)

    def _meter_fetch(self, fetched: Sequence[FetchedBatch]) -> None:
        self._sizes = [batch.columns.size_bytes for batch in fetched]
        self._in_hand_bytes, records = sum(self._sizes), sum(map(len, fetched))
        self.meter.fetched(records, self._in_hand_bytes)
        self.meter.active.record(records)

    async def _commit_first(self, fetched: list[FetchedBatch]) -> None:
        """Commit the offsets of what is to be put. Where that fails nothing is put, so the end commits none of it."""
        self._progress.reach(fetched)
        try:
            await self._commit_offsets(self._progress.reached())
        except ConnectError:
            for partition, offset in firsts(fetched).items():
                self._progress.take_back(partition, offset)
            raise

    async def _settle(self, fetched: list[FetchedBatch]) -> Mapping[TopicPartition, int]:
        """Send the letters of what was skipped, and take note of what was put, or skipped; return what comes again.

        Where the letters cannot be sent before the task is to stop or to pause, or the assignment moves, that is the
        first record whose letter is missing, and all behind it; at most once, nothing, and those letters are lost.
        """
        assert self._puts is not None
        assert self.tolerance is not None
        not_put = self._coming_again(fetched)
        failures = before(self._puts.failures, not_put)
        try:
            await self._keep(failures, fetched)
        except Interrupted as interrupted:
            missing = [failure for failure in failures if id(failure) not in self._kept]
            if self._at_most_once:
                self._tell_lost(missing, interrupted)
            else:
                failures = [failure for failure in failures if id(failure) in self._kept]
                places = first_places(missing)
                not_put = firsts(fetched) if places is None else nearest(not_put, places)
            self._kept.clear()
        self.tolerance.skip(before(failures, not_put))
        self._record(fetched, not_put)
        return not_put

    def _tell_lost(self, missing: Sequence[Failure], why: Interrupted) -> None:
        self.log.error(
            "the dead letters of %d records, the first of %s, are lost: they could not be sent before the task was to "
            "stop, to pause or to give up partitions, and delivery.guarantee=at-most-once puts nothing again: %s",
            len(missing),
            missing[0].where,
            why.__cause__,
        )

    def _coming_again(self, fetched: Sequence[FetchedBatch]) -> dict[TopicPartition, int]:
        """Return what is not put of a fetch, and what is read again, since the plugin goes back to it, or behind it:
        it counts when it is put for good."""
        assert self._puts is not None
        not_put = self._puts.not_put(fetched)
        for partition, first in firsts(fetched).items():
            sought = self.context.sought(partition)
            if sought is not None:
                not_put[partition] = min(not_put.get(partition, sought), max(sought, first))
        return not_put

    async def _settle_failed(self, fetched: list[FetchedBatch]) -> None:
        """As `_settle`, of a task that has failed, whose last record has its letter too; the letters are tried once."""
        assert self._puts is not None
        assert self.tolerance is not None
        not_put = self._coming_again(fetched)
        failures = before(self._puts.failures, not_put)
        ended = [self.tolerance.ended_by] if self.tolerance.ended_by is not None else []
        try:
            await self._keep([*failures, *ended], fetched, waits=False)
        except ConnectError as unkept:
            self.log.error("%s", unkept.message)
            self._record(fetched, firsts(fetched))
            return
        self.tolerance.skip(failures)
        self._record(fetched, not_put)

    async def _keep(self, failures: Sequence[Failure], fetched: Sequence[FetchedBatch], *, waits: bool = True) -> None:
        if self._dead_letters is not None:
            await self._dead_letters.keep([f for f in failures if id(f) not in self._kept], fetched, waits=waits)
        self._kept.clear()

    async def _keep_first(self, failures: Sequence[Failure]) -> None:
        """Bring letters to disk before the sink is given what lies behind their records: it keeps its offsets."""
        assert self._dead_letters is not None
        await self._dead_letters.keep(failures, self._fetched)
        await self._dead_letters.flush()
        self._kept.update(map(id, failures))

    async def _may_try_again(self, error: ConnectError, tries: int, wait_ms: int) -> bool:
        """Wait before a put is made again; False where the task is to stop or to pause, or the assignment moves."""
        return await self._wait_and_hear(self.retry_wait(error, tries - 1, wait_ms=wait_ms, until_pause=True))

    async def wait_for_letters(self, error: ConnectError, tries: int, doing: str) -> bool:
        """Wait before letters are sent again; as `_may_try_again`."""
        return await self._wait_and_hear(self.retry_wait(error, tries, doing=doing, until_pause=True))

    async def _wait_and_hear(self, wait: Coroutine[Any, Any, bool]) -> bool:
        """Wait, and hear the group meanwhile; False where something is not to be tried again."""
        assert self._polls is not None
        waiting = asyncio.ensure_future(wait)
        try:
            while not waiting.done():
                await asyncio.wait({waiting}, timeout=HEAR_S)
                if not self.stopping and await self._polls.hear():
                    return False
            return waiting.result() and not self.pausing
        finally:
            waiting.cancel()

    # -- what was put, and what was not ----------------------------------------------------------------------------

    def _record(self, fetched: Sequence[FetchedBatch], not_put: Mapping[TopicPartition, int]) -> None:
        self._put_bytes = 0
        for batch, whole_bytes in zip(fetched, self._sizes, strict=True):
            count = self._progress.put(batch, not_put)
            if not count:
                if self._at_most_once:  # it was committed before, and is taken back
                    partition = TopicPartition(batch.topic, batch.partition)
                    self._progress.take_back(partition, not_put[partition])
                continue
            columns = batch.columns if count == len(batch) else batch.columns.cut(0, count)
            size_bytes = whole_bytes if count == len(batch) else columns.size_bytes
            self._put_bytes += size_bytes
            first_ms = columns.timestamps if isinstance(columns.timestamps, int) else columns.timestamps[0]
            if first_ms > 0:
                self.meter.end_to_end.observe((now_ms() - first_ms) / 1000)
            self.records += count
            self.size_bytes += size_bytes
            self.tell_delivered(batch.topic, batch.partition, count, size_bytes)
            if not is_replay_topic(batch.topic):
                self.around.on_topic(self.id, batch.topic)

    def _is_all_committed(self) -> bool:
        is_flush_due = self._is_flush_due and (self._at_most_once or self._was_broken_off)
        return not is_flush_due and self._progress.is_all_committed

    async def _commit(self) -> None:
        """Flush the sink, then commit as far as it got. A failure that passes leaves it for the next time, one that
        does not is raised."""
        self.context.commit_requested = False
        if self._is_all_committed():
            return
        reached, began_s = self._progress.reached(), time.perf_counter()
        try:
            result = await self._flush(reached)
        except RetriableError as error:
            self.meter.committed(time.perf_counter() - began_s, failed=True)
            self.log.warning("offsets were not committed, since the sink cannot flush now: %s", error.message)
            return
        self._is_flush_due = self._was_broken_off = False
        put = {(at.topic, at.partition): offset for at, offset in reached.offsets.items()}
        flushed = flushed_of(self._plugin, result, put)
        if flushed is not None and not self._at_most_once:
            reached = reached.flushed({TopicPartition(*at): offset for at, offset in flushed.items()})
        try:
            await self._commit_offsets(reached)
            self.meter.committed(time.perf_counter() - began_s)
        except ConnectError as error:
            self.meter.committed(time.perf_counter() - began_s, failed=True)
            if not may_pass(error) and not self.stopping:
                raise
            self.log.error("offsets were not committed: %s", error.message)
            if isinstance(error, UnknownTopicOrPartitionError) or error.code == "log.illegal_generation":
                self._progress.committed(reached.offsets)  # refused for ever, and the others are committed

    async def _flush(self, reached: Reached) -> object:
        """Have the sink flush. One that keeps its offsets in its target may store there what lies behind the last put,
        dropped or skipped, so that a start does not meet it again; the letters of that are on disk first."""
        assert self._puts is not None
        if self._puts.keeps_offsets and self._dead_letters is not None:
            await self._dead_letters.flush()
        with self.context.reaching(reached.dealt_with()):
            return await call(self.thread, self._plugin.flush)

    async def _commit_offsets(self, reached: Reached) -> None:
        """Commit those that are not committed yet, behind the letters of what was skipped."""
        assert self._consumer is not None
        offsets = self._progress.uncommitted(reached)
        if self._dead_letters is not None:
            await self._dead_letters.flush()
        if offsets:
            await self._consumer.commit({at: OffsetAndMetadata(offset) for at, offset in offsets.items()})
        self._tell_committed(offsets)
        self._progress.committed(offsets)

    def _tell_committed(self, offsets: Mapping[TopicPartition, int]) -> None:
        if offsets and self.around.observers.wants("connect_offsets_committed"):
            self.tell("connect_offsets_committed", offsets=_shown(offsets))


def _shown(offsets: Mapping[TopicPartition, int]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return a group's offsets as REST shows them."""
    return [
        ({"kafka_topic": at.topic, "kafka_partition": at.partition}, {"kafka_offset": offset})
        for at, offset in offsets.items()
    ]
