from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from connect.runtime.model import State
from tests.support.lengths import length
from tests.support.worker import STRING, RunningWorker, running_worker

MANY = length("CONNECT_CONNECTORS")


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path) as running:
        yield running


def file_source(tmp_path: Path, **config: str) -> dict[str, str]:
    return {
        "connector.class": "FileStreamSource",
        "file": str(tmp_path / "in.txt"),
        "topic": "lines",
        "value.converter": STRING,
        **config,
    }


def assert_error(answer: httpx.Response, status: int, *mentions: str) -> None:
    """The one shape of an error, and what its message says."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"error_code", "message"}
    assert body["error_code"] == status
    for mention in mentions:
        assert mention in body["message"], body
    assert answer.headers["x-connect-error-code"]


async def test_a_connector_lives_from_creation_to_deletion(worker: RunningWorker, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a\nb\n")
    made = await worker.client.post("/connectors", json={"name": "s", "config": file_source(tmp_path)})
    assert (made.status_code, made.headers["location"]) == (201, "http://worker/connectors/s")
    assert made.json()["config"]["name"] == "s"
    await worker.until_state("s", State.RUNNING, tasks=1)
    await worker.until(lambda: worker.records("s") == 2)
    assert await worker.values("lines") == [b"a", b"b"]
    assert (await worker.client.delete("/connectors/s")).status_code == 204
    assert (await worker.client.get("/connectors")).json() == []


async def test_pause_resume_and_stop_follow_the_table(worker: RunningWorker, tmp_path: Path) -> None:
    await worker.client.post("/connectors", json={"name": "s", "config": file_source(tmp_path)})
    await worker.until_state("s", State.RUNNING, tasks=1)
    assert (await worker.client.put("/connectors/s/pause")).status_code == 202
    await worker.until_state("s", State.PAUSED, tasks=1)
    assert (await worker.client.put("/connectors/s/resume")).status_code == 202
    await worker.until_state("s", State.RUNNING, tasks=1)
    assert (await worker.client.put("/connectors/s/stop")).status_code == 204
    await worker.until_state("s", State.STOPPED, tasks=0)


@pytest.mark.parametrize("state", ["PAUSED", "STOPPED"])
async def test_a_connector_created_paused_or_stopped_has_no_tasks_until_resumed(
    worker: RunningWorker, tmp_path: Path, state: str
) -> None:
    body = {"name": "s", "config": file_source(tmp_path), "initial_state": state.lower()}
    assert (await worker.client.post("/connectors", json=body)).status_code == 201
    await worker.until_state("s", State(state), tasks=0)
    await worker.client.put("/connectors/s/resume")
    await worker.until_state("s", State.RUNNING, tasks=1)


async def test_put_creates_and_changes_and_patch_merges(worker: RunningWorker, tmp_path: Path) -> None:
    assert (await worker.client.put("/connectors/s/config", json=file_source(tmp_path))).status_code == 201
    assert (
        await worker.client.put("/connectors/s/config", json=file_source(tmp_path, **{"batch.size": "7"}))
    ).status_code == 200
    patched = await worker.client.patch("/connectors/s/config", json={"batch.size": None, "tasks.max": 2})
    assert patched.status_code == 200
    config = (await worker.client.get("/connectors/s/config")).json()
    assert config["tasks.max"] == "2"
    assert "batch.size" not in config


async def test_expand_shows_status_and_info(worker: RunningWorker, tmp_path: Path) -> None:
    await worker.client.put("/connectors/s/config", json=file_source(tmp_path))
    found = (await worker.client.get("/connectors?expand=status&expand=info")).json()
    assert set(found["s"]) == {"status", "info"}
    assert (await worker.client.get("/connectors?expand=info,status")).json() == {"s": {}}


async def test_a_failed_task_keeps_its_cause_and_restarts(worker: RunningWorker, tmp_path: Path) -> None:
    config = file_source(
        tmp_path,
        **{
            "transforms": "x",
            "transforms.x.type": "org.apache.kafka.connect.transforms.ExtractField$Value",
            "transforms.x.field": "f",
            "topic": "bad",
        },
    )
    (tmp_path / "in.txt").write_text("no struct\n")
    await worker.client.put("/connectors/s/config", json=config)
    trace = await worker.until_failed("s")
    assert trace.splitlines()[0].startswith("Only Struct objects supported for [field extraction]")
    assert "transform 'x'" in trace
    assert (await worker.client.get("/connectors/s/status")).json()["connector"]["state"] == "RUNNING"
    restarted = await worker.client.post("/connectors/s/restart?includeTasks=true&onlyFailed=true")
    assert (restarted.status_code, restarted.json()["tasks"][0]["state"]) == (202, "RESTARTING")


BAD: list[tuple[str, str, Any, int, tuple[str, ...]]] = [
    ("POST", "/connectors", b"{", 400, ("not JSON",)),
    ("POST", "/connectors", b"", 400, ("no body",)),
    ("POST", "/connectors", b"[]", 400, ("list", "object is expected")),
    ("POST", "/connectors", b'{"name": "x"}', 400, ("config",)),
    ("POST", "/connectors", b'{"name": "x", "config": {}, "extra": 1}', 400, ("extra",)),
    ("POST", "/connectors", b'{"name": "x", "config": {}}', 400, ("connector.class",)),
    (
        "POST",
        "/connectors",
        b'{"config": {"connector.class": "FileStreamSource", "topic": "t"}}',
        400,
        ("may not be empty",),
    ),
    (
        "POST",
        "/connectors",
        b'{"name": "x", "config": {"connector.class": "FileStreamSorce"}}',
        400,
        ("did you mean FileStreamSource",),
    ),
    ("POST", "/connectors", b'{"name": "x", "config": {"connector.class": "FileStreamSource"}}', 400, ('"topic"',)),
    (
        "POST",
        "/connectors",
        b'{"name": "x", "config": {"connector.class": "FileStreamSource", "topic": "t", "tasks.max": "y"}}',
        400,
        ("tasks.max", "INT"),
    ),
    (
        "POST",
        "/connectors",
        b'{"name": "x", "config": {"connector.class": "FileStreamSource", "topic": {}}}',
        400,
        ("topic", "dict"),
    ),
    ("POST", "/connectors", b'{"name": "x", "config": {}, "initial_state": "GONE"}', 400, ("GONE",)),
    (
        "PUT",
        "/connectors/x/config",
        b'{"connector.class": "FileStreamSource", "topic": "t", "name": "y"}',
        400,
        ("doesn't match",),
    ),
    ("GET", "/connectors/none", None, 404, ("none",)),
    ("GET", "/connectors/none/status", None, 404, ("none",)),
    ("PUT", "/connectors/none/pause", None, 404, ("none",)),
    ("DELETE", "/connectors/none", None, 404, ("none",)),
    ("GET", "/nowhere", None, 404, ("Not Found",)),
    ("POST", "/connectors/x/config", b"{}", 405, ("Not Allowed",)),
    ("GET", "/connector-plugins/Nope/config", None, 404, ("Nope",)),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "mentions"), BAD)
async def test_bad_requests_get_one_clear_answer_and_change_nothing(
    worker: RunningWorker, method: str, path: str, body: bytes | None, status: int, mentions: tuple[str, ...]
) -> None:
    answer = await worker.client.request(
        method, path, content=body, headers={"Content-Type": "application/json"} if body is not None else {}
    )
    assert_error(answer, status, *mentions)
    assert worker.herder.connectors() == []


async def test_a_second_creation_of_a_name_conflicts(worker: RunningWorker, tmp_path: Path) -> None:
    body = {"name": "s", "config": file_source(tmp_path)}
    await worker.client.post("/connectors", json=body)
    assert_error(await worker.client.post("/connectors", json=body), 409, "already exists")


async def test_secrets_are_never_shown_and_survive_being_sent_back(worker: RunningWorker) -> None:
    config = {
        "connector.class": "JdbcSinkConnector",
        "topics": "t",
        "connection.password": "hunter2",
        "connection.url": "postgresql://u:s3cret@127.0.0.1:1/db",
    }
    await worker.client.put("/connectors/p/config", json=config)
    shown = await worker.client.get("/connectors/p/config")
    assert "hunter2" not in shown.text and "s3cret" not in shown.text
    await worker.client.put("/connectors/p/config", json={**shown.json(), "batch.size": "5"})
    kept = worker.herder.info("p").config
    assert (kept["connection.password"], kept["connection.url"]) == (
        config["connection.password"],
        config["connection.url"],
    )
    for path in (
        "/connectors/p",
        "/connectors/p/tasks",
        "/connectors/p/status",
        "/connectors?expand=info&expand=status",
    ):
        text = (await worker.client.get(path)).text
        assert "hunter2" not in text and "s3cret" not in text, path


async def test_one_failing_connector_leaves_the_others_alone(worker: RunningWorker, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a\n")
    bad = {
        "connector.class": "FileStreamSink",
        "topics": "lines",
        "file": str(tmp_path / "none" / "out.txt"),
        "value.converter": STRING,
    }
    await worker.client.put("/connectors/bad/config", json=bad)
    await worker.client.put("/connectors/good/config", json=file_source(tmp_path))
    assert "out.txt" in await worker.until_failed("bad")
    await worker.until(lambda: worker.records("good") == 1)


async def test_a_restarted_worker_has_every_connector_and_state(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as first:
        for name in ("runs", "pauses", "stops"):
            await first.client.put(f"/connectors/{name}/config", json=file_source(tmp_path))
            await first.until_state(name, State.RUNNING, tasks=1)
        await first.client.put("/connectors/pauses/pause")
        await first.client.put("/connectors/stops/stop")
    async with running_worker(tmp_path) as second:
        await second.until_state("runs", State.RUNNING, tasks=1)
        await second.until_state("pauses", State.PAUSED, tasks=1)
        await second.until_state("stops", State.STOPPED, tasks=0)


async def test_numbers_in_a_config_become_the_text_that_was_sent(worker: RunningWorker) -> None:
    body = (
        b'{"name": "n", "config": {"connector.class": "FileStreamSource", "topic": "t", "a": 0.10, "b": 1e3, '
        b'"c": 123456789012345678901234567890, "d": true}, "initial_state": "STOPPED"}'
    )
    made = await worker.client.post("/connectors", content=body, headers={"Content-Type": "application/json"})
    config = made.json()["config"]
    assert [config[key] for key in "abcd"] == ["0.10", "1e3", "123456789012345678901234567890", "true"]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a b", "a%20b"),
        ("x:y@z,w", "x:y@z,w"),
        ("#&=", "%23&="),
        ("+b?c", "+b%3Fc"),
        ("é", "%C3%A9"),
        ("a/b;c%", "a%2Fb%3Bc%25"),
    ],
)
async def test_the_location_of_a_new_connector_is_where_it_is_found(
    worker: RunningWorker, name: str, path: str
) -> None:
    body = {"name": name, "config": {"connector.class": "FileStreamSource", "topic": "t"}, "initial_state": "STOPPED"}
    made = await worker.client.post("/connectors", json=body)
    assert made.headers["location"] == f"http://worker/connectors/{path}"
    assert (await worker.client.get(f"/connectors/{path}")).json()["name"] == name


@pytest.mark.slow
async def test_many_creations_at_once_all_run(worker: RunningWorker, tmp_path: Path) -> None:
    async def create(number: int) -> int:
        body = {"name": f"c{number}", "config": file_source(tmp_path, file=str(tmp_path / "none"))}
        return (await worker.client.post("/connectors", json=body)).status_code

    assert set(await asyncio.gather(*(create(number) for number in range(MANY)))) == {201}
    await worker.until(
        lambda: all(worker.herder.status(f"c{n}").connector.state is State.RUNNING for n in range(MANY)), deadline_s=120
    )
    listed = (await worker.client.get("/connectors?expand=status")).json()
    assert len(listed) == MANY


@pytest.mark.parametrize("depth", [65, 300, 900, 100_000])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/connectors/x/config", '{"connector.class": "FileStreamSource", "topic": %s}'),
        ("POST", "/connectors", '{"name": "x", "config": {"a": %s}}'),
        (
            "PATCH",
            "/connectors/x/offsets",
            '{"offsets": [{"partition": {"filename": "f", "a": %s}, "offset": {"position": 1}}]}',
        ),
        ("PUT", "/admin/loggers/x", '{"level": %s}'),
    ],
)
async def test_bodies_that_are_nested_too_deep_are_400(
    worker: RunningWorker, depth: int, method: str, path: str, body: str
) -> None:
    content = body % ("[" * depth + "]" * depth)
    answer = await worker.client.request(method, path, content=content, headers={"Content-Type": "application/json"})
    assert_error(answer, 400)


# -- secrets that are read, changed and sent back --------------------------------------------------------------------

URL = "jdbc:postgresql://127.0.0.1:1/db?user=u1&password=pw-2&sslpassword=pw-3"
WITH_SECRETS = {
    "connector.class": "JdbcSinkConnector",
    "topics": "t",
    "connection.user": "u1",
    "connection.password": "pw-1",
    "connection.url": URL,
}


async def stored_everywhere(worker: RunningWorker) -> str:
    """All that the config topic has ever held."""
    return b"".join(value or b"" for value in await worker.values("connect-configs")).decode()


async def test_a_config_that_was_read_changed_and_sent_back_keeps_its_secrets(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        await worker.client.put("/connectors/a/config", json=WITH_SECRETS)
        shown = (await worker.client.get("/connectors/a/config")).json()
        assert not [secret for secret in ("pw-1", "pw-2", "pw-3") if secret in str(shown)]
        edited = {**shown, "connection.url": shown["connection.url"].replace("/db", "/db9"), "batch.size": "5"}
        changed = await worker.client.put("/connectors/a/config", json=edited)
        assert changed.status_code == 200, changed.text
        assert changed.json()["config"] == edited
        kept = worker.herder.info("a").config
        assert (kept["connection.url"], kept["connection.password"]) == (URL.replace("/db", "/db9"), "pw-1")
        patch = {"connection.url": shown["connection.url"], "connection.password": "[hidden]"}
        assert (await worker.client.patch("/connectors/a/config", json=patch)).status_code == 200
        assert worker.herder.info("a").config["connection.url"] == URL
        assert "hidden" not in await stored_everywhere(worker)


async def test_a_mask_that_stands_for_nothing_known_is_refused_with_its_key(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        await worker.client.put("/connectors/a/config", json=WITH_SECRETS)
        shown = (await worker.client.get("/connectors/a/config")).json()
        clone = {key: value for key, value in shown.items() if key != "name"}
        elsewhere = {**shown, "connection.url": shown["connection.url"].replace("127.0.0.1", "127.0.0.2")}
        for method, path, body, keys in [
            ("POST", "/connectors", {"name": "b", "config": clone}, ["connection.password", "connection.url"]),
            ("PUT", "/connectors/b/config", clone, ["connection.password", "connection.url"]),
            ("PUT", "/connectors/a/config", elsewhere, ["connection.url"]),
            ("PATCH", "/connectors/a/config", {"connection.url": elsewhere["connection.url"]}, ["connection.url"]),
            (
                "PATCH",
                "/connectors/a/config",
                {"consumer.override.sasl.jaas.config": "[hidden]"},
                ["consumer.override.sasl.jaas.config"],
            ),
        ]:
            refused = await worker.client.request(method, path, json=body)
            assert refused.status_code == 400, (method, path)
            assert all(key in refused.json()["message"] for key in keys)
        assert worker.herder.connectors() == ["a"]
        assert "hidden" not in await stored_everywhere(worker)


async def test_a_secret_of_a_config_that_is_refused_is_not_quoted(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        for url in (
            "jdbc:oracle:thin:scott/t1ger@//h:1/s",
            "jdbc:sqlserver://h;password={t1ger x}",
            "postgresql://u:t1ger@h:port/db",
            "jdbc:pq://u:a t1ger@h",
        ):
            config = {**WITH_SECRETS, "connection.url": url, "nonsense": None}
            refused = await worker.client.put("/connectors/a/config", json=config)
            assert refused.status_code == 400
            config = {**WITH_SECRETS, "connection.url": url}
            refused = await worker.client.put("/connectors/a/config", json=config)
            validated = await worker.client.put(
                "/v1/connector-plugins/JdbcSinkConnector/config/validate", json={**config, "name": "a"}
            )
            assert "t1ger" not in refused.text + validated.text, url
