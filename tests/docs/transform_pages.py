"""Writes docs/reference/transforms/*.md: `python -m tests.docs.transform_pages`.

A page is made of the declarations (class names, keys) and of what the transform did to the records below, so it cannot
say what is not so. A test fails where a page is not what would be written now.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from connect.api import (
    INT32,
    INT64,
    OPTIONAL_INT64,
    OPTIONAL_STRING,
    STRING,
    Batch,
    ConfigKey,
    Headers,
    Record,
    Schema,
    Transform,
)
from connect.runtime.connector_config import SourceConnectorConfig
from connect.runtime.factory import make_stages
from connect.runtime.plugins import PluginHost
from connect.runtime.worker_config import WorkerConfig
from connect_transforms import connect_transforms

PAGES = Path(__file__).parents[2] / "docs" / "reference" / "transforms"
INDEX = PAGES.parent / "transforms.md"
BEGIN, END = "<!-- table: python -m tests.docs.transform_pages -->", "<!-- end of table -->"
ORDER = Schema.struct(
    {
        "id": INT32,
        "customer": Schema.struct({"name": STRING, "city": Schema("string", optional=True)}),
        "price": Schema("float64", default=1.5),
    },
    name="shop.Order",
    version=1,
)
AT = dt.datetime(2024, 1, 31, 12, 30, tzinfo=dt.UTC)
AT_MS = 1_706_704_200_000


#: A change event of Debezium's, of a table of three columns.
ROW = Schema.struct({"id": INT32, "name": OPTIONAL_STRING}, optional=True, name="shop.public.customers.Value")
EVENT = Schema.struct(
    {
        "before": ROW,
        "after": ROW,
        "source": Schema.struct({"table": STRING, "lsn": INT64}),
        "op": STRING,
        "ts_ms": OPTIONAL_INT64,
    },
    name="shop.public.customers.Envelope",
)


def change(op: str, before: Any = None, after: Any = None, **more: Any) -> Record:
    """Return a record with a change event."""
    source = {"table": "customers", "lsn": 123456}
    event = {"before": before, "after": after, "source": source, "op": op, "ts_ms": AT_MS}
    key_schema = Schema.struct({"id": INT32}, name="shop.public.customers.Key")
    given: dict[str, Any] = {"key": {"id": 1}, "key_schema": key_schema, "value_schema": EVENT, **more}
    return Record("orders", event, **given)


OUTBOX = Schema.struct(
    {
        "id": STRING,
        "aggregatetype": STRING,
        "aggregateid": STRING,
        "type": STRING,
        "payload": Schema("string", name="io.debezium.data.Json", optional=True),
    },
    name="shop.public.outbox.Value",
    optional=True,
)
OUTBOX_EVENT = EVENT.replace(
    name="shop.public.outbox.Envelope",
    fields=[(f.name, OUTBOX if f.name in ("before", "after") else f.schema) for f in EVENT.fields],
)
OUTBOX_ROW = {
    "id": "7c0e",
    "aggregatetype": "order",
    "aggregateid": "10",
    "type": "OrderPaid",
    "payload": '{"total": 5}',
}
SCHEMA_CHANGE = Schema.struct(
    {"tableChanges": Schema.array(Schema.struct({"type": STRING}, name="io.debezium.connector.schema.Change"))},
    name="io.debezium.connector.postgresql.SchemaChangeValue",
)
ANN, BEN = {"id": 1, "name": "Ann"}, {"id": 1, "name": "Ben"}


@dataclass(frozen=True)
class Example:
    """A config and the records it is shown with. `type` is behind '$': Value unless said otherwise."""

    title: str
    config: dict[str, str]
    records: list[Record]
    type: str = "Value"


@dataclass(frozen=True)
class Page:
    """One transform: what the reader is told, and shown."""

    name: str
    about: str
    examples: list[Example] = field(default_factory=list)


def record(value: Any = None, **more: Any) -> Record:
    return Record(**{"topic": "orders", "value": value, **more})


V2 = {"field.syntax.version": "V2"}
PLAIN = {"id": "7", "name": "Ann", "price": 12.5, "address": {"city": "Lyon", "zip": "69001"}}
JSON_SCHEMA = '{"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}'
FUNCTION = """from connect.api import Record


def with_total(record: Record) -> Record | None:
    if record.value["count"] == 0:
        return None  # dropped
    return record.replace(value={**record.value, "total": record.value["price"] * record.value["count"]})
"""

PAGE_LIST = [
    Page(
        "ByLogicalTableRouter",
        """Debezium's. Puts the change events of several tables, such as the parts of a sharded one, in one topic.
The key gets a field that says which table it is of, and the schemas of key and event are named by the new topic. \
A record whose topic does not match passes as it is.
Patterns are [Java's](../transforms.md#javas-patterns); keys need a schema.""",
        [
            Example(
                "Shards in one topic",
                {
                    "topic.regex": "(.*)_shard_(\\d+)",
                    "topic.replacement": "$1_all",
                    "key.field.name": "shard",
                    "key.field.regex": "(.*)_shard_(\\d+)",
                    "key.field.replacement": "$2",
                },
                [change("c", after=ANN).replace(topic="customers_shard_7"), change("c", after=ANN)],
                type="",
            ),
        ],
    ),
    Page(
        "Cast",
        """Makes fields, or the whole key or value, another primitive type.
Numbers are narrowed as Java does: a number too wide for the type keeps its lowest bits, a float its whole part.
A text must be a number of the type, without blanks; `true`, in any case, is the only text that is true.
Dates with a schema become days or milliseconds since the epoch, or their ISO text; bytes become base64 text.
Without schema, a field that is missing is added with null.""",
        [
            Example("Fields", {"spec": "id:int32,price:string"}, [record(PLAIN)]),
            Example("A nested field", {"spec": "address.zip:int32", **V2}, [record(PLAIN)]),
            Example("The whole key", {"spec": "int64"}, [record(PLAIN, key="42")], type="Key"),
            Example(
                "With a schema",
                {"spec": "price:string"},
                [record({"id": 1, "customer": {"name": "Ann", "city": None}, "price": 2.0}, value_schema=ORDER)],
            ),
        ],
    ),
    Page(
        "Drop",
        "Confluent's. Makes the key or the value null; `schema.behavior` says what becomes of its schema.",
        [
            Example("A tombstone", {}, [record({"id": 1}, key="a")]),
            Example("Without key", {}, [record({"id": 1}, key="a")], type="Key"),
        ],
    ),
    Page(
        "DropHeaders",
        "Takes away every header of the names.",
        [
            Example(
                "One header",
                {"headers": "secret"},
                [record({"id": 1}, headers=Headers().add("secret", "x").add("kind", "new"))],
                type="",
            ),
        ],
    ),
    Page(
        "EventRouter",
        """Debezium's. Makes events of the rows that are inserted in an outbox table: \
the payload becomes the value, the key column the key, the id a header, and `route.by.field` names the topic.
Deletions and tombstones are dropped; what is no change event passes as it is.
With columns in the envelope the value is a struct: the payload is its field `payload`. \
With `table.expand.json.payload=true` a payload in JSON becomes a struct, whose schema is made of what it holds.
Patterns are [Java's](../transforms.md#javas-patterns). The keys `tracing.*` are accepted, and nothing is traced.""",
        [
            Example(
                "The defaults",
                {},
                [
                    change("c", after=OUTBOX_ROW, value_schema=OUTBOX_EVENT),
                    change("d", before=OUTBOX_ROW, value_schema=OUTBOX_EVENT),
                ],
                type="",
            ),
            Example(
                "JSON as a struct, the type in a header, topics by a pattern",
                {
                    "table.expand.json.payload": "true",
                    "table.fields.additional.placement": "type:header:eventType",
                    "route.topic.replacement": "events.${routedByValue}",
                },
                [change("c", after=OUTBOX_ROW, value_schema=OUTBOX_EVENT)],
                type="",
            ),
        ],
    ),
    Page(
        "ExtractChangedRecordState",
        """Debezium's. Lists in headers which columns a change has changed, and which it has not.
Every change event gets the headers; without a row before and one after the change, the lists are empty.""",
        [
            Example(
                "Both headers",
                {"header.changed.name": "changed", "header.unchanged.name": "unchanged"},
                [change("u", ANN, BEN), change("d", before=BEN)],
                type="",
            ),
        ],
    ),
    Page(
        "ExtractField",
        """One field takes the place of key or value.
A missing field is an error with schema, null without.
With `field.syntax.version=V2`, `a.b` is field b of field a, and backticks hold names with dots.""",
        [
            Example("A field", {"field": "name"}, [record(PLAIN)]),
            Example("A nested field", {"field": "address.city", **V2}, [record(PLAIN)]),
        ],
    ),
    Page(
        "ExtractNewRecordState",
        """Debezium's. Puts the row in the place of the change event that holds it.
What a deletion becomes, and the tombstone behind it, says `delete.tombstone.handling.mode`; \
of Debezium 2's keys `drop.tombstones` and `delete.handling.mode` are read where it is not given. A TRUNCATE is dropped.
What is no change event passes as it is, but tombstones are dealt with whatever they are of. \
A change event is known by its schema, whose name ends with `.Envelope`; without schema, which Debezium's class leaves \
alone, by its fields `op`, `source`, and `before` or `after`.
Fields of `add.fields` and `add.headers` may lie in `source`, `transaction`, `before` and `after`.""",
        [
            Example("The defaults", {}, [change("c", after=ANN), change("d", before=ANN), change("t")], type=""),
            Example(
                "Deletions as rows, with some of the source",
                {
                    "delete.tombstone.handling.mode": "rewrite",
                    "add.fields": "op,source.lsn:LSN",
                    "add.headers": "table",
                },
                [change("u", ANN, BEN), change("d", before=BEN)],
                type="",
            ),
            Example(
                "Without schema",
                {"add.fields": "table"},
                [record({"before": None, "after": ANN, "source": {"table": "customers"}, "op": "c"})],
                type="",
            ),
        ],
    ),
    Page(
        "ExtractTopic",
        """Confluent's. Names the topic by a text: a field of key or value, the whole of it, or a header.
A name that is missing, null or empty is an error; `skip.missing.or.null=true` leaves such a record in its topic.
Records that go to different topics leave the transform in runs, so many topics in turn make many small batches.""",
        [
            Example("A field of the value", {"field": "kind"}, [record({"kind": "invoices", "id": 1})]),
            Example(
                "A JSONPath",
                {"field": "$.route[0].to", "field.format": "JSON_PATH"},
                [record({"route": [{"to": "lyon"}, {"to": "oslo"}]})],
            ),
            Example(
                "A header",
                {"field": "destination"},
                [record({"id": 1}, headers=Headers().add("destination", "archive"))],
                type="Header",
            ),
        ],
    ),
    Page(
        "Filter",
        "Drops every record that reaches it; its predicate says which do. "
        "For a condition on the value itself, see [FilterByPath](filter-by-path.md).",
        [
            Example(
                "Tombstones are dropped",
                {"predicate": "isTombstone"},
                [record({"id": 1}, key="a"), record(None, key="a")],
                type="",
            ),
        ],
    ),
    Page(
        "FilterByPath",
        """Confluent's Filter: keeps or drops the records for which a \
[JSONPath](https://github.com/json-path/JsonPath) finds something.
Mostly the path ends in a filter, `[?(...)]`: it is asked about each item of an array, and about an object itself.
Operators: `==` `!=` `<` `<=` `>` `>=` `=~ /regex/i` `in` `nin` `subsetof` `anyof` `noneof` `size` `empty` \
`contains`, `&&` `||` `!` and parentheses; `@.a` alone asks whether a is there.
A field that is compared and is missing or null leaves the answer open, \
unless the rest of the condition decides it: `missing.or.null.behavior` says what becomes of the record.
Give the full class name: `Filter` alone is Kafka's.""",
        [
            Example(
                "Keep what is large or urgent",
                {
                    "filter.condition": "$[?(@.price > 100 || @.urgent == true)]",
                    "filter.type": "include",
                    "missing.or.null.behavior": "exclude",
                },
                [record({"price": 250}), record({"price": 5, "urgent": True}), record({"price": 5})],
            ),
            Example(
                "Drop by an item of an array",
                {
                    "filter.condition": "$.lines[?(@.sku =~ /test-.*/i)]",
                    "filter.type": "exclude",
                    "missing.or.null.behavior": "include",
                },
                [record({"lines": [{"sku": "A1"}, {"sku": "TEST-9"}]}), record({"lines": [{"sku": "A1"}]})],
            ),
        ],
    ),
    Page(
        "Flatten",
        """Makes one object of objects within objects; names are joined with a delimiter. Arrays stay as they are.
With a schema, a field of an optional struct becomes optional, and defaults are taken along; \
a map in it is an error.""",
        [
            Example("Without schema", {"delimiter": "_"}, [record(PLAIN)]),
            Example(
                "With a schema",
                {},
                [record({"id": 1, "customer": {"name": "Ann", "city": None}, "price": 2.0}, value_schema=ORDER)],
            ),
        ],
    ),
    Page(
        "GzipDecompress",
        "Confluent's. Gzipped bytes become the bytes themselves; null stays null. "
        "Use ByteArrayConverter, so that there are bytes.",
        [
            Example("A value", {}, [record(base64.b64decode("H4sIAAAAAAACA6tWykxRsjKsBQDF+F1ECAAAAA=="))]),
        ],
    ),
    Page(
        "HeaderFrom",
        """Moves or copies fields into headers, in the order given. \
With a schema, a missing field is an error; without, the header is null.
A header that is there already stays; the new one comes behind it.""",
        [
            Example("Move", {"fields": "name", "headers": "customer", "operation": "move"}, [record(PLAIN)]),
            Example(
                "Copy a nested field",
                {"fields": "address.city", "headers": "city", "operation": "copy", **V2},
                [record(PLAIN)],
            ),
        ],
    ),
    Page(
        "HeaderToValue",
        """Debezium's. Moves or copies headers into fields of the value, a struct or an object; \
with dots in its name, a field of an object within. What the way to it lacks is made. Of several headers of a name the \
last counts. A tombstone passes as it is.""",
        [
            Example(
                "Moved",
                {"headers": "source", "fields": "meta.source", "operation": "move"},
                [record({"id": 1}, headers=Headers().add("source", "shop"))],
                type="",
            ),
        ],
    ),
    Page(
        "HoistField",
        "Wraps key or value in an object with one field; "
        "with `field.syntax.version=V2`, `a.b` makes an object within an object.",
        [
            Example("A text becomes an object", {"field": "line"}, [record("hello")]),
            Example("Two levels", {"field": "log.line", **V2}, [record("hello")]),
        ],
    ),
    Page(
        "InsertField",
        """Adds what is known of the record, or a fixed text, as fields. A null passes as it is. \
A field whose value is not known (no partition yet, no timestamp) is left out.
The timestamp is a number without schema, a Timestamp with one. \
`topic.field: source!` makes the field required, `source?` optional, which is the default.
`offset.field` is for sinks only. With `field.syntax.version=V2`, objects that are missing on the way are made.""",
        [
            Example(
                "Topic and a fixed text",
                {"topic.field": "source", "static.field": "shop", "static.value": "north"},
                [record({"id": 1})],
            ),
            Example("Within an object", {"timestamp.field": "meta.at", **V2}, [record({"id": 1}, timestamp=AT_MS)]),
        ],
    ),
    Page(
        "InsertHeader",
        "Adds a header with a fixed value. Its type is read from the text, as SimpleHeaderConverter does: "
        "`5` is a number, `[1,2]` a list, `abc` a text.",
        [
            Example("A number", {"header": "version", "value.literal": "5"}, [record({"id": 1})], type=""),
        ],
    ),
    Page(
        "MaskField",
        """Replaces fields by the empty value of their type (0, false, "", [], {}, 1970-01-01), \
or text and numbers by `replacement`. A null field stays null; bytes and structs are refused.
Without schema, a field that is missing is added with null. The whole value must not be null.""",
        [
            Example("By the empty value", {"fields": "name,price"}, [record(PLAIN)]),
            Example(
                "A nested field, by a text", {"fields": "address.zip", "replacement": "***", **V2}, [record(PLAIN)]
            ),
        ],
    ),
    Page(
        "MessageTimestampRouter",
        """Confluent's. Names the topic by a date within the value: the first of the fields that is there.
A text is read by `message.timestamp.format`, a number is milliseconds since the epoch. \
Values with a schema are taken too, which Confluent's does not do.""",
        [
            Example(
                "One topic a day",
                {
                    "topic.format": "${topic}-${timestamp}",
                    "message.timestamp.format": "yyyy-MM-dd",
                    "topic.timestamp.format": "yyyy.MM.dd",
                    "message.timestamp.keys": "ts,time",
                },
                [record({"time": "2024-01-31"})],
                type="",
            ),
        ],
    ),
    Page(
        "PartitionRouting",
        """Debezium's. Chooses the partition of a change event by some of its fields, as Debezium does: \
their hashes are added up, and taken modulo `partition.topic.num`. \
A record that has none of them, a TRUNCATE and a logical message keep theirs.
Texts, numbers, dates and bytes are hashed; anything else is an error.""",
        [
            Example(
                "By the row's key",
                {"partition.payload.fields": "change.id", "partition.topic.num": "12"},
                [change("c", after=ANN)],
                type="",
            ),
        ],
    ),
    Page(
        "Python",
        """Ours. Calls a function of a Python file, for each record or for each batch.
The file runs with the worker's rights, so a worker allows it only with `transforms.python.enabled=true` in its own \
config; without, a connector with this transform is refused.

```python
"""
        + FUNCTION
        + """```

The file is one that the worker's [file.allowed.paths](../../howto/secure-the-rest-api.md#files) allows, \
of at most 1 MiB.

A function takes a `connect.api.Record` and returns one, or None to drop it; \
with `form=batch` it takes a `Batch`, which is many times faster, and returns a `Batch`, a list of them, or None.
The file may import what is installed, but not its neighbours.
It must not change what it is given, but return changed copies: \
after an error the same records are tried again one by one.
What it raises is an error of that record, and `errors.tolerance` decides; \
a `connect.api.RetriableError` is tried again.
A changed file counts when the task is started again.""",
        [
            Example(
                "A total",
                {"function": "transforms/orders.py:with_total"},
                [record({"price": 2.5, "count": 4}), record({"price": 2.5, "count": 0})],
                type="",
            ),
        ],
    ),
    Page(
        "RegexRouter",
        """Renames topics whose whole name matches. `$1` and `${name}` stand for groups.
Patterns are [Java's](../transforms.md#javas-patterns).""",
        [
            Example(
                "Take a prefix away",
                {"regex": "raw-(.*)", "replacement": "$1"},
                [record({"id": 1}, topic="raw-orders")],
                type="",
            ),
        ],
    ),
    Page(
        "ReplaceField",
        """Drops, keeps and renames fields. A null passes as it is.
`blacklist` and `whitelist`, as `exclude` and `include` were called before Kafka 4.0,
mean what they meant where today's names are not given.
The struct that comes out has the name, version and doc of the one that went in, but is required and has no default.
With `field.syntax.version=V2`, `include=a.b` keeps of a the field b alone, and `renames=a.b:c` calls it c.""",
        [
            Example("Drop and rename", {"exclude": "price", "renames": "name:customer"}, [record(PLAIN)]),
            Example("Keep parts", {"include": "id,address.city", **V2}, [record(PLAIN)]),
        ],
    ),
    Page(
        "SchemaChangeEventFilter",
        """Debezium's. Drops schema change events of some kinds: \
CREATE, ALTER, DROP, TRUNCATE of a table, or DATABASE for one that is of no table. \
They are known by a schema whose name ends with `.SchemaChangeValue`; other records pass.""",
        [
            Example(
                "No new tables",
                {"schema.change.event.exclude.list": "CREATE"},
                [
                    record({"tableChanges": [{"type": kind}]}, value_schema=SCHEMA_CHANGE)
                    for kind in ("CREATE", "ALTER")
                ],
                type="",
            ),
        ],
    ),
    Page(
        "SetSchemaMetadata",
        "Gives the schema of a struct another name or version. "
        "As in Kafka, a value without schema is an error, and so is a schema that is none of a struct.",
        [
            Example(
                "Name and version",
                {"schema.name": "shop.v2.Order", "schema.version": "2"},
                [record({"id": 1, "customer": {"name": "Ann", "city": None}, "price": 2.0}, value_schema=ORDER)],
            ),
        ],
    ),
    Page(
        "TimestampConverter",
        """Makes a date a text, a Unix number, or a Date, Time or Timestamp. \
What it is given is told by its schema; without schema, a text is a date by `format`, a number is `unix`.
A format is [SimpleDateFormat's](../transforms.md#javas-date-formats); all dates are in UTC.""",
        [
            Example(
                "A text becomes a number",
                {"field": "at", "format": "yyyy-MM-dd HH:mm", "target.type": "unix", "unix.precision": "seconds"},
                [record({"at": "2024-01-31 12:30"})],
            ),
            Example(
                "A number becomes a text",
                {"field": "at", "format": "EEE, d MMM yyyy HH:mm:ss z", "target.type": "string"},
                [record({"at": AT_MS})],
            ),
            Example(
                "A nested field",
                {"field": "meta.at", "target.type": "Timestamp", **V2},
                [record({"meta": {"at": AT_MS}})],
            ),
        ],
    ),
    Page(
        "TimestampRouter",
        "Names the topic by the old name and the record's timestamp, in UTC, "
        "by a format of [SimpleDateFormat](../transforms.md#javas-date-formats). "
        "A record without timestamp is an error.",
        [
            Example(
                "One topic a day",
                {"topic.format": "${topic}-${timestamp}", "timestamp.format": "yyyyMMdd"},
                [record({"id": 1}, timestamp=AT_MS)],
                type="",
            ),
        ],
    ),
    Page(
        "TimezoneConverter",
        """Debezium's. Shows the dates of change events in another time zone: \
texts of `io.debezium.time.ZonedTimestamp` and `ZonedTime` keep their instant and get the zone's offset; \
Timestamps, and Debezium's numbers, are moved to the instant at which the zone's clock shows what UTC's did.
Fields of `before` and `after` are meant, or those of `source` as `source.FIELD`. \
A record without envelope is a row of its own, which Debezium's class leaves alone; \
without schema, a text is converted where `include.list` names its field.""",
        [
            Example(
                "Every date of a row",
                {"converted.timezone": "America/New_York"},
                [
                    record(
                        {"id": 1, "created": "2024-01-31T12:30:00Z"},
                        value_schema=Schema.struct(
                            {"id": INT32, "created": Schema("string", name="io.debezium.time.ZonedTimestamp")}
                        ),
                    )
                ],
                type="",
            ),
            Example(
                "One field, without schema",
                {"converted.timezone": "+02:00", "include.list": "topic:orders:created"},
                [record({"created": "2024-01-31T12:30:00Z", "paid": "2024-01-31T12:31:00Z"})],
                type="",
            ),
        ],
    ),
    Page(
        "TombstoneHandler",
        "Confluent's. Drops records with a null value, with a line in the log, or makes them an error.",
        [
            Example(
                "Dropped without a word",
                {"behavior": "ignore"},
                [record({"id": 1}, key="a"), record(None, key="a")],
                type="",
            ),
        ],
    ),
    Page(
        "ValidateJsonSchema",
        """Ours. A record whose key or value does not meet a [JSON Schema](https://json-schema.org) is an error, \
and `errors.tolerance` decides what becomes of it; one that does passes as it is.
The message says which part is wrong, and what was expected. The draft is the one that `$schema` names, \
2020-12 otherwise. References to other documents are never fetched.
`pattern` and `patternProperties` are JavaScript's regular expressions; \
one that takes longer than a second on a text is an error of that record.
It is meant for JSON without Connect schema: a date or bytes in a value meet no JSON type.""",
        [
            Example("A schema in the config", {"schema": JSON_SCHEMA}, [record({"id": 1}), record({"id": "x"})]),
        ],
    ),
    Page(
        "ValueToKey",
        "Makes a key of fields of the value. Without schema, a missing field becomes null in the key. "
        "With `field.syntax.version=V2`, the key's field is called as the last step of the path.",
        [
            Example("One field", {"fields": "id"}, [record(PLAIN)], type=""),
            Example("A nested field", {"fields": "id,address.zip", **V2}, [record(PLAIN)], type=""),
        ],
    ),
]


def file_name(page: Page) -> str:
    """Return the name of a page's file: 'mask-field.md'."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", page.name).lower() + ".md"


def classes_of(page: Page) -> list[type[Transform]]:
    """Return the classes of a page: the kinds for keys, values and headers."""
    return [cls for cls in connect_transforms() if _simple(cls) == page.name]


def _simple(cls: type[Transform]) -> str:
    return (cls.aliases or (cls.plugin_name(),))[0].rpartition(".")[2].partition("$")[0]


def render(page: Page) -> str:
    """Return a page's text."""
    classes = classes_of(page)
    names = ", ".join(f"`{name}`" for cls in classes for name in (cls.plugin_name(), *cls.aliases))
    parts = [f"# {page.name}", "", names, "", page.about, "", "## Keys", "", *_keys(classes), ""]
    for example in page.examples:
        parts += [f"## {example.title}", "", *_shown(page, example), ""]
    parts += ["All transforms: [the index](../transforms.md)."]
    return "\n".join(parts) + "\n"


def with_table(text: str) -> str:
    """Return the index's text with the table of pages as it is now."""
    rows = []
    for page in PAGE_LIST:
        first = re.split(
            r"(?<=\.)\s", page.about.removeprefix("Confluent's. ").removeprefix("Debezium's. ").removeprefix("Ours. ")
        )[0]
        names = "<br>".join(f"`{cls.plugin_name()}`" for cls in classes_of(page))
        first = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", first)  # links are of the page's folder
        rows.append(f"| [{page.name}](transforms/{file_name(page)}) | {names} | {first} |")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    table = "\n".join(["| transform | classes | what it does |", "|---|---|---|", *rows])
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def _keys(classes: list[type[Transform]]) -> list[str]:
    keys = list(classes[-1].config_class.keys().values())
    if not keys:
        return ["No keys."]
    return ["| key | type | default | importance | meaning |", "|---|---|---|---|---|", *map(key_row, keys)]


def key_row(key: ConfigKey) -> str:
    """Return the line of a key's table."""
    shown = f"`{key.default_text}`" if key.default_text else '""'
    default = "required" if key.required else "null" if key.default is None else shown
    meaning = key.documentation.replace("|", "\\|")
    return f"| `{key.name}` | {key.type.value} | {default} | {key.importance} | {meaning} |"


def config_of(page: Page, example: Example) -> dict[str, str]:
    """Return the transform's keys as a connector's config holds them."""
    wanted = f"${example.type}" if example.type else ""
    cls = next(cls for cls in classes_of(page) if cls.plugin_name().endswith(wanted))
    config = {"transforms": "t", "transforms.t.type": cls.plugin_name()}
    config |= {f"transforms.t.{name}": value for name, value in example.config.items()}
    if "predicate" in example.config:
        kind = "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone"
        config |= {"predicates": "isTombstone", "predicates.isTombstone.type": kind}
    return config


def _shown(page: Page, example: Example) -> list[str]:
    config = config_of(page, example)
    lines = ["```json", json.dumps(config, indent=1), "```", "", "| before | after |", "|---|---|"]
    for given in example.records:
        lines.append(f"| {_text(given)} | {outcome(config, given)} |")
    return lines


@cache
def _plugins() -> PluginHost:
    return PluginHost.discover()


def outcome(config: dict[str, str], given: Record) -> str:
    """Return what a config makes of a record: run as a worker would run it."""
    with tempfile.TemporaryDirectory() as directory:
        function = config.get("transforms.t.function")
        if function is not None:
            path = Path(directory) / function.rpartition(":")[0]
            path.parent.mkdir()
            path.write_text(FUNCTION)
            config = {**config, "transforms.t.function": f"{directory}/{function}"}
        worker = WorkerConfig.parse({"transforms.python.enabled": "true"})
        connector = SourceConnectorConfig.parse({"name": "n", "connector.class": "c", **config})
        stages = make_stages(_plugins(), connector, worker)
    try:
        made = [
            after for stage in stages for batch in stage.apply(Batch.group([given])[0]) for after in batch.records()
        ]
    except Exception as error:
        return f"error: {error}"
    return _text(made[0]) if made else "dropped"


def _text(shown: Record) -> str:
    parts = []
    if shown.topic != "orders":
        parts.append(f"topic `{shown.topic}`")
    if shown.key is not None:
        parts.append(f"key `{_json(shown.key)}`")
    parts.append(f"`{_json(shown.value)}`")
    if shown.value_schema is not None and shown.value_schema.fields:
        parts.append(f"schema `{_schema(shown.value_schema)}`")
    if shown.headers:
        parts.append("headers " + ", ".join(f"`{h.name}: {_json(h.value)}`" for h in shown.headers))
    if shown.partition is not None:
        parts.append(f"partition `{shown.partition}`")
    if shown.timestamp is not None:
        parts.append(f"timestamp `{shown.timestamp}`")
    return "<br>".join(parts)


def _json(value: Any) -> str:
    return json.dumps(value, default=_plain).replace("|", "\\|")


def _plain(value: Any) -> str:
    return (
        f"base64:{base64.b64encode(value).decode()}"
        if isinstance(value, bytes)
        else f"<{type(value).__name__} {value}>"
    )


def _schema(schema: Schema) -> str:
    inner = ", ".join(f"{f.name}: {_schema(f.schema)}" for f in schema.fields)
    name = f"{schema.name or 'struct'}{f' v{schema.version}' if schema.version and schema.fields else ''}"
    text = f"{name} {{{inner}}}" if schema.fields else schema.name or schema.type.value
    return f"{text}{'?' if schema.optional else ''}{'' if schema.default is None else f' = {schema.default}'}"


def main() -> None:
    """Write every page, and the table in the index."""
    INDEX.write_text(with_table(INDEX.read_text()))
    for page in PAGE_LIST:
        (PAGES / file_name(page)).write_text(render(page))


if __name__ == "__main__":
    main()
