"""The data plane between a plugin and the log: transforms, predicates and converters, batch by batch.

Every step takes the whole batch first. If it raises and says which records are bad, the task's tolerance decides about
those, and the step runs again with the others; if it does not say, it runs again record by record, so that the culprit
is known. Steps never change their input, so a second run is safe.
All of this is plain code without input or output, and runs on the task's thread. A step whose tries are ended by a stop
or a pause raises `Interrupted`, and nothing of the call counts: the same batches come again.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connect.api import (
    Batch,
    Column,
    Converter,
    DataError,
    Header,
    HeaderConverter,
    Headers,
    Plugin,
)
from connect.api.contract import check_bytes, check_column, check_pair, check_runs, failed_of
from connect.records import Columns, FetchedBatch, RawHeaders
from connect.runtime.border.calls import Underway
from connect.runtime.border.failures import fail, is_plain, told
from connect.runtime.border.watchdog import Abandoned
from connect.runtime.tasks.stages import Stage, coalesce
from connect.runtime.tasks.tolerance import Interrupted, Tolerance, named

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Bytes on their way to a topic, with the source's coordinates as the batch had them; see `Batch`.

    Attributes:
        source_end: Of a part: where the source goes on after the whole.
        is_in_order: Each record of the poll is there, in the order in which the source gave them.
    """

    topic: str
    partition: int | None
    columns: Columns
    source_partition: Mapping[str, Any] | None = None
    source_offset: Mapping[str, Any] | None = None
    source_offsets: Sequence[Mapping[str, Any] | None] | None = None
    source_end: Mapping[str, Any] | None = None
    is_in_order: bool = True

    def __len__(self) -> int:
        return len(self.columns)

    def cut(self, start: int, stop: int) -> Outgoing:
        """Return the records from `start` up to `stop`; `source_offset` stays with the last of all."""
        return Outgoing(
            self.topic,
            self.partition,
            self.columns.cut(start, stop),
            self.source_partition,
            self.source_offset if stop >= len(self) else None,
            None if self.source_offsets is None else self.source_offsets[start:stop],
            self.source_end or self.source_offset,
            self.is_in_order,
        )


class Pipeline:
    """One task's stages and converters. All but `underway` is for the task's thread, and blocks it.

    Args:
        tolerance: Decides about failing records.
        clock_ms: The present time, for source records without a timestamp.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        key_converter: Converter,
        value_converter: Converter,
        header_converter: HeaderConverter,
        tolerance: Tolerance,
        clock_ms: Callable[[], int],
    ) -> None:
        self._stages = stages
        self._key_converter = key_converter
        self._value_converter = value_converter
        self._header_converter = header_converter
        self._tolerance = tolerance
        self._clock_ms = clock_ms
        #: Kafka's name of the step under way, and who does it: what a failure is blamed on.
        self._at: tuple[str, Plugin] = ("VALUE_CONVERTER", value_converter)
        #: Of the batches under way: whether no stage has dropped or parted records.
        self._is_in_order = True
        #: When the step under way began; None between steps.
        self._since: float | None = None
        #: Records that this call has skipped.
        self._skipped = 0

    def close(self) -> None:
        """Close every plugin of the pipeline, in order; one that fails is logged."""
        plugins = [p for s in self._stages for p in (s.transform, s.predicate) if p is not None]
        for plugin in [*plugins, self._key_converter, self._value_converter, self._header_converter]:
            try:
                plugin.close()
            except BaseException as error:  # one that fails keeps none of the others open
                logger.error("close of %s failed: %s", plugin.plugin_name(), told(error), exc_info=True)

    def underway(self) -> Underway | None:
        """Return the step that is under way, for the watchdog. From any thread."""
        since, (stage, plugin) = self._since, self._at
        return None if since is None else Underway(stage, since, plugin.plugin_name())

    def transform(self, batches: Iterable[Batch]) -> list[Batch]:
        """Run the batches through every stage."""
        current = [batch for batch in batches if len(batch)]
        self._is_in_order = True
        for stage in self._stages:
            label = f"transform {stage.alias!r}"
            self._at = ("TRANSFORMATION", stage.transform)
            current = coalesce(out for batch in current for out in self._staged(stage, batch, label) if len(out))
        return current

    def _staged(self, stage: Stage, batch: Batch, label: str) -> list[Batch]:
        """Run one stage.

        What stays one batch of as many records has kept their order; else a transform may part them.
        """
        changed = self._guarded(stage.apply, batch, label, "apply_batch")
        self._is_in_order = self._is_in_order and len(changed) == 1 and len(changed[0]) == len(batch)
        return changed

    def to_bytes(self, batches: Iterable[Batch]) -> list[Outgoing]:
        """Transform a source's batches and convert them to bytes, in order; records that fail are skipped, or end it.

        Raises:
            Interrupted: The task is to stop or to pause, and a step waits for another try: nothing is decided.
        """
        self._skipped = 0
        try:
            return self._to_bytes(batches)
        except Interrupted:
            self._tolerance.take_back(self._skipped)
            raise

    def _to_bytes(self, batches: Iterable[Batch]) -> list[Outgoing]:
        now_ms = self._clock_ms()
        encoded = []
        for batch in self.transform(coalesce(batches)):
            encoded.extend(self._guarded(lambda part: [self._encode(part, now_ms)], batch, "converter", "encode"))
        return encoded

    def from_bytes(self, fetched: Iterable[FetchedBatch]) -> list[Batch]:
        """Convert a sink's fetched bytes to batches and transform them, in order; raises as `to_bytes`."""
        decoded = []
        for batch in fetched:
            if len(batch):
                decoded.extend(self._guarded(self._decode, _raw_batch(batch), "converter", "decode"))
        return self.transform(coalesce(decoded))

    def _guarded(self, step: Callable[[Batch], list[Any]], batch: Batch, stage: str, method: str) -> list[Any]:
        """Run a step, without the records that it names as bad, or one by one where it names none.

        Args:
            method: What of the plugin raises, for who named what it was not given.
        """
        while True:
            try:
                return self._tolerance.attempt(functools.partial(self._run, step, batch))
            except Interrupted:
                raise
            except Exception as error:
                if len(batch) == 1:
                    self._skip(error, stage, batch, 0)
                    return []
                rest = self._without(batch, stage, method, error) if isinstance(error, DataError) else batch
                if rest is None:
                    return []
                if rest is batch:
                    break
                batch = rest
        return self._one_by_one(step, batch, stage)

    def _without(self, batch: Batch, stage: str, method: str, error: DataError) -> Batch | None:
        """Skip the records that an error names; return the others: the batch where it names none, None where all."""
        failed = failed_of(self._at[1], method, error, len(batch))
        if not failed:
            return batch
        for one in failed:
            self._skip(named(error, one), stage, batch, one.index)
        bad = {one.index for one in failed}
        return batch.select([index not in bad for index in range(len(batch))]) if len(bad) < len(batch) else None

    def _one_by_one(self, step: Callable[[Batch], list[Any]], batch: Batch, stage: str) -> list[Any]:
        results: list[Any] = []
        for index in range(len(batch)):
            one = batch[index : index + 1]
            try:
                results.extend(self._tolerance.attempt(lambda one=one: self._run(step, one)))  # type: ignore[misc]
            except Interrupted:
                raise
            except Exception as error:
                self._skip(error, stage, batch, index)
        return results

    def _skip(self, error: Exception, stage: str, batch: Batch, index: int) -> None:
        self._tolerance.failed(error, stage=stage, batch=batch, index=index, at=self._at)
        self._skipped += 1

    def _run(self, step: Callable[[Batch], list[Any]], batch: Batch) -> list[Any]:
        """Run one step: the border of plugins that work between task and log. Only what is an Exception leaves it."""
        self._since = time.monotonic()
        try:
            return step(batch)
        except Abandoned as error:  # no verdict on a record: the next ones would only be computed, too
            raise Interrupted from error
        except BaseException as error:
            if isinstance(error, Exception) and is_plain(error):
                raise
            fail(error, self._at[0], self._at[1].plugin_name())
        finally:
            self._since = None

    # -- converting ------------------------------------------------------------------------------------------------

    def _encode(self, batch: Batch, now_ms: int) -> Outgoing:
        topic = batch.topic
        keys: Sequence[bytes | None] | None = None
        if batch.keys is not None or batch.key_schema is not None:
            self._at = ("KEY_CONVERTER", self._key_converter)
            keys = self._key_converter.encode(topic, batch.key_schema, batch.key_column())
            check_column(self._key_converter, "encode", keys, len(batch))
        self._at = ("VALUE_CONVERTER", self._value_converter)
        values = self._value_converter.encode(topic, batch.value_schema, batch.values)
        check_column(self._value_converter, "encode", values, len(batch))
        timestamps: Sequence[int] | int
        if isinstance(batch.timestamps, list):
            timestamps = [now_ms if t is None else t for t in batch.timestamps]
        else:
            timestamps = now_ms if batch.timestamps is None else batch.timestamps
        self._at = ("HEADER_CONVERTER", self._header_converter)
        headers = None if batch.headers is None else [self._encode_headers(topic, h) for h in batch.headers]
        return Outgoing(
            topic,
            batch.partition,
            Columns(values, keys, timestamps, headers),
            batch.source_partition,
            batch.source_offset,
            batch.source_offsets,
            is_in_order=self._is_in_order,
        )

    def _encode_headers(self, topic: str, headers: Headers | None) -> RawHeaders | None:
        if not headers:
            return None
        converter = self._header_converter
        encode = converter.from_connect_header
        return [
            (h.name, check_bytes(converter, "from_connect_header", encode(topic, h.name, h.schema, h.value)))
            for h in headers
        ]

    def _decode(self, batch: Batch) -> list[Batch]:
        topic = batch.topic
        keys: list[Column]
        self._at = ("KEY_CONVERTER", self._key_converter)
        if batch.keys is None:
            schema = check_pair(
                self._key_converter, "to_connect_data", self._key_converter.to_connect_data(topic, None)
            )[0]
            keys = [Column(schema, [None] * len(batch))]
        else:
            keys = self._key_converter.decode(topic, batch.keys)
            check_runs(self._key_converter, "decode", keys, len(batch))
        self._at = ("VALUE_CONVERTER", self._value_converter)
        values = self._value_converter.decode(topic, batch.values)
        check_runs(self._value_converter, "decode", values, len(batch))
        self._at = ("HEADER_CONVERTER", self._header_converter)
        headers = None if batch.headers is None else [self._decode_headers(topic, h) for h in batch.headers]  # type: ignore[arg-type]
        whole = batch.replace(headers=headers)
        if len(keys) == 1 and len(values) == 1:
            return [_decoded(whole, keys[0], values[0], all_null=batch.keys is None)]
        return [
            _decoded(
                whole[part], Column(key_schema, key_run), Column(value_schema, value_run), all_null=batch.keys is None
            )
            for part, (key_schema, key_run), (value_schema, value_run) in _aligned(keys, values)
        ]

    def _decode_headers(self, topic: str, headers: RawHeaders | None) -> Headers | None:
        if not headers:
            return None
        decoded = Headers()
        for name, data in headers:
            converter = self._header_converter
            schema, value = check_pair(converter, "to_connect_header", converter.to_connect_header(topic, name, data))
            decoded.append(Header(name, value, schema))
        return decoded


# -- columns -------------------------------------------------------------------------------------------------------


def _raw_batch(fetched: FetchedBatch) -> Batch:
    """Dress fetched bytes as a batch, so that one record of it can be taken out like of any other."""
    columns = fetched.columns
    return Batch(
        topic=fetched.topic,
        values=list(columns.values),
        keys=None if columns.keys is None else list(columns.keys),
        partition=fetched.partition,
        timestamps=columns.timestamps if isinstance(columns.timestamps, int) else list(columns.timestamps),
        headers=None if columns.headers is None else list(columns.headers),  # type: ignore[arg-type]
        offsets=fetched.offsets,
        original_topic=fetched.topic,
        original_partition=fetched.partition,
    )


def _decoded(batch: Batch, key: Column, value: Column, *, all_null: bool) -> Batch:
    keys = None if all_null else key.values
    return batch.replace(keys=keys, values=value.values, key_schema=key.schema, value_schema=value.schema)


def _aligned(keys: list[Column], values: list[Column]) -> Iterable[tuple[slice, Column, Column]]:
    """Cut two columns' runs at each other's borders."""
    borders = sorted({*_borders(keys), *_borders(values)})
    start = 0
    for end in borders:
        part = slice(start, end)
        yield part, _cut(keys, part), _cut(values, part)
        start = end


def _borders(columns: list[Column]) -> list[int]:
    ends, end = [], 0
    for column in columns:
        end += len(column.values)
        ends.append(end)
    return ends


def _cut(columns: list[Column], part: slice) -> Column:
    start = 0
    for column in columns:
        end = start + len(column.values)
        if part.start < end:
            return Column(column.schema, column.values[part.start - start : part.stop - start])
        start = end
    raise AssertionError("a part lies within the columns")
