"""Schemas as texts are keys of caches."""

from __future__ import annotations

from connect_schemas.registry.model import Reference, SchemaText


def test_equal_schemas_are_one_key() -> None:
    first, second = (SchemaText('"string"', "AVRO", (Reference("a", "b", 1),)) for _ in range(2))
    assert {first: 1}[second] == 1
    assert first != SchemaText('"string"')
