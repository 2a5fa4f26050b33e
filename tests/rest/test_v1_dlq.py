"""/v1/dlq: dead letters over REST."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.dead_letters import file_sink, letter, lines, produce, started
from tests.support.worker import RunningWorker, running_worker

MEND = [{"op": "replace", "path": "/value", "value": {"n": 2}}]


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[RunningWorker]:
    async with running_worker(tmp_path, offset_flush_interval_ms="50") as running:
        yield running


async def ended(worker: RunningWorker, path: str, body: dict[str, Any]) -> dict[str, Any]:
    began = await worker.client.post(path, json=body)
    assert began.status_code == 202, began.text
    found = await worker.client.get(f"/v1/dlq-operations/{began.json()['id']}", params={"wait_ms": 10_000})
    result: dict[str, Any] = found.json()
    assert result["state"] == "done", result
    return result


async def test_letters_are_counted_listed_shown_mended_and_replayed(worker: RunningWorker, tmp_path: Path) -> None:
    await produce(worker, b'{"n": 1}', b"{n: 2", b"{n: 3")
    await started(worker, file_sink(tmp_path), records=3)
    queues = (await worker.client.get("/v1/dlq")).json()["queues"]
    assert queues == [{"topic": "dead", "connectors": ["s"], "size": 2}]
    causes = (await worker.client.get("/v1/dlq/dead")).json()
    assert (causes["open"], causes["next"], len(causes["causes"])) == (2, None, 1)
    cause = causes["causes"][0]
    told = (cause["code"], cause["stage"], cause["count"], cause["sample"], cause["connectors"])
    assert told == ("data.invalid", "VALUE_CONVERTER", 2, "dead-0@0", ["s"])
    rows = (await worker.client.get("/v1/dlq/dead/letters", params={"where": "offset = 2"})).json()["letters"]
    assert [(row["letter"], row["topic"], row["offset"], row["state"]) for row in rows] == [
        ("dead-0@1", "orders", 2, "open")
    ]
    shown = (await worker.client.get("/v1/dlq/dead/letters/0/0")).json()
    assert '"value":"{n: 2"' in shown["record"]
    assert "serialization error" in shown["undecoded"]
    dry = await ended(worker, "/v1/dlq/dead/replay", {"patch": MEND, "dry_run": True})
    assert (dry["done"], len(dry["previews"])) == (2, 2)
    done = await ended(worker, "/v1/dlq/dead/replay", {"patch": MEND, "where": "offset = 1"})
    assert (done["done"], done["matched"]) == (1, 1)
    await worker.until(lambda: worker.records("s") == 4)
    gone = await ended(worker, "/v1/dlq/dead/discard", {"reason": "a test"})
    assert gone["done"] == 1
    assert lines(tmp_path) == ['{"n":1}', '{"n":2}']
    every = (await worker.client.get("/v1/dlq/dead/letters", params={"all": "true"})).json()["letters"]
    assert [row["state"] for row in every] == ["replayed", "discarded"]
    settled = (await worker.client.get("/v1/dlq/dead/letters/0/1")).json()["settled_by"]
    assert (settled["kind"], settled["reason"]) == ("discarded", "a test")
    listed = (await worker.client.get("/v1/dlq-operations")).json()["operations"]
    assert [(one["kind"], one["dry_run"], one["previews"]) for one in listed] == [
        ("discard", False, []), ("replay", False, []), ("replay", True, []),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "body", "status", "mentions"),
    [
        ("replay", {"where": "code ="}, 400, "a value is expected"),
        ("replay", {"patch": [{"op": "add", "path": "/value/a"}]}, 400, "operation 1 of the patch"),
        ("replay", {"transforms": {"topics": "x"}}, 400, "belongs to no transform"),
        ("replay", {"wher": "x"}, 400, "unknown member 'wher'"),
        ("replay", {"max_replays": 0}, 400, "'max_replays' is 0"),
        ("replay", {"to": "none"}, 404, "none"),
        ("discard", {}, 400, "'reason' is missing"),
        ("discard", {"reason": ""}, 400, "a reason of 1 to 1000"),
    ],
)
async def test_what_is_asked_wrongly_is_refused_and_nothing_is_done(
    worker: RunningWorker, path: str, body: dict[str, Any], status: int, mentions: str
) -> None:
    await letter(worker, b"1")
    refused = await worker.client.post(f"/v1/dlq/dead/{path}", json=body)
    assert (refused.status_code, mentions in refused.json()["message"]) == (status, True), refused.text
    assert (await worker.client.get("/v1/dlq-operations")).json() == {"operations": []}


async def test_what_is_not_there_is_404(worker: RunningWorker) -> None:
    await letter(worker, b"1")
    for path in ("/v1/dlq/none", "/v1/dlq/none/letters", "/v1/dlq/dead/letters/0/9", "/v1/dlq-operations/none"):
        assert (await worker.client.get(path)).status_code == 404, path
    assert (await worker.client.post("/v1/dlq/none/replay", json={})).status_code == 404
    assert (await worker.client.delete("/v1/dlq-operations/none")).status_code == 404
    bad = await worker.client.get("/v1/dlq/dead", params={"from": "x"})
    assert (bad.status_code, bad.headers["X-Connect-Error-Code"]) == (400, "request.invalid")


async def test_a_secret_of_a_fix_is_in_no_answer(worker: RunningWorker) -> None:
    await worker.herder.cluster.admin.create_topic("mended")
    await letter(worker, b"{}")
    patch = [{"op": "add", "path": "/value/password", "value": "sehrgeheim"}]
    done = await ended(worker, "/v1/dlq/dead/replay", {"patch": patch, "to": "mended"})
    assert (done["done"], done["error"]) == (1, None)
    assert "sehrgeheim" not in (await worker.client.get("/v1/dlq-operations")).text
    assert await worker.values("mended") == [b'{"password":"sehrgeheim"}']


async def test_numbers_of_a_patch_keep_their_digits(worker: RunningWorker) -> None:
    await worker.herder.cluster.admin.create_topic("mended")
    await letter(worker, b'{"n":1}')
    body = b'{"to":"mended","patch":[{"op":"replace","path":"/value/n","value":[12345678901234567890123,1.10]}]}'
    began = await worker.client.post("/v1/dlq/dead/replay", content=body, headers={"Content-Type": "application/json"})
    await worker.client.get(f"/v1/dlq-operations/{began.json()['id']}", params={"wait_ms": 10_000})
    assert await worker.values("mended") == [b'{"n":[12345678901234567890123,1.10]}']
    twice = b'{"patch":[{"op":"test","op":"add","path":"/value/n","value":1}]}'
    refused = await worker.client.post(
        "/v1/dlq/dead/replay", content=twice, headers={"Content-Type": "application/json"}
    )
    assert (refused.status_code, "a name stands there twice" in refused.text) == (400, True)
