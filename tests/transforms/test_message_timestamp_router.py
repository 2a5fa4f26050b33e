"""MessageTimestampRouter: the topic is named by a date within the value."""

from __future__ import annotations

import datetime as dt

import pytest

from connect.api import Batch, DataError
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
    ):
        with pytest.raises(DataError, match=why):
            transform.apply_batch(Batch("bar", [value]))
