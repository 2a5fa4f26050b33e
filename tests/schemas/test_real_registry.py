"""The converters with a registry that is not ours: Apicurio's, by Confluent's API and by its own."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from decimal import Decimal
from itertools import count
from typing import Any

import httpx
import pytest

from connect.api import INT32, INT64, OPTIONAL_STRING, DataError, Schema
from connect_schemas import ApicurioAvroConverter, AvroConverter, JsonSchemaConverter, ProtobufConverter
from tests.support.apicurio import apicurio
from tests.support.converters import make_converter
from tests.support.kafka import KafkaUnavailable

pytestmark = pytest.mark.slow

AT = dt.datetime(2026, 1, 2, 3, 4, 5, 678000, dt.UTC)
ORDER = Schema.struct(
    {"id": INT64, "note": OPTIONAL_STRING, "price": Schema.decimal(2), "at": Schema.timestamp()}, name="Order"
)
ORDERS: list[Any] = [
    {"id": 5, "note": None, "price": Decimal("12.30"), "at": AT},
    {"id": -6, "note": "é", "price": Decimal("-1.00"), "at": AT},
]
#: Whose id is another kind, and which has one field more without a default.
CHANGED = Schema.struct({"id": OPTIONAL_STRING, "extra": INT32}, name="Order")
BILL = Schema.struct({"total": Schema.struct({"cents": INT32}, name="Money")}, name="Bill")
BILLS: list[Any] = [{"total": {"cents": 350}}]
FORMATS = pytest.mark.parametrize("cls", [AvroConverter, ProtobufConverter, JsonSchemaConverter])

#: Makes a converter of a class, or of Apicurio's, with further keys; it is closed behind the test.
Make = Callable[..., Any]

_topics = count()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Apicurio's registry, or a skip that says what is missing."""
    try:
        with apicurio(tmp_path_factory.mktemp("apicurio")) as url:
            yield url
    except KafkaUnavailable as error:
        pytest.skip(f"no registry that is not ours: {error}")


@pytest.fixture
def registry(running: str) -> Iterator[httpx.Client]:
    """A client of Confluent's API."""
    with httpx.Client(base_url=f"{running}/apis/ccompat/v7", timeout=30) as client:
        yield client


@pytest.fixture
def topic() -> str:
    return f"t{next(_topics)}"


@pytest.fixture
def converter(registry: httpx.Client) -> Iterator[Make]:
    """Makes converters that ask by Confluent's API."""
    with ExitStack() as made:

        def make(cls: type[Any], **keys: str) -> Any:
            own = {"optional_for_nullables": "true"} if cls is ProtobufConverter else {}
            url = str(registry.base_url).rstrip("/")
            return made.enter_context(
                closing(make_converter(cls, schema_registry_url=url, max_retries="0", **own, **keys))
            )

        yield make


@pytest.fixture
def apicurios(running: str) -> Iterator[Make]:
    """Makes Apicurio's converters, which ask by its own API."""
    with ExitStack() as made:

        def make(**keys: str) -> ApicurioAvroConverter:
            own = {f"apicurio.registry.{name.replace('_', '-')}": value for name, value in keys.items()}
            url = {"apicurio.registry.url": f"{running}/apis/registry/v2"}
            converter = made.enter_context(closing(ApicurioAvroConverter()))
            converter.is_key = False
            converter.configure(converter.config_class.parse({**url, **own}))
            return converter

        yield make


def register(registry: httpx.Client, subject: str, kind: str, text: str, **references: str) -> int:
    """Put a schema under a subject; references are names of schemas with their subjects."""
    body = {
        "schemaType": kind,
        "schema": text,
        "references": [{"name": name, "subject": used, "version": 1} for name, used in references.items()],
    }
    answer = registry.post(f"/subjects/{subject}/versions", json=body)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["id"])


def read(made: Any, topic: str, data: list[bytes | None]) -> tuple[list[Any], Any]:
    """Return the fields that were read, each with its type, and the values; of Protobuf all messages are optional."""
    (column,) = made.decode(topic, data)
    return fields(column.schema), column.values


def fields(schema: Schema) -> list[Any]:
    return [(one.name, one.schema.type, one.schema.name) for one in schema.fields]


@FORMATS
def test_what_is_written_is_read_by_another_with_the_schema_that_the_registry_has(
    converter: Make, cls: type[Any], topic: str
) -> None:
    writer, reader = converter(cls), converter(cls, auto_register_schemas="false")
    data = writer.encode(topic, ORDER, ORDERS)
    assert read(reader, topic, data) == (fields(ORDER), ORDERS)
    # The same schema is found, and is the latest.
    assert reader.encode(topic, ORDER, ORDERS) == data
    latest = converter(cls, auto_register_schemas="false", use_latest_version="true")
    assert latest.encode(topic, ORDER, ORDERS) == data


@pytest.mark.parametrize(
    ("cls", "kind", "money", "bill", "name"),
    [
        (
            AvroConverter,
            "AVRO",
            '{"type": "record", "name": "Money", "fields": [{"name": "cents", "type": "int"}]}',
            '{"type": "record", "name": "Bill", "fields": [{"name": "total", "type": "Money"}]}',
            "Money",
        ),
        (
            ProtobufConverter,
            "PROTOBUF",
            'syntax = "proto3"; message Money { int32 cents = 1; }',
            'syntax = "proto3"; import "money.proto"; message Bill { Money total = 1; }',
            "money.proto",
        ),
        (
            JsonSchemaConverter,
            "JSON",
            '{"type": "object", "properties": {"cents": {"type": "integer", "connect.type": "int32"}}}',
            '{"type": "object", "title": "Bill", "properties": {"total": {"$ref": "money.json"}}}',
            "money.json",
        ),
    ],
    ids=["avro", "protobuf", "json"],
)
def test_schemas_that_use_others_are_read_and_written_by(
    registry: httpx.Client, converter: Make, topic: str, cls: type[Any], kind: str, money: str, bill: str, name: str
) -> None:
    register(registry, f"{topic}-money", kind, money)
    number = register(registry, f"{topic}-value", kind, bill, **{name: f"{topic}-money"})
    made = converter(
        cls,
        auto_register_schemas="false",
        use_latest_version="true",
        latest_compatibility_strict="false",
    )
    data = made.encode(topic, BILL, BILLS)
    assert [int.from_bytes(one[1:5], "big") for one in data] == [number]
    assert read(made, topic, data)[1] == BILLS


@FORMATS
def test_what_the_registry_refuses_has_our_codes_and_its_words(
    registry: httpx.Client, converter: Make, cls: type[Any], topic: str
) -> None:
    made, strict = converter(cls), converter(cls, auto_register_schemas="false")
    with pytest.raises(DataError, match="has no schema of id 65536") as raised:
        made.decode(topic, [b"\0\0\1\0\0\0"])
    assert raised.value.code == "schemas.unknown_id"
    with pytest.raises(DataError, match=f"'{topic}-value'.*No artifact with ID") as raised:
        strict.encode(topic, ORDER, ORDERS)
    assert raised.value.code == "schemas.unknown_subject"

    made.encode(topic, ORDER, ORDERS)
    assert registry.put(f"/config/{topic}-value", json={"compatibility": "BACKWARD"}).status_code == 200
    with pytest.raises(DataError, match=f"'{topic}-value': .*Incompatible artifact") as raised:
        made.encode(topic, CHANGED, [{"id": None, "extra": 1}])
    assert raised.value.code == "schemas.incompatible"

    assert registry.delete(f"/subjects/{topic}-value").json() == [1]
    with pytest.raises(DataError, match=f"'{topic}-value'") as raised:
        converter(cls, auto_register_schemas="false", use_latest_version="true").encode(topic, ORDER, ORDERS)
    assert raised.value.code == "schemas.unknown_subject"


def test_apicurios_converter_writes_and_reads_by_apicurios_own_api(apicurios: Make, topic: str) -> None:
    writer, reader = apicurios(auto_register="true"), apicurios()
    data = writer.encode(topic, ORDER, ORDERS)
    assert read(reader, topic, data) == (fields(ORDER), ORDERS)
    assert reader.encode(topic, ORDER, ORDERS) == data
    assert apicurios(find_latest="true").encode(topic, ORDER, ORDERS) == data
    with pytest.raises(DataError, match="no schema of globalId 1000000") as raised:
        reader.decode(topic, [b"\0" + (1000000).to_bytes(8, "big") + b"\0"])
    assert raised.value.code == "schemas.unknown_id"
    with pytest.raises(DataError, match="no artifact 'nobodys-value'") as raised:
        reader.encode("nobodys", ORDER, ORDERS)
    assert raised.value.code == "schemas.unknown_subject"


def test_records_with_the_ids_of_contents_are_read_by_both_apis(apicurios: Make, converter: Make, topic: str) -> None:
    writer = apicurios(auto_register="true", use_id="contentId", as_confluent="true")
    reader = converter(AvroConverter)
    assert read(reader, topic, writer.encode(topic, ORDER, ORDERS)) == (fields(ORDER), ORDERS)
    assert read(writer, topic, reader.encode(topic, ORDER, ORDERS)) == (fields(ORDER), ORDERS)


def test_references_name_versions_that_are_no_numbers_and_artifacts_of_other_groups(
    running: str, apicurios: Make, topic: str
) -> None:
    def put(group: str, artifact: str, version: str, content: Any, *references: dict[str, str]) -> None:
        headers = {
            "Content-Type": "application/create.extended+json",
            "X-Registry-ArtifactId": artifact,
            "X-Registry-ArtifactType": "AVRO",
            "X-Registry-Version": version,
        }
        body = {"content": json.dumps(content), "references": list(references)}
        url = f"{running}/apis/registry/v2/groups/{group}/artifacts"
        assert httpx.post(url, json=body, headers=headers, timeout=30).status_code == 200

    fields = [{"name": "cents", "type": "int"}]
    put("money", f"{topic}-money", "1.0.0", {"type": "record", "name": "Money", "fields": fields})
    fields = [{"name": "total", "type": "Money"}]
    uses = {"groupId": "money", "artifactId": f"{topic}-money", "version": "1.0.0", "name": "Money"}
    put("default", f"{topic}-value", "2.0.0", {"type": "record", "name": "Bill", "fields": fields}, uses)

    writer, reader = apicurios(find_latest="true"), apicurios()
    data = writer.encode(topic, BILL, BILLS)
    assert read(reader, topic, data)[1] == BILLS
