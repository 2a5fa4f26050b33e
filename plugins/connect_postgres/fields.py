"""Records to columns: which fields of keys, values and coordinates a batch writes, as one list a column.

Nothing here knows the table; `values` fits the lists to it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final

from connect.api import INT32, INT64, STRING, Batch, ConfigError, DataError, Schema, SchemaType
from connect_postgres.names import folded, shortened
from connect_postgres.sink_config import KAFKA_COLUMNS, SinkConfig
from connect_postgres.times import by_julian_calendar, timestamps
from connect_postgres.values import json_text

#: What a whole value is, as a column.
JSON_SCHEMA: Final = Schema.map(STRING, STRING)


@dataclass(slots=True)
class Fields:
    """What is written, as columns of one length.

    Attributes:
        columns: By column name, in order; the key's first.
        schemas: The fields' schemas; None where they are not declared.
        key: Names of the columns that make the key, [] for none.
        structs: What columns without a schema are taken from: one struct a row, and the field's name there.
    """

    columns: dict[str, list[Any]] = field(default_factory=dict)
    schemas: dict[str, Schema | None] = field(default_factory=dict)
    key: list[str] = field(default_factory=list)
    structs: dict[str, tuple[list[Any], str]] = field(default_factory=dict)

    def add(
        self, name: str, values: list[Any], schema: Schema | None, structs: tuple[list[Any], str] | None = None
    ) -> None:
        """Add a column; one that is there already stays."""
        if name not in self.columns:
            self.columns[name] = values
            self.schemas[name] = schema
            if structs is not None and schema is None:
                self.structs[name] = structs

    def rows_with(self, name: str) -> list[int]:
        """Return the rows that have a column's field: all, where it is declared, if only with a null."""
        if name not in self.structs:
            return list(range(len(self.columns[name])))
        structs, field_name = self.structs[name]
        return [row for row, one in enumerate(structs) if field_name in one]

    def without(self, names: Collection[str]) -> Fields:
        """Return all but some columns, none of which are the key's."""
        found = Fields(key=self.key)
        for name, values in self.columns.items():
            if name not in names:
                found.add(name, values, self.schemas[name], self.structs.get(name))
        return found

    def of_rows(self, rows: Sequence[int]) -> Fields:
        """Return some of the rows."""
        found = Fields(key=self.key)
        for name, values in self.columns.items():
            structs = self.structs.get(name)
            kept = None if structs is None else ([structs[0][row] for row in rows], structs[1])
            found.add(name, [values[row] for row in rows], self.schemas[name], kept)
        return found

    @property
    def key_rows(self) -> list[tuple[Any, ...]]:
        """The key of each row."""
        return list(zip(*(self.columns[name] for name in self.key), strict=True))


def fields_of(batch: Batch, config: SinkConfig) -> Fields:
    """Take a batch of values, none of them null, apart.

    Raises:
        DataError: A record lacks what the config asks of it.
        ConfigError: The config and the records' shape contradict each other.
    """
    fields = Fields()
    if config.key_mode == "kafka":
        _add_coordinates(fields, batch, config.pk_fields or KAFKA_COLUMNS)
    elif config.key_mode == "record_key":
        _add_key(fields, batch, config.pk_fields)
    values, schemas = _value_columns(batch, config)
    if config.key_mode == "record_value":
        fields.key = config.pk_fields or list(values)
        missing = [name for name in fields.key if name not in values]
        if missing:
            raise DataError(
                f"a value of topic {batch.topic} has no field {missing[0]!r}, which pk.fields names; "
                f"it has {', '.join(values)}"
            )
        for name in fields.key:
            fields.add(name, values[name], schemas[name], (batch.values, name))
    if config.json_value_column_name:
        texts = list(map(json_text, batch.values))
        values, schemas = {config.json_value_column_name: texts}, {config.json_value_column_name: JSON_SCHEMA}
    chosen = config.fields_whitelist
    for name in values:
        if not chosen or name in chosen:
            fields.add(name, values[name], schemas[name], (batch.values, name))
    if not fields.columns:
        has = ", ".join(values) or "none"
        raise (
            ConfigError(
                f"a value of topic {batch.topic} has no field to write: "
                f"fields.whitelist is {', '.join(chosen) or 'empty'}, the value's fields are {has}",
                config_path="fields.whitelist",
                hint="Correct fields.whitelist; names are compared with case.",
            )
            if chosen and values
            else DataError(f"a value of topic {batch.topic} has no field to write: it is an empty object")
        )
    _read_times(fields, batch.topic, config)
    return _renamed(fields, batch.topic, config)


def key_fields_of(batch: Batch, config: SinkConfig) -> Fields:
    """Take only the keys of a batch apart, as tombstones are."""
    fields = Fields()
    _add_key(fields, batch, config.pk_fields)
    _read_times(fields, batch.topic, config)
    return _renamed(fields, batch.topic, config)


def _read_times(fields: Fields, topic: str, config: SinkConfig) -> None:
    """Read what timestamp.fields.list and date.calendar.system speak of."""
    nanoseconds = config.timestamp_precision_mode.lower() == "nanoseconds"
    for name in config.timestamp_fields_list:
        if name in fields.columns:
            schema = fields.schemas[name]
            fields.columns[name] = timestamps(fields.columns[name], name, topic, nanoseconds=nanoseconds)
            fields.schemas[name] = None if schema is None else Schema.timestamp(optional=schema.optional)
    if config.is_legacy_calendar:
        for name, values in fields.columns.items():
            fields.columns[name] = by_julian_calendar(values, name, topic)


def _renamed(fields: Fields, topic: str, config: SinkConfig) -> Fields:
    """Name columns as PostgreSQL reads names without quotes, and shorten them, where the config says so."""
    if not config.folds and not config.shortens:
        return fields

    def renamed(name: str) -> str:
        name = folded(name) if config.folds else name
        return shortened(name) if config.shortens else name

    found = Fields(key=list(map(renamed, fields.key)))
    for name, values in fields.columns.items():
        if renamed(name) in found.columns:
            why = (
                "quote.sql.identifiers=never folds case" if config.folds else "long.names=shorten makes one of them so"
            )
            raise DataError(f"a record of topic {topic} has two fields for column {renamed(name)}, since {why}")
        found.add(renamed(name), values, fields.schemas[name], fields.structs.get(name))
    return found


def _add_coordinates(fields: Fields, batch: Batch, names: Sequence[str]) -> None:
    assert batch.offsets is not None, "a sink's batch has offsets"
    count = len(batch)
    fields.key = list(names)
    fields.add(names[0], [batch.original_topic or batch.topic] * count, STRING)
    fields.add(
        names[1], [batch.partition if batch.original_partition is None else batch.original_partition] * count, INT32
    )
    fields.add(names[2], list(batch.offsets), INT64)


def _add_key(fields: Fields, batch: Batch, names: list[str]) -> None:
    keys = batch.key_column()
    if None in keys:
        raise DataError(f"a record of topic {batch.topic} has no key, and pk.mode=record_key makes the row's key of it")
    schema = batch.key_schema
    if not all(isinstance(one, dict) for one in keys):
        if len(names) != 1:
            raise ConfigError(
                f"the keys of topic {batch.topic} are no structs, so pk.mode=record_key needs one name in pk.fields, "
                f"for their column; {len(names)} given",
                config_path="pk.fields",
            )
        fields.key = list(names)
        fields.add(names[0], keys, schema)
        return
    columns, schemas = _struct_columns(keys, schema)
    fields.key = list(names) or list(columns)
    for name in fields.key:
        if name not in columns:
            raise DataError(
                f"a key of topic {batch.topic} has no field {name!r}, which pk.fields names; "
                f"it has {', '.join(columns)}"
            )
        fields.add(name, columns[name], schemas[name], (keys, name))


def _value_columns(batch: Batch, config: SinkConfig) -> tuple[dict[str, list[Any]], dict[str, Schema | None]]:
    schema = batch.value_schema
    if config.json_value_column_name and config.key_mode != "record_value" and None not in batch.values:
        return {}, {}  # whatever they are, they are taken whole
    if schema is not None and schema.type is SchemaType.STRING and None not in batch.values:
        name = config.string_output_value_column_name
        return {name: batch.values}, {name: schema}
    if schema is not None and schema.type not in (SchemaType.STRUCT, SchemaType.MAP):
        raise DataError(
            f"a value of topic {batch.topic} has schema {schema.type}; a struct is expected, one field a column",
            hint="Wrap it with the HoistField transform.",
        )
    wrong = next((kind for kind in set(map(type, batch.values)) if kind is not dict), None)
    if wrong is not None:
        kind = "null (a tombstone)" if wrong is type(None) else wrong.__name__
        raise DataError(
            f"a value of topic {batch.topic} is {kind}; an object is expected, one field a column",
            hint="Set delete.enabled=true for tombstones; drop others with Filter, or wrap them with HoistField.",
        )
    declared = schema if schema is not None and schema.type is SchemaType.STRUCT else None
    return _struct_columns(batch.values, declared, to_defaults=config.replace_null_with_default)


def _struct_columns(
    structs: list[Any], schema: Schema | None, *, to_defaults: bool = True
) -> tuple[dict[str, list[Any]], dict[str, Schema | None]]:
    if schema is not None and schema.type is SchemaType.STRUCT:
        declared = {member.name: member.schema for member in schema.fields}
        defaults = {name: one.default if to_defaults else None for name, one in declared.items()}
        return {name: _column(structs, name, defaults[name]) for name in declared}, dict(declared)
    names = list(structs[0]) if structs else []
    if set(map(len, structs)) == {len(names)}:
        try:
            # As many fields as the first, and the same ones: then there are no others.
            return {name: list(map(itemgetter(name), structs)) for name in names}, dict.fromkeys(names)
        except KeyError:
            pass
    names = list(dict.fromkeys(name for one in structs for name in one))
    return {name: [one.get(name) for one in structs] for name in names}, dict.fromkeys(names)


def _column(structs: list[Any], name: str, default: Any) -> list[Any]:
    try:
        values = list(map(itemgetter(name), structs))
    except KeyError:  # an optional field may be left out
        values = [one.get(name) for one in structs]
    if default is None:
        return values
    return [default if value is None else value for value in values]
