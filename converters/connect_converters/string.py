"""StringConverter: values as text; what is not text as Java's toString prints it, and bytes as they are.

Source: Kafka 4.3.1, StringConverter.java.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import Any

from connect.api import OPTIONAL_STRING, Column, Config, Converter, HeaderConverter, Schema, config_key, invalid_value
from connect.api.java import decode_utf8, java_text
from connect_converters.converter_config import ConverterConfig

_JAVA_CHARSETS = {"UTF8": "utf-8", "ISO-8859-1": "latin-1", "US-ASCII": "ascii"}


class StringConverterConfig(ConverterConfig):
    """How text becomes bytes."""

    converter_encoding: str = config_key(
        "The name of the Java character set to use for encoding strings as byte arrays.",
        default="UTF-8",
        importance="high",
        width="MEDIUM",
        display_name="Encoding",
    )


class StringConverter(Converter[StringConverterConfig], HeaderConverter[StringConverterConfig]):
    """Writes text, and reads bytes as text."""

    class_name = "org.apache.kafka.connect.storage.StringConverter"
    version = "4.3.1"

    def configure(self, config: Config) -> None:
        super().configure(config)
        name = self.config.converter_encoding
        try:
            found = codecs.lookup(_JAVA_CHARSETS.get(name.upper(), name))
            if not found._is_text_encoding:  # base64 and its kin, which Python calls codecs too
                raise LookupError(name)
            self._encoding = found.name
        except LookupError:
            raise invalid_value("converter.encoding", name, "no such character set") from None
        # Java writes UTF-16 with the higher byte first and a mark in front.
        self._mark = codecs.BOM_UTF16_BE if self._encoding == "utf-16" else b""
        self._writing = "utf-16-be" if self._mark else self._encoding

    def encode(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> list[bytes | None]:
        try:
            if self._encoding == "utf-8":
                return [value.encode() for value in values]  # all text: nearly always
        except (AttributeError, UnicodeEncodeError):
            pass  # a null, a number, half a surrogate pair, bytes
        kinds = set(map(type, values))
        if kinds == {bytes}:
            return list(values)
        if kinds == {int} and self._encoding == "utf-8":  # keys, mostly
            return [b"%d" % value for value in values]
        return [self._encoded(schema, value) for value in values]

    def _encoded(self, schema: Schema | None, value: Any) -> bytes | None:
        if value is None:
            return None
        if isinstance(value, bytes | bytearray | memoryview):
            return bytes(value)  # text already, for all we know; Java would print its address
        return self._mark + java_text(value, schema).encode(self._writing, "replace")

    def decode(self, topic: str, data: Sequence[bytes | None]) -> list[Column]:
        if not data:
            return []
        try:
            if self._encoding == "utf-8":
                return [Column(OPTIONAL_STRING, list(map(bytes.decode, data)))]  # type: ignore[arg-type]
        except (TypeError, UnicodeDecodeError):
            pass  # a null, bytes that are no text
        return [Column(OPTIONAL_STRING, [self._decoded(item) for item in data])]

    def _decoded(self, item: bytes | None) -> str | None:
        if item is None:
            return None
        if self._encoding == "utf-8":
            return decode_utf8(item)
        marked = item[:2] in (codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)
        return item.decode(self._encoding if marked else self._writing, "replace")

    def from_connect_header(self, topic: str, name: str, schema: Schema | None, value: Any) -> bytes | None:
        return self.from_connect_data(topic, schema, value)

    def to_connect_header(self, topic: str, name: str, data: bytes | None) -> tuple[Schema | None, Any]:
        return self.to_connect_data(topic, data)
