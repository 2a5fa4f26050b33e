"""The source task's loop: poll -> transforms -> convert -> append (`appending.py`) -> commit (`committing.py`).

Two things are in flight at most: one poll's records on their way into the log, and the next poll. Where the producer
gathers, as one over a network does, what is polled while an append is under way goes into the log together, behind it.
An offset is recorded when the append of its records has returned, and committed now and then, and at the end. The end
is any end: a task that failed commits what it had appended (`half_way.py`), so that its next start repeats nothing of
it.

What a stop or a pause finds in hand is kept or polled again, never decided about; what the log cannot take now, since
the disk is full, waits until it can.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from connect.api import Batch, ConfigError, ConnectError, DataError, RetriableError, SourceTask
from connect.api.contract import batches_of, check_batch, check_source, refuse
from connect.ports import Producer
from connect.records import Appended
from connect.runtime.border.calls import call, on_loop
from connect.runtime.connector_config import DEAD_LETTER_TOPIC, SourceConnectorConfig
from connect.runtime.factory import make_pipeline
from connect.runtime.guarantee import is_at_most_once
from connect.runtime.model import State
from connect.runtime.schedule import ScheduleConfig
from connect.runtime.tasks.acknowledgements import Acknowledgements
from connect.runtime.tasks.appending import Appends
from connect.runtime.tasks.asked import wait_idle
from connect.runtime.tasks.committing import FLUSH_AGAIN_S, Commits
from connect.runtime.tasks.context import SourceTaskContextImpl
from connect.runtime.tasks.delivery import delivery_timeout_s
from connect.runtime.tasks.draining import Draining
from connect.runtime.tasks.half_way import HalfWay
from connect.runtime.tasks.idling import IDLE_WAIT_MIN_S, Idling
from connect.runtime.tasks.news import News
from connect.runtime.tasks.outgoing import Outgoing
from connect.runtime.tasks.pacing import SourcePace
from connect.runtime.tasks.pipeline import Outcome, Pipeline
from connect.runtime.tasks.runs import Runs
from connect.runtime.tasks.settling import Settling
from connect.runtime.tasks.source_offsets import SourceOffset, offsets_of, shells
from connect.runtime.tasks.spec import Surroundings, TaskSpec
from connect.runtime.tasks.task import TaskRunner
from connect.runtime.tasks.tolerance import Interrupted
from connect.runtime.tasks.topic_creation import TopicCreation, topic_groups
from connect.runtime.tasks.traces import Span, end_all
from connect.stores.offset_topics import OffsetTopics

#: How long a cancelled task waits for its parts to end.
ABANDON_S: Final = 0.5
#: Records that are gathered while an append is under way, at most.
GATHERED_RECORDS: Final = 50_000


@dataclass(slots=True)
class Converted:
    """One poll on its way, or some: what of it goes into the log, what the source returned, and what failed.

    `polled_s` is when the first of it was there, in the monotonic clock. Records and bytes are counted once, however
    often they are asked for: thousands of small polls may be gathered.

    Attributes:
        size_bytes: Of keys and values on their way into the log.
        count: Records on their way into the log.
    """

    outgoing: list[Outgoing] = field(default_factory=list)
    polled: list[Batch] = field(default_factory=list)
    outcome: Outcome = field(default_factory=Outcome)
    polled_s: float = field(default_factory=time.monotonic)
    spans: list[Span] = field(default_factory=list)
    size_bytes: int = field(init=False)
    count: int = field(init=False)

    def __post_init__(self) -> None:
        self.size_bytes = sum(out.size_bytes for out in self.outgoing)
        self.count = sum(map(len, self.outgoing))

    @property
    def is_clean(self) -> bool:
        """Whether no record of it failed."""
        return not self.outcome.failures and self.outcome.ending is None

    def take(self, later: Converted) -> None:
        """Take what was polled later, all of it."""
        self.outgoing += later.outgoing
        self.polled += later.polled
        self.spans += later.spans
        self.outcome.failures += later.outcome.failures
        self.size_bytes += later.size_bytes
        self.count += later.count


class SourceTaskRunner(TaskRunner):
    """Runs one source task: poll, transforms and converters in one hop to its thread, appends beside the next poll."""

    _plugin: SourceTask
    context: SourceTaskContextImpl

    def __init__(self, spec: TaskSpec, around: Surroundings, offsets: OffsetTopics) -> None:
        connector = spec.id.connector
        self._idling = Idling()
        self._draining = Draining()
        context = SourceTaskContextImpl(
            connector, spec.id.task, lambda partition: self._store.get(connector, partition), self._idling.wakeup
        )
        super().__init__(spec, around, context)
        #: What is called for a poll.
        self._poll_method: Callable[[], Any]
        self._offset_topics = offsets
        #: The shared one until `_prepare` knows better.
        self._store = offsets.shared
        self._pipeline: Pipeline | None = None
        self._producer: Producer | None = None
        self._appends: Appends | None = None
        #: When it may poll, where `schedule.cron` says so.
        self._runs: Runs | None = None
        #: Polled and not converted yet, since a stop or a pause came in between.
        self._polled: list[Batch] | None = None
        #: An async poll that is under way; a pause leaves it so.
        self._polling: asyncio.Task[Any] | None = None
        self._poll_began_s = 0.0
        #: How long the last poll took.
        self._poll_s = 0.0
        self._appending: asyncio.Task[None] | None = None
        #: Polled while an append is under way, and to be appended behind it.
        self._gathered: Converted | None = None
        self._committer: asyncio.Task[None] | None = None
        #: What becomes of what is appended, or is not.
        self._commits: Commits
        self._half_way: HalfWay
        self._settling: Settling
        self._news: News
        #: Of a task that wants to hear of each record; None, and nothing is done for it, of all others.
        self._acks: Acknowledgements | None = None
        self._acknowledger: asyncio.Task[None] | None = None
        #: `delivery.guarantee=at-most-once`: offsets are stored before the records are appended.
        self._at_most_once = False
        #: Bytes that were handed over and are not appended yet.
        self._handed_bytes = 0
        self._write_began_s = 0.0
        self._outage = asyncio.Event()
        self.pace: SourcePace = SourcePace(
            spec.limit,
            self.bytes_max,
            asked=self.asked.either,
            resumed=self.asked.resumed,
            is_stopping=lambda: self.stopping,
            outage=self._outage,
        )

    @property
    def in_hand_bytes(self) -> int:
        return self._handed_bytes if self._appending is not None else 0

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
        self._acks = Acknowledgements.of(self._plugin)
        self._poll_method = self._plugin.poll_batch
        self._runs = Runs.of(ScheduleConfig.parse(self.spec.config.originals), self.log)
        assert isinstance(self.spec.config, SourceConnectorConfig)
        self._store = await self._offset_topics.of(self.spec.config.offsets_storage_topic)
        configs = self.producer_configs()
        timeout_s = delivery_timeout_s(configs)
        groups = topic_groups(self.spec.config.originals, self.spec.config.topic_creation_groups)
        self._producer = await self._make_producer(f"connector-producer-{self.id}", configs)
        assert self.tolerance is not None
        self._settling = Settling(await self.open_dead_letters(), self.tolerance, self.log)
        self._at_most_once = is_at_most_once(self.spec.config.originals)
        self._news = News(self.thread, self._plugin, self._acks, self.log)
        self._prepare_commits(self._producer)
        self._appends = Appends(
            self._producer,
            TopicCreation(self.around.cluster, groups, is_enabled=self.around.worker.topic_creation_enable),
            self.tolerance,
            delivery_timeout_s=timeout_s,
            retry_wait=lambda error, tries, doing: self.retry_wait(error, tries, doing=doing, is_kept=True),
            went_on=self.went_on,
            before=self._before_append,
            after=self._after_append,
            outage=self._outage,
            pace=self._append_pace(),
            may_end=self._may_end,
            on_slice=self._on_slice,
        )

    def _prepare_commits(self, producer: Producer) -> None:
        """Make what commits, and what knows how far a poll has come."""
        worker = self.around.worker
        self._commits = commits = Commits(
            producer,
            self._store,
            self.id.connector,
            worker,
            self._acks,
            flush_letters=self._settling.flush,
            on_committed=self._committed,
            on_durable=self._idling.is_woken.set,  # the plugin is told before the next poll, which may be long
            is_stopping=lambda: self.stopping,
            log=self.log,
            meter=self.meter,
        )
        self._half_way = HalfWay(
            self.thread,
            self._plugin,
            noted_each_s=worker.offset_flush_interval_ms / 1000,
            reached=lambda offsets: commits.reached(offsets, appended=False),
            log=self.log,
        )

    @property
    def is_drained(self) -> bool:
        """Whether the source has brought all that there was, and nothing of it is on its way into the log."""
        is_flying = self._appending is not None and not self._appending.done()
        if is_flying or self._gathered is not None or self.state is not State.RUNNING:
            return False
        # Of one that says nothing of its end, what it waits for is to come yet.
        told, waits = self.context.drained, self.context.waiting_for is not None
        return self._draining.is_over(told) and (told is True or not waits)

    def _append_pace(self) -> SourcePace | None:
        """Return what cuts a poll's records into slices; None where they go into the log together."""
        return self.pace

    async def _make_producer(self, client_id: str, configs: dict[str, Any]) -> Producer:
        # Where its records are, only a task is told that wants to hear of each.
        return self.around.cluster.producer(client_id=client_id, configs=configs, places=self._acks is not None)

    async def _release(self) -> None:
        try:
            await self.close_dead_letters()
        finally:
            if self._producer is not None:
                await self._producer.aclose()

    async def _loop(self) -> None:
        self._committer = self.begin(self._commit_regularly())
        if self._acks is not None:
            self._acknowledger = self.begin(self._make_durable_for(self._acks))
        try:
            await self.all_steps(
                self._poll_and_append,
                self._end_poll,
                self._finish_append,
                self._ask_half_way,
                self._commit,
                self._make_durable,
                self._tell_committed,
            )
        finally:
            await self._abandon()

    async def _poll_and_append(self) -> None:
        poll = self._poll_on_loop if on_loop(self._plugin, "poll_batch", "poll") else self._poll_on_thread
        assert self.tolerance is not None
        idling, retries = self._idling, None
        while not self.stopping:
            if self.pausing:
                await self._stand_still()
                continue
            self._check_parts()
            if self._acks is not None and self._acks.is_full and not await self._make_durable():
                await self.asked.wait_stopping(FLUSH_AGAIN_S)
                continue
            if not await self._has_space():
                continue
            if self._runs is not None and not await self._may_run(self._runs):
                continue
            idling.is_woken.clear()  # before it is looked for what woke
            if self._polling is None:
                await self._tell_committed()
            polled_at = time.monotonic()
            self._draining.begin()
            try:
                polled = await poll()
            except Interrupted:
                self._draining.brought()
                continue
            except RetriableError as error:
                self._draining.brought()
                await self._until_appended()
                retries = retries or self.tolerance.retries()
                wait_ms = retries.failed(error)
                await self.retry_wait(error, retries.tries - 1, wait_ms=wait_ms, until_pause=True)
                continue
            retries = None
            self.went_on()
            if polled is None:
                continue
            brings = bool(polled.outgoing or polled.polled)
            self._draining.brought() if brings else self._draining.empty()
            if self._gather(polled):
                idling.brought()
                continue
            await self._make_room()
            if brings:
                idling.brought()
                if self._at_most_once:
                    await self._store_first(polled.polled)
                self._hand_over(polled)
            elif await self._wait_for_more():
                idling.was_woken()
                await self.asked.wait_stopping(polled_at + IDLE_WAIT_MIN_S - time.monotonic())
            else:
                idling.waited()

    async def _may_run(self, runs: Runs) -> bool:
        """Wait for the next run once this one has come to its end; False where that is looked for again."""
        if runs.is_under_way:
            if not self.is_drained:
                return True
            runs.end()
        self._idling.is_woken.clear()
        await wait_idle(runs.wait_s(), self.asked.either)
        if not runs.begin_if_due():
            return False
        # What was told of the run before says nothing of this one.
        self._draining.begin_anew()
        self.context.drained = None
        return True

    async def _has_space(self) -> bool:
        """Wait before the next poll while very much is in hand; False where a stop or a pause ends that."""
        if self._appending is None or self._handed_bytes < self.bytes_max:
            return True
        asked = asyncio.ensure_future(self.asked.either.wait())
        await asyncio.wait({self._appending, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if self._appending.done():
            await self._finish_append()
        return self._appending is None

    async def _wait_for_more(self) -> bool:
        """Wait, since a poll brought nothing; return True where something ended it: the plugin, a stop or a pause."""
        return await wait_idle(self._idling.wait_s(self.context.poll_wait_s), self._idling.is_woken)

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begin what runs beside the polls. Where it fails, the loop hears of it at once: the next poll may be long."""
        part = asyncio.create_task(work)
        part.add_done_callback(self._heed_failure)
        return part

    def _heed_failure(self, part: asyncio.Task[None]) -> None:
        if part.cancelled() or part.exception() is not None:
            self._idling.is_woken.set()

    def stop(self, by: float | None = None) -> None:
        super().stop(by)
        self._idling.is_woken.set()

    def pause(self) -> None:
        super().pause()
        self._idling.is_woken.set()

    async def _stand_still(self) -> None:
        """Finish what is in flight, commit, and wait to be resumed. What the log cannot take now goes on waiting."""
        if self._appending is not None:
            assert self._appends is not None
            outage = asyncio.ensure_future(self._appends.outage.wait())
            await asyncio.wait({self._appending, outage}, return_when=asyncio.FIRST_COMPLETED)
            outage.cancel()
            if self._appending.done():
                await self._finish_append()
        await self._commit()
        await self._make_durable()
        if self._polling is None:
            await self._tell_committed()
        await self.pause_point()

    async def _abandon(self) -> None:
        """End what is still in flight: the committer, and all else when the task was cancelled."""
        parts = (self._polling, self._appending, self._committer, self._acknowledger)
        flying = [task for task in parts if task is not None]
        for task in flying:
            task.cancel()
        # One that does not let itself be cancelled must not hold up the release.
        done, _ = await asyncio.wait(flying, timeout=ABANDON_S)
        for task in done:
            if not task.cancelled():
                task.exception()  # nobody else asks for it

    # -- polling ---------------------------------------------------------------------------------------------------

    async def _poll_on_thread(self) -> Converted:
        return await self.thread.run(self._poll_and_convert)

    def _poll_and_convert(self) -> Converted:
        batches, self._polled = self._polled, None
        if batches is None:
            batches = self.thread.inside(self.poll)
        return self._converted(batches)

    def poll(self) -> list[Batch]:
        """Poll a plain task, on its thread: blocks for as long as the plugin does. The result is sound."""
        began_s = time.perf_counter()
        batches = self._listed(self._poll_method())
        self._poll_s = time.perf_counter() - began_s
        self.meter.polled(sum(map(len, batches)), self._poll_s)
        return batches

    async def _poll_on_loop(self) -> Converted | None:
        """Return what an async poll brings; None when the task is asked to stop or to pause first.

        An async poll may wait as long as it likes: a stop cancels it, a pause leaves it under way. Raises at once what
        the append raises meanwhile.
        """
        batches, self._polled = self._polled, None
        if batches is None:
            if self._polling is None:
                self._polling = asyncio.create_task(call(self.thread, self._poll_method))
                self._poll_began_s = time.perf_counter()
            asked = asyncio.ensure_future(self.asked.either.wait())
            try:
                flying = (self._polling, self._appending, self._committer, self._acknowledger, asked)
                waits: set[asyncio.Future[Any]] = {future for future in flying if future is not None}
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                asked.cancel()
            if not self._polling.done():
                if self._appending is not None and self._appending.done():
                    await self._finish_append()
                return None
            polling, self._polling = self._polling, None
            batches = self._listed(polling.result())
            self._poll_s = time.perf_counter() - self._poll_began_s
            self.meter.polled(sum(map(len, batches)), self._poll_s)
        if not batches:
            return Converted()
        return await self.thread.run(self._converted, batches)

    def _listed(self, result: Any) -> list[Batch]:
        """Return sound batches of what a poll returned."""
        return listed(self._plugin, result)

    async def _end_poll(self) -> None:
        """Cancel the poll that is under way, and return when it has cleaned up: `stop` comes after that.

        What it had in hand is polled again later, since no offset covers it. Waits as long as the worker lets it.
        """
        polling, self._polling = self._polling, None
        if polling is not None:
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)

    def _converted(self, batches: list[Batch]) -> Converted:
        assert self._pipeline is not None
        if self._acks is not None:
            batches = self._acks.told_apart(batches)
        polled_s, pipeline = time.monotonic(), self._pipeline
        try:
            outgoing = pipeline.to_bytes(batches)
        except Interrupted:
            self._polled = batches
            raise
        converted = Converted(outgoing, batches, pipeline.outcome, polled_s)
        if (tracer := self.around.traces.tracer) is not None and outgoing:
            traced = tracer.polled(self.id, outgoing, time.monotonic() - polled_s + self._poll_s)
            if traced is not None:
                converted.outgoing, converted.spans = traced[0], [traced[1]]
        if batches:
            took = pipeline.outcome
            self.meter.converted(took.transform_s, took.convert_s, transforms=pipeline.has_transforms)
            self.meter.active.record(converted.count)
        return converted

    async def _make_room(self) -> None:
        """Return when another poll's records may be handed over. Raises what an append before has raised."""
        await self._until_appended()

    async def _until_appended(self) -> None:
        """Return when nothing is being appended any more; a pause is shown meanwhile. Raises what the append raises."""
        if self._appending is not None:
            await self._until_one_is_done(self._appending)
        await self._finish_append()

    async def _until_one_is_done(self, *waited: asyncio.Future[Any]) -> None:
        """Wait; stand still meanwhile where a pause comes while the log or a limit holds up what is appended."""
        while not any(future.done() for future in waited):
            if self.pausing and self._outage.is_set():
                await self._stand_still()
                continue
            sign = asyncio.ensure_future((self._outage if self.pausing else self.asked.either).wait())
            await asyncio.wait(waited if self.stopping else {*waited, sign}, return_when=asyncio.FIRST_COMPLETED)
            sign.cancel()

    def _gather(self, converted: Converted) -> bool:
        """Take a poll's records to those that go into the log behind the append that is under way, if they may."""
        producer, gathered = self._producer, self._gathered
        assert producer is not None
        if not converted.outgoing or self._appending is None or self._appending.done() or self._at_most_once:
            return False
        size_bytes, count = (gathered.size_bytes, gathered.count) if gathered is not None else (0, 0)
        if size_bytes + converted.size_bytes > producer.gathered_bytes:
            return False
        if count + converted.count > GATHERED_RECORDS:
            return False
        if not converted.is_clean or self.pace.is_limited or self._outage.is_set():
            return False
        if gathered is None:
            gathered = self._gathered = Converted(polled_s=converted.polled_s)
        gathered.take(converted)
        self._handed_bytes += converted.size_bytes
        return True

    def _hand_over(self, converted: Converted) -> None:
        """Begin to append one poll's records, and what is gathered then, beside the next poll."""
        self._handed_bytes = converted.size_bytes
        self._appending = self.begin(self._append_all(converted))

    async def _append_all(self, converted: Converted) -> None:
        """Append one poll's records, and then those of the polls that came meanwhile."""
        await self._append(converted)
        while self._gathered is not None:
            converted, self._gathered = self._gathered, None
            self._handed_bytes = converted.size_bytes
            await self._append(converted)

    # -- appending -------------------------------------------------------------------------------------------------

    async def _append(self, converted: Converted) -> None:
        """Append the records of a poll, or of some, and the letters of those that failed; what was reached counts, also
        where it fails half-way."""
        appended: list[Outgoing] = []
        polled, outcome, left = converted.polled, converted.outcome, deque(converted.outgoing)
        unsettled = outcome.failures
        appends, settling = self._appends, self._settling
        assert appends is not None
        is_whole = self._at_most_once or bool(outcome.failures) or outcome.ending is not None
        self._half_way.begin(polled, appended, is_whole=is_whole)
        try:
            await settling.settle(unsettled)  # first: an append that ends half-way may reach offsets behind them
            unsettled = []
            await appends.append(left, appended)
            unsettled = appends.take_failures()
            await settling.settle(unsettled)
            unsettled = []
            if outcome.ending is not None:
                await settling.keep_last()
                raise outcome.ending
        except Exception as error:
            end_all(converted.spans, error)
            is_settled = await settling.settle_at_last([*unsettled, *appends.take_failures()])
            # Where a letter is missing, nothing of it may be committed; and what was stored before the append is taken
            # back only where it is known that nothing of it is in the log.
            if is_settled and (not self._at_most_once or isinstance(error, DataError)):
                self._half_way.failed([*left, *shells(outcome.dropped)])
            if self._acks is not None:
                self._acks.polled(polled, is_whole=False)
            raise
        if converted.outgoing:
            self.meter.end_to_end.observe(time.monotonic() - converted.polled_s)
            end_all(converted.spans)
        if self._acks is not None:
            self._acks.polled(polled, is_whole=True)
        soon, self.context.commit_requested = self.context.commit_requested, False
        self._commits.reached([] if self._at_most_once else offsets_of(polled), soon=soon)

    async def _store_first(self, polled: Sequence[Batch]) -> None:
        """Store the offsets of a poll before its records are appended, and let the source acknowledge them: none comes
        again. Raises where they cannot be stored, and nothing is appended then."""
        if offsets := offsets_of(polled):
            await self._store.put(self.id.connector, offsets)
            self._news.committed(offsets)
            await self._tell_committed()

    async def wait_for_letters(self, error: ConnectError, tries: int, doing: str) -> bool:
        assert self._appends is not None
        self._appends.outage.set()  # a pause does not wait for it
        try:
            return await super().wait_for_letters(error, tries, doing)
        finally:
            self._appends.outage.clear()

    def _may_end(self, left: list[Outgoing]) -> bool:
        """Whether a stop may come in front of these, so that they come again and nothing else does."""
        assert self._appends is not None
        return not self._appends.has_failures and self._half_way.may_end(left)

    def _on_slice(self, left: Callable[[], list[Outgoing]]) -> None:
        """Hear that a poll goes into the log slice by slice, which may take its time."""
        self._half_way.note(left, self._may_end)

    def _before_append(self, out: Outgoing) -> None:
        if self._dead_letters is not None and out.topic == self._dead_letters.topic:
            raise ConfigError(
                f"the source writes to topic {out.topic!r}, which is also its dead letter queue: nobody could tell its "
                "records from those that failed",
                hint=f"Name another topic in {DEAD_LETTER_TOPIC}.",
                config_path=DEAD_LETTER_TOPIC,
            )
        self.around.on_topic(self.id, out.topic)
        self._write_began_s = time.perf_counter()

    def _after_append(self, out: Outgoing, where: Appended | None) -> None:
        if self._acks is not None:
            self._acks.landed(out, where)
        self._meter_write(out)
        self.records += len(out.columns)
        self.size_bytes += out.size_bytes
        self.tell_delivered(out.topic, out.partition, len(out.columns), out.size_bytes)

    def _meter_write(self, out: Outgoing) -> None:
        self.meter.wrote(len(out.columns), out.size_bytes, time.perf_counter() - self._write_began_s)

    async def _finish_append(self) -> None:
        appending, self._appending = self._appending, None
        if appending is not None:
            await appending

    async def _ask_half_way(self) -> None:
        """Have the source tell how far a poll came that failed: at the end, beside no poll."""
        await self._half_way.ask()

    # -- committing ------------------------------------------------------------------------------------------------

    async def _commit_regularly(self) -> None:
        """Commit whenever it is time, beside polls."""
        await self._commits.commit_regularly()

    def _check_parts(self) -> None:
        """Raise what ended the committer, or who flushes for acknowledgements: they end by a failure alone."""
        for part in (self._committer, self._acknowledger):
            if part is not None and part.done():
                part.result()

    async def _commit(self) -> None:
        """Commit what was appended so far. A failure that passes is logged, and it is tried again later."""
        await self._commits.commit()

    def _committed(self, offsets: Sequence[SourceOffset]) -> None:
        """Hear of offsets that are committed."""
        self._news.committed(offsets)
        if self.around.observers.wants("connect_offsets_committed"):
            plain = [(dict(partition), dict(offset)) for partition, offset in offsets]
            self.tell("connect_offsets_committed", offsets=plain)

    async def _make_durable_for(self, acks: Acknowledgements) -> None:
        """Bring to disk what the plugin waits to hear of, beside polls, as soon as it was appended."""
        await self._commits.make_durable_regularly(acks)

    async def _make_durable(self) -> bool:
        """Bring to disk what the plugin waits to hear of, if anything; return whether nothing waits any more."""
        return await self._commits.make_durable()

    async def _tell_committed(self) -> None:
        """Tell the plugin what was committed since it was last told. Between two calls of it, and after the last."""
        await self._news.tell()


def listed(task: SourceTask, result: Any) -> list[Batch]:
    """Return sound batches of what a poll of batches returned."""
    if type(result) is Batch:  # nearly always
        check_batch(task, "poll_batch", result)
        check_source(task, "poll", result)
        return [result]
    if type(result) is not list and inspect.isawaitable(result):
        close = getattr(result, "close", None)
        if close is not None:
            close()
        refuse(task, "poll_batch", result, "no awaitable from a plain `def`: write `async def`")
    batches = batches_of(task, "poll_batch", result)
    for batch in batches:
        check_source(task, "poll", batch)
    return batches
