"""A batch through its three converters: into bytes for the log, and out of them.

Plain code of columns, without a rule about what fails: `pipeline.py` has those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from connect.api import Batch, Column, Converter, Header, HeaderConverter, Headers, Plugin, Schema
from connect.api.contract import check_bytes, check_encoded, check_pair, check_runs
from connect.records import Columns, FetchedBatch, RawHeaders
from connect.runtime.tasks.outgoing import Outgoing

#: Headers that a converter sets on records.
_Added = Sequence[tuple[str, bytes]]


class Converters:
    """The converters of one task, for its thread.

    Args:
        at: Told which of them is at work, by Kafka's name of the step: what a failure is blamed on.
    """

    def __init__(
        self, key: Converter, value: Converter, header: HeaderConverter, at: Callable[[str, Plugin], None]
    ) -> None:
        self._key_converter = key
        self._value_converter = value
        self._header_converter = header
        self._at = at

    def encode(self, batch: Batch, now_ms: int, *, is_in_order: bool) -> Outgoing:
        """Return a source's batch as bytes.

        Args:
            now_ms: For records without a timestamp.
            is_in_order: Whether each record of the poll is there, in its order.
        """
        topic = batch.topic
        keys: Sequence[bytes | None] | None = None
        of_keys: _Added = ()
        if batch.keys is not None or batch.key_schema is not None:
            self._at("KEY_CONVERTER", self._key_converter)
            keys, of_keys = _encoded(self._key_converter, topic, batch.key_schema, batch.key_column())
        self._at("VALUE_CONVERTER", self._value_converter)
        values, of_values = _encoded(self._value_converter, topic, batch.value_schema, batch.values)
        timestamps: Sequence[int] | int
        if isinstance(batch.timestamps, list):
            timestamps = [now_ms if t is None else t for t in batch.timestamps]
        else:
            timestamps = now_ms if batch.timestamps is None else batch.timestamps
        self._at("HEADER_CONVERTER", self._header_converter)
        headers = None if batch.headers is None else [self._encode_headers(topic, h) for h in batch.headers]
        for data, added in ((keys, of_keys), (values, of_values)):
            if data is not None and added:
                headers = _with_added(headers, data, added)
        return Outgoing(
            topic,
            batch.partition,
            Columns(values, keys, timestamps, headers),
            batch.source_partition,
            batch.source_offset,
            batch.source_offsets,
            is_in_order=is_in_order,
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

    def decode(self, batch: Batch) -> list[Batch]:
        """Return a sink's batch with values and schemas: one for each run of records of the same two schemas."""
        topic = batch.topic
        keys: list[Column]
        self._at("KEY_CONVERTER", self._key_converter)
        if batch.keys is None:
            schema = check_pair(
                self._key_converter, "to_connect_data", self._key_converter.to_connect_data(topic, None)
            )[0]
            keys = [Column(schema, [None] * len(batch))]
        else:
            keys = _runs(self._key_converter, batch, batch.keys)
        self._at("VALUE_CONVERTER", self._value_converter)
        values = _runs(self._value_converter, batch, batch.values)
        self._at("HEADER_CONVERTER", self._header_converter)
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


def raw_batch(topic: str, fetched: FetchedBatch) -> Batch:
    """Dress fetched bytes as a batch of a topic, so that one record of it can be taken out like of any other."""
    columns = fetched.columns
    return Batch(
        topic=topic,
        values=list(columns.values),
        keys=None if columns.keys is None else list(columns.keys),
        partition=fetched.partition,
        timestamps=columns.timestamps if isinstance(columns.timestamps, int) else list(columns.timestamps),
        headers=None if columns.headers is None else list(columns.headers),  # type: ignore[arg-type]
        offsets=fetched.offsets,
        original_topic=fetched.topic,
        original_partition=fetched.partition,
    )


def _encoded(
    converter: Converter, topic: str, schema: Schema | None, values: Sequence[Any]
) -> tuple[list[bytes | None], _Added]:
    is_plain = type(converter).encode_with_headers is Converter.encode_with_headers
    encoded = converter.encode_with_headers(topic, schema, values)
    check_encoded(converter, "encode" if is_plain else "encode_with_headers", encoded, len(values))
    return encoded.data, encoded.headers


def _with_added(
    headers: list[RawHeaders | None] | None, data: Sequence[bytes | None], added: _Added
) -> list[RawHeaders | None]:
    """Return records' headers with those that a converter sets, in the place of others of their names."""
    names = {name for name, _ in added}
    result: list[RawHeaders | None] = []
    for own, item in zip(headers or [None] * len(data), data, strict=True):
        kept = [pair for pair in own or () if pair[0] not in names]
        result.append(own if item is None else [*kept, *added])
    return result


def _runs(converter: Converter, batch: Batch, data: Sequence[bytes | None]) -> list[Column]:
    if batch.headers is None:
        method, runs = "decode", converter.decode(batch.topic, data)
    else:
        method = "decode_with_headers"
        runs = converter.decode_with_headers(batch.topic, data, batch.headers)  # type: ignore[arg-type]
    check_runs(converter, method, runs, len(data))
    return runs


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
