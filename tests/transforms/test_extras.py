"""The transforms beyond Kafka's: Confluent's, Debezium's and our own."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from connect.api import INT32, INT64, STRING, Batch, ConfigError, DataError, Headers, Record, Schema
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


# -- filter by condition -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "missing", "kept"),
    [
        ("include", "include", [0, 2]),
        ("include", "exclude", [0]),
        ("exclude", "include", [1, 2]),
        ("exclude", "exclude", [1]),
    ],
)
def test_records_are_kept_or_dropped_by_a_condition(kind: str, missing: str, kept: list[int]) -> None:
    transform = make_transform(
        "io.confluent.connect.transforms.Filter$Value",
        filter_condition="$[?(@.n > 1)]",
        filter_type=kind,
        missing_or_null_behavior=missing,
    )
    values = [{"n": 2}, {"n": 0}, {"m": 1}]
    made = transform.apply_batch(Batch("t", values))
    assert isinstance(made, Batch)
    assert made.values == [values[index] for index in kept]


def test_a_missing_field_fails_by_default() -> None:
    with pytest.raises(DataError, match="looks for fields that are missing or null"):
        transformed("FilterByPath$Value", {}, filter_condition="$[?(@.n > 1)]", filter_type="include")


def test_a_condition_that_is_none_is_refused_with_its_key() -> None:
    with pytest.raises(ConfigError, match=r"configuration filter\.condition: expected a name at position 2"):
        make_transform("FilterByPath$Value", filter_condition="$.", filter_type="include")


# -- topics --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "config", "topic"),
    [
        ("Value", {"field": "kind"}, "a"),
        ("Key", {}, "k"),
        ("Value", {"field": "$.to.x", "field_format": "json_path"}, "b"),
        ("Header", {"field": "h"}, "c"),
    ],
)
def test_a_topic_is_taken_from_the_record(kind: str, config: dict[str, str], topic: str) -> None:
    given = Record(
        "orders", {"kind": "a", "to": {"x": "b"}}, key="k", headers=Headers().add("h", "first").add("h", "c")
    )
    made = make_transform(f"ExtractTopic${kind}", **config).apply(given)
    assert made is not None
    assert made == given.replace(topic=topic)


def test_a_record_without_topic_name_fails_or_keeps_its_topic() -> None:
    with pytest.raises(DataError, match=r"no topic name at 'kind'.*skip\.missing\.or\.null"):
        transformed("ExtractTopic$Value", {}, field="kind")
    with pytest.raises(DataError, match=r"must be a String, found: java\.lang\.Integer"):
        transformed("ExtractTopic$Value", {"kind": 5}, field="kind")
    skip = make_transform("ExtractTopic$Value", field="kind", skip_missing_or_null="true")
    batches = skip.apply_batch(Batch("orders", [{}, {"kind": "a"}, {"kind": "a"}, {"kind": None}]))
    assert [(b.topic, len(b)) for b in batches] == [("orders", 1), ("a", 2), ("orders", 1)]  # type: ignore[union-attr]


def test_the_header_variant_needs_a_header() -> None:
    with pytest.raises(ConfigError, match="needs the name of a header"):
        make_transform("ExtractTopic$Header")


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


# -- tombstones, gzip ----------------------------------------------------------------------------------------------


def test_tombstones_are_dropped_with_a_line_in_the_log_or_refused(caplog: pytest.LogCaptureFixture) -> None:
    batch = Batch("orders", [None, 1, None])
    for behavior, level in (("warn", logging.WARNING), ("ignore", logging.DEBUG)):
        caplog.clear()
        with caplog.at_level(logging.DEBUG):
            made = make_transform("TombstoneHandler", alias="tomb", behavior=behavior).apply_batch(batch)
        assert isinstance(made, Batch) and made.values == [1]
        assert [(r.levelno, r.getMessage()) for r in caplog.records] == [
            (level, "transform tomb dropped 2 tombstone(s) of topic orders")
        ]
    with pytest.raises(DataError, match="behavior is set to fail"):
        make_transform("TombstoneHandler", behavior="fail").apply_batch(batch)


def test_gzip_is_taken_apart_member_by_member() -> None:
    data = gzip.compress(b"one ") + gzip.compress(b"two")
    assert transformed("GzipDecompress$Value", data) == b"one two"
    assert transformed("GzipDecompress$Value", None) is None


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"plain", "no gzip"),
        (gzip.compress(b"x" * 99)[:-9], "cut off"),
        (gzip.compress(b"x" * 1000), "more than 100 bytes"),
        ("text", "takes bytes"),
    ],
    ids=["no gzip", "cut", "large", "text"],
)
def test_what_is_no_gzip_or_too_large_is_refused(value: Any, why: str) -> None:
    with pytest.raises(DataError, match=why):
        transformed("GzipDecompress$Value", value, max_decompressed_bytes="100")


@pytest.mark.parametrize(
    ("behavior", "schema"), [("nullify", None), ("retain", INT32), ("force_optional", Schema("int32", optional=True))]
)
def test_a_value_is_dropped_with_its_schema_or_without(behavior: str, schema: Schema | None) -> None:
    made = make_transform("Drop$Value", schema_behavior=behavior).apply(Record("t", 5, key="k", value_schema=INT32))
    assert made == Record("t", None, key="k", value_schema=schema)


def test_a_schema_that_knows_no_null_can_be_refused() -> None:
    with pytest.raises(DataError, match=r"Schema\{INT32\} is not optional.*schema\.behavior"):
        transformed("Drop$Value", 5, INT32, schema_behavior="validate")


# -- time zones ----------------------------------------------------------------------------------------------------


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


# -- JSON Schema ---------------------------------------------------------------------------------------------------

SCHEMA = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "integer"},
        "mail": {"format": "email"},
        "to": {"properties": {"zip": {"maxLength": 5}}},
    },
}


def test_a_record_that_meets_its_schema_passes_as_it_is() -> None:
    value = {"id": 1, "mail": "none"}
    assert transformed("ValidateJsonSchema$Value", value, schema=json.dumps(SCHEMA)) is value
    assert transformed("ValidateJsonSchema$Value", None, schema=json.dumps(SCHEMA)) is None


def test_a_record_that_does_not_is_an_error_that_says_where(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps(SCHEMA))
    with pytest.raises(DataError, match=r"\$\.id: 'x' is not of type 'integer'; \$\.to\.zip: '690012' is too long"):
        transformed(
            "ValidateJsonSchema$Value", {"id": "x", "to": {"zip": "690012"}}, schema_file=str(tmp_path / "s.json")
        )
    with pytest.raises(DataError, match="'none' is not a 'email'"):
        transformed(
            "ValidateJsonSchema$Value", {"id": 1, "mail": "none"}, schema=json.dumps(SCHEMA), check_formats="true"
        )
    with pytest.raises(DataError, match="None is not of type 'object'"):
        transformed("ValidateJsonSchema$Value", None, schema=json.dumps(SCHEMA), validate_null="true")


def test_a_json_schema_file_that_is_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="not a regular file"):
        transformed("ValidateJsonSchema$Value", {}, schema_file=str(tmp_path / "pipe"))


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({}, "neither is"),
        ({"schema": "{}", "schema_file": "x"}, "both are"),
        ({"schema": "{"}, "configuration schema:"),
        ({"schema": "5"}, "is an object"),
        ({"schema": '{"type": "strin"}'}, r"the schema is none, at \$\.type"),
        ({"schema_file": "/no/such"}, "No such file"),
    ],
)
def test_a_schema_that_is_none_is_refused(config: dict[str, str], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        make_transform("ValidateJsonSchema$Value", **config)


def test_a_reference_to_another_document_is_never_fetched() -> None:
    with pytest.raises(DataError, match=r"refers to http://127\.0\.0\.1:9/x\.json, which is no part of it"):
        transformed("ValidateJsonSchema$Value", {}, schema='{"$ref": "http://127.0.0.1:9/x.json"}')


def test_the_key_can_be_checked() -> None:
    check = make_transform("ValidateJsonSchema$Key", schema='{"type": "string"}')
    assert check.apply(Record("t", 1, key="k", key_schema=STRING, value_schema=INT32)) is not None
    with pytest.raises(DataError):
        check.apply(Record("t", 1, key=5))
