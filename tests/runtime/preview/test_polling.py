"""A source at work for a preview: which is run, and how its connector's and its own calls follow one another."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from connect.api import ConfigError, ConnectError, Record, SourceConnector, SourceTask
from connect.runtime.border.watchdog import Watchdog
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginDesc
from connect.runtime.preview.polling import Polled, check_effects
from connect.runtime.preview.room import Room

CALLS: list[str] = []


class Task(SourceTask):
    previews: ClassVar[bool] = True

    async def start(self) -> None:
        CALLS.append(f"task.start {self.config.originals['share']}")

    async def poll(self) -> list[Record]:
        return [Record("t", "a"), Record("t", "b")]

    def stop(self) -> None:
        CALLS.append("task.stop")

    def close(self) -> None:
        CALLS.append("task.close")


class Source(SourceConnector):
    class_name = "test.Source"
    task_class = Task

    def start(self) -> None:
        CALLS.append("start")
        if self.config.originals.get("away"):
            self.context.waiting_for = "a server"

    def task_configs(self, max_tasks: int) -> list[dict[str, str]]:
        assert max_tasks == 1
        return [] if self.config.originals.get("away") else [{"share": "all"}]

    def stop(self) -> None:
        CALLS.append("stop")


class Silent(Task):
    previews: ClassVar[bool] = False


class SilentSource(Source):
    task_class = Silent


def desc(cls: type[SourceConnector]) -> PluginDesc:
    return PluginDesc(cls, PluginKind.SOURCE, "test")


async def test_connector_and_task_are_started_and_stopped_in_their_order() -> None:
    CALLS.clear()
    room = Room("s", "test.Source", Watchdog(), 5)
    polled = Polled(room, desc(Source), "s", {"name": "s"}, lambda partition: None)
    task = await polled.start()
    assert task is not None
    batches = await polled.poll(task)
    assert [batch.values for batch in batches or ()] == [["a"], ["b"]]
    await room.release()
    assert CALLS == ["start", "task.start all", "task.stop", "task.close", "stop"]


async def test_a_connector_that_waits_and_has_no_work_says_for_what() -> None:
    room = Room("s", "test.Source", Watchdog(), 5)
    polled = Polled(room, desc(Source), "s", {"name": "s", "away": "1"}, lambda partition: None)
    with pytest.raises(ConnectError) as caught:
        await polled.start()
    assert (caught.value.code, "a server" in caught.value.message) == ("preview.waiting", True)
    await room.release()


class StubbornSource(Source):
    def stop(self) -> None:
        raise ValueError("it does not want to")

    def close(self) -> None:
        CALLS.append("close")


async def test_a_connector_whose_stop_fails_is_closed_all_the_same() -> None:
    CALLS.clear()
    room = Room("s", "test.Source", Watchdog(), 5)
    await Polled(room, desc(StubbornSource), "s", {"name": "s"}, lambda partition: None).start()
    await room.release()
    assert CALLS == ["start", "task.start all", "task.stop", "task.close", "close"]


def test_only_what_says_that_nothing_stays_is_run() -> None:
    check_effects(desc(Source), allow_effects=False)
    check_effects(desc(SilentSource), allow_effects=True)
    with pytest.raises(ConfigError) as caught:
        check_effects(desc(SilentSource), allow_effects=False)
    assert caught.value.code == "preview.effects"


def test_the_bundled_sources_say_so() -> None:
    from connect_datagen import DatagenConnector
    from connect_file import FileStreamSourceConnector
    from connect_postgres import JdbcSourceConnector, PostgresCdcSource

    sources: list[Any] = [DatagenConnector, FileStreamSourceConnector, JdbcSourceConnector, PostgresCdcSource]
    assert [source.task_class.previews for source in sources] == [True] * 4
