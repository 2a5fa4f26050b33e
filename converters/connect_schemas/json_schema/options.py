"""How schemas and values are turned into each other: Confluent's switches, and the words that both sides know.

Source: Confluent's JsonSchemaData, JsonSchemaDataConfig and AbstractDataConfig (schema-registry 8.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from connect.api import Schema, SchemaType
from connect_schemas.generalized import GENERAL_ENUM, GENERAL_FIELD_PREFIX, is_general_union

NAMESPACE: Final = "io.confluent.connect.json"
KEY, VALUE = "key", "value"

CONNECT_TYPE: Final = "connect.type"
CONNECT_VERSION: Final = "connect.version"
CONNECT_PARAMETERS: Final = "connect.parameters"
CONNECT_INDEX: Final = "connect.index"

MAP: Final = "map"
ENUM: Final = f"{NAMESPACE}.Enum"
ONE_OF: Final = f"{NAMESPACE}.OneOf"
#: How null is called among the texts of an enum.
NULL_SYMBOL: Final = "<NULL>"


@dataclass(frozen=True, slots=True)
class Options:
    """Confluent's switches, by its defaults. See `JsonSchemaConverterConfig`."""

    generalized: bool = False
    flatten: bool = True
    optional_for_nonrequired: bool = False
    additional_properties: bool = True
    numeric_decimals: bool = False
    nulls_to_defaults: bool = True

    @property
    def enum_parameter(self) -> str:
        """The parameter that makes a string an enum."""
        return GENERAL_ENUM if self.generalized else ENUM

    def union_field(self, index: int) -> str:
        """Return the name of the field that stands for a union's type."""
        return f"{GENERAL_FIELD_PREFIX}{index}" if self.generalized else f"{ONE_OF}.field.{index}"


def is_union(schema: Schema) -> bool:
    """Whether a struct stands for a union: one field for each of its types."""
    return schema.name == ONE_OF or is_general_union(schema)


def symbols_of(schema: Schema) -> list[str | None] | None:
    """Return the texts of an enum, with None for null; None where the schema is no enum."""
    parameters = schema.parameters or {}
    if schema.type is not SchemaType.STRING:
        return None
    for parameter in (GENERAL_ENUM, ENUM):
        if parameter in parameters:
            names = [name[len(parameter) + 1 :] for name in parameters if name.startswith(f"{parameter}.")]
            return [None if name == NULL_SYMBOL else name for name in names]
    return None


def has_text_keys(schema: Schema) -> bool:
    """Whether a map is an object in JSON; others are arrays of entries."""
    keys = schema.key_schema
    return keys is not None and keys.type is SchemaType.STRING and not keys.optional
