from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from connect.api import ConfigError, SourceTask
from connect.runtime.border.calls import PluginTimeoutError
from connect.runtime.instances import ask
from tests.support.odd_plugins import Journal, register, source
from tests.support.worker import RunningWorker, running_worker


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path) as running:
        yield running


async def asked(worker: RunningWorker, plugin: type, *args: Any, timeout_s: float = 5.0) -> Any:
    register(worker.herder, plugin)
    return await ask(
        worker.herder.plugins,
        "c",
        {"connector.class": "test.Odd", "place": "here"},
        "question",
        *args,
        answer=lambda made, said: (type(made).__name__, said),
        doing="answer",
        otherwise="nothing came of it",
        timeout_s=timeout_s,
        watchdog=None,
    )


def answering(question: Any, **members: Any) -> type:
    return type("Odd", (source(SourceTask),), {"question": question, **members})


async def test_an_instance_is_configured_asked_and_closed_and_never_started(worker: RunningWorker) -> None:
    journal = Journal()
    plugin = answering(
        lambda self, what: f"{what} {self.config.originals['place']}",
        start=lambda self: journal("start"),
        close=lambda self: journal("close"),
    )
    assert await asked(worker, plugin, "over") == ("Odd", "over here")
    assert list(journal) == ["close"]


async def test_a_question_may_be_answered_on_the_event_loop(worker: RunningWorker) -> None:
    async def question(self: Any) -> str:
        return "later"

    assert await asked(worker, answering(question)) == ("Odd", "later")


async def test_what_goes_wrong_names_the_connector_and_what_holds_then(worker: RunningWorker) -> None:
    def refuses(self: Any) -> None:
        raise ConfigError("not so")

    with pytest.raises(ConfigError) as caught:
        await asked(worker, answering(refuses))
    assert caught.value.message == "connector 'c': not so"


async def test_an_instance_that_does_not_come_back_is_left_behind_and_closed_later(worker: RunningWorker) -> None:
    plugin = answering(lambda self: self.context.stopping.wait(30))
    began = time.monotonic()
    with pytest.raises(PluginTimeoutError, match=r"connector 'c' did not answer within 0\.05 s; nothing came of it"):
        await asked(worker, plugin, timeout_s=0.05)
    assert time.monotonic() - began < 10
