"""The walk of single records through converters and transforms, step by step, as an answer shows it.

Each record goes alone, as a batch of one, so that what a step drops, parts, changes or fails on is known of that very
record. Nothing is counted, tolerated, tried again or kept: what a step raises is in its step, the record ends there,
and the others go on.

All of this is plain code that calls plugins: it blocks, and is for a thread of the border. `Abandoned` is let through.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from typing_extensions import TypedDict

from connect.api import Batch, ConnectError, Converter, DataError, HeaderConverter, Plugin
from connect.api.contract import failed_of
from connect.runtime.border.calls import Underway
from connect.runtime.border.failures import PLUGIN_FAILED, cause_of, failure_of, is_plain
from connect.runtime.border.watchdog import Abandoned
from connect.runtime.tasks.converters import Converters
from connect.runtime.tasks.failures import named, reason_of
from connect.runtime.tasks.outgoing import Outgoing
from connect.runtime.tasks.shown import Shown
from connect.runtime.tasks.stages import Stage, with_dicts

#: Further changes of one step are told as one of the whole key, value or header.
CHANGES_MAX: Final = 100
_DEPTH_MAX: Final = 32

Kind = Literal["added", "removed", "changed"]


class ShownHeader(TypedDict):
    """A header, its value as `ShownRecord` has values."""

    name: str
    value: Any


class ShownRecord(TypedDict):
    """A record as JSON, bounded and without secrets; schemas are one line of text. Of a log's bytes without schemas:
    their text, or {"base64": text}. `timestamp` is in ms since the epoch."""

    topic: str
    partition: int | None
    timestamp: int | None
    key: Any
    key_schema: str | None
    value: Any
    value_schema: str | None
    headers: list[ShownHeader]


class Fault(TypedDict):
    """What went wrong. `exception` is the class of what was raised."""

    code: str
    message: str
    hint: str
    exception: str


class Change(TypedDict):
    """A part of a record that a step changed: `topic`, `key.id`, `value.items[0].price`, `headers.trace`."""

    path: str
    kind: Kind


class Step(TypedDict):
    """What one step made of a record.

    `stage` is source, topic, converters, transform or task. `applied` says whether a transform's condition let it at
    the record; null where there is none. `records` are what came out of it: several where it parts a record, none where
    it dropped it or failed.
    """

    stage: Literal["source", "topic", "converters", "transform", "task"]
    alias: str | None
    plugin: str | None
    predicate: str | None
    applied: bool | None
    records: list[ShownRecord]
    changed: list[Change]
    dropped: bool
    error: Fault | None


class Walk(TypedDict):
    """One record's way. Topic, partition and offset are where it was read, or where a source would put it."""

    index: int
    topic: str
    partition: int | None
    offset: int | None
    steps: list[Step]


class Walks:
    """Walks records through one connector's steps.

    Args:
        stages: Its transforms, in order.
        show: Bounds what is shown, and keeps secrets out.
        clock_ms: The time of a source's records that have none.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        key_converter: Converter,
        value_converter: Converter,
        header_converter: HeaderConverter,
        show: Shown,
        clock_ms: Callable[[], int],
    ) -> None:
        self._stages = stages
        self._converters = Converters(key_converter, value_converter, header_converter, self._works)
        self._value_converter: Plugin = value_converter
        self._at: Plugin = value_converter
        #: When the step under way began; None between steps.
        self._since: float | None = None
        self._show = show
        self._clock_ms = clock_ms

    def underway(self) -> Underway | None:
        """Return the step that is under way, for the watchdog. From any thread."""
        since, at = self._since, self._at
        return None if since is None else Underway("a step of the pipeline", since, at.plugin_name())

    def of_source(self, index: int, batch: Batch) -> tuple[Walk, list[Outgoing]]:
        """Walk one record that a source gave, and return its walk and the bytes that would be appended.

        Args:
            batch: Of one record.
        """
        first = step_of("source", [record_of(batch, 0, self._show)])
        steps, parts = [first], [with_dicts(batch)]
        self._transform(steps, parts)
        outgoing: list[Outgoing] = []
        if parts:
            step = step_of("converters", [], plugin=self._value_converter.plugin_name())
            now_ms = self._clock_ms()
            for part in parts:
                if (encoded := self._tried(step, self._encode, part, now_ms)) is not None:
                    outgoing.append(encoded)
                    step["records"].append(outgoing_record(encoded, self._show))
            steps.append(step)
        walk: Walk = {
            "index": index,
            "topic": first["records"][0]["topic"],
            "partition": batch.partition,
            "offset": None,
            "steps": steps,
        }
        return walk, outgoing

    def of_sink(self, index: int, raw: Batch) -> tuple[Walk, list[Batch]]:
        """Walk one record of a topic, and return its walk and what would be put.

        Args:
            raw: Of one record, in bytes; see `converters.raw_batch`.
        """
        self._at = self._value_converter
        steps = [step_of("topic", [raw_record(raw, 0, self._show)])]
        step = step_of("converters", [], plugin=self._value_converter.plugin_name())
        decoded = self._tried(step, self._converters.decode, raw)
        parts = [part for part in decoded or () if len(part)]
        step["records"] = [record_of(part, 0, self._show) for part in parts]
        steps.append(step)
        self._transform(steps, parts)
        return {
            "index": index,
            "topic": self._show.name(raw.original_topic or raw.topic),
            "partition": raw.original_partition,
            "offset": raw.offsets[0] if raw.offsets else None,
            "steps": steps,
        }, parts

    def _transform(self, steps: list[Step], parts: list[Batch]) -> None:
        """Take parts of one record each through the stages, until none is left. `parts` becomes what comes out."""
        for stage in self._stages:
            if not parts:
                return
            before = steps[-1]["records"]
            step, after = self._staged(stage, parts, before)
            steps.append(step)
            parts[:] = after

    def _staged(self, stage: Stage, parts: Sequence[Batch], before: Sequence[ShownRecord]) -> tuple[Step, list[Batch]]:
        step = step_of_stage(stage)
        made: list[Batch] = []
        verdicts: list[bool] = []
        for part, shown in zip(parts, before, strict=True):
            came = self._tried(step, self._apply, stage, part, verdicts)
            singles = [single for batch in came or () for single in singly(batch)]
            made += singles
            records = [record_of(single, 0, self._show) for single in singles]
            step["records"] += records
            for single, record in zip(singles, records, strict=True):
                # Where the step has changed in place what it was given, only what was shown before tells.
                note_changes(step, changes(part, single, self._show) or shown_changes(shown, record))
        step["applied"] = any(verdicts) if verdicts else None
        step["dropped"] = not made and step["error"] is None
        return step, made

    def _apply(self, stage: Stage, part: Batch, verdicts: list[bool]) -> list[Batch]:
        self._at = stage.transform if stage.predicate is None else stage.predicate
        chosen = stage.chosen(part)
        verdicts += chosen or ()
        self._at = stage.transform
        return stage.apply_to(part, chosen)

    def _encode(self, part: Batch, now_ms: int) -> Outgoing:
        self._at = self._value_converter
        return self._converters.encode(part, now_ms, is_in_order=True)

    def _works(self, _step: str, plugin: Plugin) -> None:
        self._at = plugin

    def _tried(self, step: Step, function: Callable[..., Any], *args: Any) -> Any:
        """Return what a call returns; None where it raised, and then the step has the first of its errors."""
        self._since = time.monotonic()
        try:
            return function(*args)
        except Abandoned:
            raise
        except BaseException as error:
            if step["error"] is None:
                step["error"] = fault_of(error, self._at, self._show)
                if function == self._converters.decode or function == self._encode:
                    step["plugin"] = self._at.plugin_name()
            return None
        finally:
            self._since = None


# -- parts of walks ------------------------------------------------------------------------------------------------


def step_of(
    stage: Literal["source", "topic", "converters", "transform", "task"],
    records: list[ShownRecord],
    *,
    alias: str | None = None,
    plugin: str | None = None,
    predicate: str | None = None,
) -> Step:
    """Return a step that changed nothing, dropped nothing and did not fail."""
    return {
        "stage": stage,
        "alias": alias,
        "plugin": plugin,
        "predicate": predicate,
        "applied": None,
        "records": records,
        "changed": [],
        "dropped": False,
        "error": None,
    }


def step_of_stage(stage: Stage) -> Step:
    """Return the step of a transform, with nothing in it yet."""
    predicate = None if stage.predicate is None else stage.predicate.plugin_name()
    return step_of("transform", [], alias=stage.alias, plugin=stage.transform.plugin_name(), predicate=predicate)


def note_changes(step: Step, found: Iterable[Change]) -> None:
    """Add what a step changed of one more record, each change once, up to `CHANGES_MAX`."""
    for change in found:
        if change not in step["changed"] and len(step["changed"]) < CHANGES_MAX:
            step["changed"].append(change)


def singly(batch: Batch) -> Iterable[Batch]:
    """Yield the records of a batch as batches of one."""
    return (batch,) if len(batch) == 1 else (batch[at : at + 1] for at in range(len(batch)))


def record_of(batch: Batch, index: int, show: Shown) -> ShownRecord:
    """Return one record of a batch of Connect values as an answer shows it."""
    headers = batch.headers[index] if batch.headers is not None else None
    return {
        "topic": show.name(str(batch.topic)),
        "partition": batch.partition,
        "timestamp": batch.timestamps[index] if isinstance(batch.timestamps, list) else batch.timestamps,
        "key": None if batch.keys is None else show.value(batch.keys[index]),
        "key_schema": show.schema(batch.key_schema),
        "value": show.value(batch.values[index]),
        "value_schema": show.schema(batch.value_schema),
        "headers": [{"name": show.name(h.name), "value": show.header(h.name, h.value)} for h in headers or ()],
    }


def raw_record(batch: Batch, index: int, show: Shown) -> ShownRecord:
    """Return one record of a batch of bytes, as `converters.raw_batch` makes it."""
    headers: Any = batch.headers[index] if batch.headers is not None else None
    return {
        "topic": show.name(batch.topic),
        "partition": batch.partition,
        "timestamp": batch.timestamps[index] if isinstance(batch.timestamps, list) else batch.timestamps,
        "key": None if batch.keys is None else show.data(batch.keys[index]),
        "key_schema": None,
        "value": show.data(batch.values[index]),
        "value_schema": None,
        "headers": _raw_headers(headers, show),
    }


def outgoing_record(outgoing: Outgoing, show: Shown) -> ShownRecord:
    """Return a source's record of bytes on its way into the log; the first of what is given."""
    columns = outgoing.columns
    return {
        "topic": show.name(outgoing.topic),
        "partition": outgoing.partition,
        "timestamp": columns.stamps[0],
        "key": None if columns.keys is None else show.data(columns.keys[0]),
        "key_schema": None,
        "value": show.data(columns.values[0]),
        "value_schema": None,
        "headers": _raw_headers(None if columns.headers is None else columns.headers[0], show),
    }


def _raw_headers(headers: Iterable[tuple[str, bytes | None]] | None, show: Shown) -> list[ShownHeader]:
    return [{"name": show.name(name), "value": show.raw_header(name, data)} for name, data in headers or ()]


def fault_of(error: BaseException, plugin: Plugin | None, show: Shown, *, method: str = "apply_batch") -> Fault:
    """Return what was raised about one record, or about a whole call, as an answer tells it.

    Args:
        plugin: Who was at work.
        method: What of it raised, for who named records that it was not given.
    """
    whom = plugin.plugin_name() if plugin is not None else "the plugin"
    leaf = cause_of(error)
    told: Exception = leaf if isinstance(leaf, Exception) and is_plain(leaf) else failure_of(error, method, whom)
    if isinstance(told, DataError):
        try:
            failed = failed_of(plugin, method, told, 1)
        except ConnectError as broken:
            told, failed = broken, []
        if failed and isinstance(told, DataError):
            told = named(told, failed[0])
    is_ours = isinstance(told, ConnectError)
    return {
        "code": told.code if isinstance(told, ConnectError) else PLUGIN_FAILED,
        "message": show.text(reason_of(told)),
        "hint": show.text(told.hint if isinstance(told, ConnectError) else f"Report it to the author of {whom}."),
        "exception": type(leaf if is_ours or isinstance(leaf, Exception) else error).__name__,
    }


# -- what a step changed -------------------------------------------------------------------------------------------


def changes(before: Batch, after: Batch, show: Shown) -> list[Change]:
    """Return what differs between two records, each a batch of one: by values and their types, and by schemas."""
    found: list[Change] = []
    if before.topic != after.topic:
        found.append({"path": "topic", "kind": "changed"})
    if before.partition != after.partition:
        found.append(_change("partition", before.partition, after.partition))
    old_stamp, new_stamp = before.timestamp_column()[0], after.timestamp_column()[0]
    if old_stamp != new_stamp:
        found.append(_change("timestamp", old_stamp, new_stamp))
    for part, old_schema, new_schema in (
        ("key", before.key_schema, after.key_schema),
        ("value", before.value_schema, after.value_schema),
    ):
        old = before.key_column()[0] if part == "key" else before.values[0]
        new = after.key_column()[0] if part == "key" else after.values[0]
        found += _within(part, old, new, show)
        if old_schema is not new_schema and old_schema != new_schema:
            found.append(_change(f"{part}_schema", old_schema, new_schema))
    return found + _headers(
        [(h.name, h.value) for h in (before.headers or [None])[0] or ()],
        [(h.name, h.value) for h in (after.headers or [None])[0] or ()],
        show,
    )


def shown_changes(before: ShownRecord, after: ShownRecord) -> list[Change]:
    """As `changes`, of records as they are shown: for values that were changed in place, which are what they are."""
    if before == after:
        return []
    show, found = Shown(), list[Change]()
    for part in ("topic", "partition", "timestamp", "key", "key_schema", "value", "value_schema"):
        found += _within(part, before[part], after[part], show)
    return found + _headers(
        [(h["name"], h["value"]) for h in before["headers"]], [(h["name"], h["value"]) for h in after["headers"]], show
    )


def _change(path: str, old: Any, new: Any) -> Change:
    return {"path": path, "kind": "added" if old is None else "removed" if new is None else "changed"}


def _within(path: str, old: Any, new: Any, show: Shown) -> list[Change]:
    """Return the changes of one value; of one with very many, that it is another."""
    try:
        found = list[Change]()
        _compare(path, old, new, show, found, _DEPTH_MAX)
    except Exception:  # a class of a plugin's own, whose comparison fails
        return [] if old is new else [_change(path, old, new)]
    return found if len(found) <= CHANGES_MAX else [_change(path, old, new)]


def _compare(path: str, old: Any, new: Any, show: Shown, found: list[Change], depth: int) -> None:
    if old is new or len(found) > CHANGES_MAX:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping) and depth:
        for name in [*old, *(name for name in new if name not in old)]:
            at = f"{path}.{show.name(str(name))}"
            if name not in new:
                found.append({"path": at, "kind": "removed"})
            elif name not in old:
                found.append({"path": at, "kind": "added"})
            else:
                _compare(at, old[name], new[name], show, found, depth - 1)
            if len(found) > CHANGES_MAX:
                return
    elif isinstance(old, list | tuple) and isinstance(new, list | tuple) and depth:
        for index in range(max(len(old), len(new))):
            if index >= min(len(old), len(new)):
                found.append({"path": f"{path}[{index}]", "kind": "added" if index < len(new) else "removed"})
            else:
                _compare(f"{path}[{index}]", old[index], new[index], show, found, depth - 1)
            if len(found) > CHANGES_MAX:
                return
    elif type(old) is not type(new) or not bool(old == new or (old != old and new != new)):
        found.append(_change(path, old, new))


def _headers(old: Sequence[tuple[str, Any]], new: Sequence[tuple[str, Any]], show: Shown) -> list[Change]:
    """Return what became of headers: by name, and where names repeat by their order among those of the same name."""
    before, after = _numbered(old), _numbered(new)
    found: list[Change] = []
    for at in [*before, *(at for at in after if at not in before)]:
        path = f"headers.{show.name(at[0])}"
        if at not in after:
            found.append({"path": path, "kind": "removed"})
        elif at not in before:
            found.append({"path": path, "kind": "added"})
        elif _within(path, before[at], after[at], show):
            found.append({"path": path, "kind": "changed"})
    return found[:CHANGES_MAX]


def _numbered(headers: Sequence[tuple[str, Any]]) -> dict[tuple[str, int], Any]:
    numbered: dict[tuple[str, int], Any] = {}
    counts = Counter[str]()
    for name, value in headers:
        numbered[name, counts[name]] = value
        counts[name] += 1
    return numbered
