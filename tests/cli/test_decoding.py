"""Records that `connect consume` prints decoded."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator

import pytest

from connect.api import INT64, OPTIONAL_STRING, STRING, Schema
from connect_schemas.avro.converter import AvroConverter
from connect_schemas.json_schema.converter import JsonSchemaConverter
from tests.support.command import Done, assert_refused, connect, lines
from tests.support.converters import make_converter
from tests.support.schema_registry import MemoryRegistry, memory_registry

ORDER = Schema.struct({"id": INT64, "item": STRING, "price": OPTIONAL_STRING})


@pytest.fixture
def registry() -> Iterator[MemoryRegistry]:
    with memory_registry() as running:
        yield running


def put(data: list[str], *records: tuple[bytes | None, bytes | None]) -> None:
    """Append pairs of key and value to topic t."""

    def body(part: bytes | None) -> object:
        return None if part is None else {"base64": b64encode(part).decode()}

    text = b"\n".join(json.dumps({"key": body(key), "value": body(value)}).encode() for key, value in records)
    lines("produce", "--topic", "t", "--format", "json", *data, stdin=text)


def encoded(registry: MemoryRegistry, converter: type, *orders: dict[str, object]) -> list[bytes]:
    made = make_converter(converter, schema_registry_url=registry.url)
    found = made.encode("t", ORDER, list(orders))
    made.close()
    return found  # type: ignore[no-any-return]


def consumed(data: list[str], count: int, *options: str) -> Done:
    return connect(
        *("consume", "--topic", "t", "--from-beginning", "--max-messages", str(count), "--timeout-ms", "5000"),
        *options,
        *data,
    )


@pytest.mark.parametrize(("name", "converter"), [("avro", AvroConverter), ("json-schema", JsonSchemaConverter)])
def test_values_are_printed_as_the_json_that_they_are(
    data: list[str], registry: MemoryRegistry, name: str, converter: type
) -> None:
    connect("topic", "create", "t", *data)
    orders = [{"id": 1, "item": "tea", "price": None}, {"id": 2, "item": "ö", "price": None}]
    put(data, *((b"k", one) for one in encoded(registry, converter, *orders)))
    options = ("--value-converter", name, "--schema-registry", registry.url)
    assert [json.loads(line) for line in consumed(data, 2, *options).stdout.splitlines()] == orders
    bodies = [json.loads(line) for line in consumed(data, 2, *options, "--json").stdout.splitlines()]
    assert [(body["key"], body["value"]) for body in bodies] == [("k", orders[0]), ("k", orders[1])]
    assert json.loads(consumed(data, 1, *options, "--format", "pretty").stdout)["value"] == orders[0]
    sizes = consumed(data, 1, *options, "--format", r"%k %s %S\n").stdout
    assert sizes.startswith('k {"id":1,"item":"tea","price":null} ')
    assert int(sizes.rpartition(" ")[2]) == len(encoded(registry, converter, orders[0])[0])


def test_a_record_that_cannot_be_decoded_is_told_and_the_others_go_on(
    data: list[str], registry: MemoryRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECT_REGISTRY_URL", registry.url)
    connect("topic", "create", "t", *data)
    (order,) = encoded(registry, AvroConverter, {"id": 1, "item": "tea", "price": None})
    put(data, (order, None), (b"\0\0\0\0\7x", order), (b"{}", order))
    done = consumed(data, 3, "--key-converter", "avro", "--print-key")
    assert done.returncode == 0
    first, second, third = done.stdout.splitlines()
    assert first == '{"id":1,"item":"tea","price":null}\tnull'
    assert (second[:4], third[:3]) == ("\0\0\0\0", "{}\t")
    told = done.stderr.splitlines()
    assert [line.partition(":")[0] for line in told] == ["t-0@1", "t-0@2"]
    assert "its key is shown as it is" in told[0] and "no schema of id 7" in told[0]
    assert "begins with byte 123" in told[1]


def test_keys_of_a_converter_are_options(data: list[str]) -> None:
    connect("topic", "create", "t", *data)
    put(data, (b"\0\0\0\5", b'{"a": 1}'))
    read = ("--value-converter", "json", "--key-converter", "integer", "--print-key")
    done = consumed(data, 1, *read, "--value-converter-property", "schemas.enable=false")
    assert done.stdout == '5\t{"a":1}\n'
    assert "with schemas.enable" in consumed(data, 1, *read).stderr


def test_a_key_that_nothing_reads_is_told(data: list[str]) -> None:
    connect("topic", "create", "t", *data)
    put(data, (None, b"a"))
    done = consumed(data, 1, "--value-converter", "string", "--value-converter-property", "encodign=UTF-8")
    assert (done.returncode, done.stdout) == (0, "a\n")
    assert done.stderr == ("warning: nothing reads key encodign of org.apache.kafka.connect.storage.StringConverter\n")


def test_an_id_in_a_header_is_looked_for(data: list[str], registry: MemoryRegistry) -> None:
    registry.has_guids = True
    serializer = "io.confluent.kafka.serializers.schema.id.HeaderSchemaIdSerializer"
    made = make_converter(AvroConverter, schema_registry_url=registry.url, value_schema_id_serializer=serializer)
    order = {"id": 1, "item": "tea", "price": None}
    (value,), [(name, guid)] = made.encode_with_headers("t", ORDER, [order])
    made.close()
    connect("topic", "create", "t", *data)

    def body(part: bytes) -> object:
        return {"base64": b64encode(part).decode()}

    line = json.dumps({"value": body(value), "headers": [[name, body(guid)]]}).encode()
    lines("produce", "--topic", "t", "--format", "json", *data, stdin=line)
    done = consumed(data, 1, "--value-converter", "avro", "--schema-registry", registry.url)
    assert json.loads(done.stdout) == order


def test_a_registry_that_does_not_answer_ends_the_listing_and_moves_no_group(
    data: list[str], registry: MemoryRegistry
) -> None:
    connect("topic", "create", "t", *data)
    put(data, *((None, one) for one in encoded(registry, AvroConverter, {"id": 1, "item": "tea", "price": None})))
    read = ("--group", "g", "--value-converter", "avro", "--value-converter-property", "max.retries=0")
    assert_refused(
        consumed(data, 1, *read, "--schema-registry", "http://127.0.0.1:9"), 1, "schemas.registry_unreachable"
    )
    assert consumed(data, 1, *read, "--schema-registry", registry.url).stdout.startswith('{"id":1')


@pytest.mark.parametrize(
    ("options", "code", "mentions"),
    [
        (("--value-converter", "avor"), "config.unknown_class", "avor"),
        (("--value-converter-property", "a=b"), "config.invalid", "needs --value-converter"),
        (("--schema-registry", "http://127.0.0.1:1"), "config.invalid", "needs --value-converter or --key-converter"),
        (("--value-converter", "avro", "--format", "raw"), "config.invalid", "no converter goes with"),
        (("--value-converter", "json", "--value-converter-property", "a"), "config.invalid", "KEY=VALUE is expected"),
        (("--value-converter", "avro", "--schema-registry", "ftp://x"), "config.invalid", "schema.registry.url"),
        (
            ("--value-converter", "json", "--value-converter-property", "schemas.cache.size=x"),
            "config.invalid",
            "value.converter: Invalid value x for configuration schemas.cache.size",
        ),
    ],
)
def test_what_cannot_be_decoded_with_is_told(
    directory: list[str], options: tuple[str, ...], code: str, mentions: str
) -> None:
    connect("topic", "create", "t", *directory)
    assert_refused(connect("consume", "--topic", "t", *options, *directory), 2, code, mentions)
