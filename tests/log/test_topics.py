"""Topics: create, describe, delete, and what a crash in between leaves."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest

from connect.api import ConfigError, ConflictError, EnvironmentFault, InvalidRecordError, UnknownTopicOrPartitionError
from connect.ports import Subscription
from connect.records import Columns, TopicPartition
from tests.log.conftest import put, values_of
from tests.support.disk import FaultyDisk


async def test_a_created_topic_is_described_and_lives_on(open_log):
    cluster = await open_log()
    made = await cluster.admin.create_topic("orders", partitions=3, configs={"retention.ms": "1000"})
    await cluster.aclose()
    found = await (await open_log()).admin.describe_topic("orders")
    assert found == made
    assert len(found.topic_id) == 22
    assert [p.partition for p in found.partitions] == [0, 1, 2]
    assert found.configs == {"retention.ms": "1000"}


async def test_a_topic_that_exists_is_not_made_again(cluster):
    await cluster.admin.create_topic("orders")
    with pytest.raises(ConflictError, match="'orders' exists already") as caught:
        await cluster.admin.create_topic("orders")
    assert caught.value.code == "log.topic_exists"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a b", "a/b", "ä", "x" * 250, "a\n", ".lock", "meta.properties", "connect-topics.json.tmp"]
)
async def test_an_illegal_name_is_refused(cluster, name):
    with pytest.raises(ConfigError) as caught:
        await cluster.admin.create_topic(name)
    assert caught.value.code == "log.invalid_topic"
    assert await cluster.admin.list_topics() == []


@pytest.mark.parametrize("partitions", [0, -1, True, 1.5])
async def test_an_impossible_number_of_partitions_is_refused(cluster, partitions):
    with pytest.raises(ConfigError) as caught:
        await cluster.admin.create_topic("orders", partitions=partitions)
    assert caught.value.code == "log.invalid_partitions"


@pytest.mark.parametrize("partitions", [10_002, 1 << 31, (1 << 64) - 1])
async def test_more_partitions_than_one_request_may_make_are_refused_at_once(cluster, partitions):
    with pytest.raises(ConfigError, match=f"{partitions} partitions of topic 'orders' are too many") as caught:
        await cluster.admin.create_topic("orders", partitions=partitions)
    assert caught.value.code == "log.invalid_partitions"
    await cluster.admin.create_topic("orders")
    with pytest.raises(ConfigError, match="at most 10000 are made in one request") as caught:
        await cluster.admin.add_partitions("orders", partitions)
    assert caught.value.code == "log.invalid_partitions"
    assert await cluster.admin.partitions("orders") == 1


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("retention.mss", "1", "did you mean retention.ms"),
        ("segment.bytes", "many", "is not a whole number"),
        ("segment.bytes", "13", "is not between 14"),
        ("cleanup.policy", "burn", "is not one of delete, compact"),
        ("compression.type", "brotli", "is not one of producer"),
        ("compression.zstd.level", "23", "is not between"),
        ("min.cleanable.dirty.ratio", "1.5", "is not between 0 and 1"),
        ("message.timestamp.after.max.ms", "-1", "is not between 0"),
        ("message.timestamp.type", "Never", "is not one of CreateTime"),
    ],
)
async def test_a_wrong_config_is_refused_and_nothing_is_made(cluster, data_dir, key, value, message):
    with pytest.raises(ConfigError, match=message) as caught:
        await cluster.admin.create_topic("orders", configs={key: value})
    assert caught.value.config_path == key
    assert not list(data_dir.glob("orders*"))


async def test_an_unknown_topic_is_answered_with_the_nearest(cluster):
    await cluster.admin.create_topic("orders")
    with pytest.raises(UnknownTopicOrPartitionError, match="did you mean 'orders'"):
        await cluster.admin.describe_topic("order")
    with pytest.raises(UnknownTopicOrPartitionError, match="no partition 1: it has 1"):
        await cluster.admin.fetch(TopicPartition("orders", 1), 0)
    assert await cluster.admin.partitions("order") is None
    assert await cluster.admin.partitions("orders") == 1


async def test_a_deleted_topic_is_gone_with_its_files(open_log, data_dir):
    cluster = await open_log()
    await cluster.admin.create_topic("orders", partitions=2)
    await put(cluster, "orders", b"a")
    await cluster.admin.delete_topic("orders")
    assert await cluster.admin.list_topics() == []
    assert not list(data_dir.glob("orders*"))
    with pytest.raises(UnknownTopicOrPartitionError):
        await cluster.admin.delete_topic("orders")


async def test_a_topic_of_a_deleted_one_s_name_is_empty_and_has_another_id(cluster):
    first = await cluster.admin.create_topic("orders")
    await put(cluster, "orders", b"old")
    await cluster.admin.delete_topic("orders")
    second = await cluster.admin.create_topic("orders")
    assert second.topic_id != first.topic_id
    assert await values_of(cluster, "orders") == []


async def test_a_creation_that_fails_half_way_leaves_nothing(cluster, data_dir):
    data_dir.joinpath("orders-1").mkdir()
    with pytest.raises(ConflictError, match="orders-1' is there already") as caught:
        await cluster.admin.create_topic("orders", partitions=3)
    assert caught.value.code == "log.folder_exists"
    assert await cluster.admin.list_topics() == []
    assert [path.name for path in data_dir.glob("orders*")] == ["orders-1"]


async def test_creation_never_touches_what_it_did_not_make(open_log, data_dir):
    cluster = await open_log()
    await cluster.admin.create_topic("orders")
    await put(cluster, "orders", b"a")
    await cluster.aclose()
    (data_dir / "connect-topics.json").unlink()  # lost; or the folder was copied in
    again = await open_log()
    stranger = data_dir / "photos-1"
    stranger.mkdir()
    (stranger / "holiday.jpg").write_bytes(b"x")
    await again.admin.create_topic("grows")
    (data_dir / "grows-1").symlink_to("nowhere")
    for attempt in (
        again.admin.create_topic("orders"),
        again.admin.create_topic("photos", partitions=3),
        again.admin.add_partitions("grows", 2),
    ):
        with pytest.raises(ConflictError):
            await attempt
    assert (stranger / "holiday.jpg").read_bytes() == b"x"
    assert not list(data_dir.glob("photos-[02]*"))
    assert (data_dir / "grows-1").is_symlink()
    assert [path.stat().st_size > 0 for path in data_dir.glob("orders-0/*.log")] == [True]


async def test_a_lost_list_of_topics_costs_no_folder_not_even_an_empty_one(open_log, data_dir, caplog):
    cluster = await open_log()
    await cluster.admin.create_topic("orders", partitions=2)
    await cluster.aclose()
    (data_dir / "connect-topics.json").unlink()
    await open_log()
    assert [path.name for path in sorted(data_dir.glob("orders*"))] == ["orders-0", "orders-1"]
    assert "connect log repair" in caplog.text


async def test_a_creation_that_any_step_of_the_disk_refuses_leaves_nothing_and_succeeds_later(open_log, data_dir):
    disk = FaultyDisk()
    cluster = await open_log(disk=disk)
    await cluster.admin.create_topic("other")
    before = sorted(path.name for path in data_dir.iterdir())
    for step in range(100):
        disk.refuse_at(step)
        try:
            await cluster.admin.create_topic("t", partitions=2)
        except EnvironmentFault as error:
            assert error.code == "environment.disk"
            disk.heal()
            assert sorted(path.name for path in data_dir.iterdir()) == before
        else:
            break
    assert step > 10
    disk.heal()
    await cluster.admin.delete_topic("t")
    assert sorted(path.name for path in data_dir.iterdir()) == before


async def test_directories_of_a_creation_cut_short_are_cleared_away(open_log, data_dir):
    cluster = await open_log()
    await cluster.admin.create_topic("orders", partitions=2)
    await cluster.aclose()
    (data_dir / "connect-topics.json").write_bytes(b'{"version": 1, "topics": {}}')
    again = await open_log()
    assert await again.admin.list_topics() == []
    assert not list(data_dir.glob("orders*"))


async def test_directories_with_records_are_left_alone_and_reported(open_log, data_dir, caplog):
    cluster = await open_log()
    await cluster.admin.create_topic("orders")
    await put(cluster, "orders", b"a")
    await cluster.aclose()
    (data_dir / "connect-topics.json").write_bytes(b'{"version": 1, "topics": {}}')
    await open_log()
    assert (data_dir / "orders-0").exists()
    assert "holds records of a topic that is not listed" in caplog.text


async def test_a_deletion_cut_short_is_finished(open_log, data_dir):
    cluster = await open_log()
    await cluster.admin.create_topic("orders", partitions=2)
    await put(cluster, "orders", b"a")
    await cluster.aclose()
    path = data_dir / "connect-topics.json"
    stored = orjson.loads(path.read_bytes())
    stored["topics"]["orders"]["deleting"] = True
    path.write_bytes(orjson.dumps(stored))
    again = await open_log()
    assert await again.admin.list_topics() == []
    assert not list(data_dir.glob("orders*"))


async def test_a_list_with_a_number_that_was_taken_before_opens_and_says_it_as_today(open_log, data_dir):
    cluster = await open_log()
    await cluster.admin.create_topic("t", partitions=1, configs={"retention.ms": "1000"})
    await cluster.aclose()
    path = data_dir / "connect-topics.json"
    path.write_bytes(path.read_bytes().replace(b'"1000"', b'"1_000"'))
    again = await open_log()
    assert (await again.admin.describe_topic("t")).configs == {"retention.ms": "1000"}


async def test_a_damaged_list_of_topics_is_an_environment_fault(open_log, data_dir):
    await (await open_log()).aclose()
    (data_dir / "connect-topics.json").write_bytes(b"{")
    with pytest.raises(EnvironmentFault, match=r"connect-topics\.json") as caught:
        await open_log()
    assert caught.value.code == "environment.data_dir"


async def test_a_partition_s_metadata_file_is_kafka_s(cluster, data_dir):
    info = await cluster.admin.create_topic("orders")
    assert (data_dir / "orders-0/partition.metadata").read_text() == f"version: 0\ntopic_id: {info.topic_id}\n"


async def test_the_defaults_of_a_log_hold_where_a_topic_sets_nothing(open_log, data_dir):
    cluster = await open_log(configs={"segment.bytes": "200"})
    await cluster.admin.create_topic("small")
    await cluster.admin.create_topic("large", configs={"segment.bytes": "100000"})
    for topic in ("small", "large"):
        for _ in range(4):
            await put(cluster, topic, bytes(100))
    assert len(list(data_dir.glob("small-0/*.log"))) == 4
    assert len(list(data_dir.glob("large-0/*.log"))) == 1


async def test_many_partitions_do_not_take_as_many_open_files(cluster):
    before = len(list(Path("/dev/fd").iterdir()))  # of this process, which has done other things
    await cluster.admin.create_topic("wide", partitions=300)
    producer = cluster.producer(client_id="test")
    for partition in range(300):
        await producer.append("wide", Columns([b"a"]), partition=partition)
    assert len(list(Path("/dev/fd").iterdir())) - before < 280
    assert await values_of(cluster, "wide", 0) == [b"a"]
    await producer.append("wide", Columns([b"b"]), partition=0)
    assert await values_of(cluster, "wide", 0) == [b"a", b"b"]


async def test_names_that_differ_in_dots_and_underscores_alone_collide(cluster):
    await cluster.admin.create_topic("a.b")
    with pytest.raises(ConfigError, match=r"collides with topic 'a\.b'") as caught:
        await cluster.admin.create_topic("a_b")
    assert caught.value.code == "log.invalid_topic"


async def test_configs_are_altered_in_force_at_once_and_for_good(open_log, data_dir):
    cluster = await open_log(configs={"segment.ms": "5000"})
    await cluster.admin.create_topic("t", configs={"retention.ms": "1000", "segment.bytes": "100000"})
    info = await cluster.admin.alter_topic("t", {"segment.bytes": "200", "retention.ms": None})
    assert info.configs == {"segment.bytes": "200"}
    for _ in range(4):
        await put(cluster, "t", bytes(100))
    assert len(list(data_dir.glob("t-0/*.log"))) == 4
    await cluster.aclose()
    again = await open_log(configs={"segment.ms": "5000"})
    found = {entry.name: (entry.value, entry.source) for entry in await again.admin.topic_configs("t")}
    assert found["segment.bytes"] == ("200", "topic")
    assert found["segment.ms"] == ("5000", "log")
    assert found["retention.ms"] == ("604800000", "default")


async def test_every_config_is_described_in_a_sentence(cluster):
    await cluster.admin.create_topic("t")
    for entry in await cluster.admin.topic_configs("t"):
        assert entry.doc.endswith("."), entry.name


@pytest.mark.parametrize("configs", [{"segment.bytes": "1"}, {"retention": "1"}, {"retention": None}])
async def test_an_alteration_that_is_wrong_changes_nothing(cluster, configs):
    await cluster.admin.create_topic("t", configs={"segment.bytes": "200"})
    with pytest.raises(ConfigError):
        await cluster.admin.alter_topic("t", {"retention.ms": "5", **configs})
    assert (await cluster.admin.describe_topic("t")).configs == {"segment.bytes": "200"}
    with pytest.raises(UnknownTopicOrPartitionError):
        await cluster.admin.alter_topic("other", {})


async def test_partitions_are_added_and_readers_take_them_in(open_log):
    cluster = await open_log()
    await cluster.admin.create_topic("t", partitions=1)
    await put(cluster, "t", b"a")
    consumer = await cluster.consumer(Subscription(("t",)), group=None, client_id="test")
    info = await cluster.admin.add_partitions("t", 3)
    assert len(info.partitions) == 3
    await cluster.producer(client_id="test").append("t", Columns([b"b"]), partition=2)
    [batch] = await consumer.poll(timeout_ms=5_000)
    assert (batch.partition, batch.columns.values) == (2, [b"b"])
    await cluster.aclose()
    again = await open_log()
    assert await again.admin.partitions("t") == 3
    assert await values_of(again, "t", 2) == [b"b"]


@pytest.mark.parametrize("total", [2, 1, 0, True, "4"])
async def test_partitions_cannot_be_taken_away(cluster, total):
    await cluster.admin.create_topic("t", partitions=2)
    with pytest.raises(ConfigError, match="cannot be taken away") as caught:
        await cluster.admin.add_partitions("t", total)
    assert caught.value.code == "log.invalid_partitions"


async def test_adding_partitions_that_fails_half_way_leaves_nothing(cluster, data_dir):
    await cluster.admin.create_topic("t")
    data_dir.joinpath("t-2").mkdir()
    with pytest.raises(ConflictError, match="t-2' is there already"):
        await cluster.admin.add_partitions("t", 3)
    assert await cluster.admin.partitions("t") == 1
    assert not data_dir.joinpath("t-1").exists()


@pytest.mark.parametrize(("key", "offset_ms"), [("after", 3_600_001), ("before", -86_400_001)])
async def test_a_timestamp_out_of_bounds_is_refused(open_log, key, offset_ms):
    cluster = await open_log(clock=lambda: 10**12)
    await cluster.admin.create_topic("t", configs={"message.timestamp.before.max.ms": "86400000"})
    with pytest.raises(InvalidRecordError, match=f"message.timestamp.{key}.max.ms of topic 't'"):
        await put(cluster, "t", b"a", b"b", timestamps=[10**12, 10**12 + offset_ms])
    assert await values_of(cluster, "t") == []
    await cluster.admin.alter_topic("t", {"message.timestamp.type": "LogAppendTime"})
    await put(cluster, "t", b"a", timestamps=10**12 + offset_ms)
    [batch] = await cluster.admin.fetch(TopicPartition("t", 0), 0)
    assert batch.columns.timestamps == 10**12


async def test_a_wrong_config_of_the_log_is_refused(open_log):
    for configs in ({"log.cleaner.backoff.ms": "soon"}, {"log.cleaner.enable": "1"}, {"segment.byte": "5"}):
        with pytest.raises(ConfigError) as caught:
            await open_log(configs=configs)
        assert caught.value.config_path == next(iter(configs))


async def test_a_topic_of_the_longest_name_is_deleted_and_the_directory_opens_again(cluster, open_log, data_dir):
    name = "x" * 249
    await cluster.admin.create_topic(name, partitions=2)
    await cluster.admin.delete_topic(name)
    assert list(data_dir.glob("x*")) == []
    await cluster.aclose()
    assert await (await open_log()).admin.list_topics() == []


@pytest.mark.parametrize("stays_broken", [False, True])
async def test_a_deletion_that_the_disk_refuses_at_any_step_costs_no_later_record(open_log, stays_broken):
    expected: list[bytes] = []
    for step in range(100):
        disk = FaultyDisk()
        cluster = await open_log(disk=disk)
        if expected:  # what was written after the deletion before failed
            assert await values_of(cluster, "t") == expected
            await cluster.admin.delete_topic("t")
        await cluster.admin.create_topic("t")
        await put(cluster, "t", b"old", acks="durable")
        for later in range(100 if stays_broken else 1):
            disk.refuse_at(step + later)
        try:
            await cluster.admin.delete_topic("t")
        except EnvironmentFault:
            disk.heal()
        else:
            break
        expected = [b"old", b"new"]
        if await cluster.admin.partitions("t") is None:
            await cluster.admin.create_topic("t")
            expected = [b"new"]
        await put(cluster, "t", b"new", acks="durable")
        await cluster.aclose()
    disk.heal()
    assert step > 5


async def test_a_deletion_that_the_disk_broke_off_goes_on_when_it_is_asked_for_again(open_log, data_dir):
    disk = FaultyDisk()
    cluster = await open_log(disk=disk)
    await cluster.admin.create_topic("t")
    await put(cluster, "t", b"old")
    disk.refuse("rename", "t-0", times=1)
    with pytest.raises(EnvironmentFault):
        await cluster.admin.delete_topic("t")
    await cluster.admin.delete_topic("t")
    assert not list(data_dir.glob("t-*"))
    with pytest.raises(UnknownTopicOrPartitionError):
        await cluster.admin.delete_topic("t")


async def test_a_partition_that_was_deleted_before_it_was_opened_is_told_as_such(open_log):
    cluster = await open_log()
    await cluster.admin.create_topic("t")
    await put(cluster, "t", b"a")
    await cluster.aclose()
    cluster = await open_log()
    topic = cluster._topics.get("t")
    await cluster.admin.delete_topic("t")
    await cluster.admin.create_topic("t")
    with pytest.raises(UnknownTopicOrPartitionError):
        topic.describe()


async def test_a_topic_that_is_deleted_while_others_are_opened_is_left_out(open_log, data_dir):
    cluster = await open_log()
    for topic in ("a", "b"):
        await cluster.admin.create_topic(topic)
        await put(cluster, topic, b"v")
    await cluster.aclose()
    (data_dir / "a-0" / "left.cleaned").touch()  # so that opening it has something to do
    disk = FaultyDisk()
    cluster = await open_log(disk=disk)
    gate = disk.hold("remove", "a-0")
    starting = asyncio.ensure_future(cluster.consumer(Subscription(("a", "b")), group="g", client_id="c"))
    looking = asyncio.ensure_future(cluster.admin.describe_topics(["a", "b"]))
    await asyncio.to_thread(gate.arrived.wait, 10)
    await cluster.admin.delete_topic("b")
    gate.open()
    consumer = await starting
    assert consumer.assignment == {TopicPartition("a", 0)}
    assert list(await looking) == ["a"]
    await consumer.aclose()
