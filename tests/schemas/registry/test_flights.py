"""Questions that are under way: one answer for all who wait, and nobody who cannot leave."""

from __future__ import annotations

import threading

import pytest

from connect.api import RetriableError
from connect_schemas.registry.flights import Flight

SOON_S = 30


def test_who_waits_leaves_when_its_task_is_to_stop() -> None:
    answered, interrupted = threading.Event(), threading.Event()
    flight = Flight(lambda abandoned: answered.wait(SOON_S), lambda flown: None)
    flight.start()
    interrupted.set()
    with pytest.raises(RetriableError, match="the task is to stop"):
        flight.result(interrupted)
    answered.set()
    assert flight.result(threading.Event()) is True


def test_what_the_question_raises_is_raised_by_who_waits() -> None:
    landed: list[Flight] = []

    def ask(abandoned: threading.Event) -> None:
        raise ValueError("no")

    flight = Flight(ask, landed.append)
    flight.start()
    with pytest.raises(ValueError, match="no"):
        flight.result(threading.Event())
    assert landed == [flight]
