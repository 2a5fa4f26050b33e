from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from connect.runtime.model import State
from connect.stores.history import ConfigHistory
from tests.rest.test_connectors import assert_error, file_source
from tests.support.doors import PASSWORD, make_users, served_worker
from tests.support.groups import generated, group
from tests.support.plain import NO_TLS
from tests.support.worker import RunningWorker, running_worker, until

CONFIG = "/v1/connectors/s/config"


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path) as running:
        yield running


async def put(worker: RunningWorker, config: dict[str, str], **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await worker.client.put(CONFIG, json=config, headers=named)


async def history(client: httpx.AsyncClient, name: str = "s") -> list[dict[str, Any]]:
    answer = await client.get(f"/v1/connectors/{name}/history")
    assert answer.status_code == 200, answer.text
    versions: list[dict[str, Any]] = answer.json()["versions"]
    return versions


# -- ETags ---------------------------------------------------------------------------------------------------------


async def test_a_change_on_top_of_another_one_that_was_not_seen_is_refused(
    worker: RunningWorker, tmp_path: Path
) -> None:
    config = file_source(tmp_path)
    assert (await put(worker, config, if_none_match="*")).status_code == 201
    read = await worker.client.get(CONFIG)
    assert read.json() == {**config, "name": "s"}
    etag = read.headers["etag"]
    mine = await put(worker, {**config, "batch.size": "1"}, if_match=etag)
    assert mine.status_code == 200
    assert mine.headers["etag"] == (await worker.client.get(CONFIG)).headers["etag"] != etag
    late = await put(worker, {**config, "batch.size": "2"}, if_match=etag)
    assert_error(late, 412, etag, mine.headers["etag"])
    assert late.headers["x-connect-error-code"] == "connector.precondition_failed"
    assert worker.herder.info("s").config["batch.size"] == "1"
    assert_error(await put(worker, config, if_none_match="*"), 412, "was not to be there")
    assert_error(await put(worker, config, if_match=f"W/{mine.headers['etag']}"), 412)
    assert (await put(worker, config, if_match=f'"x", {mine.headers["etag"]}')).status_code == 200
    assert (await put(worker, config, if_match="*")).status_code == 200
    assert_error(await worker.client.put("/v1/connectors/t/config", json=config, headers={"If-Match": "*"}), 412)
    assert_error(await put(worker, config, if_match="no quotes"), 400, "if-match")


async def test_of_many_who_change_the_same_config_at_once_one_does(worker: RunningWorker, tmp_path: Path) -> None:
    config = file_source(tmp_path)
    await put(worker, config)
    etag = (await worker.client.get(CONFIG)).headers["etag"]
    answers = await asyncio.gather(
        *(put(worker, {**config, "batch.size": str(size)}, if_match=etag) for size in range(1, 9))
    )
    assert sorted(answer.status_code for answer in answers) == [200, *[412] * 7]
    done = next(answer for answer in answers if answer.status_code == 200)
    assert worker.herder.info("s").config == done.json()["config"]


async def test_of_many_who_create_a_connector_at_once_one_does(worker: RunningWorker, tmp_path: Path) -> None:
    config = file_source(tmp_path)
    answers = await asyncio.gather(*(put(worker, config, if_none_match="*") for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, *[412] * 4]


async def test_a_connector_that_was_changed_meanwhile_is_not_deleted(worker: RunningWorker, tmp_path: Path) -> None:
    config = file_source(tmp_path)
    etag = (await put(worker, config)).headers["etag"]
    await worker.client.put("/connectors/s/config", json={**config, "batch.size": "1"})
    assert_error(await worker.client.delete("/v1/connectors/s", headers={"If-Match": etag}), 412)
    etag = (await worker.client.get(CONFIG)).headers["etag"]
    assert (await worker.client.delete("/v1/connectors/s", headers={"If-Match": etag})).status_code == 204
    assert (await worker.client.delete("/v1/connectors/s")).status_code == 404


async def test_an_etag_outlives_the_worker_and_a_config_that_is_sent_again(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        etag = (await put(worker, file_source(tmp_path))).headers["etag"]
    async with running_worker(tmp_path) as worker:
        assert (await worker.client.get(CONFIG)).headers["etag"] == etag
        assert (await put(worker, file_source(tmp_path), if_match=etag)).headers["etag"] == etag
        await worker.client.put("/connectors/s/pause")
        assert (await worker.client.get(CONFIG)).headers["etag"] == etag


async def test_two_workers_of_a_group_take_one_change_of_two(tmp_path: Path) -> None:
    async with group(tmp_path) as workers:
        clients = []
        for name in ("a", "b"):
            node = await workers.start(name, served=True)
            url = f"http://{node.base.worker_id}"
            clients.append(httpx.AsyncClient(base_url=url, trust_env=False, timeout=30, verify=NO_TLS))
            await workers.leader()
        await until(lambda: workers.nodes["b"].leader_url is not None)
        leader, other = clients
        made = await other.put("/v1/connectors/g/config", json=generated("g", 1, **{"kafka.topic": "t"}))
        assert made.status_code == 201
        for change in range(5):
            etag = (await other.get("/v1/connectors/g/config")).headers["etag"]
            assert etag == (await leader.get("/v1/connectors/g/config")).headers["etag"]
            answers = await asyncio.gather(
                *(
                    client.put(
                        "/v1/connectors/g/config",
                        json=generated("g", 1, **{"kafka.topic": "t", "rate.limit.records.per.second": str(rate)}),
                        headers={"If-Match": etag},
                    )
                    # A rate of its own each: what is there already would be no change.
                    for rate, client in enumerate((leader, other), start=100 + 2 * change)
                )
            )
            assert sorted(answer.status_code for answer in answers) == [200, 412], [a.text for a in answers]
        found = (await other.get("/v1/connectors/g/history")).json()["versions"]
        assert [entry["version"] for entry in found] == list(range(1, 7))
        # It was handed on: the client is told, and the worker beside it.
        assert (found[0]["user"], found[0]["address"], found[0]["via"]) == ("anonymous", "127.0.0.1", "127.0.0.1")
        for client in clients:
            await client.aclose()


# -- plans ---------------------------------------------------------------------------------------------------------


async def plan(worker: RunningWorker, config: dict[str, str]) -> dict[str, Any]:
    answer = await worker.client.put(f"{CONFIG}/plan", json=config)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_plan_tells_what_would_change_and_restart_and_changes_nothing(
    worker: RunningWorker, tmp_path: Path
) -> None:
    config = file_source(tmp_path, **{"my.password": "hunter2-hunter2"})
    found = await plan(worker, config)
    assert (found["action"], found["etag"], found["restarts"]) == ("create", None, None)
    assert {"key": "my.password", "before": None, "after": "[hidden]", "hidden": False} in found["changes"]
    assert worker.herder.connectors() == []
    etag = (await put(worker, config)).headers["etag"]
    await worker.until_state("s", State.RUNNING, tasks=1)
    assert await plan(worker, config) == {
        "name": "s",
        "action": "nothing",
        "etag": etag,
        "changes": [],
        "restarts": None,
        "secrets": None,
    }
    found = await plan(worker, {**config, "my.password": "another-hunter", "batch.size": "5"})
    assert (found["action"], found["etag"], found["restarts"]) == ("change", etag, 1)
    assert found["changes"] == [
        {"key": "batch.size", "before": None, "after": "5", "hidden": False},
        {"key": "my.password", "before": "[hidden]", "after": "[hidden]", "hidden": True},
    ]
    # What is changed while it runs restarts nothing, and neither does a change of what does not run.
    assert (await plan(worker, {**config, "rate.limit.records.per.second": "5"}))["restarts"] is None
    await worker.client.put("/connectors/s/stop")
    assert (await plan(worker, {**config, "batch.size": "5"}))["restarts"] is None
    assert worker.herder.info("s").config == {**config, "name": "s"}


async def test_a_plan_tells_secrets_apart_by_a_digest_that_nobody_else_can_make(tmp_path: Path) -> None:
    config = file_source(tmp_path)
    async with running_worker(tmp_path) as worker:
        assert (await plan(worker, config))["secrets"] is None, "a plan without a secret needs no key"
        assert not [*worker.herder.worker_config.data_path.glob("plan.key")]
        one = await plan(worker, {**config, "my.password": "hunter2-hunter2"})
        again = await plan(worker, {**config, "my.password": "hunter2-hunter2", "batch.size": "7"})
        other = await plan(worker, {**config, "my.password": "hunter3-hunter3"})
        reference = await plan(worker, {**config, "my.password": "${env:MY_PASSWORD}"})
        (key,) = worker.herder.worker_config.data_path.glob("plan.key")
    assert one["secrets"] == again["secrets"] != other["secrets"]
    assert reference["secrets"] is None, "what is shown needs none"
    assert key.stat().st_mode & 0o077 == 0
    async with running_worker(tmp_path) as worker:
        assert (await plan(worker, {**config, "my.password": "hunter2-hunter2"}))["secrets"] == one["secrets"]
    key.write_text("torn")
    async with running_worker(tmp_path) as worker:
        assert (await plan(worker, {**config, "my.password": "hunter2-hunter2"}))["secrets"] != one["secrets"]
        assert len(bytes.fromhex(key.read_text())) == 32


async def test_a_plan_for_a_config_that_is_wrong_says_so(worker: RunningWorker, tmp_path: Path) -> None:
    answer = await worker.client.put(f"{CONFIG}/plan", json=file_source(tmp_path, **{"batch.size": "many"}))
    assert_error(answer, 400, "batch.size")


# -- history -------------------------------------------------------------------------------------------------------


async def test_the_history_tells_who_when_and_what_and_no_secret(tmp_path: Path) -> None:
    users, _ = make_users(tmp_path)
    config = file_source(tmp_path, **{"my.password": "hunter2-hunter2", "x": "${env:HOME}"})
    async with served_worker(tmp_path, **{"rest.authentication.file": str(users)}) as client:
        ann, bob = ("ann", PASSWORD), ("bob", PASSWORD)
        await client.request("POST", "/connectors", json={"name": "s", "config": config}, auth=ann)
        await client.request("PATCH", "/connectors/s/config", json={"my.password": "other-hunter2"}, auth=ann)
        await client.request("PUT", "/connectors/s/pause", auth=ann)
        answer = await client.get("/v1/connectors/s/history", auth=bob)
        back = await client.request("POST", "/v1/connectors/s/rollback", json={"version": 1}, auth=bob)
        assert back.status_code == 403
        topic = "/v1/topics/connect-configs-history/partitions/0/records"
        assert (await client.get(topic, auth=bob)).status_code == 403
    assert "hunter2" not in answer.text
    found = answer.json()["versions"]
    assert [(one["what"], one["user"], one["state"]) for one in found] == [
        ("created", "ann", "RUNNING"),
        ("changed", "ann", "RUNNING"),
        ("paused", "ann", "PAUSED"),
    ]
    assert found[0]["config"]["x"] == "${env:HOME}"
    assert found[1]["changes"] == [{"key": "my.password", "before": "[hidden]", "after": "[hidden]", "hidden": True}]
    assert found[2]["changes"] == []
    assert {one["address"] for one in found} == {"127.0.0.1"}


async def test_a_diff_is_between_two_versions_or_one_and_now(worker: RunningWorker, tmp_path: Path) -> None:
    config = file_source(tmp_path)
    for size in ("1", "2", "3"):
        await put(worker, {**config, "batch.size": size})
    await worker.client.put("/connectors/s/pause")
    path = "/v1/connectors/s/history/diff"
    found = (await worker.client.get(path, params={"from": 1})).json()
    assert found == {
        "name": "s",
        "from": 1,
        "to": 4,
        "changes": [{"key": "batch.size", "before": "1", "after": "3", "hidden": False}],
        "states": ["RUNNING", "PAUSED"],
    }
    found = (await worker.client.get(path, params={"from": 3, "to": 2})).json()
    assert [(one["before"], one["after"]) for one in found["changes"]] == [("3", "2")]
    assert_error(await worker.client.get(path, params={"from": 9}), 404, "version 9")
    assert_error(await worker.client.get("/v1/connectors/none/history"), 404, "none")
    assert_error(await worker.client.get(path), 400, "from")


async def test_a_rollback_brings_back_config_and_state_as_one_change_of_its_own(
    worker: RunningWorker, tmp_path: Path
) -> None:
    (tmp_path / "in.txt").write_text("a\n")
    config = file_source(tmp_path, **{"my.password": "hunter2-hunter2"})
    await put(worker, config)
    await worker.until_state("s", State.RUNNING, tasks=1)
    await put(worker, {**config, "topic": "others", "my.password": "other-hunter2"})
    await worker.client.put("/connectors/s/stop")
    await worker.until_state("s", State.STOPPED, tasks=0)
    answer = await worker.client.post("/v1/connectors/s/rollback", json={"version": 1})
    assert (answer.status_code, answer.json()["config"]["topic"]) == (200, "lines")
    assert answer.headers["etag"] == (await worker.client.get(CONFIG)).headers["etag"]
    await worker.until_state("s", State.RUNNING, tasks=1)
    assert worker.herder.info("s").config["my.password"] == "hunter2-hunter2"
    newest = (await history(worker.client))[-1]
    assert (newest["version"], newest["what"], newest["of"], newest["state"]) == (4, "rolled back", 1, "RUNNING")
    # And to what did not run.
    assert (await worker.client.post("/v1/connectors/s/rollback", json={"version": 3})).status_code == 200
    await worker.until_state("s", State.STOPPED, tasks=0)
    assert worker.herder.info("s").config["topic"] == "others"


async def test_a_deleted_connector_has_a_history_and_comes_back(worker: RunningWorker, tmp_path: Path) -> None:
    config = file_source(tmp_path)
    await put(worker, config)
    await worker.client.put("/connectors/s/pause")
    await worker.client.delete("/connectors/s")
    assert [one["what"] for one in await history(worker.client)] == ["created", "paused", "deleted"]
    listed = (await worker.client.get("/v1/history")).json()["connectors"]
    assert [(one["name"], one["version"], one["exists"]) for one in listed] == [("s", 3, False)]
    refused = await worker.client.post("/v1/connectors/s/rollback", json={"version": 3})
    assert_error(refused, 400, "its deletion")
    answer = await worker.client.post("/v1/connectors/s/rollback", json={"version": 2})
    assert answer.status_code == 201
    await worker.until_state("s", State.PAUSED)
    assert worker.herder.info("s").config == {**config, "name": "s"}


async def test_to_list_what_has_a_history_reads_one_version_of_each(
    worker: RunningWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for topic in ("a", "b", "c"):
        await put(worker, file_source(tmp_path, topic=topic))
    read, entry = [], ConfigHistory.entry
    monkeypatch.setattr(
        ConfigHistory, "entry", lambda history, name, version: (read.append(version), entry(history, name, version))[1]
    )
    listed = (await worker.client.get("/v1/history")).json()["connectors"]
    assert [(one["name"], one["version"]) for one in listed] == [("s", 3)]
    assert read == [3], "of thousands of connectors all versions took the event loop for seconds"


async def test_a_rollback_over_a_change_that_was_not_seen_is_refused(worker: RunningWorker, tmp_path: Path) -> None:
    etag = (await put(worker, file_source(tmp_path))).headers["etag"]
    await put(worker, file_source(tmp_path, topic="others"))
    answer = await worker.client.post("/v1/connectors/s/rollback", json={"version": 1}, headers={"If-Match": etag})
    assert_error(answer, 412)
    assert worker.herder.info("s").config["topic"] == "others"


async def test_a_rollback_over_a_pause_that_was_not_seen_is_refused(worker: RunningWorker, tmp_path: Path) -> None:
    await put(worker, file_source(tmp_path))
    await put(worker, file_source(tmp_path, topic="others"))
    etag, newest = (await worker.client.get(CONFIG)).headers["etag"], (await history(worker.client))[-1]["version"]
    await worker.client.put("/connectors/s/pause")
    await worker.until_state("s", State.PAUSED, tasks=1)
    body = {"version": 1, "newest": newest}
    answer = await worker.client.post("/v1/connectors/s/rollback", json=body, headers={"If-Match": etag})
    assert_error(answer, 412, "at version 2", "is at version 3")
    assert answer.headers["x-connect-error-code"] == "connector.precondition_failed"
    assert worker.herder.info("s").config["topic"] == "others"
    body["newest"] += 1
    answer = await worker.client.post("/v1/connectors/s/rollback", json=body, headers={"If-Match": etag})
    assert answer.status_code == 200
    await worker.until_state("s", State.RUNNING, tasks=1)


async def test_a_rollback_to_a_config_that_is_not_right_any_more_changes_nothing(
    worker: RunningWorker, tmp_path: Path
) -> None:
    await put(worker, file_source(tmp_path))
    await put(worker, file_source(tmp_path, topic="others"))
    store = worker.herder._configs
    assert store.history is not None
    bad = {**worker.herder.info("s").config, "connector.class": "not.There"}
    await store.history.add("s", "changed", "STARTED", bad)
    answer = await worker.client.post("/v1/connectors/s/rollback", json={"version": 3})
    assert_error(answer, 400, "not.There")
    assert worker.herder.info("s").config["topic"] == "others"


async def test_without_a_history_it_is_said_how_to_have_one(tmp_path: Path) -> None:
    async with running_worker(tmp_path, config_history_versions="0") as worker:
        await put(worker, file_source(tmp_path))
        for path in ("/v1/history", "/v1/connectors/s/history", "/v1/connectors/s/history/diff?from=1"):
            answer = await worker.client.get(path)
            assert_error(answer, 409, "config.history.versions")
            assert answer.headers["x-connect-error-code"] == "history.off"
        assert "connect-configs-history" not in await worker.herder.cluster.admin.list_topics()
