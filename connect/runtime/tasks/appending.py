"""What a source has polled on its way into the log: appended, again while the log cannot take it, and without the
records that a topic does not allow.

An append that meets a full disk waits until there is space, for `delivery.timeout.ms`. One that the topic refuses is
halved until the record at fault is alone; `errors.tolerance` decides about that one. A topic that is missing is made
first, and made again where it was deleted meanwhile.

What follows one another to one topic and partition is one append, where the producer says that it gathers; what the
topic refuses of that is appended one by one.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from connect.api import (
    Batch,
    ConnectError,
    EnvironmentFault,
    InvalidRecordError,
    RecordTooLargeError,
    RetriableError,
    UnknownTopicOrPartitionError,
)
from connect.ports import Producer
from connect.records import Appended
from connect.runtime.tasks.delivery import may_pass
from connect.runtime.tasks.failures import Failure
from connect.runtime.tasks.outgoing import Outgoing, joined
from connect.runtime.tasks.pacing import SourcePace
from connect.runtime.tasks.tolerance import Interrupted, Tolerance
from connect.runtime.tasks.topic_creation import TopicCreation


class Appends:
    """Appends for one source task, one poll after the other.

    Attributes:
        outage: Set while an append waits for a log that cannot take it now, or for its turn.

    Args:
        delivery_timeout_s: How long an append may wait for the log.
        retry_wait: Waits before the next try, given the error, how many tries there were and what is done; returns
            False once the task is to stop.
        went_on: Hears that what was waited for is done, or given up, by the same words.
        before, after: Called with each part before it is appended, and after it was, with where it is.
        pace: Says what is appended in slices; None: nothing.
        may_end: Whether a stop may come between what is given and what lies before it, so that nothing comes twice.
        on_slice: Called after each slice, with what returns the parts that are left.
    """

    def __init__(
        self,
        producer: Producer,
        topics: TopicCreation,
        tolerance: Tolerance,
        *,
        delivery_timeout_s: float,
        retry_wait: Callable[[ConnectError, int, str], Awaitable[bool]],
        went_on: Callable[[str], None] = lambda doing: None,
        before: Callable[[Outgoing], None],
        after: Callable[[Outgoing, Appended | None], None],
        outage: asyncio.Event | None = None,
        pace: SourcePace | None = None,
        may_end: Callable[[list[Outgoing]], bool] = lambda left: False,
        on_slice: Callable[[Callable[[], list[Outgoing]]], None] = lambda left: None,
    ) -> None:
        self.outage = outage or asyncio.Event()
        self._producer = producer
        self._topics = topics
        self._tolerance = tolerance
        self._delivery_timeout_s = delivery_timeout_s
        self._retry_wait = retry_wait
        self._went_on = went_on
        self._failures: list[Failure] = []
        self._before = before
        self._after = after
        self._pace = pace
        self._may_end = may_end
        self._on_slice = on_slice

    async def append(self, left: deque[Outgoing], appended: list[Outgoing]) -> None:
        """Append all that is left, in order; what is done moves to `appended`, also where this ends by an error.

        Raises:
            Interrupted: The task is to stop, and the log cannot take the rest now.
            ConnectError: The task has failed.
        """
        while left:
            if self._pace is not None and self._pace.cuts(left[0]):
                await self._append_slices(self._pace, left, appended)
            elif (count := self._count_together(left)) > 1:
                await self._append_together(count, left, appended)
            else:
                await self._append_first(left, appended)

    def _count_together(self, left: deque[Outgoing]) -> int:
        """Return how many of the first may go into the log as one append."""
        size_max, first = self._producer.gathered_bytes, left[0]
        size_bytes = count = 0
        for out in left:
            size_bytes += out.size_bytes
            if (out.topic, out.partition) != (first.topic, first.partition) or size_bytes > size_max:
                break
            if self._pace is not None and self._pace.cuts(out):
                break
            count += 1
        return count

    async def _append_together(self, count: int, left: deque[Outgoing], appended: list[Outgoing]) -> None:
        """Append some of the first as one; one by one where the topic refuses that, since nothing was appended then."""
        part = deque(left.popleft() for _ in range(count))
        try:
            try:
                await self._send(joined(part))
                appended += part
                part.clear()
            except (RecordTooLargeError, InvalidRecordError):
                while part:
                    await self._append_first(part, appended)
        finally:
            left.extendleft(reversed(part))

    async def _append_slices(self, pace: SourcePace, left: deque[Outgoing], appended: list[Outgoing]) -> None:
        """Append the first of `left` slice by slice, as the pace allows."""
        out, start, part = left.popleft(), 0, deque[Outgoing]()

        def rest() -> list[Outgoing]:
            return [out.cut(start, len(out)), *left] if start < len(out) else list(left)

        try:
            while start < len(out):
                end = await pace.turn(out, start, lambda: self._may_end(rest()))
                part.append(out if end - start == len(out) else out.cut(start, end))
                start = end
                while part:
                    await self._append_first(part, appended)
                self._on_slice(rest)
        finally:
            if start < len(out):
                left.appendleft(out.cut(start, len(out)))
            left.extendleft(reversed(part))

    @property
    def has_failures(self) -> bool:
        """Whether `take_failures` would return any."""
        return bool(self._failures)

    def take_failures(self) -> list[Failure]:
        """Return the records that the topic did not allow since this was last asked, and that are to be skipped."""
        failures, self._failures = self._failures, []
        return failures

    async def _append_first(self, left: deque[Outgoing], appended: list[Outgoing]) -> None:
        """Append the first of `left`, or take it apart around a record that the topic does not allow."""
        out = left[0]
        try:
            await self._send(out)
        except (RecordTooLargeError, InvalidRecordError) as error:
            if len(out) > 1:
                middle = len(out) // 2
                left[0] = out.cut(middle, len(out))
                left.appendleft(out.cut(0, middle))
                return
            failure = self._tolerance.failed(
                error, stage=_stage(out), batch=_as_batch(out), at=("KAFKA_PRODUCE", None), columns=out.columns
            )
            self._failures.append(failure)
        appended.append(left.popleft())

    async def _send(self, out: Outgoing) -> None:
        """Append; wait where the log cannot take it now, and make the topic again where it was deleted meanwhile."""
        began, tries, made_again = time.monotonic(), 0, False
        doing = f"append to topic {out.topic!r}"
        try:
            while True:
                try:
                    await self._topics.ensure(out.topic)
                    self._before(out)
                    where = await self._producer.append(out.topic, out.columns, partition=out.partition)
                    break
                except UnknownTopicOrPartitionError:
                    if made_again or not self._topics.forget(out.topic):
                        raise
                    made_again = True
                except (EnvironmentFault, RetriableError) as error:
                    if not may_pass(error) or time.monotonic() - began >= self._delivery_timeout_s:
                        raise
                    await self._wait_for_log(error, doing, tries)
                    tries += 1
        finally:
            if tries:
                self._went_on(doing)
        self._after(out, where)

    async def _wait_for_log(self, error: ConnectError, doing: str, tries: int) -> None:
        self.outage.set()
        try:
            if not await self._retry_wait(error, tries, doing):
                raise Interrupted from error
        finally:
            self.outage.clear()


def _stage(out: Outgoing) -> str:
    """Return what is said to have failed: of a record without an offset, also in front of which one it is."""
    known = out.source_offset or (out.source_offsets and out.source_offsets[-1]) or out.source_end is None
    return "append" if known else f"append of a record before source offset {dict(out.source_end or {})}"


def _as_batch(out: Outgoing) -> Batch:
    """Dress one record's bytes as a batch, for whoever tells of its failure."""
    columns = out.columns
    return Batch(
        topic=out.topic,
        values=list(columns.values),
        keys=None if columns.keys is None else list(columns.keys),
        partition=out.partition,
        source_partition=out.source_partition,
        source_offset=out.source_offset,
        source_offsets=None if out.source_offsets is None else list(out.source_offsets),
    )
