"""SimpleHeaderConverter: header values as text, their types guessed back from the text.

Source: Kafka 4.3.1, SimpleHeaderConverter.java.
"""

from __future__ import annotations

from typing import Any

from connect.api import BYTES, HeaderConverter, Schema, values
from connect.api.java import decode_utf8


class SimpleHeaderConverter(HeaderConverter):
    """Writes a header's value as text, and reads the type from the text; what is no UTF-8 stays bytes."""

    class_name = "org.apache.kafka.connect.storage.SimpleHeaderConverter"
    version = "4.3.1"

    def from_connect_header(self, topic: str, name: str, schema: Schema | None, value: Any) -> bytes | None:
        return None if value is None else values.to_text(value, schema).encode(errors="replace")

    def to_connect_header(self, topic: str, name: str, data: bytes | None) -> tuple[Schema | None, Any]:
        if data is None:
            return None, None
        try:
            return values.parse(decode_utf8(data)) or (None, None)
        except RecursionError:  # thousands of open brackets
            return BYTES, data
