"""A look at some records of a running task on their way through its steps, while somebody asks for it.

A few records of a batch now and then go ahead of the others, alone, through each step, and are shown in front of it and
behind it. They go once, as part of the task's own work: no step is called a second time, so what it counts or remembers
is as it would be, and what a sample shows is what became of that very record. Behind the transforms they are one batch
with the others again.

What the looks cost decides how long the next one waits. All of it but `ask` is for the task's thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from typing_extensions import TypedDict

from connect.api import Batch, Plugin
from connect.runtime.clock import now_ms
from connect.runtime.model import TaskId
from connect.runtime.tasks.failures import Failure
from connect.runtime.tasks.outgoing import Outgoing
from connect.runtime.tasks.shown import Shown
from connect.runtime.tasks.stages import Stage
from connect.runtime.tasks.walks import (
    Step,
    Walk,
    changes,
    fault_of,
    note_changes,
    outgoing_record,
    raw_record,
    record_of,
    shown_changes,
    singly,
    step_of,
    step_of_stage,
)

#: How long records are looked at once somebody has asked, in seconds.
ASKED_S: Final = 10.0
#: A look takes so many records, so often at most.
AT_ONCE: Final = 2
EVERY_S: Final = 0.25
#: Looks take at most one part in so many of the time.
_SHARE: Final = 150
#: So many records are kept of a task, and what is shown of them together, in characters.
KEPT_MAX: Final = 20
KEPT_CHARS_MAX: Final = 1 << 20


class SampledWalk(Walk):
    """A record's way, when it went it, and in which task."""

    task: int
    at: int


class StageCount(TypedDict):
    """What a stage of a task was given since the task began, what it dropped, and on what it failed; what was given
    again counts again."""

    stage: str
    alias: str | None
    plugin: str | None
    seen: int
    dropped: int
    failed: int


def count_of(
    stage: str, alias: str | None, plugin: str | None, *, seen: int = 0, dropped: int = 0, failed: int = 0
) -> StageCount:
    """Return a stage's count."""
    return {"stage": stage, "alias": alias, "plugin": plugin, "seen": seen, "dropped": dropped, "failed": failed}


class Observed:
    """A stage that notes whom its condition chose. As `Stage`, for the pipeline."""

    def __init__(self, stage: Stage) -> None:
        self.alias = stage.alias
        self.transform = stage.transform
        self.verdicts: list[bool] = []
        self._stage = stage

    def apply(self, batch: Batch) -> list[Batch]:
        """As `Stage.apply`."""
        chosen = self._stage.chosen(batch)
        self.verdicts += chosen or ()
        return self._stage.apply_to(batch, chosen)


class Sample:
    """One record under way.

    Attributes:
        made: How many records came out of the transforms for it.
        is_whole: Whether all of it could be shown until now.
    """

    def __init__(self, first: Step, batch: Batch, show: Shown) -> None:
        self.show = show
        self.steps = [first]
        self.batch = batch
        self.cost_s = 0.0
        self.made = 0
        self.is_whole = True

    def staged(self, stage: Stage, observed: Observed, before: Sequence[Batch], after: Sequence[Batch]) -> Step:
        """Take what a stage made of it."""
        began_s = time.thread_time()
        step = step_of_stage(stage)
        given = self.steps[-1]["records"]
        for single in (single for batch in after for single in singly(batch)):
            record = record_of(single, 0, self.show)
            step["records"].append(record)
            found = changes(before[0], single, self.show) if len(before) == 1 and len(before[0]) == 1 else []
            note_changes(step, found or (shown_changes(given[0], record) if len(given) == 1 else ()))
        step["applied"] = any(observed.verdicts) if observed.verdicts else None
        step["dropped"] = not step["records"]
        self.steps.append(step)
        self.cost_s += time.thread_time() - began_s
        return step

    def failed(self, step: Step, error: BaseException, plugin: Plugin | None) -> None:
        """Take what a step failed by."""
        step["error"] = fault_of(error, plugin, self.show)
        step["dropped"] = False


class Sampler:
    """The looks at one task. `ask` is for the event loop, and `walks` for any thread.

    Attributes:
        walks: Of the last records, the oldest first; another tuple with each change.
        until_s: Until when it looks, by the monotonic clock.
    """

    def __init__(self, task: TaskId, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self.walks: tuple[SampledWalk, ...] = ()
        self.until_s = 0.0
        self._task = task
        self._clock_s = clock_s
        self._next_s = 0.0
        self._count = 0
        self._chars: tuple[int, ...] = ()

    def ask(self) -> None:
        """Look from now on for `ASKED_S`."""
        self.until_s = self._clock_s() + ASKED_S

    @property
    def is_over(self) -> bool:
        """Whether nobody has asked for a while."""
        return self._clock_s() >= self.until_s

    def is_due(self) -> bool:
        """Whether some records of the batch at hand are to be looked at."""
        return self._clock_s() >= self._next_s

    def part(self, batches: Sequence[Batch]) -> tuple[list[Batch], list[Batch]]:
        """Return the records that are looked at, each as a batch of its own, and the others, in their order."""
        if not batches:
            return [], []
        first, *others = batches
        heads = [first[at : at + 1] for at in range(min(AT_ONCE, len(first)))]
        rest = [first[AT_ONCE:]] if len(first) > AT_ONCE else []
        return heads, [*rest, *others]

    def begin(self, batch: Batch, *, raw: bool) -> Sample:
        """Begin to show a record, of a source as it gave it, or of a topic in bytes (`raw`)."""
        began_s = time.thread_time()
        show = Shown()
        shown = raw_record(batch, 0, show) if raw else record_of(batch, 0, show)
        sample = Sample(step_of("topic" if raw else "source", [shown]), batch, show)
        sample.cost_s = time.thread_time() - began_s
        return sample

    def decoded(self, sample: Sample, batches: Sequence[Batch], plugin: str) -> Step:
        """Take what the converters made of a topic's record."""
        records = [record_of(single, 0, sample.show) for batch in batches for single in singly(batch)]
        step = step_of("converters", records, plugin=plugin)
        sample.steps.append(step)
        return step

    def encoded(
        self, samples: Sequence[Sample], outgoing: Sequence[Outgoing], failed: Mapping[int, Failure], plugin: str
    ) -> None:
        """Take the bytes of records of a source, which are the first ones of all that was encoded.

        Args:
            failed: By the place of a record in what was to be encoded, what it failed by.
        """
        places = ((out, at) for out in outgoing for at in range(len(out.columns)))
        at = 0
        for sample in samples:
            if not sample.made:
                continue
            began_s = time.thread_time()
            step = step_of("converters", [], plugin=plugin)
            for place in range(at, at + sample.made):
                if (failure := failed.get(place)) is not None:
                    sample.failed(step, failure.error, failure.plugin)
                elif (found := next(places, None)) is not None:
                    step["records"].append(outgoing_record(_one(*found), sample.show))
            sample.steps.append(step)
            at += sample.made
            sample.cost_s += time.thread_time() - began_s

    def keep(self, samples: Sequence[Sample]) -> None:
        """Keep records that have gone their way, and say when the next ones are looked at."""
        if not samples:  # nothing came: the next records are looked at
            return
        at_ms, now_s = now_ms(), self._clock_s()
        self._next_s = now_s + max(EVERY_S, _SHARE * sum(sample.cost_s for sample in samples))
        walks, chars = list(self.walks), list(self._chars)
        for sample in samples:
            if not sample.is_whole:
                continue
            batch = sample.batch
            walks.append(
                {
                    "index": self._count,
                    "topic": batch.original_topic or batch.topic,
                    "partition": batch.original_partition if batch.offsets is not None else batch.partition,
                    "offset": batch.offsets[0] if batch.offsets else None,
                    "steps": sample.steps,
                    "task": self._task.task,
                    "at": at_ms,
                }
            )
            chars.append(sample.show.spent_chars)
            self._count += 1
        while len(walks) > KEPT_MAX or (len(walks) > 1 and sum(chars) > KEPT_CHARS_MAX):
            del walks[0], chars[0]
        self.walks, self._chars = tuple(walks), tuple(chars)


def _one(outgoing: Outgoing, index: int) -> Outgoing:
    """Return one record of what is on its way into the log."""
    return outgoing if index == 0 else outgoing.cut(index, index + 1)
