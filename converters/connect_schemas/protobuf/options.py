"""How schemas are turned into each other: Confluent's switches, and the words that both sides know.

Source: Confluent's documentation, "Kafka Connect and Schema Registry", Protobuf; ProtobufData and ProtobufDataConfig
(schema-registry 8.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from connect.api import Schema, SchemaType
from connect_schemas.generalized import GENERAL_ENUM, is_general_union

NAMESPACE: Final = "io.confluent.connect.protobuf"
DEFAULT_NAME: Final = "ConnectDefault"
ENUM: Final = f"{NAMESPACE}.Enum"
UNION: Final = f"{NAMESPACE}.Union"
TAG: Final = f"{NAMESPACE}.Tag"
TYPE: Final = f"{NAMESPACE}.Type"
WRAPPER: Final = f"{NAMESPACE}.Wrapper"

PRECISION: Final = "connect.decimal.precision"
CONNECT_TYPE: Final = "connect.type"

DECIMAL: Final = "confluent.type.Decimal"
DATE: Final = "google.type.Date"
TIME: Final = "google.type.TimeOfDay"
TIMESTAMP: Final = "google.protobuf.Timestamp"
#: Where each message that stands for a type of Connect's is declared.
FILES: Final = {
    DECIMAL: "confluent/type/decimal.proto",
    DATE: "google/type/date.proto",
    TIME: "google/type/timeofday.proto",
    TIMESTAMP: "google/protobuf/timestamp.proto",
}
WRAPPERS_FILE: Final = "google/protobuf/wrappers.proto"
#: What a message around a single value holds.
WRAPPERS: Final = {
    "google.protobuf.DoubleValue": SchemaType.FLOAT64,
    "google.protobuf.FloatValue": SchemaType.FLOAT32,
    "google.protobuf.Int64Value": SchemaType.INT64,
    "google.protobuf.UInt64Value": SchemaType.INT64,
    "google.protobuf.Int32Value": SchemaType.INT32,
    "google.protobuf.UInt32Value": SchemaType.INT64,
    "google.protobuf.BoolValue": SchemaType.BOOLEAN,
    "google.protobuf.StringValue": SchemaType.STRING,
    "google.protobuf.BytesValue": SchemaType.BYTES,
}


@dataclass(frozen=True, slots=True)
class Options:
    """Confluent's switches, by its defaults. See `ProtobufConverterConfig`."""

    enhanced: bool = False
    scrub: bool = False
    generalized: bool = False
    int_for_enums: bool = False
    optional: bool = False
    proto2_optional: bool = True
    wrapper: bool = False
    raw_wrapper: bool = True
    struct_for_nulls: bool = False
    union_index: bool = True
    flatten: bool = False
    ignore_defaults: bool = False

    @property
    def enum_parameter(self) -> str:
        """The parameter that makes a text an enum."""
        return GENERAL_ENUM if self.generalized else ENUM


def is_union(schema: Schema) -> bool:
    """Whether a struct stands for a oneof: one field for each of its members."""
    if schema.type is not SchemaType.STRUCT:
        return False
    return (schema.name or "").startswith(UNION) or is_general_union(schema)


def enum_name(schema: Schema) -> str | None:
    """Return what the enum is called that a text or a number stands for; None where it is none."""
    parameters = schema.parameters or {}
    if schema.type is SchemaType.STRING:
        return parameters.get(GENERAL_ENUM, parameters.get(ENUM))
    return parameters.get(ENUM) if schema.type is SchemaType.INT32 else None


def is_wrapped(schema: Schema, options: Options, *, in_oneof: bool) -> bool:
    """Whether a value stands in a message of its own, so that it can be left out."""
    if not options.wrapper or not schema.optional:
        return False
    return not in_oneof or (schema.parameters or {}).get(WRAPPER, "").lower() == "true"
