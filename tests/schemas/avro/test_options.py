"""What both sides know of schemas."""

from __future__ import annotations

from connect.api import INT32, OPTIONAL_STRING, STRING, Schema
from connect_schemas.avro.options import FIXED_SIZE, UNION, Options, has_text_keys, is_enum, is_fixed
from connect_schemas.avro.options import is_union as is_union_schema
from connect_schemas.generalized import GENERAL_UNION


def test_a_union_is_known_by_its_name_or_its_parameter() -> None:
    assert is_union_schema(Schema.struct({"int": INT32}, name=UNION))
    assert is_union_schema(Schema.struct({"int": INT32}, parameters={GENERAL_UNION: "u"}))
    assert not is_union_schema(Schema.struct({"int": INT32}))


def test_enums_and_fixed_are_known_by_their_parameters() -> None:
    options = Options()
    assert is_enum(Schema("string", parameters={options.enum_parameter: "E"}))
    assert not is_enum(STRING)
    assert is_fixed(Schema("bytes", name="F", parameters={FIXED_SIZE: "2"}))
    assert not is_fixed(Schema("bytes", parameters={FIXED_SIZE: "2"}))


def test_optional_texts_are_keys_of_a_map_where_that_is_asked_for() -> None:
    schema = Schema.map(OPTIONAL_STRING, INT32)
    assert not has_text_keys(schema, Options())
    assert has_text_keys(schema, Options(optional_map_keys=True))
    assert has_text_keys(Schema.map(STRING, INT32), Options())
