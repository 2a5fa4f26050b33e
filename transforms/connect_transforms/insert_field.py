"""InsertField: adds what is known of the record, or a fixed text, as fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
    DataError,
    Problem,
    Schema,
    config_key,
)
from connect.api.java import moment_of
from connect_transforms.fields.columns import (
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
from connect_transforms.fields.field_path import FieldPath, path_problems, syntax_version_key
from connect_transforms.fields.nested_insertion import put_at, with_field

PURPOSE = "field insertion"
_TIMESTAMP, _OPTIONAL_TIMESTAMP = Schema.timestamp(), Schema.timestamp(optional=True)
_SUFFIX = "Suffix with ! to make this a required field, or ? to keep it optional (the default)."


class InsertFieldConfig(Config):
    """Which fields."""

    topic_field: str | None = config_key(f"Field name for Kafka topic. {_SUFFIX}", default=None)
    partition_field: str | None = config_key(f"Field name for Kafka partition. {_SUFFIX}", default=None)
    offset_field: str | None = config_key(
        f"Field name for Kafka offset; for sink connectors only. {_SUFFIX}", default=None
    )
    timestamp_field: str | None = config_key(f"Field name for record timestamp. {_SUFFIX}", default=None)
    static_field: str | None = config_key(f"Field name for static data field. {_SUFFIX}", default=None)
    static_value: str | None = config_key("Static field value, if field name configured.", default=None)
    replace_null_with_default: bool = config_key(NULLS_TO_DEFAULTS, default=True)
    field_syntax_version: str = syntax_version_key()

    def problems(self) -> Iterable[Problem]:
        if self.static_field is not None and self.static_value is None:
            yield Problem(
                "static.value",
                "Invalid value null for configuration static.value: No value specified for static field: "
                f"{self.static_field}",
            )
        given = {
            name: spec for name in self.keys() if name.endswith(".field") and (spec := self._spec(name)) is not None
        }
        if not given:
            yield Problem("topic.field", "No field insertion configured")
        for name, spec in given.items():
            yield from path_problems(name, [_name_of(spec)], self.field_syntax_version)

    def _spec(self, name: str) -> str | None:
        found: str | None = getattr(self, name.replace(".", "_"))
        return found


class _Insertion(NamedTuple):
    """A field to add, and what makes its values.

    Attributes:
        steps: The path of the field.
        values: Returns one value a record as a list or range, or one for all; None in either: leave the field out.
            Takes whether there is no schema.
        strict: A null is written and checked, not left out.
    """

    steps: tuple[str, ...]
    schema: Schema
    values: Callable[[Batch, bool], Any]
    strict: bool


class _InsertField(ColumnTransform[InsertFieldConfig]):
    def configure(self, config: Config) -> None:
        super().configure(config)
        own = self.config
        candidates: list[tuple[str | None, Schema, Schema, Callable[[Batch, bool], Any], bool]] = [
            (own.topic_field, STRING, OPTIONAL_STRING, lambda batch, _: batch.topic, True),
            (own.partition_field, INT32, OPTIONAL_INT32, lambda batch, _: batch.partition, False),
            (own.offset_field, INT64, OPTIONAL_INT64, _offsets, True),
            (own.timestamp_field, _TIMESTAMP, _OPTIONAL_TIMESTAMP, _timestamps, False),
            (own.static_field, STRING, OPTIONAL_STRING, lambda *_: own.static_value, True),
        ]
        self._insertions = [
            _Insertion(self._steps(spec), required if spec.endswith("!") else optional, values, strict)
            for spec, required, optional, values, strict in candidates
            if spec is not None
        ]
        self._schemas = SchemaCache(self._extended)

    def _steps(self, spec: str) -> tuple[str, ...]:
        return FieldPath(_name_of(spec), self.config.field_syntax_version).steps or ("",)

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
            _insert(insertion, batch, copies, schema)
        return self.replaced(batch, extended, copies)

    def _extended(self, schema: Schema) -> Schema:
        flat = [(i.steps[0], i.schema) for i in self._insertions if len(i.steps) == 1]
        made = struct_like(schema, [*((f.name, f.schema) for f in schema.fields), *flat])
        for insertion in self._insertions:
            if len(insertion.steps) > 1:
                made = with_field(made, insertion.steps, insertion.schema, PURPOSE)
        return made


def _insert(insertion: _Insertion, batch: Batch, copies: list[Any], schema: Schema | None) -> None:
    steps, strict = insertion.steps, insertion.strict
    found = insertion.values(batch, schema is None)
    values = found if isinstance(found, list | range) else [found] * len(copies)
    if len(steps) > 1:
        for copy, value in zip(copies, values, strict=True):
            if value is not None or strict:
                put_at(copy, steps, value, schema, PURPOSE)
        return
    name = steps[0]
    for copy, value in zip(copies, values, strict=True):
        if value is not None or strict:
            copy[name] = value
    if strict and schema is not None:
        require_present([(name, insertion.schema)], copies)


def _name_of(spec: str) -> str:
    return spec.removesuffix("!") if spec.endswith("!") else spec.removesuffix("?")


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
    if isinstance(found, list):
        return [None if ms is None else moment_of(ms) for ms in found]
    return None if found is None else moment_of(found)


class InsertFieldKey(_InsertField, KeyColumn):
    """Add fields to the key."""

    class_name = PREFIX + "InsertField$Key"


class InsertFieldValue(_InsertField, ValueColumn):
    """Add fields to the value."""

    class_name = PREFIX + "InsertField$Value"
