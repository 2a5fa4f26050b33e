"""What plugins ask of their context is kept until the task's loop takes it."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import PluginError
from connect.records import TopicPartition
from connect.runtime.tasks.context import ConnectorContextImpl, SinkTaskContextImpl, SourceTaskContextImpl

T0, T1 = TopicPartition("t", 0), TopicPartition("t", 1)


@pytest.fixture
def context() -> SinkTaskContextImpl:
    made = SinkTaskContextImpl("k", 0)
    made.assigned = frozenset({T0, T1})
    return made


def test_the_assignment_is_plain_pairs(context: SinkTaskContextImpl) -> None:
    assert context.assignment == {("t", 0), ("t", 1)}


def test_what_was_asked_for_is_taken_once(context: SinkTaskContextImpl) -> None:
    context.seek("t", 0, 5)
    context.pause(("t", 1))
    assert context.has_wishes
    assert context.take() == ({T0: 5}, {T1: True})
    assert context.take() == ({}, {})
    assert not context.has_wishes


def test_a_partition_that_is_paused_or_sought_is_held_at_once(context: SinkTaskContextImpl) -> None:
    assert not context.is_holding
    context.seek("t", 0, 5)
    context.pause(("t", 1))
    assert context.holds("t", 0)
    assert context.holds("t", 1)
    context.take()
    assert not context.holds("t", 0)
    assert context.holds("t", 1)
    context.resume(("t", 1))
    assert not context.is_holding


def test_the_last_word_of_a_plugin_counts(context: SinkTaskContextImpl) -> None:
    context.pause(("t", 0))
    context.resume(("t", 0))
    assert context.take()[1] == {T0: False}


def test_where_the_target_is_gives_way_to_what_the_plugin_has_sought(context: SinkTaskContextImpl) -> None:
    context.seek("t", 0, 5)
    context.resume_from(T0, 1)
    context.resume_from(T1, 2)
    assert context.take()[0] == {T0: 5, T1: 2}


@pytest.mark.parametrize("offset", [-1, "5", 1.0, True, None])
def test_a_seek_to_no_offset_is_refused_where_it_is_asked_for(context: SinkTaskContextImpl, offset: Any) -> None:
    with pytest.raises(PluginError, match=r"seek of t-0 to .*; expected an offset of 0 or more"):
        context.seek("t", 0, offset)


def test_nothing_is_kept_of_a_partition_that_is_taken_away(context: SinkTaskContextImpl) -> None:
    context.seek("t", 0, 5)
    context.pause(("t", 0))
    context.forget([T0])
    assert not context.is_holding
    assert context.take() == ({}, {})


def test_a_source_asks_for_its_committed_offsets_and_has_no_transaction_yet() -> None:
    woken: list[bool] = []
    stored = {"x": {"n": 7}}
    context = SourceTaskContextImpl("s", 2, lambda at: stored.get(at["f"]), lambda: woken.append(True))
    assert context.offset({"f": "x"}) == {"n": 7}
    assert context.offset({"f": "y"}) is None
    assert (context.connector, context.task, context.transaction) == ("s", 2, None)
    context.wakeup()
    assert woken == [True]


def test_a_connector_asks_and_fails_through_whoever_runs_it() -> None:
    heard: list[Any] = []
    context = ConnectorContextImpl("c", reconfigure=lambda: heard.append("again"), fail=heard.append)
    error = ValueError("x")
    context.request_task_reconfiguration()
    context.raise_error(error)
    assert heard == ["again", error]
