"""JSON Schemas: every value that is made is valid, and what cannot be made is refused with its place."""

import json
import random

import jsonschema
import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connect_datagen.json_schema import JsonSchemaProblem, column

COUNT = 2000


def made(schema, count=COUNT, seed=1):
    return column(json.dumps(schema))(random.Random(seed), 0, count)


def checked(schema, count=COUNT, seed=1):
    """Return values of a schema, each valid by jsonschema, formats too."""
    values = made(schema, count, seed)
    cls = jsonschema.Draft202012Validator
    validator = cls(schema, format_checker=cls.FORMAT_CHECKER)
    for value in values:
        validator.validate(value)
    return values


def field(declared, **more):
    schema = {"type": "object", "properties": {"f": declared}, "required": ["f"], **more}
    return [value["f"] for value in checked(schema)]


@pytest.mark.parametrize(
    "declared",
    [
        {"type": "null"},
        {"type": ["string", "null"]},
        {"type": "integer", "minimum": -3, "exclusiveMaximum": 3},
        {"type": "integer", "multipleOf": 7, "minimum": 100},
        {"type": "integer", "multipleOf": 1.5, "maximum": -4},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1e-9},
        {"type": "number", "multipleOf": 0.01, "minimum": 1, "maximum": 2},
        {"type": "number", "minimum": -1.7e308, "maximum": 1.7e308},
        {"minimum": 5},
        {"type": "string", "minLength": 3, "maxLength": 4},
        {"type": "string", "maxLength": 0},
        {"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"},
        {"type": "string", "pattern": "[a-z]+", "minLength": 5, "maxLength": 6},
        {"type": "string", "format": "email", "maxLength": 21},
        {"enum": ["a", 1, None, {"x": [1]}], "type": ["integer", "object"]},
        {"const": {"deep": [True]}},
        {"type": "array", "items": {"type": "integer", "maximum": 9}, "minItems": 2, "maxItems": 4},
        {"type": "array", "items": {"enum": [1, 2, 3, 4]}, "uniqueItems": True, "minItems": 3},
        {"type": "array", "prefixItems": [{"type": "string"}, {"type": "null"}], "items": False, "minItems": 1},
        {"oneOf": [{"type": "integer", "multipleOf": 3}, {"type": "integer", "multipleOf": 5}]},
        {"anyOf": [{"type": "string"}, {"type": "object", "required": ["a"]}]},
        {"allOf": [{"type": "number", "minimum": 3}, {"type": "integer", "maximum": 5}]},
        {"type": "integer", "not": {"multipleOf": 2}},
        {"type": "object", "required": ["a"], "additionalProperties": {"type": "boolean"}},
        {"type": "object", "properties": {"a": {}, "b": {}}, "minProperties": 1, "additionalProperties": False},
        True,
    ],
)
def test_values_are_valid(declared):
    assert len(field(declared)) == COUNT


def test_multiples_of_fractions_have_no_digits_beyond_them_and_are_exact_multiples():
    declared = {"type": "number", "multipleOf": 0.01, "minimum": 0, "maximum": 100}
    values = field(declared)
    assert len(set(values)) > COUNT / 10
    assert {value for value in values if round(value, 2) != value} == set()
    exact = jsonschema_rs.validator_for(declared)
    assert all(map(exact.is_valid, values))


@pytest.mark.parametrize(
    "name",
    ["date-time", "date", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uuid", "regex"],
)  # fmt: skip
def test_formats_are_made(name):
    assert len(set(field({"type": "string", "format": name}))) > 10


def test_what_refers_to_itself_ends():
    tree = {
        "$ref": "#/$defs/node",
        "$defs": {
            "node": {
                "type": "object",
                "properties": {"n": {"type": "integer"},
                               "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                               "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
                "required": ["n", "next", "children"],
            }
        },
    }  # fmt: skip
    values = checked(tree, 500)
    assert any(value["children"] for value in values)
    assert any(value["next"] for value in values)
    assert max(len(json.dumps(value)) for value in values) < 50_000


def test_a_reference_with_words_beside_it_means_both():
    values = checked(
        {
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/x~1y", "minimum": 10}},
            "required": ["a"],
            "$defs": {"x/y": {"type": "integer", "maximum": 12}},
        }
    )
    assert {value["a"] for value in values} == {10, 11, 12}


def test_the_same_seed_makes_the_same_values():
    schema = {"type": "object", "properties": {"a": {"type": "string", "format": "uuid"}, "b": {"oneOf": [{}, False]}}}
    assert made(schema, seed=3) == made(schema, seed=3) != made(schema, seed=4)


def one(declared):
    return {"type": "object", "properties": {"f": declared}, "required": ["f"]}


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("{", "at '/': it is not JSON"),
        ({"type": "objekt"}, "at '/type': it is no JSON Schema: 'objekt' is not valid"),
        ({"type": "string"}, "at '/': the outermost values must be objects"),
        (False, "at '/': no value is valid"),
        (one({"if": True}), "at '/properties/f/if': 'if' cannot be generated"),
        (one({"type": "object", "patternProperties": {"a": True}}), "at '/properties/f/patternProperties'"),
        (one({"$ref": "https://example.org/x"}), "at '/properties/f/\\$ref': \\$ref 'https://example.org/x' leads out"),
        (one({"$ref": "#/$defs/none"}), "at '/properties/f/\\$ref': \\$ref '#/\\$defs/none' leads nowhere"),
        (one({"format": "phone", "type": "string"}), "at '/properties/f/format': format 'phone' cannot be"),
        (one({"pattern": "(?=a)", "type": "string"}), "at '/properties/f/pattern': regex"),
        (one({"type": "integer", "minimum": 3, "maximum": 2}), "at '/properties/f': no number is within the bounds"),
        (one({"type": "string", "minLength": 3, "maxLength": 2}), "at '/properties/f/minLength'"),
        (one({"enum": ["a"], "type": "integer"}), "at '/properties/f/enum': no value of the enum is valid"),
        (one({"allOf": [{"type": "integer"}, {"type": "string"}]}), "no type is left"),
        (one({"allOf": [{"pattern": "a"}, {"pattern": "b"}]}), "two schemas say 'pattern' of one value"),
        (one({"not": {}}), "at '/properties/f': hardly ever a value"),
        (one({"type": "array", "minItems": 99999}), "at '/properties/f/minItems': 99999 items are more than"),
        ({"type": "object", "required": ["a"], "additionalProperties": False}, "at '/required': 'a' is required, and"),
        (one({"$ref": "#"}), "it contains itself, so its values would never end"),
        (one({"$ref": "#/properties/f"}), "it contains itself"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_refused_with_its_pointer(schema, message):
    with pytest.raises(JsonSchemaProblem, match=message):
        column(schema if isinstance(schema, str) else json.dumps(schema))


NUMBERS = st.integers(-20, 20)
LEAVES = st.one_of(
    st.just(True),
    st.builds(dict, type=st.sampled_from(["null", "boolean", "string", "integer", "number"])),
    st.builds(dict, type=st.sampled_from(["integer", "number"]), minimum=NUMBERS, maximum=NUMBERS),
    st.builds(
        dict, type=st.sampled_from(["integer", "number"]), exclusiveMinimum=NUMBERS, multipleOf=st.integers(1, 9)
    ),
    st.builds(dict, type=st.just("string"), minLength=st.integers(0, 5), maxLength=st.integers(0, 9)),
    st.builds(dict, type=st.just("string"), pattern=st.sampled_from(["^a+$", "[0-9]{3}", "x|yy?"])),
    st.builds(dict, type=st.just("string"), format=st.sampled_from(["date", "uuid", "ipv6"])),
    st.builds(dict, enum=st.lists(st.one_of(NUMBERS, st.text(max_size=3), st.none()), min_size=1, unique_by=repr)),
    st.just({"$ref": "#/$defs/leaf"}),
    st.just({"$ref": "#/$defs/self"}),
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(dict, type=st.just("array"), items=inner, minItems=st.integers(0, 3), uniqueItems=st.booleans()),
        st.builds(dict, type=st.just("array"), prefixItems=st.lists(inner, min_size=1, max_size=3), items=inner),
        st.builds(
            dict, type=st.just("object"), properties=st.dictionaries(st.sampled_from("abc/~"), inner, max_size=4),
            required=st.lists(st.sampled_from("abcd"), unique=True, max_size=2), additionalProperties=inner,
        ),
        st.builds(dict, anyOf=st.lists(inner, min_size=1, max_size=3)),
        st.builds(dict, oneOf=st.lists(inner, min_size=1, max_size=3)),
        st.builds(dict, allOf=st.lists(inner, min_size=1, max_size=2)),
        st.builds(lambda one, other: {**(one if isinstance(one, dict) else {}), "anyOf": [other, True]}, inner, inner),
    ),
    max_leaves=8,
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(declared=SCHEMAS)
def test_any_schema_makes_valid_values_or_is_refused(declared):
    schema = {
        "type": "object",
        "properties": {"f": declared},
        "required": ["f"],
        "$defs": {"leaf": {"type": "integer", "minimum": 0}, "self": {"anyOf": [{"type": "null"}, declared]}},
    }
    try:
        values = made(schema, 30)
    except JsonSchemaProblem:
        return
    cls = jsonschema.Draft202012Validator
    validator = cls(schema, format_checker=cls.FORMAT_CHECKER)
    for value in values:
        validator.validate(value)
