from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connect.api import PluginError
from connect.api.functions import flows
from connect.api.functions.flows import ITEMS, WAIT_S, ThreadFlow

DEADLINE_S = 10.0


def thread_flow(make: Callable[[], Iterator[Any]], stopping: threading.Event | None = None) -> ThreadFlow:
    return ThreadFlow(make, stopping or threading.Event(), "flow")


def drained(flow: ThreadFlow) -> list[Any]:
    deadline, found = time.monotonic() + DEADLINE_S, []
    while not flow.is_over and time.monotonic() < deadline:
        found += flow.take()
    return found


def numbers(count: int) -> Iterator[int]:
    yield from range(count)


@pytest.mark.parametrize("count", [0, 1, ITEMS - 1, ITEMS, ITEMS + 1, 3 * ITEMS + 5])
def test_a_generator_is_gone_through_once_in_order(count: int) -> None:
    assert drained(thread_flow(lambda: numbers(count))) == list(range(count))


def test_an_item_is_handed_over_before_the_generator_waits_for_the_next() -> None:
    go_on = threading.Event()

    def one_then_wait() -> Iterator[int]:
        yield 1
        go_on.wait(DEADLINE_S)
        yield 2

    flow = thread_flow(one_then_wait)
    assert flow.take() == [1]
    assert flow.take() == []  # half a second, in which nothing came
    go_on.set()
    assert drained(flow) == [2]


def test_nothing_is_made_that_nobody_takes() -> None:
    made: list[int] = []

    def endless() -> Iterator[int]:
        while True:
            made.append(len(made))
            yield made[-1]

    flow = thread_flow(endless)
    taken = flow.take()
    deadline = time.monotonic() + DEADLINE_S
    while threading.active_count() and time.monotonic() < deadline and len(made) > len(taken) + 1:
        pytest.fail(f"{len(made)} made, {len(taken)} taken")
    assert flow.take()[0] == len(taken)
    flow.close()


def failing() -> Iterator[int]:
    yield 1
    raise ValueError("odd")


def test_what_a_generator_raised_comes_behind_what_it_gave() -> None:
    flow = thread_flow(failing)
    assert flow.take() == [1]
    assert not flow.is_over
    with pytest.raises(ValueError, match="odd"):
        drained(flow)
    assert flow.is_over


def test_a_closed_generator_runs_its_finally_on_its_own_thread() -> None:
    ended: list[str] = []

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            ended.append(threading.current_thread().name)

    flow = thread_flow(endless)
    flow.take()
    flow.close()
    assert ended == ["flow"]


def cleaning_up_badly() -> Iterator[int]:
    try:
        yield 1
        yield 2
    finally:
        raise OSError("still open")


def test_what_goes_wrong_in_a_finally_is_told_by_close() -> None:
    flow = thread_flow(cleaning_up_badly)
    flow.take()
    with pytest.raises(OSError, match="still open"):
        flow.close()
    flow.close()  # which is told once


def test_a_generator_that_does_not_come_back_is_left_behind_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows, "CLOSE_S", 0.1)
    go_on = threading.Event()

    def hanging() -> Iterator[int]:
        go_on.wait(DEADLINE_S)
        yield from ()

    flow = thread_flow(hanging)
    assert flow.take() == []
    with pytest.raises(PluginError, match=r"the generator of flow did not end within 0\.1 s"):
        flow.close()
    go_on.set()
    flow.close()


def test_a_task_that_is_to_stop_is_not_kept_waiting_for_long() -> None:
    stopping, go_on = threading.Event(), threading.Event()

    def silent() -> Iterator[int]:
        go_on.wait(DEADLINE_S)
        yield from ()

    flow = thread_flow(silent, stopping)
    stopping.set()
    begun = time.monotonic()
    assert flow.take() == []
    assert time.monotonic() - begun < WAIT_S + 5
    go_on.set()
    flow.close()
