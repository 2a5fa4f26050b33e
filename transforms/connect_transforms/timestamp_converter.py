"""TimestampConverter: dates between text, Unix numbers, and Connect's Date, Time and Timestamp."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any

from connect.api import (
    DATE_NAME,
    INT64,
    OPTIONAL_INT64,
    OPTIONAL_STRING,
    STRING,
    TIME_NAME,
    TIMESTAMP_NAME,
    Batch,
    Config,
    ConnectError,
    DataError,
    Problem,
    Schema,
    SchemaError,
    SchemaType,
    config_key,
)
from connect.api.java import DateFormat, clamped, date_of, java_class, milliseconds, moments_of, time_of, truncated
from connect_transforms.fields.columns import (
    NULLS_TO_DEFAULTS,
    PREFIX,
    ColumnTransform,
    KeyColumn,
    SchemaCache,
    ValueColumn,
    at_field,
    get_column,
    has_nulls,
    map_copies,
    over_present,
    require_struct,
    set_column,
    struct_copies,
    struct_like,
    with_defaults,
)
from connect_transforms.fields.field_path import FieldPath, path_problems, syntax_version_key
from connect_transforms.fields.nested import Nested
from connect_transforms.fields.unmatched import unmatched_fields

PURPOSE = "converting timestamp formats"
#: The kinds of dates, by the words of `target.type`.
TARGETS = ("string", "unix", "Date", "Time", "Timestamp")
PRECISIONS = ("nanoseconds", "microseconds", "milliseconds", "seconds")
_KIND_OF_NAME = {TIMESTAMP_NAME: "Timestamp", DATE_NAME: "Date", TIME_NAME: "Time"}
_SCHEMAS = {
    "string": (STRING, OPTIONAL_STRING), "unix": (INT64, OPTIONAL_INT64),
    "Date": (Schema.date(), Schema.date(optional=True)), "Time": (Schema.time(), Schema.time(optional=True)),
    "Timestamp": (Schema.timestamp(), Schema.timestamp(optional=True)),
}  # fmt: skip


class TimestampConverterConfig(Config):
    """Which field, and what it becomes."""

    field: str | None = config_key(
        "The field containing the timestamp, or empty if the entire value is a timestamp.",
        default="",
        importance="high",
    )
    target_type: str | None = config_key(
        "The desired timestamp representation: string, unix, Date, Time, or Timestamp.",
        importance="high",
        one_of=TARGETS,
    )
    format: str | None = config_key(
        "A SimpleDateFormat-compatible format for the timestamp: "
        "of the text to make where target.type=string, otherwise of the text that is read.",
        default="",
    )
    unix_precision: str | None = config_key(
        "The desired Unix precision for the timestamp: seconds, milliseconds, microseconds, or nanoseconds. "
        "Of the number to make where target.type=unix, otherwise of the number that is read.",
        default="milliseconds",
        importance="low",
        one_of=PRECISIONS,
    )
    replace_null_with_default: bool = config_key(NULLS_TO_DEFAULTS, default=True)
    field_syntax_version: str = syntax_version_key()

    def problems(self) -> Iterable[Problem]:
        for name, value, words in (
            ("target.type", self.target_type, TARGETS),
            ("unix.precision", self.unix_precision, PRECISIONS),
        ):
            if value is None:
                yield Problem(
                    name, f"Invalid value null for configuration {name}: String must be one of: {', '.join(words)}"
                )
        if self.field is None:
            yield Problem(
                "field",
                "Invalid value null for configuration field: leave it out, or empty, to convert the whole value",
            )
        elif self.field:
            yield from path_problems("field", [self.field], self.field_syntax_version)
        if self.target_type == "string" and not (self.format or "").strip():
            yield Problem(
                "format", "TimestampConverter requires format option to be specified when using string timestamps"
            )
        elif (self.format or "").strip():
            try:
                DateFormat(self.format or "")
            except ValueError as error:
                yield Problem(
                    "format",
                    "TimestampConverter requires a SimpleDateFormat-compatible pattern for string timestamps: "
                    f"{self.format}: {error}",
                )


class _TimestampConverter(ColumnTransform[TimestampConverterConfig]):
    def configure(self, config: Config) -> None:
        super().configure(config)
        own = self.config
        self._dates = _Dates(own.target_type or "", own.unix_precision or "", own.format or "")
        self._nested: Nested | None = None
        if own.field:
            path = FieldPath(own.field, own.field_syntax_version)
            field = _Field(path.steps, self._dates, own.replace_null_with_default)
            self._nested = Nested(path.steps[:-1], field.change)
            self._unmatched = unmatched_fields(self, [path], self.column)

    def apply_batch(self, batch: Batch) -> Batch | list[Batch]:
        schema, values = self.column(batch)
        if self._nested is None:
            made = None if schema is None else self._dates.schema(schema)
            return self.replaced(batch, made, self._dates.converted(schema, values))
        self._unmatched.look(batch)
        if not has_nulls(values):
            return self.replaced(batch, *self._nested(schema, values))
        if schema is None:
            return over_present(batch, values, self._changed)
        # Nulls get the new schema too: all records stay in one batch.
        made, changed = self._nested(schema, [value for value in values if value is not None])
        following = iter(changed)
        return self.replaced(batch, made, [None if value is None else next(following) for value in values])

    def _changed(self, batch: Batch) -> Batch:
        assert self._nested is not None, "called where a field is converted"
        return self.replaced(batch, *self._nested(*self.column(batch)))


class _Field:
    """Converts one field of objects."""

    def __init__(self, steps: tuple[str, ...], dates: _Dates, nulls_to_defaults: bool) -> None:
        *self._parent, self._name = steps
        self._dates = dates
        self._defaults = nulls_to_defaults
        self._schemas = SchemaCache(self._converted_schema)

    def change(self, schema: Schema | None, values: list[Any]) -> tuple[Schema | None, list[Any]]:
        name = self._name
        if schema is None:
            copies: list[dict[Any, Any]] = map_copies(values, PURPOSE)
            self._convert(None, copies)
            return None, copies
        if schema.type is not SchemaType.STRUCT:
            for value in values:
                require_struct(schema, value, PURPOSE)
        made = self._schemas(schema)
        copies = struct_copies(schema, values, PURPOSE, nulls_to_defaults=self._defaults, made=made)
        field = schema.field(name)
        if field is not None:
            self._convert(field.schema, copies)
        return made, copies

    def _convert(self, schema: Schema | None, copies: list[dict[Any, Any]]) -> None:
        if not copies:  # null structs alone: as in Kafka nobody asks what the field is
            return
        with at_field(self._parent, self._name):
            set_column(copies, self._name, self._dates.converted(schema, get_column(copies, self._name)))

    def _converted_schema(self, schema: Schema) -> Schema:
        if schema.type is not SchemaType.STRUCT:
            raise SchemaError("Cannot list fields on non-struct type")
        fields = ((f.name, self._dates.schema(f.schema) if f.name == self._name else f.schema) for f in schema.fields)
        made = struct_like(schema, fields)
        default = schema.default
        field = schema.field(self._name)
        if default is not None:
            default = with_defaults(default, schema, nulls_to_defaults=self._defaults)
            if field is not None:
                default[self._name] = self._dates.converted(field.schema, [default[self._name]])[0]
        return made.replace(optional=schema.optional, default=default)


class _Dates:
    """Reads and writes dates: any kind to milliseconds since the epoch, and those to the target."""

    def __init__(self, target: str, precision: str, pattern: str) -> None:
        self._target = target
        self._precision = precision
        self._format = DateFormat(pattern) if pattern.strip() else None
        self._readers: dict[str, Callable[[Any], int]] = {"string": self._from_text, "unix": self._from_unix}

    def schema(self, schema: Schema) -> Schema:
        """Return the schema that a date of this schema becomes."""
        return _SCHEMAS[self._target][schema.optional]

    def converted(self, schema: Schema | None, values: list[Any]) -> list[Any]:
        """Return the values as the target; nulls stay.

        Raises:
            DataError: A value is no date, or a text does not fit the format.
            ConnectError: The schema is none of a date.
        """
        kind = None if schema is None else _kind_of(schema)
        kinds = set(map(type, values))
        if kinds == {str} and kind in (None, "string") and self._format is not None:
            moments = self._format.iso_moments(values) if self._target == "Timestamp" else None
            if moments is not None:
                return moments
            try:
                dates = self._format.parse_all(values)
            except ValueError:  # once more, for the message
                dates = [self._read(value, kind) for value in values]
        elif kinds == {int} and kind in (None, "unix") and self._precision == "milliseconds":
            dates = values
        elif type(None) in kinds:
            following = iter(self.converted(schema, [value for value in values if value is not None]))
            return [None if value is None else next(following) for value in values]
        else:
            dates = [self._read(value, kind) for value in values]
        return self._written(dates)

    def _read(self, value: Any, kind: str | None) -> int:
        found = _inferred(value) if kind is None else kind
        reader = self._readers.get(found)
        if reader is not None:
            return reader(value)
        if not isinstance(value, dt.date | dt.time):
            raise DataError(f"Expected {found} to be a java.util.Date, but found class {java_class(value)}")
        return milliseconds(value)

    def _from_text(self, value: Any) -> int:
        if not isinstance(value, str):
            raise DataError(f"Expected string timestamp to be a String, but found class {java_class(value)}")
        if self._format is None:
            raise DataError(f"Could not parse timestamp: value ({value}) needs the key 'format', and it is not set")
        try:
            return self._format.parse(value)
        except ValueError:
            raise DataError(
                f"Could not parse timestamp: value ({value}) does not match pattern ({self._format.pattern})"
            ) from None

    def _from_unix(self, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise DataError(f"Expected Unix timestamp to be a Long, but found class {java_class(value)}")
        if self._precision == "seconds":
            return clamped(value * 1000)
        divisor = {"milliseconds": 1, "microseconds": 1000, "nanoseconds": 1_000_000}[self._precision]
        return truncated(value, divisor)

    def _written(self, dates: list[int]) -> list[Any]:
        match self._target:
            case "string":
                assert self._format is not None, "checked when the config was read"
                return self._format.format_all(dates)
            case "Timestamp":
                return moments_of(dates)
            case "Date":
                return list(map(date_of, dates))
            case "Time":
                return list(map(time_of, dates))
        if self._precision == "milliseconds":
            return dates
        if self._precision == "seconds":
            return [truncated(ms, 1000) for ms in dates]
        factor = 1000 if self._precision == "microseconds" else 1_000_000
        return [clamped(ms * factor) for ms in dates]


def _kind_of(schema: Schema) -> str:
    kind = _KIND_OF_NAME.get(schema.name or "")
    if kind is None:
        kind = {SchemaType.STRING: "string", SchemaType.INT64: "unix"}.get(schema.type)
    if kind is None:
        raise ConnectError(f"Schema {schema} does not correspond to a known timestamp type format", code="data.invalid")
    return kind


def _inferred(value: Any) -> str:
    if isinstance(value, dt.date | dt.time):
        return "Timestamp"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int) and not isinstance(value, bool) and -(1 << 63) <= value < 1 << 63:
        return "unix"
    raise DataError(f"TimestampConverter does not support class {java_class(value)} objects as timestamps")


class TimestampConverterKey(_TimestampConverter, KeyColumn):
    """Convert a date in the key, or the whole key."""

    class_name = PREFIX + "TimestampConverter$Key"


class TimestampConverterValue(_TimestampConverter, ValueColumn):
    """Convert a date in the value, or the whole value."""

    class_name = PREFIX + "TimestampConverter$Value"
