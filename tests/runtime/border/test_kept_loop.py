from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from connect.cli.worker import run_loop
from connect.runtime.border import kept_loop, watchdog
from connect.runtime.connector_context import connector_context
from connect.runtime.worker import ConnectorRunner


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine as the command runs a worker; code of this module is a plugin's."""

    async def main() -> int:
        await asyncio.wait_for(work, 10)
        return 0

    assert run_loop(main()) == 0


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the tasks of this module for the worker's, while what it calls is a plugin's."""
    monkeypatch.setattr(kept_loop, "is_ours", lambda file: file == __file__ or watchdog.is_ours(file))


@pytest.mark.usefixtures("ours")
def test_the_workers_tasks_are_not_a_plugins_to_cancel(caplog: pytest.LogCaptureFixture) -> None:
    async def worker() -> None:
        work = asyncio.create_task(asyncio.Event().wait(), name="own")
        kept = asyncio.create_task(_forever(), name="kept")
        connector_context.set("[x|task-0] ")
        await asyncio.sleep(0)
        assert not kept.cancel()
        assert work.cancel()
        await asyncio.sleep(0)
        assert not kept.done()
        assert work.cancelled()
        assert "x|task-0 tried to cancel kept, and was refused" in caplog.text
        asyncio.Task.cancel(kept)

    run(worker())


@pytest.mark.usefixtures("ours")
def test_what_runs_a_plugin_is_its_own_to_cancel() -> None:
    async def worker() -> None:
        connector_context.set("[x|task-0] ")
        task = asyncio.create_task(_forever())
        await asyncio.sleep(0)
        assert task.cancel()
        await asyncio.sleep(0)
        assert task.cancelled()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await _forever()

    run(worker())


def test_what_the_worker_waits_for_by_the_standard_library_is_no_plugins_to_cancel() -> None:
    async def worker() -> None:
        runner: Any = SimpleNamespace(_interrupted=asyncio.Event())
        may_start = asyncio.Event()
        start = ConnectorRunner._unless_interrupted(runner, _started(may_start))
        starting = asyncio.create_task(start)
        await asyncio.sleep(0)
        connector_context.set("[x|task-0] ")
        waits = [task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__qualname__", "") == "Event.wait"]
        assert [task.cancel() for task in waits] == [False], "else a start would be taken for one that nobody wants"
        may_start.set()
        assert await starting == "started"

    run(worker())


def test_a_plugin_stops_neither_the_loop_nor_its_executor(caplog: pytest.LogCaptureFixture) -> None:
    async def worker() -> None:
        loop = asyncio.get_running_loop()
        loop.stop()
        await loop.shutdown_default_executor()
        assert await asyncio.to_thread(int, "5") == 5
        assert "a thread of a plugin tried to stop the event loop, and was refused" in caplog.text

    run(worker())


async def _started(may_start: asyncio.Event) -> str:
    await may_start.wait()
    return "started"


async def _forever() -> None:
    await asyncio.Event().wait()


@pytest.mark.usefixtures("ours")
def test_a_scope_of_anyio_ends_what_has_entered_it_as_the_timeout_of_an_http_client_does(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def worker() -> None:
        began = asyncio.get_running_loop().time()
        with anyio.move_on_after(0.05) as scope:
            await asyncio.sleep(5)
        assert scope.cancelled_caught and asyncio.get_running_loop().time() - began < 2

    run(worker())
    assert not caplog.records
