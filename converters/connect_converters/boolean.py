"""BooleanConverter: true and false as one byte.

Source: Kafka 4.3.1, BooleanConverter.java, BooleanSerializer.java.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from connect.api import OPTIONAL_BOOLEAN, Column, Converter, DataError, HeaderConverter, Schema, SchemaType
from connect.api.java import java_class
from connect_converters.converter_config import ConverterConfig

_ENCODED: Final = {True: b"\x01", False: b"\x00", None: None}
_DECODED: Final = {b"\x01": True, b"\x00": False, None: None}


class BooleanConverter(Converter[ConverterConfig], HeaderConverter[ConverterConfig]):
    """Writes true as the byte 1 and false as 0; reads nothing else."""

    class_name = "org.apache.kafka.connect.converters.BooleanConverter"
    version = "4.3.1"

    def encode(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> list[bytes | None]:
        if schema is not None and schema.type is not SchemaType.BOOLEAN:
            raise DataError(f"Invalid schema type for BooleanConverter: {schema.type.name}")
        for value in values:
            if value is not None and not isinstance(value, bool):
                raise DataError(f"BooleanConverter is not compatible with objects of type class {java_class(value)}")
        return [_ENCODED[value] for value in values]

    def decode(self, topic: str, data: Sequence[bytes | None]) -> list[Column]:
        if not data:
            return []
        try:
            return [Column(OPTIONAL_BOOLEAN, [_DECODED[item] for item in data])]
        except KeyError as error:
            raise DataError(f"Failed to deserialize boolean: {error} is neither the byte 0 nor 1") from None

    def from_connect_header(self, topic: str, name: str, schema: Schema | None, value: Any) -> bytes | None:
        return self.from_connect_data(topic, schema, value)

    def to_connect_header(self, topic: str, name: str, data: bytes | None) -> tuple[Schema | None, Any]:
        return self.to_connect_data(topic, data)
