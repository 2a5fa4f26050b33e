"""The process's own side, in this process: its socket's other end is the test's."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from connect.runtime.processes.child import Child
from connect.runtime.processes.codec import pack, unpack
from connect.runtime.processes.frames import Frames, Kind
from tests.support import process_plugins

SAID = {"whom": "task x-0", "role": "source", "connector": "x", "task": 0}


class Worker:
    """The other side: calls, and answers questions with None."""

    def __init__(self, sock: socket.socket, child: Child) -> None:
        self._reading = Frames(sock)
        self._child = child
        self._number = 0
        self.notes: list[Any] = []

    def call(self, target: int, method: str, *args: Any, **changes: Any) -> tuple[Kind, Any]:
        self._number += 1
        self._child.heard(Kind.CALL, self._number, bytearray(pack([target, method, list(args), changes])))
        while True:
            found = self._reading.read()
            if found is None:
                continue
            kind, number, payload = found
            if kind is Kind.NOTE:
                self.notes.append(unpack(payload))
            elif kind is Kind.ASK:
                self._child.heard(Kind.ANSWER, number, bytearray(pack(None)))
            else:
                assert number == self._number
                return kind, unpack(payload)


@pytest.fixture
def worker() -> Iterator[Worker]:
    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    handlers, level = list(logging.getLogger().handlers), logging.getLogger().level
    with ours, theirs:
        child = Child(theirs)
        thread = threading.Thread(target=child.run, daemon=True)
        thread.start()
        yield Worker(ours, child)
        child.heard(Kind.CALL, 0, bytearray(pack([0, "bye", [], {}])))
        thread.join(20)
        assert not thread.is_alive()
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)


def ref(name: str, **more: Any) -> dict[str, Any]:
    return {"module": process_plugins.__name__, "qualname": name, **more}


def test_each_call_has_one_answer_in_order(worker: Worker) -> None:
    assert worker.call(0, "make", 1, ref("CountSource", task=True), SAID, {"topic": "t"}) == (Kind.REPLY, None)
    assert worker.call(1, "start")[0] is Kind.REPLY
    kind, batches = worker.call(1, "poll")
    assert (kind, batches[0].values) == (Kind.REPLY, ["0", "1", "2", "3", "4"])
    assert worker.call(1, "close") == (Kind.REPLY, None)


def test_a_config_that_is_wrong_is_told_with_each_problem(worker: Worker) -> None:
    kind, error = worker.call(0, "make", 1, ref("CountSource"), {**SAID, "role": "connector"}, {"count": "x"})
    assert kind is Kind.ERROR
    assert [problem.key for problem in error["problems"]] == ["topic", "count"]


def test_values_of_a_config_are_told_with_their_errors(worker: Worker) -> None:
    kind, values = worker.call(0, "values", ref("CountSource"), {"topic": "t", "batch.size": "x"}, True)
    found = {name: (value, errors) for name, value, errors in values}
    assert kind is Kind.REPLY
    assert found["topic"] == ("t", [])
    assert found["password"] == ("swordfish", [])
    assert found["batch.size"][1] == ["Invalid value x for configuration batch.size: Not a number of type INT"]


def test_a_class_that_is_none_is_the_plugins_fault(worker: Worker) -> None:
    kind, error = worker.call(0, "make", 1, ref("write"), SAID, {})
    assert (kind, error["code"]) == (Kind.ERROR, "plugin.broken")


def test_an_exit_of_a_plugin_is_a_failure_and_the_process_lives_on(worker: Worker) -> None:
    said = {"whom": "x", "role": "plain", "alias": "a"}
    worker.call(0, "make", 1, ref("Shout"), said, {"how": "moon"})
    kind, error = worker.call(1, "apply_batch", process_plugins.Batch("t", ["1"]))
    assert (kind, error["message"]) == (Kind.ERROR, "AssertionError: moon (apply_batch of x)")
    assert worker.call(1, "close")[0] is Kind.REPLY
