from __future__ import annotations

import pytest

from connect.api import BYTES, INT32, OPTIONAL_BYTES, STRING, ConfigError, DataError, Schema
from connect_converters import BinaryDataConverter, JsonConverter, StringConverter
from tests.support.converters import make_converter

DELEGATE = "delegate.converter.type"


def test_bytes_pass_through_untouched() -> None:
    converter, data = make_converter(BinaryDataConverter), [b"a", None, b"\x00"]
    assert converter.encode("t", BYTES.replace(optional=True), data) == data
    assert converter.encode("t", None, data) == data
    (column,) = converter.decode("t", data)
    assert (column.schema, column.values) == (OPTIONAL_BYTES, data)
    assert converter.decode("t", []) == []


def test_all_else_is_left_to_another_converter_with_keys_of_its_own() -> None:
    keys = {DELEGATE: JsonConverter.class_name, f"{DELEGATE}.schemas.enable": "false"}
    converter = make_converter(BinaryDataConverter, **keys)
    assert converter.encode("t", Schema.struct({"a": INT32}), [{"a": 1}]) == [b'{"a":1}']
    assert converter.encode("t", BYTES, [b"a"]) == [b"a"]
    assert converter.encode("t", None, [{"a": 1}, None]) == [b'{"a":1}', None]


def test_values_without_schema_are_told_apart_one_by_one() -> None:
    keys = {DELEGATE: JsonConverter.class_name, f"{DELEGATE}.schemas.enable": "false"}
    values = [b"a", {"a": 1}, None, b"b", {"a": 2}]
    converter = make_converter(BinaryDataConverter, **keys)
    assert converter.encode("t", None, values) == [b"a", b'{"a":1}', None, b"b", b'{"a":2}']
    with pytest.raises(DataError, match="BinaryDataConverter takes bytes, and this is dict"):
        make_converter(BinaryDataConverter).encode("t", None, values)


def test_a_number_that_is_kept_in_bytes_is_no_payload() -> None:
    converter = make_converter(BinaryDataConverter)
    with pytest.raises(DataError, match="BinaryDataConverter takes bytes, and this is BYTES"):
        converter.encode("t", Schema.decimal(2), [None])


@pytest.mark.parametrize(("schema", "value", "what"), [(STRING, "a", "STRING"), (None, "a", "str")])
def test_what_is_no_bytes_is_refused_where_no_other_converter_is_named(
    schema: Schema | None, value: str, what: str
) -> None:
    with pytest.raises(DataError, match=f"BinaryDataConverter takes bytes, and this is {what}") as caught:
        make_converter(BinaryDataConverter).encode("t", schema, [value])
    assert DELEGATE in caught.value.hint


def test_another_converter_is_one_of_those_that_are_bundled_and_its_keys_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"Invalid value org\.example\.Nope .*StringConverter"):
        make_converter(BinaryDataConverter, **{DELEGATE: "org.example.Nope"})
    with pytest.raises(ConfigError, match=r"schemas\.enable"):
        make_converter(
            BinaryDataConverter, **{DELEGATE: JsonConverter.class_name, f"{DELEGATE}.schemas.enable": "maybe"}
        )
    text = make_converter(BinaryDataConverter, **{DELEGATE: StringConverter.class_name})
    assert text.encode("t", STRING, ["a"]) == [b"a"]
