"""A task that makes related tables: where it is in their stream, how fast it goes, and how it goes on.

The offset holds the step that comes next and the seed, from which everything follows; and how many tasks share the
model, since each makes the rows whose numbers fall to it: with another number, keys would come twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from connect.api import Batch, ConfigError, SourceTaskContext
from connect_datagen.clock import Clock, Rate
from connect_datagen.config import DatagenConfig
from connect_datagen.fake import POOL_COUNT
from connect_datagen.pace import WAIT_S, Pace
from connect_datagen.related import RelatedStream

#: Of a task's config only: how many tasks share the model.
TASKS_KEY: Final = "datagen.tasks"

_NAMES: Final = ("task.generation", "current.iteration", "current.step", "random.seed", "task.count")
#: More than any block has; a poll never goes beyond one.
_STEPS: Final = 1 << 20


class RelatedRun:
    """What a task does about related tables.

    Args:
        seed: Where no offset is stored.

    Raises:
        ConfigError: The stored offset is of another kind, or of another number of tasks.
    """

    def __init__(self, config: DatagenConfig, context: SourceTaskContext, seed: int) -> None:
        self._context = context
        self._iterations = config.iterations
        self._tasks = int(config.originals.get(TASKS_KEY, "1"))
        self._partition = {"task.id": context.task}
        self._generation = self._made = self._step = 0
        self._seed = seed
        stored = context.offset(self._partition)
        if stored is not None:
            self._resume(stored)
        self._stream = RelatedStream(
            config.tables(),
            seed=self._seed,
            task=context.task,
            tasks=self._tasks,
            topic_of=config.topic_of,
            times=config.times,
            pool_count=POOL_COUNT,
        )
        clock, speedup = config.clock, config.time_speedup
        if clock is None:
            # The mean of the waits that `max.interval` draws.
            speedup = 1.0 if config.max_interval > 0 else 0.0
            clock = Clock(Rate(((2000 / max(config.max_interval, 1), float("inf")),)))
        if context.is_preview:
            speedup = 0.0
        seconds, records_before = clock.seconds, self._stream.records_before
        self._pace = Pace(context.stopping, lambda step: seconds(records_before(step)), speedup)
        self._ended = False

    def poll(self) -> list[Batch]:
        """Return what is due. Blocks for a second at most."""
        steps = self._stream.steps
        if (steps is not None and self._step >= steps) or 0 < self._iterations <= self._made:
            self._idle()
            return []
        due = self._pace.count(self._step, _STEPS if steps is None else steps - self._step)
        if not due:
            return []
        batches, self._step = self._stream.batches(self._step, self._cut(due))
        self._made += sum(map(len, batches))
        if batches:
            offset = dict(zip(_NAMES, (self._generation, self._made, self._step, self._seed, self._tasks), strict=True))
            # The last alone says where the stream goes on: in front of it, not all of the steps are made.
            batches[-1] = batches[-1].replace(source_partition=self._partition, source_offset=offset)
        return batches

    def _cut(self, due: int) -> int:
        """Return how many steps to make: half of what is left of `iterations`, in the mean, and at last one by one."""
        left = self._iterations - self._made
        while self._iterations > 0 and due > 1 and self._stream.records_before(due) >= left / 2:
            due //= 2
        return due

    def _idle(self) -> None:
        if not self._ended:
            self._ended = self._context.drained = True
            self._context.log.info("all %d records are made; task %d idles", self._made, self._context.task)
        self._context.stopping.wait(WAIT_S)

    def _resume(self, stored: Mapping[str, Any]) -> None:
        what = f"the stored source offset of task {self._context.task}"
        generation, self._made, self._step, self._seed, tasks = read_related_offset(stored, what)
        self._generation = generation + 1
        if tasks != self._tasks:
            raise ConfigError(
                f"{what} is of a model that {tasks} tasks share, and now {self._tasks} do: keys would come twice",
                hint=f"Set tasks.max to {tasks}, or reset the connector's offsets to begin anew.",
                config_path="tasks.max",
            )


def read_related_offset(offset: Mapping[str, Any], what: str) -> tuple[int, int, int, int, int]:
    """Return generation, records made, the next step, the seed and the number of tasks.

    Raises:
        ConfigError: It is no offset of related tables.
    """
    generation, made, step, seed, tasks = (offset.get(name) for name in _NAMES)
    if (
        isinstance(generation, int) and isinstance(made, int) and isinstance(step, int) and isinstance(seed, int)
        and isinstance(tasks, int) and made >= 0 and step >= 0 and tasks >= 1
    ):  # fmt: skip
        return generation, made, step, seed, tasks
    raise ConfigError(
        f"{what} is {dict(offset)!r}; expected whole numbers for {', '.join(_NAMES)}",
        hint="Alter or reset the connector's offsets.",
    )
