"""Schemas: what a key or value is made of, in Kafka Connect's types.

A schema describes plain Python values:

| type                         | Python                         |
|------------------------------|--------------------------------|
| INT8, INT16, INT32, INT64    | int                            |
| FLOAT32, FLOAT64             | float                          |
| BOOLEAN                      | bool                           |
| STRING                       | str                            |
| BYTES                        | bytes                          |
| ARRAY                        | list                           |
| MAP                          | dict                           |
| STRUCT                       | dict, field name -> value      |

The logical types are a base type with a name, as in org.apache.kafka.connect.data:

| logical   | base  | Python                                             |
|-----------|-------|----------------------------------------------------|
| Decimal   | BYTES | decimal.Decimal; parameter 'scale'                 |
| Date      | INT32 | datetime.date; days since the epoch                |
| Time      | INT32 | datetime.time; milliseconds of the day             |
| Timestamp | INT64 | datetime.datetime, aware (UTC); ms since the epoch |

Source: Apache Kafka 4.3.1, connect/api, Schema.java, ConnectSchema.java and the four logical classes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, Final

from connect.api.errors import SchemaError
from connect.api.java import java_class
from connect.api.schema_type import (
    DATE_NAME,
    DECIMAL_NAME,
    INT_BITS,
    LOGICAL_VALUES,
    SCALE_PARAMETER,
    TIME_NAME,
    TIMESTAMP_NAME,
    SchemaType,
    python_types,
)


class Field:
    """A named member of a struct schema; `index` is its place, zero-based."""

    __slots__ = ("index", "name", "schema")

    def __init__(self, name: str, index: int, schema: Schema) -> None:
        self.name = name
        self.index = index
        self.schema = schema

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Field):
            return NotImplemented
        return self.name == other.name and self.index == other.index and self.schema == other.schema

    def __hash__(self) -> int:
        return hash((self.name, self.index))

    def __repr__(self) -> str:
        return f"Field({self.name!r}, {self.index}, {self.schema!r})"


class Schema:
    """An immutable schema.

    Equal schemas hash alike, so a schema can be a cache's key; compare by `is` first, it is free.

    Args:
        type: The type.
        optional: Whether None is a value.
        name: The schema's name; a logical type's name decides how its values look.
        version: The schema's version.
        doc: Words for people.
        parameters: Further text properties, such as a Decimal's 'scale'.
        default: The value of a field that is absent; `has_default` tells it from none.
        fields: A struct's fields in order: pairs of name and schema, or Field objects.
        key_schema: A map's keys.
        value_schema: A map's values, or an array's items.

    Raises:
        SchemaError: The parts contradict each other, or the default does not fit.
    """

    __slots__ = (
        "_by_name", "_hash", "default", "doc", "fields", "key_schema", "name", "optional", "parameters", "type",
        "value_schema", "version",
    )  # fmt: skip

    def __init__(
        self,
        type: SchemaType | str,  # noqa: A002 - Kafka's word
        *,
        optional: bool = False,
        name: str | None = None,
        version: int | None = None,
        doc: str | None = None,
        parameters: Mapping[str, str] | None = None,
        default: Any = None,
        fields: Iterable[tuple[str, Schema] | Field] = (),
        key_schema: Schema | None = None,
        value_schema: Schema | None = None,
    ) -> None:
        self.type = SchemaType(type)
        self.optional = optional
        self.name = name
        self.version = version
        self.doc = doc
        self.parameters: Mapping[str, str] | None = dict(parameters) if parameters else None
        self.fields = tuple(
            Field(f.name, i, f.schema) if isinstance(f, Field) else Field(f[0], i, f[1]) for i, f in enumerate(fields)
        )
        self.key_schema = key_schema
        self.value_schema = value_schema
        self._by_name = {f.name: f for f in self.fields}
        self._hash: int | None = None
        self.default = default
        if len(self._by_name) != len(self.fields):
            names = [f.name for f in self.fields]
            twice = next(n for n in names if names.count(n) > 1)
            raise SchemaError(f"Cannot create field because of field name duplication {twice}", code="data.schema")
        if default is not None:
            try:
                self.validate(default)
            except SchemaError as error:
                raise SchemaError("Invalid default value", code="data.schema") from error

    # -- making ----------------------------------------------------------------------------------------------------

    @classmethod
    def struct(cls, fields: Mapping[str, Schema], **properties: Any) -> Schema:
        """Make a struct schema from names and schemas in order."""
        return cls(SchemaType.STRUCT, fields=fields.items(), **properties)

    @classmethod
    def array(cls, items: Schema | None, **properties: Any) -> Schema:
        """Make an array schema."""
        return cls(SchemaType.ARRAY, value_schema=items, **properties)

    @classmethod
    def map(cls, keys: Schema | None, values: Schema | None, **properties: Any) -> Schema:
        """Make a map schema."""
        return cls(SchemaType.MAP, key_schema=keys, value_schema=values, **properties)

    @classmethod
    def decimal(cls, scale: int, **properties: Any) -> Schema:
        """Make a Decimal schema with `scale` digits behind the point."""
        parameters = {SCALE_PARAMETER: str(scale)}
        return cls(SchemaType.BYTES, name=DECIMAL_NAME, version=1, parameters=parameters, **properties)

    @classmethod
    def date(cls, **properties: Any) -> Schema:
        """Make a Date schema."""
        return cls(SchemaType.INT32, name=DATE_NAME, version=1, **properties)

    @classmethod
    def time(cls, **properties: Any) -> Schema:
        """Make a Time schema."""
        return cls(SchemaType.INT32, name=TIME_NAME, version=1, **properties)

    @classmethod
    def timestamp(cls, **properties: Any) -> Schema:
        """Make a Timestamp schema."""
        return cls(SchemaType.INT64, name=TIMESTAMP_NAME, version=1, **properties)

    def replace(self, **changes: Any) -> Schema:
        """Return a copy with some properties changed; the names are the constructor's."""
        properties: dict[str, Any] = {
            "type": self.type, "optional": self.optional, "name": self.name, "version": self.version, "doc": self.doc,
            "parameters": self.parameters, "default": self.default, "fields": self.fields,
            "key_schema": self.key_schema, "value_schema": self.value_schema,
        }  # fmt: skip
        properties.update(changes)
        return Schema(**properties)

    # -- looking ---------------------------------------------------------------------------------------------------

    @property
    def is_logical(self) -> bool:
        """True for Decimal, Date, Time and Timestamp."""
        return self.name in LOGICAL_VALUES

    def field(self, name: str) -> Field | None:
        """Return a struct's field, None when it has none of that name.

        Raises:
            SchemaError: This is not a struct.
        """
        if self.type is not SchemaType.STRUCT:
            raise SchemaError("Cannot look up fields on non-struct type")
        return self._by_name.get(name)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Schema) or hash(self) != hash(other):
            return False
        return (
            self.type is other.type
            and self.optional == other.optional
            and self.name == other.name
            and self.version == other.version
            and self.doc == other.doc
            and self.parameters == other.parameters
            and self.fields == other.fields
            and self.key_schema == other.key_schema
            and self.value_schema == other.value_schema
            and type(self.default) is type(other.default)
            and self.default == other.default
        )

    def __hash__(self) -> int:
        if self._hash is None:
            shape = tuple((f.name, hash(f.schema)) for f in self.fields)
            self._hash = hash(
                (self.type, self.optional, self.name, self.version, shape, self.key_schema, self.value_schema)
            )
        return self._hash

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        # Texts hash otherwise in another process, so the hash that was remembered here means nothing there.
        return None, {**{slot: getattr(self, slot) for slot in self.__slots__}, "_hash": None}

    def __repr__(self) -> str:
        return f"Schema{{{self.name}:{self.type.name}}}" if self.name else f"Schema{{{self.type.name}}}"

    # -- values ----------------------------------------------------------------------------------------------------

    def validate(self, value: Any, field: str | None = None) -> None:
        """Check that a value fits, all the way down.

        Raises:
            SchemaError: Says what was found, what was expected and for which field; in Kafka's words.
        """
        self._validate(value, f'field: "{field}"' if field is not None else "value")

    def _validate(self, value: Any, place: str) -> None:
        if value is None:
            if not self.optional:
                raise SchemaError(f"Invalid value: null used for required {place}, schema type: {self.type.name}")
            return
        if not self._fits(value):
            named = f' "{self.name}"' if self.name is not None else ""
            raise SchemaError(
                f"Invalid Java object for schema{named} with type {self.type.name}: "
                f"class {java_class(value)} for {place}"
            )
        if self.type is SchemaType.STRUCT:
            # A Struct carries the schema it was made for; a plain dict is what its place says.
            if getattr(value, "schema", self) != self:
                raise SchemaError("Struct schemas do not match.")
            for member in self.fields:
                member_value = value.get(member.name)
                if member_value is None and member.schema.default is not None:
                    continue
                member.schema.validate(member_value, member.name)
        elif self.type is SchemaType.ARRAY:
            items = _present(self.value_schema, f"element of array {place}")
            for item in value:
                items._validate(item, f"element of array {place}")
        elif self.type is SchemaType.MAP:
            keys = _present(self.key_schema, f"key of map {place}")
            values = _present(self.value_schema, f"value of map {place}")
            for key, item in value.items():
                keys._validate(key, f"key of map {place}")
                values._validate(item, f"value of map {place}")

    def _fits(self, value: Any) -> bool:
        logical = LOGICAL_VALUES.get(self.name or "")
        if logical is None and isinstance(value, dict) and self.type is SchemaType.STRUCT:
            return all(isinstance(name, str) for name in value)
        expected = logical or python_types(self.type)
        if not isinstance(value, expected):
            return False
        if expected == (int,):
            bits = INT_BITS[self.type]
            number: int = value  # type: ignore[assignment]
            return not isinstance(value, bool) and -(1 << bits - 1) <= number < 1 << bits - 1
        return expected != (dt.date,) or not isinstance(value, dt.datetime)


def _present(schema: Schema | None, place: str) -> Schema:
    if schema is None:
        raise SchemaError(f"No schema defined for {place}")
    return schema


INT8: Final = Schema(SchemaType.INT8)
INT16: Final = Schema(SchemaType.INT16)
INT32: Final = Schema(SchemaType.INT32)
INT64: Final = Schema(SchemaType.INT64)
FLOAT32: Final = Schema(SchemaType.FLOAT32)
FLOAT64: Final = Schema(SchemaType.FLOAT64)
BOOLEAN: Final = Schema(SchemaType.BOOLEAN)
STRING: Final = Schema(SchemaType.STRING)
BYTES: Final = Schema(SchemaType.BYTES)
OPTIONAL_INT8: Final = Schema(SchemaType.INT8, optional=True)
OPTIONAL_INT16: Final = Schema(SchemaType.INT16, optional=True)
OPTIONAL_INT32: Final = Schema(SchemaType.INT32, optional=True)
OPTIONAL_INT64: Final = Schema(SchemaType.INT64, optional=True)
OPTIONAL_FLOAT32: Final = Schema(SchemaType.FLOAT32, optional=True)
OPTIONAL_FLOAT64: Final = Schema(SchemaType.FLOAT64, optional=True)
OPTIONAL_BOOLEAN: Final = Schema(SchemaType.BOOLEAN, optional=True)
OPTIONAL_STRING: Final = Schema(SchemaType.STRING, optional=True)
OPTIONAL_BYTES: Final = Schema(SchemaType.BYTES, optional=True)
