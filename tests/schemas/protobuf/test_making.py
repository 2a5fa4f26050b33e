"""What the converter makes of schemas."""

from __future__ import annotations

import subprocess
import sys

import pytest

from connect.api import INT32, DataError, Schema
from connect_schemas.protobuf.making import Own, Written
from connect_schemas.protobuf.options import Options
from connect_schemas.registry.model import PROTOBUF, Registered, SchemaText

ORDER = Schema.struct({"id": INT32}, name="a.Order")


def registered(text: str) -> Registered:
    return Registered(7, SchemaText(text, PROTOBUF))


def test_a_schema_is_written_with_the_place_of_its_message_in_another_one() -> None:
    own = Own(ORDER, Options())
    assert own.message == "a.Order"
    target = registered("package a; message X {} message Order { optional int32 id = 1; }")
    assert own.writer(target).write([{"id": 5}]) == [b"\2\2\x08\5"]
    with pytest.raises(DataError, match="schema 7 of the registry is no Protobuf schema: line 1"):
        own.writer(registered("{"))


def nested(depth: int) -> Schema:
    schema = ORDER
    for level in range(depth):
        schema = Schema.struct({"in": schema}, name=f"L{level}")
    return schema


def test_structs_are_written_as_deep_as_they_can_be_read() -> None:
    own = Own(nested(31), Options())
    assert own.writer(registered(own.text.text)).write([{}]) == [b"\0"]


@pytest.mark.parametrize("depth", [32, 120, 400])
def test_structs_that_lie_too_deep_are_refused_before_they_are_registered(depth: int) -> None:
    with pytest.raises(DataError, match="the schema has no form in Protobuf") as raised:
        Own(nested(depth), Options())
    assert raised.value.code == "schemas.invalid"


@pytest.mark.parametrize(
    ("text", "indexes"),
    [
        ("package b; message X {} message Order { optional int32 id = 1; }", b"\2\2"),
        ("message X {} message Order { optional int32 id = 1; }", b"\2\2"),
        ("package b; message Z { optional int32 id = 1; message Order {} }", b"\0"),
    ],
)
def test_a_message_of_another_package_or_the_only_one_stands_for_it(text: str, indexes: bytes) -> None:
    assert Own(ORDER, Options()).writer(registered(text)).write([{"id": 5}]) == [indexes + b"\x08\5"]


def test_records_are_not_told_to_be_of_a_message_that_they_are_not() -> None:
    with pytest.raises(DataError, match=r"schema 7 of the registry has no message a.Order") as raised:
        Own(ORDER, Options()).writer(registered("package a; message X {} message Y {}"))
    assert raised.value.code == "schemas.incompatible"


def test_a_message_of_a_schema_is_read_with_what_it_refers_to() -> None:
    found = Written(registered('import "b.proto"; message A { optional B b = 1; }'), {"b.proto": "message B {}"}, [0])
    column = found.reader(Options(), 3).read([b"\x0a\0"], 0)
    assert (found.message, column.values, column.schema and column.schema.version) == ("A", [{"b": {}}], 3)
    with pytest.raises(DataError, match="neither among its references nor known"):
        Written(registered('import "b.proto";'), {}, [0])


def test_without_protobuf_other_converters_work_and_this_one_says_what_it_needs() -> None:
    program = """
import sys
sys.modules["google.protobuf"] = None
from connect_schemas import ProtobufConverter, connect_converters
from connect.api import ConfigError
assert ProtobufConverter in connect_converters()
try:
    config = {"schema.registry.url": "http://localhost"}
    ProtobufConverter().configure(ProtobufConverter.config_class.parse(config))
except ConfigError as error:
    print(error.message, "|", error.hint)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert "ProtobufConverter needs protobuf" in ran.stdout, ran.stderr
    assert "connect-runtime[schemas]" in ran.stdout
