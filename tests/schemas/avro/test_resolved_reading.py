"""Avro that one schema wrote, read as another has it: what the specification says of resolution."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import fastavro
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connect.api import DataError, FailedRecord, Schema
from connect_schemas.avro.options import Options
from connect_schemas.avro.parsing import parsed
from connect_schemas.avro.resolved_reading import ResolvingReader


def reader(to: Any, of: Any, **options: bool) -> ResolvingReader:
    return ResolvingReader(parsed(json.dumps(to)), parsed(json.dumps(of)), Options(**options), raw_bytes=False)


def written(schema: Any, *values: Any) -> list[bytes]:
    """As fastavro writes them, which is none of ours."""
    found = []
    for value in values:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
        found.append(out.getvalue())
    return found


def resolved(to: Any, of: Any, *values: Any, **options: bool) -> list[Any]:
    return reader(to, of, **options).read(written(of, *values), 0).values


def record(*fields: tuple[Any, ...], name: str = "R", **more: Any) -> dict[str, Any]:
    members = []
    for field, kind, *rest in fields:
        members.append({"name": field, "type": kind, **({"default": rest[0]} if rest else {})})
    return {"type": "record", "name": name, "fields": members, **more}


@pytest.mark.parametrize(
    ("to", "of", "value", "expected"),
    [
        ("long", "int", 5, 5), ("float", "long", 16777217, 16777216.0), ("double", "int", 5, 5.0),
        ("double", "float", 0.5, 0.5), ("bytes", "string", "ö", "ö".encode()), ("string", "bytes", b"a", "a"),
        (["null", "long"], "int", 5, 5), ("long", ["null", "int"], 5, 5),
        (["null", "long"], ["int", "null"], None, None),
        ({"type": "array", "items": "double"}, {"type": "array", "items": "int"}, [1, 2], [1.0, 2.0]),
        ({"type": "map", "values": "long"}, {"type": "map", "values": "int"}, {"a": 1}, {"a": 1}),
        (["null", "string", "double"], "int", 5, {"string": None, "double": 5.0}),
        (["null", "string", "long", "int"], ["string", "int"], 5, {"string": None, "long": None, "int": 5}),
    ],
)  # fmt: skip
def test_a_type_is_promoted(to: Any, of: Any, value: Any, expected: Any) -> None:
    (found,) = resolved(to, of, value)
    assert (found, type(found)) == (expected, type(expected))


def test_fields_come_by_name_or_alias_and_have_their_defaults() -> None:
    of = record(
        ("gone", {"type": "map", "values": record(("x", "int"), name="In")}), ("old", "int"), ("same", "string")
    )
    to = record(
        ("same", "string"), ("new", "double"), ("text", "string", "-"), ("none", ["null", "int"], None),
        ("list", {"type": "array", "items": "int"}, [1]), ("inner", record(("y", "int", 3), name="Other"), {}),
    )  # fmt: skip
    to["fields"][1]["aliases"] = ["old"]
    made = reader(to, of)
    first, second = made.read(written(of, *[{"gone": {"a": {"x": 1}}, "old": 1, "same": "s"}] * 2), 0).values
    assert first == {"same": "s", "new": 1.0, "text": "-", "none": None, "list": [1], "inner": {"y": 3}}
    assert made.schema is not None and [field.name for field in made.schema.fields] == list(first)
    first["list"].append(2)
    assert second["list"] == [1]


def test_types_of_other_names_are_no_less_the_readers_by_an_alias() -> None:
    of, to = record(("a", "int"), name="ns.Old"), record(("a", "long"), name="ns.New", aliases=["Old"])
    assert resolved(to, of, {"a": 1}) == [{"a": 1}]
    with pytest.raises(DataError, match=r"called ns.New there, and ns.Old here") as raised:
        reader({**to, "aliases": []}, of)
    assert raised.value.code == "schemas.incompatible"


def test_recursive_types_are_resolved() -> None:
    of = record(("v", "int"), ("next", ["null", "R"]))
    to = record(("next", ["null", "R"]), ("v", "long"), ("new", "string", "n"))
    value = {"v": 1, "next": {"v": 2, "next": None}}
    assert resolved(to, of, value) == [{"next": {"next": None, "v": 2, "new": "n"}, "v": 1, "new": "n"}]


def test_symbols_that_the_reader_does_not_know_are_its_default_or_bad_records() -> None:
    of = {"type": "enum", "name": "E", "symbols": ["A", "B", "C"]}
    assert resolved({**of, "symbols": ["C", "A"], "default": "A"}, of, "A", "B", "C") == ["A", "A", "C"]
    with pytest.raises(DataError) as raised:
        resolved({**of, "symbols": ["C", "A"]}, of, "A", "B", "C")
    assert [(one.index, one.reason) for one in raised.value.failed if isinstance(one, FailedRecord)] == [
        (1, "not what its schema says: enum E has no symbol 'B', and no default")
    ]


def test_a_branch_that_cannot_be_read_is_the_fault_of_its_records_alone() -> None:
    of = record(("a", ["null", "string", "int"]))
    made = reader(record(("a", "long")), of)
    good, text, null = written(of, {"a": 1}, {"a": "x"}, {"a": None})
    assert made.read([good, good], 0).values == [{"a": 1}, {"a": 1}]
    with pytest.raises(DataError) as raised:
        made.read([good, text, null], 0)
    reasons = {one.index: one.reason for one in raised.value.failed if isinstance(one, FailedRecord)}
    assert sorted(reasons) == [1, 2]
    assert "long there, and string here" in reasons[1]
    assert "is null, and long is expected" in reasons[2]


def test_a_record_that_cannot_be_read_is_told_wherever_it_stands() -> None:
    of = record(("f", ["null", record(("x", "int"), name="A")]), ("g", ["null", "A"]))
    to = record(("f", record(("x", "int"), ("y", "int"), name="A")), ("g", "A"))
    (data,) = written(of, {"f": {"x": 1}, "g": {"x": 1}})
    with pytest.raises(DataError, match=r"field 'f.y' has no default") as raised:
        reader(to, of).read([data], 0)
    assert len(raised.value.failed) == 1


def test_logical_types_are_the_readers() -> None:
    decimal = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
    of = record(("d", decimal), ("t", {"type": "int", "logicalType": "date"}))
    to = record(("d", ["null", decimal]), ("t", "long"))
    assert resolved(to, of, {"d": Decimal("1.50"), "t": 3}) == [{"d": Decimal("1.50"), "t": 3}]
    with pytest.raises(DataError, match="decimal of scale 3 there, and of scale 2 in the records"):
        reader(record(("d", {**decimal, "scale": 3}), ("t", "long")), of)


@pytest.mark.parametrize(
    ("to", "of", "mentions"),
    [
        (record(("a", "int"), ("b", "int")), record(("a", "int")), "field 'b' has no default"),
        (
            record(("a", record(("b", "int"), name="In"))),
            record(("a", record(name="In"))),
            "field 'a.b' has no default",
        ),
        (record(("a", "int")), record(("a", "long")), "a: it is int there, and long here"),
        (record(("b", "int", "x")), record(), "default of field 'b' is none of its schema"),
        ({"type": "fixed", "name": "F", "size": 2}, {"type": "fixed", "name": "F", "size": 3}, "2 bytes there, and 3"),
        (["null", "int"], "string", "has no type for string"),
    ],
)
def test_what_cannot_be_resolved_is_told(to: Any, of: Any, mentions: str) -> None:
    with pytest.raises(DataError) as raised:
        reader(to, of)
    assert mentions in raised.value.message


def test_what_fastavro_resolves_comes_to_the_same() -> None:
    of = record(
        ("a", "int"), ("b", ["null", {"type": "array", "items": record(("x", "float"), name="I")}]), ("c", "long")
    )
    to = record(
        ("b", ["null", {"type": "array", "items": record(("x", "double"), ("y", "int", 7), name="I")}]), ("a", "long")
    )
    values = [{"a": 1, "b": None, "c": 1}, {"a": 2, "b": [{"x": 0.5}, {"x": 1.5}], "c": 2}]
    expected = [
        fastavro.schemaless_reader(io.BytesIO(data), fastavro.parse_schema(of), fastavro.parse_schema(to))
        for data in written(of, *values)
    ]
    assert resolved(to, of, *values) == expected


def test_a_map_of_entries_is_resolved() -> None:
    def entries(value: str) -> Any:
        own = record(("key", "int"), ("value", value), name="MapEntry", namespace="io.confluent.connect.avro")
        return {"type": "array", "items": own}

    made = reader(entries("long"), entries("int"))
    assert made.schema is not None and made.schema.type is Schema.map(None, None).type
    assert made.read(written(entries("int"), [{"key": 1, "value": 2}]), 0).values == [{1: 2}]


# -- random schemas ----------------------------------------------------------------------------------------------------

_PROMOTED = {"int": ["int", "long", "float", "double"], "long": ["long", "double"], "float": ["float", "double"]}
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(-(1 << 31), (1 << 31) - 1), "long": st.integers(-(1 << 53), 1 << 53),
    "float": st.floats(width=32, allow_nan=False), "double": st.floats(allow_nan=False), "string": st.text(max_size=3),
    "boolean": st.booleans(), "bytes": st.binary(max_size=3),
}  # fmt: skip


class Pairs:
    """Draws a writer's type, a reader's that reads it, and what draws values of the former."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._count = 0

    def of(self, depth: int) -> tuple[Any, Any, st.SearchStrategy[Any]]:
        kinds = ["plain", "enum", *(["record", "array", "map", "nullable"] if depth else [])]
        match self._draw(st.sampled_from(kinds)):
            case "enum":
                symbols = self._draw(st.lists(st.sampled_from("ABCD"), min_size=1, unique=True))
                own = {"type": "enum", "name": self._name(), "symbols": symbols}
                return own, {**own, "symbols": ["A", "C"], "default": "A"}, st.sampled_from(symbols)
            case "record":
                return self._record(depth)
            case "array":
                of, to, values = self.of(depth - 1)
                return {"type": "array", "items": of}, {"type": "array", "items": to}, st.lists(values, max_size=2)
            case "map":
                of, to, values = self.of(depth - 1)
                strategy = st.dictionaries(st.text(max_size=2), values, max_size=2)
                return {"type": "map", "values": of}, {"type": "map", "values": to}, strategy
            case "nullable":
                of, to, values = self.of(depth - 1)
                if isinstance(of, list):
                    return of, to, values
                return ["null", of], to if isinstance(to, list) else [to, "null"], st.none() | values
        kind = self._draw(st.sampled_from(sorted(_VALUES)))
        to = self._draw(st.sampled_from(_PROMOTED.get(kind, [kind])))
        # fastavro makes doubles of numbers that are promoted to float: these are the same.
        values = st.integers(-(1 << 24), 1 << 24) if (kind, to) == ("int", "float") else _VALUES[kind]
        return kind, ["null", to] if self._draw(st.booleans()) else to, values

    def _record(self, depth: int) -> tuple[Any, Any, st.SearchStrategy[Any]]:
        name, written, read, values = self._name(), [], [], {}
        for index in range(self._draw(st.integers(1, 3))):
            of, to, strategy = self.of(depth - 1)
            written.append({"name": f"f{index}", "type": of})
            values[f"f{index}"] = strategy
            match self._draw(st.sampled_from(["kept", "renamed", "dropped"])):
                case "kept":
                    read.append({"name": f"f{index}", "type": to})
                case "renamed":
                    read.append({"name": f"g{index}", "type": to, "aliases": [f"f{index}"]})
        if self._draw(st.booleans()):
            read.append({"name": "new", "type": {"type": "array", "items": "int"}, "default": [1]})
        read = self._draw(st.permutations(read))
        own = {"type": "record", "name": name}
        return {**own, "fields": written}, {**own, "fields": read}, st.fixed_dictionaries(values)

    def _name(self) -> str:
        self._count += 1
        return f"N{self._count}"


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Any, list[Any]]:
    of, to, values = Pairs(draw)._record(2)
    return of, to, draw(st.lists(values, min_size=1, max_size=3))


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(pairs())
def test_random_schemas_are_resolved_as_fastavro_does(drawn: tuple[Any, Any, list[Any]]) -> None:
    of, to, values = drawn
    data = written(of, *values)
    schemas = fastavro.parse_schema(of), fastavro.parse_schema(to)
    expected = [fastavro.schemaless_reader(io.BytesIO(item), *schemas) for item in data]
    assert reader(to, of).read(data, 0).values == expected
