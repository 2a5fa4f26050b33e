"""Looking into a data directory from outside: what is counted, what is named as damaged, that nothing is changed."""

from __future__ import annotations

import pytest

from connect.api import EnvironmentFault, UnknownTopicOrPartitionError
from connect.inspection import BadRange, StoredBatch
from connect.log.inspection.inspector import LogInspector
from connect.records import Columns, TopicPartition
from tests.log.conftest import put

NAME = TopicPartition("t", 0)
NOW = 1_700_000_000_000


@pytest.fixture
async def written(open_log, data_dir):
    """A closed log with two segments of plain and transactional batches."""
    cluster = await open_log()
    await cluster.admin.create_topic("t", partitions=2, configs={"segment.bytes": "400", "index.interval.bytes": "0"})
    for number in range(6):
        await put(cluster, "t", b"%d" % number * 40, b"x", timestamps=NOW + number)
    producer = cluster.producer(client_id="test", configs={"transactional.id": "tx", "compression.type": "zstd"})
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.append("t", Columns([b"y" * 100], timestamps=NOW), partition=0)
    await producer.abort_transaction()
    await cluster.aclose()
    return LogInspector(data_dir)


async def test_a_whole_log_is_counted(written):
    assert written.partitions() == [TopicPartition("__transaction_state", 0), NAME, TopicPartition("t", 1)]
    seen = []
    report = written.verify(NAME, seen.append)
    assert (report.batches, report.records, report.log_end_offset, report.bad) == (8, 13, 14, ())
    assert dict(report.codecs) == {"none": 7, "zstd": 1}
    assert (report.oldest_timestamp, report.newest_timestamp) == (NOW, NOW + 5)
    assert sum(seen) == report.size_bytes == written.size_bytes(NAME)
    assert written.verify(TopicPartition("t", 1)).records == 0


async def test_batches_are_dumped_from_an_offset_with_what_they_are(written):
    batches = list(written.dump(NAME, 5))
    assert [(b.base_offset, b.last_offset, b.codec, b.marker) for b in batches if isinstance(b, StoredBatch)] == [
        (4, 5, "none", None),
        (6, 7, "none", None),
        (8, 9, "none", None),
        (10, 11, "none", None),
        (12, 12, "zstd", None),
        (13, 13, "none", "ABORT"),
    ]
    assert batches[-1].flags == ("transactional", "control")
    assert batches[0].records.columns.values == [b"2" * 40, b"x"]


async def test_each_damaged_range_is_named_and_what_lies_between_is_counted(written, data_dir):
    path = min((data_dir / "t-0").glob("*.log"))
    raw = bytearray(path.read_bytes())
    for value in (b"0" * 40, b"2" * 40):
        raw[raw.index(value)] ^= 1
    path.write_bytes(raw)
    report = written.verify(NAME)
    assert [(bad.path, bad.position, bad.end_position) for bad in report.bad] == [
        (f"t-0/{path.name}", 0, 116),
        (f"t-0/{path.name}", 232, 348),
    ]
    assert all("CRC" in bad.reason for bad in report.bad)
    assert (report.batches, report.log_end_offset) == (6, 14)
    assert [type(found) for found in written.dump(NAME)][:3] == [BadRange, StoredBatch, BadRange]
    assert path.read_bytes() == bytes(raw)


async def test_records_that_make_no_sense_under_a_valid_checksum_are_named(written, data_dir):
    from crc32c import crc32c

    from connect.codec.encode import encode
    from connect.codec.header import CHECKED, PREFIX

    batch = encode(Columns([b"abc"], timestamps=NOW))
    payload = b"\x40" + bytes(batch.payload[1:])
    raw = PREFIX.pack(14, 49 + len(payload), 0, 2, crc32c(payload, crc32c(batch.checked))) + batch.checked + payload
    assert CHECKED.size == len(batch.checked)
    path = max((data_dir / "t-0").glob("*.log"))
    start = path.stat().st_size
    with path.open("ab") as file:
        file.write(raw)
    [bad] = written.verify(NAME).bad
    assert (bad.position, bad.end_position) == (start, start + len(raw))
    *_, last = written.dump(NAME)
    assert last.records is None


@pytest.mark.parametrize("suffix", [".index", ".timeindex", ".txnindex"])
async def test_a_damaged_index_is_named(written, data_dir, suffix):
    path = min((data_dir / "t-0").glob(f"*{suffix}"))
    path.write_bytes(path.read_bytes() + b"x")
    [bad] = written.verify(NAME).bad
    assert bad.path == f"t-0/{path.name}"
    assert "made again at its next use" in bad.reason


async def test_a_torn_tail_is_damage_unless_a_process_owns_the_log(written, open_log, data_dir):
    path = max((data_dir / "t-0").glob("*.log"))
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(b"half a batch")
    [bad] = written.verify(NAME).bad
    assert (bad.position, bad.end_position) == (size, size + 12)
    await open_log()  # which does not touch the partition before its first use
    assert written.verify(NAME).bad == ()


async def test_what_is_not_there_is_told_with_the_nearest_name(written, tmp_path):
    with pytest.raises(UnknownTopicOrPartitionError, match="no topic 'tt'; did you mean 't'"):
        written.verify(TopicPartition("tt", 0))
    with pytest.raises(UnknownTopicOrPartitionError, match="has no partition 2: it has 2"):
        list(written.dump(TopicPartition("t", 2)))
    with pytest.raises(EnvironmentFault, match="holds no log"):
        LogInspector(tmp_path / "other").partitions()
