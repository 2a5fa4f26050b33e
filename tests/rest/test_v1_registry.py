"""The schema registry behind the worker's own REST: the same one, by the worker's users, hosts and origins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from connect.app import registry_beside
from tests.support.doors import PASSWORD, ServedWorker, assert_error, make_users, served_worker
from tests.support.registries import avro_text
from tests.support.worker import running_worker

ANN, BOB = ("ann", PASSWORD), ("bob", PASSWORD)
ODD = ["a/b", "%2F", "..", "a;b=c", "<img src=x>", "ä ✓", ":.t:x/y", "a?b#c"]


@asynccontextmanager
async def with_registry(tmp_path: Path, **keys: str) -> AsyncIterator[ServedWorker]:
    keys = {"registry.listeners": "http://127.0.0.1:0", **keys}
    async with served_worker(tmp_path, **keys) as worker, registry_beside(worker.herder, worker.app):
        yield worker


async def told(worker: ServedWorker, path: str, **options: Any) -> Any:
    answer = await worker.get(f"/v1/registry{path}", **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def register(worker: ServedWorker, subject: str, text: str, **more: Any) -> httpx.Response:
    path = f"/v1/registry/subjects/{quote(subject, safe='')}/versions"
    return await worker.request("POST", path, json={"schema": text, **more})


async def test_it_is_the_registry_of_the_listeners(tmp_path: Path) -> None:
    async with with_registry(tmp_path) as worker:
        info = await told(worker, "")
        assert (info["running"], info["level"], info["subjects"], info["trouble"]) == (True, "BACKWARD", 0, None)
        async with httpx.AsyncClient(base_url=info["urls"][0]) as own:
            await own.post("/subjects/there/versions", json={"schema": '"int"'})
            assert (await register(worker, "here", '"string"')).json()["id"] == 2
            assert (await own.get("/subjects")).json() == await told(worker, "/subjects") == ["here", "there"]
        assert (await worker.get("/v1/worker/info")).json()["registry_urls"] == info["urls"]


async def test_refusals_are_in_the_registrys_words(tmp_path: Path) -> None:
    async with with_registry(tmp_path) as worker:
        assert (await register(worker, "s", "{")).json()["error_code"] == 42201
        assert (await worker.get("/v1/registry/subjects/none/versions")).json()["error_code"] == 40401
        assert (await worker.get("/v1/registry/none")).status_code == 404
        assert (await worker.request("PUT", "/v1/registry/subjects/s")).status_code == 405
        assert (await worker.request("OPTIONS", "/v1/registry/subjects/s")).headers["allow"] == "DELETE,OPTIONS,POST"
        assert_error(await worker.get("/v1/registry/overview/none"), 404, "registry.refused")
        assert_error(await worker.get("/v1/registry/overview?limit=0"), 400, "request.invalid")


async def test_odd_names_go_through_whole(tmp_path: Path) -> None:
    async with with_registry(tmp_path) as worker:
        for name in ODD:
            # '..' would be taken for a way up; with its context written out it is none.
            asked = f":.:{name}" if name == ".." else name
            assert (await register(worker, asked, '"int"')).status_code == 200, name
            found = await told(worker, f"/overview/{quote(asked, safe='')}")
            assert found["subject"]["subject"] == name
        listed = [one["subject"] for one in (await told(worker, "/overview"))["subjects"]]
        assert listed == sorted(ODD)


async def test_subjects_are_told_with_versions_references_and_settings(tmp_path: Path) -> None:
    async with with_registry(tmp_path) as worker:
        await register(worker, "base", avro_text("x", name="Base"))
        refers = [{"name": "Base", "subject": "base", "version": 1}]
        await register(
            worker, "user", '{"type":"record","name":"U","fields":[{"name":"b","type":"Base"}]}', references=refers
        )
        await worker.request("PUT", "/v1/registry/config/base", json={"compatibility": "FULL"})
        base, user = (await told(worker, "/overview"))["subjects"]
        assert (base["level"], base["level_is_own"], base["referenced_by"]) == ("FULL", True, 1)
        assert (user["level"], user["level_is_own"], user["references"]) == ("BACKWARD", False, 1)
        found = await told(worker, "/overview/base")
        assert found["config"] == {"compatibilityLevel": "FULL"}
        [version] = found["versions"]
        assert version["referenced_by"] == [{"subject": "user", "version": 1, "id": 2, "deleted": False}]
        assert (await told(worker, "/overview/user"))["versions"][0]["references"] == refers
        await worker.request("DELETE", "/v1/registry/subjects/user")
        assert (await told(worker, "/overview?contains=US"))["total"] == 0
        [gone] = (await told(worker, "/overview?contains=US&deleted=true"))["subjects"]
        assert (gone["is_deleted"], gone["versions"], gone["deleted_versions"]) == (True, 0, 1)
        few = await told(worker, "/overview?deleted=true&limit=1")
        assert (len(few["subjects"]), few["total"]) == (1, 2)


async def test_users_and_roles_of_the_worker_hold(tmp_path: Path) -> None:
    users, _ = make_users(tmp_path)
    async with with_registry(tmp_path, **{"rest.authentication.file": str(users)}) as worker:
        schema = {"schema": '"int"'}
        for path in ("", "/", "/subjects", "/overview", "/config"):
            assert_error(await worker.get(f"/v1/registry{path}"), 401, "auth.required")
        made = "/v1/registry/subjects/s/versions"
        assert_error(await worker.request("POST", made, json=schema, auth=BOB), 403, "auth.denied")
        assert (await worker.request("POST", made, json=schema, auth=ANN)).status_code == 200
        read = [
            ("GET", "/subjects", 200), ("GET", "/overview", 200), ("POST", "/subjects/s", 200),
            ("POST", "/compatibility/subjects/s/versions", 200),
        ]  # fmt: skip
        written = [("PUT", "/config", 403), ("DELETE", "/subjects/s", 403), ("POST", "/overview", 403)]
        for method, path, status in [*read, *written]:
            body = None if method in ("GET", "DELETE") else schema
            answer = await worker.request(method, f"/v1/registry{path}", json=body, auth=BOB)
            assert answer.status_code == status, (method, path, answer.text)


async def test_a_page_of_elsewhere_and_a_name_of_elsewhere_are_refused(tmp_path: Path) -> None:
    async with with_registry(tmp_path) as worker:
        origin = {"Origin": "http://evil.example"}
        path, schema = "/v1/registry/subjects/s/versions", {"schema": '"int"'}
        assert (await worker.request("POST", path, json=schema, headers=origin)).status_code == 403
        assert (await worker.get("/v1/registry/subjects", headers={"Host": "evil.example"})).status_code == 421
        assert await told(worker, "/subjects") == []


async def test_a_worker_without_one_says_so(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        info = (await worker.client.get("/v1/registry")).json()
        assert (info["running"], info["urls"], info["level"], info["topic"]) == (False, [], None, "_schemas")
        for path in ("/overview", "/overview/s", "/subjects", "/subjects/s/versions"):
            assert_error(await worker.client.get(f"/v1/registry{path}"), 404, "registry.absent")


async def test_the_registries_of_converters_are_listed_without_their_passwords(tmp_path: Path) -> None:
    url = "http://u:secretsecret@one:8081,http://two:8081"
    default = {"value_converter": "io.confluent.connect.avro.AvroConverter"}
    default["value_converter_schema_registry_url"] = "http://worker:8081"
    async with running_worker(tmp_path, **default) as worker:
        assert [one["url"] for one in (await worker.client.get("/v1/registries")).json()["registries"]] == [
            "http://worker:8081"
        ]
        config = {
            "connector.class": "FileStreamSink", "topics": "t", "file": str(tmp_path / "out"),
            "key.converter": "io.confluent.connect.avro.AvroConverter", "key.converter.schema.registry.url": url,
            "value.converter": "io.confluent.connect.avro.AvroConverter",
            "value.converter.schema.registry.url": "http://worker:8081",
        }  # fmt: skip
        body = {"name": "k", "config": config, "initial_state": "STOPPED"}
        assert (await worker.client.post("/connectors", json=body)).status_code == 201
        answer = await worker.client.get("/v1/registries")
        assert "secretsecret" not in answer.text
        two, default_one = answer.json()["registries"]
        assert two["used_by"] == [{"connector": "k", "key": "key.converter.schema.registry.url"}]
        assert "one:8081" in two["url"] and "two:8081" in two["url"]
        key = "value.converter.schema.registry.url"
        assert default_one["used_by"] == [{"connector": None, "key": key}, {"connector": "k", "key": key}]
