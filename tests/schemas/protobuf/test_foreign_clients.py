"""Records go to and from confluent-kafka's Protobuf serializers, through one registry."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf import message_factory

from connect.api import INT64, OPTIONAL_STRING, Schema
from connect_protofiles import linked, parsed
from connect_schemas import ProtobufConverter
from tests.support.converters import make_converter
from tests.support.schema_registry import MemoryRegistry, memory_registry

registry_client = pytest.importorskip("confluent_kafka.schema_registry")
foreign = pytest.importorskip("confluent_kafka.schema_registry.protobuf")
serialization = pytest.importorskip("confluent_kafka.serialization")

TEXT = """
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
message Other { string note = 1; }
message Order {
  map<string, Line> lines = 1;
  message Line {
    int32 count = 1;
    Kind kind = 2;
    message Deep { bytes data = 1; }
  }
  enum Kind { PLAIN = 0; GIFT = 3; }
  oneof by { string name = 2; uint64 number = 3; }
  google.protobuf.Timestamp at = 4;
  repeated sint32 marks = 5;
  optional bool paid = 6;
}
"""


@pytest.fixture
def registry() -> Iterator[MemoryRegistry]:
    with memory_registry() as running:
        yield running


def message_of(name: str) -> Any:
    return message_factory.GetMessageClass(linked(parsed(TEXT, "shop.proto")).pool.FindMessageTypeByName(name))


def context() -> Any:
    return serialization.SerializationContext("t", serialization.MessageField.VALUE)


def converter(registry: MemoryRegistry, **config: str) -> ProtobufConverter:
    made: ProtobufConverter = make_converter(ProtobufConverter, schema_registry_url=registry.url, **config)
    return made


def written_by_them(registry: MemoryRegistry, message: Any) -> bytes:
    with registry_client.SchemaRegistryClient({"url": registry.url}) as client:
        serializer = foreign.ProtobufSerializer(type(message), client, {"use.deprecated.format": False})
        data: bytes = serializer(message, context())
        return data


def test_what_their_serializer_writes_is_read(registry: MemoryRegistry) -> None:
    order = message_of("shop.Order")
    message = order(lines=None, number=(1 << 64) - 1, marks=[-1, 5], paid=False)
    message.lines["a"].count = 2
    message.lines["a"].kind = 3
    message.at.FromDatetime(dt.datetime(2020, 2, 29, 1, 2, 3, 4000))
    made = converter(registry)
    (run,) = made.decode("t", [written_by_them(registry, message)])
    assert run.values == [
        {
            "by_0": {"name": None, "number": -1},
            "lines": {"a": {"count": 2, "kind": "GIFT"}},
            "at": dt.datetime(2020, 2, 29, 1, 2, 3, 4000, tzinfo=dt.UTC),
            "marks": [-1, 5],
            "paid": False,
        }
    ]
    made.close()


@pytest.mark.parametrize(("name", "field"), [("shop.Other", "note"), ("shop.Order.Line.Deep", "data")])
def test_messages_in_any_place_of_their_file_are_read(registry: MemoryRegistry, name: str, field: str) -> None:
    value = "x" if field == "note" else b"x"
    made = converter(registry, enhanced_protobuf_schema_support="true")
    (run,) = made.decode("t", [written_by_them(registry, message_of(name)(**{field: value}))])
    assert (run.schema and run.schema.name, run.values) == (name, [{field: value}])
    made.close()


def test_what_we_write_their_deserializer_reads(registry: MemoryRegistry) -> None:
    schema = Schema.struct(
        {"id": INT64, "name": OPTIONAL_STRING, "price": Schema.decimal(2), "at": Schema.timestamp()},
        name="shop.Own",
    )
    made = converter(registry, optional_for_nullables="true")
    at = dt.datetime(2020, 2, 29, 1, 2, 3, tzinfo=dt.UTC)
    (data,) = made.encode("t", schema, [{"id": 5, "name": "", "price": Decimal("12.30"), "at": at}])
    assert data is not None
    text = registry.subjects["t-value"][0].body["schema"]
    own = message_factory.GetMessageClass(linked(parsed(text)).pool.FindMessageTypeByName("shop.Own"))
    with registry_client.SchemaRegistryClient({"url": registry.url}) as client:
        read = foreign.ProtobufDeserializer(own, {"use.deprecated.format": False}, client)(data, context())
    assert (read.id, read.HasField("name"), read.price.scale, read.price.precision) == (5, True, 2, 4)
    assert int.from_bytes(read.price.value, "big", signed=True) == 1230
    assert read.at.ToDatetime(tzinfo=dt.UTC) == at
    made.close()


def test_ids_in_headers_go_both_ways_with_the_place_of_the_message(registry: MemoryRegistry) -> None:
    from confluent_kafka.schema_registry import header_schema_id_serializer

    registry.has_guids = True
    order = message_of("shop.Order")
    with registry_client.SchemaRegistryClient({"url": registry.url}) as client:
        conf = {
            "subject.name.strategy": registry_client.topic_subject_name_strategy,
            "schema.id.serializer": header_schema_id_serializer,
        }
        place = serialization.SerializationContext("t", serialization.MessageField.VALUE, headers=[])
        data = foreign.ProtobufSerializer(order, client, conf)(order(name="x"), place)
        assert data == b"\x12\1x"
        made = converter(registry, value_schema_id_serializer=f"{_IDS}HeaderSchemaIdSerializer")
        (run,) = made.decode_with_headers("t", [data], [place.headers])
        assert run.values[0]["by_0"]["name"] == "x"
        schema = Schema.struct({"name": OPTIONAL_STRING}, name="Mine")
        ours, headers = made.encode_with_headers("o", schema, [{"name": "y"}])
        made.close()
        there = serialization.SerializationContext("o", serialization.MessageField.VALUE, headers=list(headers))
        text = registry.subjects["o-value"][0].body["schema"]
        mine = message_factory.GetMessageClass(linked(parsed(text, "mine.proto")).pool.FindMessageTypeByName("Mine"))
        read = foreign.ProtobufDeserializer(mine, {}, client)
        assert read(ours[0], there).name == "y"


_IDS = "io.confluent.kafka.serializers.schema.id."
