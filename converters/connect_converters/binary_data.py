"""BinaryDataConverter: bytes as they are, and all else by another converter, for outboxes whose payload is bytes.

Source: Debezium's documentation, Outbox Event Router, "Payload serialization format".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from connect.api import OPTIONAL_BYTES, Column, Config, Converter, DataError, Problem, Schema, SchemaType, config_key
from connect_converters.boolean import BooleanConverter
from connect_converters.byte_array import ByteArrayConverter
from connect_converters.converter_config import ConverterConfig
from connect_converters.fixed_width import (
    DoubleConverter,
    FloatConverter,
    IntegerConverter,
    LongConverter,
    ShortConverter,
)
from connect_converters.json_converter import JsonConverter
from connect_converters.string import StringConverter

_DELEGATE: Final = "delegate.converter.type"
#: What all else may be left to, by class name: the converters of this package.
_CLASSES: Final[dict[str, type[Converter[Any]]]] = {
    each.class_name: each
    for each in (
        BooleanConverter, ByteArrayConverter, DoubleConverter, FloatConverter, IntegerConverter, JsonConverter,
        LongConverter, ShortConverter, StringConverter,
    )
}  # fmt: skip


class BinaryDataConverterConfig(ConverterConfig):
    """What becomes of values that are no bytes. Keys of the other converter begin with `delegate.converter.type.`."""

    delegate_converter_type: str | None = config_key(
        "Class of the converter for values that are no bytes, such as heartbeats; left out: they are refused.",
        default=None,
        importance="low",
        type="CLASS",
    )

    def problems(self) -> Iterable[Problem]:
        name = self.delegate_converter_type
        if not name:
            return
        if name not in _CLASSES:
            yield Problem(
                _DELEGATE,
                f"Invalid value {name} for configuration {_DELEGATE}: one of {', '.join(_CLASSES)} is expected",
            )
            return
        for key, value in _CLASSES[name].config_class.values(self.of_delegate()).items():
            for error in value.errors:
                yield Problem(f"{_DELEGATE}.{key}", error)

    def of_delegate(self) -> dict[str, Any]:
        """Return the other converter's keys."""
        prefix = f"{_DELEGATE}."
        own = {key.removeprefix(prefix): value for key, value in self.originals.items() if key.startswith(prefix)}
        return own | ({"converter.type": self.converter_type} if self.converter_type else {})


class BinaryDataConverter(Converter[BinaryDataConverterConfig]):
    """Passes bytes through, and leaves all other values to another converter. Reads bytes alone."""

    class_name = "io.debezium.converters.BinaryDataConverter"
    aliases = ("io.debezium.converters.ByteBufferConverter", "io.debezium.converters.ByteArrayConverter")
    version = "3.0"

    def configure(self, config: Config) -> None:
        super().configure(config)
        self._bytes = ByteArrayConverter()
        self._bytes.configure(ByteArrayConverter.config_class.parse({}))
        self._delegate: Converter[Any] | None = None
        if name := self.config.delegate_converter_type:
            self._delegate = _CLASSES[name]()
            self._delegate.is_key = self.is_key
            self._delegate.configure(_CLASSES[name].config_class.parse(self.config.of_delegate()))

    def encode(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> list[bytes | None]:
        if schema is None:
            return self._encode_schemaless(topic, values)
        if schema.type is SchemaType.BYTES and schema.name is None:
            return self._bytes.encode(topic, schema, values)
        return self._delegated(topic, schema, values)

    def _encode_schemaless(self, topic: str, values: Sequence[Any]) -> list[bytes | None]:
        # One by one: what becomes of a value must not hang on which others it came with.
        others = [index for index, value in enumerate(values) if not _is_bytes(value)]
        if not others:
            return self._bytes.encode(topic, None, values)
        delegated = self._delegated(topic, None, [values[index] for index in others])
        encoded = self._bytes.encode(topic, None, [value if _is_bytes(value) else None for value in values])
        for index, data in zip(others, delegated, strict=True):
            encoded[index] = data
        return encoded

    def _delegated(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> list[bytes | None]:
        if self._delegate is None:
            what = schema.type.name if schema is not None else type(values[0]).__name__
            raise DataError(
                f"BinaryDataConverter takes bytes, and this is {what}",
                hint=f"Name a converter for other values with {_DELEGATE}, or use another for such topics.",
            )
        return self._delegate.encode(topic, schema, values)

    def decode(self, topic: str, data: Sequence[bytes | None]) -> list[Column]:
        return [Column(OPTIONAL_BYTES, list(data))] if data else []


def _is_bytes(value: Any) -> bool:
    return value is None or isinstance(value, bytes | bytearray | memoryview)
