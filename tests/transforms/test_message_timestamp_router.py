"""MessageTimestampRouter: the topic is named by a date within the value."""

from __future__ import annotations

import datetime as dt

import pytest

from connect.api import Batch, ConfigError, DataError
from tests.support.transforms import make_transform


def test_a_topic_is_named_by_a_date_within_the_value() -> None:
    config = {
        "topic_format": "foo-${topic}-${timestamp}",
        "message_timestamp_format": "yyyy-MM-dd",
        "topic_timestamp_format": "yyyy.MM.dd",
        "message_timestamp_keys": "timestamp,time,ts",
    }
    transform = make_transform("MessageTimestampRouter", **config)
    values = [{"time": "2019-08-06"}, {"ts": 1_565_049_600_000}, {"ts": dt.datetime(2019, 8, 6, tzinfo=dt.UTC)}]
    made = transform.apply_batch(Batch("bar", values))
    assert isinstance(made, Batch)
    assert made.topic == "foo-bar-2019.08.06"
    for value, why in (
        ({}, "none of the fields timestamp, time, ts"),
        ({"ts": "x"}, "does not match pattern"),
        ({"ts": []}, "must hold a timestamp"),
        ("x", r"absence of schema for \[timestamp extraction\]"),
    ):
        with pytest.raises(DataError, match=why):
            transform.apply_batch(Batch("bar", [value]))


def test_without_formats_a_moment_of_iso_8601_names_a_topic_by_its_day() -> None:
    transform = make_transform("MessageTimestampRouter", message_timestamp_keys="ts")
    made = transform.apply_batch(
        Batch("bar", [{"ts": "2019-08-06T01:02:03.456Z"}, {"ts": "2019-08-05T23:02:03.456-03"}])
    )
    assert isinstance(made, Batch)
    assert made.topic == "bar-20190806"


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("message.timestamp.keys", "a,,b", "Configuration 'message.timestamp.keys' values must not be empty"),
        ("message.timestamp.keys", "", "Configuration 'message.timestamp.keys' must not be empty"),
        ("message.timestamp.keys", "`a", "Incomplete backtick pair"),
        ("message.timestamp.format", "b", "Invalid value b for configuration message.timestamp.format"),
        ("topic.timestamp.format", "b", "Invalid value b for configuration topic.timestamp.format"),
    ],
)
def test_what_a_config_cannot_mean_is_refused_by_its_key(key: str, value: str, why: str) -> None:
    config = {"message.timestamp.keys": "ts", "field.syntax.version": "V2", key: value}
    with pytest.raises(ConfigError, match=why) as raised:
        make_transform("MessageTimestampRouter", **config)
    assert raised.value.config_path == key
