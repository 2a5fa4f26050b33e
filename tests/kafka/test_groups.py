"""Groups of a real cluster: offsets that are half deleted. For the rest see tests/ports."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as TheirPartition

from connect.api.errors import EnvironmentFault
from connect.kafka.admin_client import WatchedAdminClient
from connect.kafka.errors import Principal
from connect.kafka.groups import KafkaGroups, answered_by_coordinator, as_theirs
from connect.kafka.threads import Threads
from connect.kafka.topics import Topics
from connect.ports import Cluster, Subscription
from connect.records import OffsetAndMetadata, TopicPartition
from tests.support.engines import poll_until
from tests.support.mock_brokers import OFFSET_FETCH, mock_brokers

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


async def test_offsets_that_were_to_be_kept_are_named_where_they_cannot_be_set_again(
    kafka_cluster: Cluster, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kafka_cluster.admin.create_topic(name, partitions=2)
    first, second = TopicPartition(name, 0), TopicPartition(name, 1)
    await kafka_cluster.groups.commit(name, {first: OffsetAndMetadata(3), second: OffsetAndMetadata(5)})

    async def refuse(*_: object) -> None:
        raise EnvironmentFault("no broker answers")

    monkeypatch.setattr(kafka_cluster.groups, "_alter", refuse)
    with pytest.raises(EnvironmentFault, match=f"{name}-1: 5"):
        await kafka_cluster.groups.delete_offsets(name, [first])


@pytest.mark.parametrize("code", [14, 15, 16])
async def test_a_coordinator_that_is_on_its_way_is_waited_for(code: int) -> None:
    answers = [KafkaException(KafkaError(code)), KafkaException(KafkaError(code)), "found"]
    assert await answered_by_coordinator(lambda: {"g": answer(answers.pop(0))}, "look at group 'g'") == "found"
    assert answers == []


async def test_another_failure_of_a_group_is_told_at_once() -> None:
    answers = [KafkaException(KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED)), "found"]
    with pytest.raises(EnvironmentFault, match="look at group 'g'"):
        await answered_by_coordinator(lambda: {"g": answer(answers.pop(0))}, "look at group 'g'")
    assert answers == ["found"]


@pytest.mark.parametrize("code", [14, 15, 16], ids=["loading", "unavailable", "moved"])
async def test_offsets_of_a_group_whose_coordinator_moves_are_told_by_the_next_one(code: int) -> None:
    # An administrator of librdkafka 2.16 that is asked for them ends the process here, by a segmentation fault.
    with mock_brokers() as brokers:
        brokers.create_topic("t", 2)
        configs = {"bootstrap.servers": brokers.servers}
        client, threads = WatchedAdminClient(configs), Threads()
        groups = KafkaGroups(
            client,
            threads,
            cast(Topics, TwoPartitions()),
            Principal("User:test"),
            consumer=lambda group: Consumer({**configs, "group.id": group, "enable.auto.commit": False}),
        )
        try:
            brokers.answer_with(OFFSET_FETCH, code, code, code)
            assert await groups.offsets("g") == {}
            writer = Consumer({**configs, "group.id": "g"})
            writer.commit(offsets=[TheirPartition("t", 1, 7)], asynchronous=False)
            writer.close()
            brokers.answer_with(OFFSET_FETCH, code)
            assert await groups.offsets("g", ["t"]) == {TopicPartition("t", 1): OffsetAndMetadata(7, leader_epoch=0)}
        finally:
            await threads.run(lambda: groups.give_up(1.0), "end")
            threads.close()


class TwoPartitions:
    """Topics of brokers that have no controller, who would tell them."""

    def names(self) -> list[str]:
        return ["t"]

    def describe(self, names: list[str]) -> dict[str, Any]:
        return {name: SimpleNamespace(partitions=[SimpleNamespace(id=0), SimpleNamespace(id=1)]) for name in names}


async def test_offsets_of_some_topics_are_told_without_the_others(kafka_cluster: Cluster, name: str) -> None:
    one, other = f"{name}-a", f"{name}-b"
    for topic in (one, other):
        await kafka_cluster.admin.create_topic(topic)
    here, there = TopicPartition(one, 0), TopicPartition(other, 0)
    await kafka_cluster.groups.commit(name, {here: OffsetAndMetadata(3), there: OffsetAndMetadata(5)})
    assert (await kafka_cluster.groups.offsets(name)).keys() == {here, there}
    assert (await kafka_cluster.groups.offsets(name, [other])).keys() == {there}
    assert await kafka_cluster.groups.offsets(name, []) == {}


def answer(result: Any) -> Future[Any]:
    future: Future[Any] = Future()
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
    return future


def test_an_offset_has_what_it_came_with() -> None:
    plain = as_theirs(TopicPartition("t", 1), OffsetAndMetadata(4))
    assert (plain.topic, plain.partition, plain.offset, plain.metadata) == ("t", 1, 4, None)
    whole = as_theirs(TopicPartition("t", 1), OffsetAndMetadata(4, leader_epoch=2, metadata="m"))
    assert (whole.leader_epoch, whole.metadata) == (2, "m")


async def test_the_members_of_a_group_are_known_by_their_client_ids(kafka_cluster: Cluster, name: str) -> None:
    await kafka_cluster.admin.create_topic(name, partitions=2)
    assert await kafka_cluster.groups.members(name) == ()
    consumer = await kafka_cluster.consumer(Subscription((name,)), group=name, client_id=f"{name}-0")
    await poll_until(consumer, lambda _: len(consumer.assignment) == 2)
    assert await kafka_cluster.groups.members(name) == (f"{name}-0",)
    await consumer.aclose()
    assert await kafka_cluster.groups.members(name) == ()
