"""`python -m bench.transforms`: what each transform costs a record, as a table.

1,000 schemaless JSON records of some 200 bytes, each transform on one field, the batch path; the best of many runs, so
that what else runs on the machine hardly counts. The first row is the least that a change of a field can cost: a copy
of each record. `--json` prints the same as JSON; exits with 1 if one is slower than its target.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from connect.api import INT64, OPTIONAL_INT64, STRING, Batch, Headers, Schema, Transform
from connect.runtime.tuning import tune_process
from connect_transforms import connect_predicates, connect_transforms

RECORDS = 1000
TARGET_US = 0.15
#: A header is an object of its own in a list of its own: making those two costs as much as a field is allowed.
TARGETS_US = {"Cast": 0.5, "TimestampConverter": 0.5, "HeaderFrom": 0.3, "DropHeaders": 0.3, "ExtractTopic": 0.3}
#: Several fields, headers and topics of a change event, not one field.
TARGETS_US |= {"ByLogicalTableRouter": 0.5, "ExtractNewRecordState": 5.0, "HeaderToValue": 3.0}
#: A nested field: two objects are copied, not one.
NESTED_TARGET_US = 0.3
#: Not of one field: a record is called with, walked, parsed or unpacked. Measured, without a target.
WITHOUT_TARGET = (
    "EventRouter",
    "ExtractChangedRecordState",
    "Flatten",
    "GzipDecompress",
    "MessageTimestampRouter",
    "PartitionRouting",
    "Python",
    "TimezoneConverter",
    "ValidateJsonSchema",
)
FUNCTION = "def changed(record):\n    return record.replace(value={**record.value, 'flag': 1})\n"

CONFIGS: dict[str, list[dict[str, str]]] = {
    "ByLogicalTableRouter": [{"topic.regex": "raw-(.*)", "topic.replacement": "all"}],
    "Cast": [{"spec": "amount:string"}, {"spec": "code:int64"}, {"spec": "id:float64"}],
    "Drop": [{}],
    "DropHeaders": [{"headers": "h"}],
    "EventRouter": [
        {},
        {"table.expand.json.payload": "true", "table.fields.additional.placement": "type:header,kind:envelope"},
    ],
    "ExtractChangedRecordState": [{"header.changed.name": "changed"}],
    "ExtractField": [{"field": "name"}, {"field": "address.city", "field.syntax.version": "V2"}],
    "ExtractNewRecordState": [
        {},
        {"add.fields": "op,table,lsn"},
        {"delete.tombstone.handling.mode": "rewrite", "add.headers": "op", "route.by.field": "kind"},
    ],
    "ExtractTopic": [{"field": "kind"}],
    "Filter": [{}],
    "FilterByPath": [{"filter.condition": "$[?(@.kind == 'order')]", "filter.type": "include"}],
    "Flatten": [{}],
    "GzipDecompress": [{}],
    "HeaderFrom": [
        {"fields": "name", "headers": "n", "operation": "copy"},
        {"fields": "name", "headers": "n", "operation": "move"},
    ],
    "HeaderToValue": [{"headers": "h", "fields": "h", "operation": "move"}],
    "HoistField": [{"field": "line"}],
    "InsertField": [{"static.field": "source", "static.value": "shop"}, {"timestamp.field": "ts"}],
    "InsertHeader": [{"header": "h", "value.literal": "5"}],
    "MaskField": [{"fields": "name"}, {"fields": "address.city", "field.syntax.version": "V2"}],
    "MessageTimestampRouter": [
        {"message.timestamp.keys": "at", "message.timestamp.format": "yyyy-MM-dd'T'HH:mm:ss.SSSX"}
    ],
    "PartitionRouting": [{"partition.payload.fields": "change.id", "partition.topic.num": "12"}],
    "Python": [{"function": "changed"}],
    "RegexRouter": [{"regex": "raw-(.*)", "replacement": "$1"}],
    "ReplaceField": [{"exclude": "name"}, {"renames": "name:customer"}, {"include": "id"}],
    "SchemaChangeEventFilter": [{"schema.change.event.exclude.list": "CREATE"}],
    "SetSchemaMetadata": [],
    "TimestampConverter": [
        {"field": "at", "format": "yyyy-MM-dd'T'HH:mm:ss.SSSX", "target.type": "unix"},
        {"field": "ms", "format": "yyyy-MM-dd'T'HH:mm:ss.SSSX", "target.type": "string"},
        {"field": "ms", "target.type": "Timestamp"},
        {"field": "at", "format": "yyyy-MM-dd'T'HH:mm:ss.SSSX", "target.type": "Timestamp"},
    ],
    "TimestampRouter": [{}],
    "TimezoneConverter": [{"converted.timezone": "America/New_York", "include.list": "topic:raw-orders:at"}],
    "TombstoneHandler": [{}],
    "ValidateJsonSchema": [
        {"schema": '{"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}'}
    ],
    "ValueToKey": [{"fields": "id"}],
    "HasHeaderKey": [{"name": "h"}],
    "RecordIsTombstone": [{}],
    "TopicNameMatches": [{"pattern": "raw-.*"}],
}


#: Given change events, not plain rows.
EVENTS = (
    "ByLogicalTableRouter", "EventRouter", "ExtractChangedRecordState", "ExtractNewRecordState", "PartitionRouting",
)  # fmt: skip


def make_batch(*, headers: bool = False, keys: bool = False) -> Batch:
    """Return the records: decoded JSON of some 200 bytes each."""
    values = [orjson.loads(_text(index)) for index in range(RECORDS)]
    return Batch(
        "raw-orders",
        values,
        keys=values if keys else None,
        partition=0,
        timestamps=[1_700_000_000_000 + index for index in range(RECORDS)],
        headers=[Headers().add("h", 1).add("x", "y") for _ in range(RECORDS)] if headers else None,
    )


def make_events(*, outbox: bool) -> Batch:
    """Return change events as Debezium has them, one in ten a deletion unless they are of an outbox table."""
    plain = make_batch()
    columns = {"id": "int64", "kind": "string", "name": "string", "amount": "float64", "code": "string"}
    if outbox:
        columns = dict.fromkeys(("id", "aggregatetype", "aggregateid", "type", "kind", "payload"), "string")
    row = Schema.struct({name: Schema(kind, optional=name != "id") for name, kind in columns.items()}, optional=True)
    source = Schema.struct({"table": STRING, "lsn": INT64, "ts_ms": INT64}, name="source")
    members = {"before": row, "after": row, "source": source, "op": STRING, "ts_ms": OPTIONAL_INT64}
    events = []
    for index, value in enumerate(plain.values):
        held = {name: value.get(name) for name in columns}
        if outbox:
            held |= {"id": str(index), "aggregatetype": "order", "aggregateid": str(index % 97), "type": "OrderPaid"}
            held["payload"] = _text(index)
        op = "c" if outbox or index % 10 else "d"
        origin = {"table": "orders", "lsn": index, "ts_ms": value["ms"]}
        before, after = (None, held) if op == "c" else (held, None)
        events.append({"before": before, "after": after, "source": origin, "op": op, "ts_ms": value["ms"]})
    return plain.replace(
        values=events,
        value_schema=Schema.struct(members, name="shop.orders.Envelope"),
        keys=[{"id": index} for index in range(RECORDS)],
        key_schema=Schema.struct({"id": INT64}, name="shop.orders.Key"),
    )


def _text(index: int) -> str:
    ms = 1_700_000_000_000 + index * 7_919_317
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + f".{ms % 1000:03d}Z"
    return json.dumps(
        {
            "id": index,
            "kind": "order",
            "name": f"customer {index}",
            "amount": index * 1.25,
            "code": str(index * 31),
            "ms": ms,
            "at": at,
            "address": {"city": "Lyon", "zip": "69001"},
        }
    )


def measure(call: Callable[[], Any], *, seconds: float) -> float:
    """Return the microseconds a record of the best of many runs."""
    call()
    best, until = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - began)
    return best * 1e6 / RECORDS


def rows(seconds: float, directory: Path) -> list[dict[str, Any]]:
    """Measure every class."""
    (directory / "f.py").write_text(FUNCTION)
    plain, with_headers, keyed = make_batch(), make_batch(headers=True), make_batch(keys=True)
    zipped = plain.replace(values=[gzip.compress(orjson.dumps(value)) for value in plain.values])
    measured = [
        {
            "class": "(copy of each record)",
            "config": "",
            "us": measure(lambda: list(map(dict.copy, plain.values)), seconds=seconds),
            "target_us": None,
        }
    ]
    for cls in [*connect_transforms(), *connect_predicates()]:
        name = (cls.aliases or (cls.plugin_name(),))[0].rpartition(".")[2]
        simple, _, part = name.partition("$")
        if part == "Key":  # the same code on another column
            continue
        batch = with_headers if "Header" in simple and simple != "HeaderFrom" and simple != "InsertHeader" else plain
        batch = zipped if simple == "GzipDecompress" else keyed if part == "Key" else batch
        if cls.plugin_name().startswith("io.debezium.") and simple in EVENTS:
            batch = make_events(outbox=simple == "EventRouter")
        if part == "Header":
            batch = plain.replace(headers=[Headers().add("kind", value["kind"]) for value in plain.values])
        for config in CONFIGS[simple]:
            given = {**config, "function": f"{directory}/f.py:{config['function']}"} if simple == "Python" else config
            plugin = cls()
            plugin.configure(cls.config_class.parse(given))
            call = plugin.apply_batch if isinstance(plugin, Transform) else plugin.test_batch
            usual = NESTED_TARGET_US if config.get("field.syntax.version") == "V2" else TARGET_US
            target = None if simple in WITHOUT_TARGET else TARGETS_US.get(simple, usual)
            us = measure(lambda call=call, batch=batch: call(batch), seconds=seconds)
            measured.append(
                {
                    "class": name,
                    "config": ", ".join(f"{k}={v}" for k, v in config.items()),
                    "us": us,
                    "target_us": target,
                }
            )
    return measured


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.1, help="how long each class is measured")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    tune_process()  # as the worker does
    with tempfile.TemporaryDirectory(prefix="connect-bench-") as directory:
        measured = rows(arguments.seconds, Path(directory))
    slow = [row for row in measured if row["target_us"] is not None and row["us"] > row["target_us"]]
    if arguments.json:
        print(json.dumps(measured, indent=2))
        return 1 if slow else 0
    print(f"{'class':28} {'µs/record':>9} {'target':>7}  config")
    for row in measured:
        target = "" if row["target_us"] is None else f"{row['target_us']:.2f}"
        print(f"{row['class']:28} {row['us']:9.3f} {target:>7}  {row['config']}{'   SLOW' if row in slow else ''}")
    print(f"{len(measured) - 1} measured, {len(slow)} slower than their target")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
