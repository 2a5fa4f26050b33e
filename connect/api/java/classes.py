"""Java's names for the classes of values: Kafka Connect's messages name them, and so do ours."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from typing import Any, Final, Protocol

from connect.api.schema_type import SchemaType, python_types

#: Java's names for the classes of values; `connect.api.structs` adds its own.
JAVA_CLASSES: Final[dict[type, str]] = {
    str: "java.lang.String", bool: "java.lang.Boolean", float: "java.lang.Double", bytes: "[B", bytearray: "[B",
    memoryview: "java.nio.HeapByteBuffer", list: "java.util.ArrayList", tuple: "java.util.ArrayList",
    dict: "java.util.LinkedHashMap", decimal.Decimal: "java.math.BigDecimal", dt.datetime: "java.util.Date",
    dt.date: "java.util.Date", dt.time: "java.util.Date", set: "java.util.TreeSet", uuid.UUID: "java.util.UUID",
}  # fmt: skip


class HasType(Protocol):
    """What is asked of a schema here, which stands above this module: its type, and whether it is a logical one."""

    type: SchemaType

    @property
    def is_logical(self) -> bool:
        """Whether a name gives the type another meaning: Decimal, Date, Time, Timestamp."""


def java_class(value: Any, schema: HasType | None = None) -> str:
    """Name the Java class that Kafka Connect's messages would name for a value; the type's own name for a stranger's.

    The schema says what Python's types leave open: that a dict is a Struct, how wide an int is, that a float is single.
    Without one an int is an Integer, or a Long where it is too wide for that.
    """
    if schema is not None and not schema.is_logical and isinstance(value, python_types(schema.type)):
        named = _JAVA_TYPES.get(schema.type)
        if named is not None and not isinstance(value, bool):
            return named
    if isinstance(value, int) and not isinstance(value, bool):
        if not -(1 << 63) <= value < 1 << 63:
            return "java.math.BigInteger"
        return "java.lang.Integer" if -(1 << 31) <= value < 1 << 31 else "java.lang.Long"
    known = (JAVA_CLASSES[base] for base in type(value).__mro__ if base in JAVA_CLASSES)
    return next(known, type(value).__qualname__)


_JAVA_TYPES: Final = {
    SchemaType.INT8: "java.lang.Byte",
    SchemaType.INT16: "java.lang.Short",
    SchemaType.INT32: "java.lang.Integer",
    SchemaType.INT64: "java.lang.Long",
    SchemaType.FLOAT32: "java.lang.Float",
    SchemaType.STRUCT: "org.apache.kafka.connect.data.Struct",
}
