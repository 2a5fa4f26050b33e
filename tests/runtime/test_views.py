"""What the herder can tell, cheaply and without changing anything."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from connect.api import Config, NotFoundError, Secret, SourceConnector, SourceTask, config_key
from connect.runtime.model import State
from connect.runtime.views import ForbiddenError
from tests.support.odd_plugins import register
from tests.support.worker import STRING, RunningWorker, running_worker


class Keys(Config):
    password: Secret = config_key("A secret.", default="")


class Waits(SourceTask):
    gate = threading.Event()

    def poll(self) -> None:
        self.context.waiting_for = "the file x"
        self.context.stopping.wait(0.01)


class Waiting(SourceConnector):
    class_name = "test.WaitingConnector"
    config_class, task_class = Keys, Waits


CONFIG = {"connector.class": "test.WaitingConnector", "value.converter": STRING, "password": "s3cret"}


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path) as running:
        register(running.herder, Waiting)
        await running.herder.create("c", CONFIG)
        await running.until_state("c", State.RUNNING, tasks=1)
        yield running


async def test_answers_are_the_same_objects_while_nothing_changes(worker: RunningWorker) -> None:
    herder = worker.herder
    info, status = herder.info("c"), herder.status("c")
    assert herder.info("c") is info
    assert herder.status("c") is status
    await herder.pause("c")
    await worker.until_state("c", State.PAUSED, tasks=1)
    assert herder.info("c") is info
    assert herder.status("c") is not status


async def test_a_connector_is_told_with_its_config_in_clear_and_its_tasks_without_secrets(
    worker: RunningWorker,
) -> None:
    assert worker.herder.info("c").config["password"] == "s3cret"
    [task] = worker.herder.tasks("c")
    assert task.config["password"] != "s3cret"
    assert task.config["task.class"] == "test.WaitingTask"


async def test_what_is_not_there_is_not_found_by_its_name(worker: RunningWorker) -> None:
    for look, code in [
        (lambda: worker.herder.info("none"), "connector.not_found"),
        (lambda: worker.herder.status("none"), "connector.not_found"),
        (lambda: worker.herder.tasks("none"), "connector.not_found"),
        (lambda: worker.herder.task_status("c", 7), "task.not_found"),
    ]:
        with pytest.raises(NotFoundError) as raised:
            look()
        assert raised.value.code == code


async def test_progress_says_what_a_task_waits_for_in_the_state_that_its_status_shows(worker: RunningWorker) -> None:
    def waiting() -> bool:
        [progress] = worker.herder.progress()
        return (progress.state, progress.waiting_for) == (State.RUNNING, "the file x")

    await worker.until(waiting)


async def test_topics_are_told_only_where_they_are_tracked(tmp_path: Path) -> None:
    async with running_worker(tmp_path, topic_tracking_enable="false") as worker:
        with pytest.raises(ForbiddenError, match=r"topic\.tracking\.enable is false") as raised:
            worker.herder.active_topics("c")
        assert raised.value.status == 403


async def test_validation_fills_in_secrets_that_were_shown_as_hidden(worker: RunningWorker) -> None:
    hidden = worker.herder.tasks("c")[0].config["password"]
    filled, unknown = worker.herder.filled({"name": "c", **CONFIG, "password": hidden})
    assert (filled["password"], unknown) == ("s3cret", [])
    infos = await worker.herder.validate("test.WaitingConnector", {"name": "c", **CONFIG})
    assert infos.error_count == 0
    assert "password" in [key.name for key in worker.herder.plugin_config("test.WaitingConnector")]
