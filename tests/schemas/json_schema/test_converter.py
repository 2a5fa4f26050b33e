"""JsonSchemaConverter, with a registry: what is written is read again, and clients not ours read and write the same."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import INT32, INT64, OPTIONAL_FLOAT64, OPTIONAL_STRING, STRING, Column, DataError, FailedRecord, Schema
from connect_schemas import JsonSchemaConverter
from connect_schemas.json_schema.options import ONE_OF, Options
from connect_schemas.json_schema.to_json_schema import to_json_schema
from tests.support.converters import json_values, make_converter, schemas, values_of
from tests.support.schema_registry import MemoryRegistry, memory_registry

ORDER = Schema.struct({"id": INT64, "note": OPTIONAL_STRING, "at": Schema.timestamp()}, name="Order")
AT = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def registry() -> Iterator[MemoryRegistry]:
    with memory_registry() as running:
        yield running


@pytest.fixture(scope="module")
def shared() -> Iterator[MemoryRegistry]:
    with memory_registry() as running:
        yield running


@contextlib.contextmanager
def converting(registry: MemoryRegistry, **config: Any) -> Iterator[JsonSchemaConverter]:
    made = make_converter(JsonSchemaConverter, schema_registry_url=registry.url, max_retries="0", **config)
    try:
        yield made
    finally:
        made.close()


def said(registry: MemoryRegistry, subject: str = "t-value") -> Any:
    return json.loads(registry.subjects[subject][-1].body["schema"])


def versioned(schema: Schema) -> Schema:
    """Return a schema as it is read: with the version of its subject, where it has none of its own."""
    return schema if schema.version is not None else schema.replace(version=1)


def test_a_struct_is_registered_written_and_read(registry: MemoryRegistry) -> None:
    value = {"id": 1, "note": None, "at": AT}
    with converting(registry) as converter:
        data = converter.encode("t", ORDER, [value])
        assert data == [b'\0\0\0\0\1{"id":1,"note":null,"at":1577836800000}']
        assert converter.decode("t", data) == [Column(versioned(ORDER), [value])]
    assert registry.subjects["t-value"][0].body["schemaType"] == "JSON"
    assert said(registry)["title"] == "Order"


@given(st.data(), st.sampled_from(["BASE64", "numeric"]), st.booleans())
def test_random_values_survive_both_directions(
    shared: MemoryRegistry, data: st.DataObject, decimals: str, is_key: bool
) -> None:
    schema = data.draw(schemas())
    values = data.draw(st.lists(values_of(schema.replace(optional=False)), min_size=1, max_size=4))
    shared.subjects.clear()
    with converting(shared, decimal_format=decimals, is_key=is_key, json_fail_invalid_schema="true") as converter:
        written = converter.encode("t", schema, values)
        assert written == [converter.from_connect_data("t", schema, value) for value in values]
        assert converter.decode("t", written) == [Column(versioned(schema), values)]


@given(st.data(), st.lists(json_values | st.binary(max_size=8), min_size=1, max_size=4))
def test_whatever_a_record_holds_it_is_read_or_a_bad_record(
    shared: MemoryRegistry, data: st.DataObject, nodes: list[Any]
) -> None:
    schema = data.draw(schemas())
    shared.subjects.clear()
    kept = shared.add("t-value", "{}", schemaType="JSON")
    with converting(shared) as converter:
        kept.body["schema"] = to_json_schema(schema, Options())
        texts = [node if isinstance(node, bytes) else json.dumps(node).encode() for node in nodes]
        with contextlib.suppress(DataError):
            (column,) = converter.decode("t", [b"\0" + kept.id.to_bytes(4, "big") + text for text in texts])
            assert len(column.values) == len(nodes)


def test_a_bad_record_is_named_and_no_other(registry: MemoryRegistry) -> None:
    with converting(registry) as converter:
        good = converter.encode("t", ORDER, [{"id": 1, "note": None, "at": AT}])[0]
        assert good is not None
        with pytest.raises(DataError, match="a whole number is expected") as caught:
            converter.decode("t", [good, None, good[:5] + b'{"id":"x"}', good])
        assert [one.index for one in caught.value.failed if isinstance(one, FailedRecord)] == [2]
        with pytest.raises(DataError, match="Invalid type for INT64") as caught:
            converter.encode("t", ORDER, [{"id": 1, "at": AT}, {"id": "x", "at": AT}])
        assert [one.index for one in caught.value.failed if isinstance(one, FailedRecord)] == [1]


def test_values_without_a_schema_are_refused(registry: MemoryRegistry) -> None:
    with converting(registry) as converter, pytest.raises(DataError, match="have a schema") as caught:
        converter.encode("t", None, [{"a": 1}])
    assert caught.value.hint is not None
    assert "JsonConverter" in caught.value.hint
    assert not registry.asked


def test_a_tombstone_stays_one(registry: MemoryRegistry) -> None:
    with converting(registry) as converter:
        assert converter.encode("t", None, [None]) == [None]
        assert converter.encode("t", ORDER.replace(optional=True), [None]) == [None]


def test_the_subject_may_have_the_name_of_the_title(registry: MemoryRegistry) -> None:
    strategy = "io.confluent.kafka.serializers.subject.RecordNameStrategy"
    value = {"id": 1, "note": None, "at": AT}
    with converting(registry, value_subject_name_strategy=strategy) as converter:
        data = converter.encode("t", ORDER, [value])
        assert converter.decode("t", data) == [Column(versioned(ORDER), [value])]
    assert list(registry.subjects) == ["Order"]


def test_a_schema_refers_to_those_of_other_subjects(registry: MemoryRegistry) -> None:
    registry.add("city", '{"type":"object","title":"City","properties":{"name":{"type":"string"}}}', schemaType="JSON")
    registry.add(
        "address",
        '{"type":"object","properties":{"city":{"$ref":"city.json"}}}',
        schemaType="JSON",
        references=[{"name": "city.json", "subject": "city", "version": 1}],
    )
    order = registry.add(
        "t-value",
        '{"type":"object","properties":{"to":{"$ref":"address.json"}}}',
        schemaType="JSON",
        references=[{"name": "address.json", "subject": "address", "version": 1}],
    )
    record = b"\0" + order.id.to_bytes(4, "big") + b'{"to":{"city":{"name":"Ulm"}}}'
    with converting(registry, json_fail_invalid_schema="true") as converter:
        (column,) = converter.decode("t", [record])
        assert column.values == [{"to": {"city": {"name": "Ulm"}}}]
        assert column.schema is not None
        assert column.schema.fields[0].schema.fields[0].schema.name == "City"
        with pytest.raises(DataError, match=r"\$\.to\.city\.name: 5 is not of type 'string'"):
            converter.decode("t", [record.replace(b'"Ulm"', b"5")])


def test_records_that_do_not_meet_the_schema_that_they_are_written_with_are_refused(registry: MemoryRegistry) -> None:
    registry.add("t-value", '{"type":"object","properties":{"id":{"minimum":1}}}', schemaType="JSON")
    config = {"auto_register_schemas": "false", "use_latest_version": "true", "json_fail_invalid_schema": "true"}
    with converting(registry, **config) as converter:
        good = converter.encode("t", ORDER, [{"id": 1, "at": AT}])
        assert good[0] is not None
        assert good[0].startswith(b"\0\0\0\0\1{")
        with pytest.raises(DataError, match="minimum"):
            converter.encode("t", ORDER, [{"id": 0, "at": AT}])


def test_records_are_read_as_the_latest_version_has_them(registry: MemoryRegistry) -> None:
    for fields in ('"id":{"type":"integer"}', '"id":{"type":"integer"},"note":{"type":"string"}'):
        registry.add("t-value", f'{{"type":"object","properties":{{{fields}}}}}', schemaType="JSON")
    with converting(registry, use_latest_version="true") as converter:
        (column,) = converter.decode("t", [b'\0\0\0\0\1{"id":1}'])
        assert column.values == [{"id": 1, "note": None}]
        assert column.schema is not None
        assert column.schema.version == 2


def test_a_schema_of_another_format_is_told(registry: MemoryRegistry) -> None:
    registry.add("t-value", '"string"')
    with converting(registry) as converter, pytest.raises(DataError, match="is AVRO, and JSON is expected"):
        converter.decode("t", [b"\0\0\0\0\1x"])


def test_a_union_comes_back(registry: MemoryRegistry) -> None:
    fields = {f"{ONE_OF}.field.0": OPTIONAL_STRING, f"{ONE_OF}.field.1": INT64.replace(optional=True)}
    schema = Schema.struct({"u": Schema.struct(fields, name=ONE_OF), "n": INT32})
    values = [
        {"u": {f"{ONE_OF}.field.0": "x", f"{ONE_OF}.field.1": None}, "n": 1},
        {"u": {f"{ONE_OF}.field.0": None, f"{ONE_OF}.field.1": 5}, "n": 2},
    ]
    with converting(registry) as converter:
        data = converter.encode("t", schema, values)
        assert data == [b'\0\0\0\0\1{"u":"x","n":1}', b'\0\0\0\0\1{"u":5,"n":2}']
        assert converter.decode("t", data) == [Column(versioned(schema), values)]


# -- clients not ours --------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def confluent(registry: MemoryRegistry) -> Iterator[tuple[Any, Any, Any]]:
    """Give confluent-kafka's client, what names its subjects by the topic, and a record's place."""
    from confluent_kafka.schema_registry import SchemaRegistryClient, topic_subject_name_strategy
    from confluent_kafka.serialization import MessageField, SerializationContext

    with SchemaRegistryClient({"url": registry.url}) as client:
        config = {"subject.name.strategy": topic_subject_name_strategy}
        yield client, config, SerializationContext("t", MessageField.VALUE)


def test_confluent_kafka_reads_what_we_write(registry: MemoryRegistry) -> None:
    from confluent_kafka.schema_registry.json_schema import JSONDeserializer

    schema = Schema.struct(
        {"id": INT64, "note": OPTIONAL_STRING, "d": Schema.decimal(2), "tags": Schema.map(STRING, INT32)}, name="Order"
    )
    with converting(registry, decimal_format="NUMERIC") as converter:
        value = {"id": 1, "note": None, "d": Decimal("1.25"), "tags": {"a": 1}}
        data = converter.encode("t", schema, [value])[0]
    with confluent(registry) as (client, config, place):
        read = JSONDeserializer(None, schema_registry_client=client, conf=config)
        assert read(data, place) == {**value, "d": 1.25}


def test_we_read_what_confluent_kafka_writes(registry: MemoryRegistry) -> None:
    from confluent_kafka.schema_registry.json_schema import JSONSerializer

    text = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Order",
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "note": {"oneOf": [{"type": "null"}, {"type": "string"}]},
            "lines": {"type": "array", "items": {"$ref": "#/definitions/Line"}},
        },
        "required": ["id"],
        "definitions": {"Line": {"type": "object", "properties": {"price": {"type": "number"}}}},
    }
    with confluent(registry) as (client, config, place):
        written = JSONSerializer(json.dumps(text), client, conf=config)
        data = [written({"id": n, "note": None, "lines": [{"price": 1.5}]}, place) for n in range(3)]
    with converting(registry, use_optional_for_nonrequired="true") as converter:
        (column,) = converter.decode("t", data)
    lines = Schema.array(Schema.struct({"price": OPTIONAL_FLOAT64}), optional=True)
    assert column.schema is not None
    expected = Schema.struct({"id": INT64, "note": OPTIONAL_STRING, "lines": lines}, name="Order")
    assert column.schema.replace(version=None) == expected
    assert column.values == [{"id": n, "note": None, "lines": [{"price": 1.5}]} for n in range(3)]


def test_ids_in_headers_go_to_confluent_kafka_and_back(registry: MemoryRegistry) -> None:
    from confluent_kafka.schema_registry import header_schema_id_serializer
    from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer

    registry.has_guids = True
    serializer = "io.confluent.kafka.serializers.schema.id.HeaderSchemaIdSerializer"
    with converting(registry, value_schema_id_serializer=serializer) as converter, confluent(registry) as foreign:
        client, config, place = foreign
        data, headers = converter.encode_with_headers("t", Schema.struct({"id": INT64}, name="Order"), [{"id": 1}])
        assert data == [b'{"id":1}']
        place.headers = list(headers)
        assert JSONDeserializer(None, schema_registry_client=client, conf=config)(data[0], place) == {"id": 1}
        text = '{"title":"Theirs","type":"object","properties":{"id":{"type":"integer"}}}'
        place.headers = []
        config = {**config, "schema.id.serializer": header_schema_id_serializer}
        theirs = JSONSerializer(text, client, conf=config)({"id": 2}, place)
        (column,) = converter.decode_with_headers("t", [theirs], [place.headers])
        assert column.values == [{"id": 2}]
