"""Each code of librdkafka has its place in the table."""

from __future__ import annotations

import concurrent.futures

import pytest
from confluent_kafka import KafkaError, KafkaException

from connect.api.errors import (
    ConflictError,
    EnvironmentFault,
    LogError,
    OffsetOutOfRangeError,
    ProducerFencedError,
    UnknownTopicOrPartitionError,
)
from connect.kafka.errors import AUTHENTICATION, AUTHORIZATION, KINDS, UNREACHABLE, inner, is_kind, is_vague, ours

#: What librdkafka gives no name of its own.
NAMES = sorted(name for name, value in vars(KafkaError).items() if isinstance(value, int) and name.isupper())


def test_every_code_has_its_place() -> None:
    assert NAMES
    assert [name for name in NAMES if name not in KINDS] == []
    assert [name for name in KINDS if not hasattr(KafkaError, name)] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_code_makes_an_error_that_says_what_was_done(name: str) -> None:
    error = KafkaError(getattr(KafkaError, name))
    found = ours(error, "append to topic 'orders'")
    assert found.message.startswith("append to topic 'orders': ")
    assert isinstance(found, KINDS.get(error.name(), (LogError, None))[0])


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("_TRANSPORT", EnvironmentFault, UNREACHABLE),
        ("NOT_ENOUGH_REPLICAS", EnvironmentFault, UNREACHABLE),
        ("SASL_AUTHENTICATION_FAILED", EnvironmentFault, AUTHENTICATION),
        ("TOPIC_AUTHORIZATION_FAILED", EnvironmentFault, AUTHORIZATION),
        ("UNKNOWN_TOPIC_OR_PART", UnknownTopicOrPartitionError, "log.unknown_topic_or_partition"),
        ("_FENCED", ProducerFencedError, "log.producer_fenced"),
        ("_AUTO_OFFSET_RESET", OffsetOutOfRangeError, "log.offset_out_of_range"),
        ("NON_EMPTY_GROUP", ConflictError, "log.group_in_use"),
    ],
)
def test_callers_find_what_they_decide_by(name: str, kind: type, code: str) -> None:
    error = KafkaError(getattr(KafkaError, name))
    found = ours(error, "x")
    assert (type(found), found.code) == (kind, code)
    assert is_kind(error, kind)
    assert found.hint


def test_who_does_not_answer_says_what_the_client_was_told_before() -> None:
    vague, because = KafkaError(KafkaError._TIMED_OUT), KafkaError(KafkaError._AUTHENTICATION, "SASL: no such user")
    found = ours(vague, "commit", because=because)
    assert is_vague(vague)
    assert "no such user" in found.message
    assert found.code == AUTHENTICATION


def test_an_error_is_found_inside_what_was_raised() -> None:
    error = KafkaError(KafkaError._FENCED, "fenced", fatal=True)
    try:
        try:
            raise KafkaException(error)
        except KafkaException as raised:
            raise SystemError("a callback failed") from raised
    except SystemError as outer:
        assert inner(outer) == error
        assert isinstance(ours(outer, "x"), ProducerFencedError)
    assert isinstance(ours(ValueError("v"), "x"), LogError)


def test_an_answer_that_does_not_come_is_an_outage() -> None:
    found = ours(concurrent.futures.TimeoutError(), "look")
    assert (type(found), found.code) == (EnvironmentFault, UNREACHABLE)
