"""The texts of Java's `Schema.toString`, of Avro 1.12."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.registry.avro.parsing import parse
from connect.registry.avro.texts import canonical, normalized


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ('{"type": "string"}', '"string"'),
        ("int", '"int"'),
        ('{"logicalType":"date","type":"int"}', '{"type":"int","logicalType":"date"}'),
        ('[ "null", {"type":"array","items":"int","x":1} ]', '["null",{"type":"array","items":"int","x":1}]'),
        (
            (
                '{"fields":[{"type":"double","default":0.00001,"name":"d","doc":"\u00e4"}],"namespace":"n","doc":"D",'
                '"type":"record","name":"R","aliases":["S","o.T"],"p":{"b":[1,2.0],"a":null}}'
            ),
            (
                '{"type":"record","name":"R","namespace":"n","doc":"D","fields":[{"name":"d","type":"double",'
                '"doc":"\u00e4","default":1.0E-5}],"p":{"b":[1,2.0],"a":null},"aliases":["S","o.T"]}'
            ),
        ),
        (
            (
                '{"type":"record","name":"n.R","fields":[{"name":"e","type":{"type":"enum","name":"E","symbols":["A"],'
                '"default":"A"},"order":"ignore","aliases":["x"]},{"name":"f","type":"E"},{"name":"g","type":'
                '{"type":"fixed","name":"F","namespace":"","size":3}},{"name":"h","type":"F"}]}'
            ),
            (
                '{"type":"record","name":"R","namespace":"n","fields":[{"name":"e","type":{"type":"enum","name":"E",'
                '"symbols":["A"],"default":"A"},"order":"ignore","aliases":["x"]},{"name":"f","type":"E"},{"name":"g",'
                '"type":{"type":"fixed","name":"F","namespace":"","size":3}},{"name":"h","type":"F"}]}'
            ),
        ),
        ('{"type":"error","name":"E","fields":[]}', '{"type":"error","name":"E","fields":[]}'),
    ],
)
def test_a_schema_is_written_as_java_writes_it(given_text: str, expected: str) -> None:
    assert canonical(parse(given_text)[0]) == expected
    assert canonical(parse(expected)[0]) == expected, "and once more the same"


def test_types_that_stand_elsewhere_are_named_alone() -> None:
    _, known = parse('{"type":"record","name":"a.A","fields":[]}')
    schema, _ = parse('{"type":"map","values":"a.A"}', known)
    assert canonical(schema, known) == '{"type":"map","values":"a.A"}'
    assert canonical(schema) == '{"type":"map","values":{"type":"record","name":"A","namespace":"a","fields":[]}}'
    assert normalized(schema, known) == '{"type":"map","values":"a.A"}'


def test_normalized_texts_order_what_means_nothing() -> None:
    one = '{"type":"record","name":"R","namespace":"n","b":1,"a":{"type":"x"},"fields":[{"name":"f","type":"int"}]}'
    two = '{"a":{"type":"x"},"name":"n.R","b":1,"fields":[{"type":"int","name":"f"}],"type":"record"}'
    assert normalized(parse(one)[0]) == normalized(parse(two)[0])
    assert normalized(parse(one)[0]) == (
        '{"name":"n.R","type":"record","fields":[{"name":"f","type":"int","order":"ASCENDING"}],"a":{"type":"x"},"b":1}'
    )


_names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True)
_types = st.recursive(
    st.sampled_from(["null", "int", "string", "double", {"type": "long", "logicalType": "timestamp-millis"}]),
    lambda inner: (
        st.builds(lambda items: {"type": "array", "items": items}, inner)
        | st.builds(lambda values: {"type": "map", "values": values}, inner)
    ),
    max_leaves=5,
)


@given(st.lists(st.tuples(_names, _types), unique_by=lambda one: one[0], max_size=5), _names)
def test_what_is_written_is_read_as_the_same(fields: list[tuple[str, object]], name: str) -> None:
    import json

    text = json.dumps({"type": "record", "name": name, "fields": [{"name": n, "type": t} for n, t in fields]})
    for write in (canonical, normalized):
        once = write(parse(text)[0])
        assert write(parse(once)[0]) == once
