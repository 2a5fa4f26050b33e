"""What a topic allows, and what is remembered of topics."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicCollection

from connect.api.errors import EnvironmentFault, InvalidRecordError, RecordTooLargeError
from connect.kafka import topics as module
from connect.kafka.admin_client import WatchedAdminClient
from connect.kafka.errors import Principal
from connect.kafka.topics import Limits, Topics, check_request, size_of
from connect.records import Columns
from tests.support.engines import now_ms


def records(*values: bytes | None, **parts: Any) -> Columns:
    parts.setdefault("timestamps", now_ms())
    return Columns(list(values), **parts)


def test_limits_are_those_of_the_configs() -> None:
    found = Limits.of(
        {
            "max.message.bytes": "1000",
            "cleanup.policy": "compact,delete",
            "message.timestamp.type": "LogAppendTime",
            "message.timestamp.after.max.ms": "5",
        }
    )
    assert (found.max_message_bytes, found.is_compacted, found.is_log_append_time) == (1000, True, True)
    found.check("t", records(b"v", keys=[b"k"], timestamps=0), is_compressed=False)


def test_a_record_that_cannot_fit_is_refused_with_its_topic() -> None:
    limits = Limits(1000)
    limits.check("orders", records(b"v" * 800, b"w" * 800), is_compressed=False)
    for given in (
        records(b"v", bytes(1000)),
        records(None, keys=[bytes(1000)]),
        records(b"v", headers=[[("h", bytes(1000))]]),
    ):
        with pytest.raises(RecordTooLargeError, match=r"max\.message\.bytes of topic 'orders' is 1000"):
            limits.check("orders", given, is_compressed=False)


def test_what_may_fit_once_it_is_compressed_goes_alone() -> None:
    limits = Limits(1000)
    limits.check("orders", records(bytes(5000)), is_compressed=True)
    with pytest.raises(RecordTooLargeError):
        limits.check("orders", records(b"v", bytes(5000)), is_compressed=True)


def test_a_record_that_its_producer_would_refuse_is_refused_before_any_is_sent() -> None:
    check_request("orders", records(b"v" * 900, b"w" * 900), 1000)
    for given in (records(b"v", bytes(1000)), records(b"v", headers=[[("h", bytes(1000))]])):
        with pytest.raises(RecordTooLargeError, match=r"'orders' takes 10\d\d bytes; max\.request\.size .* is 1000"):
            check_request("orders", given, 1000)


def test_keys_and_timestamps_are_checked() -> None:
    limits = Limits(1000, is_compacted=True)
    with pytest.raises(InvalidRecordError, match="without a key"):
        limits.check("orders", records(b"v"), is_compressed=False)
    limits = Limits(1000, timestamp_after_max_ms=1000)
    with pytest.raises(InvalidRecordError, match=r"message\.timestamp\.after\.max\.ms"):
        limits.check("orders", records(b"v", timestamps=now_ms() + 60_000), is_compressed=False)


def test_no_record_is_larger_than_the_longest() -> None:
    given = records(b"a" * 10, None, keys=[None, b"b" * 20], headers=[[("h", b"c" * 30)], None])
    assert Limits.longest(given) == max(size_of(given, row) for row in range(2))
    assert Limits.longest(records(b"a" * 10, b"b")) >= size_of(records(b"a" * 10), 0)


async def test_many_that_ask_together_while_no_broker_answers_wait_no_longer_than_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LOOK_UP_S", 2.0)
    client = WatchedAdminClient({"bootstrap.servers": "127.0.0.1:1", "log_level": 0})
    topics = Topics(client, Principal("User:ANONYMOUS"))
    began = time.monotonic()
    found = await asyncio.gather(*(asyncio.to_thread(topics.names) for _ in range(8)), return_exceptions=True)
    assert time.monotonic() - began < 10, "8 times two seconds is what they would wait in turn"
    assert all(isinstance(each, KafkaException) for each in found)


class Breaking:
    """An administrator whose connection breaks amid the first requests."""

    def __init__(self, times: int) -> None:
        self.asked: list[list[str]] = []
        self._times = times

    def poll(self, timeout_s: float) -> None:
        pass

    def describe_topics(self, topics: TopicCollection, **_: object) -> dict[str, Future[str]]:
        self.asked.append(sorted(topics.topic_names))
        answers: dict[str, Future[str]] = {name: Future() for name in topics.topic_names}
        for name, answer in answers.items():
            if name == "b" and len(self.asked) <= self._times:
                answer.set_exception(KafkaException(KafkaError(KafkaError._TRANSPORT)))
            else:
                answer.set_result(f"topic {name}")
        return answers


def test_a_look_amid_which_a_connection_broke_is_made_again_for_what_was_not_answered() -> None:
    client = Breaking(2)
    topics = Topics(client, Principal("User:ANONYMOUS"))  # type: ignore[arg-type]
    assert topics.describe(["a", "b"]) == {"a": "topic a", "b": "topic b"}
    assert client.asked == [["a", "b"], ["b"], ["b"]]


def test_a_look_whose_connection_breaks_each_time_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_UP_S", 0.3)
    topics = Topics(Breaking(1000), Principal("User:ANONYMOUS"))  # type: ignore[arg-type]
    with pytest.raises(EnvironmentFault, match="look at topic 'b'"):
        topics.describe(["a", "b"])
