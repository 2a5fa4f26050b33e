"""Making librdkafka's clients: what they do not take is told without secrets."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, Producer

from connect.api.errors import ConfigError
from connect.kafka.clients import Told, make_client


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
