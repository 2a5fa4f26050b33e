"""What is in hand of a sink task on its way into the sink: put, put again, or taken apart around bad records.

Theory of operation. One fetch's records are converted, and put batch by batch, or all together where the sink can. A
batch that meets a failure that passes is put again. One in which records are bad is taken apart: where the sink says
which ones they are, they are set aside and the rest is put in one piece; where it does not, the batch is halved until
the bad one is alone. `errors.tolerance` decides about bad records only; what the runtime does not know the fate of,
since a stop, a pause or a rebalance came in between, stays in `todo` and is read again.

Order: of one partition nothing is put before what lies in front of it, and nothing is put twice that was put once.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace

from connect.api import Batch, ConnectError, DataError, FailedRecord, PluginError, RetriableError, SinkTask
from connect.api.contract import failed_of, refuse
from connect.records import FetchedBatch, TopicPartition
from connect.runtime.border.calls import TaskThread, call, on_loop
from connect.runtime.tasks.context import SinkTaskContextImpl
from connect.runtime.tasks.pipeline import Pipeline
from connect.runtime.tasks.tolerance import Interrupted, Tolerance, coordinates, named


class Puts:
    """Puts what one sink task has fetched. Used by its loop, one fetch after the other.

    Attributes:
        todo: What is still to be put, in order; None while it is not converted.

    Args:
        may_try_again: Waits before a put is made again, the so-manieth time; False where it is not to be made.
    """

    def __init__(
        self,
        thread: TaskThread,
        plugin: SinkTask,
        pipeline: Pipeline,
        tolerance: Tolerance,
        context: SinkTaskContextImpl,
        may_try_again: Callable[[RetriableError, int], Awaitable[bool]],
    ) -> None:
        self.todo: deque[Batch] | None = None
        #: What is not to be put, since the plugin has paused or sought its partition.
        self._held: list[Batch] = []
        self._thread = thread
        self._plugin = plugin
        self._pipeline = pipeline
        self._tolerance = tolerance
        self._context = context
        self._may_try_again = may_try_again
        self._on_loop = on_loop(plugin, "put_batch", "put")
        self._together = type(plugin).put_batches is not SinkTask.put_batches

    async def put(self, fetched: list[FetchedBatch]) -> None:
        """Convert and put what was fetched. What is not put, however this ends, is told by `not_put`.

        Raises:
            Interrupted: It is not known what becomes of the rest: the task is to stop or to pause, or the assignment
                moves.
            ConnectError: The task has failed.
        """
        self.todo, self._held = None, []
        if self._on_loop or self._together:
            self.todo = deque(await self._thread.run(self._pipeline.from_bytes, fetched))
            if self._together:
                await self._put_together(self.todo)
        else:
            # One hop: convert and put on the task's thread; come back only with what failed.
            error = await self._thread.run(self._put_on_thread, fetched)
            if error is not None:
                assert self.todo is not None
                await self._recover(self.todo, error)
        assert self.todo is not None
        await self._put_all(self.todo)

    def not_put(self, fetched: Sequence[FetchedBatch]) -> dict[TopicPartition, int]:
        """Return the offset of the first record of each partition that is not put; nothing for those that all are."""
        if not self._held and self.todo is not None and not self.todo:
            return {}
        found: dict[TopicPartition, int] = {}
        for batch in (*self._held, *(self.todo or ())):
            if batch.original_topic is None or batch.original_partition is None or not batch.offsets:
                return firsts(fetched)  # records that a transform has made: nobody knows where they belong
            at = TopicPartition(batch.original_topic, batch.original_partition)
            found[at] = min(found.get(at, batch.offsets[0]), *batch.offsets)
        return found if self.todo is not None else firsts(fetched)

    # -- one way or the other ------------------------------------------------------------------------------------------

    def _put_on_thread(self, fetched: list[FetchedBatch]) -> Exception | None:
        """Put what converts; return the error that stopped it, if any, which the first of what is left has met."""
        todo = self.todo = deque(self._pipeline.from_bytes(fetched))
        while todo:
            if self._is_held(todo[0]):
                self._held.append(todo.popleft())
                continue
            try:
                self._thread.inside(put, self._plugin, todo[0])
            except Exception as error:  # decided on the loop, where waiting is cheap
                return error
            todo.popleft()
        return None

    async def _put_all(self, todo: deque[Batch]) -> None:
        while todo:
            if self._is_held(todo[0]):
                self._held.append(todo.popleft())
                continue
            try:
                await call(self._thread, self._plugin.put_batch, todo[0])
            except Exception as error:
                await self._recover(todo, error)
            else:
                todo.popleft()

    async def _put_together(self, todo: deque[Batch]) -> None:
        """Put all that is in hand or nothing, again while the failure passes, and without the records that the sink
        names as bad; leave it where it names none."""
        self._held += [batch for batch in todo if self._is_held(batch)]
        _replace(todo, [batch for batch in todo if not self._is_held(batch)])
        tries = 0
        while todo:
            try:
                await call(self._thread, self._plugin.put_batches, list(todo))
            except RetriableError as error:
                if not await self._may_try_again(error, tries):
                    raise Interrupted from error
                tries += 1
            except DataError as error:
                failed = failed_of(self._plugin, "put_batches", error, sum(map(len, todo)))
                if failed:
                    self._set_aside_of_all(todo, failed, error)
                elif self._tolerance.tolerates:
                    return  # they are put one by one
                else:
                    raise
            else:
                todo.clear()

    def _is_held(self, batch: Batch) -> bool:
        return self._context.is_holding and self._context.holds(batch.original_topic, batch.original_partition)

    # -- around what is bad --------------------------------------------------------------------------------------------

    async def _recover(self, todo: deque[Batch], error: Exception) -> None:
        """Put the first batch again while the failure passes; take it apart while a record in it is bad."""
        batch, tries = todo[0], 0
        while isinstance(error, RetriableError):
            if not await self._may_try_again(error, tries):
                raise Interrupted from error
            tries += 1
            try:
                await call(self._thread, self._plugin.put_batch, batch)
            except Exception as again:
                error = again
            else:
                todo.popleft()
                return
        if not isinstance(error, DataError):
            raise _placed(error, batch, self._plugin) from error
        failed = failed_of(self._plugin, "put", error, len(batch))
        if failed and (self._tolerance.tolerates or failed[0].index == 0):
            _replace_first(todo, self._without(batch, failed, error))
        elif len(batch) > 1:
            # Where the bad one ends the task, what lies in front of it is put.
            middle = failed[0].index if failed else len(batch) // 2
            todo[0] = batch[middle:]
            todo.appendleft(batch[:middle])
        else:
            self._tolerance.failed(error, stage="put", batch=batch, at=("TASK_PUT", self._plugin))
            todo.popleft()

    def _without(self, batch: Batch, failed: Sequence[FailedRecord], error: DataError) -> Batch | None:
        """Have tolerance decide about these records of a batch; return the others, None where there are none."""
        mask = [True] * len(batch)
        for bad in failed:
            one = named(error, bad)
            self._tolerance.failed(one, stage="put", batch=batch, index=bad.index, at=("TASK_PUT", self._plugin))
            mask[bad.index] = False
        return batch.select(mask) if any(mask) else None

    def _set_aside_of_all(self, todo: deque[Batch], failed: Sequence[FailedRecord], error: DataError) -> None:
        """As `_without`, where the records are counted over all batches."""
        kept, start = [], 0
        for batch in todo:
            end = start + len(batch)
            own = [replace(bad, index=bad.index - start) for bad in failed if start <= bad.index < end]
            if (rest := self._without(batch, own, error) if own else batch) is not None:
                kept.append(rest)
            start = end
        _replace(todo, kept)


def put(task: SinkTask, batch: Batch) -> None:
    """Put to a plain task, on its thread: blocks for as long as the plugin does."""
    result = task.put_batch(batch)
    if result is not None and inspect.isawaitable(result):
        close = getattr(result, "close", None)
        if close is not None:
            close()
        refuse(task, "put", result, "nothing from a plain `def`, since nobody would await it: write `async def`")


def firsts(fetched: Iterable[FetchedBatch]) -> dict[TopicPartition, int]:
    """Return the offset of the first record of each partition."""
    found: dict[TopicPartition, int] = {}
    for batch in fetched:
        found.setdefault(TopicPartition(batch.topic, batch.partition), batch.offsets[0])
    return found


def _replace(todo: deque[Batch], batches: Iterable[Batch]) -> None:
    kept = list(batches)
    todo.clear()
    todo.extend(kept)


def _replace_first(todo: deque[Batch], batch: Batch | None) -> None:
    todo.popleft()
    if batch is not None:
        todo.appendleft(batch)


def _placed(error: Exception, batch: Batch, plugin: SinkTask) -> ConnectError:
    """Return what ends the task when a put failed: the cause first, then which records it was about."""
    place = coordinates(batch, 0)
    if len(batch) > 1 and batch.offsets:
        place += f" to {batch.offsets[-1]}"
    if isinstance(error, ConnectError):
        return ConnectError(f"{error.message} (put, {place})", code=error.code, hint=error.hint)
    hint = f"See the trace and report it to the author of {plugin.plugin_name()}."
    return PluginError(f"{type(error).__name__}: {error} (put, {place})", code="plugin.failed", hint=hint)
