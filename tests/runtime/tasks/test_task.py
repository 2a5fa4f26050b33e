"""What source and sink tasks share: a life around the loop that always ends in a state, with everything released."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from connect.api import ConfigError, RetriableError, SourceTask
from connect.runtime import secrets
from connect.runtime.model import State, TaskId
from connect.runtime.tasks.asked import wait_idle
from connect.runtime.tasks.task import render_trace
from tests.support.odd_plugins import Journal, register, source
from tests.support.worker import STRING, RunningWorker, running_worker, until

CONFIG = {"connector.class": "test.Odd", "key.converter": STRING, "value.converter": STRING}
CONFIG |= {"errors.restart.policy": "none", "errors.retry.delay.max.ms": "1"}


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path) as running:
        yield running


async def run(worker: RunningWorker, task: type[SourceTask], **config: str) -> None:
    register(worker.herder, source(task))
    await worker.herder.create("s", {**CONFIG, **config})


def runner(worker: RunningWorker) -> Any:
    return worker.herder._worker.runner(TaskId("s", 0))


def test_a_failure_is_shown_with_its_cause_first_then_what_to_do_then_the_trace() -> None:
    try:
        raise ConfigError("no such table", hint="Create it.")
    except ConfigError as error:
        lines = render_trace(error).splitlines()
    assert lines[:3] == ["no such table [config.invalid]", "hint: Create it.", "Traceback (most recent call last):"]


def test_a_failure_is_shown_without_secrets() -> None:
    secrets.add(["hunter2-of-this-test"])
    assert "hunter2-of-this-test" not in render_trace(ValueError("cannot log in with hunter2-of-this-test"))


class Waits(SourceTask):
    journal: Journal

    def poll(self) -> None:
        self.context.stopping.wait(0.01)

    def stop(self) -> None:
        self.journal("stop")

    def close(self) -> None:
        self.journal("close")


def of(journal: Journal, **members: Any) -> type[SourceTask]:
    return type("Odd", (Waits,), {"journal": journal, **members})


async def test_a_start_that_may_work_later_is_made_again(worker: RunningWorker) -> None:
    journal = Journal()

    def start(self: Waits) -> None:
        journal("start")
        if journal.count("start") < 3:
            raise RetriableError("away", retry_after_ms=1)

    await run(worker, of(journal, start=start))
    await worker.until_state("s", State.RUNNING, tasks=1)
    assert list(journal) == ["start"] * 3


async def test_a_stop_ends_the_wait_for_another_start(worker: RunningWorker) -> None:
    journal = Journal()

    def start(self: Waits) -> None:
        journal("start")
        raise RetriableError("away", retry_after_ms=60_000)

    await run(worker, of(journal, start=start))
    await until(lambda: journal.count("start") == 1)
    await worker.herder.stop("s")
    await worker.until_state("s", State.STOPPED, tasks=0)
    assert list(journal) == ["start", "stop", "close"]


async def test_a_stop_that_fails_keeps_neither_close_nor_the_log_from_being_released(worker: RunningWorker) -> None:
    journal = Journal()

    def stop(self: Waits) -> None:
        journal("stop")
        raise SystemExit(3)

    await run(worker, of(journal, stop=stop))
    await worker.until_state("s", State.RUNNING, tasks=1)
    task = runner(worker)
    await worker.herder.stop("s")
    await worker.until_state("s", State.STOPPED, tasks=0)
    assert list(journal) == ["stop", "close"]
    assert task._log_released


async def test_a_config_that_the_task_refuses_fails_it_and_closes_what_was_made(worker: RunningWorker) -> None:
    journal = Journal()

    def configure(self: Waits, config: Any) -> None:
        raise ConfigError("these keys make no sense together", config_path="a")

    await run(worker, of(journal, configure=configure))
    trace = await worker.until_failed("s")
    assert trace.startswith("these keys make no sense together [config.invalid]")
    await until(lambda: "close" in journal)


async def test_a_task_that_ends_without_being_asked_is_failed(worker: RunningWorker) -> None:
    await run(worker, of(Journal()))
    await worker.until_state("s", State.RUNNING, tasks=1)
    worker.herder._worker._tasks[TaskId("s", 0)][1].cancel()
    trace = await worker.until_failed("s")
    assert trace.startswith("the task was cancelled by code that is not the worker's")


async def test_a_stop_ends_a_wait_for_nothing_at_once(worker: RunningWorker) -> None:
    await run(worker, of(Journal()))
    await worker.until_state("s", State.RUNNING, tasks=1)
    task = runner(worker)
    waiting = asyncio.create_task(wait_idle(3600, task._idling.is_woken))
    await asyncio.sleep(0)
    task.stop()
    async with asyncio.timeout(30):
        await waiting
    assert await task.asked.wait_stopping(3600)


async def test_a_paused_task_shows_so_and_goes_on_where_it_was(worker: RunningWorker) -> None:
    await run(worker, of(Journal()))
    await worker.until_state("s", State.RUNNING, tasks=1)
    task = runner(worker)
    await worker.herder.pause("s")
    await worker.until_state("s", State.PAUSED, tasks=1)
    await worker.herder.resume("s")
    await worker.until_state("s", State.RUNNING, tasks=1)
    assert runner(worker) is task


async def test_what_the_log_holds_up_is_told_though_the_plugin_goes_on_meanwhile(worker: RunningWorker) -> None:
    journal = Journal()

    def poll(self: Waits) -> None:
        journal("poll")
        self.context.stopping.wait(0.01)

    await run(worker, of(journal, poll=poll))
    await until(lambda: "poll" in journal)
    task, error = runner(worker), RetriableError("the disk is full")
    waiting = asyncio.create_task(task.retry_wait(error, 0, wait_ms=60_000, doing="append to topic 't'"))
    polls = journal.count("poll")
    await until(lambda: journal.count("poll") > polls + 2)
    assert task.progress().waiting_for == "the disk is full"
    await worker.herder.stop("s")
    assert not await waiting
    assert task.progress().waiting_for is None
