"""EventRouter: rows that are inserted in an outbox table become events in the topics that they name.

The row's payload becomes the record's value, its key column the key, its id a header, and `route.by.field` the topic.
Deletions are dropped: a row has done what it was for once it is written.

Source: Debezium 3.6.1, EventRouterDelegate.java.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final, NamedTuple

from connect.api import (
    STRING,
    TIMESTAMP_NAME,
    Batch,
    Config,
    DataError,
    Header,
    Problem,
    Schema,
    SchemaType,
    Transform,
    compile_pattern,
    config_key,
    valid_pattern,
)
from connect.api.java import java_class
from connect_transforms.debezium.adjustment import MODES
from connect_transforms.debezium.envelopes import (
    PREFIX,
    SCHEMAS_MAX,
    VERSION,
    is_envelope,
    members,
    runs,
    with_headers,
)
from connect_transforms.debezium.json_payload import JsonPayloads
from connect_transforms.java.replacement import replaced_first

logger = logging.getLogger(__name__)
PAYLOAD: Final = "payload"
#: Milliseconds of one unit of Debezium's times, as a divisor.
_PER_MS: Final = {
    "io.debezium.time.Timestamp": 1,
    "io.debezium.time.MicroTimestamp": 1_000,
    "io.debezium.time.NanoTimestamp": 1_000_000,
}
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_TOPICS_MAX: Final = 1000


class _Placement(NamedTuple):
    """A further column, and where it goes: 'header', 'envelope' or 'partition'."""

    field: str
    where: str
    alias: str

    @classmethod
    def parse(cls, text: str) -> _Placement | None:
        parts = [part.strip() for part in text.split(":")]
        if len(parts) not in (2, 3) or not all(parts) or parts[1].lower() not in ("header", "envelope", "partition"):
            return None
        return cls(parts[0], parts[1].lower(), parts[-1] if len(parts) == 3 else parts[0])


class EventRouterConfig(Config):
    """The outbox table's columns, and what becomes of them."""

    table_field_event_id: str = config_key(
        "Column with the event's id; it becomes the header 'id'.",
        default="id",
        importance="low",
        group="Table",
        order=1,
    )
    table_field_event_key: str | None = config_key(
        "Column with the record's key.", default="aggregateid", importance="low", group="Table", order=2
    )
    table_field_event_type: str = config_key(
        "Accepted; the type goes on where table.fields.additional.placement names its column.",
        default="type",
        importance="low",
        group="Table",
        order=3,
    )
    table_field_event_payload: str = config_key(
        "Column with the payload.", default=PAYLOAD, importance="low", group="Table", order=4
    )
    table_field_event_timestamp: str | None = config_key(
        "Column with the record's timestamp, a date; not set, or null in a row: when the change was read.",
        default=None,
        group="Table",
        order=5,
    )
    table_fields_additional_placement: list[str] = config_key(
        "Further columns: COLUMN:header, COLUMN:envelope or COLUMN:partition, each with :NAME behind it where it is to "
        "be called otherwise. With one in the envelope the value is a struct, with the payload as its field 'payload'.",
        default=[],
        importance="high",
        group="Table",
        order=6,
    )
    table_field_additional_missing: str = config_key(
        "What becomes of a record that lacks one of these columns: error, or ignore, which leaves the column out.",
        default="error",
        one_of=("error", "ignore"),
        ignore_case=True,
        group="Table",
        order=7,
    )
    table_field_event_schema_version: str | None = config_key(
        "Column, an int32, with the version of the value's schema, where the value is a struct of its own.",
        default=None,
        importance="low",
        group="Table",
        order=8,
    )
    table_op_invalid_behavior: str = config_key(
        "What is done about a change that is neither an insertion nor a deletion: warn and error drop it with a line "
        "in the log, fatal makes it an error.",
        default="warn",
        one_of=("warn", "error", "fatal"),
        ignore_case=True,
        group="Table",
        order=9,
    )
    table_expand_json_payload: bool = config_key(
        "Whether a payload that is a JSON text becomes a struct or array; one that is none goes on as it is, with a "
        "line in the log.",
        default=False,
        group="Table",
        order=10,
    )
    table_json_payload_null_behavior: str = config_key(
        "What becomes of nulls in such a JSON: ignore leaves the field out, optional_bytes keeps it as null bytes.",
        default="ignore",
        one_of=("ignore", "optional_bytes"),
        ignore_case=True,
        group="Table",
        order=11,
    )
    route_by_field: str = config_key(
        "Column by which the topic is named.", default="aggregatetype", importance="high", group="Router", order=1
    )
    route_topic_regex: str = config_key(
        "Regular expression for that column's value.",
        default="(?<routedByValue>.*)",
        importance="low",
        group="Router",
        order=2,
        validators=[valid_pattern],
    )
    route_topic_replacement: str = config_key(
        "The topic's name, where the expression matches the whole value; else the value is the name.",
        default="outbox.event.${routedByValue}",
        importance="high",
        group="Router",
        order=3,
    )
    route_tombstone_on_empty_payload: bool = config_key(
        "Whether a payload that is null or an empty text makes a tombstone.",
        default=False,
        importance="high",
        group="Router",
        order=4,
    )
    tracing_span_context_field: str = config_key(
        "Accepted; nothing is traced.", default="tracingspancontext", importance="high", group="Tracing", order=1
    )
    tracing_operation_name: str = config_key(
        "Accepted; nothing is traced.", default="debezium-read", importance="high", group="Tracing", order=2
    )
    tracing_with_context_field_only: bool = config_key(
        "Accepted; nothing is traced.", default=False, importance="high", group="Tracing", order=3
    )
    field_name_adjustment_mode: str = config_key(
        "How field names of an expanded JSON are made fit for Avro: none, avro, avro_unicode.",
        default="none",
        importance="low",
        one_of=MODES,
        ignore_case=True,
        internal=True,
    )

    def problems(self) -> Iterable[Problem]:
        for text in self.table_fields_additional_placement:
            if _Placement.parse(text) is None:
                yield Problem(
                    "table.fields.additional.placement",
                    f"Invalid value {text} for configuration table.fields.additional.placement: expected COLUMN:PLACE "
                    "or COLUMN:PLACE:NAME, where PLACE is header, envelope or partition",
                )


class EventRouter(Transform[EventRouterConfig]):
    """Make events of the rows of an outbox table."""

    class_name = PREFIX + "outbox.EventRouter"
    version = VERSION

    def configure(self, config: Config) -> None:
        super().configure(config)
        own = self.config
        texts = own.table_fields_additional_placement
        self._placements = [found for text in texts if (found := _Placement.parse(text)) is not None]
        self._has_envelope = any(placement.where == "envelope" for placement in self._placements)
        self._ignores_missing = own.table_field_additional_missing.lower() == "ignore"
        self._pattern = compile_pattern(own.route_topic_regex, key="route.topic.regex")
        self._topic_of = lru_cache(_TOPICS_MAX)(self._routed)
        self._envelope_schema = lru_cache(SCHEMAS_MAX)(self._envelope_schema_of)
        self._json = JsonPayloads(
            nulls_are_bytes=own.table_json_payload_null_behavior.lower() == "optional_bytes",
            adjustment=own.field_name_adjustment_mode.lower(),
        )

    def apply_batch(self, batch: Batch) -> Batch | list[Batch] | None:
        schema = batch.value_schema
        if schema is None or not is_envelope(schema):
            if None not in batch.values:
                return batch
            present = [value is not None for value in batch.values]
            return batch.select(present) if True in present else None
        ops = [None if value is None else members([value], "op")[0] for value in batch.values]
        self._tell_invalid([op for op in ops if op not in ("c", "r", "d", None)], batch.topic)
        kept = [op in ("c", "r") for op in ops]
        if True not in kept:
            return None
        return self._events(batch.select(kept), schema)

    def _tell_invalid(self, ops: list[Any], topic: str) -> None:
        """Say, or refuse, what happened to an outbox table that is neither an insertion nor a deletion."""
        if not ops:
            return
        what = "update" if ops[0] == "u" else f"change of kind {ops[0]!r}"
        message = f"topic {topic}: unexpected {what} of an outbox table, whose rows are inserted and deleted"
        behavior = self.config.table_op_invalid_behavior.lower()
        if behavior == "fatal":
            raise DataError(message)
        level = logging.WARNING if behavior == "warn" else logging.ERROR
        logger.log(level, "%s; %d such are dropped", message, len(ops))

    def _events(self, batch: Batch, envelope: Schema) -> Batch | list[Batch]:
        row = envelope.field("after")
        rows = members(batch.values, "after")
        if row is None or row.schema.type is not SchemaType.STRUCT or set(map(type, rows)) != {dict}:
            found = next((one for one in rows if not isinstance(one, dict)), None)
            raise DataError(
                "Only Struct objects supported for [Read Outbox Event], found: "
                f"{'null' if found is None else java_class(found)}"
            )
        schema, own = row.schema, self.config
        payload_schema, payloads = _column(schema, rows, own.table_field_event_payload, "payload")
        id_schema, ids = _column(schema, rows, own.table_field_event_id, "event-id")
        key_schema, keys = STRING, None
        if own.table_field_event_key:
            key_schema, keys = _column(schema, rows, own.table_field_event_key, "event-key")
        routed = self._routes(schema, rows)
        headers = [[Header("id", value, id_schema) for value in ids]]
        partitions: list[Any] = [None] * len(rows)
        for placement in self._placements:
            if schema.field(placement.field) is None and self._ignores_missing:
                continue
            column_schema, column = _column(schema, rows, placement.field, "additional")
            if placement.where == "header":
                headers.append([Header(placement.alias, value, column_schema) for value in column])
            elif placement.where == "partition":
                partitions = _partitions(column_schema, column, placement.field)
        made = batch.replace(
            keys=keys,
            key_schema=key_schema,
            timestamps=self._timestamps(batch.values, schema, rows),
            headers=with_headers(batch, headers),
        )
        schemas, values = self._values(schema, rows, payload_schema, payloads, routed)
        made = made.replace(values=values)
        places = list(zip(map(self._topic_of, routed), partitions, schemas, strict=True))
        parts = [
            part.replace(topic=topic, partition=partition, value_schema=value_schema)
            for (topic, partition, value_schema), part in runs(made, places)
        ]
        return parts[0] if len(parts) == 1 else parts

    # -- values --------------------------------------------------------------------------------------------------------

    def _values(
        self, row: Schema, rows: list[Any], payload_schema: Schema, payloads: list[Any], routed: list[str]
    ) -> tuple[list[Schema | None], list[Any]]:
        """Return the schema and the value of each event."""
        schemas: list[Schema | None] = [payload_schema] * len(rows)
        values = payloads
        if self.config.table_expand_json_payload:
            schemas, values = self._expanded(payload_schema, payloads)
        if self._has_envelope:
            values = self._enveloped(row, rows, values)
            schemas = self._schemas(row, rows, schemas, routed)
        if self.config.route_tombstone_on_empty_payload:
            empty = [p is None or (isinstance(p, str) and not p.strip()) for p in payloads]
            schemas = [None if is_empty else each for is_empty, each in zip(empty, schemas, strict=True)]
            values = [None if is_empty else each for is_empty, each in zip(empty, values, strict=True)]
        return schemas, values

    def _expanded(self, schema: Schema, payloads: list[Any]) -> tuple[list[Schema | None], list[Any]]:
        """Return payloads as what their JSON holds; those that hold none as they are."""
        schemas: list[Schema | None] = []
        values: list[Any] = []
        causes: list[str] = []
        for payload in payloads:
            made = schema, payload
            if isinstance(payload, str):
                try:
                    made = self._json.expanded(self.config.table_field_event_payload, payload)
                except DataError as error:
                    causes.append(error.message)
            elif payload is not None:
                causes.append(f"it is no text, but {java_class(payload)}")
            schemas.append(made[0])
            values.append(made[1])
        if causes:
            logger.warning(
                "table.expand.json.payload: %d of %d payloads go on as they are; of the first: %s",
                len(causes),
                len(payloads),
                causes[0],
            )
        return schemas, values

    def _enveloped(self, row: Schema, rows: list[Any], payloads: list[Any]) -> list[Any]:
        columns = {PAYLOAD: payloads}
        for placement in self._placements:
            if placement.where == "envelope" and row.field(placement.field) is not None:
                columns[placement.alias] = _column(row, rows, placement.field, "additional")[1]
        names = list(columns)
        return [dict(zip(names, each, strict=True)) for each in zip(*columns.values(), strict=True)]

    def _schemas(
        self, row: Schema, rows: list[Any], schemas: list[Schema | None], routed: list[str]
    ) -> list[Schema | None]:
        name = self.config.table_field_event_schema_version
        versions = [None] * len(rows) if not name else _integers(*_column(row, rows, name, "schema version"), name)
        return [
            self._envelope_schema(row, payload, topic, version)
            for payload, topic, version in zip(schemas, routed, versions, strict=True)
        ]

    def _envelope_schema_of(self, row: Schema, payload: Schema, topic: str, version: int | None) -> Schema:
        fields = [(PAYLOAD, payload)]
        for placement in self._placements:
            field = row.field(placement.field)
            if placement.where == "envelope" and field is not None:
                fields.append((placement.alias, field.schema))
        namespace, point, name = (row.name or "").rpartition(".")
        named = f"{namespace}{point}{topic}.{name}" if row.name else topic
        return Schema(SchemaType.STRUCT, name=named, version=version, fields=fields)

    # -- topics and times ----------------------------------------------------------------------------------------------

    def _routes(self, schema: Schema, rows: list[Any]) -> list[str]:
        name = self.config.route_by_field
        field_schema, names = _column(schema, rows, name, "route")
        if field_schema.type is not SchemaType.STRING:
            raise DataError(f"Field '{name}' is not of type STRING")
        if set(map(type, names)) != {str}:
            raise DataError(f"the topic is named by column {name!r}, and it is null")
        return names

    def _routed(self, name: str) -> str:
        return replaced_first(self._pattern, self.config.route_topic_replacement, name)

    def _timestamps(self, envelopes: list[Any], schema: Schema, rows: list[Any]) -> list[int | None]:
        read_at = members(envelopes, "ts_ms")
        name = self.config.table_field_event_timestamp
        if not name:
            return read_at
        field_schema, times = _column(schema, rows, name, "timestamp")
        divisor = _PER_MS.get(field_schema.name or "")
        if field_schema.name != TIMESTAMP_NAME and (divisor is None or field_schema.type is not SchemaType.INT64):
            raise DataError(
                f"Unsupported field type {field_schema.name or field_schema.type.name} for event timestamp: column "
                f"{name!r} must be a date as {', '.join(_PER_MS)} or {TIMESTAMP_NAME}"
            )
        return [
            default if time is None else _ms(time, divisor or 1) for time, default in zip(times, read_at, strict=True)
        ]


def _ms(time: Any, divisor: int) -> int:
    if isinstance(time, dt.datetime):
        known = time if time.tzinfo is not None else time.replace(tzinfo=dt.UTC)
        return (known - _EPOCH) // dt.timedelta(milliseconds=1)
    if not isinstance(time, int):
        raise DataError(f"an event's timestamp must be a number or a date, found: {java_class(time)}")
    # As Java divides: towards zero.
    return time // divisor if time >= 0 else -(-time // divisor)


def _column(schema: Schema, rows: list[Any], name: str, what: str) -> tuple[Schema, list[Any]]:
    """Return a column of the outbox table; nulls are the column's default."""
    field = schema.field(name)
    if field is None:
        known = ", ".join(each.name for each in schema.fields)
        raise DataError(f"Unable to find {what} field {name} in event: the row has {known or 'no fields'}")
    values = members(rows, name)
    default = field.schema.default
    if default is not None:
        values = [default if value is None else value for value in values]
    return field.schema, values


def _integers(schema: Schema, values: list[Any], name: str) -> list[Any]:
    if schema.type is not SchemaType.INT32:
        raise DataError(f"Field '{name}' is not of type INT32")
    for value in values:
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise DataError(f"Field '{name}' must hold whole numbers, found: {java_class(value)}")
    return values


def _partitions(schema: Schema, values: list[Any], name: str) -> list[Any]:
    numbers = _integers(schema, values, name)
    if any(number is not None and number < 0 for number in numbers):
        raise DataError(f"column {name!r} names the partition, and is negative")
    return numbers
