from __future__ import annotations

import httpx

from tests.support.registries import avro_text


async def register(client: httpx.AsyncClient, subject: str, *fields: str, **params: str) -> httpx.Response:
    return await client.post(f"/subjects/{subject}/versions", json={"schema": avro_text(*fields)}, params=params)


async def test_a_schema_is_registered_and_read(client: httpx.AsyncClient) -> None:
    made = (await register(client, "s", "a")).json()
    assert made == {"id": 1, "version": 1, "guid": made["guid"]} and len(made["guid"]) == 36
    found = (await client.get("/subjects/s/versions/latest")).json()
    assert found["subject"] == "s" and found["deleted"] is False and found["ts"] > 0
    assert {name: found[name] for name in made} == made
    assert (await client.get("/subjects/s/versions/1/schema")).text == found["schema"]
    assert (await client.get("/subjects/s/versions")).json() == [1]
    assert (await client.post("/subjects/s", json={"schema": avro_text("a")})).json() == found


async def test_an_incompatible_schema_is_told_with_what_it_does_not_fit(client: httpx.AsyncClient) -> None:
    await register(client, "s", "a")
    refused = await register(client, "s", "a", "b")
    assert refused.status_code == 409
    body = refused.json()
    assert body["error_code"] == 409
    assert body["message"].startswith(
        'Schema being registered is incompatible with an earlier schema for subject "s", details: '
        "[{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE'"
    )
    assert "{oldSchemaVersion: 1}" in body["message"] and "compatibility: 'BACKWARD'}]" in body["message"]
    assert (await register(client, "s", "a", "b", force="true")).status_code == 200


async def test_deletion_is_told_step_by_step(client: httpx.AsyncClient) -> None:
    await register(client, "s", "a")
    await register(client, "s", "a", "b?")
    assert (await client.delete("/subjects/s/versions/0")).json()["error_code"] == 42202
    assert (await client.delete("/subjects/s/versions/1")).json() == 1
    assert (await client.delete("/subjects/s/versions/1")).json()["error_code"] == 40406
    assert (await client.get("/subjects/s/versions", params={"deletedOnly": "true"})).json() == [1]
    assert (await client.delete("/subjects/s/versions/1", params={"permanent": "true"})).json() == 1
    assert (await client.delete("/subjects/s")).json() == [2]
    assert (await client.delete("/subjects/s", params={"permanent": "true"})).json() == [2]
    missing = await client.get("/subjects/s/versions")
    assert missing.status_code == 404 and missing.json() == {"error_code": 40401, "message": "Subject 's' not found."}


async def test_who_refers_to_a_version_is_told_and_keeps_it(client: httpx.AsyncClient) -> None:
    await client.post("/subjects/base/versions", json={"schema": avro_text("x", name="Base")})
    reference = {"name": "Base", "subject": "base", "version": 1}
    user = {"schema": '{"type":"array","items":"Base"}', "references": [reference]}
    made = (await client.post("/subjects/user/versions", json=user)).json()
    assert (await client.get("/subjects/user/versions/1")).json()["references"] == [reference]
    assert (await client.get("/subjects/base/versions/1/referencedby")).json() == [made["id"]]
    assert (await client.delete("/subjects/base")).json()["error_code"] == 42206
    resolved = await client.get("/subjects/user/versions/1", params={"format": "resolved"})
    assert '"name":"x"' in resolved.json()["schema"]


async def test_the_latest_version_with_metadata_is_found(client: httpx.AsyncClient) -> None:
    body = {"schema": '"int"', "metadata": {"properties": {"owner": "me"}}}
    await client.post("/subjects/s/versions", json=body)
    found = await client.get("/subjects/s/metadata", params={"key": "owner", "value": "me"})
    assert found.json()["metadata"] == body["metadata"]


async def test_an_alias_leads_to_its_subject(client: httpx.AsyncClient) -> None:
    await register(client, "new", "a")
    await client.put("/config/old", json={"alias": "new"})
    assert (await client.get("/subjects/old/versions/1")).json()["subject"] == "new"
    assert (await client.get("/config/old")).json()["alias"] == "new"
