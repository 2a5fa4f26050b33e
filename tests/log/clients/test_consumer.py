"""Assignment, positions, and polls that wait."""

from __future__ import annotations

import asyncio
import time

import pytest

from connect.api import ConfigError, LogError, SlowPatternError
from connect.api.errors import CorruptBatchError, OffsetOutOfRangeError
from connect.ports import Subscription
from connect.records import Columns, OffsetAndMetadata, TopicPartition
from tests.log.conftest import put, until

EARLIEST = {"auto.offset.reset": "earliest"}
NAME = TopicPartition("t", 0)


async def consume(cluster, *topics, **options):
    options = {"group": None, "configs": EARLIEST, **options}
    return await cluster.consumer(Subscription(topics), client_id="test", **options)


def values(batches):
    return [value for batch in batches for value in batch.columns.values]


async def test_a_poll_returns_what_is_there_and_moves_on(cluster):
    await cluster.admin.create_topic("t")
    await put(cluster, "t", b"a", b"b")
    consumer = await consume(cluster, "t")
    assert values(await consumer.poll(timeout_ms=1000)) == [b"a", b"b"]
    assert consumer.position(NAME) == 2
    assert await consumer.poll(timeout_ms=0) == []


async def test_a_poll_wakes_when_something_is_appended(cluster):
    await cluster.admin.create_topic("t")
    consumer = await consume(cluster, "t")
    poll = asyncio.create_task(consumer.poll(timeout_ms=30_000))
    await asyncio.sleep(0)
    await put(cluster, "t", b"a")
    assert values(await poll) == [b"a"]


async def test_latest_means_as_of_the_subscription(cluster):
    await cluster.admin.create_topic("t")
    await put(cluster, "t", b"before")
    consumer = await consume(cluster, "t", configs={})
    await put(cluster, "t", b"after")
    assert values(await consumer.poll(timeout_ms=1000)) == [b"after"]


async def test_none_refuses_to_start_without_a_committed_offset(cluster):
    await cluster.admin.create_topic("t")
    with pytest.raises(OffsetOutOfRangeError, match="no committed offset for t-0") as raised:
        await consume(cluster, "t", group="g", configs={"auto.offset.reset": "none"})
    assert "auto.offset.reset to earliest or latest" in raised.value.hint


async def test_a_wrong_reset_or_pattern_is_refused(cluster):
    with pytest.raises(ConfigError, match="'oldest' is not one of"):
        await consume(cluster, "t", configs={"auto.offset.reset": "oldest"})
    with pytest.raises(ConfigError, match="no regular expression"):
        await cluster.consumer(Subscription(pattern="("), group=None, client_id="test")


async def test_members_share_the_partitions_of_all_topics(cluster):
    await cluster.admin.create_topic("a", partitions=2)
    await cluster.admin.create_topic("b", partitions=3)
    shares = []
    for member in range(2):
        subscription = Subscription(("a", "b"), member=member, members=2)
        shares.append((await cluster.consumer(subscription, group=None, client_id="test")).assignment)
    assert len(shares[0]) == 3
    assert len(shares[1]) == 2
    assert not shares[0] & shares[1]


async def test_a_pattern_takes_in_new_topics_from_their_beginning_and_never_internal_ones(cluster):
    consumer = await cluster.consumer(Subscription(pattern=".*"), group="g", client_id="test")
    poll = asyncio.create_task(consumer.poll(timeout_ms=30_000))
    await cluster.admin.create_topic("new")
    await cluster.groups.commit("other", {TopicPartition("new", 0): OffsetAndMetadata(0)})
    await put(cluster, "new", b"a")
    assert values(await poll) == [b"a"]
    assert consumer.assignment == {TopicPartition("new", 0)}


async def test_a_deleted_topic_leaves_the_assignment(cluster):
    for topic in ("t", "other"):
        await cluster.admin.create_topic(topic)
    consumer = await consume(cluster, "t", "other")
    await cluster.admin.delete_topic("t")
    assert await consumer.poll(timeout_ms=0) == []
    assert consumer.assignment == {TopicPartition("other", 0)}


async def test_a_group_goes_on_where_it_committed(open_log):
    cluster = await open_log()
    await cluster.admin.create_topic("t")
    await put(cluster, "t", b"a", b"b", b"c")
    consumer = await consume(cluster, "t", group="g")
    await consumer.commit({NAME: OffsetAndMetadata(2, metadata="note")})
    assert (await consumer.committed())[NAME].offset == 2
    await cluster.aclose()
    again = await consume(await open_log(), "t", group="g")
    assert values(await again.poll(timeout_ms=1000)) == [b"c"]


async def test_seek_pause_and_resume(cluster):
    await cluster.admin.create_topic("t", partitions=2)
    producer = cluster.producer(client_id="test")
    for partition in (0, 1):
        await producer.append("t", Columns([b"%d" % partition]), partition=partition)
    consumer = await consume(cluster, "t")
    consumer.pause(NAME)
    assert values(await consumer.poll(timeout_ms=1000)) == [b"1"]
    assert await consumer.poll(timeout_ms=0) == []
    consumer.resume(NAME)
    assert values(await consumer.poll(timeout_ms=1000)) == [b"0"]
    consumer.seek(NAME, 0)
    assert values(await consumer.poll(timeout_ms=1000)) == [b"0"]
    assert await consumer.end_offsets() == {NAME: 1, TopicPartition("t", 1): 1}


async def test_a_partition_that_is_not_assigned_is_refused(cluster):
    consumer = await consume(cluster, "t")
    with pytest.raises(LogError, match="t-0 is not assigned"):
        consumer.seek(NAME, 0)
    with pytest.raises(LogError, match="without a group"):
        await consumer.commit({})


@pytest.mark.parametrize(("reset", "position"), [("earliest", 0), ("latest", 2)])
async def test_a_position_out_of_range_is_reset(cluster, reset, position):
    await cluster.admin.create_topic("t")
    await put(cluster, "t", b"a", b"b")
    consumer = await consume(cluster, "t", configs={"auto.offset.reset": reset})
    consumer.seek(NAME, 99)
    batches = await consumer.poll(timeout_ms=0)
    assert consumer.position(NAME) == 2
    assert values(batches) == [b"a", b"b"][position:]


async def test_a_position_out_of_range_is_an_error_with_none(cluster):
    await cluster.admin.create_topic("t")
    await cluster.groups.commit("g", {NAME: OffsetAndMetadata(5)})
    consumer = await consume(cluster, "t", group="g", configs={"auto.offset.reset": "none"})
    with pytest.raises(OffsetOutOfRangeError, match="holds 0 to 0"):
        await consumer.poll(timeout_ms=0)


async def test_partitions_take_turns(cluster):
    await cluster.admin.create_topic("t", partitions=3)
    producer = cluster.producer(client_id="test", configs={"batch.size": "1000"})
    for partition in range(3):
        await producer.append("t", Columns([bytes([partition]) * 500] * 20), partition=partition)
    consumer = await consume(cluster, "t")
    first = [(await consumer.poll(timeout_ms=0, max_bytes=1000))[0].partition for _ in range(6)]
    assert sorted(first) == [0, 0, 1, 1, 2, 2]


async def test_max_bytes_bounds_a_poll(cluster):
    await cluster.admin.create_topic("t")
    for _ in range(10):
        await put(cluster, "t", bytes(1000))
    consumer = await consume(cluster, "t")
    assert len(values(await consumer.poll(timeout_ms=0, max_bytes=3500))) == 3
    assert len(values(await consumer.poll(timeout_ms=0, max_bytes=1))) == 1


async def test_a_fetch_from_inside_a_batch_cuts_off_what_lies_before(cluster):
    await cluster.admin.create_topic("t")
    await put(cluster, "t", b"a", b"b", b"c", keys=[b"1", b"2", b"3"], timestamps=[1, 2, 3])
    consumer = await consume(cluster, "t")
    consumer.seek(NAME, 1)
    (batch,) = await consumer.poll(timeout_ms=0)
    assert batch.offsets == range(1, 3)
    assert batch.columns == Columns([b"b", b"c"], [b"2", b"3"], [2, 3])


async def test_a_cancelled_poll_moves_nothing(cluster):
    await cluster.admin.create_topic("t")
    consumer = await consume(cluster, "t")
    poll = asyncio.create_task(consumer.poll(timeout_ms=30_000))
    await asyncio.sleep(0)
    poll.cancel()
    with pytest.raises(asyncio.CancelledError):
        await poll
    await put(cluster, "t", b"a")
    assert values(await consumer.poll(timeout_ms=1000)) == [b"a"]


async def test_a_damaged_batch_holds_its_position_and_leaves_other_partitions_alone(cluster, log_file):
    for topic in ("t", "u"):
        await cluster.admin.create_topic(topic)
        await put(cluster, topic, b"first")
        await put(cluster, topic, b"value")
    raw = log_file("t").read_bytes()
    log_file("t").write_bytes(raw.replace(b"value", b"valus"))
    consumer = await consume(cluster, "t", "u")
    found, errors = [], 0
    for _ in range(6):
        try:
            found += values(await consumer.poll(timeout_ms=0))
        except CorruptBatchError:
            errors += 1
    assert sorted(found) == [b"first", b"first", b"value"]
    assert errors >= 2
    assert consumer.position(NAME) == 1


async def test_a_pattern_is_javas(cluster):
    await cluster.admin.create_topic("orders")
    await cluster.admin.create_topic("Orders")
    consumer = await cluster.consumer(
        Subscription((), r"\p{javaLowerCase}+"), client_id="t", group=None, configs=EARLIEST
    )
    assert consumer.assignment == {TopicPartition("orders", 0)}


async def test_a_pattern_that_takes_too_long_ends_the_poll_and_leaves_the_loop_free(cluster):
    consumer = await cluster.consumer(Subscription((), "(a|aa)+[bc]"), client_id="t", group=None, configs=EARLIEST)
    await cluster.admin.create_topic("a" * 60)
    poll = asyncio.create_task(consumer.poll(timeout_ms=30_000))
    loop = asyncio.get_running_loop()
    longest, last = 0.0, loop.time()
    while not poll.done():
        await asyncio.sleep(0.001)
        longest, last = max(longest, loop.time() - last), loop.time()
    with pytest.raises(SlowPatternError, match=r"topics\.regex: pattern"):
        await poll
    assert longest < 0.5


# -- groups --------------------------------------------------------------------------------------------------------


async def member(cluster, number, members=2, pattern="[a-z]", **configs):
    subscription = Subscription(pattern=pattern, member=number, members=members)
    return await cluster.consumer(subscription, group="g", client_id=f"m{number}", configs={**EARLIEST, **configs})


async def test_a_partition_is_handed_over_after_its_last_reader_has_released_it(cluster):
    await cluster.admin.create_topic("t", partitions=2)
    await put(cluster, "t", b"a", b"b")
    first = await member(cluster, 0, 1)
    assert values(await first.poll(timeout_ms=1000)) == [b"a", b"b"]
    assert len(first.assignment) == 2
    second = await member(cluster, 1, 1)
    assert await second.poll(timeout_ms=0) == []
    assert not second.assignment
    assert await first.poll(timeout_ms=30_000) == []  # at once: something is asked back
    [asked] = first.revoking
    await cluster.producer(client_id="x").append("t", Columns([b"late"]), partition=asked.partition)
    async with asyncio.timeout(10):
        assert await first.poll(timeout_ms=0) == []  # nothing more is read of it
    await first.commit({NAME: OffsetAndMetadata(2)})
    await first.release([asked])
    assert values(await second.poll(timeout_ms=1000)) == [b"late"]
    assert second.assignment == {asked}
    assert first.assignment | second.assignment == {NAME, TopicPartition("t", 1)}


async def test_a_new_topic_moves_no_partition_and_is_shared(cluster):
    for topic in "ac":
        await cluster.admin.create_topic(topic)
    members = [await member(cluster, number) for number in range(2)]
    before = [consumer.assignment for consumer in members]
    await cluster.admin.create_topic("b", partitions=2)
    for consumer in members:
        assert await consumer.poll(timeout_ms=0) == []
    assert [len(consumer.assignment) for consumer in members] == [2, 2]
    assert all(old < consumer.assignment for old, consumer in zip(before, members, strict=True))
    assert not any(consumer.revoking for consumer in members)


async def test_what_is_not_released_in_time_is_taken_and_its_commit_refused(cluster):
    from connect.api import LogError

    await cluster.admin.create_topic("t", partitions=2)
    hung = await member(cluster, 0, 1, **{"max.poll.interval.ms": "20"})
    assert len(hung.assignment) == 2
    third = await member(cluster, 1, 1)
    await until(lambda: third._membership.held())
    await third.poll(timeout_ms=0)
    [taken] = third.assignment
    with pytest.raises(LogError, match="another member reads there") as raised:
        await hung.commit({taken: OffsetAndMetadata(1)})
    assert (raised.value.code, raised.value.kafka_error) == ("log.illegal_generation", 22)
    assert taken not in await cluster.groups.offsets("g")
    await hung.poll(timeout_ms=0)
    assert taken not in hung.assignment


async def test_a_topic_made_anew_is_read_from_its_beginning_and_commits_for_the_old_one_are_refused(cluster):
    from connect.api import UnknownTopicOrPartitionError

    await cluster.admin.create_topic("t")
    await put(cluster, "t", *[b"old"] * 10)
    consumer = await member(cluster, 0, 1)
    await consumer.poll(timeout_ms=1000)
    await consumer.commit({NAME: OffsetAndMetadata(5)})
    await cluster.admin.delete_topic("t")
    with pytest.raises(UnknownTopicOrPartitionError, match="t-0 were not committed"):
        await consumer.commit({NAME: OffsetAndMetadata(10)})
    await cluster.admin.create_topic("t")
    await put(cluster, "t", *[b"new"] * 10)
    with pytest.raises(UnknownTopicOrPartitionError):
        await consumer.commit({NAME: OffsetAndMetadata(10)})
    assert await cluster.groups.offsets("g") == {}
    assert await consumer.poll(timeout_ms=30_000) == []
    assert consumer.assignment == frozenset()
    assert values(await consumer.poll(timeout_ms=1000)) == [b"new"] * 10
    await consumer.commit({NAME: OffsetAndMetadata(10)})
    assert (await cluster.groups.offsets("g"))[NAME].offset == 10


async def test_a_partition_taken_over_without_a_commit_is_read_from_where_the_group_began(cluster):
    await cluster.admin.create_topic("t")
    await put(cluster, "t", b"before")
    first = await member(cluster, 0, **{"auto.offset.reset": "latest"})
    second = await member(cluster, 1, **{"auto.offset.reset": "latest"})
    await put(cluster, "t", b"after")
    holder, other = (first, second) if first.assignment else (second, first)
    assert values(await holder.poll(timeout_ms=1000)) == [b"after"]
    await holder.aclose()
    await until(lambda: other._membership.held())  # when nobody is awaited any more
    assert values(await other.poll(timeout_ms=1000)) == [b"after"]


async def test_an_offset_beyond_the_end_is_warned_of_with_both_numbers(cluster, caplog):
    await cluster.admin.create_topic("t")
    await put(cluster, "t", b"a", b"b")
    await cluster.groups.commit("g", {NAME: OffsetAndMetadata(60_000)})
    consumer = await member(cluster, 0, 1)
    assert values(await consumer.poll(timeout_ms=1000)) == [b"a", b"b"]
    assert "group 'g': offset 60000 of t-0 is beyond the log's end, offset 2" in caplog.text


async def test_a_poll_looks_at_the_time_while_it_skips_an_aborted_transaction(cluster):
    await cluster.admin.create_topic("t")
    producer = cluster.producer(client_id="x", configs={"transactional.id": "a"})
    await producer.init_transactions()
    await producer.begin_transaction()
    for _ in range(30):
        await producer.append("t", Columns([b"x" * 100_000]))
    await producer.abort_transaction()
    await put(cluster, "t", b"visible")
    consumer = await consume(cluster, "t", configs={**EARLIEST, "isolation.level": "read_committed"})
    assert await consumer.poll(timeout_ms=0, max_bytes=100_000) == []
    assert 0 < consumer.position(NAME) < 30
    assert values(await consumer.poll(timeout_ms=10_000, max_bytes=100_000)) == [b"visible"]


async def test_wrong_bounds_are_refused(cluster):
    with pytest.raises(ConfigError, match=r"max\.poll\.interval\.ms"):
        await consume(cluster, "t", configs={"max.poll.interval.ms": "soon"})


async def test_the_marker_behind_the_last_records_is_nothing_to_wait_for(cluster):
    await cluster.admin.create_topic("t")
    consumer = await consume(cluster, "t", configs={**EARLIEST, "isolation.level": "read_committed"})
    producer = cluster.producer(client_id="p", configs={"transactional.id": "x"})
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.append("t", Columns([b"a", b"b"], timestamps=time.time_ns() // 1_000_000))
    await producer.commit_transaction()
    [batch] = await consumer.poll(timeout_ms=1000)
    assert (list(batch.offsets), batch.next_offset, consumer.position(NAME)) == ([0, 1], 3, 3)
