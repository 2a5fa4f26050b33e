"""Schemas as JSON, as Java writes them."""

from __future__ import annotations

import json

import pytest

from connect.api import DataError
from connect_schemas.avro.nodes import Member, Node
from connect_schemas.avro.parsing import parsed
from connect_schemas.avro.texts import Single, text_of

RECORD = (
    '{"type":"record","name":"R","namespace":"a","doc":"d","fields":[{"name":"x","type":{"type":"fixed","name":"F",'
    '"namespace":"b","size":2}},{"name":"y","type":"b.F","doc":"e","default":"ÿÿ","order":"ignore","aliases":["z"]},'
    '{"name":"again","type":["null","R"],"default":null}],"p":1,"aliases":["b.Q","Old"]}'
)
WITHOUT_SPACE = (
    '{"type":"record","name":"N","namespace":"a","fields":[{"name":"e","type":{"type":"enum","name":"E","namespace":"",'
    '"symbols":[]}}]}'
)
TEXTS = [
    '"int"',
    '{"type":"int","logicalType":"date"}',
    '["null",{"type":"array","items":"string"}]',
    RECORD,
    '{"type":"enum","name":"E","symbols":["A","B"],"default":"A"}',
    WITHOUT_SPACE,
]


@pytest.mark.parametrize("text", TEXTS)
def test_what_java_writes_is_written_again(text: str) -> None:
    assert text_of(parsed(text)) == text


def test_numbers_and_escapes_are_javas() -> None:
    node = Node("int", props={"a": 1e10, "b": Single(0.10000000149011612), "c": "\x1aé\n", "d": float("nan"), "e": 1.0})
    assert text_of(node) == '{"type":"int","a":1.0E10,"b":0.1,"c":"\\u001Aé\\n","d":"NaN","e":1.0}'
    assert json.loads(text_of(node))["c"] == "\x1aé\n"


def test_equal_types_of_one_name_are_written_once_and_others_refused() -> None:
    def entry(kind: str) -> Node:
        return Node("record", "E", members=[Member("k", Node(kind))])

    def both(second: str) -> Node:
        return Node("record", "R", members=[Member("a", entry("int")), Member("b", entry(second))])

    assert text_of(both("int")).endswith('{"name":"b","type":"E"}]}')
    with pytest.raises(DataError, match="two types of a schema are called 'E', and differ"):
        text_of(both("long"))
