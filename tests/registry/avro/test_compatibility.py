"""Whether a reader can read: the specification's rules, one by one."""

from __future__ import annotations

import json

import pytest

from connect.registry.avro.compatibility import Incompatibility, incompatibilities
from connect.registry.avro.parsing import parse


def record(name: str = "R", *fields: dict[str, object], **more: object) -> dict[str, object]:
    return {"type": "record", "name": name, "fields": list(fields), **more}


def field(name: str, kind: object, **more: object) -> dict[str, object]:
    return {"name": name, "type": kind, **more}


def enum(*symbols: str, **more: object) -> dict[str, object]:
    return {"type": "enum", "name": "E", "symbols": list(symbols), **more}


def fixed(size: int, name: str = "F", **more: object) -> dict[str, object]:
    return {"type": "fixed", "name": name, "size": size, **more}


def array(items: object) -> dict[str, object]:
    return {"type": "array", "items": items}


LIST = record("L", field("next", ["null", "L"]), field("v", "long"))
INT_LIST = record("L", field("next", ["null", "L"]), field("v", "int"))
TEXT_LIST = record("L", field("next", ["null", "L"]), field("v", "string"))


def found(reader: object, writer: object) -> list[Incompatibility]:
    return incompatibilities(parse(json.dumps(reader))[0], parse(json.dumps(writer))[0])


@pytest.mark.parametrize(
    ("reader", "writer"),
    [
        ("int", "int"),
        ("long", "int"),
        ("float", "int"),
        ("float", "long"),
        ("double", "int"),
        ("double", "long"),
        ("double", "float"),
        ("string", "bytes"),
        ("bytes", "string"),
        ({"type": "int", "logicalType": "date"}, "int"),
        (array("long"), array("int")),
        ({"type": "map", "values": "double"}, {"type": "map", "values": "float"}),
        (["null", "string"], "string"),
        (["null", "long"], "int"),
        (["null", "string"], ["string", "null"]),
        ("long", ["int"]),
        (record("R"), record("R", field("a", "int"))),
        (record("R", field("a", "int", default=0)), record("R")),
        (record("R", field("b", "int", aliases=["a"])), record("R", field("a", "int"))),
        (record("x.R"), record("y.R")),
        (record("S", aliases=["R"]), record("R")),
        (record("R"), {"type": "error", "name": "R", "fields": []}),
        (enum("A", "B"), enum("A")),
        (enum("A", default="A"), enum("A", "B")),
        (fixed(4), fixed(4)),
        (fixed(4, "G", aliases=["F"]), fixed(4)),
        (LIST, INT_LIST),
        (["null", TEXT_LIST, record("M")], ["null", record("M")]),
    ],
)
def test_a_reader_that_can(reader: object, writer: object) -> None:
    assert found(reader, writer) == []


@pytest.mark.parametrize(
    ("reader", "writer", "kind", "path", "detail"),
    [
        ("int", "long", "TYPE_MISMATCH", "/", "reader type: INT not compatible with writer type: LONG"),
        ("boolean", "int", "TYPE_MISMATCH", "/", "reader type: BOOLEAN not compatible with writer type: INT"),
        ("float", "double", "TYPE_MISMATCH", "/", "reader type: FLOAT not compatible with writer type: DOUBLE"),
        ("long", "null", "TYPE_MISMATCH", "/", "reader type: LONG not compatible with writer type: NULL"),
        (
            "string",
            ["null", "string"],
            "TYPE_MISMATCH",
            "/",
            "reader type: STRING not compatible with writer type: NULL",
        ),
        (["null", "int"], "string", "MISSING_UNION_BRANCH", "/", "reader union lacking writer type: STRING"),
        (["null", "int"], ["int", "string"], "MISSING_UNION_BRANCH", "/1", "reader union lacking writer type: STRING"),
        (
            array("int"),
            array("string"),
            "TYPE_MISMATCH",
            "/items",
            "reader type: INT not compatible with writer type: STRING",
        ),
        (
            record("R", field("a", "int"), field("b", "int")),
            record("R", field("a", "int")),
            "READER_FIELD_MISSING_DEFAULT_VALUE",
            "/fields/1",
            "b",
        ),
        (
            record("R", field("a", "int")),
            record("R", field("a", "string")),
            "TYPE_MISMATCH",
            "/fields/0/type",
            "reader type: INT not compatible with writer type: STRING",
        ),
        (record("S"), record("R"), "NAME_MISMATCH", "/name", "expected: R"),
        (enum("A"), enum("A", "B", "C"), "MISSING_ENUM_SYMBOLS", "/symbols", "[B, C]"),
        (fixed(4), fixed(5), "FIXED_SIZE_MISMATCH", "/size", "expected: 5, found: 4"),
        (fixed(4), "bytes", "TYPE_MISMATCH", "/", "reader type: FIXED not compatible with writer type: BYTES"),
        (
            LIST,
            TEXT_LIST,
            "TYPE_MISMATCH",
            "/fields/1/type",
            "reader type: LONG not compatible with writer type: STRING",
        ),
    ],
)
def test_a_reader_that_cannot_is_told_where_and_why(
    reader: object, writer: object, kind: str, path: str, detail: str
) -> None:
    assert Incompatibility(kind, path, detail) in found(reader, writer)


def test_what_was_found_meanwhile_does_not_outlive_a_type_that_turns_out_not_to_fit() -> None:
    # Within the first field, B against B fits as long as A against A does; alone, in the second, it must not.
    def schema(kind: str) -> object:
        b = record("B", field("a", ["null", "A"]))
        a = record("A", field("b", b), field("v", kind))
        return record("Root", field("first", ["null", a, "string"]), field("second", array("B")))

    told = found(schema("int"), schema("string"))
    assert {one.path.split("/")[2] for one in told} == {"0", "1"}


def test_every_kind_is_told_in_the_words_of_confluents_registry() -> None:
    told = found(record("R", field("f2", "string")), record("R"))[0].told()
    assert told == (
        "{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'f2' at path '/fields/0' in the new "
        "schema has no default value and is missing in the old schema', additionalInfo:'f2'}"
    )
    for kind in (
        "FIXED_SIZE_MISMATCH",
        "TYPE_MISMATCH",
        "MISSING_ENUM_SYMBOLS",
        "MISSING_UNION_BRANCH",
        "NAME_MISMATCH",
    ):
        assert f"errorType:'{kind}'" in Incompatibility(kind, "/x", "y").told("old", "new")


def test_large_schemas_are_compared_in_time() -> None:
    fields = [field(f"f{n}", ["null", record(f"R{n}", field("x", "int"))], default=None) for n in range(1000)]
    assert found(record("R", *fields), record("R", *reversed(fields))) == []


def test_an_enum_of_many_symbols_is_compared_in_time() -> None:
    symbols = [f"S{number}" for number in range(50_000)]
    assert found(enum(*symbols), enum(*symbols)) == []


def test_types_that_each_have_the_next_twice_are_compared_in_time() -> None:
    def nested(leaf: str) -> object:
        schema: object = leaf
        for number in range(30):
            schema = record(f"R{number}", field("a", schema), field("b", f"R{number - 1}" if number else leaf))
        return schema

    assert {one.kind for one in found(nested("int"), nested("string"))} == {"TYPE_MISMATCH"}
