"""Factories of records, batches and small plugins for tests."""

from __future__ import annotations

from typing import Any

from connect.api import Batch, Headers, Record
from connect.codec.encode import encode
from connect.records import Columns


def make_record(topic: str = "orders", value: Any = "v", **properties: Any) -> Record:
    return Record(topic, value, **properties)


def make_batch(values: list[Any] | None = None, *, count: int = 3, topic: str = "orders", **columns: Any) -> Batch:
    """A source's batch of `count` values, 'v0' and so on, unless `values` says otherwise."""
    return Batch(topic, [f"v{i}" for i in range(count)] if values is None else values, **columns)


def make_sink_batch(
    values: list[Any], *, topic: str = "orders", partition: int = 0, base_offset: int = 0, **columns: Any
) -> Batch:
    return Batch(
        topic,
        values,
        partition=partition,
        offsets=range(base_offset, base_offset + len(values)),
        original_topic=topic,
        original_partition=partition,
        **columns,
    )


def make_headers(**values: Any) -> Headers:
    headers = Headers()
    for name, value in values.items():
        headers.add(name, value)
    return headers


def make_record_batch(columns: Columns, base_offset: int = 0, **options: Any) -> bytes:
    """A whole record batch of format v2, as it is stored; `options` are those of `encode`."""
    batch = encode(columns, **options)
    return batch.head(base_offset) + batch.payload
