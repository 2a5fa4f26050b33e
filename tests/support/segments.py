"""Segments between a real Kafka and the bundled log: the golden ones, and ways to carry a partition across."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from connect.codec.decode import DecodedBatch, decode
from connect.codec.header import iterate_batches
from connect.log import LogCluster
from connect.log.storage.partition import GAPLESS_FILE
from connect.ports import Subscription
from connect.records import Columns, FetchedBatch, Isolation, TimestampType, TopicPartition
from tests.support.kafka import KafkaRecord

GOLDEN = Path(__file__).resolve().parents[1] / "kafka" / "golden"
#: The part of a partition's folder that means the same to every log: no checkpoints or topic ids.
SEGMENT_FILE = re.compile(r"\d{20}\.(log|index|timeindex|txnindex|snapshot)")


@dataclass(frozen=True, slots=True)
class GoldenPartition:
    """A partition that a real broker wrote, and what Kafka's consumer read in it.

    Attributes:
        offsets_for_times: What Kafka answered for timestamps in ms since the epoch.
    """

    name: str
    log_end_offset: int
    offsets_for_times: list[tuple[int, int | None]]
    records: list[KafkaRecord]

    @property
    def directory(self) -> Path:
        return GOLDEN / self.name

    @property
    def logs(self) -> list[Path]:
        return sorted(self.directory.glob("*.log"))

    @property
    def topic_configs(self) -> dict[str, str]:
        """Return what the log must know of the topic in order to read its segments."""
        return {"cleanup.policy": "compact"} if self.name.startswith("compacted") else {}


@cache
def golden(name: str) -> GoldenPartition:
    """Load a golden partition."""
    content = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    records = [
        KafkaRecord.from_json(dict(zip(content["columns"], row, strict=True), timestamp_type=content["timestamp_type"]))
        for row in content["records"]
    ]
    times = [(time, offset) for time, offset in content["offsets_for_times"]]
    return GoldenPartition(name, content["log_end_offset"], times, records)


def golden_names() -> list[str]:
    """Return the names of all golden partitions."""
    return sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())


def copy_segments(source: Path, target: Path) -> None:
    """Replace the segments in `target` by those of `source`; other files stay as they are."""
    for old in list(target.iterdir()):
        if SEGMENT_FILE.fullmatch(old.name):
            old.unlink()
    for path in source.iterdir():
        if SEGMENT_FILE.fullmatch(path.name):
            shutil.copyfile(path, target / path.name)


async def adopt_partition(data_dir: Path, topic: str, source: Path, configs: Mapping[str, str] | None = None) -> None:
    """Make a topic of one partition whose segments are copies of those in `source`."""
    cluster = await LogCluster.open(data_dir)
    try:
        await cluster.admin.create_topic(topic, configs=configs)
    finally:
        await cluster.aclose()
    (data_dir / f"{topic}-0" / GAPLESS_FILE).unlink()
    copy_segments(source, data_dir / f"{topic}-0")


async def fetch_all(
    cluster: LogCluster,
    topic: str,
    *,
    offset: int = 0,
    max_bytes: int = 1 << 20,
    isolation: Isolation = "read_uncommitted",
    at_least: int | None = None,
) -> list[KafkaRecord]:
    """Return a partition's records from `offset` to the end, or until there are `at_least` so many, as `Admin.fetch`
    gives them.
    """
    records: list[KafkaRecord] = []
    where = TopicPartition(topic, 0)
    while at_least is None or len(records) < at_least:
        batches = await cluster.admin.fetch(where, offset, max_bytes=max_bytes, isolation=isolation)
        if not batches:
            break
        assert batches[-1].next_offset > offset, "a fetch moves on"
        offset = batches[-1].next_offset
        records += records_of(batches)
    return records


async def poll_all(cluster: LogCluster, topic: str) -> list[KafkaRecord]:
    """Return a partition's records as a consumer gets them, whose position must end at the log end offset."""
    consumer = await cluster.consumer(
        Subscription((topic,)), group=None, client_id="test", configs={"auto.offset.reset": "earliest"}
    )
    records: list[KafkaRecord] = []
    try:
        while batches := await consumer.poll(timeout_ms=0):
            records += records_of(batches)
        partition = TopicPartition(topic, 0)
        assert consumer.position(partition) == (await consumer.end_offsets())[partition]
    finally:
        await consumer.aclose()
    return records


def decode_log(path: Path) -> list[DecodedBatch]:
    """Return every batch of a .log file, as the codec alone reads it."""
    data = path.read_bytes()
    batches = [decode(data, header.position) for header in iterate_batches(data)]
    assert sum(batch.header.size_bytes for batch in batches) == len(data), "no bytes are left over"
    return batches


def records_of(batches: Iterable[FetchedBatch]) -> list[KafkaRecord]:
    """Return the records of fetched batches."""
    return [
        record
        for batch in batches
        for record in zip_columns(batch.offsets, batch.columns, TimestampType(batch.timestamp_type))
    ]


def zip_columns(offsets: Sequence[int], columns: Columns, timestamp_type: TimestampType) -> list[KafkaRecord]:
    """Return columns as records."""
    count = len(offsets)
    assert len(columns) == count, "as many values as offsets"
    keys = columns.keys if columns.keys is not None else [None] * count
    headers = columns.headers if columns.headers is not None else [None] * count
    timestamps = [columns.timestamps] * count if isinstance(columns.timestamps, int) else columns.timestamps
    return [
        KafkaRecord(value, key, timestamp, tuple(header or ()), offset, timestamp_type.name)
        for value, key, timestamp, header, offset in zip(
            columns.values, keys, timestamps, headers, offsets, strict=True
        )
    ]


def columns_of(records: Sequence[KafkaRecord]) -> Columns:
    """Return records as columns."""
    return Columns(
        [record.value for record in records],
        [record.key for record in records],
        [record.timestamp or 0 for record in records],
        [list(record.headers) for record in records],
    )
