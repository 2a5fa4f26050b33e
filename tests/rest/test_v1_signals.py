from __future__ import annotations

from pathlib import Path

import pytest

from connect.api import ConfigError, EnvironmentFault, Signal, SinkTask, SourceConnector, SourceTask
from connect.api.connector import SIGNAL_REFUSED
from tests.support.odd_plugins import Journal, register, sink, source
from tests.support.worker import RunningWorker, running_worker

PATH = "/v1/connectors/c/signals"


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path) as running:
        yield running


class Idle(SourceTask):
    def poll(self) -> None:
        self.context.stopping.wait(1)


def taking(journal: Journal, error: Exception | None = None) -> type[SourceConnector]:
    def signal(self: SourceConnector, given: Signal) -> None:
        journal((self.config.originals["place"], given))
        if error is not None:
            raise error

    return type("Takes", (source(Idle),), {"signal": signal})


async def create(worker: RunningWorker, plugin: type) -> None:
    register(worker.herder, plugin)
    assert await worker.herder.create("c", {"connector.class": plugin.class_name, "topics": "t", "place": "here"})


async def test_a_signal_comes_to_the_connector_as_it_was_sent(worker: RunningWorker) -> None:
    journal = Journal()
    await create(worker, taking(journal))
    answer = await worker.client.post(PATH, json={"id": "again", "type": "execute-snapshot", "data": {"tables": ["t"]}})
    assert (answer.status_code, answer.json()) == (202, {"id": "again", "type": "execute-snapshot"})
    assert list(journal) == [("here", Signal("again", "execute-snapshot", {"tables": ["t"]}))]


async def test_a_signal_without_an_id_is_given_one_of_its_own(worker: RunningWorker) -> None:
    journal = Journal()
    await create(worker, taking(journal))
    ids = {(await worker.client.post(PATH, json={"type": "log"})).json()["id"] for _ in range(2)}
    assert {signal.id for _, signal in journal} == ids
    assert len(ids) == 2


async def test_a_signal_comes_to_a_connector_in_any_state(worker: RunningWorker) -> None:
    journal = Journal()
    await create(worker, taking(journal))
    await worker.client.put("/connectors/c/stop")
    assert (await worker.client.post(PATH, json={"type": "log"})).status_code == 202


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ConfigError("no table t", code=SIGNAL_REFUSED), 400, SIGNAL_REFUSED),
        (EnvironmentFault("the server is away"), 503, "environment.fault"),
        (ValueError("odd"), 500, "plugin.failed"),
    ],
)
async def test_what_the_connector_says_against_a_signal_is_the_answer(
    worker: RunningWorker, error: Exception, status: int, code: str
) -> None:
    await create(worker, taking(Journal(), error))
    answer = await worker.client.post(PATH, json={"type": "log"})
    assert (answer.status_code, answer.headers.get("x-connect-error-code")) == (status, code)
    assert "connector 'c'" in answer.json()["message"]
    assert str(error) in answer.json()["message"]


async def test_connectors_that_take_no_signals_say_so(worker: RunningWorker) -> None:
    await create(worker, source(Idle))
    answer = await worker.client.post(PATH, json={"type": "log"})
    assert (answer.status_code, answer.headers.get("x-connect-error-code")) == (400, SIGNAL_REFUSED)
    assert "takes no signals" in answer.json()["message"]


async def test_signals_are_for_sources(worker: RunningWorker) -> None:
    await create(worker, sink(SinkTask))
    answer = await worker.client.post(PATH, json={"type": "log"})
    assert (answer.status_code, answer.headers.get("x-connect-error-code")) == (400, SIGNAL_REFUSED)
    assert "is a sink" in answer.json()["message"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "member 'type' is missing"),
        ({"type": ""}, "'type'"),
        ({"type": 5}, "member 'type' is int; text is expected"),
        ({"type": "log", "data": []}, "member 'data' is list; an object is expected"),
        ({"type": "log", "id": 5}, "member 'id' is int; text is expected"),
        ({"type": "log", "dta": {}}, "unknown member 'dta'; id, type and data are known"),
    ],
)
async def test_a_body_that_is_no_signal_is_refused(worker: RunningWorker, body: object, told: str) -> None:
    journal = Journal()
    await create(worker, taking(journal))
    answer = await worker.client.post(PATH, json=body)
    assert (answer.status_code, answer.headers.get("x-connect-error-code")) == (400, "request.invalid")
    assert told in answer.json()["message"]
    assert list(journal) == []


async def test_nobody_takes_a_signal_for_a_connector_that_is_not_there(worker: RunningWorker) -> None:
    answer = await worker.client.post(PATH, json={"type": "log"})
    assert (answer.status_code, answer.headers.get("x-connect-error-code")) == (404, "connector.not_found")
