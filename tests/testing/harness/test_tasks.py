from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connect.api import Config, Record, SinkConnector, SinkTask, SourceConnector, SourceTask
from connect.testing import SinkHarness, SourceHarness

EVENTS: list[str] = []


class Connector:
    def start(self) -> None:
        EVENTS.append("connector starts")

    def stop(self) -> None:
        EVENTS.append("connector stops")


class Task:
    def start(self) -> None:
        EVENTS.append("task starts")

    def stop(self) -> None:
        EVENTS.append("task stops")


class GiveTask(Task, SourceTask[Config]):
    def poll(self) -> None:
        """Give nothing."""


class Give(Connector, SourceConnector[Config]):
    task_class = GiveTask


class TakeTask(Task, SinkTask[Config]):
    def put(self, records: list[Record]) -> None:
        """Take all."""


class Take(Connector, SinkConnector[Config]):
    task_class = TakeTask


def source(**options: Any) -> SourceHarness:
    return SourceHarness(Give, {}, **options)


def sink(**options: Any) -> SinkHarness:
    return SinkHarness(Take, {}, **options)


KINDS = pytest.mark.parametrize("make", [source, sink])
STARTS, STOPS = ["connector starts", "task starts"], ["task stops", "connector stops"]


@KINDS
def test_a_task_starts_behind_its_connector_and_stops_in_front_of_it(make: Callable[..., Any]) -> None:
    EVENTS.clear()
    with make() as harness:
        assert EVENTS == STARTS
        harness.stop()
        harness.stop()  # once more is nothing
        assert EVENTS == STARTS + STOPS
        with pytest.raises(AssertionError, match="restart after a stop"):
            harness.call("commit")
    assert EVENTS == STARTS + STOPS


@KINDS
def test_a_crash_stops_nothing_and_starts_both(make: Callable[..., Any]) -> None:
    EVENTS.clear()
    with make() as harness:
        crashed = harness.task, harness.connector
        harness.crash()
        assert EVENTS == STARTS * 2
        assert crashed[0] is not harness.task
        assert crashed[1] is not harness.connector
    assert EVENTS == STARTS * 2 + STOPS


@KINDS
def test_what_was_not_entered_says_how_it_is_used(make: Callable[..., Any]) -> None:
    for look in ("connector", "task", "loop"):
        with pytest.raises(AssertionError, match="use it as a context manager"):
            getattr(make(), look)


@KINDS
def test_a_task_that_there_is_not_stops_the_connector_that_was_started(make: Callable[..., Any]) -> None:
    EVENTS.clear()
    with pytest.raises(AssertionError, match="there is no task 3"), make(task=3):
        pytest.fail("it started")
    assert EVENTS == ["connector starts", "connector stops"]


@KINDS
def test_one_that_is_in_use_is_not_entered_a_second_time(make: Callable[..., Any]) -> None:
    with make() as harness:
        with pytest.raises(AssertionError, match="in use"), harness:
            pytest.fail("entered twice")
        assert harness.task is not None
    with harness:
        assert harness.task is not None
