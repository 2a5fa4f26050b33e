"""Every bundled transform passes the certificate, each with configs that it is used with."""

from __future__ import annotations

import datetime as dt
import gzip
from typing import Any

from connect.api import INT32, OPTIONAL_STRING, STRING, Headers, Record, Schema
from connect.testing.suites import TransformSuite
from connect_transforms import connect_transforms

V2 = {"field.syntax.version": "V2"}
VALUE = frozenset({"value", "value_schema"})
KEY = frozenset({"key", "key_schema"})
TOPIC = frozenset({"topic"})
HEADERS = frozenset({"headers"})
INNER = Schema.struct({"a": STRING, "b": INT32})
STRUCT = Schema.struct({"a": STRING, "b": INT32, "d": OPTIONAL_STRING, "n": INNER, "ts": Schema.timestamp()}, name="s")
MOMENT = dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC)


def plain(number: int) -> dict[str, Any]:
    return {"a": str(number), "b": number, "d": "2024-01-31", "n": {"a": "2024", "b": number}}


def records(make: Any = plain) -> list[Record]:
    """Records with and without a schema; but for change events, key and value are the same."""
    found = []
    for number in range(8):
        with_schema = make is plain and number % 3 == 2
        value = make(number) | {"ts": MOMENT} if with_schema else make(number)
        schema = STRUCT if with_schema else None
        found.append(
            Record(
                "topic",
                value,
                key={"a": "key", "b": number} if make is envelope else value,
                key_schema=INNER if make is envelope else schema,
                value_schema=schema,
                partition=0,
                timestamp=1_700_000_000_000 + number,
                headers=Headers().add("h", "header", STRING),
                source_partition={"p": 1},
                source_offset={"n": number},
                offset=number,
                original_topic="topic",
                original_partition=0,
            )
        )
    return found


def envelope(number: int) -> dict[str, Any]:
    """A change event of Debezium."""
    source = {"version": "3.0", "connector": "postgresql", "name": "s", "ts_ms": 1, "db": "d", "schema": "public"}
    op = ("c", "u", "d")[number % 3]
    return {
        "before": None if op == "c" else {"id": number, "a": "before"},
        "after": None if op == "d" else {"id": number, "a": "after"},
        "source": {**source, "table": "t"},
        "op": op,
        "ts_ms": 1,
    }


def outbox(number: int) -> dict[str, Any]:
    """A change event of an outbox table."""
    row = {"id": str(number), "aggregatetype": "orders", "aggregateid": "5", "type": "Made", "payload": '{"a": 1}'}
    return {**envelope(0), "after": row}


def packed(number: int) -> bytes:
    return gzip.compress(f"value {number}".encode())


#: Of each transform: a config, what it changes, and what its records are made of.
CASES: list[tuple[str, dict[str, str], frozenset[str], Any]] = [
    ("ByLogicalTableRouter", {"topic.regex": "t(.*)", "topic.replacement": "u$1"}, TOPIC | KEY, envelope),
    ("Cast$Key", {"spec": "a:int32"}, KEY, plain),
    ("Cast$Value", {"spec": "a:int8,b:string"}, VALUE, plain),
    ("Cast$Value", {"spec": "n.b:string", **V2}, VALUE, plain),
    ("Drop$Key", {}, KEY, plain),
    ("Drop$Value", {}, VALUE, plain),
    ("DropHeaders", {"headers": "h"}, HEADERS, plain),
    ("EventRouter", {}, TOPIC | VALUE | KEY | HEADERS | {"timestamp", "partition"}, outbox),
    ("ExtractChangedRecordState", {"header.changed.name": "c"}, HEADERS, envelope),
    ("ExtractField$Key", {"field": "a"}, KEY, plain),
    ("ExtractField$Value", {"field": "n.a", **V2}, VALUE, plain),
    ("ExtractNewRecordState", {"add.headers": "op"}, VALUE | HEADERS, envelope),
    ("ExtractTopic$Header", {"field": "h"}, TOPIC, plain),
    ("ExtractTopic$Key", {"field": "d"}, TOPIC, plain),
    ("ExtractTopic$Value", {"field": "$.n.a", "field.format": "JSON_PATH"}, TOPIC, plain),
    ("Filter", {}, frozenset(), plain),
    ("FilterByPath$Key", {"filter.condition": "$[?(@.b > 3)]", "filter.type": "include"}, frozenset(), plain),
    ("FilterByPath$Value", {"filter.condition": "$[?(@.b > 3)]", "filter.type": "exclude"}, frozenset(), plain),
    ("Flatten$Key", {}, KEY, plain),
    ("Flatten$Value", {"delimiter": "_"}, VALUE, plain),
    ("GzipDecompress$Key", {}, KEY, packed),
    ("GzipDecompress$Value", {}, VALUE, packed),
    ("HeaderFrom$Key", {"fields": "a", "headers": "A", "operation": "copy"}, HEADERS, plain),
    ("HeaderFrom$Value", {"fields": "a,b", "headers": "A,h", "operation": "move"}, VALUE | HEADERS, plain),
    ("HeaderToValue", {"headers": "h", "fields": "z", "operation": "move"}, VALUE | HEADERS, plain),
    ("HoistField$Key", {"field": "line"}, KEY, plain),
    ("HoistField$Value", {"field": "line"}, VALUE, plain),
    ("InsertField$Key", {"static.field": "s", "static.value": "x"}, KEY, plain),
    ("InsertField$Value", {"topic.field": "t", "timestamp.field": "at"}, VALUE, plain),
    ("InsertHeader", {"header": "h", "value.literal": "5"}, HEADERS, plain),
    ("MaskField$Key", {"fields": "a,b"}, KEY, plain),
    ("MaskField$Value", {"fields": "a", "replacement": "***"}, VALUE, plain),
    ("MessageTimestampRouter", {"message.timestamp.keys": "d", "message.timestamp.format": "yyyy-MM-dd"}, TOPIC, plain),
    ("PartitionRouting", {"partition.payload.fields": "op", "partition.topic.num": "3"}, {"partition"}, envelope),
    ("RegexRouter", {"regex": "t(.*)", "replacement": "u$1"}, TOPIC, plain),
    ("ReplaceField$Key", {"exclude": "a"}, KEY, plain),
    ("ReplaceField$Value", {"include": "a,b", "renames": "a:z"}, VALUE, plain),
    ("SchemaChangeEventFilter", {"schema.change.event.exclude.list": "CREATE"}, frozenset(), plain),
    ("SetSchemaMetadata$Key", {"schema.name": "x"}, KEY, plain),
    ("SetSchemaMetadata$Value", {"schema.version": "7"}, VALUE, plain),
    ("TimestampConverter$Key", {"target.type": "unix", "field": "d", "format": "yyyy-MM-dd"}, KEY, plain),
    ("TimestampConverter$Value", {"target.type": "Timestamp", "field": "d", "format": "yyyy-MM-dd"}, VALUE, plain),
    ("TimestampRouter", {}, TOPIC, plain),
    ("TimezoneConverter", {"converted.timezone": "America/New_York"}, VALUE, plain),
    ("TombstoneHandler", {}, frozenset(), plain),
    ("ValidateJsonSchema$Key", {"schema": '{"properties": {"b": {"type": "integer"}}}'}, frozenset(), plain),
    ("ValidateJsonSchema$Value", {"schema": '{"required": ["a"]}'}, frozenset(), plain),
    ("ValueToKey", {"fields": "a,b"}, KEY, plain),
]  # fmt: skip
#: Of its own: tests/transforms/test_python_transform.py. It runs what the config names, as a user's own.
ELSEWHERE = {"Python"}
#: They drop tombstones, all or some, or fill them, on purpose.
CHANGES_TOMBSTONES = {
    "EventRouter", "ExtractNewRecordState", "Filter", "FilterByPath$Key", "HoistField$Value", "TombstoneHandler",
}  # fmt: skip
#: A worker runs these; what it does is the same for all.
IN_A_WORKER = {"ReplaceField$Value", "FilterByPath$Value", "InsertHeader", "ExtractNewRecordState"}
CLASSES = {cls.__name__: cls for cls in connect_transforms()}


def suite(number: int, name: str, config: dict[str, str], changes: Any, make: Any) -> Any:
    class Case(TransformSuite):
        def records(self) -> list[Record]:
            return records(make)

    Case.transform, Case.config, Case.changes = CLASSES[name.replace("$", "")], config, frozenset(changes)
    Case.keeps_tombstones = name not in CHANGES_TOMBSTONES
    if name not in IN_A_WORKER:
        for check in [check for check in dir(TransformSuite) if check.startswith("test_worker_")]:
            setattr(Case, check, None)
    Case.__name__ = Case.__qualname__ = f"Test{number}{name.replace('$', '')}"
    return Case


for number, case in enumerate(CASES):
    made = suite(number, *case)
    globals()[made.__name__] = made
del made


def test_every_bundled_transform_has_its_case() -> None:
    assert {name.replace("$", "") for name, *_ in CASES} | ELSEWHERE == set(CLASSES)
