"""Segments that a real broker wrote, read by us record for record. Needs no Java: see golden/README.md."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from connect.log import LogCluster
from connect.log.owner import CLEAN_SHUTDOWN_FILE
from connect.records import Columns, TimestampType, TopicPartition
from tests.support.segments import adopt_partition, decode_log, fetch_all, golden, golden_names, poll_all, zip_columns

READABLE = golden_names()


def test_every_golden_partition_is_of_several_segments_or_of_transactions() -> None:
    assert {name: len(golden(name).logs) for name in golden_names() if len(golden(name).logs) < 2} == {
        "transactions": 1
    }


@pytest.mark.parametrize("name", READABLE)
def test_the_codec_reads_a_brokers_segments_record_for_record(name: str) -> None:
    partition = golden(name)
    batches = [batch for path in partition.logs for batch in decode_log(path)]
    records = [
        record
        for batch in batches
        if not batch.header.is_control
        for record in zip_columns(batch.offsets, batch.columns, TimestampType(batch.header.is_log_append_time))
    ]
    assert records == partition.records
    assert batches[-1].header.next_offset == partition.log_end_offset


@pytest.mark.parametrize("shutdown", ["clean", "crash"])
@pytest.mark.parametrize("name", READABLE)
async def test_the_log_serves_a_brokers_segments_record_for_record(tmp_path: Path, name: str, shutdown: str) -> None:
    partition = golden(name)
    await adopt_partition(tmp_path, "golden", partition.directory, partition.topic_configs)
    if shutdown == "crash":  # every batch is checked and the indexes are made anew
        (tmp_path / CLEAN_SHUTDOWN_FILE).unlink()
    cluster = await LogCluster.open(tmp_path)
    try:
        assert await fetch_all(cluster, "golden") == partition.records
        assert await fetch_all(cluster, "golden", max_bytes=1) == partition.records
        assert await poll_all(cluster, "golden") == partition.records
        [info] = (await cluster.admin.describe_topic("golden")).partitions
        assert (info.log_end_offset, info.segments) == (partition.log_end_offset, len(partition.logs))
    finally:
        await cluster.aclose()
    assert [path.read_bytes() for path in sorted((tmp_path / "golden-0").glob("*.log"))] == [
        path.read_bytes() for path in partition.logs
    ]


@pytest.mark.parametrize("name", READABLE)
async def test_every_offset_of_a_brokers_segments_can_be_sought(tmp_path: Path, name: str) -> None:
    partition = golden(name)
    await adopt_partition(tmp_path, "golden", partition.directory, partition.topic_configs)
    cluster = await LogCluster.open(tmp_path)
    try:
        for offset in range(partition.log_end_offset):
            expected = next((record for record in partition.records if (record.offset or 0) >= offset), None)
            found = await fetch_all(cluster, "golden", offset=offset, max_bytes=1, at_least=1)
            assert (found[0] if found else None) == expected
        assert await fetch_all(cluster, "golden", max_bytes=1) == partition.records
    finally:
        await cluster.aclose()


@pytest.mark.parametrize("name", READABLE)
async def test_every_timestamp_finds_the_offset_that_kafka_finds(tmp_path: Path, name: str) -> None:
    partition = golden(name)
    await adopt_partition(tmp_path, "golden", partition.directory, partition.topic_configs)
    cluster = await LogCluster.open(tmp_path)
    where = TopicPartition("golden", 0)
    try:
        for time, kafkas in partition.offsets_for_times:
            # Where a segment's newest timestamp is that of a batch that compaction emptied, Kafka looks no further and
            # finds nothing. The record in the next segment is the better answer.
            later = [record.offset for record in partition.records if (record.timestamp or 0) >= time]
            expected = kafkas if kafkas is not None else next(iter(later), None)
            assert await cluster.admin.offset_for_time(where, time) == expected, time
    finally:
        await cluster.aclose()


@pytest.mark.parametrize("name", [name for name in READABLE if name.startswith("codec-")])
async def test_a_brokers_batches_are_appended_raw_with_new_offsets_alone(tmp_path: Path, name: str) -> None:
    partition = golden(name)
    cluster = await LogCluster.open(tmp_path)
    try:
        await cluster.admin.create_topic("raw", configs={"message.timestamp.after.max.ms": str(10**15)})
        producer = cluster.producer(client_id="test")
        await producer.append("raw", Columns([b"first"] * 5))
        bases = [await producer.append_raw("raw", 0, path.read_bytes()) for path in partition.logs]
        read = await fetch_all(cluster, "raw", offset=5)
    finally:
        await cluster.aclose()
    assert bases == [int(path.stem) + 5 for path in partition.logs]
    assert read == [replace(record, offset=(record.offset or 0) + 5) for record in partition.records]


def test_the_headers_of_an_idempotent_producers_batches_are_read() -> None:
    batches = [batch.header for path in golden("codec-none").logs for batch in decode_log(path)]
    idempotent, plain = batches[:7], batches[7:]
    assert len({header.producer_id for header in idempotent}) == 1
    assert [header.base_sequence for header in idempotent] == [header.base_offset for header in idempotent]
    assert all((header.producer_id, header.base_sequence) == (-1, -1) for header in plain)


def test_a_brokers_transaction_markers_are_known_as_control_batches() -> None:
    batches = [batch.header for path in golden("transactions").logs for batch in decode_log(path)]
    assert [header.is_control for header in batches] == [False, True] * 3
    assert all(header.is_transactional for header in batches)


def test_a_batch_that_compaction_emptied_keeps_its_offsets() -> None:
    batches = [batch for path in golden("compacted").logs for batch in decode_log(path)]
    [empty] = [batch for batch in batches if not batch.header.count]
    assert (list(empty.offsets), empty.header.next_offset) == ([], empty.header.base_offset + 2)
