from __future__ import annotations

from pathlib import Path

from connect.app import open_cluster
from connect.ports import Consumer, Subscription
from connect.records import Columns, TopicPartition
from tests.support.ports import assert_log_offers


async def test_the_log_s_consumer_is_called_as_the_port_says(tmp_path: Path) -> None:
    await assert_log_offers(
        tmp_path,
        Consumer,
        lambda cluster: cluster.consumer(Subscription(pattern="orders"), group=None, client_id="test"),
    )


def test_a_subscription_is_the_whole_of_a_group_unless_said() -> None:
    assert Subscription(("orders",)) == Subscription(("orders",), pattern=None, member=0, members=1)


async def test_each_member_without_a_group_reads_its_share(tmp_path: Path) -> None:
    cluster = await open_cluster(tmp_path)
    await cluster.admin.create_topic("orders", partitions=3)
    producer = cluster.producer(client_id="test")
    for partition in range(3):
        await producer.append("orders", Columns([b"v"], timestamps=1), partition=partition)
    configs = {"auto.offset.reset": "earliest"}
    shares = []
    for member in range(2):
        subscription = Subscription(("orders",), member=member, members=2)
        consumer = await cluster.consumer(subscription, group=None, client_id="test", configs=configs)
        await consumer.poll(timeout_ms=10_000)
        shares.append(consumer.assignment)
    await cluster.aclose()
    assert frozenset.union(*shares) == {TopicPartition("orders", n) for n in range(3)}
    assert not shares[0] & shares[1]
