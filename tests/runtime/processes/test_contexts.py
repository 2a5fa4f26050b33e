from __future__ import annotations

import threading
from typing import Any

import pytest

from connect.api import PluginError
from connect.runtime.processes.contexts import ConnectorThere, SinkThere, SourceThere


class Wire:
    """Keeps what was told, and answers what is asked."""

    def __init__(self, **answers: Any) -> None:
        self.told: list[tuple[Any, ...]] = []
        self._answers = answers

    def note(self, *said: Any) -> None:
        self.told.append(said)

    def ask(self, what: str, *args: Any) -> Any:
        self.told.append((what, *args))
        return self._answers[what]


SAID = {"connector": "x", "task": 1}


def test_a_source_tells_what_it_wishes_and_only_what_is_new() -> None:
    wire = Wire(offset={"n": 3})
    context = SourceThere(SAID, wire.note, wire.ask, threading.Event())
    for _ in range(2):
        context.poll_wait_s = 0.5
        context.waiting_for = "the file"
        context.drained = True
    context.wakeup()
    context.request_commit()
    assert context.offset({"p": 1}) == {"n": 3}
    assert wire.told == [
        ("poll_wait_s", 0.5), ("waiting_for", "the file"), ("drained", True),
        ("wakeup",), ("request_commit",), ("offset", {"p": 1}),
    ]  # fmt: skip
    assert (context.connector, context.task, context.waiting_for, context.poll_wait_s) == ("x", 1, "the file", 0.5)


def test_a_task_tells_its_figures_where_they_have_changed_and_only_those_that_are_some() -> None:
    wire = Wire()
    context = SourceThere(SAID, wire.note, wire.ask, threading.Event())
    context.tell_gauges()
    context.gauges |= {"lag.bytes": 3, "No Name": 1, "odd": "text"}  # type: ignore[dict-item] # as a plugin may
    context.tell_gauges()
    context.tell_gauges()
    del context.gauges["lag.bytes"]
    context.tell_gauges()
    assert wire.told == [("gauges", {"lag.bytes": 3}), ("gauges", {})]


def test_a_source_has_transactions_once_the_worker_says_so() -> None:
    wire = Wire()
    context = SourceThere(SAID, wire.note, wire.ask, threading.Event())
    assert context.transaction is None
    context.heard({"transaction": True})
    assert context.transaction is not None


def test_a_sink_knows_its_partitions_and_asks_for_offsets() -> None:
    wire = Wire(topic_id="id", offsets_after_put=[["t", 0, 7]])
    context = SinkThere(SAID, wire.note, wire.ask, threading.Event())
    context.heard({"assignment": [["t", 0]]})
    assert context.assignment == {("t", 0)}
    context.seek("t", 0, 5)
    context.pause(("t", 0))
    context.resume(("t", 0))
    assert context.topic_id("t") == "id"
    assert context.offsets_after_put() == {("t", 0): 7}
    assert wire.told[:3] == [("seek", "t", 0, 5), ("pause", [["t", 0]]), ("resume", [["t", 0]])]


def test_a_seek_to_no_offset_is_refused_where_it_is_asked_for() -> None:
    wire = Wire()
    with pytest.raises(PluginError, match="expected an offset of 0 or more"):
        SinkThere(SAID, wire.note, wire.ask, threading.Event()).seek("t", 0, -1)


def test_a_connector_hands_its_errors_on_and_what_is_none_as_an_error() -> None:
    wire = Wire()
    context = ConnectorThere(SAID, wire.note, wire.ask, threading.Event(), lambda error, what: f"{what}: {error}")
    context.raise_error(ValueError("bad"))
    context.raise_error("no exception")  # type: ignore[arg-type] # as a plugin may
    context.request_task_reconfiguration()
    context.waiting_for = "the server"
    assert wire.told[0] == ("raise_error", "raise_error: bad")
    assert "expected an exception" in wire.told[1][1]
    assert wire.told[2:] == [("request_task_reconfiguration",), ("waiting_for", "the server")]
