"""Partitions carried between a running broker and the bundled log, in both directions."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connect.codec.compression import CODECS
from connect.log import LogCluster
from tests.support.kafka import KafkaRecord
from tests.support.kafka_broker import KafkaBroker
from tests.support.segments import adopt_partition, columns_of, copy_segments, fetch_all, poll_all

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.night,
    pytest.mark.timeout(600),
    pytest.mark.usefixtures("kafka"),
]

NOW_MS = 1_767_225_600_000
CODEC_NAMES = [codec.name for codec in CODECS.values()]
#: Several segments, and entries in their indexes.
KAFKA_CONFIGS = {"internal.segment.bytes": "20000", "index.interval.bytes": "1000", "retention.ms": "-1"}
PREALLOCATED_BYTES_MIN = 1 << 20
OUR_CONFIGS = {"segment.bytes": "20000", "index.interval.bytes": "1000"}


def create(topic: str, configs: dict[str, str] | None = None) -> dict[str, Any]:
    return {"do": "create", "topic": topic, "configs": KAFKA_CONFIGS | (configs or {})}


def produce(topic: str, batches: list[dict[str, Any]], configs: dict[str, str]) -> dict[str, Any]:
    return {"do": "produce", "topic": topic, "configs": configs, "batches": batches}


def consume(topic: str, configs: dict[str, str] | None = None) -> dict[str, Any]:
    return {"do": "consume", "topic": topic, "configs": configs or {}}


def random_batches(dice: random.Random) -> list[list[KafkaRecord]]:
    """Return 30 batches of up to 100 records whose every part may be null, empty or some random bytes."""

    def some_bytes(bytes_max: int) -> bytes | None:
        return dice.choice([None, b"", dice.randbytes(dice.randrange(1, bytes_max)), b"text" * dice.randrange(1, 9)])

    def record() -> KafkaRecord:
        headers = tuple((dice.choice(["h", "größe", ""]), some_bytes(9)) for _ in range(dice.choice([0, 0, 0, 1, 3])))
        return KafkaRecord(some_bytes(90), some_bytes(20), NOW_MS + dice.randrange(-10_000, 10_000), headers)

    return [[record() for _ in range(dice.randrange(1, 100))] for _ in range(30)]


def numbered(batches: list[list[KafkaRecord]]) -> list[KafkaRecord]:
    records = [record for batch in batches for record in batch]
    return [replace(record, offset=offset) for offset, record in enumerate(records)]


async def write_ours(data_dir: Path, topic: str, codec: str, batches: list[list[KafkaRecord]]) -> None:
    cluster = await LogCluster.open(data_dir)
    try:
        await cluster.admin.create_topic(topic, configs=OUR_CONFIGS)
        producer = cluster.producer(client_id="test", configs={"compression.type": codec})
        for batch in batches:
            await producer.append(topic, columns_of(batch))
    finally:
        await cluster.aclose()


async def check_theirs(data_dir: Path, expected: list[KafkaRecord]) -> None:
    cluster = await LogCluster.open(data_dir)
    try:
        for codec in CODEC_NAMES:
            assert await fetch_all(cluster, f"theirs-{codec}") == expected
            assert await poll_all(cluster, f"theirs-{codec}") == expected
    finally:
        await cluster.aclose()


READ_COMMITTED = {"isolation.level": "read_committed"}
COMPACTED = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "86400000000"}


def keyed(turn: int) -> list[KafkaRecord]:
    """Return a batch for a compacted topic: a few keys that come again and again, one that does not."""
    records = [KafkaRecord(b"%s in %d" % (key, turn), key, NOW_MS + turn) for key in (b"a", b"b", b"c")]
    return [*records[: 1 + turn % 3], KafkaRecord(bytes(200), b"once-%d" % turn, NOW_MS + turn)]


async def write_ours_in_transactions(data_dir: Path) -> None:
    cluster = await LogCluster.open(data_dir)
    try:
        await cluster.admin.create_topic("ours-tx", configs=OUR_CONFIGS)
        producer = cluster.producer(client_id="test", configs={"transactional.id": "ours", "compression.type": "lz4"})
        await producer.init_transactions()
        for turn in range(60):
            await producer.begin_transaction()
            await producer.append("ours-tx", columns_of(keyed(turn)))
            await (producer.abort_transaction() if turn % 3 == 1 else producer.commit_transaction())
    finally:
        await cluster.aclose()


async def write_ours_compacted(data_dir: Path) -> list[KafkaRecord]:
    cluster = await LogCluster.open(data_dir)
    try:
        await cluster.admin.create_topic("ours-compacted", configs=OUR_CONFIGS | COMPACTED | {"segment.bytes": "3000"})
        idempotent = cluster.producer(client_id="test", configs={"enable.idempotence": "true"})
        for turn in range(60):
            await idempotent.append("ours-compacted", columns_of(keyed(turn)))
        await cluster.compact("ours-compacted")
        for turn in range(60, 70):
            await idempotent.append("ours-compacted", columns_of(keyed(turn)))
        return await fetch_all(cluster, "ours-compacted")
    finally:
        await cluster.aclose()


def newest_of(records: list[KafkaRecord]) -> dict[bytes | None, KafkaRecord]:
    return {record.key: record for record in records}


async def check_theirs_committed(
    data_dir: Path, theirs: dict[str, list[KafkaRecord]]
) -> tuple[list[KafkaRecord], list[KafkaRecord]]:
    """Check what is committed; return what is so of ours, and all of ours."""
    cluster = await LogCluster.open(data_dir)
    try:
        for topic, expected in theirs.items():
            assert await fetch_all(cluster, topic, isolation="read_committed") == expected, topic
        committed = await fetch_all(cluster, "ours-tx", isolation="read_committed")
        everything = await fetch_all(cluster, "ours-tx")
    finally:
        await cluster.aclose()
    assert len(committed) < len(everything)
    return committed, everything


async def test_a_broker_and_the_log_read_each_others_partitions_record_for_record(tmp_path: Path) -> None:
    """Of each codec, in transactions, and compacted: in one broker, whose start is most of what this takes."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    batches = random_batches(random.Random(seed))
    ours = tmp_path / "ours"
    for codec in CODEC_NAMES:
        await write_ours(ours, f"ours-{codec}", codec, batches)
    await write_ours_in_transactions(ours)
    compacted = await write_ours_compacted(ours)

    broker = KafkaBroker(tmp_path)
    with broker:
        produced = [{"records": [record.to_json() for record in batch]} for batch in batches]
        turns = [{"records": [record.to_json() for record in keyed(turn)]} for turn in range(60)]
        ends = [turn | {"end": "abort" if number % 3 == 1 else "commit"} for number, turn in enumerate(turns)]
        *_, transactions, newest = broker.run(
            *(create(f"{whose}-{what}") for what in (*CODEC_NAMES, "tx") for whose in ("ours", "theirs")),
            *(create(f"{whose}-compacted", COMPACTED) for whose in ("ours", "theirs")),
            *(produce(f"theirs-{codec}", produced, {"compression.type": codec}) for codec in CODEC_NAMES),
            produce("theirs-tx", ends, {"transactional.id": "theirs"}),
            produce("theirs-compacted", turns, {}),
            *(consume(topic, READ_COMMITTED) for topic in ("theirs-tx", "theirs-compacted")),
        )
    theirs = {
        topic: [KafkaRecord.from_json(record) for record in read]
        for topic, read in (("theirs-tx", transactions), ("theirs-compacted", newest))
    }

    for codec in CODEC_NAMES:
        assert len(list(broker.partition_dir(f"theirs-{codec}").glob("*.log"))) > 1
    for what in (*CODEC_NAMES, "tx", "compacted"):
        await adopt_partition(ours, f"theirs-{what}", broker.partition_dir(f"theirs-{what}"))
        copy_segments(ours / f"ours-{what}-0", broker.partition_dir(f"ours-{what}"))

    await check_theirs(ours, numbered(batches))
    committed, everything = await check_theirs_committed(ours, theirs)

    with broker:  # started again, it finds our segments where its own were
        reads = [
            *((f"ours-{codec}", {}, numbered(batches)) for codec in CODEC_NAMES),
            ("ours-tx", READ_COMMITTED, committed),
            ("ours-tx", {}, everything),
            ("ours-compacted", READ_COMMITTED, compacted),
        ]
        answers = broker.run(*(consume(topic, configs) for topic, configs, _ in reads))
        broker.kill()
    for (topic, configs, expected), read in zip(reads, answers, strict=True):
        found = [KafkaRecord.from_json(record) for record in read]
        if topic == "ours-compacted":  # the broker's own cleaner may have been at it since
            assert newest_of(found) == newest_of(expected)
        else:
            assert found == expected, (topic, configs)
    # Where a broker doubts an index or a segment that it loads, it warns and makes it again.
    loading = [line for line in broker.log.splitlines() if "LogLoader partition=ours-" in line]
    assert loading
    assert not [line for line in loading if " WARN " in line or " ERROR " in line]

    crashed = tmp_path / "crashed"
    for codec in CODEC_NAMES:
        await adopt_partition(crashed, f"theirs-{codec}", broker.partition_dir(f"theirs-{codec}"))
        newest_index = max((crashed / f"theirs-{codec}-0").glob("*.index"))
        assert newest_index.stat().st_size > PREALLOCATED_BYTES_MIN
    await check_theirs(crashed, numbered(batches))
