"""Clients that are not ours, as they are used."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import timestamp_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from schema_registry.client import SchemaRegistryClient as OtherClient
from schema_registry.client.schema import AvroSchema

from tests.support.registries import avro_text


@pytest.fixture
def url(client: httpx.AsyncClient) -> Iterator[str]:
    yield str(client.base_url).rstrip("/")


async def test_confluents_python_client(url: str) -> None:
    def use(stack: ExitStack) -> None:
        client = stack.enter_context(SchemaRegistryClient({"url": url}))
        schema = Schema(avro_text("a"), "AVRO")
        made = client.register_schema("s-value", schema)
        assert client.get_schema(made).schema_str == client.get_latest_version("s-value").schema.schema_str
        assert client.lookup_schema("s-value", schema).schema_id == made
        assert client.get_subjects() == ["s-value"] and client.get_versions("s-value") == [1]
        assert client.test_compatibility("s-value", Schema(avro_text("a", "b?"), "AVRO"))
        assert not client.test_compatibility("s-value", Schema(avro_text("a", "b"), "AVRO"))
        with pytest.raises(SchemaRegistryError) as caught:
            client.register_schema("s-value", Schema(avro_text("a", "b"), "AVRO"))
        assert (caught.value.http_status_code, caught.value.error_code) == (409, 409)
        client.set_compatibility("s-value", "NONE")
        assert client.get_compatibility("s-value") == "NONE"
        client.register_schema("s-value", Schema(avro_text("a", "b"), "AVRO"))
        user = Schema('{"type":"array","items":"Base"}', "AVRO", [SchemaReference("Base", "base", 1)])
        client.register_schema("base", Schema(avro_text(name="Base"), "AVRO"))
        assert client.get_schema(client.register_schema("user", user)).references == user.references
        assert client.delete_subject("s-value") == [1, 2]
        assert client.delete_subject("s-value", permanent=True) == [1, 2]
        with pytest.raises(SchemaRegistryError) as caught:
            client.get_versions("s-value")
        assert caught.value.error_code == 40401

    with ExitStack() as stack:
        await asyncio.to_thread(use, stack)


async def test_confluents_avro_serializer(url: str) -> None:
    def use(stack: ExitStack) -> None:
        client = stack.enter_context(SchemaRegistryClient({"url": url}))
        other = stack.enter_context(SchemaRegistryClient({"url": url}))
        serialize = AvroSerializer(client, avro_text("a"))
        context = SerializationContext("orders", MessageField.VALUE)
        raw = serialize({"a": "text"}, context)
        assert raw is not None and raw[:5] == b"\0\0\0\0\1"
        assert AvroDeserializer(other)(raw, context) == {"a": "text"}
        assert client.get_subjects() == ["orders-value"]

    with ExitStack() as stack:
        await asyncio.to_thread(use, stack)


async def test_confluents_json_serializer(url: str) -> None:
    def use(stack: ExitStack) -> None:
        client = stack.enter_context(SchemaRegistryClient({"url": url}))
        schema = json.dumps({"title": "R", "type": "object", "properties": {"a": {"type": "string"}}})
        context = SerializationContext("orders", MessageField.VALUE)
        raw = JSONSerializer(schema, client)({"a": "text"}, context)
        assert raw is not None and raw[:5] == b"\0\0\0\0\1"
        assert JSONDeserializer(schema, schema_registry_client=client)(raw, context) == {"a": "text"}

    with ExitStack() as stack:
        await asyncio.to_thread(use, stack)


def order_class() -> Any:
    """Return a class of messages, as a compiler would have made it."""
    pool = DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    file = FileDescriptorProto(name="orders.proto", package="orders", syntax="proto3")
    file.dependency.append("google/protobuf/timestamp.proto")
    message = file.message_type.add(name="Order")
    message.field.add(name="a", number=1, type=9, label=1)
    message.field.add(name="t", number=2, type=11, label=1, type_name=".google.protobuf.Timestamp")
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("orders.Order"))


async def test_confluents_protobuf_serializer(url: str) -> None:
    def use(stack: ExitStack) -> None:
        client = stack.enter_context(SchemaRegistryClient({"url": url}))
        context = SerializationContext("orders", MessageField.VALUE)
        order = order_class()
        conf = {"use.deprecated.format": False, "skip.known.types": False}
        raw = ProtobufSerializer(order, client, conf)(order(a="text"), context)
        assert raw is not None and raw[:1] == b"\0"
        other = stack.enter_context(SchemaRegistryClient({"url": url}))
        for reader in (client, other):
            read = ProtobufDeserializer(order, {"use.deprecated.format": False}, reader)(raw, context)
            assert read == order(a="text")
        found = other.get_latest_version("orders-value").schema
        assert "message Order {" in found.schema_str
        assert [one.name for one in found.references] == ["google/protobuf/timestamp.proto"]

    with ExitStack() as stack:
        await asyncio.to_thread(use, stack)


async def test_python_schema_registry_client(url: str) -> None:
    def use() -> None:
        client = OtherClient(url=url)
        schema = AvroSchema(avro_text("a"))
        made = client.register("s", schema)
        assert client.get_by_id(made) == schema
        found = client.check_version("s", schema)
        assert found is not None and found.version == 1
        assert client.get_subjects() == ["s"] and client.get_versions("s") == [1]
        assert client.test_compatibility("s", AvroSchema(avro_text("a", "b?")))
        assert client.update_compatibility(level="FULL") and client.get_compatibility() == "FULL"
        latest = client.get_schema("s")
        assert latest is not None and latest.schema_id == made
        assert client.delete_version("s") == 1
        assert client.delete_subject("s") == []

    await asyncio.to_thread(use)


async def test_the_topic_is_what_another_registry_reads(client: httpx.AsyncClient, tmp_path: Path) -> None:
    await client.post("/subjects/s/versions", json={"schema": '{"type": "int"}'})
    raw = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("_schemas-0/*.log"))
    assert b'{"keytype":"SCHEMA","subject":"s","version":1,"magic":1}' in raw
    value = {"subject": "s", "version": 1, "id": 1, "schemaType": "AVRO", "schema": '"int"', "deleted": False}
    assert json.dumps(value, separators=(",", ":")).encode() in raw
