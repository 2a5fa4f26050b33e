"""TimestampRouter: a topic name from the old one and the record's timestamp."""

from __future__ import annotations

import pytest

from connect.api import Batch, ConfigError, DataError, Record
from tests.support.transforms import make_transform

DAY_MS = 86_400_000
AT_MS = 1_706_704_200_000


def test_a_topic_is_named_by_the_day_of_the_record_in_utc() -> None:
    made = make_transform("TimestampRouter").apply(Record("orders", 1, timestamp=AT_MS))
    assert made is not None and made.topic == "orders-20240131"


def test_the_formats_say_how_the_name_is_made() -> None:
    config = {"topic_format": "${timestamp}/${topic}/x", "timestamp_format": "yyyy-MM"}
    made = make_transform("TimestampRouter", **config).apply(Record("orders", 1, timestamp=AT_MS))
    assert made is not None and made.topic == "2024-01/orders/x"


def test_a_batch_is_parted_where_the_name_changes_and_keeps_its_order() -> None:
    batch = Batch("t", [1, 2, 3, 4], timestamps=[AT_MS, AT_MS, AT_MS + DAY_MS, AT_MS])
    parts = make_transform("TimestampRouter").apply_batch(batch)
    assert isinstance(parts, list)
    assert [(part.topic, part.values) for part in parts] == [
        ("t-20240131", [1, 2]),
        ("t-20240201", [3]),
        ("t-20240131", [4]),
    ]
    assert batch.topic == "t"


def test_a_batch_of_one_day_stays_one() -> None:
    made = make_transform("TimestampRouter").apply_batch(Batch("t", [1, 2], timestamps=[AT_MS, AT_MS + 1]))
    assert isinstance(made, Batch) and (made.topic, made.values) == ("t-20240131", [1, 2])


def test_a_record_without_timestamp_is_an_error() -> None:
    with pytest.raises(DataError, match="Timestamp missing on record"):
        make_transform("TimestampRouter").apply(Record("t", 1))
    with pytest.raises(DataError, match="Timestamp missing on record"):
        make_transform("TimestampRouter").apply_batch(Batch("t", [1, 2], timestamps=[AT_MS, None]))


def test_a_format_that_is_none_is_refused_with_its_key() -> None:
    with pytest.raises(ConfigError, match=r"timestamp\.format"):
        make_transform("TimestampRouter", timestamp_format="nope")
