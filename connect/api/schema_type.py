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


class Type(StrEnum):
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
        return self not in (Type.ARRAY, Type.MAP, Type.STRUCT)


#: Bits of each integer type.
INT_BITS: Final = {Type.INT8: 8, Type.INT16: 16, Type.INT32: 32, Type.INT64: 64}
_PYTHON_TYPES: Final[dict[Type, tuple[type, ...]]] = {
    Type.INT8: (int,),
    Type.INT16: (int,),
    Type.INT32: (int,),
    Type.INT64: (int,),
    Type.FLOAT32: (float,),
    Type.FLOAT64: (float,),
    Type.BOOLEAN: (bool,),
    Type.STRING: (str,),
    Type.BYTES: (bytes, bytearray, memoryview),
    Type.ARRAY: (list, tuple),
    Type.MAP: (dict,),
    Type.STRUCT: (dict,),
}
#: The types of the logical types' values.
LOGICAL_VALUES: Final[dict[str, tuple[type, ...]]] = {
    DECIMAL_NAME: (decimal.Decimal,),
    DATE_NAME: (dt.date,),
    TIME_NAME: (dt.time,),
    TIMESTAMP_NAME: (dt.datetime,),
}


def python_types(type: Type) -> tuple[type, ...]:  # noqa: A002 - Kafka's word
    """Return the Python types of a type's values, logical types aside. Mind that bool is an int to isinstance."""
    return _PYTHON_TYPES[type]
