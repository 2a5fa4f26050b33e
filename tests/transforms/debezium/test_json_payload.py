"""JSON texts as values with a schema."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import OPTIONAL_BYTES, OPTIONAL_INT32, OPTIONAL_INT64, OPTIONAL_STRING, DataError, Schema
from connect_transforms.debezium.json_payload import DEPTH_MAX, JsonPayloads


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        (
            '{"a": 1, "b": {"c": "x"}, "n": null, "e": []}',
            {"a": OPTIONAL_INT32, "b": Schema.struct({"c": OPTIONAL_STRING}, name="p.b", optional=True)},
            {"a": 1, "b": {"c": "x"}},
        ),
        ('{"a": [1, null]}', {"a": Schema.array(OPTIONAL_INT32, optional=True)}, {"a": [1, None]}),
        ('{"a": 3000000000}', {"a": OPTIONAL_INT64}, {"a": 3_000_000_000}),
        ('{"a": 1e999}', {"a": Schema("float64", optional=True)}, {"a": float("inf")}),
    ],
)
def test_a_document_becomes_a_struct(text: str, schema: dict[str, Schema], value: Any) -> None:
    assert JsonPayloads().expanded("p", text) == (Schema.struct(schema, name="p", optional=True), value)


def test_objects_of_an_array_have_the_fields_of_all() -> None:
    schema, value = JsonPayloads().expanded("p", '[{"a": 1}, {"b": "x", "a": null}, null]')
    item = Schema.struct({"a": OPTIONAL_INT32, "b": OPTIONAL_STRING}, name="p", optional=True)
    assert schema == Schema.array(item, optional=True)
    assert value == [{"a": 1, "b": None}, {"a": None, "b": "x"}, None]


def test_nulls_may_be_kept_as_bytes_and_give_way_to_what_has_a_type() -> None:
    kept = JsonPayloads(nulls_are_bytes=True)
    assert kept.expanded("p", '{"a": null}')[0] == Schema.struct({"a": OPTIONAL_BYTES}, name="p", optional=True)
    schema, _ = kept.expanded("p", '[{"a": null}, {"a": "x"}]')
    assert schema.value_schema is not None
    assert schema.value_schema.fields[0].schema == OPTIONAL_STRING


def test_names_are_adjusted_and_keep_their_values() -> None:
    schema, value = JsonPayloads(adjustment="avro").expanded("p", '{"a.b": 1}')
    assert ([field.name for field in schema.fields], value) == (["a_b"], {"a_b": 1})


def test_documents_of_one_shape_have_the_same_schema_object() -> None:
    payloads = JsonPayloads()
    assert payloads.expanded("p", '{"a": 1}')[0] is payloads.expanded("p", '{"a": 2}')[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("5", "begins with '5'"),
        ("", "begins with ''"),
        ("{", "no JSON"),
        ('{"a": NaN}', "NaN is no JSON"),
        ("[null]", "nothing but nulls"),
        ('{"a": [1, "x"]}', "array 'p.a' holds values of several kinds: int32, string"),
        ('[{"a": 1}, {"a": "x"}]', "several kinds"),
        ('{"a": ' + "9" * 400 + "}", "beyond what a double holds"),
        ("[" * (DEPTH_MAX + 2) + "]" * (DEPTH_MAX + 2), "lie deeper than 100"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_what_no_schema_can_say_is_refused(text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        JsonPayloads().expanded("p", text)
