"""How schemas are turned into each other: Confluent's switches, and the words that both sides know.

Source: Confluent's AvroData and AvroDataConfig (schema-registry 8.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from connect.api import Schema, SchemaType
from connect_schemas.generalized import GENERAL_ENUM, is_general_union

NAMESPACE: Final = "io.confluent.connect.avro"
DEFAULT_NAME: Final = "ConnectDefault"
DEFAULT_FULL_NAME: Final = f"{NAMESPACE}.{DEFAULT_NAME}"
MAP_ENTRY: Final = "MapEntry"
KEY, VALUE = "key", "value"

CONNECT_NAME: Final = "connect.name"
CONNECT_DOC: Final = "connect.doc"
CONNECT_RECORD_DOC: Final = "connect.record.doc"
CONNECT_ENUM_DOC: Final = "connect.enum.doc"
CONNECT_VERSION: Final = "connect.version"
CONNECT_DEFAULT: Final = "connect.default"
CONNECT_PARAMETERS: Final = "connect.parameters"
CONNECT_INTERNAL_TYPE: Final = "connect.internal.type"
CONNECT_TYPE: Final = "connect.type"
FIXED_SIZE: Final = "connect.fixed.size"
PRECISION: Final = "connect.decimal.precision"
PRECISION_DEFAULT: Final = 64

RECORD_DOC: Final = f"{NAMESPACE}.record.doc"
ENUM_DOC: Final = f"{NAMESPACE}.enum.doc."
FIELD_DOC: Final = f"{NAMESPACE}.field.doc."
FIELD_DEFAULT: Final = f"{NAMESPACE}.field.default"
ENUM_DEFAULT: Final = f"{NAMESPACE}.enum.default."
UNION: Final = f"{NAMESPACE}.Union"
ENUM: Final = f"{NAMESPACE}.Enum"
ANYTHING: Final = "Anything"


@dataclass(frozen=True, slots=True)
class Options:
    """Confluent's switches, by its defaults. See `AvroConverterConfig`."""

    enhanced: bool = False
    scrub: bool = False
    metadata: bool = True
    discard: bool = False
    generalized: bool = False
    ignore_defaults: bool = False
    optional_map_keys: bool = False
    flatten: bool = True

    @property
    def enum_parameter(self) -> str:
        """The parameter that makes a string an enum."""
        return GENERAL_ENUM if self.generalized else ENUM


def is_union(schema: Schema) -> bool:
    """Whether a struct stands for a union: one field for each of its types."""
    return schema.name == UNION or is_general_union(schema)


def is_enum(schema: Schema) -> bool:
    """Whether a string is one of an enum's."""
    parameters = schema.parameters or {}
    return schema.type is SchemaType.STRING and (GENERAL_ENUM in parameters or ENUM in parameters)


def is_fixed(schema: Schema) -> bool:
    """Whether bytes are of one size."""
    return schema.type is SchemaType.BYTES and schema.name is not None and FIXED_SIZE in (schema.parameters or {})


def has_text_keys(schema: Schema, options: Options) -> bool:
    """Whether a map is one in Avro, too; others are arrays of entries."""
    keys = schema.key_schema
    return keys is not None and keys.type is SchemaType.STRING and (not keys.optional or options.optional_map_keys)
