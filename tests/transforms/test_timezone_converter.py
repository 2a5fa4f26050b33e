"""TimezoneConverter: the dates of change events in another time zone."""

from __future__ import annotations

import datetime as dt

import pytest

from connect.api import INT64, STRING, ConfigError, DataError, Schema
from tests.support.transforms import make_transform, transformed

ZONED = Schema.struct(
    {
        "at": Schema("string", name="io.debezium.time.ZonedTimestamp"),
        "ms": Schema("int64", name="io.debezium.time.Timestamp"),
        "ts": Schema.timestamp(),
        "n": INT64,
    },
    name="row",
)
ENVELOPE = Schema.struct(
    {"before": ZONED.replace(optional=True), "after": ZONED, "op": STRING, "source": Schema.struct({"table": STRING})},
    name="shop.Envelope",
)
ROW = {"at": "2024-07-01T12:00:00.123400Z", "ms": 0, "ts": dt.datetime(2024, 7, 1, 12, tzinfo=dt.UTC), "n": 0}


def test_the_dates_of_a_change_event_are_shown_in_a_zone() -> None:
    event = {"before": None, "after": ROW, "op": "c", "source": {"table": "orders"}}
    made = transformed("TimezoneConverter", event, ENVELOPE, converted_timezone="America/New_York")
    assert made["after"] == {
        "at": "2024-07-01T08:00:00.1234-04:00",
        "ms": 18_000_000,
        "n": 0,
        "ts": dt.datetime(2024, 7, 1, 16, tzinfo=dt.UTC),
    }
    assert made["source"] == {"table": "orders"}


@pytest.mark.parametrize(
    ("config", "changed"),
    [
        ({}, {"at", "ms", "ts"}),
        ({"include_list": "source:orders:at"}, {"at"}),
        ({"include_list": "topic:orders"}, {"at", "ms", "ts"}),
        ({"include_list": "orders:after.ms"}, {"ms"}),
        ({"include_list": "other:at"}, set()),
        ({"exclude_list": "orders:at"}, {"ms", "ts"}),
        ({"exclude_list": "source:orders"}, set()),
        ({"exclude_list": "source:other"}, {"at", "ms", "ts"}),
    ],
)
def test_rules_say_which_fields_are_converted(config: dict[str, str], changed: set[str]) -> None:
    event = {"before": None, "after": ROW, "op": "c", "source": {"table": "orders"}}
    made = transformed("TimezoneConverter", event, ENVELOPE, converted_timezone="+01:00", **config)
    assert {name for name in ROW if made["after"][name] != ROW[name]} == changed


def test_rows_without_envelope_and_texts_without_schema_are_converted_too() -> None:
    config = {"converted_timezone": "+01:00", "include_list": "orders:at"}
    assert transformed("TimezoneConverter", {"at": "2024-07-01T12:00:00Z", "to": "2024-07-01T12:00:00Z"}, **config) == {
        "at": "2024-07-01T13:00:00+01:00",
        "to": "2024-07-01T12:00:00Z",
    }
    assert transformed("TimezoneConverter", ROW, ZONED, **config)["at"] == "2024-07-01T13:00:00.1234+01:00"
    with pytest.raises(DataError, match="expected a date with an offset, such as"):
        transformed("TimezoneConverter", {"at": "yesterday"}, **config)


def test_every_mistake_in_a_zone_config_is_told() -> None:
    with pytest.raises(ConfigError) as caught:
        make_transform("TimezoneConverter", converted_timezone="Mars", include_list="a:b:c:d", exclude_list="x:y")
    assert [p.key for p in caught.value.problems] == ["converted.timezone", "exclude.list", "include.list"]  # type: ignore[attr-defined]
