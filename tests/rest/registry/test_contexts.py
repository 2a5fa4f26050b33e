"""A context in front of the path, as in the url that a client is given."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import httpx
import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from connect.api import INT32
from connect.api import Schema as RecordSchema
from connect_schemas import AvroConverter
from tests.support.converters import make_converter
from tests.support.registries import avro_text


@pytest.mark.parametrize("context", [".test", "test", "%2Etest"])
async def test_names_behind_a_context_are_in_it(client: httpx.AsyncClient, context: str) -> None:
    within = f"/contexts/{context}"
    await client.post("/subjects/outside/versions", json={"schema": '"long"'})
    made = await client.post(f"{within}/subjects/a%2Fb/versions", json={"schema": '"int"'})
    assert (made.status_code, made.json()["id"]) == (200, 1), "ids are numbered in each context anew"
    assert (await client.get("/subjects")).json() == [":.test:a/b", "outside"]
    for path, said in (
        ("subjects", [":.test:a/b"]),
        ("subjects?subjectPrefix=x", []),
        ("subjects/a%2Fb/versions", [1]),
        ("subjects/:.test:a%2Fb/versions", [1]),
        ("schemas/ids/1/subjects", [":.test:a/b"]),
        ("schemas/types", ["AVRO", "PROTOBUF", "JSON"]),
    ):
        answer = await client.get(f"{within}/{path}")
        assert sorted(answer.json()) == sorted(said), path
    assert (await client.get(f"{within}/schemas/ids/1")).json()["schema"] == '"int"'
    assert (await client.get("/schemas/ids/1")).json()["schema"] == '"long"'
    assert [one["subject"] for one in (await client.get(f"{within}/schemas")).json()] == [":.test:a/b"]
    fits = await client.post(f"{within}/compatibility/subjects/a%2Fb/versions", json={"schema": '"string"'})
    assert fits.json() == {"is_compatible": False}
    assert (await client.get(f"{within}/subjects/outside/versions")).json()["error_code"] == 40401


async def test_a_config_behind_a_context_is_the_contexts(client: httpx.AsyncClient) -> None:
    for name, body, said in (
        ("config", {"compatibility": "NONE"}, {"compatibilityLevel": "NONE"}),
        ("mode", {"mode": "READONLY"}, {"mode": "READONLY"}),
    ):
        before = (await client.get(f"/{name}")).json()
        assert (await client.put(f"/contexts/.test/{name}", json=body)).status_code == 200
        assert (await client.get(f"/contexts/.test/{name}")).json() == said
        assert (await client.get(f"/{name}/:.test:")).json() == said
        assert (await client.get(f"/{name}")).json() == before


@pytest.mark.parametrize(
    "path", ["/contexts/a:b/subjects", "/contexts//subjects", "/contexts/.a/contexts", "/contexts/.a/x"]
)
async def test_what_is_no_context_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_clients_are_given_a_context_by_the_url(client: httpx.AsyncClient) -> None:
    url = str(client.base_url).rstrip("/") + "/contexts/.test"

    def use(stack: ExitStack) -> None:
        theirs = stack.enter_context(SchemaRegistryClient({"url": url}))
        made = theirs.register_schema("s", Schema(avro_text("a"), "AVRO"))
        assert theirs.get_schema(made).schema_str == theirs.get_latest_version("s").schema.schema_str
        converter: AvroConverter = make_converter(AvroConverter, schema_registry_url=url)
        data = converter.encode("t", RecordSchema.struct({"a": INT32}, name="R"), [{"a": 5}])
        (column,) = converter.decode("t", data)
        assert column.values == [{"a": 5}]
        converter.close()

    with ExitStack() as stack:
        await asyncio.to_thread(use, stack)
    assert (await client.get("/subjects")).json() == [":.test:s", ":.test:t-value"]
