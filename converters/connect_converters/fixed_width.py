"""Short-, Integer-, Long-, Float- and DoubleConverter: a number as its bytes, the highest first.

As in Kafka the schema of what is written is not looked at, only the value.
Source: Kafka 4.3.1, NumberConverter.java and its five classes; the serializers of the same names.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, ClassVar

from connect.api import (
    OPTIONAL_FLOAT32,
    OPTIONAL_FLOAT64,
    OPTIONAL_INT16,
    OPTIONAL_INT32,
    OPTIONAL_INT64,
    Column,
    Converter,
    DataError,
    HeaderConverter,
    Schema,
)
from connect.api.java import java_class
from connect_converters.converter_config import ConverterConfig


class FixedWidthConverter(Converter[ConverterConfig], HeaderConverter[ConverterConfig]):
    """What the five have in common.

    Attributes:
        word: Java's name of the type, for messages.
        python_type: The only type that is written; a bool is no number.
        form: The letter for `struct`, of a big-endian number.
        schema: The schema of what is read.
    """

    word: ClassVar[str]
    python_type: ClassVar[type]
    form: ClassVar[str]
    schema: ClassVar[Schema]
    version = "4.3.1"

    def encode(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> list[bytes | None]:
        pack = struct.Struct(">" + self.form).pack
        try:
            if set(map(type, values)) == {self.python_type}:
                return list(map(pack, values))
        except (struct.error, OverflowError):
            pass  # one is too large: find out which
        return [None if value is None else self._packed(value) for value in values]

    def _packed(self, value: Any) -> bytes:
        if not isinstance(value, self.python_type) or isinstance(value, bool):
            raise DataError(
                f"Failed to serialize to {self.word} (was class {java_class(value)}): expected {self._expected()}"
            )
        try:
            return struct.pack(">" + self.form, value)
        except (struct.error, OverflowError):
            raise DataError(
                f"Failed to serialize to {self.word} (was class {java_class(value)}): {value} does not fit into "
                f"{self._expected()}"
            ) from None

    def decode(self, topic: str, data: Sequence[bytes | None]) -> list[Column]:
        if not data:
            return []
        size_bytes = struct.calcsize(self.form)
        try:
            if set(map(len, data)) == {size_bytes}:  # type: ignore[arg-type]
                return [Column(self.schema, list(struct.unpack(f">{len(data)}{self.form}", b"".join(data))))]  # type: ignore[arg-type]
        except TypeError:
            pass  # a null among them
        return [Column(self.schema, [None if item is None else self._unpacked(item, size_bytes) for item in data])]

    def _unpacked(self, item: bytes, size_bytes: int) -> int | float:
        if len(item) != size_bytes:
            raise DataError(f"Failed to deserialize {self.word}: expected {size_bytes} bytes, got {len(item)}")
        number: int | float = struct.unpack(">" + self.form, item)[0]
        return number

    def _expected(self) -> str:
        kind = "a whole number" if self.python_type is int else "a floating point number"
        return f"{kind} of {struct.calcsize(self.form) * 8} bits"

    def from_connect_header(self, topic: str, name: str, schema: Schema | None, value: Any) -> bytes | None:
        return self.from_connect_data(topic, schema, value)

    def to_connect_header(self, topic: str, name: str, data: bytes | None) -> tuple[Schema | None, Any]:
        return self.to_connect_data(topic, data)


# A class each, though they are the rows of a table: configs name each, and each has its own docstring.


class ShortConverter(FixedWidthConverter):
    """Whole numbers of 16 bits."""

    class_name = "org.apache.kafka.connect.converters.ShortConverter"
    word, python_type, form, schema = "short", int, "h", OPTIONAL_INT16


class IntegerConverter(FixedWidthConverter):
    """Whole numbers of 32 bits."""

    class_name = "org.apache.kafka.connect.converters.IntegerConverter"
    word, python_type, form, schema = "integer", int, "i", OPTIONAL_INT32


class LongConverter(FixedWidthConverter):
    """Whole numbers of 64 bits."""

    class_name = "org.apache.kafka.connect.converters.LongConverter"
    word, python_type, form, schema = "long", int, "q", OPTIONAL_INT64


class FloatConverter(FixedWidthConverter):
    """Floating point numbers of single precision; others are rounded to it."""

    class_name = "org.apache.kafka.connect.converters.FloatConverter"
    word, python_type, form, schema = "float", float, "f", OPTIONAL_FLOAT32


class DoubleConverter(FixedWidthConverter):
    """Floating point numbers of double precision."""

    class_name = "org.apache.kafka.connect.converters.DoubleConverter"
    word, python_type, form, schema = "double", float, "d", OPTIONAL_FLOAT64
