"""What is removed by time, by size and by order, and what readers see of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api.errors import OffsetOutOfRangeError
from connect.log.owner import CLEAN_SHUTDOWN_FILE
from connect.log.topic_config import TopicConfig
from connect.log.upkeep.retention import expired_count
from connect.ports import Subscription
from connect.records import TopicPartition
from tests.log.conftest import put, until, values_of

NAME = TopicPartition("t", 0)
NOW = 1_700_000_000_000


class Kept:
    def __init__(self, size_bytes, newest):
        self.size_bytes = size_bytes
        self._newest = newest

    def newest_timestamp(self):
        return self._newest


@given(
    st.lists(st.tuples(st.integers(1, 100), st.integers(0, 50)), max_size=8), st.integers(-1, 60), st.integers(-1, 400)
)
def test_what_is_removed_is_the_shortest_prefix_that_leaves_nothing_to_remove(rows, retention_ms, retention_bytes):
    segments = [Kept(*row) for row in rows]
    config = TopicConfig.parse({"retention.ms": str(retention_ms), "retention.bytes": str(retention_bytes)})
    count = expired_count(segments, config, now_ms=50)
    left = segments[count:]
    assert expired_count(left, config, now_ms=50) == 0
    if count:
        shorter = segments[count - 1 :]
        is_old = retention_ms >= 0 and 50 - shorter[0].newest_timestamp() > retention_ms
        is_much = retention_bytes >= 0 and sum(s.size_bytes for s in left) >= retention_bytes
        assert is_old or is_much


async def filled(open_log, now, **configs):
    cluster = await open_log(clock=lambda: now[0])
    await cluster.admin.create_topic("t", configs={"segment.bytes": "200", **configs})
    for number in range(10):
        await put(cluster, "t", b"%d" % number * 100, timestamps=NOW + number * 1000)
    return cluster


async def start_of(cluster):
    return (await cluster.admin.describe_topic("t")).partitions[0].log_start_offset


async def test_segments_older_than_retention_ms_go_and_the_rest_stays(open_log, data_dir):
    now = [NOW + 9_000]
    cluster = await filled(open_log, now, **{"retention.ms": "5000"})
    assert await cluster._upkeep.apply_retention() == 4
    assert await start_of(cluster) == 4
    assert len(await values_of(cluster, "t", offset=4)) == 6
    with pytest.raises(OffsetOutOfRangeError, match="it holds 4 to 10"):
        await cluster.admin.fetch(NAME, 3)
    assert sorted({path.stem for path in (data_dir / "t-0").glob("0*.*")})[0] >= f"{3:020d}"


async def test_also_the_newest_segment_goes_when_all_of_it_is_old_and_offsets_go_on(open_log):
    now = [NOW + 100_000]
    cluster = await filled(open_log, now, **{"retention.ms": "5000"})
    assert await cluster._upkeep.apply_retention() == 10
    assert await values_of(cluster, "t", offset=10) == []
    await cluster.aclose()
    again = await open_log()
    await put(again, "t", b"next")
    assert await values_of(again, "t", offset=10) == [b"next"]


async def test_the_oldest_segments_go_while_more_than_retention_bytes_are_left(open_log):
    cluster = await filled(open_log, [NOW], **{"retention.bytes": "500", "retention.ms": "-1"})
    await cluster._upkeep.apply_retention()
    info = (await cluster.admin.describe_topic("t")).partitions[0]
    assert 500 <= info.size_bytes < 500 + 200
    assert info.log_start_offset == 10 - info.segments


async def test_a_clock_that_goes_back_removes_nothing(open_log):
    now = [NOW]
    cluster = await filled(open_log, now, **{"retention.ms": "1"})
    now[0] -= 10**12
    assert await cluster._upkeep.apply_retention() == 0


async def test_a_compacted_topic_keeps_old_segments_unless_it_is_both(open_log):
    now = [NOW + 100_000]
    cluster = await filled(open_log, now, **{"retention.ms": "5000"})
    await cluster.admin.alter_topic("t", {"cleanup.policy": "compact"})
    assert await cluster._upkeep.apply_retention() == 0
    await cluster.admin.alter_topic("t", {"cleanup.policy": "compact,delete"})
    assert await cluster._upkeep.apply_retention() == 10


async def test_retention_runs_by_itself(open_log):
    cluster = await open_log(clock=lambda: NOW + 10**9, configs={"log.retention.check.interval.ms": "5"})
    await cluster.admin.create_topic("t", configs={"retention.ms": "1", "segment.bytes": "100"})
    await put(cluster, "t", bytes(100), timestamps=NOW)
    part = cluster._topics.get("t").partitions[0]
    await until(lambda: part.log_start_offset == 1)


async def test_records_are_deleted_up_to_an_offset_durably(open_log, data_dir):
    cluster = await filled(open_log, [NOW])
    assert await cluster.admin.delete_records(NAME, 7) == 7
    assert await cluster.admin.delete_records(NAME, 3) == 7
    assert await start_of(cluster) == 7
    assert len(list((data_dir / "t-0").glob("*.log"))) == 3
    assert (data_dir / "log-start-offset-checkpoint").read_text() == "0\n1\nt 0 7\n"
    (await cluster.aclose(), (data_dir / CLEAN_SHUTDOWN_FILE).unlink())
    again = await open_log()
    assert await start_of(again) == 7
    assert len(await values_of(again, "t", offset=7)) == 3
    assert await again.admin.delete_records(NAME, -1) == 10
    assert await start_of(again) == 10


async def test_records_in_the_middle_of_a_batch_can_be_deleted(cluster):
    await cluster.admin.create_topic("t")
    await put(cluster, "t", b"a", b"b", b"c", timestamps=NOW)
    await cluster.admin.delete_records(NAME, 2)
    assert await values_of(cluster, "t", offset=2) == [b"c"]
    assert await cluster.admin.offset_for_time(NAME, 0) == 2
    with pytest.raises(OffsetOutOfRangeError):
        await cluster.admin.fetch(NAME, 1)


@pytest.mark.parametrize("offset", [-2, 11])
async def test_an_offset_that_is_not_there_deletes_nothing(open_log, offset):
    cluster = await filled(open_log, [NOW])
    with pytest.raises(OffsetOutOfRangeError, match="can be deleted up to offset 10"):
        await cluster.admin.delete_records(NAME, offset)
    assert await start_of(cluster) == 0


async def test_a_reader_whose_position_is_deleted_goes_on_as_its_reset_says(open_log):
    cluster = await filled(open_log, [NOW])
    consumer = await cluster.consumer(
        Subscription(("t",)), group=None, client_id="test", configs={"auto.offset.reset": "earliest"}
    )
    await consumer.poll(timeout_ms=0, max_bytes=1)
    await cluster.admin.delete_records(NAME, 8)
    seen = []
    while batches := await consumer.poll(timeout_ms=0):
        seen += [offset for batch in batches for offset in batch.offsets]
    assert seen == [8, 9]


async def test_a_topic_made_anew_under_the_same_name_begins_at_zero(open_log, data_dir):
    cluster = await filled(open_log, [NOW])
    await cluster.admin.delete_records(NAME, 7)
    await cluster.admin.delete_topic("t")
    await cluster.admin.create_topic("t")
    await put(cluster, "t", b"a")
    assert await values_of(cluster, "t") == [b"a"]


async def test_a_damaged_checkpoint_is_reported_and_read_as_far_as_it_goes(open_log, data_dir, caplog):
    cluster = await filled(open_log, [NOW])
    await cluster.admin.delete_records(NAME, 7)
    await cluster.aclose()
    (data_dir / "log-start-offset-checkpoint").write_bytes(b"0\n2\nt 0 7\nu \xff")
    again = await open_log()
    assert "log-start-offset-checkpoint is damaged" in caplog.text
    assert await start_of(again) >= 6  # the segments before are gone all the same
