"""Under /v1: records into topics and out of them, without a consumer group. Bytes are base64."""

from __future__ import annotations

import asyncio
import binascii
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from fastapi import APIRouter, Request

from connect.api import ConfigError
from connect.ports import Admin, Producer
from connect.records import Columns, FetchedBatch, Isolation, TopicPartition
from connect.rest.answers import Answer
from connect.rest.bodies import body_of
from connect.rest.connectors import herder_of
from connect.rest.models.records import Appended, AppendRecord, AppendRecords, LogStart, Offset, Record, Records
from connect.rest.negotiation import name_of
from connect.rest.operations import operation
from connect.rest.routes import Route
from connect.rest.v1_topics import check_no_state

router = APIRouter(prefix="/v1", tags=["v1"], route_class=Route)

#: Of one read: what is asked for beyond is read by the next one, from `next_offset`.
READ_RECORDS_MAX: Final = 10_000
READ_BYTES_MAX: Final = 4 << 20
#: Read at once from the log, so that of compressed batches not many are unpacked in vain.
_STEP_BYTES: Final = 256 << 10
#: Of one read: what it passes over (aborted transactions, what compaction left) is bounded too.
_STEPS_MAX: Final = 64
#: Reads under way at once; each takes so many times its bytes.
_READS_MAX: Final = 4
_TIMES: Final = 4


@router.post("/topics/{topic}/records")
@operation(body=AppendRecords)
async def append(request: Request, topic: str) -> Answer[Appended]:
    """Append records: {records: [{key, value, timestamp, partition, headers}], acks, configs}; bytes in base64.

    `configs` are Kafka's producer keys; with `transactional.id` the request is one transaction.
    """
    body = await body_of(request, AppendRecords)
    herder = herder_of(request)
    cluster = herder.cluster
    name = name_of(topic)
    await cluster.admin.describe_topic(name)
    groups = [(partition, _columns(group)) for partition, group in _by_partition(body.records)]
    texts = {key: str(value) for key, value in (body.configs or {}).items()}
    if "transactional.id" in texts:
        herder.check_transactional_id(texts["transactional.id"])
    producer = cluster.producer(client_id="connect-rest", configs=texts)
    try:
        if "transactional.id" in texts:
            await _in_transaction(producer, name, groups)
        else:
            for partition, columns in groups:
                await producer.append(name, columns, partition=partition, acks=body.acks)
    finally:
        await producer.aclose()
    return Answer({"appended": len(body.records)})


async def _in_transaction(producer: Producer, topic: str, groups: list[tuple[int | None, Columns]]) -> None:
    await producer.init_transactions()
    await producer.begin_transaction()
    for partition, columns in groups:
        await producer.append(topic, columns, partition=partition)
    await producer.commit_transaction()


def _by_partition(records: list[AppendRecord]) -> list[tuple[int | None, list[AppendRecord]]]:
    groups: dict[int | None, list[AppendRecord]] = {}
    for record in records:
        groups.setdefault(record.get("partition"), []).append(record)
    return list(groups.items())


def _columns(records: list[AppendRecord]) -> Columns:
    now_ms = time.time_ns() // 1_000_000
    try:
        return Columns(
            [_bytes(r.get("value")) for r in records],
            [_bytes(r.get("key")) for r in records],
            [now_ms if (stamp := r.get("timestamp")) is None else stamp for r in records],
            [[(name, _bytes(value)) for name, value in r.get("headers") or ()] or None for r in records],
        )
    except (binascii.Error, TypeError, ValueError) as error:
        raise ConfigError(
            f"a record cannot be read: {error}; keys, values and header values are base64", code="request.invalid"
        ) from None


def _bytes(text: str | None) -> bytes | None:
    # As b64decode(validate=True), which adds half of its time of its own: of an append it is most of the work.
    return None if text is None else binascii.a2b_base64(text, strict_mode=True)


@router.get("/topics/{topic}/partitions/{partition}/records")
async def read(
    request: Request,
    topic: str,
    partition: int,
    offset: int = 0,
    max_bytes: int = 1 << 20,
    max_records: int = READ_RECORDS_MAX,
    isolation: Literal["read_uncommitted", "read_committed"] = "read_uncommitted",
) -> Answer[Records]:
    """Read records from an offset; bytes in base64.

    At least one where there is one, and at most max_records (10000) with max_bytes (1 MiB; at most 4 MiB) of keys,
    values and headers, unpacked; go on at next_offset.
    """
    if max_bytes < 1 or max_records < 1:
        raise ConfigError("max_bytes and max_records are 1 or more", code="request.invalid")
    admin, at = herder_of(request).cluster.admin, TopicPartition(name_of(topic), partition)
    bounds = _Bounds(min(max_records, READ_RECORDS_MAX), min(max_bytes, READ_BYTES_MAX))
    async with reads(request):
        before = bounds.size_bytes
        rows, next_offset = await _read(admin, at, offset, bounds, isolation)
        # Unpacked, as rows, as text: some times what the records have. It goes back to the system after a burst.
        request.app.state.budget.give(0, _TIMES * (before - bounds.size_bytes))
        found = (await admin.describe_topic(at.topic)).partitions[partition]
        answer: Records = {
            "records": rows,
            "next_offset": next_offset,
            "log_start_offset": found.log_start_offset,
            "log_end_offset": found.log_end_offset,
            "last_stable_offset": found.last_stable_offset,
        }
        return await asyncio.to_thread(Answer[Records], answer)


@dataclass(slots=True)
class _Bounds:
    """What may still be returned."""

    records: int
    size_bytes: int


def reads(request: Request) -> asyncio.Semaphore:
    """Return what a read waits for: that few enough are under way."""
    state = request.app.state
    if not hasattr(state, "reads"):
        state.reads = asyncio.Semaphore(_READS_MAX)
    found: asyncio.Semaphore = state.reads
    return found


async def _read(
    admin: Admin, at: TopicPartition, offset: int, bounds: _Bounds, isolation: Isolation
) -> tuple[list[Record], int]:
    """Return records as they are rendered, and where to go on."""
    rows: list[Record] = []
    for _ in range(_STEPS_MAX):
        if bounds.records <= 0 or bounds.size_bytes <= 0:
            break
        step = min(_STEP_BYTES, bounds.size_bytes)
        batches = await admin.fetch(at, offset, max_bytes=step, isolation=isolation)
        if not batches:
            break
        more, offset = await asyncio.to_thread(_taken, batches, bounds, first=not rows)
        rows += more
    return rows, offset


def _taken(batches: list[FetchedBatch], bounds: _Bounds, *, first: bool) -> tuple[list[Record], int]:
    rows: list[Record] = []
    for batch in batches:
        for row, size_bytes in _rows(batch):
            if not (first or (bounds.records > 0 and size_bytes <= bounds.size_bytes)):
                bounds.records = 0
                return rows, row["offset"]
            first = False
            bounds.records -= 1
            bounds.size_bytes -= size_bytes
            rows.append(row)
    return rows, batches[-1].next_offset


def _rows(batch: FetchedBatch) -> Iterator[tuple[Record, int]]:
    """Yield each record as it is rendered, and its bytes."""
    columns, count = batch.columns, len(batch)
    for offset, timestamp, key, value, headers in zip(
        batch.offsets,
        columns.stamps,
        columns.keys or [None] * count,
        columns.values,
        columns.headers or [None] * count,
        strict=True,
    ):
        parts = [key, value, *(part for name, content in headers or () for part in (name, content))]
        row: Record = {
            "offset": offset,
            "timestamp": timestamp,
            "key": _text(key),
            "value": _text(value),
            "headers": [[name, _text(content)] for name, content in headers or ()],
        }
        yield row, sum(map(len, filter(None, parts)))


def _text(data: bytes | None) -> str | None:
    return None if data is None else b64encode(data).decode()


@router.delete("/topics/{topic}/partitions/{partition}/records")
async def delete_records(request: Request, topic: str, partition: int, before_offset: int) -> Answer[LogStart]:
    """Delete the records before an offset, -1 for all; refused for the topics that this worker or its log lives by."""
    at = TopicPartition(name_of(topic), partition)
    check_no_state(request, at.topic, "delete records of")
    start = await herder_of(request).cluster.admin.delete_records(at, before_offset)
    return Answer({"log_start_offset": start})


@router.get("/topics/{topic}/partitions/{partition}/offset")
async def offset_for_time(request: Request, topic: str, partition: int, timestamp: int) -> Answer[Offset]:
    """Find the first offset whose timestamp is at or after a moment, in ms since the epoch."""
    at = TopicPartition(name_of(topic), partition)
    return Answer({"offset": await herder_of(request).cluster.admin.offset_for_time(at, timestamp)})
