from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator

import pytest

from connect.api import ConnectError
from connect.runtime.border import watchdog
from connect.runtime.border.calls import PluginTimeoutError, TaskThread, call
from connect.runtime.border.watchdog import Watchdog
from tests.support.worker import until


@pytest.fixture
async def watch(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watchdog]:
    monkeypatch.setattr(watchdog, "TICK_S", 0.05)
    monkeypatch.setattr(watchdog, "SLOW_S", 0.2)
    monkeypatch.setattr(watchdog, "HELD_S", 0.3)
    made = Watchdog()
    made.start()
    yield made
    made.close()


def task_thread(watch: Watchdog, *, deadline_s: float = 100) -> TaskThread:
    return TaskThread("t", who="task x-0", plugin="org.Odd", watch=watch, deadline_s=deadline_s)


class Odd:
    def __init__(self) -> None:
        self.gate = threading.Event()
        self.ended = threading.Event()
        self.hold_s = 1.0

    def poll(self) -> None:
        self.gate.wait(30)

    def put(self, records: object) -> None:
        try:
            while True:
                pass
        finally:
            self.ended.set()

    async def flush(self) -> None:
        self.gate.wait(self.hold_s)  # blocks, as async def must not

    def step(self) -> None:
        self.gate.wait(30)


async def test_a_call_that_takes_long_is_told_of_until_it_ends_and_grows_louder(
    watch: Watchdog, caplog: pytest.LogCaptureFixture
) -> None:
    odd, thread = Odd(), task_thread(watch)
    polling = asyncio.ensure_future(call(thread, odd.poll))
    await until(lambda: watch.notices())
    notice = watch.notices()[0]
    assert (notice.code, notice.subject) == ("plugin.slow", "x-0")
    assert re.match(r"task x-0 has been in poll for \d+ s \(org\.Odd\)", notice.message)
    await until(lambda: len([r for r in caplog.records if "has been in poll" in r.message]) >= 2)
    (underway,) = watch.underway()
    assert re.fullmatch(r"poll of task x-0, org\.Odd, for \d+ s", underway)
    odd.gate.set()
    await polling
    assert watch.notices() == []
    thread.close()


async def test_a_thread_that_was_left_behind_is_named_for_as_long_as_it_lives(watch: Watchdog) -> None:
    odd, thread = Odd(), task_thread(watch)
    with pytest.raises(PluginTimeoutError):
        await call(thread, odd.poll, limit_s=0.05)
    thread.close()
    await until(lambda: [n.code for n in watch.notices()] == ["plugin.left_behind"])
    assert "poll of org.Odd still runs" in watch.left_behind()[0]
    odd.gate.set()
    await until(lambda: watch.notices() == [] and watch.left_behind() == [])


async def test_a_thread_that_computes_is_told_and_ended_only_once_it_is_left_behind(watch: Watchdog) -> None:
    odd, thread = Odd(), task_thread(watch)
    putting = asyncio.ensure_future(call(thread, odd.put, []))
    await until(lambda: any("of a CPU" in notice.message for notice in watch.notices()))
    assert not odd.ended.is_set()
    putting.cancel()
    thread.close()
    await until(odd.ended.is_set)
    await until(lambda: watch.notices() == [])


async def test_who_holds_the_loop_is_named_while_it_stands_and_afterwards(
    watch: Watchdog, caplog: pytest.LogCaptureFixture
) -> None:
    odd, thread = Odd(), task_thread(watch)

    def until_seen() -> None:  # the watchdog's own thread may wait for its turn, too
        deadline_s = time.monotonic() + 20
        while "the event loop stands" not in caplog.text and time.monotonic() < deadline_s:
            time.sleep(0.01)
        time.sleep(0.6)
        odd.gate.set()

    odd.hold_s = 30
    seeing = threading.Thread(target=until_seen)
    seeing.start()
    await call(thread, odd.flush)
    seeing.join(30)
    assert "the event loop stands" in caplog.text
    assert "flush of task x-0, org.Odd blocks it" in caplog.text
    await until(lambda: watch.notices())
    notice = watch.notices()[0]
    assert notice.code == "loop.held"
    assert re.match(r"flush of task x-0, org\.Odd held the event loop for [1-9]\d* s", notice.message)
    assert "test_watchdog.py" in notice.message
    assert watch.loop_delay.sum_s > 0.5, "that beat had to wait"
    thread.close()


async def test_who_was_seen_most_often_is_named_and_not_who_came_between_its_end_and_the_next_beat(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen = iter([("flush of task x-0", "a"), ("flush of task x-0", "a"), ("code outside any plugin's call", "b")])
    monkeypatch.setattr(watchdog, "HELD_S", 0.0)
    monkeypatch.setattr(watchdog, "_holder", lambda ident: next(seen))
    watch, loop = Watchdog(), asyncio.get_running_loop()
    watch._asked, watch._beat = time.monotonic(), 0.0
    for _ in range(3):
        watch._look_at_loop(loop, 0)
    (during,) = watch.underway()
    assert during.startswith("flush of task x-0, which holds the event loop")
    watch._answer()
    watch._look_at_loop(loop, 0)
    assert [notice.subject for notice in watch.notices()] == ["flush of task x-0"]


def test_time_in_which_the_whole_process_stood_is_held_against_nobody() -> None:
    script = """
import asyncio, logging, sys, time
from connect.runtime.border import watchdog

watchdog.TICK_S, watchdog.HELD_S = 0.1, 3.0

async def main():
    watch = watchdog.Watchdog()
    watch.start()
    await asyncio.sleep(0.3)
    print("ready", flush=True)
    sys.stdin.readline()  # the loop is held, for as long as the other process likes
    time.sleep(0.5)
    await asyncio.sleep(0.5)
    print(watch.notices(), watch.hung())

logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
asyncio.run(main())
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        time.sleep(0.5)  # the watchdog has asked the loop, which does not answer
        process.send_signal(signal.SIGSTOP)
        time.sleep(4.0)
        process.send_signal(signal.SIGCONT)
        told, _ = process.communicate("go\n", 60)
    assert "the whole process stood still for" in told
    assert "event loop stands" not in told
    assert told.endswith("[] None\n")


async def test_who_holds_the_loop_again_and_again_is_one_warning(
    watch: Watchdog, caplog: pytest.LogCaptureFixture
) -> None:
    odd, thread = Odd(), task_thread(watch)
    for times in (1, 2):
        await call(thread, odd.flush)
        await until(lambda times=times: caplog.text.count("flush of task x-0, org.Odd held the event loop") == times)
    assert [notice.subject for notice in watch.notices()] == ["flush of task x-0, org.Odd"]
    thread.close()


async def test_other_code_that_holds_the_loop_is_told_by_its_place(
    watch: Watchdog, caplog: pytest.LogCaptureFixture
) -> None:
    time.sleep(0.8)  # noqa: ASYNC251
    await until(lambda: watch.notices())
    assert "code outside any plugin's call held the event loop" in watch.notices()[0].message


async def test_a_step_between_log_and_plugin_has_a_deadline_too(watch: Watchdog) -> None:
    odd, thread = Odd(), task_thread(watch, deadline_s=0.3)
    since = time.monotonic()
    thread.step = lambda: watchdog.Underway("VALUE_CONVERTER", since, "org.Converter")
    with pytest.raises(PluginTimeoutError, match=r"VALUE_CONVERTER of org\.Converter \(task x-0\) did not return"):
        await asyncio.wait_for(thread.run(odd.step), 20)
    odd.gate.set()
    thread.close()


async def test_the_clock_of_a_thread_is_asked_for_by_the_thread_itself_since_that_of_an_ended_one_is_a_crash(
    watch: Watchdog, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []
    clock_of = time.pthread_getcpuclockid

    def noted(ident: int) -> int:
        asked.append((ident, threading.get_ident()))
        return clock_of(ident)

    monkeypatch.setattr(time, "pthread_getcpuclockid", noted)
    odd, thread = Odd(), task_thread(watch)
    polling = asyncio.ensure_future(call(thread, odd.poll))
    await until(lambda: watch.notices())
    odd.gate.set()
    await polling
    thread.close()
    watched = watchdog._Watched(thread)
    await until(lambda: not thread.is_alive)
    watchdog._measure(watched, time.monotonic())
    assert watched.share == 0.0
    assert asked
    assert all(ident == own for ident, own in asked)


async def test_whoever_has_the_identity_of_a_thread_that_ended_is_not_interrupted_for_it(watch: Watchdog) -> None:
    thread = task_thread(watch)
    await thread.run(int)
    thread.close()
    await until(lambda: not thread.is_alive)
    going, raised = threading.Event(), list[BaseException]()

    def computes() -> None:
        try:
            while not going.is_set():
                pass
        except BaseException as error:
            raised.append(error)

    others = [threading.Thread(target=computes) for _ in range(3)]
    for other in others:
        other.start()
    try:
        if thread.ident not in [other.ident for other in others]:
            pytest.skip("the system gave the identity to none of these")
        for _ in range(20):
            watchdog._end(thread)
            await asyncio.sleep(0.01)
    finally:
        going.set()
        for other in others:
            other.join(30)
    assert raised == []


@pytest.mark.skipif(not hasattr(time, "pthread_getcpuclockid"), reason="a thread's CPU time is not told here")
async def test_a_call_that_computes_is_noticed_at_the_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "TICK_S", 0.05)
    watch, odd = Watchdog(), Odd()
    thread = task_thread(watch)
    putting = asyncio.ensure_future(call(thread, odd.put, ()))
    await until(lambda: thread.underway() is not None)
    (watched,) = watch._all()
    began = time.monotonic()
    assert not watch._look_at(watched, thread.underway().since)  # type: ignore[union-attr]
    # The share is of the time since the look before: among others it may take some until the thread has its turn.
    await until(lambda: time.monotonic() - began > 0.2 and watch._look_at(watched, time.monotonic()))
    thread.close()
    await until(lambda: watchdog._end(thread) or odd.ended.is_set())
    with pytest.raises(ConnectError):
        await putting
