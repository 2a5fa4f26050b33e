"""Values as records, without a registry."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connect.api import (
    BOOLEAN,
    BYTES,
    FLOAT32,
    INT8,
    INT32,
    INT64,
    OPTIONAL_INT32,
    OPTIONAL_STRING,
    STRING,
    DataError,
    Schema,
)
from connect_schemas.protobuf.options import ENUM, TYPE, UNION, Options
from connect_schemas.protobuf.to_proto import made_of
from connect_schemas.protobuf.writing import ProtobufWriter, class_of
from connect_schemas.recursive import Place, RecursiveSchema


def written(schema: Schema, *values: Any, **options: Any) -> list[bytes]:
    chosen = Options(**options)
    return ProtobufWriter(schema, class_of(made_of(schema, chosen)), chosen, b"").write(values)


def one(schema: Schema, value: Any, **options: Any) -> bytes:
    return written(Schema.struct({"f": schema}, name="M"), {"f": value}, **options)[0]


def test_a_default_stands_for_a_null_where_that_is_not_switched_off() -> None:
    schema = OPTIONAL_STRING.replace(default="d")
    assert one(schema, None) == b"\x0a\1d"
    assert one(schema, None, ignore_defaults=True) == b""
    assert written(Schema.struct({"f": schema}, name="M"), {}) == [b"\x0a\1d"]


def test_whole_numbers_without_a_sign_are_the_bits_of_those_with_one() -> None:
    assert one(INT64.replace(parameters={TYPE: "uint64"}), -1) == b"\x08" + b"\xff" * 9 + b"\1"
    assert one(INT64.replace(parameters={TYPE: "uint32"}), (1 << 32) + 5) == b"\x08\5"
    assert one(INT32.replace(parameters={TYPE: "sint32"}), -1) == b"\x08\1"


def test_an_enum_is_written_by_name_or_number() -> None:
    parameters = {ENUM: "E", f"{ENUM}.Z": "0", f"{ENUM}.Y": "5"}
    assert one(STRING.replace(name="E", parameters=parameters), "Y") == b"\x08\5"
    assert one(INT32.replace(name="E", parameters=parameters), 5) == b"\x08\5"
    with pytest.raises(DataError, match="'X' is none of enum E"):
        one(STRING.replace(name="E", parameters=parameters), "X")
    for odd in (5.0, False, [5]):
        with pytest.raises(DataError, match=r"is none of enum E"):
            one(INT32.replace(name="E", parameters=parameters), odd)


def test_the_member_of_a_union_that_is_there_is_written() -> None:
    union = Schema.struct({"a": OPTIONAL_STRING, "b": OPTIONAL_INT32}, name=f"{UNION}.u", optional=True)
    assert one(union, {"a": None, "b": 0}) == b"\x10\0"
    assert one(union, {"a": "x"}) == b"\x0a\1x"
    assert one(union, None) == b""
    with pytest.raises(DataError, match="Cannot find non-null field"):
        one(union, {"a": None, "b": None})


def test_what_is_within_others_is_written() -> None:
    assert one(Schema.array(STRING), ["a", ""]) == b"\x0a\1a\x0a\0"
    assert one(Schema.array(INT32), []) == b""
    assert one(Schema.map(STRING, INT32, name="m"), {"k": 1}) == b"\x0a\5\x0a\1k\x10\1"
    assert one(Schema.struct({"x": INT32}, name="S", optional=True), {"x": 0}) == b"\x0a\0"
    assert one(Schema.struct({"x": INT32}, name="S", optional=True), None) == b""
    assert one(Schema.array(Schema.map(STRING, INT32).value_schema or STRING), [1]) == b"\x0a\1\1"


def test_a_struct_within_itself_is_written_as_deep_as_it_goes() -> None:
    place = Place()
    place.schema = Schema.struct(
        {"v": INT32, "next": RecursiveSchema(place, optional=True, parameters={})}, name="Node"
    )
    assert written(place.schema, {"v": 1, "next": {"v": 2, "next": {"v": 3}}}) == [b"\x08\1\x12\6\x08\2\x12\2\x08\3"]


def test_bytes_may_be_of_any_kind() -> None:
    assert one(BYTES, bytearray(b"a")) == one(BYTES, memoryview(b"a")) == b"\x0a\1a"


@pytest.mark.parametrize(
    ("schema", "value", "why"),
    [
        (INT8, 128, "128 is no INT8"), (INT8, -129, "-129 is no INT8"), (BOOLEAN, 1, "Invalid type for BOOLEAN"),
        (FLOAT32, "x", "Invalid type for FLOAT32"), (Schema.array(INT32), [None], "an array has a null"),
        (Schema.array(INT32), 5, "Invalid type for ARRAY"), (Schema.map(STRING, INT32), [], "Invalid type for MAP"),
        (Schema.struct({}, name="S"), 5, "Invalid type for STRUCT"),
        (Schema.decimal(1), 1.5, "Invalid type for Decimal"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(schema: Schema, value: Any, why: str) -> None:
    with pytest.raises(DataError, match=why):
        one(schema, value)


def test_the_others_are_written_where_one_does_not_fit() -> None:
    schema = Schema.struct({"f": Schema.decimal(0)}, name="M")
    with pytest.raises(DataError) as raised:
        written(schema, {"f": Decimal(1)}, {"f": Decimal("inf")}, {"f": "x"})
    assert [each.index for each in raised.value.failed if not isinstance(each, tuple)] == [1, 2]


def test_a_schema_that_contradicts_itself_is_told() -> None:
    tagged = STRING.replace(parameters={"io.confluent.connect.protobuf.Tag": "1"})
    with pytest.raises(DataError, match="duplicate field number"):
        written(Schema.struct({"a": tagged, "b": tagged}, name="M"), {})


def test_fields_may_be_called_as_methods_of_pythons_messages() -> None:
    schema = Schema.struct(dict.fromkeys(("Clear", "DESCRIPTOR", "self", "class"), INT32), name="M")
    assert written(schema, {"Clear": 1, "DESCRIPTOR": 2, "self": 3, "class": 4}) == [b"\x08\1\x10\2\x18\3\x20\4"]


@pytest.mark.parametrize(
    "value", [{"a": 5, "b": "x"}, {"a": 5, "b": None}, {"a": 5, "b": "x", "more": 1}, {"a": 5}, {"b": "x", "a": 5}]
)
def test_a_struct_of_plain_fields_is_written_whatever_it_has_besides(value: dict[str, Any]) -> None:
    expected = b"\x08\5" + (b"\x12\1x" if value.get("b") else b"")
    assert written(Schema.struct({"a": INT8, "b": OPTIONAL_STRING}, name="M"), value) == [expected]


def test_a_bad_value_of_a_plain_field_is_told_as_anywhere_else() -> None:
    schema = Schema.struct({"a": INT8, "b": OPTIONAL_STRING}, name="M")
    for value, why in (({"a": 128, "b": ""}, "128 is no INT8"), ({"a": True, "b": ""}, "INT8"), ("ab", "STRUCT")):
        with pytest.raises(DataError, match=why):
            written(schema, value)


def test_optional_values_of_plain_fields_are_wrapped_where_that_is_asked_for() -> None:
    schema = Schema.struct({"a": OPTIONAL_INT32, "b": OPTIONAL_STRING, "c": INT32}, name="M")
    assert written(schema, {"a": 0, "b": None, "c": 5}, wrapper=True) == [b"\x0a\0\x18\5"]
