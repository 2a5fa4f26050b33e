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
    assert own.writer(registered("package b; message Z {}")).write([{"id": 5}]) == [b"\0\x08\5"]
    with pytest.raises(DataError, match="schema 7 of the registry is no Protobuf schema: line 1"):
        own.writer(registered("{"))


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
