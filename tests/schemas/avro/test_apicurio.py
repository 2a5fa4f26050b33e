"""Apicurio's AvroConverter: its keys, and records that its own in Java reads and writes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from connect.api import BYTES, INT32, ConfigError, DataError, Schema
from connect_schemas import ApicurioAvroConverter
from tests.support.avro_data import POM
from tests.support.kafka import JVM_OPTIONS, TOOL_TIMEOUT_S, KafkaUnavailable, find_java, jars_of, lab
from tests.support.schema_registry import APICURIO, MemoryRegistry, memory_registry

ORDER = Schema.struct({"id": INT32}, name="shop.Order")


@pytest.fixture
def registry() -> Iterator[MemoryRegistry]:
    with memory_registry() as running:
        yield running


def converter(url: str, *, is_key: bool = False, **keys: str) -> ApicurioAvroConverter:
    own = {f"apicurio.registry.{name.replace('_', '-')}": value for name, value in keys.items()}
    made = ApicurioAvroConverter()
    made.is_key = is_key
    made.configure(made.config_class.parse({"apicurio.registry.url": url + APICURIO, **own}))
    return made


@pytest.mark.parametrize(
    ("keys", "head"),
    [
        ({}, b"\0\0\0\0\0\0\0\0\x65"),
        ({"use_id": "contentId"}, b"\0\0\0\0\0\0\0\0\x0b"),
        ({"as_confluent": "true"}, b"\0\0\0\0\x65"),
        ({"id_handler": "io.apicurio.registry.serde.Legacy4ByteIdHandler"}, b"\0\0\0\0\x65"),
    ],
)
def test_an_id_stands_in_front_as_the_keys_say(registry: MemoryRegistry, keys: dict[str, str], head: bytes) -> None:
    made = converter(registry.url, auto_register="true", **keys)
    data = made.encode("orders", ORDER, [{"id": 5}])
    assert data == [head + b"\x0a"]
    (column,) = made.decode("orders", data)
    assert (column.schema, column.values) == (ORDER, [{"id": 5}])
    made.close()


@pytest.mark.parametrize(
    ("keys", "artifact"),
    [
        ({}, "orders-key"),
        ({"artifact_resolver_strategy": "io.apicurio.registry.serde.strategy.SimpleTopicIdStrategy"}, "orders"),
        (
            {"artifact_resolver_strategy": "io.apicurio.registry.serde.avro.strategy.QualifiedRecordIdStrategy"},
            "shop.Order",
        ),
    ],
)
def test_an_artifact_is_named_by_the_strategy(registry: MemoryRegistry, keys: dict[str, str], artifact: str) -> None:
    made = converter(registry.url, is_key=True, auto_register="true", **keys)
    made.encode("orders", ORDER, [{"id": 5}])
    assert list(registry.subjects) == [artifact]
    made.close()


def test_an_artifact_may_be_named_itself(registry: MemoryRegistry) -> None:
    made = ApicurioAvroConverter()
    keys = {"url": registry.url + APICURIO, "auto-register": "true", "artifact.artifact-id": "mine"}
    made.configure(made.config_class.parse({f"apicurio.registry.{name}": value for name, value in keys.items()}))
    made.encode("orders", ORDER, [{"id": 5}])
    assert list(registry.subjects) == ["mine"]
    made.close()


def test_bytes_that_are_all_of_a_record_have_their_size(registry: MemoryRegistry) -> None:
    made = converter(registry.url, auto_register="true", as_confluent="true")
    data = made.encode("t", BYTES, [b"ab"])
    assert data == [b"\0\0\0\0\x65\x04ab"]
    assert made.decode("t", data)[0].values == [b"ab"]
    made.close()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"apicurio.registry.url": "http://a/apis/registry/v3"}, "apis/registry/v2 is expected"),
        ({"apicurio.registry.url": "registry"}, "http://HOST:PORT"),
        ({"apicurio.auth.password": "x"}, "needs apicurio.auth.username"),
        ({"apicurio.auth.service.token.endpoint": "https://b"}, "needs apicurio.auth.client.id"),
        ({"apicurio.auth.service.url": "https://b"}, "needs apicurio.auth.realm"),
        (
            {
                "apicurio.auth.service.token.endpoint": "http://b/token",
                "apicurio.auth.client.id": "me",
                "apicurio.auth.client.secret": "s",
            },
            "https://HOST/PATH is expected",
        ),
        (
            {
                "apicurio.auth.service.token.endpoint": "https://b/token",
                "apicurio.auth.client.id": "me",
                "apicurio.auth.client.secret": "s",
                "apicurio.auth.username": "me",
            },
            "Only one of",
        ),
        ({"apicurio.registry.id-handler": "x.Mine"}, "id-handler"),
    ],
)
def test_what_is_not_taken_is_told_with_what_to_do(config: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ApicurioAvroConverter.config_class.parse({"apicurio.registry.url": "http://a/apis/registry/v2", **config})


@pytest.mark.parametrize(("use_id", "number"), [("globalId", 0x65), ("contentId", 0x0B)])
def test_in_a_worker_the_id_stands_in_a_header(registry: MemoryRegistry, use_id: str, number: int) -> None:
    made = converter(registry.url, auto_register="true", use_id=use_id)
    (bare, null), added = made.encode_with_headers("orders", ORDER.replace(optional=True), [{"id": 5}, None])
    assert (bare, null) == (b"\x02\x0a", None)
    assert list(added) == [
        (f"apicurio.value.{use_id}", number.to_bytes(8, "big")),
        ("apicurio.value.encoding", b"BINARY"),
    ]
    (column,) = made.decode_with_headers("orders", [bare], [added])
    assert column.values == [{"id": 5}]
    in_front = made.encode("orders", ORDER.replace(optional=True), [{"id": 5}])
    assert made.decode_with_headers("orders", in_front, [[("other", b"x")]])[0].values == [{"id": 5}]
    made.close()


def test_without_headers_the_id_stands_in_front_in_a_worker_too(registry: MemoryRegistry) -> None:
    made = converter(registry.url, auto_register="true", **{"headers.enabled": "false"})
    data, added = made.encode_with_headers("orders", ORDER, [{"id": 5}])
    assert (data, list(added)) == ([b"\0\0\0\0\0\0\0\0\x65\x0a"], [])
    lies = [("apicurio.value.globalId", b"\0" * 8)]
    assert made.decode_with_headers("orders", data, [lies])[0].values == [{"id": 5}]
    made.close()


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([("apicurio.value.contentId", b"\0" * 8)], "use-id is globalId"),
        ([("apicurio.value.globalId", b"\0" * 4)], "has 4 bytes, where an id has 8"),
        ([("apicurio.value.globalId", b"\0" * 8), ("apicurio.value.encoding", b"JSON")], "BINARY is the one"),
    ],
)
def test_headers_that_say_something_else_are_told(
    registry: MemoryRegistry, pairs: list[tuple[str, bytes]], words: str
) -> None:
    made = converter(registry.url)
    with pytest.raises(DataError, match=words) as raised:
        made.decode_with_headers("orders", [b"\x0a"], [pairs])
    assert raised.value.code == "schemas.wire_format"
    made.close()


def test_user_and_password_are_sent(registry: MemoryRegistry) -> None:
    registry.login = "me:secret"
    made = ApicurioAvroConverter()
    own: dict[str, Any] = {"apicurio.auth.username": "me", "apicurio.auth.password": "secret"}
    url = {"apicurio.registry.url": registry.url + APICURIO, "apicurio.registry.auto-register": "true"}
    made.configure(made.config_class.parse({**url, **own}))
    assert made.encode("orders", ORDER, [{"id": 5}])
    made.close()


@pytest.mark.parametrize(
    ("keys", "endpoint"),
    [
        ({"service.token.endpoint": "https://idp/token", "client.scope": "all"}, "https://idp/token"),
        (
            {"service.url": "https://kc/auth/", "realm": "a b"},
            "https://kc/auth/realms/a%20b/protocol/openid-connect/token",
        ),
    ],
)
def test_tokens_are_asked_for_by_the_clients_id(keys: dict[str, str], endpoint: str) -> None:
    made = ApicurioAvroConverter()
    own = {f"apicurio.auth.{name}": value for name, value in {"client.id": "me", "client.secret": "s", **keys}.items()}
    made.configure(made.config_class.parse({"apicurio.registry.url": f"http://127.0.0.1:1{APICURIO}", **own}))
    oauth = made.client_settings().oauth
    assert oauth is not None
    assert (oauth.url, oauth.client_id, oauth.scope) == (endpoint, "me", keys.get("client.scope", ""))
    made.close()


@pytest.mark.kafka
@pytest.mark.slow
def test_records_are_those_of_apicurios_own_converter(registry: MemoryRegistry) -> None:
    made = converter(registry.url, auto_register="true")
    (ours,) = made.encode("orders", ORDER, [{"id": 5}])
    assert ours is not None
    (bare,), added = made.encode_with_headers("orders", ORDER, [{"id": 5}])
    assert bare is not None
    try:
        command = [find_java(), *JVM_OPTIONS, *lab("ApicurioConverterLab", str(jars_of(POM) / "*"))]
    except KafkaUnavailable as error:
        pytest.skip(f"no Java here: {error}")
    ran = subprocess.run(
        [*command, registry.url + APICURIO, ours.hex(), dict(added)["apicurio.value.globalId"].hex()],
        capture_output=True,
        encoding="utf-8",
        timeout=TOOL_TIMEOUT_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    assert ran.stdout.splitlines() == [
        *[ours.hex()] * 3,
        "Struct{id=5}",
        bare.hex(),
        *(f"{name} {data.hex()}" for name, data in added),
        "Struct{id=5}",
    ]
    assert [one.version for one in registry.subjects["orders-value"]] == [1]
    made.close()
