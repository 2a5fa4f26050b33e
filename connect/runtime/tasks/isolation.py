"""What is in hand of a sink task on its way into the sink: put, put again, or taken apart around bad records.

Theory of operation. One fetch's records are converted, and put batch by batch, or all together where the sink can. A
put that meets a failure that passes is made again. One in which records are bad is taken apart: where the sink says
which ones they are, they are set aside and the rest is put in one piece; where it does not, pieces are put
(`pieces.py`) until the bad one is alone. So it is with an exception that says nothing of records, too, but a record
that fails so has to be believed (`suspects.py`). `errors.tolerance` decides about bad records only: without it those in
front of the first bad one are put, and then it ends the task. What the runtime does not know the fate of, since a stop,
a pause or a rebalance came in between, is told by `not_put` and read again.

Order: of one partition nothing is put before what lies in front of it, and nothing is put twice that was put once.
Where a sink keeps its offsets in its target, a put may cover records that were set aside: their letters are on disk
first (`keep_first`). `reached` tells such a sink, within a put, how far the partitions are once it is done; and what is
put while others wait is in front of all of them (`sink_offsets.py`), or an offset could not say what is there.
"""

from __future__ import annotations

import inspect
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace

from connect.api import Batch, ConnectError, DataError, FailedRecord, PluginError, RetriableError, SinkTask
from connect.api.contract import failed_of, refuse
from connect.records import FetchedBatch, TopicPartition
from connect.runtime.backoff import Retries
from connect.runtime.border.calls import TaskThread, call, on_loop
from connect.runtime.border.failures import PLUGIN_FAILED, told
from connect.runtime.tasks.context import SinkTaskContextImpl
from connect.runtime.tasks.failures import Failure, coordinates, named
from connect.runtime.tasks.meter import TaskMeter
from connect.runtime.tasks.pieces import Pieces
from connect.runtime.tasks.pipeline import Pipeline
from connect.runtime.tasks.sink_offsets import firsts, in_front, in_order, lowest, parted
from connect.runtime.tasks.suspects import Suspects, may_be_a_records
from connect.runtime.tasks.tolerance import Interrupted, Tolerance


class _HeldError(Exception):
    """Not all of what was to be put may be."""


class Puts:
    """Puts what one sink task has fetched. Used by its loop, one fetch after the other.

    Attributes:
        todo: What is still to be put, in order; None while it is not converted.
        failures: What failed of this fetch, and is to be skipped as far as it lies before what is not put.
        keeps_offsets: The sink keeps its offsets in its target, as it has said.

    Args:
        may_try_again: Waits before a put is made again, so many ms after it failed the so-manieth time; False where it
            is not to be made.
        interrupted: Set while the task is asked to stop or to pause: no further piece is put then.
        keep_first: Brings letters of failures to disk; called before a put that may cover them, where the sink
            `keeps_offsets`. None where there are no letters.
        at_most_once: Nothing is put again of which the sink may have kept something.
        meter: Where puts are counted.
    """

    def __init__(
        self,
        thread: TaskThread,
        plugin: SinkTask,
        pipeline: Pipeline,
        tolerance: Tolerance,
        context: SinkTaskContextImpl,
        may_try_again: Callable[[ConnectError, int, int], Awaitable[bool]],
        interrupted: threading.Event,
        *,
        keep_first: Callable[[Sequence[Failure]], Awaitable[None]] | None = None,
        at_most_once: bool = False,
        meter: TaskMeter | None = None,
    ) -> None:
        self._meter = meter or TaskMeter()
        self.keeps_offsets = False
        self.todo: deque[Batch] | None = None
        self.failures: list[Failure] = []
        #: What is not to be put, since the plugin has paused or sought its partition; and what ended the task.
        self._held: list[Batch] = []
        self._dropped: list[Batch] = []
        self._pieces = Pieces()
        self._suspects = Suspects()
        #: How many of `failures` are on disk already.
        self._kept = 0
        self._thread = thread
        self._plugin = plugin
        self._pipeline = pipeline
        self._tolerance = tolerance
        self._context = context
        self._may_try_again = may_try_again
        self._interrupted = interrupted
        self._keep_first = keep_first
        self._at_most_once = at_most_once
        self._fetched: Sequence[FetchedBatch] = ()
        #: Within a put: what of the fetch is still to come behind it.
        self._behind: Callable[[], Iterable[Batch]] = lambda: ()
        self._on_loop = on_loop(plugin, "put_batch", "put")
        self._together = type(plugin).put_batches is not SinkTask.put_batches

    async def put(self, fetched: list[FetchedBatch]) -> None:
        """Convert and put what was fetched. What is not put, however this ends, is told by `not_put`.

        Raises:
            Interrupted: It is not known what becomes of the rest: the task is to stop or to pause, or the assignment
                moves.
            ConnectError: The task has failed.
        """
        self.todo, self._held, self._dropped, self.failures, self._kept = None, [], [], [], 0
        self._fetched = fetched
        self._suspects.begin(sum(map(len, fetched)))
        error: Exception | None = None
        if self._on_loop or self._together:
            self.todo = await self._thread.run(self._converted, fetched)
        else:
            # One hop: convert and put on the task's thread; come back only with what failed.
            error = await self._thread.run(self._put_on_thread, fetched)
            assert self.todo is not None
        if self._together:
            await self._put_together(self.todo)
            if self.todo and self.keeps_offsets:
                _replace(self.todo, in_order(self.todo))
        await self._put_all(self.todo, error)
        await self._judge_the_last(self.todo)
        if (ending := self._pipeline.outcome.ending) is not None:
            raise ending

    def not_put(self, fetched: Sequence[FetchedBatch]) -> dict[TopicPartition, int]:
        """Return the offset of the first record of each partition that is not put; nothing for those that all are."""
        if self.todo is None:
            return firsts(fetched)
        found = lowest((*self._suspects.batches(), *self._held, *self.todo, *self._dropped))
        return firsts(fetched) if found is None else found

    def reached(self) -> dict[TopicPartition, int]:
        """Return, within a put, the offset of the first record of each partition that is still to be put behind it;
        where there is none, the one behind all that was fetched."""
        left = lowest(self._behind())
        waiting = firsts(self._fetched) if left is None else left
        ends = {TopicPartition(batch.topic, batch.partition): batch.next_offset for batch in self._fetched}
        return {at: waiting.get(at, end) for at, end in ends.items()}

    # -- one way or the other ------------------------------------------------------------------------------------------

    def _converted(self, fetched: list[FetchedBatch]) -> deque[Batch]:
        todo = deque(self._pipeline.from_bytes(fetched))
        took = self._pipeline.outcome
        self._meter.converted(took.transform_s, took.convert_s, transforms=self._pipeline.has_transforms)
        self.failures += self._pipeline.outcome.failures
        self._dropped += self._pipeline.outcome.dropped
        if self._dropped and self.keeps_offsets:
            front, behind = in_front(todo, self._dropped)
            todo, self._dropped = deque(front), [*behind, *self._dropped]
        if self.keeps_offsets and not self._together:
            todo = deque(in_order(todo))
        return todo

    def _put_on_thread(self, fetched: list[FetchedBatch]) -> Exception | None:
        """Put what converts; return the error that stopped it, if any, which the first of what is left has met."""
        todo = self.todo = self._converted(fetched)
        if not self._pieces.is_whole or (self.failures and self._has_letters_first):
            return None
        self._behind = lambda: (*self._held, *list(todo)[1:], *self._dropped)
        while todo:
            if self._is_held(todo[0]):
                self._held.append(todo.popleft())
                continue
            try:
                self._put_inside(todo[0])
            except Exception as error:  # decided on the loop, where waiting is cheap
                return error
            self._suspects.taken()
            todo.popleft()
        return None

    def _put_inside(self, batch: Batch) -> None:
        began_s = time.perf_counter()
        self._thread.inside(put, self._plugin, batch)
        self._meter.put(len(batch), time.perf_counter() - began_s)

    async def _put_all(self, todo: deque[Batch], error: Exception | None = None) -> None:
        while todo:
            await self._put_first(todo, error)
            error = None

    async def _put_together(self, todo: deque[Batch]) -> None:
        """Put all that is in hand or nothing, again while the failure passes, and without the records that the sink
        names as bad; leave it where it names none. Without tolerance, first what is in front of the first bad one."""
        count = len(todo)
        self._behind = lambda: (*self._suspects.batches(), *self._held, *list(todo)[count:], *self._dropped)
        while todo:
            count = self._without_held(todo, count) or len(todo)
            if not todo:
                return
            given = list(todo)[:count]
            error = await self._try(lambda: call(self._thread, self._plugin.put_batches, given), given)  # noqa: B023
            if isinstance(error, _HeldError):
                continue
            if error is None:
                self._suspects.taken()
                _replace(todo, list(todo)[count:])
                count = len(todo)
                continue
            failed = self._named("put_batches", error, sum(map(len, given)))
            if failed and (self._tolerance.tolerates or failed[0].index == 0):
                _replace(todo, self._without_all(given, failed, error))
                count = len(todo)
            elif failed:
                front, behind = parted(given, failed[0].index)
                if self.keeps_offsets:
                    front, others = in_front(front, behind)
                    if not front:
                        self._end_with(given, failed[0], error)
                    behind = [*others, *behind]
                _replace(todo, [*front, *behind, *list(todo)[count:]])
                count = len(front)
            elif self._may_be_taken_apart(error):
                return  # they are put one by one
            else:
                if self._at_most_once and not isinstance(error, RetriableError):
                    todo.clear()  # maybe they are there, in whole or in part
                raise self._placed(error, given[0], given)

    async def _put_first(self, todo: deque[Batch], error: Exception | None = None) -> None:
        """Put the first of what is to be put, whole or in pieces, until it is gone, or other batches are in its place.

        Args:
            error: What the batch has met already, as a whole.
        """
        batch, start, left = todo[0], 0, list[Batch]()
        self._pieces.begin(len(batch))
        try:
            while start < len(batch) and not left:
                if self._is_held(batch):
                    self._held.append(batch[start:])
                    start = len(batch)
                    break
                if start > 0 and self._interrupted.is_set():
                    raise Interrupted
                end = len(batch) if error is not None else self._pieces.end(start)
                if error is None and not self._on_loop and not self._has_letters_first:
                    start, end, error = await self._thread.run(self._put_pieces, todo, start)
                    if error is None:
                        continue
                piece = batch if end - start == len(batch) else batch[start:end]
                self._behind = self._all_but(todo, batch, end)
                error = await self._try(lambda: call(self._thread, self._plugin.put_batch, piece), [piece], error)  # noqa: B023
                if isinstance(error, _HeldError):
                    pass  # it is set aside at once
                elif error is None:
                    self._pieces.taken(start, end)
                    self._believe()
                    start = end
                elif failed := self._named("put", error, len(piece)):
                    left = self._without(piece, failed, error)
                    start = end
                elif not self._may_be_taken_apart(error):
                    if self._at_most_once and not isinstance(error, RetriableError):
                        start = end  # maybe it is there, in whole or in part
                    raise self._placed(error, piece)
                elif len(piece) > 1:
                    self._pieces.refused(end)
                    self._suspects.refused()
                elif await self._fails_alone(piece, error):
                    self._pieces.alone()
                    start = end
                error = None
        finally:
            todo.popleft()
            todo.extendleft(reversed([*left, batch[start:]] if start < len(batch) else left))

    def _put_pieces(self, todo: deque[Batch], start: int) -> tuple[int, int, Exception | None]:
        """Put pieces of the first batch on the task's thread, as long as there is nothing to decide: a hop for each
        costs much.

        Returns:
            Where the next piece begins and ends, and what it has met; None where it was not put.
        """
        batch = todo[0]
        while start < len(batch) and not self._is_held(batch):
            end = self._pieces.end(start)
            piece = batch if end - start == len(batch) else batch[start:end]
            self._behind = self._all_but(todo, batch, end)
            try:
                self._put_inside(piece)
            except Exception as error:
                is_named = isinstance(error, DataError) and error.failed
                if len(piece) == 1 or is_named or not self._may_be_taken_apart(error):
                    return start, end, error
                self._pieces.refused(end)
                self._suspects.refused()
            else:
                self._pieces.taken(start, end)
                self._believe()
                start = end
            if self._interrupted.is_set():
                break
        return start, start, None

    def _all_but(self, todo: deque[Batch], batch: Batch, end: int) -> Callable[[], Iterable[Batch]]:
        """Return what is to come behind a put. For a sink that keeps its offsets those that failed alone are not: if it
        takes this, they are bad, and their letters are on disk."""
        return lambda: (
            *(() if self.keeps_offsets else self._suspects.batches()),
            *self._held,
            *([batch[end:]] if end < len(batch) else ()),
            *list(todo)[1:],
            *self._dropped,
        )

    async def _try(
        self, make: Callable[[], Awaitable[object]], given: Sequence[Batch], error: Exception | None = None
    ) -> Exception | None:
        """Put, again while the failure passes; return what does not pass, None where the sink took it.

        Args:
            given: What is put. Where some of it is not to be put any more, since the plugin has paused or sought its
                partition meanwhile, a `_HeldError` is returned, and nothing was put.
            error: What it has met already.

        Raises:
            Interrupted: It is not to be put again now.
        """
        retries: Retries | None = None
        await self._keep_letters()
        while True:
            if error is None:
                if any(map(self._is_held, given)):
                    return _HeldError()
                try:
                    began_s = time.perf_counter()
                    await make()
                except Exception as raised:
                    error = raised
                else:
                    self._meter.put(sum(map(len, given)), time.perf_counter() - began_s)
                    return None
            if not isinstance(error, RetriableError):
                return error
            retries = retries or self._tolerance.retries()
            try:
                wait_ms = retries.failed(error)
            except RetriableError as given_up:
                return given_up
            if not await self._may_try_again(error, retries.tries, wait_ms):
                raise Interrupted from error
            error = None

    @property
    def _has_letters_first(self) -> bool:
        return self.keeps_offsets and self._keep_first is not None

    async def _keep_letters(self) -> None:
        if self._keep_first is None or not self.keeps_offsets:
            return
        waiting = [*self.failures[self._kept :], *self._suspects.new()]
        if waiting:
            await self._keep_first(waiting)
            self._kept = len(self.failures)

    def _without_held(self, todo: deque[Batch], count: int) -> int:
        """Set aside what is not to be put; return how many of the first `count` batches are left."""
        kept, left = list[Batch](), 0
        for number, batch in enumerate(todo):  # one look at each: the plugin may resume from a thread of its own
            if self._is_held(batch):
                self._held.append(batch)
            else:
                kept.append(batch)
                left += number < count
        _replace(todo, kept)
        return left

    def _is_held(self, batch: Batch) -> bool:
        """Whether a batch is not to be put: the plugin wants nothing of its partition, or did not want what lies before
        it, though the partition is resumed by now."""
        if not self._held and not self._context.is_holding:
            return False
        topic, partition = batch.original_topic, batch.original_partition
        if self._context.holds(topic, partition):
            return True
        return any((held.original_topic, held.original_partition) == (topic, partition) for held in self._held)

    # -- around what is bad --------------------------------------------------------------------------------------------

    def _named(self, method: str, error: Exception, count: int) -> list[FailedRecord]:
        return failed_of(self._plugin, method, error, count) if isinstance(error, DataError) else []

    def _may_be_taken_apart(self, error: Exception) -> bool:
        """Whether a put that failed so may have failed for one of its records."""
        if isinstance(error, DataError):
            return True
        return not self._at_most_once and may_be_a_records(error) and not self._suspects.is_over

    def _without(self, batch: Batch, failed: Sequence[FailedRecord], error: Exception) -> list[Batch]:
        """Set aside the records of a batch that the sink names as bad, and return the others. Without tolerance: what
        is in front of the first, and the rest for its turn; it ends the task where there is nothing in front."""
        assert isinstance(error, DataError)
        if not self._tolerance.tolerates and failed[0].index > 0:
            front, behind = parted([batch], failed[0].index)
            return [*front, *behind]
        mask = [True] * len(batch)
        for bad in failed:
            self._set_aside(named(error, bad), batch, bad.index)
            mask[bad.index] = False
        return [batch.select(mask)] if any(mask) else []

    def _without_all(self, batches: Sequence[Batch], failed: Sequence[FailedRecord], error: Exception) -> list[Batch]:
        """As `_without`, where the records are counted over all batches."""
        kept, start = list[Batch](), 0
        for batch in batches:
            end = start + len(batch)
            own = [replace(bad, index=bad.index - start) for bad in failed if start <= bad.index < end]
            kept += self._without(batch, own, error) if own else [batch]
            start = end
        return kept

    def _end_with(self, batches: Sequence[Batch], bad: FailedRecord, error: Exception) -> None:
        """Have a record, counted over all batches, end the task, which tolerates none."""
        assert isinstance(error, DataError)
        index = bad.index
        for batch in batches:
            if index < len(batch):
                self._set_aside(named(error, bad), batch, index)
                return
            index -= len(batch)

    def _set_aside(self, error: Exception, batch: Batch, index: int) -> None:
        """Have tolerance decide about a record; go on where it is skipped."""
        at = ("TASK_PUT", self._plugin)
        self.failures.append(self._tolerance.failed(error, stage="put", batch=batch, index=index, at=at))

    async def _fails_alone(self, one: Batch, error: Exception) -> bool:
        """Decide about a record that was put alone and refused; return False where it is to be put again."""
        if isinstance(error, DataError):
            self._set_aside(error, one, 0)
            return True
        assert isinstance(error, ConnectError)
        if not self._tolerance.tolerates:
            raise self._placed(error, one)
        if (wait_ms := self._suspects.wait_ms()) is not None:
            if not await self._may_try_again(error, self._suspects.tries, wait_ms):
                raise Interrupted from error
            return False
        at = ("TASK_PUT", self._plugin)
        self._suspects.add(self._tolerance.failed(error, stage="put", batch=one, at=at))
        if self._suspects.is_over:
            raise self._broken()
        return True

    def _believe(self) -> None:
        """Take those that failed alone as bad, since the sink has taken another record meanwhile."""
        self.failures += self._suspects.believed()

    async def _judge_the_last(self, todo: deque[Batch]) -> None:
        """Decide about records that failed alone, behind which there is none that the sink could take."""
        while self._suspects:
            if not self._suspects.are_believable:
                raise self._broken()
            wait_ms, first = self._suspects.last_wait_ms(), self._suspects.first
            if wait_ms is None:
                self.failures += self._suspects.believed(taken=False)
                return
            assert isinstance(first.error, ConnectError)
            if not await self._may_try_again(first.error, self._suspects.tries, wait_ms):
                raise Interrupted from first.error
            self._behind = lambda: (*list(self._suspects.batches())[1:], *self._held, *todo, *self._dropped)
            # It was given to the sink already: what has become of it is asked, whatever became of its partition.
            error = await self._try(lambda: call(self._thread, self._plugin.put_batch, first.batch), ())  # noqa: B023
            if error is None:  # it was an outage, and is over
                todo.extend([failure.batch for failure in self._suspects.believed()][1:])
                await self._put_all(todo)

    def _broken(self) -> ConnectError:
        first, count = self._suspects.first, len(self._suspects)
        others = f", as does each of {count} records in a row" if count > 1 else ""
        why = f"it fails alone{others}, and the sink takes no other: it seems to be broken, so nothing is skipped"
        hint = f"See the trace; where records are bad, {self._plugin.plugin_name()} has to say so with a DataError."
        error = PluginError(f"{first.reason} (put, {first.where}; {why})", code=PLUGIN_FAILED, hint=hint)
        error.__cause__ = first.error
        return error

    def _placed(self, error: Exception, batch: Batch, all_batches: Sequence[Batch] = ()) -> ConnectError:
        """Return what ends the task when a put failed: the cause first, then which records it was about."""
        place = coordinates(batch, 0)
        if len(all_batches) > 1:
            place += f" and {sum(map(len, all_batches)) - 1} more"
        elif len(batch) > 1 and batch.offsets:
            place += f" to {batch.offsets[-1]}"
        if isinstance(error, ConnectError):
            placed = ConnectError(f"{error.message} (put, {place})", code=error.code, hint=error.hint)
        else:
            hint = f"See the trace and report it to the author of {self._plugin.plugin_name()}."
            placed = PluginError(f"{told(error)} (put, {place})", code=PLUGIN_FAILED, hint=hint)
        placed.__cause__ = error
        return placed


def put(task: SinkTask, batch: Batch) -> None:
    """Put to a plain task, on its thread: blocks for as long as the plugin does."""
    result = task.put_batch(batch)
    if result is not None and inspect.isawaitable(result):
        close = getattr(result, "close", None)
        if close is not None:
            close()
        refuse(task, "put", result, "nothing from a plain `def`, since nobody would await it: write `async def`")


def _replace(todo: deque[Batch], batches: Iterable[Batch]) -> None:
    kept = list(batches)
    todo.clear()
    todo.extend(kept)
