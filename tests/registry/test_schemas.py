from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.registry import schemas
from connect.registry.avro.schema import parse_avro
from connect.registry.errors import RegistryError
from connect.registry.json_schema.schema import parse_json_schema
from connect.registry.memory import Memory
from connect.registry.records import Reference, StoredSchema
from connect.registry.registry import Registry
from connect.registry.schemas import NewSchema, problems_between, schema_types
from tests.support.registries import avro, avro_text


def earlier(*texts: str) -> list[tuple[StoredSchema, object]]:
    return [
        (StoredSchema("s", number, number, "AVRO", text), parse_avro(text, (), True))
        for number, text in enumerate(texts, 1)
    ]


ONE, TWO, THREE = avro_text("a"), avro_text("a", "b"), avro_text("a", "b", "c?")


@pytest.mark.parametrize(
    ("level", "new", "before", "compatible"),
    [
        ("BACKWARD", ONE, [TWO], True),
        ("BACKWARD", TWO, [ONE], False),
        ("BACKWARD", TWO, [ONE, TWO], True),
        ("BACKWARD_TRANSITIVE", TWO, [ONE, TWO], False),
        ("FORWARD", TWO, [ONE], True),
        ("FORWARD", ONE, [TWO], False),
        ("FORWARD", ONE, [TWO, ONE], True),
        ("FORWARD_TRANSITIVE", ONE, [TWO, ONE], False),
        ("FULL", THREE, [TWO], True),
        ("FULL", TWO, [ONE], False),
        ("FULL", THREE, [ONE, TWO], True),
        ("FULL_TRANSITIVE", THREE, [ONE, TWO], False),
        ("NONE", '"int"', [ONE], True),
        ("FULL_TRANSITIVE", ONE, [], True),
    ],
)
async def test_each_of_the_seven_levels(level: str, new: str, before: list[str], compatible: bool) -> None:
    found = await problems_between(level, parse_avro(new, (), True), earlier(*before), "AVRO")  # type: ignore[arg-type]
    assert (not found) is compatible
    assert compatible or "{oldSchemaVersion: 1}" in found


async def test_a_schema_of_another_type_does_not_follow() -> None:
    found = await problems_between("BACKWARD", parse_avro(ONE, (), True), earlier(ONE), "JSON")  # type: ignore[arg-type]
    assert found == ["Incompatible because of different schema type"]


async def test_what_a_schema_refers_to_may_refer_to_more(registry: Registry) -> None:
    await registry.register("a", avro("x", name="A"))
    await registry.register(
        "b",
        NewSchema(
            '{"type":"record","name":"B","fields":[{"name":"a","type":"A"}]}', references=(Reference("A", "a", 1),)
        ),
    )
    text = '{"type":"record","name":"C","fields":[{"name":"b","type":"B"},{"name":"a","type":"A"}]}'
    made = await registry.register("c", NewSchema(text, references=(Reference("B", "b", -1),)))
    assert made.references == (Reference("B", "b", 1),), "the latest of then, and of no later time"
    assert made.schema == text
    inlined = await registry.text(made, "inlined")
    assert inlined is not None and inlined.count('"name":"x"') == 1


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (NewSchema(""), "Empty schema"),
        (NewSchema("{}"), "No type"),
        (NewSchema('"int"', "THRIFT"), "knows AVRO, JSON"),
        (NewSchema('"int"', references=(Reference("A", "none", 1),)), 'No schema reference found for subject "none"'),
        (NewSchema("[" * 100_000 + "]" * 100_000), "nested too deep"),
    ],
)
async def test_what_is_no_schema_is_refused(registry: Registry, schema: NewSchema, told: str) -> None:
    with pytest.raises(RegistryError, match=told) as caught:
        await registry.register("s", schema)
    assert caught.value.number == 42201 and registry.lookups.subjects() == []


async def test_a_type_whose_library_is_not_installed_is_refused_with_what_to_install(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert schema_types() == ["AVRO", "JSON", "PROTOBUF"]
    monkeypatch.setattr("connect.registry.schemas.find_spec", lambda _name: None)
    assert schema_types() == ["AVRO", "JSON"]
    with pytest.raises(RegistryError, match=r"knows AVRO, JSON; PROTOBUF needs: pip install") as caught:
        await registry.register("s", NewSchema('syntax = "proto3"; message M {}', "PROTOBUF"))
    assert caught.value.number == 42201


async def test_what_is_kept_of_schemas_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "_KEPT_CHARS_MAX", 10_000)
    read = schemas.Schemas(Memory())
    large = [NewSchema(json.dumps({"type": "string", "x": f"{number}" * 3000})) for number in range(5)]
    first = await read.parse("s", large[0])
    assert await read.parse("s", large[0]) is first, "each is read once"
    for one in large:
        await read.parse("s", one)
    assert await read.parse("s", large[0]) is not first
    huge = NewSchema(json.dumps({"type": "string", "x": "x" * 20_000}))
    assert await read.parse("s", huge) is await read.parse("s", huge), "the last one is kept, whatever its size"


_WORDS = [
    *("$id", "$ref", "$schema", "type", "properties", "items", "enum", "anyOf", "not", "required", "if", "prefixItems"),
    *("name", "fields", "symbols", "size", "values", "namespace", "aliases", "default", "record", "array", "map", "R"),
    *("int", "string", "object", "null", "#", "#/properties/a", "http://["),
]
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(_WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_WORDS), inner, max_size=4),
)


@given(_values, st.sampled_from(["AVRO", "JSON"]), st.booleans())
def test_whatever_a_stranger_sends_is_read_or_refused(value: object, schema_type: str, is_new: bool) -> None:
    text = json.dumps(value)
    read = {"AVRO": parse_avro, "JSON": parse_json_schema}[schema_type]
    with contextlib.suppress(ValueError):
        parsed = read(text, (), is_new)
        again = read(parsed.canonical, (), is_new)
        assert again.canonical == parsed.canonical and again.normalized == parsed.normalized
        assert parsed.problems(again, reader_name="new", writer_name="old") == []  # type: ignore[arg-type]


async def test_large_schemas_are_kept_within_a_bound_of_memory(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connect.registry.schemas._KEPT_CHARS_MAX", 5000)
    schemas = registry._schemas
    for number in range(10):
        await schemas.parse("s", avro(f"f{number}", doc="x" * 2000))
    assert len(schemas._kept) == 2 and schemas._kept_chars < 5000
    await schemas.parse("s", avro("f", doc="x" * 6000))
    assert len(schemas._kept) == 1, "the one that is used now"
