"""What the bundled log heeds of Kafka's producer configs."""

from __future__ import annotations

import pytest

from connect.api import ConfigError
from connect.log.clients.producer_config import BATCH_BYTES, ProducerConfig


def test_without_configs_batches_are_large_plain_and_not_sequenced():
    config = ProducerConfig.parse({})
    assert (config.codec.name, config.batch_bytes, config.is_idempotent) == ("none", BATCH_BYTES, False)
    assert (config.transactional_id, config.transaction_timeout_ms) == (None, 60_000)


def test_kafka_s_keys_are_heeded_and_those_about_a_network_passed_over():
    config = ProducerConfig.parse(
        {"compression.type": "zstd", "compression.zstd.level": "7", "batch.size": "0", "linger.ms": "no matter"}
    )
    assert (config.codec.name, config.batch_bytes) == ("zstd", 1)


def test_a_transactional_id_brings_idempotence_along():
    assert ProducerConfig.parse({"transactional.id": "a"}).is_idempotent
    assert ProducerConfig.parse({"enable.idempotence": "true"}).is_idempotent


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({"compression.type": "brotli"}, "compression.type"),
        ({"compression.type": "zstd", "compression.zstd.level": "high"}, "compression.type"),
        ({"batch.size": "-1"}, "batch.size"),
        ({"batch.size": "²"}, "batch.size"),
        ({"batch.size": "9" * 5000}, "batch.size"),
        ({"transaction.timeout.ms": "1.5"}, "transaction.timeout.ms"),
        ({"enable.idempotence": "yes"}, "enable.idempotence"),
        ({"enable.idempotence": "false", "transactional.id": "a"}, "enable.idempotence"),
    ],
)
def test_a_value_that_cannot_be_names_its_key(raw, path):
    with pytest.raises(ConfigError) as caught:
        ProducerConfig.parse(raw)
    assert caught.value.config_path == path
