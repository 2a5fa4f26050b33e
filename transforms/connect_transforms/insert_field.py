"""InsertField: adds what is known of the record, or a fixed text, as fields."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from connect.api import (
    INT32,
    INT64,
    OPTIONAL_INT32,
    OPTIONAL_INT64,
    OPTIONAL_STRING,
    STRING,
    Batch,
    Config,
    ConfigError,
    DataError,
    Schema,
    invalid,
    key,
)
from connect_transforms.columns import (
    NULLS_TO_DEFAULTS,
    PREFIX,
    ColumnTransform,
    KeyColumn,
    SchemaCache,
    ValueColumn,
    map_copies,
    over_present,
    require_present,
    struct_copies,
    struct_like,
)

PURPOSE = "field insertion"
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_TIMESTAMP, _OPTIONAL_TIMESTAMP = Schema.timestamp(), Schema.timestamp(optional=True)
_SUFFIX = "Suffix with ! to make this a required field, or ? to keep it optional (the default)."


class InsertFieldConfig(Config):
    """Which fields."""

    topic_field: str | None = key(f"Field name for Kafka topic. {_SUFFIX}", default=None)
    partition_field: str | None = key(f"Field name for Kafka partition. {_SUFFIX}", default=None)
    offset_field: str | None = key(f"Field name for Kafka offset; for sink connectors only. {_SUFFIX}", default=None)
    timestamp_field: str | None = key(f"Field name for record timestamp. {_SUFFIX}", default=None)
    static_field: str | None = key(f"Field name for static data field. {_SUFFIX}", default=None)
    static_value: str | None = key("Static field value, if field name configured.", default=None)
    replace_null_with_default: bool = key(NULLS_TO_DEFAULTS, default=True)


class _Insertion(NamedTuple):
    """A field to add, and what makes its values.

    Attributes:
        values: Returns one value a record as a list or range, or one for all; None in either: leave the field out.
            Takes whether there is no schema.
        strict: A null is written and checked, not left out.
    """

    name: str
    schema: Schema
    values: Callable[[Batch, bool], Any]
    strict: bool


class _InsertField(ColumnTransform):
    config_class = InsertFieldConfig
    config: InsertFieldConfig

    def configure(self, config: Config) -> None:
        super().configure(config)
        own = self.config
        if own.static_field is not None and own.static_value is None:
            raise invalid("static.value", None, f"No value specified for static field: {own.static_field}")
        candidates: list[tuple[str | None, Schema, Schema, Callable[[Batch, bool], Any], bool]] = [
            (own.topic_field, STRING, OPTIONAL_STRING, lambda batch, _: batch.topic, True),
            (own.partition_field, INT32, OPTIONAL_INT32, lambda batch, _: batch.partition, False),
            (own.offset_field, INT64, OPTIONAL_INT64, _offsets, True),
            (own.timestamp_field, _TIMESTAMP, _OPTIONAL_TIMESTAMP, _timestamps, False),
            (own.static_field, STRING, OPTIONAL_STRING, lambda *_: own.static_value, True),
        ]
        self._insertions = [
            _Insertion(spec.removesuffix("!") if spec.endswith("!") else spec.removesuffix("?"),
                       required if spec.endswith("!") else optional, values, strict)
            for spec, required, optional, values, strict in candidates
            if spec is not None
        ]  # fmt: skip
        if not self._insertions:
            raise ConfigError("No field insertion configured", config_path="topic.field")
        self._schemas = SchemaCache(self._extended)

    def apply_batch(self, batch: Batch) -> Batch | list[Batch]:
        return over_present(batch, self.column(batch)[1], self._inserted)

    def _inserted(self, batch: Batch) -> Batch:
        schema, values = self.column(batch)
        if schema is None:
            copies = map_copies(values, PURPOSE)
        else:
            defaults = self.config.replace_null_with_default
            copies = struct_copies(schema, values, PURPOSE, nulls_to_defaults=defaults)
        extended = None if schema is None else self._schemas(schema)
        for insertion in self._insertions:
            _insert(insertion, batch, copies, schemaless=schema is None)
            if insertion.strict and schema is not None:
                require_present([(insertion.name, insertion.schema)], copies)
        return self.replaced(batch, extended, copies)

    def _extended(self, schema: Schema) -> Schema:
        added = [(insertion.name, insertion.schema) for insertion in self._insertions]
        return struct_like(schema, [*((f.name, f.schema) for f in schema.fields), *added])


def _insert(insertion: _Insertion, batch: Batch, copies: list[Any], *, schemaless: bool) -> None:
    name, found = insertion.name, insertion.values(batch, schemaless)
    if not isinstance(found, list | range):
        if found is not None or insertion.strict:
            for copy in copies:
                copy[name] = found
        return
    for copy, value in zip(copies, found, strict=True):
        if value is not None or insertion.strict:
            copy[name] = value


def _offsets(batch: Batch, schemaless: bool) -> Sequence[int]:
    if batch.offsets is None:
        raise DataError(
            "Only SinkRecord supported for [field insertion], found: org.apache.kafka.connect.source.SourceRecord"
        )
    return batch.offsets if isinstance(batch.offsets, list | range) else list(batch.offsets)


def _timestamps(batch: Batch, schemaless: bool) -> Any:
    """Return numbers where there is no schema, as Kafka does, and datetimes where the schema says Timestamp."""
    found = batch.timestamps
    if schemaless:
        return found
    return [_moment(ms) for ms in found] if isinstance(found, list) else _moment(found)


def _moment(ms: int | None) -> dt.datetime | None:
    return None if ms is None else EPOCH + dt.timedelta(milliseconds=ms)


class InsertFieldKey(_InsertField, KeyColumn):
    """Add fields to the key."""

    class_name = PREFIX + "InsertField$Key"


class InsertFieldValue(_InsertField, ValueColumn):
    """Add fields to the value."""

    class_name = PREFIX + "InsertField$Value"
