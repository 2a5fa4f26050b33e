"""The certificate of a converter: a right one passes it. Wrong ones: test_faulty_converters.py."""

from __future__ import annotations

import json
from typing import Any

from connect.api import Converter, DataError, Schema
from connect.testing.suites import ConverterSuite


class Words(Converter):
    """Writes texts as JSON, and nothing else."""

    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        if value is None:
            return None
        if not isinstance(value, str):
            raise DataError(f"{type(value).__name__} is no text")
        return json.dumps(value).encode()

    def to_connect_data(self, topic: str, data: bytes | None) -> tuple[Schema | None, Any]:
        if data is None:
            return None, None
        try:
            found = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise DataError(f"the bytes are no JSON: {error}") from error
        if not isinstance(found, str):
            raise DataError("the JSON is no text")
        return None, found


class TestWords(ConverterSuite):
    converter = Words
