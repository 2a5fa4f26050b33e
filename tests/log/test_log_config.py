"""Configs of the log as a whole: a broker's keys, and topic configs for all topics."""

from __future__ import annotations

import pytest

from connect.api import ConfigError
from connect.log.log_config import LOG_KEYS, SYNONYMS, LogConfig, is_log_key
from connect.log.topic_config import KEYS


def test_without_configs_the_defaults_are_those_that_are_documented():
    config = LogConfig.parse({})
    assert config.cleaner_enable
    assert config.cleaner_buffer_bytes == 64 << 20
    assert config.offsets_retention_ms == 7 * 86_400_000
    assert config.topic_defaults == {}


def test_a_broker_s_name_of_a_topic_config_and_its_own_mean_the_same():
    config = LogConfig.parse({"log.retention.ms": "5", "segment.bytes": "100", "log.cleaner.enable": "false"})
    assert config.topic_defaults == {"retention.ms": "5", "segment.bytes": "100"}
    assert not config.cleaner_enable


def test_every_synonym_leads_to_a_topic_config_and_every_key_is_one_of_the_log():
    assert set(SYNONYMS.values()) <= set(KEYS)
    assert all(map(is_log_key, [*LOG_KEYS, *SYNONYMS, "log.cleaner.enable"]))
    assert not is_log_key("retention.ms")
    assert not is_log_key("data.dir")


@pytest.mark.parametrize("name", LOG_KEYS)
def test_a_number_below_its_least_names_the_key(name):
    _, least, _ = LOG_KEYS[name]
    LogConfig.parse({name: str(least)})
    for text in (str(least - 1), "-1", "1.5", "", str(1 << 63), "²", "9" * 5000):
        with pytest.raises(ConfigError) as caught:
            LogConfig.parse({name: text})
        assert caught.value.config_path == name


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({"log.cleaner.enable": "yes"}, "log.cleaner.enable"),
        ({"log.retention.ms": "soon"}, "retention.ms"),
        ({"log.unknown": "1"}, "log.unknown"),
    ],
)
def test_what_cannot_be_names_its_key(raw, path):
    with pytest.raises(ConfigError) as caught:
        LogConfig.parse(raw)
    assert caught.value.config_path == path
