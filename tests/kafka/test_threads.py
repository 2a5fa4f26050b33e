"""Calls on threads: in order, bounded, and of no harm when their callers are gone."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading

import pytest
from confluent_kafka import KafkaError, KafkaException

from connect.api.errors import EnvironmentFault, LogError, UnknownTopicOrPartitionError
from connect.kafka.threads import ClientThread, Threads, answered, bounded, on_loop, tell


def idle() -> None:
    return None


async def test_a_call_is_answered_or_raises_our_error() -> None:
    threads = Threads()

    def fail() -> None:
        raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))

    assert await threads.run(lambda: 3, "count") == 3
    with pytest.raises(UnknownTopicOrPartitionError, match=r"^look: "):
        await threads.run(fail, "look")
    with pytest.raises(LogError, match=r"^look: ZeroDivisionError"):
        await threads.run(lambda: 1 // 0, "look")
    threads.close()
    with pytest.raises(LogError, match="closed"):
        await threads.run(lambda: 3, "count")


async def test_what_takes_too_long_is_not_waited_for() -> None:
    threads, go = Threads(), threading.Event()
    with pytest.raises(EnvironmentFault, match="wait: no answer within"):
        await threads.run(lambda: go.wait(30), "wait", timeout_s=0.02)
    with pytest.raises(EnvironmentFault):
        await answered(concurrent.futures.Future(), "wait", timeout_s=0.02)
    go.set()
    threads.close()


async def test_what_waits_for_no_broker_does_not_wait_behind_what_does() -> None:
    threads, go = Threads(), threading.Event()
    waiting = [asyncio.create_task(threads.run(lambda: go.wait(30), "wait")) for _ in range(40)]
    await asyncio.sleep(0)
    assert await threads.run(lambda: 3, "look", is_local=True, timeout_s=10) == 3
    go.set()
    await asyncio.gather(*waiting)
    threads.close()
    with pytest.raises(LogError, match="closed"):
        await threads.run(lambda: 3, "look", is_local=True)


async def test_calls_of_a_client_are_made_in_their_order_with_steps_between() -> None:
    steps = 0

    def step() -> float | None:
        nonlocal steps
        steps += 1
        return None

    thread = ClientThread("test", step)
    made: list[int] = []
    futures = [thread.call(lambda number=number: made.append(number)) for number in range(20)]
    await asyncio.gather(*futures)
    assert made == list(range(20))
    thread.wake()
    await bounded(thread.call(idle), "wait", timeout_s=10)
    assert steps
    assert not thread.has_calls
    thread.end()
    thread.end()
    assert thread.join(10)
    with pytest.raises(LogError):
        thread.call(idle)


async def test_a_cancelled_call_that_has_not_begun_is_not_made() -> None:
    go, made = threading.Event(), []
    thread = ClientThread("test", idle)
    first = thread.call(lambda: go.wait(30))
    second = thread.call(lambda: made.append(2))
    second.cancel()
    go.set()
    assert await first
    await thread.call(idle)
    assert made == []
    thread.end()


async def test_the_last_call_is_made_though_nobody_waits_for_it_any_more(caplog: pytest.LogCaptureFixture) -> None:
    go, made = threading.Event(), list[int]()

    def last() -> None:
        made.append(1)
        raise ValueError("the end")

    thread = ClientThread("test", idle)
    thread.post(lambda: go.wait(30) and None)
    with pytest.raises(EnvironmentFault, match="close: no answer within"):
        await thread.close(last, "close", timeout_s=0.02)
    go.set()
    assert thread.join(10)
    assert made == [1]
    assert "later than it was waited for: ValueError: the end" in caplog.text, "nobody else is told"


async def test_a_step_that_fails_is_logged_and_comes_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("connect.kafka.threads._AGAIN_S", 0.01)
    again = threading.Event()
    failed = False

    def step() -> float | None:
        nonlocal failed
        if not failed:
            failed = True
            raise ValueError("a step")
        again.set()
        return None

    thread = ClientThread("test", step)
    thread.wake()
    assert await asyncio.to_thread(again.wait, 10)
    thread.end()
    assert "a step of test failed" in caplog.text


async def test_what_comes_late_is_of_no_harm() -> None:
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    future.cancel()
    await asyncio.to_thread(tell, loop, future, 1)
    other = asyncio.new_event_loop()
    other.close()
    on_loop(other, lambda: None)
    await asyncio.sleep(0)
