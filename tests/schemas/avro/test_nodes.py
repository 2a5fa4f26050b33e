"""Avro's types as objects."""

from __future__ import annotations

from connect_schemas.avro.nodes import Member, Node
from connect_schemas.avro.parsing import union


def test_a_full_name_has_the_namespace() -> None:
    assert Node("record", "R", "ns").full_name == "ns.R"
    assert Node("record", "R").full_name == "R"
    assert Node("int").full_name == "int"


def test_a_union_of_null_and_one_other_is_nullable() -> None:
    node = union([Node("null"), Node("int")])
    assert node.is_nullable
    assert node.other_than_null().kind == "int"
    assert not union([Node("null"), Node("int"), Node("string")]).is_nullable


def test_a_field_is_found_by_its_name() -> None:
    node = Node("record", "R", members=[Member("a", Node("int")), Member("b", Node("string"))])
    found = node.member("b")
    assert found is not None
    assert found.node.kind == "string"
    assert node.member("c") is None
