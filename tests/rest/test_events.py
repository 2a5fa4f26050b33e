from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import orjson
import pytest

from connect.api import EnvironmentFault
from connect.rest import events
from connect.rest.forwarding import LeaderClient
from connect.runtime.herder import Herder
from connect.runtime.model import State, TaskId, TaskProgress
from tests.support.doors import served_worker
from tests.support.events import events_of
from tests.support.logs import logged
from tests.support.worker import running_worker, until


def test_an_event_is_one_line_of_data() -> None:
    assert events.event("x", {"text": "a\nb\r\n\u2028"}) == b'event: x\ndata: {"text":"a\\nb\\r\\n\xe2\x80\xa8"}\n\n'


async def test_a_reader_behind_more_deletions_than_are_known_gets_a_new_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_GONE_MAX", 2)
    async with running_worker(tmp_path) as worker:
        hub = events.Hub(worker.herder, LeaderClient(worker.herder))
        floor = hub.enter({})
        try:
            await until(lambda: hub.version > floor)
            told: list[tuple[int, str]] = []
            for number in range(4):
                name = f"c{number}"
                config = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in"), "topic": "t"}
                await worker.herder.create(name, config)
                await until(lambda name=name: name in hub._rows.kept)
                told.append((hub.version, name))
                await worker.herder.delete(name)
                await until(lambda name=name: name not in hub._rows.kept)
            assert hub.since(told[0][0]).startswith(b"event: snapshot")
            newer = hub.since(told[3][0])
            assert newer.startswith(b"event: removed") and b'"names":["c3"]' in newer
        finally:
            hub.leave()


async def test_what_others_do_not_tell_is_named_once_and_the_looks_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def lags(self: Herder, *, since_s: float = 0.0) -> Any:
        raise EnvironmentFault("the brokers are away", code="environment.unreachable")

    monkeypatch.setattr(Herder, "lags", lags)
    monkeypatch.setattr(events, "_ASIDE_S", 0.01)
    async with served_worker(tmp_path) as worker, events_of(worker.urls[0]) as stream:
        assert (await stream.next())[0] == "snapshot"
        await until(lambda: logged(caplog, logging.WARNING))
        assert [line for line in logged(caplog, logging.WARNING) if "the brokers are away" in line][1:] == []


async def test_a_defect_in_what_is_asked_beside_the_looks_is_told_and_it_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[int] = []

    async def lags(self: Herder, *, since_s: float = 0.0) -> Any:
        asked.append(1)
        raise LookupError("a defect")

    monkeypatch.setattr(Herder, "lags", lags)
    monkeypatch.setattr(events, "_ASIDE_S", 0.01)
    async with served_worker(tmp_path) as worker, events_of(worker.urls[0]) as stream:
        assert (await stream.next())[0] == "snapshot"
        await until(lambda: len(asked) > 1)
        assert len([line for line in logged(caplog, logging.ERROR) if "older figures" in line]) == 1


async def test_a_look_that_fails_ends_the_streams_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Herder, "restarts", lambda self: 1 / 0)
    async with served_worker(tmp_path) as worker, events_of(worker.urls[0]) as stream:
        assert await stream.next() == ("end", {"code": "internal", "message": "ZeroDivisionError: division by zero"})
    assert any("the look at all connectors" in line for line in logged(caplog, logging.ERROR))


async def test_a_task_that_has_moved_here_is_not_counted_where_it_was(tmp_path: Path) -> None:
    config = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in"), "topic": "t"}
    async with running_worker(tmp_path) as worker:
        await worker.herder.create("c", config)
        await until(worker.herder.base.worker.runners)
        hub = events.Hub(worker.herder, LeaderClient(worker.herder))
        there = TaskProgress(TaskId("d", 0), State.RUNNING, 7)
        hub._others = [TaskProgress(TaskId("c", 0), State.RUNNING, 1_000_000), there]
        assert list(hub._records(worker.herder)) == [(TaskId("c", 0), 0), (TaskId("d", 0), 7)]


async def test_a_snapshot_is_made_once_for_all(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        hub = events.Hub(worker.herder, LeaderClient(worker.herder))
        floor = hub.enter({})
        await until(lambda: hub.version > floor)
        assert hub.since(0) is hub.since(floor)
        assert orjson.loads(hub.since(0).partition(b"data: ")[2])["connectors"] == []
        hub.leave()
        await hub.aclose()
