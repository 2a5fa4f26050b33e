"""Each code of librdkafka has its place in the table."""

from __future__ import annotations

import concurrent.futures

import pytest
from confluent_kafka import KafkaError, KafkaException

from connect.api.errors import (
    ConflictError,
    ConnectError,
    EnvironmentFault,
    LogError,
    OffsetOutOfRangeError,
    ProducerFencedError,
    UnknownTopicOrPartitionError,
)
from connect.kafka.errors import (
    AUTHENTICATION,
    AUTHORIZATION,
    KINDS,
    UNREACHABLE,
    Access,
    Principal,
    inner,
    is_kind,
    is_vague,
    ours,
)

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


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        (
            "INVALID_REPLICATION_FACTOR",
            ["config.storage.replication.factor", "registry.storage.replication.factor", "topic.creation.default."],
        ),
        ("INVALID_SESSION_TIMEOUT", ["session.timeout.ms", "group.min.session.timeout.ms"]),
    ],
)
def test_where_the_brokers_name_no_key_the_keys_that_it_may_be_about_are_told(name: str, keys: list[str]) -> None:
    found = ours(KafkaError(getattr(KafkaError, name)), "create topic 'connect-configs'")
    assert [key for key in keys if key not in found.hint] == []


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


ADD = "kafka-acls --bootstrap-server BROKER --add --allow-principal"


def refused(name: str, needs: Access) -> ConnectError:
    return ours(KafkaError(getattr(KafkaError, name)), "append to topic 'my orders'", needs=needs)


def test_who_may_not_do_what_is_told_with_the_acl_that_is_missing() -> None:
    found = refused("TOPIC_AUTHORIZATION_FAILED", Principal("User:ann").topic("Write", "my orders"))
    assert found.code == AUTHORIZATION
    assert found.message == (
        "append to topic 'my orders': User:ann may not Write topic 'my orders' (Broker: Topic authorization failed); "
        f"to allow it: {ADD} User:ann --operation Write --topic 'my orders'"
    )


def test_of_a_topic_that_holds_state_all_that_a_worker_needs_is_told() -> None:
    worker = Principal("User:connect", state=("c", "o", "s"), group="g")
    found = refused("TOPIC_AUTHORIZATION_FAILED", worker.topic("Describe", "o"))
    assert "User:connect may not Describe topic 'o' (" in found.message
    operations = "--operation Create --operation DescribeConfigs --operation Read --operation Write"
    topics = f"{ADD} User:connect {operations} --topic c --topic o --topic s"
    group = f"{ADD} User:connect --operation Read --group g"
    lead = f"{ADD} User:connect --operation Write --transactional-id connect-cluster-g"
    assert found.message.endswith(f"{topics} && {group} && {lead}")
    assert worker.topic("Write", "other").acl == f"{ADD} User:connect --operation Write --topic other"


def test_a_refusal_of_another_kind_than_what_was_asked_for_is_not_told_as_that() -> None:
    asked = Principal("User:ann").topic("Write", "t")
    idempotence = refused("CLUSTER_AUTHORIZATION_FAILED", asked)
    assert idempotence.message.endswith(f"{ADD} User:ann --operation IdempotentWrite --cluster")
    other = refused("GROUP_AUTHORIZATION_FAILED", asked)
    assert "kafka-acls" not in other.message
    assert other.code == AUTHORIZATION


def test_of_a_certificate_s_user_the_brokers_know_the_name_alone() -> None:
    found = refused("TRANSACTIONAL_ID_AUTHORIZATION_FAILED", Principal("").transaction("x-0"))
    assert "the user of the client's certificate may not Write transactional-id 'x-0'" in found.message
    assert "--allow-principal User:NAME --operation Write --transactional-id x-0" in found.message


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("SASL authentication error: Authentication failed: Invalid username or password", "sasl.jaas.config"),
        ("SASL PLAIN mechanism handshake failed: Broker: Unsupported SASL mechanism", "sasl.mechanism"),
        ("SSL handshake failed: certificate verify failed", "ssl.truststore.location"),
        ("something new", None),
    ],
)
def test_a_login_that_failed_names_the_key_to_look_at(text: str, key: str | None) -> None:
    found = ours(KafkaError(KafkaError._AUTHENTICATION, text), "connect")
    assert (found.code, found.config_path) == (AUTHENTICATION, key)
    assert found.message == (f"connect: {key}: {text}" if key else f"connect: {text}")
