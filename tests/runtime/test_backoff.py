from __future__ import annotations

from typing import Any

import pytest

from connect.api import RetriableError
from connect.runtime.backoff import Retries, backoff_ms, jittered, wait_ms_of


def test_waits_double_up_to_the_longest() -> None:
    assert [backoff_ms(n, max_ms=1000) for n in range(4)] == [300, 600, 1000, 1000]


def test_chance_makes_a_wait_a_fifth_longer_or_shorter() -> None:
    assert [jittered(1000, lambda chance=chance: chance) for chance in (0.0, 0.5, 1.0)] == [800, 1000, 1200]  # type: ignore[misc]
    assert len({jittered(1_000_000) for _ in range(20)}) > 1
    assert jittered(1, lambda: 0.0) == 1


def test_chance_makes_no_wait_longer_than_the_longest() -> None:
    assert max(wait_ms_of(RetriableError("x"), 20, max_ms=1000) for _ in range(50)) <= 1000


@pytest.mark.parametrize("asked", [50, 1.5, 86_400_000])
def test_an_error_may_ask_for_the_wait(asked: Any) -> None:
    assert wait_ms_of(RetriableError("x", retry_after_ms=asked), 1, max_ms=60_000) == int(asked)


@pytest.mark.parametrize("asked", [None, 0, -1, 0.2, "soon", float("nan"), float("inf"), 1 << 62, True, object()])
def test_what_is_no_time_to_wait_is_not_asked_for(asked: Any) -> None:
    error = RetriableError("x")
    error.retry_after_ms = asked
    assert 480 <= wait_ms_of(error, 1, max_ms=60_000) <= 720
    del error.retry_after_ms  # as of a subclass that leaves out our constructor
    assert 480 <= wait_ms_of(error, 1, max_ms=60_000) <= 720


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_the_last_wait_ends_when_the_time_is_up_and_then_the_whole_story_is_told() -> None:
    clock = Clock()
    retries = Retries(1000, 60_000, clock)
    waits = list[int]()
    while sum(waits) < 1000:
        waits.append(retries.failed(RetriableError("the server is away")))
        clock.now_s = Clock.now_s + sum(waits) / 1000  # sums of fractions would be a little less than the time
    with pytest.raises(RetriableError) as raised:
        retries.failed(RetriableError("the server is away", hint="Start it."))
    assert sum(waits) == pytest.approx(1000, abs=2)
    tries = len(waits) + 1
    assert raised.value.message == (
        f"the server is away (given up after {tries} tries in 1.0 s, errors.retry.timeout=1000)"
    )
    assert raised.value.hint == "Start it."
    assert isinstance(raised.value.__cause__, RetriableError)


def test_a_wait_that_an_error_asks_for_goes_no_further_than_the_time() -> None:
    assert Retries(1000, 60_000, Clock()).failed(RetriableError("x", retry_after_ms=5000)) == 1000
