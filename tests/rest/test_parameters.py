from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from connect.rest.parameters import Flag


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("TRUE", True), ("false", False), ("1", False), ("", False)]
)
def test_a_flag_is_read_as_java_reads_it(text: str, value: bool) -> None:
    assert TypeAdapter(Flag).validate_python(text) is value


def test_a_flag_is_a_boolean_in_the_document() -> None:
    assert TypeAdapter(Flag).json_schema() == {"type": "boolean"}
