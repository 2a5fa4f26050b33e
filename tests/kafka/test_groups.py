"""Groups of a real cluster: offsets that are half deleted. For the rest see tests/ports."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from connect.api.errors import EnvironmentFault
from connect.kafka.groups import answered_by_coordinator, as_theirs
from connect.ports import Cluster, Subscription
from connect.records import OffsetAndMetadata, TopicPartition
from tests.support.engines import poll_until

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
