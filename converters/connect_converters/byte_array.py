"""ByteArrayConverter: bytes as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connect.api import OPTIONAL_BYTES, Column, Converter, DataError, HeaderConverter, Schema, SchemaType
from connect.api.java import java_class
from connect_converters.converter_config import ConverterConfig


class ByteArrayConverter(Converter[ConverterConfig], HeaderConverter[ConverterConfig]):
    """Passes bytes through in both directions."""

    class_name = "org.apache.kafka.connect.converters.ByteArrayConverter"
    version = "4.3.1"

    def encode(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> list[bytes | None]:
        if schema is not None and schema.type is not SchemaType.BYTES:
            raise DataError(f"Invalid schema type for ByteArrayConverter: {schema.type.name}")
        if set(map(type, values)) <= {bytes, type(None)}:
            return values if isinstance(values, list) else list(values)
        for value in values:
            if value is not None and not isinstance(value, bytes | bytearray | memoryview):
                raise DataError(f"ByteArrayConverter is not compatible with objects of type class {java_class(value)}")
        return [value if value is None or isinstance(value, bytes) else bytes(value) for value in values]

    def decode(self, topic: str, data: Sequence[bytes | None]) -> list[Column]:
        return [Column(OPTIONAL_BYTES, list(data))] if data else []

    def from_connect_header(self, topic: str, name: str, schema: Schema | None, value: Any) -> bytes | None:
        return self.from_connect_data(topic, schema, value)

    def to_connect_header(self, topic: str, name: str, data: bytes | None) -> tuple[Schema | None, Any]:
        return OPTIONAL_BYTES, data
