"""Making librdkafka's clients: what they do not take is told without secrets."""

from __future__ import annotations

import logging

import pytest
from confluent_kafka import KafkaError, Producer

from connect.api.errors import ConfigError
from connect.kafka.clients import Calm, Told, make_client


def test_what_librdkafka_does_not_take_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="brotli") as raised:
        make_client(Producer, {"compression.type": "brotli"}, Told(), path="producer.compression.type")
    assert raised.value.config_path == "producer.compression.type"


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
