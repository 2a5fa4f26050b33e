from __future__ import annotations

import threading
from typing import Any

import pytest

from connect.api import Config, PluginError, SourceConnector, SourceTask, config_key
from connect.runtime.border.calls import PluginTimeoutError
from connect.testing import SourceHarness

EVENTS: list[str] = []


class OddConfig(Config):
    where: str = config_key("What fails: configure, start, stop, hang.", default="")


class OddTask(SourceTask[OddConfig]):
    def configure(self, config: Config) -> None:
        super().configure(config)
        EVENTS.append("configure")
        if self.config.where == "configure":
            raise OSError("no configure")

    def start(self) -> None:
        EVENTS.append("start")
        if self.config.where == "start":
            raise OSError("no start")
        if self.config.where == "hang":
            self.context.stopping.wait(5)

    def poll(self) -> Any:
        return None

    def stop(self) -> None:
        EVENTS.append("stop")
        if self.config.where in ("stop", "start"):
            raise OSError("no stop")

    def close(self) -> None:
        EVENTS.append("close")


class OddSource(SourceConnector[OddConfig]):
    task_class = OddTask


@pytest.mark.parametrize(
    ("where", "events"),
    [("configure", ["configure", "stop", "close"]), ("start", ["configure", "start", "stop", "close"])],
)
def test_what_does_not_start_is_stopped_and_its_first_error_counts(where: str, events: list[str]) -> None:
    EVENTS.clear()
    with pytest.raises(PluginError, match=f"no {where}"), SourceHarness(OddSource, {"where": where}):
        pytest.fail("it started")
    assert events == EVENTS


def test_a_plugin_that_cannot_stop_is_closed_all_the_same() -> None:
    EVENTS.clear()
    with pytest.raises(PluginError, match="no stop"), SourceHarness(OddSource, {"where": "stop"}):
        pass
    assert EVENTS == ["configure", "start", "stop", "close"]


def test_a_call_that_does_not_come_back_is_given_up_at_its_deadline() -> None:
    with (
        pytest.raises(PluginTimeoutError, match=r"start of .*OddTask did not return within 0\.2 s"),
        SourceHarness(OddSource, {"where": "hang"}, deadline_s=0.2),
    ):
        pytest.fail("it started")


def test_the_threads_of_plugins_end_with_their_harness() -> None:
    before = set(threading.enumerate())
    with SourceHarness(OddSource, {}) as harness:
        harness.poll()
        assert [thread for thread in threading.enumerate() if thread.name == "harness-harness-0"]
    assert set(threading.enumerate()) <= before
