"""Prints the cases that Debezium's transforms were asked about: `python -m tests.conformance.debezium.cases`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

Json = Any
PREFIX = "io.debezium.transforms."
MODES = ("drop", "tombstone", "rewrite", "rewrite-with-tombstone", "delete-to-tombstone")


# -- schemas and values in the form of FORMAT.md -----------------------------------------------------------------------


def text(value: str | None) -> Json:
    return None if value is None else {"$type": "string", "v": value}


def int32(value: int | None) -> Json:
    return None if value is None else {"$type": "int32", "v": value}


def int64(value: int | None) -> Json:
    return None if value is None else {"$type": "int64", "v": value}


def struct(**members: Json) -> Json:
    return {"$type": "struct", "v": members}


def kind(type_: str, **more: Json) -> Json:
    return {"type": type_, **more}


def struct_schema(fields: dict[str, Json], **more: Json) -> Json:
    return {"type": "struct", "fields": [{"name": n, "schema": s} for n, s in fields.items()], **more}


OPTIONAL_STRING = kind("string", optional=True)
OPTIONAL_INT64 = kind("int64", optional=True)
SOURCE = struct_schema(
    {
        "ts_ms": kind("int64"),
        "snapshot": kind(
            "string", optional=True, name="io.debezium.data.Enum", parameters={"allowed": "true,last,false"}
        ),
        "db": kind("string"),
        "table": kind("string"),
        "lsn": OPTIONAL_INT64,
    },
    name="io.debezium.connector.postgresql.Source",
    version=1,
)
TRANSACTION = struct_schema(
    {"id": kind("string"), "total_order": kind("int64"), "data_collection_order": kind("int64")},
    name="event.block",
    version=1,
    optional=True,
)
COLUMNS = {
    "id": kind("int32"),
    "name": OPTIONAL_STRING,
    "city": kind("string", optional=True, default=text("Lyon")),
    "price": kind(
        "bytes", optional=True, name="org.apache.kafka.connect.data.Decimal", version=1, parameters={"scale": "2"}
    ),
    "seen": kind("int64", optional=True, name="io.debezium.time.MicroTimestamp", version=1),
}


def row_schema(columns: dict[str, Json], name: str = "shop.public.orders.Value") -> Json:
    return struct_schema(columns, name=name, optional=True)


def envelope_schema(row: Json, name: str = "shop.public.orders.Envelope") -> Json:
    return struct_schema(
        {
            "before": row,
            "after": row,
            "source": SOURCE,
            "transaction": TRANSACTION,
            "op": kind("string"),
            "ts_ms": OPTIONAL_INT64,
        },
        name=name,
        version=2,
    )


ROW = row_schema(COLUMNS)
ENVELOPE = envelope_schema(ROW)
KEY = struct_schema({"id": kind("int32")}, name="shop.public.orders.Key")
WIDE_KEY = struct_schema({"id": kind("int32"), "name": OPTIONAL_STRING}, name="shop.public.orders.Key")
FROM = struct(
    ts_ms=int64(1_706_704_200_000),
    snapshot=text("false"),
    db=text("shop"),
    table=text("orders"),
    lsn=int64(123_456),
)
IN_TRANSACTION = struct(id=text("771:123456"), total_order=int64(1), data_collection_order=int64(1))
OLD = struct(
    id=int32(1), name=text("old"), city=None, price={"$type": "decimal", "unscaled": "150", "scale": 2}, seen=int64(5)
)
NEW = struct(id=int32(1), name=text("new"), city=None, price=None, seen=int64(1_706_704_200_000_001))


def event(op: str, before: Json = None, after: Json = None, **more: Json) -> Json:
    members = {"before": before, "after": after, "source": FROM, "transaction": None, "op": text(op)}
    return struct(**{**members, "ts_ms": int64(1_706_704_200_123), **more})


def record(value: Json, schema: Json = ENVELOPE, **more: Json) -> Json:
    if value is None and schema is ENVELOPE:
        schema = None
    given = {
        "kind": "source", "topic": "shop.public.orders", "partition": None, "timestamp": 1_706_704_200_500,
        "keySchema": KEY, "key": struct(id=int32(1)), "valueSchema": schema, "value": value, "headers": [],
    }  # fmt: skip
    return {**given, **more}


def header(name: str, value: Json, schema: Json) -> Json:
    return {"name": name, "schema": schema, "value": value}


CREATE, UPDATE, DELETE = event("c", after=NEW), event("u", before=OLD, after=NEW), event("d", before=OLD)
READ, TRUNCATE = event("r", after=NEW, transaction=IN_TRANSACTION), event("t")
HEARTBEAT = record(
    struct(ts_ms=int64(5)), struct_schema({"ts_ms": kind("int64")}, name="io.debezium.connector.common.Heartbeat")
)
EVENTS = [record(value) for value in (CREATE, UPDATE, DELETE, READ, TRUNCATE, None)] + [HEARTBEAT]
FEW = [record(value) for value in (READ, DELETE, None)]
SCHEMALESS = record({"$type": "map", "v": [[text("id"), int64(1)]]}, None)
LIST = kind("array", optional=True, valueSchema=OPTIONAL_STRING)


def names(*items: str) -> Json:
    return {"$type": "array", "v": [text(item) for item in items]}


# -- cases -------------------------------------------------------------------------------------------------------------

Case = tuple[str, dict[str, str], Json]


def extract_new_record_state() -> Iterator[Case]:
    name = "ExtractNewRecordState"
    configs: list[dict[str, str]] = [{}]
    configs += [{"delete.tombstone.handling.mode": mode} for mode in MODES]
    configs += [
        {"add.fields": "op,table,source.lsn,ts_ms,transaction.id"},
        {"add.fields": "op:OP,source.ts_ms:at,before.name,after.id:key", "add.fields.prefix": "_"},
        {"add.fields": "op,nosuch,source.nosuch", "add.fields.prefix": ""},
        {"add.fields": "id,total_order,snapshot"},
        {"add.headers": "op,db,source.ts_ms:at,transaction.total_order"},
        {"add.headers": "op,nosuch", "add.headers.prefix": "x-"},
        {"route.by.field": "name"},
        {"route.by.field": "nosuch"},
        {"route.by.field": "id"},
        {"add.fields": "name"},
    ]
    for mode in MODES:
        configs.append(
            {
                "delete.tombstone.handling.mode": mode,
                "add.fields": "op,lsn",
                "add.headers": "op,table",
                "route.by.field": "name",
            }
        )
        configs.append({"delete.tombstone.handling.mode": mode, "replace.null.with.default": "false"})
    for index, config in enumerate(configs):
        for given in EVENTS if index <= len(MODES) else FEW:
            yield name, config, given
    for given in (SCHEMALESS, record(text("x"), kind("string"))):
        yield name, {}, given
    # A field that another transform has put in the envelope itself.
    wide = {**ENVELOPE, "fields": [*ENVELOPE["fields"], {"name": "changed", "schema": LIST}]}
    value = struct(**{**UPDATE["v"], "changed": names("name")})
    yield name, {"add.fields": "changed"}, record(value, wide)
    dropping = {"drop.fields.header.name": "drop"}
    for config in (
        dropping,
        {**dropping, "drop.fields.from.key": "true"},
        {**dropping, "drop.fields.keep.schema.compatible": "false"},
        {**dropping, "drop.fields.keep.schema.compatible": "false", "drop.fields.from.key": "true"},
        {**dropping, "delete.tombstone.handling.mode": "rewrite"},
    ):
        for value in (CREATE, UPDATE, DELETE):
            for listed in (names("name", "id"), names(), None):
                given = record(value, headers=[header("drop", listed, LIST)])
                yield name, config, given
        yield name, config, record(UPDATE)
        key = {"keySchema": WIDE_KEY, "key": struct(id=int32(1), name=text("x"))}
        yield name, config, record(UPDATE, headers=[header("drop", names("name"), LIST)], **key)


OUTBOX = {
    "id": kind("string", name="io.debezium.data.Uuid", version=1),
    "aggregatetype": kind("string"),
    "aggregateid": kind("string"),
    "type": kind("string"),
    "payload": kind("string", optional=True, name="io.debezium.data.Json", version=1),
    "version": kind("int32", optional=True),
    "part": kind("int32", optional=True),
    "at": kind("int64", optional=True, name="io.debezium.time.MicroTimestamp", version=1),
    "ms": kind("int64", optional=True, name="io.debezium.time.Timestamp", version=1),
    "plain": OPTIONAL_INT64,
    "tenant": kind("string", optional=True, default=text("acme")),
}
OUTBOX_ROW = row_schema(OUTBOX, "shop.public.outbox.Value")
OUTBOX_ENVELOPE = envelope_schema(OUTBOX_ROW, "shop.public.outbox.Envelope")


def outbox(payload: str | None = '{"total": 5}', **more: Json) -> Json:
    members = {
        "id": text("4d47e190"), "aggregatetype": text("order"), "aggregateid": text("10"), "type": text("OrderCreated"),
        "payload": text(payload), "version": int32(2), "part": int32(3), "at": int64(1_706_704_200_999_999),
        "ms": int64(1_706_704_200_001), "plain": int64(7), "tenant": None,
    }  # fmt: skip
    return struct(**{**members, **more})


PAYLOADS = [
    '{"total": 5, "big": 3000000000, "price": 1.5, "paid": true, "who": {"name": "Ann", "age": null}, "tags": ["a"]}',
    '{"lines": [{"sku": "a"}, {"sku": "b", "count": 2}, {"count": null}], "none": [], "nulls": null}',
    '{"mixed": [1, "a"]}', '{"numbers": [1, 2.5]}', '{"wide": [1, 3000000000]}', '{"deep": [[1, 2], [3]]}', "{}",
    '{"a.b": 1, "a-b": 2, "1x": 3}', "no json", "{broken", '"text"', "5", "", "   ", None,
]  # fmt: skip


def event_router() -> Iterator[Case]:
    name = "outbox.EventRouter"
    configs: list[dict[str, str]] = [
        {},
        {"table.fields.additional.placement": "type:header,tenant:header:eventTenant"},
        {"table.fields.additional.placement": "type:envelope,aggregateid:envelope:key,part:partition"},
        {"table.fields.additional.placement": "type:envelope", "table.field.event.schema.version": "version"},
        {"table.fields.additional.placement": "nosuch:header"},
        {
            "table.fields.additional.placement": "nosuch:header,nosuch:envelope",
            "table.field.additional.missing": "ignore",
        },
        {"table.field.event.timestamp": "at"},
        {"table.field.event.timestamp": "ms"},
        {"table.field.event.timestamp": "plain"},
        {"table.field.event.timestamp": "nosuch"},
        {"table.field.event.key": "type"},
        {"table.field.event.id": "nosuch"},
        {"table.field.event.payload": "type"},
        {"table.field.event.payload": "nosuch"},
        {"route.by.field": "type"},
        {"route.topic.replacement": "events.${routedByValue}.v1"},
        {"route.topic.regex": "(.)rder", "route.topic.replacement": "$1-topic"},
        {"route.topic.regex": "nomatch", "route.topic.replacement": "x"},
        {"table.op.invalid.behavior": "fatal"},
        {"table.op.invalid.behavior": "error"},
        {"tracing.operation.name": "x", "tracing.with.context.field.only": "true"},
    ]
    row = outbox()
    events = [event("c", after=row), event("r", after=row), event("u", before=row, after=row), event("d", before=row)]
    for config in configs:
        for value in events if not config or "table.op.invalid.behavior" in config else events[:1]:
            yield name, config, record(value, OUTBOX_ENVELOPE)
    for given in (record(None), HEARTBEAT, SCHEMALESS):
        yield name, {}, given
    yield name, {"table.field.event.timestamp": "at"}, record(event("c", after=outbox(at=None)), OUTBOX_ENVELOPE)
    old = [header("h", int32(5), kind("int32"))]
    yield name, {}, record(event("c", after=row), OUTBOX_ENVELOPE, headers=old)
    for payload in PAYLOADS:
        given = record(event("c", after=outbox(payload)), OUTBOX_ENVELOPE)
        for config in (
            {"route.tombstone.on.empty.payload": "true"},
            {"table.expand.json.payload": "true"},
            {"table.expand.json.payload": "true", "table.json.payload.null.behavior": "optional_bytes"},
            {"table.expand.json.payload": "true", "table.fields.additional.placement": "type:envelope:kind"},
            {"table.expand.json.payload": "true", "field.name.adjustment.mode": "avro"},
        ):
            yield name, config, given


def by_logical_table_router() -> Iterator[Case]:
    name = "ByLogicalTableRouter"
    base = {"topic.regex": "(.*)orders(.*)", "topic.replacement": "$1all_orders"}
    for config in (
        base,
        {**base, "key.enforce.uniqueness": "false"},
        {**base, "key.field.name": "shard"},
        {**base, "key.field.regex": "(.*)orders(.*)", "key.field.replacement": "$1"},
        {**base, "key.field.regex": "nomatch", "key.field.replacement": "x"},
        {**base, "topic.replacement": "1-all.orders é", "schema.name.adjustment.mode": "avro"},
        {**base, "topic.replacement": "all_orders-é", "schema.name.adjustment.mode": "avro_unicode"},
        {"topic.regex": "nomatch", "topic.replacement": "x"},
        {"topic.regex": "(?<first>[^.]*)\\.(.*)", "topic.replacement": "${first}_$2", "logical.table.cache.size": "2"},
    ):
        for given in EVENTS if config is base else FEW:
            yield name, config, given
    for config in (
        {**base, "key.field.regex": "x"},
        {"topic.regex": ".*", "topic.replacement": ""},
        {"topic.replacement": "x"},
    ):
        yield name, config, record(UPDATE)
    yield name, base, record(UPDATE, keySchema=None, key=None)
    yield name, base, record(UPDATE, keySchema=kind("string"), key=text("k"))
    yield name, {**base, "key.field.name": "id"}, record(UPDATE)


HASHED = {
    "i8": (kind("int8"), {"$type": "int8", "v": -5}),
    "i32": (kind("int32"), int32(-70_000)),
    "i64": (kind("int64"), int64(-1_099_511_627_776)),
    "big": (kind("int64"), int64(9_007_199_254_740_993)),
    "yes": (kind("boolean"), {"$type": "boolean", "v": True}),
    "s": (kind("string"), text("Zoë 😀")),
    "long": (kind("string"), text("a text of more than sixteen bytes, é")),
    "sixteen": (kind("string"), text("0123456789abcdef")),
    "empty": (kind("string"), text("")),
    "f32": (kind("float32"), {"$type": "float32", "v": "1.5"}),
    "f64": (kind("float64"), {"$type": "float64", "v": "-2.75"}),
    "nan": (kind("float64"), {"$type": "float64", "v": "NaN"}),
    "b": (kind("bytes"), {"$type": "bytebuffer", "v": "AP9hYg=="}),
    "d": (
        kind("bytes", name="org.apache.kafka.connect.data.Decimal", version=1, parameters={"scale": "2"}),
        {"$type": "decimal", "unscaled": "-12345", "scale": 2},
    ),
    "dd": (
        kind("bytes", name="org.apache.kafka.connect.data.Decimal", version=1, parameters={"scale": "3"}),
        {"$type": "decimal", "unscaled": "123456789012345678901234567890", "scale": 3},
    ),
    "ts": (
        kind("int64", name="org.apache.kafka.connect.data.Timestamp", version=1),
        {"$type": "date", "ms": 1_706_704_200_123},
    ),
    "day": (
        kind("int32", name="org.apache.kafka.connect.data.Date", version=1),
        {"$type": "date", "ms": 1_706_659_200_000},
    ),
}


def partition_routing() -> Iterator[Case]:
    name = "partitions.PartitionRouting"
    hashed_row = row_schema({column: schema for column, (schema, _) in HASHED.items()})
    row = struct(**{column: value for column, (_, value) in HASHED.items()})
    hashed = record(event("c", after=row), envelope_schema(hashed_row))
    for function in ("java", "murmur"):
        for column in HASHED:
            config = {"partition.payload.fields": f"after.{column}", "partition.topic.num": "1000003"}
            yield name, {**config, "partition.hash.function": function}, hashed
    for fields in (
        "change.name",
        "change.id,source.table",
        "before.name",
        "nosuch,after.nosuch",
        "op",
        "source.db , op",
    ):
        for given in EVENTS:
            yield name, {"partition.payload.fields": fields, "partition.topic.num": "7"}, given
    yield name, {"partition.payload.fields": "op", "partition.topic.num": "0"}, EVENTS[0]
    yield name, {"partition.topic.num": "1"}, EVENTS[0]


def changed_and_headers() -> Iterator[Case]:
    both = {"header.changed.name": "Changed", "header.unchanged.name": "Unchanged"}
    for config in ({}, both, {"header.changed.name": "Changed"}):
        for given in EVENTS:
            yield "ExtractChangedRecordState", config, given
    headers = [
        header("h", int32(5), kind("int32")),
        header("g", names("x"), LIST),
        header("h", int32(6), kind("int32")),
    ]
    once = headers[:2]
    for config in (
        {"headers": "h", "fields": "added", "operation": "copy"},
        {"headers": "h,g", "fields": "added,listed", "operation": "move"},
        {"headers": "h", "fields": "after.added", "operation": "copy"},
        {"headers": "h", "fields": "made.added", "operation": "move"},
        {"headers": "nosuch", "fields": "added", "operation": "move"},
        {"headers": "h", "fields": "op.added", "operation": "move"},
        {"headers": "h,g", "fields": "one", "operation": "move"},
        {"headers": "h", "fields": "added", "operation": "take"},
    ):
        for value in (CREATE, DELETE, None):
            yield "HeaderToValue", config, record(value, headers=once)
    yield (
        "HeaderToValue",
        {"headers": "h", "fields": "added", "operation": "copy"},
        record(text("x"), kind("string"), headers=once),
    )


def schema_changes() -> Iterator[Case]:
    change = struct_schema({"type": kind("string")}, name="io.debezium.connector.schema.Change")
    schema = struct_schema(
        {"tableChanges": kind("array", optional=True, valueSchema=change)},
        name="io.debezium.connector.postgresql.SchemaChangeValue",
    )
    for kinds in (["CREATE"], ["ALTER", "DROP"], [], None):
        tables = None if kinds is None else {"$type": "array", "v": [struct(type=text(each)) for each in kinds]}
        for excluded in ("CREATE", "ALTER,DATABASE", "nosuch"):
            config = {"schema.change.event.exclude.list": excluded}
            yield "SchemaChangeEventFilter", config, record(struct(tableChanges=tables), schema)
    for given in EVENTS:
        yield "SchemaChangeEventFilter", {"schema.change.event.exclude.list": "CREATE"}, given


def cases() -> Iterator[dict[str, Json]]:
    """Yield each case, with an id that is the same for the same case."""
    seen = set()
    for made in (
        extract_new_record_state, event_router, by_logical_table_router, partition_routing, changed_and_headers,
        schema_changes,
    ):  # fmt: skip
        for name, config, given in made():
            told = json.dumps([name, config, given], sort_keys=True)
            identity = f"{name}/{hashlib.sha256(told.encode()).hexdigest()[:10]}"
            if identity not in seen:
                seen.add(identity)
                yield {"id": identity, "op": "transform", "class": PREFIX + name, "config": config, "input": given}


def main() -> None:
    """Run from the command line."""
    for case in sorted(cases(), key=lambda case: case["id"]):
        print(json.dumps(case))


if __name__ == "__main__":
    main()
