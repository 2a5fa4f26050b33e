"""Making librdkafka's clients: what they do not take is told without secrets."""

from __future__ import annotations

import logging

import pytest
from confluent_kafka import KafkaError, Producer

from connect.api.errors import ConfigError
from connect.kafka.clients import Calm, Told, make_client
from connect.kafka.diagnosis import Finding


def test_what_librdkafka_does_not_take_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="brotli") as raised:
        make_client(Producer, {"compression.type": "brotli"}, Told(), path="producer.compression.type")
    assert raised.value.config_path == "producer.compression.type"


def test_a_login_by_kerberos_says_that_the_client_was_built_without_it() -> None:
    with pytest.raises(ConfigError, match="GSSAPI: the installed client was built without Kerberos") as raised:
        make_client(Producer, {"security.protocol": "sasl_plaintext", "sasl.mechanisms": "GSSAPI"}, Told())
    assert raised.value.config_path == "sasl.mechanism"


def test_a_secret_that_librdkafka_repeats_is_not_in_the_message() -> None:
    with pytest.raises(ConfigError) as raised:
        make_client(Producer, {"security.protocol": "ssl", "ssl.key.pem": "my-own-key"}, Told())
    assert "my-own-key" not in raised.value.message


def test_an_authentication_that_failed_is_not_forgotten_for_what_follows_from_it() -> None:
    told = Told()
    for code in (KafkaError._TRANSPORT, KafkaError._AUTHENTICATION, KafkaError._ALL_BROKERS_DOWN):
        told.take(KafkaError(code))
    assert told.last is not None
    assert told.last.code() == KafkaError._AUTHENTICATION


def test_what_a_broker_said_is_not_forgotten_for_that_none_is_left() -> None:
    told = Told()
    for code in (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN):
        told.take(KafkaError(code))
    assert told.last is not None
    assert told.last.code() == KafkaError._TRANSPORT


def test_a_client_that_was_refused_says_why_once_and_one_that_got_in_has_nothing_to_say() -> None:
    told = Told()
    told.is_of({"bootstrap.servers": "127.0.0.1:1", "security.protocol": "SASL_SSL", "sasl.username": "ann"})
    assert told.principal.name == "User:ann"
    assert told.refusal("append") is None
    told.take(KafkaError(KafkaError._AUTHENTICATION, "SASL authentication error"))
    refusal = told.refusal("append")
    assert refusal is not None
    assert (refusal.code, refusal.message) == (
        "kafka.authentication",
        "append: sasl.jaas.config: SASL authentication error",
    )
    assert told.refusal("append") is None
    told.take(KafkaError(KafkaError._AUTHENTICATION, "SASL authentication error"))
    told.got_in()
    assert told.refusal("append") is None


def test_the_listeners_of_a_client_that_was_never_in_are_looked_at_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("connect.kafka.clients.time.monotonic", lambda: now)
    asked: list[str] = []

    def why_not_in(servers: str, configs: object) -> Finding:
        asked.append(servers)
        return Finding("security.protocol", "set SSL")

    monkeypatch.setattr("connect.kafka.clients.why_not_in", why_not_in)
    told, was_in = Told(), Told()
    for each in (told, was_in):
        each.is_of({"bootstrap.servers": "b:1"})
    was_in.got_in()
    for each in (told, was_in):
        each.take(KafkaError(KafkaError._ALL_BROKERS_DOWN))
        assert each.refusal("read") is None
    now += 11
    assert was_in.refusal("read") is None, "its brokers come and go"
    refusal = told.refusal("read")
    assert refusal is not None
    assert (refusal.message, refusal.config_path) == ("read: security.protocol: set SSL", "security.protocol")
    assert asked == ["b:1"]


def test_a_client_says_the_same_once_a_minute_and_never_louder_than_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("connect.kafka.clients.time.monotonic", lambda: now)
    calm = Calm()

    def line(facility: str, client: str, level: int = logging.ERROR) -> logging.LogRecord:
        return logging.LogRecord("x", level, "", 0, "%s [%s] %s", (facility, client, "Connection refused"), None)

    first = line("FAIL", "producer-1")
    assert calm.filter(first)
    assert (first.levelno, first.levelname) == (logging.WARNING, "WARNING")
    assert not calm.filter(line("FAIL", "producer-1"))
    assert calm.filter(line("FAIL", "producer-2"))
    assert calm.filter(line("SESSTMOUT", "producer-1"))
    now += 61
    assert calm.filter(line("FAIL", "producer-1"))
    fatal = line("FATAL", "producer-1", logging.CRITICAL)
    assert calm.filter(fatal)
    assert fatal.levelno == logging.CRITICAL
