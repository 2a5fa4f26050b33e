"""Apicurio's registry by its own API."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from connect.api import DataError, RetriableError
from connect_schemas.registry.apicurio import ApicurioClient
from connect_schemas.registry.model import Reference, SchemaText
from connect_schemas.registry.settings import ApicurioSettings, ClientSettings
from tests.support.schema_registry import APICURIO, MemoryRegistry, memory_registry

STRING = SchemaText('"string"')


@pytest.fixture
def registry() -> Iterator[MemoryRegistry]:
    with memory_registry() as running:
        yield running


def client_of(registry: MemoryRegistry, ids: str = "globalIds") -> ApicurioClient:
    settings = ClientSettings((registry.url + APICURIO,), retries_max=0, away_s=0.0, apicurio=ApicurioSettings(ids=ids))
    return ApicurioClient(settings)


@pytest.fixture
def client(registry: MemoryRegistry) -> Iterator[ApicurioClient]:
    made = client_of(registry)
    yield made
    made.close()


def test_a_schema_is_registered_found_and_read_by_its_global_id(
    registry: MemoryRegistry, client: ApicurioClient
) -> None:
    assert client.register("orders-value", STRING).id == 101
    assert client.lookup("orders-value", STRING).id == 101
    assert client.by_id(101).schema == STRING
    latest = client.latest("orders-value")
    assert (latest.id, latest.schema) == (101, STRING)
    assert registry.asked[0] == f"POST {APICURIO}/groups/default/artifacts?ifExists=RETURN_OR_UPDATE&canonical=false"
    assert registry.headers[0]["X-Registry-Artifactid"] == "orders-value"
    assert registry.headers[0]["Content-Type"] == "application/json"


def test_records_may_name_contents(registry: MemoryRegistry) -> None:
    client = client_of(registry, "contentIds")
    assert client.register("orders-value", STRING).id == 11
    assert client.by_id(11).schema == STRING
    client.close()


def test_references_are_read(registry: MemoryRegistry, client: ApicurioClient) -> None:
    registry.add("inner", '"int"')
    named = {"name": "ns.In", "artifactId": "inner", "groupId": "default", "version": "1"}
    registry.add("t-value", '"long"', references=[named])
    schema = client.by_id(102).schema
    assert schema.references == (Reference("ns.In", "inner", "1", "default"),)
    assert client.resolved(schema.references)["ns.In"].schema.text == '"int"'


def test_a_version_of_a_reference_may_be_any_text(registry: MemoryRegistry, client: ApicurioClient) -> None:
    named = {"name": "ns.In", "artifactId": "inner", "version": "1.0/b"}
    registry.add("t-value", '"long"', references=[named])
    schema = client.by_id(101).schema
    assert schema.references == (Reference("ns.In", "inner", "1.0/b", "default"),)
    with pytest.raises(DataError, match=r"no version 1\.0/b of artifact 'inner'"):
        client.resolved(schema.references)
    assert registry.asked[-1].endswith("/artifacts/inner/versions/1.0%2Fb")


@pytest.mark.parametrize("odd", [5, [{"name": "x"}], ["x"]])
def test_references_of_another_form_are_told(registry: MemoryRegistry, client: ApicurioClient, odd: Any) -> None:
    registry.add("t-value", '"long"', references=odd)
    with pytest.raises(RetriableError, match="references of another form"):
        client.by_id(101)


@pytest.mark.parametrize(
    ("ask", "code", "words"),
    [
        (lambda c: c.by_id(7), "schemas.unknown_id", "no schema of globalId 7"),
        (lambda c: c.by_id(UUID(int=1)), "schemas.unknown_id", "no GUID"),
        (lambda c: c.lookup("nope", STRING), "schemas.unknown_subject", "no artifact 'nope' with that schema"),
        (lambda c: c.latest("nope"), "schemas.unknown_subject", "no artifact 'nope'"),
        (lambda c: c.version("nope", 1), "schemas.unknown_subject", "no version 1 of artifact 'nope'"),
    ],
)
def test_what_is_missing_is_a_records_fault(client: ApicurioClient, ask: Any, code: str, words: str) -> None:
    with pytest.raises(DataError, match=words) as raised:
        ask(client)
    assert raised.value.code == code


@pytest.mark.parametrize(("status", "code"), [(409, "schemas.incompatible"), (400, "schemas.invalid")])
def test_a_schema_that_is_not_taken_is_a_records_fault(
    registry: MemoryRegistry, client: ApicurioClient, status: int, code: str
) -> None:
    registry.refusing = (status, "a rule says no")
    with pytest.raises(DataError, match="artifact 't-value': a rule says no") as raised:
        client.register("t-value", STRING)
    assert raised.value.code == code


def test_a_wrong_path_is_no_records_fault(registry: MemoryRegistry, client: ApicurioClient) -> None:
    said = {"error_code": 404, "message": "RESTEASY003210: Could not find resource", "name": "NotFoundException"}
    registry.answers += [(404, said, {})] * 2
    for ask in (lambda: client.by_id(101), lambda: client.latest("t-value")):
        with pytest.raises(RetriableError, match="is no schema registry") as raised:
            ask()
        assert raised.value.code == "schemas.registry_refused"
        assert "apicurio.registry.url" in raised.value.hint


def test_what_is_no_registry_of_apicurio_is_told_as_such(registry: MemoryRegistry, client: ApicurioClient) -> None:
    registry.answers += [(200, {"id": 1}, {}), (405, {"error_code": 405, "message": "no"}, {})]
    with pytest.raises(RetriableError, match="is no registry of Apicurio"):
        client.register("t-value", STRING)
    with pytest.raises(RetriableError, match=r"no \(405, 405\)"):
        client.register("t-value", STRING, interrupted=threading.Event())
