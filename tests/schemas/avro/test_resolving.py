"""Whether one Avro schema reads what another has written."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from connect_schemas.avro.parsing import parsed
from connect_schemas.avro.resolving import why_not


def record(*fields: dict[str, Any], name: str = "R") -> Any:
    return {"type": "record", "name": name, "fields": list(fields)}


A, A_LONG = {"name": "a", "type": "int"}, {"name": "a", "type": "long"}
B, B_DEFAULT = {"name": "b", "type": "string"}, {"name": "b", "type": "string", "default": ""}
ENUM = {"type": "enum", "name": "E", "symbols": ["A"]}


@pytest.mark.parametrize(
    ("reader", "writer"),
    [
        ("long", "int"), ("double", "float"), ("string", "bytes"), (["null", "long"], "int"),
        (["null", "int"], ["int", "null"]), (record(A, B_DEFAULT), record(A)), (record(A), record(A, B)),
        (record(A_LONG), record(A)), ({**ENUM, "symbols": ["A", "B"]}, ENUM),
        ({**ENUM, "default": "A"}, {**ENUM, "symbols": ["A", "B"]}),
        (record({**A, "name": "x", "aliases": ["a"]}), record(A)),
        ({"type": "array", "items": "long"}, {"type": "array", "items": "int"}),
    ],
)  # fmt: skip
def test_what_grew_or_has_a_default_is_read(reader: Any, writer: Any) -> None:
    assert why_not(parsed(json.dumps(reader)), parsed(json.dumps(writer))) is None


@pytest.mark.parametrize(
    ("reader", "writer", "words"),
    [
        ("int", "long", "it is int there, and long here"),
        (record(A, B), record(A), "field 'b' has no default"),
        (record(A), record({**A, "type": "string"}), "field 'a' is int there, and string here"),
        (record(A, name="S"), record(A), "called S there, and R here"),
        ("int", ["null", "int"], "null here"),
        (["null", "int"], "string", "no type for string"),
        (ENUM, {**ENUM, "symbols": ["A", "B"]}, "no symbol 'B'"),
        ({"type": "fixed", "name": "F", "size": 1}, {"type": "fixed", "name": "F", "size": 2}, "1 bytes there"),
        ({"type": "map", "values": "int"}, {"type": "map", "values": "string"}, r"\[\] is int there"),
    ],
)
def test_what_is_not_read_is_told_with_its_place(reader: Any, writer: Any, words: str) -> None:
    why = why_not(parsed(json.dumps(reader)), parsed(json.dumps(writer)))
    assert why is not None
    assert re.search(words, why)


def test_records_that_contain_themselves_are_compared_to_an_end() -> None:
    tree = record({"name": "kids", "type": {"type": "array", "items": "R"}})
    assert why_not(parsed(json.dumps(tree)), parsed(json.dumps(tree))) is None


def test_types_that_each_have_the_next_twice_are_compared_in_time() -> None:
    def nested(leaf: str) -> str:
        schema: Any = leaf
        for number in range(40):  # of each union the first branch, then the second is tried
            inner = schema if number == 0 else ["null", schema]
            again = leaf if number == 0 else ["null", f"a.R{number - 1}"]
            schema = {**record({"name": "a", "type": inner}, {"name": "b", "type": again}, name=f"a.R{number}")}
            if number == 0:
                schema["fields"][1]["type"] = leaf
        return json.dumps(schema)

    assert why_not(parsed(nested("int")), parsed(nested("int"))) is None
    assert "has no type for" in (why_not(parsed(nested("int")), parsed(nested("string"))) or "")


def test_a_branch_of_a_union_that_does_not_fit_leaves_nothing_behind() -> None:
    inner = record(A, name="I")
    reader = [record({"name": "i", "type": inner}, B, name="x.R"), record({"name": "i", "type": "x.I"}, name="y.R")]
    assert why_not(parsed(json.dumps(reader)), parsed(json.dumps(record({"name": "i", "type": inner})))) is None


def test_an_enum_of_many_symbols_is_compared_in_time() -> None:
    text = json.dumps({**ENUM, "symbols": [f"S{number}" for number in range(50_000)]})
    assert why_not(parsed(text), parsed(text)) is None
