from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
import trustme

from connect.app import serve_registry
from connect.runtime.worker_config import WorkerConfig
from tests.support.doors import PASSWORD, Certificates, make_users
from tests.support.registries import avro_text, served

V1 = "application/vnd.schemaregistry.v1+json"


async def test_answers_are_of_the_registrys_own_type_unless_another_is_asked_for(client: httpx.AsyncClient) -> None:
    for accepted, given in ((None, V1), ("application/json", "application/json"), (f"{V1}, application/json", V1)):
        answer = await client.get("/subjects", headers={"Accept": accepted} if accepted else {})
        assert answer.headers["content-type"] == given and answer.json() == []
    assert (await client.get("/subjects", headers={"Accept": "text/xml"})).status_code == 406


@pytest.mark.parametrize(
    "kind", [V1, "application/vnd.schemaregistry+json", "application/json", "application/octet-stream"]
)
async def test_bodies_of_each_type_are_taken(client: httpx.AsyncClient, kind: str) -> None:
    body = json.dumps({"schema": '"int"'})
    answer = await client.post("/subjects/s/versions", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 200 and answer.json()["id"] == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/none", 404),
        ("GET", "/schemas/ids/x", 404),
        ("PUT", "/subjects/s", 405),
        ("POST", "/subjects", 405),
        ("DELETE", "/", 405),
    ],
)
async def test_what_there_is_not_is_told_in_the_registrys_form(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == answer.json()["error_code"] == status and answer.json()["message"]


async def test_options_tell_the_methods(client: httpx.AsyncClient) -> None:
    assert (await client.options("/subjects/s")).headers["allow"] == "DELETE,OPTIONS,POST"
    assert (await client.head("/subjects")).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"schema":1}', 400),
        (b'{"schema":"\\"int\\"","references":[{"name":"n"}]}', 400),
        (b'{"schema":"\\"int\\"","version":4294967296}', 400),
        (b"[" * 100_000, 400),
        (b'{"schema":"' + b"[" * 100_000 + b"]" * 100_000 + b'"}', 422),
        (b'{"schema":"' + b'{\\"type\\":' * 100_000 + b'"}', 422),
        (b'{"schema":null}', 422),
    ],
)
async def test_bad_bodies_are_refused_and_the_server_goes_on(
    client: httpx.AsyncClient, body: bytes, status: int
) -> None:
    answer = await client.post("/subjects/s/versions", content=body, headers={"Content-Type": V1})
    assert answer.status_code == status, answer.text
    assert (await client.get("/subjects")).json() == []


async def test_a_body_that_is_too_large_is_refused(tmp_path: Path) -> None:
    async with served(tmp_path, rest_request_max_bytes="2000") as client:
        answer = await client.post("/subjects/s/versions", json={"schema": avro_text(*map(str, range(500)))})
        assert answer.status_code == 413


async def test_users_are_asked_for_as_by_the_workers_rest(tmp_path: Path) -> None:
    users, token = make_users(tmp_path)
    body = {"schema": '"int"'}
    async with served(tmp_path / "data", rest_authentication_file=str(users)) as client:
        assert (await client.get("/")).status_code == 200, "probes carry no password"
        refused = await client.get("/subjects")
        assert refused.status_code == refused.json()["error_code"] == 401
        assert (await client.post("/subjects/s/versions", json=body, auth=("ann", PASSWORD))).status_code == 200
        reader = {"Authorization": f"Bearer {token}"}
        for method, path, status in (
            ("GET", "/subjects", 200),
            ("POST", "/subjects/s", 200),
            ("POST", "/compatibility/subjects/s/versions/latest", 200),
            ("POST", "/subjects/s/versions", 403),
            ("DELETE", "/subjects/s", 403),
            ("PUT", "/config", 403),
        ):
            given = None if method in ("GET", "DELETE") else body
            assert (await client.request(method, path, json=given, headers=reader)).status_code == status, path


async def test_other_hosts_and_pages_of_other_origins_are_refused(client: httpx.AsyncClient) -> None:
    assert (await client.get("/subjects", headers={"Host": "evil.example"})).status_code == 421
    foreign = await client.delete("/subjects/s", headers={"Origin": "http://evil.example"})
    assert foreign.status_code == 403


async def test_it_is_served_by_https_with_the_keys_of_the_workers_rest(tmp_path: Path) -> None:
    certificates = Certificates(trustme.CA(), tmp_path)
    config = WorkerConfig.parse(
        {
            "data.dir": str(tmp_path / "data"),
            "registry.listeners": "https://127.0.0.1:0",
            "listeners.https.ssl.keystore.type": "PEM",
            "listeners.https.ssl.keystore.location": str(certificates.server_file),
        }
    )
    async with serve_registry(config) as (url,), httpx.AsyncClient(verify=certificates.trusting()) as trusting:
        assert url.startswith("https://")
        assert (await trusting.get(f"{url}/subjects")).json() == []
