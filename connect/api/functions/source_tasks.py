"""What tasks of sources by functions have in common: arguments, offsets, and batches of what a function gave."""

from __future__ import annotations

import contextvars
import json
import time
import types
from collections.abc import Iterable, Iterator, Mapping
from types import CoroutineType
from typing import Any, ClassVar, Final

from connect.api.connector import SourceTask
from connect.api.contract import refuse
from connect.api.error_codes import register_code
from connect.api.errors import ConfigError, PluginError
from connect.api.functions.flows import copied
from connect.api.functions.parameters import CONTEXT, Parameters
from connect.api.record import Batch, Record

#: The key under which an offset that is no dict is kept.
OFFSET: Final = "offset"
#: What offsets are alike, by the one that a source begins with.
_KINDS: Final[tuple[tuple[type, ...], ...]] = ((bool,), (int, float), (str,), (dict,), (list,))
FOREIGN_OFFSET: Final = register_code(
    "connector.foreign_offset",
    "A committed offset is of a form that the source never writes.",
    "Alter or reset the connector's offsets: `connect connector offsets --help`.",
)
#: The key under which a partition that is text is kept; a source that names none has one partition, of its own name.
PARTITION: Final = "partition"
#: How long a poll waits where the function is not to be called yet, in seconds.
PAUSE_S: Final = 0.25
#: What is at fault, in messages.
_FUNCTION: Final = "function"
_ITEM: Final = "a value, a Record or a Batch, alone or as the first of (record, offset[, partition])"

#: What a wrapper returns that called a generator or an `async def`, and did not know what to do with it.
_UNFIT: Final = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)

_task: contextvars.ContextVar[FunctionSourceTask] = contextvars.ContextVar("source")


def resume(default: Any = None, partition: str | Mapping[str, Any] | None = None) -> Any:
    """Return where this source goes on: the offset behind the last record that is known, as it was given with it.

    For use within a function with `@source`. Never blocks.

    Args:
        default: What is returned where nothing was read yet; of a dict also each key that the offset lacks.
        partition: Of which part of the source, as given with the records; None for the whole.

    Raises:
        ConfigError: connector.foreign_offset: what is committed is of another kind than `default`, which somebody set.
        PluginError: It is called from elsewhere.
    """
    task = _task.get(None)
    if task is None:
        raise PluginError("resume() says where a source goes on, so it is for the body of a function with @source")
    return task.resumed(default, partition)


class FunctionSourceTask(SourceTask):
    """What the forms of a function have in common: its arguments, its offsets, and batches of what it gave."""

    parameters: ClassVar[Parameters]
    has_topic: ClassVar[bool]
    has_interval: ClassVar[bool]

    def start(self) -> None:
        self._arguments = self.parameters.arguments(self.config)
        if self.parameters.takes_context:
            self._arguments[CONTEXT] = self.context
        self._topic: str | None = getattr(self.config, "topic", None) if self.has_topic else None
        self._own = {"source": type(self).__name__}
        self._own_name = _name(self._own)
        self._given: dict[str, Any] = {}
        self._not_before = 0.0

    def resumed(self, default: Any, partition: str | Mapping[str, Any] | None) -> Any:
        """Return what `resume` returns."""
        at = self._partition(partition)
        found = self._given.get(_name(at))
        if found is None:
            found = self.context.offset(at)
        if found is None:
            return default
        value = found[OFFSET] if found.keys() == {OFFSET} else dict(found)
        kinds = _kinds_of(default)
        is_ours = kinds is None or _kinds_of(value) is kinds
        if isinstance(default, dict) and isinstance(value, dict):
            # A key that a later version of the source begins with may be missing of what an earlier one wrote.
            is_ours, value = not default or not default.keys().isdisjoint(value), default | value
        if not is_ours:
            raise ConfigError(
                f"the offset of {dict(at)} is {value!r:.100}; expected one like {default!r:.100}, which "
                f"{type(self).__name__} begins with",
                code=FOREIGN_OFFSET,
            )
        return value

    def make(self) -> Any:
        """Call the function. What it, or its generator, resumes from is this task's."""
        _task.set(self)
        return type(self).parameters.function(**self._arguments)

    def rest(self) -> None:
        """Have the function begun again once its interval is over; without one with the next poll."""
        if self.has_interval:
            self._not_before = time.monotonic() + self.config.poll_interval_ms / 1000  # type: ignore[attr-defined]

    @property
    def pause_s(self) -> float:
        """How long a poll is to wait, since the function is not to be begun yet; 0 where it is."""
        return max(0.0, min(PAUSE_S, self._not_before - time.monotonic()))

    def batches(self, items: Iterable[Any]) -> list[Batch]:
        """Return batches of what the function gave, in order, and keep where it goes on."""
        return list(self._grouped(items))

    def _grouped(self, items: Iterable[Any]) -> Iterator[Batch]:
        run: _Run | None = None
        for item in items:
            record, offset, partition = self._parts(item)
            is_record = isinstance(record, Record)
            if not is_record and isinstance(record, Batch):
                if run is not None:
                    yield from run.batches()
                    run = None
                yield record if offset is None else record.replace(source_partition=partition, source_offset=offset)
                continue
            if run is not None and (run.is_records is not is_record or run.partition != partition):
                yield from run.batches()
                run = None
            if run is None:
                run = _Run(partition, None if is_record else self._topic_of(record))
            run.items.append(record)
            run.offsets.append(offset)
        if run is not None:
            yield from run.batches()

    def _parts(self, item: Any) -> tuple[Any, dict[str, Any] | None, dict[str, Any] | None]:
        value = item[0] if isinstance(item, tuple) and item else item
        if isinstance(value, CoroutineType):
            value.close()  # or Python warns, too
            refuse(self, _FUNCTION, value, "a value; write await in front of what makes it")
        if isinstance(value, _UNFIT):
            refuse(self, _FUNCTION, value, f"{_ITEM}; @source stands above a generator itself, and above an async def")
        if not isinstance(item, tuple):
            return item, None, None
        if not 2 <= len(item) <= 3:
            refuse(self, _FUNCTION, item, _ITEM)
        if item[1] is None:
            return item[0], None, None
        at = self._partition(item[2] if len(item) == 3 else None)
        offset = copied(item[1]) if isinstance(item[1], Mapping) else {OFFSET: copied(item[1])}
        self._given[self._own_name if at is self._own else _name(at)] = offset
        return item[0], offset, at

    def _topic_of(self, value: Any) -> str:
        if self._topic is None:
            refuse(self, _FUNCTION, value, "a Record or a Batch, since with names_topics=True each names its topic")
        return self._topic

    def _partition(self, partition: str | Mapping[str, Any] | None) -> dict[str, Any]:
        if partition is None:
            return self._own
        return copied(partition) if isinstance(partition, Mapping) else {PARTITION: copied(partition)}


class FlowTask(FunctionSourceTask):
    """A generator. One that raised is begun anew where it got to, once it is tried again."""

    _flow: Any = None
    _is_done = False

    @property
    def idle_s(self) -> float:
        """How long to wait, since there is nothing to go through now; 0 where there is."""
        if self._flow is not None:
            return 0.0
        return PAUSE_S if self._is_done else self.pause_s

    def taken(self, items: list[Any]) -> list[Batch]:
        """Return batches of what the flow gave, and let it go where it is over."""
        if self._flow.is_over:
            self._flow, self._is_done = None, not self.has_interval
            self.rest()
        return self.batches(items)

    @property
    def flow_name(self) -> str:
        """What to call the thread, or the task of the loop."""
        return f"{self.context.connector}-{self.context.task}-{type(self).__name__}"


class _Run:
    """Records, or values for a topic, of one partition of the source, that came one behind the other.

    Args:
        partition: None for what came without an offset.
        topic: Where values go; None for records.
    """

    def __init__(self, partition: dict[str, Any] | None, topic: str | None) -> None:
        self.partition, self.topic = partition, topic
        self.is_records = topic is None
        self.items: list[Any] = []
        self.offsets: list[Mapping[str, Any] | None] = []

    def batches(self) -> list[Batch]:
        """Return them as batches."""
        batches = Batch.group(self.items) if self.topic is None else [Batch(self.topic, self.items)]
        if self.partition is None:
            return batches
        start = 0
        for batch in batches:
            offsets = self.offsets[start : start + len(batch)]
            batch.source_partition, batch.source_offsets, batch.source_offset = self.partition, offsets, offsets[-1]
            start += len(batch)
        return batches


def listed(given: Any) -> Iterable[Any]:
    """Return the items of what a plain function returned."""
    if given is None:
        return ()
    return given if isinstance(given, list) else [given]


def _kinds_of(value: Any) -> tuple[type, ...] | None:
    return next((kinds for kinds in _KINDS if isinstance(value, kinds)), None)


def _name(partition: Mapping[str, Any]) -> str:
    return json.dumps(partition, sort_keys=True, default=repr)  # what JSON cannot hold is refused with the batch
