"""What is asked of a registry, what is remembered, and what its answers mean."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from connect.api import DataError, RetriableError
from connect_schemas.registry.client import RegistryClient
from connect_schemas.registry.model import Reference, SchemaText
from connect_schemas.registry.settings import ClientSettings
from tests.support.schema_registry import MemoryRegistry, memory_registry

STRING = SchemaText('"string"')


@pytest.fixture
def registry() -> Any:
    with memory_registry() as running:
        yield running


@pytest.fixture
def client(registry: MemoryRegistry) -> Any:
    made = client_of(registry)
    yield made
    made.close()


def client_of(registry: MemoryRegistry, **settings: Any) -> RegistryClient:
    return RegistryClient(ClientSettings((registry.url,), **{"retries_max": 0, "away_s": 0.0, **settings}))


def test_a_schema_is_registered_once_and_found_by_its_id(registry: MemoryRegistry, client: RegistryClient) -> None:
    found = client.register("t-value", STRING)
    assert client.register("t-value", STRING) is found
    assert client.by_id(found.id).schema == STRING
    assert client.by_id(found.id).schema == STRING
    assert registry.asked == ["POST /subjects/t-value/versions", f"GET /schemas/ids/{found.id}"]


def test_a_subject_is_quoted_and_normalization_is_asked_for(registry: MemoryRegistry, client: RegistryClient) -> None:
    client.register("a/b c", STRING, normalize=True)
    assert registry.asked == ["POST /subjects/a%2Fb%20c/versions?normalize=true"]


def test_type_and_references_go_both_ways(registry: MemoryRegistry, client: RegistryClient) -> None:
    client.register("a", STRING)
    schema = SchemaText("x", "PROTOBUF", (Reference("a.proto", "a", 1),))
    found = client.register("t-value", schema)
    assert client.by_id(found.id).schema == schema
    assert list(client.resolved(schema.references)) == ["a.proto"]


def test_references_come_behind_those_that_they_refer_to(registry: MemoryRegistry, client: RegistryClient) -> None:
    client.register("a", STRING)
    client.register("b", SchemaText("b", "JSON", (Reference("A", "a", 1),)))
    found = client.resolved([Reference("B", "b", 1), Reference("A", "a", 1)])
    assert {name: one.schema.text for name, one in found.items()} == {"A": '"string"', "B": "b"}
    assert list(found) == ["A", "B"]


def test_what_many_refer_to_is_resolved_once(registry: MemoryRegistry, client: RegistryClient) -> None:
    client.register("s0", STRING)
    for number in range(1, 60):  # each refers to the one before twice: 2 to the power of 59 ways
        twice = tuple(Reference(f"{name}{number - 1}", f"s{number - 1}", 1) for name in "ab")
        client.register(f"s{number}", SchemaText(f"{number}", references=twice))
    assert len(client.resolved([Reference("a59", "s59", 1)])) == 119


def test_references_that_lead_in_a_circle_are_a_records_fault(registry: MemoryRegistry, client: RegistryClient) -> None:
    client.register("a", SchemaText("a", references=(Reference("B", "b", 1),)))
    client.register("b", SchemaText("b", references=(Reference("A", "a", 1),)))
    with pytest.raises(DataError, match="the references of schema 'A' lead in a circle") as raised:
        client.resolved([Reference("A", "a", 1)])
    assert raised.value.code == "schemas.invalid"


def test_a_lookup_says_id_and_version(registry: MemoryRegistry, client: RegistryClient) -> None:
    client.register("t-value", SchemaText('"int"'))
    found = client.register("t-value", STRING)
    looked = client.lookup("t-value", STRING)
    assert (looked.id, looked.version) == (found.id, 2)
    assert client.latest("t-value").version == 2


@pytest.mark.parametrize(
    ("ask", "code", "words"),
    [
        (lambda c: c.by_id(7), "schemas.unknown_id", "has no schema of id 7"),
        (lambda c: c.lookup("nope", STRING), "schemas.unknown_subject", "Subject 'nope' not found"),
        (lambda c: c.lookup("s", STRING), "schemas.unknown_subject", "does not have the schema"),
        (lambda c: c.latest("nope"), "schemas.unknown_subject", "no latest version of subject 'nope'"),
        (lambda c: c.version("s", 9), "schemas.unknown_subject", "no version 9 of subject 's'"),
    ],
)
def test_what_is_missing_is_a_records_fault_and_not_asked_for_again_at_once(
    registry: MemoryRegistry, client: RegistryClient, ask: Any, code: str, words: str
) -> None:
    registry.add("s", '"int"')
    for _ in range(3):
        with pytest.raises(DataError, match=words) as raised:
            ask(client)
        assert raised.value.code == code
    assert len(registry.asked) == 1


def test_what_is_missing_is_asked_for_again_later(registry: MemoryRegistry) -> None:
    client = client_of(registry, missing_id_ttl_s=0.0)
    with pytest.raises(DataError):
        client.by_id(1)
    registry.add("s", '"string"')
    assert client.by_id(1).schema == STRING
    client.close()


@pytest.mark.parametrize(
    ("status", "code"), [(409, "schemas.incompatible"), (422, "schemas.invalid")]
)  # fmt: skip
def test_a_schema_that_is_not_taken_is_a_records_fault(
    registry: MemoryRegistry, client: RegistryClient, status: int, code: str
) -> None:
    registry.refusing = (status, "a field has no default")
    for _ in range(2):
        with pytest.raises(DataError, match="'t-value': a field has no default") as raised:
            client.register("t-value", STRING)
        assert raised.value.code == code
    assert len(registry.asked) == 1


def test_what_the_registry_refuses_otherwise_is_no_records_fault(
    registry: MemoryRegistry, client: RegistryClient
) -> None:
    registry.refusing = (405, "READONLY")
    with pytest.raises(RetriableError, match=r"READONLY \(405, 405\)") as raised:
        client.register("t-value", STRING)
    assert raised.value.code == "schemas.registry_refused"


@pytest.mark.parametrize(
    "answer",
    [
        {"id": "x"},
        {},
        [],
        {"id": -1, "schema": "x", "references": [1]},
        {"id": 2**40, "schema": "x", "references": [{"name": "n"}]},
        {"id": True, "schema": "x", "references": 5},
    ],
)
def test_an_answer_of_another_form_is_told_as_such(
    registry: MemoryRegistry, client: RegistryClient, answer: Any
) -> None:
    registry.answers += [(200, answer, {})] * 2
    with pytest.raises(RetriableError, match="is no schema registry"):
        client.register("t-value", STRING)
    with pytest.raises(RetriableError, match="is no schema registry"):
        client.by_id(1)


@pytest.mark.parametrize(("status", "number"), [(404, 404), (415, 415), (404, 0)])
def test_an_address_that_has_no_such_path_is_told_to_be_no_registry(
    registry: MemoryRegistry, client: RegistryClient, status: int, number: int
) -> None:
    """A worker's REST, or a registry's address with a path that is wrong: it has numbers of HTTP alone, or none."""
    registry.answers += [(status, {"error_code": number, "message": "HTTP says no"}, {})] * 3
    for ask in (lambda: client.by_id(1), lambda: client.register("t-value", STRING), lambda: client.latest("s")):
        with pytest.raises(RetriableError, match=f"is no schema registry: asked for .*, it says {status} HTTP") as no:
            ask()
        assert (no.value.code, "schema.registry.url" in no.value.hint) == ("schemas.registry_refused", True)


def test_a_registry_that_has_no_guids_is_told_to_have_none(registry: MemoryRegistry, client: RegistryClient) -> None:
    registry.answers.append((404, {"error_code": 404, "message": "HTTP 404 Not Found"}, {}))
    with pytest.raises(RetriableError, match="has no GUIDs, and records name their schema by GUID") as raised:
        client.by_id(UUID(int=5))
    assert raised.value.code == "schemas.registry_refused"


@pytest.mark.parametrize("odd", [{"references": [{}]}, {"references": ["x"]}, {"references": 5}, {"id": "x"}])
def test_a_schema_of_another_form_is_told_as_such(registry: MemoryRegistry, client: RegistryClient, odd: Any) -> None:
    registry.answers.append((200, {"schema": "x", "version": 1, "id": 1, **odd}, {}))
    with pytest.raises(RetriableError, match="is no schema registry") as raised:
        client.latest("s")
    assert raised.value.code == "schemas.registry_refused"


def test_a_schema_that_the_registry_cannot_read_is_a_records_fault_for_a_lookup_too(
    registry: MemoryRegistry, client: RegistryClient
) -> None:
    registry.answers.append((422, {"error_code": 42201, "message": "no schema"}, {}))
    with pytest.raises(DataError, match="no schema") as raised:
        client.lookup("s", STRING)
    assert raised.value.code == "schemas.invalid"


def test_a_wrong_path_and_a_registry_that_may_only_be_read_are_no_records_fault(
    registry: MemoryRegistry, client: RegistryClient
) -> None:
    registry.answers += [(404, {"error_code": 404, "message": "HTTP 404 Not Found"}, {})]
    with pytest.raises(RetriableError, match="404 Not Found"):
        client.by_id(1)
    registry.answers += [(422, {"error_code": 42205, "message": "is in read-only mode"}, {})]
    with pytest.raises(RetriableError, match="read-only"):
        client.register("t-value", STRING)


def test_many_that_ask_the_same_at_once_ask_once(registry: MemoryRegistry, client: RegistryClient) -> None:
    registry.held.clear()
    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(client.register, "t-value", STRING) for _ in range(8)]
        deadline = time.monotonic() + 60
        while sum(flight.waiting for flight in list(client._flights.values())) < 8:
            assert time.monotonic() < deadline, "they do not all wait"
            time.sleep(0.002)
        registry.held.set()
        assert {one.result().id for one in asking} == {1}
    assert len(registry.asked) == 1


def test_who_is_to_stop_leaves_and_the_others_have_the_answer(registry: MemoryRegistry, client: RegistryClient) -> None:
    registry.held.clear()
    stopping = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        leaving = pool.submit(client.register, "t-value", STRING, interrupted=stopping)
        staying = pool.submit(client.register, "t-value", STRING)
        stopping.set()
        with pytest.raises(RetriableError, match="the task is to stop"):
            leaving.result()
        registry.held.set()
        assert staying.result().id == 1
    assert client.register("t-value", STRING).id == 1


def test_a_registry_that_did_not_answer_is_not_asked_for_each_record(registry: MemoryRegistry) -> None:
    client = client_of(registry, away_s=3600.0)
    client.register("known", STRING)
    registry.answers += [(503, {"error_code": 50003, "message": "no leader"}, {})]
    for schema_id in (7, 7, 8):
        with pytest.raises(RetriableError, match="503 no leader"):
            client.by_id(schema_id)
    assert client.register("known", STRING).id == 1
    assert len(registry.asked) == 2
    client.close()


def test_what_the_registry_refuses_to_one_is_no_matter_of_others(registry: MemoryRegistry) -> None:
    client = client_of(registry, away_s=3600.0)
    registry.answers += [(403, {"error_code": 40301, "message": "not your subject"}, {})]
    for _ in range(2):
        with pytest.raises(RetriableError, match="not your subject"):
            client.register("theirs", STRING)
    assert client.register("ours", STRING).id == 1
    assert len(registry.asked) == 2
    client.close()


def test_the_latest_version_is_asked_for_again_when_it_is_too_old(registry: MemoryRegistry) -> None:
    client = client_of(registry, latest_ttl_s=0.0)
    registry.add("s", '"int"')
    assert client.latest("s").version == 1
    registry.add("s", '"string"')
    assert client.latest("s").version == 2
    client.close()


def test_of_a_subject_so_many_schemas_are_remembered(registry: MemoryRegistry) -> None:
    client = client_of(registry, schemas_per_subject=1)
    for text in ('"int"', '"string"', '"int"'):
        client.register("s", SchemaText(text))
    assert len(registry.asked) == 3
    client.close()
