"""Where partitions begin and end. While brokers die: tests/integration/test_three_brokers.py."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from connect.kafka.threads import LEADER_S
from connect.kafka.watermarks import watermarks
from connect.ports import Cluster
from connect.records import TopicPartition
from tests.support.engines import columns
from tests.support.kafka_broker import SharedBroker

AT = TopicPartition("t", 0)


class Answering:
    """A client that answers one thing after the other; what it is asked is kept."""

    def __init__(self, *answers: Any, is_closed: bool = False) -> None:
        self._answers = list(answers)
        self._is_closed = is_closed
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
        if self._is_closed:
            raise RuntimeError("Handle has been closed")
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


#: Takes over a partition whose leader is looked up within `consume`, which has other callbacks behind that.
TAKES_OVER = """
import sys
from confluent_kafka import Consumer, KafkaException
from connect.kafka.watermarks import watermarks
from connect.records import TopicPartition

bootstrap, topic = sys.argv[1:]
heard, taken = [], []

def take_over(client, partitions):
    looks = iter([False, True])
    try:
        watermarks(client, TopicPartition(topic + "-none", 0), is_there=lambda: True, is_over=lambda: next(looks))
    except KafkaException:
        heard.clear()
        taken.append(partitions)
    client.incremental_assign([])

client = Consumer({
    "bootstrap.servers": bootstrap, "group.id": topic, "partition.assignment.strategy": "cooperative-sticky",
    "statistics.interval.ms": 50, "stats_cb": heard.append, "session.timeout.ms": 6000,
})
client.subscribe([topic], on_assign=take_over)
while not (taken and heard):
    client.consume(1, 2)
client.close()
"""


@pytest.mark.kafka
@pytest.mark.timeout(300)
async def test_a_client_that_looks_for_a_leader_within_its_own_callback_goes_on(
    kafka_cluster: Cluster, broker: SharedBroker, name: str
) -> None:
    await kafka_cluster.admin.create_topic(name)
    command = [sys.executable, "-c", TAKES_OVER, broker.bootstrap, name]
    ended = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr


def test_a_leader_that_does_not_answer_is_looked_up_anew() -> None:
    client = Answering(KafkaError._TIMED_OUT, KafkaError._TRANSPORT, (1, 5))
    assert watermarks(client, AT) == (1, 5)  # type: ignore[arg-type]
    assert client.asked == ["offsets", "leaders of t"] * 2 + ["offsets"]


def test_a_client_that_is_closed_as_it_looks_for_a_leader_says_no_more_than_that() -> None:
    client = Answering(KafkaError._TRANSPORT, (1, 5), is_closed=True)
    assert watermarks(client, AT) == (1, 5)  # type: ignore[arg-type]


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
