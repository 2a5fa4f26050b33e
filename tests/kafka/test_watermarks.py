"""Where partitions begin and end. While brokers die: tests/integration/test_three_brokers.py."""

from __future__ import annotations

import time
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from connect.kafka.threads import LEADER_S
from connect.kafka.watermarks import watermarks
from connect.ports import Cluster
from connect.records import TopicPartition
from tests.support.engines import columns

AT = TopicPartition("t", 0)


class Answering:
    """A client that answers one thing after the other; what it is asked is kept."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def get_watermark_offsets(self, at: Any, timeout_s: float) -> Any:
        assert timeout_s == LEADER_S
        self.asked.append("offsets")
        answer = self._answers.pop(0)
        if isinstance(answer, int):
            raise KafkaException(KafkaError(answer))
        return answer

    def list_topics(self, topic: str, timeout: float) -> None:
        self.asked.append(f"leaders of {topic}")
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))


@pytest.mark.kafka
@pytest.mark.timeout(300)
async def test_they_are_those_of_the_log(kafka_cluster: Cluster, name: str) -> None:
    await kafka_cluster.admin.create_topic(name)
    producer = kafka_cluster.producer(client_id="test")
    await producer.append(name, columns(b"a", b"b", b"c"))
    await producer.aclose()
    client = kafka_cluster.admin._readers._make("read_uncommitted")
    try:
        assert watermarks(client, TopicPartition(name, 0)) == (0, 3)
        began = time.monotonic()
        with pytest.raises(KafkaException):
            watermarks(client, TopicPartition(f"{name}-none", 0))
        assert time.monotonic() - began < 20, "what is not there is not waited for"
    finally:
        client.close()


def test_a_leader_that_does_not_answer_is_looked_up_anew() -> None:
    client = Answering(KafkaError._TIMED_OUT, KafkaError._TRANSPORT, (1, 5))
    assert watermarks(client, AT) == (1, 5)  # type: ignore[arg-type]
    assert client.asked == ["offsets", "leaders of t"] * 2 + ["offsets"]


def test_a_partition_that_is_said_to_be_unknown_is_asked_for_again_where_it_is_there() -> None:
    unknown = KafkaError._UNKNOWN_PARTITION
    assert watermarks(Answering(unknown, (0, 2)), AT, is_there=lambda: True) == (0, 2)  # type: ignore[arg-type]
    with pytest.raises(KafkaException):
        watermarks(Answering(unknown), AT, is_there=lambda: False)  # type: ignore[arg-type]


def test_what_does_not_pass_and_what_nobody_waits_for_is_not_asked_again() -> None:
    with pytest.raises(KafkaException):
        watermarks(Answering(KafkaError.TOPIC_AUTHORIZATION_FAILED), AT)  # type: ignore[arg-type]
    with pytest.raises(KafkaException):
        watermarks(Answering(KafkaError._TRANSPORT), AT, is_over=lambda: True)  # type: ignore[arg-type]
