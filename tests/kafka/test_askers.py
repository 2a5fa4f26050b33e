"""Consumers that ask what groups have committed: who makes one, how long it is kept, and what ends it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, KafkaException
from confluent_kafka import TopicPartition as TheirPartition

from connect.kafka.askers import KEPT_MAX, KEPT_S, Askers
from tests.support.mock_brokers import OFFSET_FETCH, MockBrokers, mock_brokers

ASKED = [TheirPartition("t", 0), TheirPartition("t", 1)]


@pytest.fixture
def brokers() -> Iterator[MockBrokers]:
    with mock_brokers() as found:
        found.create_topic("t", 2)
        yield found


class Counting:
    """Makes consumers and knows how many."""

    def __init__(self, brokers: MockBrokers) -> None:
        self._brokers = brokers
        self.made: list[Consumer] = []

    def __call__(self, group: str) -> Consumer:
        self.made.append(Consumer({"bootstrap.servers": self._brokers.servers, "group.id": group}))
        return self.made[-1]


def is_closed(consumer: Consumer) -> bool:
    try:
        consumer.assignment()
    except RuntimeError:
        return True
    return False


@pytest.fixture
def make(brokers: MockBrokers) -> Counting:
    return Counting(brokers)


@pytest.fixture
def askers(make: Counting) -> Iterator[Askers]:
    found = Askers(make)
    yield found
    found.close()


def committed(askers: Askers, group: str = "g") -> list[int]:
    return [each.offset for each in askers.committed(group, ASKED, 10.0)]


def test_what_a_group_has_committed_is_told_and_its_consumer_is_kept(askers: Askers, make: Counting) -> None:
    writer = make("g")
    writer.commit(offsets=[TheirPartition("t", 1, 7)], asynchronous=False)
    writer.close()
    assert committed(askers)[1] == 7
    assert committed(askers)[1] == 7
    assert (len(make.made), askers.count) == (2, 1)


def test_a_consumer_that_nobody_asked_for_long_is_closed(make: Counting) -> None:
    now = [0.0]
    askers = Askers(make, clock=lambda: now[0])
    committed(askers, "a")
    now[0] = 1.0
    committed(askers, "b")
    now[0] = KEPT_S + 0.5
    askers.sweep()
    assert [is_closed(each) for each in make.made] == [True, False]
    askers.close()
    assert askers.count == 0 and is_closed(make.made[1])


def test_a_consumer_that_failed_is_closed_and_the_next_question_has_another(
    askers: Askers, make: Counting, brokers: MockBrokers
) -> None:
    brokers.answer_with(OFFSET_FETCH, 16)
    with pytest.raises(KafkaException):
        committed(askers)
    assert (askers.count, is_closed(make.made[0])) == (0, True)
    assert len(committed(askers)) == 2


def test_of_many_groups_those_asked_last_are_kept(make: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    assert KEPT_MAX > 2
    monkeypatch.setattr("connect.kafka.askers.KEPT_MAX", 2)
    askers = Askers(make)
    for group in "abc":
        committed(askers, group)
    assert [is_closed(each) for each in make.made] == [True, False, False]
    askers.close()


def test_one_that_is_asked_when_all_are_closed_is_not_kept(askers: Askers, make: Counting) -> None:
    askers.close()
    committed(askers)
    assert askers.count == 0 and is_closed(make.made[0])
