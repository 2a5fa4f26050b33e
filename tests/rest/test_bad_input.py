"""What clients send by mistake or in bad faith: each gets one clear answer, and nothing changes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.doors import served_worker
from tests.support.lengths import examples, length
from tests.support.worker import STRING, RunningWorker, running_worker

MANY = length("CONNECT_CONNECTORS")
CONFIG = {"connector.class": "FileStreamSource", "topic": "t", "value.converter": STRING}
JSON = {"Content-Type": "application/json"}
PUT_CONFIG = "/connectors/x/config"
VALIDATE = "/connector-plugins/FileStreamSource/config/validate"


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[RunningWorker]:
    async with running_worker(tmp_path) as running:
        yield running


def assert_refused(answer: httpx.Response, status: int = 400, *mentions: str) -> None:
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error_code", "message"}
    for mention in mentions:
        assert mention in answer.json()["message"]


WITH_BODY = [("POST", "/connectors"), ("PUT", PUT_CONFIG), ("PUT", VALIDATE), ("POST", "/v1/topics")]
NOT_JSON = [
    b"{", b"", b"   ", b"null", b"[]", b'"text"', b"1", b"\xff\xfe", b"{'a': 1}", b'{"a": NaN}', b'{"a": "\xc3"}',
    b'{"a": 1} x', b"\x00",
]  # fmt: skip


@pytest.mark.parametrize("body", NOT_JSON)
async def test_what_is_no_json_object_is_refused_on_every_route(worker: RunningWorker, body: bytes) -> None:
    for method, path in WITH_BODY:
        assert_refused(await worker.client.request(method, path, content=body, headers=JSON))
    assert worker.herder.connectors() == []


WRONG: list[tuple[str, str, Any]] = [
    ("POST", "/connectors", {"name": ["x"], "config": CONFIG}),
    ("POST", "/connectors", {"name": "x", "config": []}),
    ("POST", "/connectors", {"name": "x", "config": "text"}),
    ("POST", "/connectors", {"name": "x", "config": CONFIG, "tasks": []}),
    ("POST", "/connectors", {"name": "x", "config": {**CONFIG, "tasks.max": [1]}}),
    ("POST", "/connectors", {"name": "x", "config": {**CONFIG, "tasks.max": None}}),
    ("POST", "/connectors", {"name": "x", "config": {**CONFIG, "tasks.max": 1.5}}),
    ("POST", "/connectors", {"name": "x", "config": {**CONFIG, "tasks.max": 10**30}}),
    ("POST", "/connectors", {"name": "x", "config": CONFIG, "initial_state": 1}),
    ("POST", "/connectors", {"name": "x", "config": CONFIG, "initial_state": {"a": []}}),
    ("PUT", PUT_CONFIG, {**CONFIG, "name": {"a": 1}}),
    ("PUT", PUT_CONFIG, {**CONFIG, "connector.class": 1}),
    ("PUT", PUT_CONFIG, {**CONFIG, "transforms": True}),
    ("PUT", VALIDATE, {"connector.class": []}),
    ("POST", "/v1/topics", {"name": "t", "partitions": "two"}),
]


@pytest.mark.parametrize(("method", "path", "body"), WRONG)
async def test_wrong_types_and_unknown_members_are_refused(
    worker: RunningWorker, method: str, path: str, body: Any
) -> None:
    assert_refused(await worker.client.request(method, path, json=body))
    assert worker.herder.connectors() == []


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "json",
        "",
        "application/json5",
    ],
)
async def test_bodies_of_other_kinds_are_refused(worker: RunningWorker, kind: str) -> None:
    for method, path in [*WITH_BODY, ("PUT", "/connectors/x/pause"), ("DELETE", "/connectors/x")]:
        answer = await worker.client.request(method, path, content=b"{}", headers={"Content-Type": kind})
        assert_refused(answer, 415, "application/json is expected")


@pytest.mark.parametrize(
    "name",
    [
        "a b", " padded ", "a/b", "a%b", "a%2Fb", "ünïcode", "日本語", "🙂", "a\\b", "a?b#c", "a+b&c=d", "a;b", "...",
        "a\u00a0b", "'; DROP TABLE x", "<script>", "x" * 1000,
    ],
)  # fmt: skip
async def test_odd_names_can_be_created_read_changed_and_deleted(worker: RunningWorker, name: str) -> None:
    made = await worker.client.post("/connectors", json={"name": name, "config": CONFIG})
    assert made.status_code == 201, made.text
    name = name.strip()
    path = httpx.URL(made.headers["location"]).raw_path.decode()
    assert (await worker.client.get(path)).json()["name"] == name
    assert (await worker.client.get(path + "/status")).json()["name"] == name
    assert (await worker.client.put(path + "/config", json=CONFIG)).status_code == 200
    assert (await worker.client.get("/connectors")).json() == [name]
    assert (await worker.client.delete(path)).status_code == 204


async def test_names_of_dots_are_read_by_clients_that_do_not_resolve_them(tmp_path: Path) -> None:
    async with served_worker(tmp_path) as worker:
        for name, path in [(".", b"%2E"), ("..", b"%2e%2e"), ("..", b"..")]:
            await worker.request("POST", "/connectors", json={"name": name, "config": CONFIG})
            answer = await worker.raw(
                b"GET /connectors/" + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            )
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["name"] == name


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "a\x00b", "\x1b[31m", "a\x7fb", "a\u0085b", "\t"])
async def test_empty_names_and_control_characters_are_refused(worker: RunningWorker, name: str) -> None:
    assert_refused(await worker.client.post("/connectors", json={"name": name, "config": CONFIG}))
    if name.strip():
        path = f"/connectors/{quote(name, safe='')}"
        assert_refused(await worker.client.put(path + "/config", json=CONFIG))
        assert_refused(await worker.client.get(path), 404)
    assert worker.herder.connectors() == []


@pytest.mark.parametrize(
    "path",
    [
        "/connectors/%",
        "/connectors/%zz",
        "/connectors/%FF%FE",
        "/connectors//",
        "//connectors",
        "/connectors/x/y/z",
        "/%2e%2e/etc/passwd",
        "/connectors/x/tasks/-1/status",
        "/connectors/x/tasks/1e9/status",
        "/connectors/x/tasks/99999999999999999999/restart",
        "/connectors/%00",
        "/connectors/x%1fy",
    ],
)
async def test_odd_paths_are_not_found_and_never_a_failure(worker: RunningWorker, path: str) -> None:
    for method in ("GET", "DELETE", "POST", "PATCH"):
        answer = await worker.client.request(method, path)
        assert answer.status_code in (200, 400, 404, 405), (method, answer.text)


@pytest.mark.slow
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    ).map(lambda x: json.dumps(x).encode())
)
def test_no_body_at_all_makes_a_failure_of_ours(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    async def send() -> None:
        async with running_worker(tmp_path_factory.mktemp("w")) as worker:
            for method, path in [*WITH_BODY, ("PATCH", PUT_CONFIG), ("POST", "/v1/topics/t/records")]:
                answer = await worker.client.request(method, path, content=body, headers=JSON)
                assert answer.status_code < 500, (method, path, answer.text)

    asyncio.run(send())


@pytest.mark.slow
async def test_many_creations_at_once_all_succeed_once(worker: RunningWorker, tmp_path: Path) -> None:
    (tmp_path / "in.txt").touch()

    async def create(number: int) -> int:
        body = {
            "name": f"c{number % MANY}",
            "config": {**CONFIG, "file": str(tmp_path / "in.txt")},
            "initial_state": "STOPPED",
        }
        return (await worker.client.post("/connectors", json=body, timeout=120)).status_code

    began = time.perf_counter()
    # Each name is asked for twice: one creation wins, the other is told.
    answers = await asyncio.gather(*(create(number) for number in range(2 * MANY)))
    took_s = time.perf_counter() - began
    assert (answers.count(201), answers.count(409)) == (MANY, MANY)
    assert len(worker.herder.connectors()) == MANY
    assert took_s < 60, took_s
