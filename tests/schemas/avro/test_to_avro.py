"""Connect schemas as Avro's: what test_as_confluents does not draw."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from connect.api import INT32, OPTIONAL_STRING, STRING, DataError, Schema
from connect_schemas.avro.nodes import Node
from connect_schemas.avro.options import Options
from connect_schemas.avro.parsing import parsed
from connect_schemas.avro.texts import text_of
from connect_schemas.avro.to_avro import anything, is_default, to_avro
from connect_schemas.avro.to_connect import to_connect

PLAIN = Options(metadata=False)
TREE = (
    '{"type":"record","name":"Tree","fields":[{"name":"n","type":"int"},{"name":"left","type":["null","Tree"],'
    '"default":null},{"name":"kids","type":{"type":"array","items":"Tree"}},{"name":"by","type":{"type":"map",'
    '"values":"Tree"}}]}'
)


def test_structs_without_a_name_are_numbered() -> None:
    inner = Schema.struct({"a": INT32})
    other = Schema.struct({"b": INT32})
    node = to_avro(Schema.struct({"x": inner, "y": other, "z": inner}), PLAIN)
    assert [member.node.name for member in node.members or ()] == [
        "ConnectDefault2",
        "ConnectDefault3",
        "ConnectDefault2",
    ]


def test_data_without_a_schema_has_one_that_holds_anything() -> None:
    assert text_of(to_avro(None, PLAIN)) == text_of(anything())
    assert text_of(anything()).startswith('{"type":"record","name":"Anything","namespace":"io.confluent.connect.avro"')


def test_a_schema_that_contains_itself_is_what_it_was() -> None:
    schema = to_connect(parsed(TREE), PLAIN)
    assert text_of(to_avro(schema, PLAIN)) == TREE


def test_two_structs_of_one_name_that_differ_are_refused() -> None:
    first, second = Schema.struct({"a": INT32}, name="S"), Schema.struct({"b": INT32}, name="S")
    schema = Schema.struct({"x": first, "y": Schema.array(second)})
    with pytest.raises(DataError, match="two structs of a schema are called 'S', and differ") as raised:
        to_avro(schema, PLAIN)
    assert raised.value.code == "schemas.invalid"


def test_a_default_that_avro_does_not_take_is_left_out_with_a_word(caplog: pytest.LogCaptureFixture) -> None:
    schema = Schema.map(INT32, STRING, default={1: "a"})
    with caplog.at_level(logging.WARNING):
        node = to_avro(Schema.struct({"m": schema}), PLAIN)
    assert '"default"' not in text_of(node)
    assert "default of field 'm'" in caplog.text


def test_a_type_that_comes_again_keeps_its_parameters_at_the_field() -> None:
    def color(more: str) -> Schema:
        word = "io.confluent.connect.avro.Enum"
        return Schema("string", name="Color", parameters={word: "Color", f"{word}.RED": "RED", "more": more})

    node = to_avro(Schema.struct({"a": color("1"), "b": color("2")}), Options(enhanced=True))
    back = to_connect(parsed(text_of(node)), Options(enhanced=True))
    assert [field.schema.parameters and field.schema.parameters["more"] for field in back.fields] == ["1", "2"]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (Schema.struct({"a-b": INT32}), "'a-b' is no name of a field"),
        (Schema.struct({}, name="1S"), "'1S' is no name of a type"),
        (Schema("bytes", name="org.apache.kafka.connect.data.Decimal"), "parameter 'scale'"),
        (Schema.decimal(2).replace(parameters={"scale": "2", "connect.decimal.precision": "0"}), "at least 1"),
        (Schema("string", name="org.apache.kafka.connect.data.Date"), "is STRING"),
        (Schema("array"), "does not say what it holds"),
        (Schema.struct({"a": INT32, "b": INT32}, name="io.confluent.connect.avro.Union"), "int twice"),
    ],
)
def test_what_avro_cannot_express_is_refused(schema: Schema, words: str) -> None:
    with pytest.raises(DataError, match=words) as raised:
        to_avro(schema, PLAIN)
    assert raised.value.code == "schemas.invalid"


def test_two_fields_that_are_scrubbed_to_one_name_are_refused() -> None:
    with pytest.raises(DataError, match=r"two fields of .* have one name"):
        to_avro(Schema.struct({"a-b": INT32, "a_b": INT32}), Options(scrub=True))


@pytest.mark.parametrize(
    ("kind", "value", "fits"),
    [
        ("int", 1, True), ("int", 1 << 31, False), ("int", True, False), ("long", 1 << 40, True), ("string", "a", True),
        ("null", None, True), ("double", 1, True), ("boolean", 1, False), ("bytes", "a", True), ("float", "1", False),
    ],
)  # fmt: skip
def test_a_default_fits_its_type(kind: str, value: Any, fits: bool) -> None:
    assert is_default(Node(kind), value) is fits


def test_defaults_of_types_of_types_fit() -> None:
    node = to_avro(Schema.struct({"a": INT32, "b": OPTIONAL_STRING, "c": Schema.array(INT32)}), PLAIN)
    assert is_default(node, {"a": 1, "c": [1]})
    assert not is_default(node, {"a": 1, "c": ["x"]})
    assert not is_default(node, {"c": []})
