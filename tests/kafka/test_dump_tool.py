"""Segments that we write, read by Kafka's own dump tool."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from pathlib import Path

import pytest

from connect.codec.compression import CODECS
from connect.log import LogCluster
from connect.log.owner import CLEAN_SHUTDOWN_FILE
from connect.records import Columns, OffsetAndMetadata, TopicPartition
from tests.support.dumps import DumpedRecord, dumped_batches, dumped_records
from tests.support.kafka import KafkaRecord, dump_log
from tests.support.segments import adopt_partition, columns_of, copy_segments, golden

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600), pytest.mark.usefixtures("kafka")]

TOPIC_CONFIGS = {
    "segment.bytes": "3000",
    "index.interval.bytes": "250",
    "message.timestamp.after.max.ms": str(10**15),
}
NOW_MS = 1_767_225_600_000
CODEC_NAMES = [codec.name for codec in CODECS.values()]


def batches_of_every_shape() -> list[list[KafkaRecord]]:
    """Return keys, values and headers that are there, empty and null, late and equal timestamps, large and many."""
    dice = random.Random(7)
    headers = (("trace", b"\x00\xff"), ("trace", b"again"), ("empty", b""), ("null", None))
    shapes = [
        KafkaRecord(b"value", b"key", NOW_MS + 5, headers),
        KafkaRecord(None, b"tombstone", NOW_MS),
        KafkaRecord(None, None, NOW_MS - 86_400_000),
        KafkaRecord(b"", b"", NOW_MS + 1, (("h", b"1" * 200),)),
        KafkaRecord("größe, 日本語".encode(), "schlüssel".encode(), 0),
    ]
    batches = [
        [KafkaRecord(b"plain %d" % number, timestamp=NOW_MS) for number in range(count)] for count in (1, 64, 200)
    ]
    batches += [shapes, [KafkaRecord(b"large " * 400, b"k", NOW_MS + 9)]]
    for turn in range(25):
        keys = [b"k%d" % dice.randrange(9) for _ in range(dice.randrange(1, 12))]
        batches.append([KafkaRecord(b"%d" % dice.randrange(10**9), key, NOW_MS + turn * 10) for key in keys])
    return batches


async def write(data_dir: Path, configs: dict[str, str], topic_configs: dict[str, str]) -> list[KafkaRecord]:
    """Append a batch of each shape, several segments in all; return the records with their offsets."""
    cluster = await LogCluster.open(data_dir, clock=lambda: NOW_MS)
    try:
        await cluster.admin.create_topic("t", configs=TOPIC_CONFIGS | topic_configs)
        producer = cluster.producer(client_id="test", configs=configs)
        for batch in batches_of_every_shape():
            await producer.append("t", columns_of(batch))
        # One timestamp for all, no keys, no headers: the shape that has a path of its own.
        await producer.append("t", Columns([b"line %d" % number for number in range(300)], timestamps=NOW_MS + 500))
    finally:
        await cluster.aclose()
    written = [record for batch in batches_of_every_shape() for record in batch]
    written += [KafkaRecord(b"line %d" % number, timestamp=NOW_MS + 500) for number in range(300)]
    return [replace(record, offset=offset) for offset, record in enumerate(written)]


def files(partition: Path, suffix: str) -> list[Path]:
    return sorted(partition.glob(f"*.{suffix}"))


def check_indexes(partition: Path) -> str:
    """Run the checks of a starting broker over all indexes, and look up each entry in the log; return the entries."""
    indexes = files(partition, "index") + files(partition, "timeindex")
    printed = dump_log(*indexes, flags=["--index-sanity-check"])
    for path in indexes:  # a segment of few bytes has no entry in its offset index, with a broker too
        assert f"{path} passed sanity check." in printed or (not path.stat().st_size and f"{path} is empty." in printed)
    return dump_log(*indexes, flags=[])


@pytest.mark.slow
@pytest.mark.parametrize("codec", CODEC_NAMES)
async def test_the_dump_tool_reads_our_segments_record_for_record(tmp_path: Path, codec: str) -> None:
    written = await write(tmp_path, {"compression.type": codec}, {})
    printed = dump_log(*files(tmp_path / "t-0", "log"))
    assert dumped_records(printed) == [DumpedRecord.of(record) for record in written]
    assert {batch.codec for batch in dumped_batches(printed)} == {codec}
    assert len(files(tmp_path / "t-0", "log")) > 2


async def test_the_dump_tool_agrees_about_log_append_time(tmp_path: Path) -> None:
    written = await write(tmp_path, {}, {"message.timestamp.type": "LogAppendTime"})
    stamped = [replace(record, timestamp=NOW_MS, timestamp_type="LOG_APPEND_TIME") for record in written]
    assert dumped_records(dump_log(*files(tmp_path / "t-0", "log"))) == [DumpedRecord.of(record) for record in stamped]


@pytest.mark.parametrize("codec", CODEC_NAMES)
async def test_our_indexes_are_sane_and_point_where_kafka_expects(tmp_path: Path, codec: str) -> None:
    await write(tmp_path, {"compression.type": codec}, {})
    entries = check_indexes(tmp_path / "t-0")
    assert "position: " in entries
    assert "timestamp: " in entries


@pytest.mark.parametrize("name", ["codec-none", "codec-zstd", "log-append-time", "transactions"])
def test_a_brokers_own_segments_pass_the_same_checks(name: str) -> None:
    dump_log(*golden(name).logs)
    check_indexes(golden(name).directory)


def test_a_gap_is_what_the_dump_tool_complains_about() -> None:
    with pytest.raises(AssertionError, match="2 is followed by 6"):
        dump_log(*golden("compacted").logs)


async def test_a_brokers_partition_that_we_continue_stays_whole(tmp_path: Path) -> None:
    partition = golden("codec-zstd")
    await adopt_partition(tmp_path, "t", partition.directory, TOPIC_CONFIGS)
    cluster = await LogCluster.open(tmp_path)
    try:
        producer = cluster.producer(client_id="test", configs={"compression.type": "zstd"})
        for _ in range(40):
            await producer.append("t", Columns([b"ours", None], [b"key", b"k"], 300_000_000_000_000))
    finally:
        await cluster.aclose()
    printed = dump_log(*files(tmp_path / "t-0", "log"))
    ours = [record for record in dumped_records(printed) if record.offset >= partition.log_end_offset]
    assert [record.value for record in ours] == ["ours", None] * 40
    assert dumped_batches(printed)[-1].last_offset == partition.log_end_offset + 79
    check_indexes(tmp_path / "t-0")


async def test_a_partition_that_a_crash_tore_is_whole_for_the_dump_tool_once_opened(tmp_path: Path) -> None:
    await write(tmp_path, {"compression.type": "zstd"}, {})
    (tmp_path / CLEAN_SHUTDOWN_FILE).unlink()
    newest = files(tmp_path / "t-0", "log")[-1]
    with newest.open("ab") as file:
        file.write(newest.read_bytes()[:100])
    for index in files(tmp_path / "t-0", "index") + files(tmp_path / "t-0", "timeindex"):
        index.unlink()
    with pytest.raises(AssertionError, match="invalid bytes at the end"):
        dump_log(newest)
    cluster = await LogCluster.open(tmp_path)
    try:
        for offset in range(600):  # a rolled segment's indexes are made anew when a reader asks for them
            await cluster.admin.fetch(TopicPartition("t", 0), offset, max_bytes=1)
    finally:
        await cluster.aclose()
    dump_log(*files(tmp_path / "t-0", "log"))
    check_indexes(tmp_path / "t-0")


def test_a_flipped_bit_is_what_the_dump_tool_complains_about(tmp_path: Path) -> None:
    log = golden("codec-none").logs[0]
    damaged = bytearray(log.read_bytes())
    damaged[-2] ^= 1
    (tmp_path / log.name).write_bytes(damaged)
    with pytest.raises(AssertionError, match=r"isvalid: false|CorruptRecordException"):
        dump_log(tmp_path / log.name)


@pytest.mark.parametrize(
    ("suffix", "at", "complaint"),
    [("index", 3, "Mismatches in"), ("timeindex", 7, "timestamp mismatch"), ("timeindex", 11, "indexed offset")],
)
def test_a_wrong_index_entry_is_what_the_dump_tool_complains_about(
    tmp_path: Path, suffix: str, at: int, complaint: str
) -> None:
    copy_segments(golden("codec-zstd").directory, tmp_path)
    index = files(tmp_path, suffix)[0]
    damaged = bytearray(index.read_bytes())
    damaged[at] ^= 1
    index.write_bytes(damaged)
    with pytest.raises(AssertionError, match=complaint):
        dump_log(index, flags=[])


async def write_transactions(data_dir: Path, codec: str = "none") -> None:
    """Append to two partitions and a group in transactions, every second one aborted."""
    cluster = await LogCluster.open(data_dir, clock=lambda: NOW_MS)
    try:
        await cluster.admin.create_topic("t", partitions=2, configs=TOPIC_CONFIGS)
        producer = cluster.producer(client_id="test", configs={"transactional.id": "tx", "compression.type": codec})
        await producer.init_transactions()
        for number in range(30):
            await producer.begin_transaction()
            for partition in (0, 1):
                await producer.append("t", Columns([b"%d" % number * 40], [b"k"], NOW_MS), partition=partition)
            await producer.send_offsets_to_transaction("g", {TopicPartition("t", 0): OffsetAndMetadata(number)})
            await (producer.abort_transaction() if number % 2 else producer.commit_transaction())
    finally:
        await cluster.aclose()


@pytest.mark.parametrize("codec", ["none", "lz4"])
async def test_the_dump_tool_reads_our_transactions_their_markers_and_indexes(tmp_path: Path, codec: str) -> None:
    await write_transactions(tmp_path, codec)
    for partition in ("t-0", "t-1"):
        printed = dump_log(*files(tmp_path / partition, "log"))
        assert printed.count("endTxnMarker: COMMIT") == printed.count("endTxnMarker: ABORT") == 15
        assert printed.count("isTransactional: true") == 60
        check_indexes(tmp_path / partition)
        printed = dump_log(*files(tmp_path / partition, "txnindex"), flags=[])
        assert len(re.findall(r"producerId: 0 firstOffset: \d+ lastOffset: \d+", printed)) == 15
        printed = dump_log(*files(tmp_path / partition, "snapshot"), flags=[])
        assert "producerId: 0 producerEpoch: 0" in printed


async def test_the_tool_decodes_our_group_offsets_and_transaction_states(tmp_path: Path) -> None:
    await write_transactions(tmp_path)
    flags = ["--deep-iteration", "--print-data-log"]
    printed = dump_log(*files(tmp_path / "__consumer_offsets-0", "log"), flags=[*flags, "--offsets-decoder"])
    assert '"group":"g","topic":"t","partition":0' in printed.replace(" ", "")
    printed = dump_log(*files(tmp_path / "__transaction_state-0", "log"), flags=[*flags, "--transaction-log-decoder"])
    assert "transactionalId" in printed or "transactional_id=tx" in printed


@pytest.mark.parametrize("codec", CODEC_NAMES)
async def test_the_dump_tool_reads_our_compacted_segments(tmp_path: Path, codec: str) -> None:
    cluster = await LogCluster.open(tmp_path, clock=lambda: NOW_MS)
    dice = random.Random(5)
    newest: dict[bytes, tuple[int, bytes | None]] = {}
    try:
        await cluster.admin.create_topic("t", configs=TOPIC_CONFIGS | {"cleanup.policy": "compact"})
        producer = cluster.producer(client_id="test", configs={"compression.type": codec})
        for turn in range(0, 300, 3):
            keys = [b"k%d" % dice.randrange(40) for _ in range(3)]
            values = [None if dice.randrange(9) == 0 else b"%d" % number * 20 for number in range(turn, turn + 3)]
            newest.update(zip(keys, zip(range(turn, turn + 3), values, strict=True), strict=True))
            await producer.append("t", Columns(values, keys, [NOW_MS + turn, NOW_MS, NOW_MS + 1]), partition=0)
        await cluster.compact("t")
    finally:
        await cluster.aclose()
    printed = dump_log(*files(tmp_path / "t-0", "log"), gaps=True)
    found = [(record.offset, record.key, record.value) for record in dumped_records(printed)]
    assert found == sorted(
        (offset, key.decode(), None if value is None else value.decode()) for key, (offset, value) in newest.items()
    )
    check_indexes(tmp_path / "t-0")
