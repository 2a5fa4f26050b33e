"""The types of Kafka Connect's data model, and the Python types of their values.

Source: Apache Kafka 4.3.1, connect/api, Schema.java, ConnectSchema.java and the four logical classes.
"""

from __future__ import annotations

import datetime as dt
import decimal
from enum import StrEnum
from typing import Final

DECIMAL_NAME: Final = "org.apache.kafka.connect.data.Decimal"
DATE_NAME: Final = "org.apache.kafka.connect.data.Date"
TIME_NAME: Final = "org.apache.kafka.connect.data.Time"
TIMESTAMP_NAME: Final = "org.apache.kafka.connect.data.Timestamp"
SCALE_PARAMETER: Final = "scale"


class SchemaType(StrEnum):
    """The types of Kafka Connect's data model; the text is what JsonConverter and configs use."""

    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    BOOLEAN = "boolean"
    STRING = "string"
    BYTES = "bytes"
    ARRAY = "array"
    MAP = "map"
    STRUCT = "struct"

    @property
    def is_primitive(self) -> bool:
        """True for every type without members."""
        return self not in (SchemaType.ARRAY, SchemaType.MAP, SchemaType.STRUCT)


#: Bits of each integer type.
INT_BITS: Final = {SchemaType.INT8: 8, SchemaType.INT16: 16, SchemaType.INT32: 32, SchemaType.INT64: 64}
_PYTHON_TYPES: Final[dict[SchemaType, tuple[type, ...]]] = {
    SchemaType.INT8: (int,),
    SchemaType.INT16: (int,),
    SchemaType.INT32: (int,),
    SchemaType.INT64: (int,),
    SchemaType.FLOAT32: (float,),
    SchemaType.FLOAT64: (float,),
    SchemaType.BOOLEAN: (bool,),
    SchemaType.STRING: (str,),
    SchemaType.BYTES: (bytes, bytearray, memoryview),
    SchemaType.ARRAY: (list, tuple),
    SchemaType.MAP: (dict,),
    SchemaType.STRUCT: (dict,),
}
#: The types of the logical types' values.
LOGICAL_VALUES: Final[dict[str, tuple[type, ...]]] = {
    DECIMAL_NAME: (decimal.Decimal,),
    DATE_NAME: (dt.date,),
    TIME_NAME: (dt.time,),
    TIMESTAMP_NAME: (dt.datetime,),
}


def python_types(type: SchemaType) -> tuple[type, ...]:  # noqa: A002 - Kafka's word
    """Return the Python types of a type's values, logical types aside. Mind that bool is an int to isinstance."""
    return _PYTHON_TYPES[type]
