from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from connect.api import INT32, STRING, Column, Converter, Encoded, HeaderConverter, PluginError, Schema


class Single(Converter):
    """Numbers with their schema, texts with theirs."""

    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        return None if value is None else f"{topic}:{value}".encode()

    def to_connect_data(self, topic: str, data: bytes | None) -> tuple[Schema | None, Any]:
        text = (data or b"").decode()
        return (Schema("int32"), int(text)) if text.isdigit() else (STRING, text)


class Columns(Converter):
    def encode(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> list[bytes | None]:
        return [str(value).encode() for value in values]

    def decode(self, topic: str, data: Sequence[bytes | None]) -> list[Column]:
        return [Column(None, list(data))]


def test_who_converts_one_value_is_asked_for_columns_too() -> None:
    assert Single().encode("t", None, [1, None, "x"]) == [b"t:1", None, b"t:x"]


def test_values_of_one_schema_are_one_run_also_where_it_is_made_anew_each_time() -> None:
    assert Single().decode("t", [b"1", b"2", b"x", b"3"]) == [(INT32, [1, 2]), (STRING, ["x"]), (INT32, [3])]
    assert Single().decode("t", []) == []


def test_who_converts_columns_is_asked_for_one_value_too() -> None:
    assert Columns().from_connect_data("t", None, 7) == b"7"
    assert Columns().to_connect_data("t", b"7") == (None, b"7")


def test_what_a_converter_may_not_return_is_named() -> None:
    class Wrong(Converter):
        def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> Any:
            return "text"

        def to_connect_data(self, topic: str, data: bytes | None) -> Any:
            return 7

    with pytest.raises(PluginError, match=r"Wrong\.from_connect_data returned str 'text'; expected bytes or None"):
        Wrong().encode("t", None, [1])
    with pytest.raises(PluginError, match=r"Wrong\.to_connect_data returned int 7; expected a pair"):
        Wrong().decode("t", [b"x"])


def test_a_converter_with_neither_form_says_which_it_must_have() -> None:
    with pytest.raises(NotImplementedError, match="Converter must define from_connect_data or encode"):
        Converter().encode("t", None, [1])
    with pytest.raises(NotImplementedError, match="Converter must define to_connect_data or decode"):
        Converter().to_connect_data("t", b"")
    with pytest.raises(NotImplementedError, match="HeaderConverter must define from_connect_header"):
        HeaderConverter().from_connect_header("t", "h", None, 1)
    with pytest.raises(NotImplementedError, match="HeaderConverter must define to_connect_header"):
        HeaderConverter().to_connect_header("t", "h", b"")


def test_the_forms_with_headers_are_the_others_unless_they_are_overridden() -> None:
    made = Single()
    assert made.encode_with_headers("t", STRING, ["a", None]) == Encoded(made.encode("t", STRING, ["a", None]))
    data = made.encode("t", STRING, ["a"])
    assert made.decode_with_headers("t", data, [[("h", b"x")]]) == made.decode("t", data)
