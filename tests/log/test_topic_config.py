"""Topic names and topic configs, by Kafka's rules."""

from __future__ import annotations

import pytest

from connect.api import ConfigError
from connect.codec.compression import CODECS
from connect.log.topic_config import INT_MAX, KEYS, LONG_MAX, TopicConfig, as_stored, check_topic_name, describe_configs


@pytest.mark.parametrize("name", ["t", "a.b_c-D9", "x" * 249, "__consumer_offsets", "..."])
def test_a_name_of_kafka_s_letters_is_one(name):
    check_topic_name(name)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "empty string"),
        (".", "not allowed"),
        ("..", "not allowed"),
        ("x" * 250, "250 characters, 249"),
        ("a/b", "other characters"),
        ("ü", "other characters"),
        ("meta.properties", "the log's own files"),
        (".lock.tmp", "the log's own files"),
    ],
)
def test_any_other_is_refused_with_its_reason(name, why):
    with pytest.raises(ConfigError, match=why) as caught:
        check_topic_name(name)
    assert caught.value.code == "log.invalid_topic"


def test_defaults_are_kafka_s():
    config = TopicConfig.parse({})
    assert (config.segment_bytes, config.segment_ms, config.retention_bytes) == (1 << 30, 604_800_000, -1)
    assert (config.max_message_bytes, config.index_interval_bytes, config.flush_messages) == (1_048_588, 4096, LONG_MAX)
    assert (config.is_deleted, config.is_compacted, config.codec) == (True, False, None)


@pytest.mark.parametrize(
    ("text", "is_compacted", "is_deleted"),
    [("compact", True, False), ("delete", False, True), (" compact , delete ", True, True), ("", False, False)],
)
def test_policies_may_be_one_or_both(text, is_compacted, is_deleted):
    config = TopicConfig.parse({"cleanup.policy": text})
    assert (config.is_compacted, config.is_deleted) == (is_compacted, is_deleted)


@pytest.mark.parametrize("codec", CODECS.values(), ids=lambda codec: codec.name)
def test_every_codec_that_there_is_can_be_a_topic_s(codec):
    assert TopicConfig.parse({"compression.type": codec.name}).codec == codec


def test_uncompressed_is_kafka_s_other_word_and_a_level_goes_with_its_codec():
    assert TopicConfig.parse({"compression.type": "uncompressed"}).codec == CODECS[0]
    named = TopicConfig.parse({"compression.type": "gzip", "compression.gzip.level": "9"}).codec
    assert named is not None
    assert (named.name, named == CODECS[1]) == ("gzip", False)


@pytest.mark.parametrize("name", [name for name, key in KEYS.items() if key.least is not None and not key.is_ratio])
def test_a_number_out_of_its_range_names_the_key(name):
    least, most = int(KEYS[name].least), int(KEYS[name].most)
    for number in (least, most):
        TopicConfig.parse({name: str(number)})
    for text in (str(least - 1), str(most + 1), "1.5", "x", "", "1_000", "\u0661", "1" * 5000):
        with pytest.raises(ConfigError) as caught:
            TopicConfig.parse({name: text})
        assert caught.value.config_path == name


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"cleanup.policy": "compact,archive"}, "delete, compact, or both"),
        (
            {"compression.type": "brotli"},
            "'brotli' is not one of producer, uncompressed, none, gzip, snappy, lz4, zstd",
        ),
        ({"min.cleanable.dirty.ratio": "1.1"}, "not between 0 and 1"),
        ({"min.cleanable.dirty.ratio": "0.0_1"}, "'0.0_1' is not a number"),
        ({"min.cleanable.dirty.ratio": "NaN"}, "not between 0 and 1"),
        ({"preallocate": "maybe"}, "not one of true, false"),
        ({"retention.mss": "5"}, "did you mean retention.ms"),
        ({"retention.ms": 5}, "5 is not text"),
    ],
)
def test_what_cannot_be_says_what_could(raw, message):
    with pytest.raises(ConfigError, match=message):
        TopicConfig.parse(raw)


def test_numbers_are_read_as_java_reads_them():
    read = TopicConfig.parse({"retention.ms": " +1000 ", "min.cleanable.dirty.ratio": ".25d"})
    assert (read.retention_ms, read.min_cleanable_dirty_ratio) == (1000, 0.25)


def test_every_config_is_shown_with_who_set_it():
    shown = {
        entry.name: entry for entry in describe_configs({"retention.ms": "5"}, {"retention.ms": "6", "segment.ms": "7"})
    }
    assert list(shown) == sorted(KEYS)
    assert (shown["retention.ms"].value, shown["retention.ms"].source) == ("5", "topic")
    assert (shown["segment.ms"].value, shown["segment.ms"].source) == ("7", "log")
    assert (shown["segment.bytes"].value, shown["segment.bytes"].source) == (str(1 << 30), "default")
    assert shown["preallocate"].is_ignored
    assert not shown["max.message.bytes"].is_ignored
    assert int(shown["index.interval.bytes"].value) <= INT_MAX


def test_numbers_that_a_version_before_took_are_respelled_where_they_were_stored():
    stored = {"retention.ms": "1_000", "segment.bytes": "\u0661\u0662\u0663", "min.cleanable.dirty.ratio": "0.2_5"}
    assert as_stored(stored) == {"retention.ms": "1000", "segment.bytes": "123", "min.cleanable.dirty.ratio": "0.25"}
    as_they_are = {"retention.ms": "-1", "cleanup.policy": "compact", "segment.ms": "no_number"}
    assert as_stored(as_they_are) == as_they_are
