"""Connect schemas as Protobuf's."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import (
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    OPTIONAL_BYTES,
    OPTIONAL_INT64,
    OPTIONAL_STRING,
    STRING,
    DataError,
    Schema,
    SchemaType,
)
from connect_protofiles import linked, text_of
from connect_schemas.generalized import GENERAL_UNION
from connect_schemas.protobuf.options import ENUM, TAG, TYPE, UNION, WRAPPER, Options
from connect_schemas.protobuf.to_proto import enum_values, made_of
from connect_schemas.recursive import Place, RecursiveSchema


def text(schema: Schema, **options: Any) -> str:
    made = made_of(schema, Options(**options))
    linked(made.file)
    return text_of(made.file)


def body(fields: dict[str, Schema], **options: Any) -> str:
    lines = text(Schema.struct(fields, name="M"), **options).split("\n")
    return "\n".join(line.strip() for line in lines[lines.index("message M {") + 1 : -2] if line.strip())


def tagged(schema: Schema, tag: int, **more: str) -> Schema:
    return schema.replace(parameters={**(schema.parameters or {}), TAG: str(tag), **more})


def test_a_struct_is_a_message_by_its_name_with_fields_in_order() -> None:
    schema = Schema.struct({"id": INT32, "name": OPTIONAL_STRING, "n": OPTIONAL_INT64}, name="com.example.Order")
    assert text(schema) == (
        'syntax = "proto3";\npackage com.example;\n\n'
        "message Order {\n  int32 id = 1;\n  string name = 2;\n  int64 n = 3;\n}\n"
    )
    assert made_of(schema, Options()).message == "com.example.Order"
    assert made_of(schema.replace(name=None), Options()).message == "ConnectDefault1"


def test_numbers_of_fields_are_kept_and_others_are_the_first_that_are_free() -> None:
    assert body({"a": INT32, "b": tagged(INT32, 1), "c": INT32}) == "int32 a = 2;\nint32 b = 1;\nint32 c = 3;"


@pytest.mark.parametrize("tag", ["0", "-1", "x", "536870912", "9" * 5000])
def test_a_number_that_is_none_is_refused(tag: str) -> None:
    with pytest.raises(DataError, match="a number from 1 on is expected"):
        body({"a": INT32.replace(parameters={TAG: tag})})


def test_a_parameter_chooses_among_whole_numbers() -> None:
    fields = {
        "a": INT32.replace(parameters={TYPE: "sint32"}),
        "b": INT64.replace(parameters={TYPE: "uint32"}),
        "c": INT64.replace(parameters={TYPE: "string"}),
    }
    assert body(fields) == "sint32 a = 1;\nuint32 b = 2;\nint64 c = 3;"


def test_small_numbers_say_so_in_an_option() -> None:
    assert 'value: "int8"' in body({"a": INT8})
    assert 'value: "int16"' in body({"a": INT16})


def test_optional_fields_are_so_in_the_way_that_is_asked_for() -> None:
    fields = {"a": OPTIONAL_STRING, "b": STRING, "c": tagged(OPTIONAL_INT64, 3, **{TYPE: "fixed32"})}
    assert body(fields) == "string a = 1;\nstring b = 2;\nfixed32 c = 3;"
    assert body(fields, optional=True) == "optional string a = 1;\nstring b = 2;\noptional fixed32 c = 3;"
    assert body(fields, wrapper=True) == (
        "google.protobuf.StringValue a = 1;\nstring b = 2;\ngoogle.protobuf.UInt32Value c = 3;"
    )


def test_what_is_used_of_known_files_is_imported_once() -> None:
    made = text(Schema.struct({"a": Schema.date(), "b": Schema.date(), "c": Schema.timestamp()}, name="M"))
    assert made.count("import") == 2
    assert 'import "google/type/date.proto";\nimport "google/protobuf/timestamp.proto";\n' in made


def test_a_decimal_says_its_precision_and_scale() -> None:
    decimal = Schema.decimal(2).replace(parameters={"connect.decimal.precision": "9", "scale": "2"})
    assert body({"d": decimal}).split("\n")[2:9] == [
        "{", 'value: "9",', 'key: "precision"', "},", "{", 'value: "2",', 'key: "scale"',
    ]  # fmt: skip


def test_maps_arrays_and_structs_are_nested() -> None:
    inner = Schema.struct({"x": FLOAT64}, name="a.Inner")
    fields = {
        "list": Schema.array(inner),
        "again": inner,
        "Inner": inner.replace(name="Inner"),
        "map": Schema.map(STRING, INT32, name="some_map"),
        "unnamed": Schema.map(STRING, Schema.array(INT32)),
    }
    assert body(fields) == (
        "repeated Inner list = 1;\nInner again = 2;\nInnerMessage Inner = 3;\n"
        "repeated SomeMapEntry map = 4;\nrepeated ConnectDefault1Entry unnamed = 5;\n"
        "message Inner {\ndouble x = 1;\n}\nmessage InnerMessage {\ndouble x = 1;\n}\n"
        "message SomeMapEntry {\nstring key = 1;\nint32 value = 2;\n}\n"
        "message ConnectDefault1Entry {\nstring key = 1;\nrepeated int32 value = 2;\n}"
    )


def test_an_enum_is_declared_with_its_numbers() -> None:
    enum = STRING.replace(name="x.E", parameters={ENUM: "E", f"{ENUM}.B": "0", f"{ENUM}.A": "5"})
    assert body({"a": enum, "b": enum, "c": Schema.array(enum)}) == (
        "E a = 1;\nE b = 2;\nrepeated E c = 3;\nenum E {\nB = 0;\nA = 5;\n}"
    )
    assert enum_values(enum, Options(generalized=True)) == {"B": 0, "A": 5}


def test_a_union_is_a_oneof() -> None:
    union = Schema.struct({"a": tagged(OPTIONAL_STRING, 3), "b": OPTIONAL_INT64}, name=f"{UNION}.choice", optional=True)
    assert body({"u_0": union, "c": INT32}) == "int32 c = 2;\noneof choice {\nstring a = 3;\nint64 b = 1;\n}"
    general = union.replace(name="x", parameters={GENERAL_UNION: "other"})
    assert "oneof other {" in body({"u": general}, generalized=True)


def test_a_member_of_a_oneof_is_wrapped_where_it_says_so() -> None:
    marked = OPTIONAL_BYTES.replace(parameters={WRAPPER: "true"})
    union = Schema.struct({"a": marked, "b": OPTIONAL_BYTES}, name=f"{UNION}.u", optional=True)
    assert "google.protobuf.BytesValue a = 1;\nbytes b = 2;" in body({"u": union}, wrapper=True)


def test_a_struct_within_itself_is_the_message_around_it() -> None:
    place, other = Place(), Place()
    inner = Schema.struct({"back": RecursiveSchema(place, optional=True, parameters={})}, name="Inner")
    place.schema = Schema.struct({"next": RecursiveSchema(place, optional=True, parameters={}), "in": inner}, name="M")
    other.schema = place.schema
    assert body({one.name: one.schema for one in place.schema.fields}) == (
        "M next = 1;\nInner in = 2;\nmessage Inner {\nM back = 1;\n}"
    )


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (INT8, "google.protobuf.Int32Value"), (OPTIONAL_STRING, "google.protobuf.StringValue"),
        (Schema.timestamp(), "google.protobuf.Timestamp"), (Schema.decimal(1), "confluent.type.Decimal"),
    ],
)  # fmt: skip
def test_a_record_of_a_simple_value_is_a_message_around_it(schema: Schema, message: str) -> None:
    assert made_of(schema, Options()).message == message


def test_names_are_scrubbed_where_that_is_asked_for() -> None:
    schema = Schema.struct({"a-b": INT32}, name="x-y.Z$")
    assert "package x_y;\n\nmessage Z_24 {\n  int32 a_b = 1;" in text(schema, scrub=True)


def struct(*types: SchemaType) -> Schema:
    return Schema.struct({f"f{index}": Schema(one) for index, one in enumerate(types)}, name="S")


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        (Schema.array(INT32), "a record is a struct or a simple value, and not ARRAY"),
        (Schema.struct({"a": Schema.array(Schema.array(INT32))}), "field 'a' is an array of ARRAY"),
        (Schema.struct({"a": Schema.array(None)}), "field 'a' is an array of nothing"),
        (Schema.struct({"a": Schema.map(None, None)}), "a map says nothing of its keys or values"),
        (Schema.struct({"a": struct(SchemaType.INT32), "b": struct(SchemaType.STRING)}), "two different structs are"),
        (
            Schema.struct({"a": Schema.map(STRING, STRING, name="m"), "b": Schema.map(STRING, INT32, name="m")}),
            "two maps are called 'm'",
        ),
        (
            Schema.struct({"a": Schema.struct({"b": Schema.array(INT32)}, name=f"{UNION}.u")}),
            "member 'b' of oneof 'u' is ARRAY",
        ),
        (
            Schema.struct({"a": STRING.replace(name="E", parameters={ENUM: "E", f"{ENUM}.A": "x"})}),
            "the number of",
        ),
        (Schema.struct({"a": Schema.array(Schema.struct({"b": INT32}, name=f"{UNION}.u"))}), "in the place of an item"),
    ],
)
def test_what_protobuf_has_nothing_for_is_told(schema: Schema, why: str) -> None:
    with pytest.raises(DataError, match=why) as raised:
        made_of(schema, Options())
    assert raised.value.code == "schemas.invalid"
