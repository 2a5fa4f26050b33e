from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from connect.api import ConnectError, PluginError
from connect.runtime.processes import process as process_module
from connect.runtime.processes.errors import ProcessFailedError
from connect.runtime.processes.frames import Kind
from connect.runtime.processes.guardian import guardian
from connect.runtime.processes.placing import python_path
from connect.runtime.processes.process import NOTES_PER_S, Launch, PluginProcess, Source
from tests.support import process_plugins
from tests.support.worker import until

LAUNCH = Launch(path=python_path(), grace_s=0.2)
REF = {"module": process_plugins.__name__, "qualname": "CountSource", "task": True}
SAID = {"whom": "task x-0, CountSource", "role": "source", "connector": "x", "task": 0}


class Ears:
    """Keeps what the plugin says."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, list[Any]]] = []

    def note(self, what: str, args: list[Any]) -> None:
        self.notes.append((what, args))

    def ask(self, what: str, args: list[Any]) -> Any:
        self.notes.append((what, args))
        return self.answer

    answer: Any = None


@pytest.fixture
def opened() -> Iterator[list[PluginProcess]]:
    processes: list[PluginProcess] = []
    yield processes
    for process in processes:
        process.close()
        assert process.wait(15)


def started(opened: list[PluginProcess], launch: Launch = LAUNCH, **config: Any) -> tuple[PluginProcess, Ears]:
    ears = Ears()
    log = logging.getLogger("connect.connector.x")
    process = PluginProcess(launch, who="task x-0", plugin="CountSource", log=log, hears=ears)
    opened.append(process)
    process.start()
    raw = {"topic": "t", **{key.replace("_", "."): str(value) for key, value in config.items()}}
    process.call(0, "make", 1, REF, SAID, raw)
    return process, ears


def test_calls_cross_and_wishes_of_the_plugin_come_before_the_reply(opened: list[PluginProcess]) -> None:
    process, ears = started(opened)
    process.call(1, "start")
    assert ears.notes == [("offset", [{"of": "t"}]), ("poll_wait_s", [0.05])]
    (batch,) = process.call(1, "poll")
    assert batch.values == ["0", "1", "2", "3", "4"]
    process.call(1, "close")


def test_a_process_ends_by_itself_when_it_is_closed_and_takes_no_call_then(opened: list[PluginProcess]) -> None:
    process, _ = started(opened)
    process.close()
    assert process.wait(15)
    assert process._process is not None
    assert process._process.returncode == 0
    with pytest.raises(ProcessFailedError, match="was closed"):
        process.call(1, "start")


def test_who_waits_hears_of_the_end_and_what_was_written_last(opened: list[PluginProcess]) -> None:
    process, _ = started(opened, how="exit", at=0)
    process.call(1, "start")
    with pytest.raises(ProcessFailedError, match=r"exit code 3; it wrote last: about to exit") as raised:
        process.call(1, "poll")
    assert raised.value.code == "plugin.crashed"


def test_a_call_beyond_its_limit_ends_the_process(opened: list[PluginProcess]) -> None:
    process, _ = started(opened, how="block", at=0)
    process.call(1, "start")
    began = time.monotonic()
    with pytest.raises(ProcessFailedError, match=r"poll did not return within 0.5 s") as raised:
        process.call(1, "poll", limit_s=0.5)
    assert raised.value.code == "plugin.timeout"
    assert time.monotonic() - began < 15


def test_a_process_that_does_not_stop_in_time_is_ended(opened: list[PluginProcess]) -> None:
    process, _ = started(opened, how="block", at=0)
    process.call(1, "start")
    threading.Timer(0.2, process.stopping).start()
    with pytest.raises(ProcessFailedError, match="did not stop in time: poll did not return"):
        process.call(1, "poll")


@pytest.mark.slow
def test_a_plugin_knows_that_it_is_to_stop_before_it_is_stopped(opened: list[PluginProcess], tmp_path: Path) -> None:
    for number in range(5):
        notes = tmp_path / f"notes{number}"
        process, _ = started(opened, journal=notes)
        process.stopping()
        process.call(1, "stop")
        assert process_plugins.journal(notes) == [["stop", True]]


def test_what_a_process_has_started_ends_with_it(opened: list[PluginProcess]) -> None:
    process, _ = started(opened, how="fork", at=0)
    group = process.pid
    assert group is not None
    process.call(1, "start")
    with pytest.raises(ProcessFailedError, match="exit code 4"):
        process.call(1, "poll")
    deadline = time.monotonic() + 10
    while _of_group(group) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _of_group(group)


def _of_group(group: int) -> list[str]:
    """The processes of a group that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, pgrp = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(pgrp) == group and state != "Z":
            found.append(stat.parent.name)
    return found


def test_a_limit_of_memory_ends_the_process(opened: list[PluginProcess]) -> None:
    process, _ = started(opened, replace(LAUNCH, memory_bytes=100 << 20), how="leak", at=0)
    process.call(1, "start")
    with pytest.raises(ProcessFailedError, match=r"plugin\.memory\.limit is 100 MiB") as raised:
        process.call(1, "poll", limit_s=60)
    assert raised.value.code == "plugin.memory"


def test_a_process_with_nothing_to_do_ends_when_it_is_told_to(opened: list[PluginProcess]) -> None:
    process = PluginProcess(LAUNCH, who="configs", plugin="p", log=logging.getLogger("x"), idle_s=0.1)
    opened.append(process)
    process.start()
    assert process.wait(30)
    assert not process.is_alive


def test_an_interpreter_that_is_not_there_is_told_by_name() -> None:
    process = PluginProcess(replace(LAUNCH, python="/no/python"), who="x", plugin="p", log=logging.getLogger("x"))
    with pytest.raises(ProcessFailedError, match=r"cannot be started: .*/no/python"):
        process.start()


def test_a_process_that_does_not_speak_the_protocol_is_told_with_what_it_wrote(tmp_path: Path) -> None:
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho no connect here >&2\nexit 9\n")
    fake.chmod(0o755)
    process = PluginProcess(replace(LAUNCH, python=str(fake)), who="x", plugin="p", log=logging.getLogger("x"))
    with pytest.raises(ProcessFailedError, match="exit code 9; it wrote last: no connect here"):
        process.start()
    assert process.wait(15)


def test_log_lines_of_the_plugin_are_its_connectors(
    opened: list[PluginProcess], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "connect.connector.x")
    process, _ = started(opened)
    process.call(1, "start")
    found = [record for record in caplog.records if record.getMessage() == "begins at 0"]
    assert [(record.name, record.levelname) for record in found] == [("connect.connector.x", "INFO")]


def test_a_level_that_is_set_later_counts_from_the_next_call_on(
    opened: list[PluginProcess], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "connect.connector.x")
    process, _ = started(opened)
    process.call(1, "start")
    assert "begins at 0" not in caplog.text
    caplog.set_level(logging.INFO, "connect.connector.x")
    process.call(1, "start")
    assert "begins at 0" in caplog.text


def test_an_answer_that_is_none_ends_the_process(opened: list[PluginProcess]) -> None:
    process, _ = started(opened)
    with pytest.raises(PluginError, match="sent an answer that is none"):
        process._result(Kind.REPLY, b"\xc1")
    assert process.wait(15)
    with pytest.raises(ProcessFailedError, match="sent an answer that is none") as raised:
        process.call(1, "start")
    assert raised.value.code == "plugin.broken"


async def test_an_async_poll_that_is_cancelled_has_cleaned_up_there(
    opened: list[PluginProcess], tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    process, _ = await asyncio.to_thread(_patient, opened, notes, "slow")
    await asyncio.to_thread(process.call, 1, "start")
    assert (await process.poll(1, "poll"))[0].values == ["first"]
    waiting = asyncio.create_task(process.poll(1, "poll"))
    await until(lambda: ["waits"] in process_plugins.journal(notes))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert process_plugins.journal(notes)[-1] == ["cancelled"]


def _patient(opened: list[PluginProcess], notes: Path, how: str = "") -> tuple[PluginProcess, Ears]:
    ears = Ears()
    process = PluginProcess(LAUNCH, who="task x-0", plugin="P", log=logging.getLogger("x"), hears=ears)
    opened.append(process)
    process.start()
    ref = {**REF, "qualname": "PatientSource"}
    process.call(0, "make", 1, ref, SAID, {"topic": "t", "journal": str(notes), "how": how})
    return process, ears


def test_a_signal_from_outside_is_told_by_its_name_though_nobody_waits(
    opened: list[PluginProcess], caplog: pytest.LogCaptureFixture
) -> None:
    process, _ = started(opened)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(15)
    deadline = time.monotonic() + 10
    while "was ended by SIGKILL" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "was ended by SIGKILL" in caplog.text
    with pytest.raises(ConnectError, match="SIGKILL"):
        process.call(1, "start")


class Counting(logging.Handler):
    """Counts lines."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


def test_a_flood_of_short_lines_is_heard_no_faster_than_one_of_long_ones(opened: list[PluginProcess]) -> None:
    process, _ = started(opened, how="lines", at=0)
    log, counting = logging.getLogger("connect.connector.x"), Counting()
    log.setLevel(logging.INFO)
    log.addHandler(counting)
    began = time.monotonic()
    try:
        process.call(1, "start")
        with pytest.raises(ProcessFailedError, match="did not return"):
            process.call(1, "poll", limit_s=2)
    finally:
        log.removeHandler(counting)
        log.setLevel(logging.NOTSET)
    assert 0 < counting.count < NOTES_PER_S * (time.monotonic() - began + 2)


def test_answers_that_nobody_asked_for_are_read_no_faster_than_notes(
    opened: list[PluginProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 0

    def heard(self: PluginProcess, *frame: Any) -> None:
        nonlocal count
        count += 1
        of_before(self, *frame)

    of_before = PluginProcess._heard
    monkeypatch.setattr(PluginProcess, "_heard", heard)
    began = time.monotonic()
    process, _ = started(opened, how="replies", at=0)
    process.call(1, "start")
    with pytest.raises(ProcessFailedError, match="did not return"):
        process.call(1, "poll", limit_s=2)
    assert 1000 < count < NOTES_PER_S * (time.monotonic() - began + 2)


def test_an_answer_that_is_larger_than_the_sockets_buffers_arrives(opened: list[PluginProcess]) -> None:
    process, ears = started(opened)
    ears.answer = {"n": 3, "more": ["x" * 1000] * 20_000}
    process.call(1, "start")
    (batch,) = process.call(1, "poll")
    assert batch.values == ["3", "4", "5", "6", "7"]


@pytest.mark.slow
def test_what_a_plugin_logs_before_it_crashes_is_heard(
    opened: list[PluginProcess], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "connect.connector.x")
    for _ in range(5):
        process, _ = started(opened, how="log", at=0)
        process.call(1, "start")
        with pytest.raises(ProcessFailedError, match="exit code 3"):
            process.call(1, "poll")
    assert caplog.text.count("the last word") == 5


@pytest.mark.parametrize("left", [0, 1])
def test_that_there_are_no_descriptors_left_is_told_and_leaves_none_open(
    monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    made: list[socket.socket] = []

    def scarce(*args: Any) -> tuple[socket.socket, socket.socket]:
        if len(made) >= 2 * left:
            raise OSError(errno.EMFILE, "Too many open files")
        made.extend(of_before(*args))
        return made[-2], made[-1]

    of_before = socket.socketpair
    monkeypatch.setattr(socket, "socketpair", scarce)
    process = PluginProcess(LAUNCH, who="x", plugin="p", log=logging.getLogger("x"))
    with pytest.raises(ProcessFailedError, match=r"cannot be started: .*Too many open files"):
        process.start()
    assert [one.fileno() for one in made] == [-1] * len(made)


def test_a_signals_handler_that_logs_while_the_plugin_logs_holds_up_nobody(opened: list[PluginProcess]) -> None:
    process, _ = started(opened, how="alarm", at=0)
    process.call(1, "start")
    (batch,) = process.call(1, "poll", limit_s=30)
    assert batch.values == ["0", "1", "2", "3", "4"]


def test_an_error_whose_details_do_not_cross_is_told_and_ends_nobody(opened: list[PluginProcess]) -> None:
    process, _ = started(opened, how="opaque", at=0)
    process.call(1, "start")
    for _ in range(2):
        with pytest.raises(PluginError, match=r"odd; and what it says beside .* type builtins\.object") as raised:
            process.call(1, "poll")
        assert raised.value.code == "plugin.broken"


def test_a_process_that_no_thread_can_look_after_is_not_begun(
    opened: list[PluginProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    started(opened)  # whatever is made once for a worker is there

    def scarce(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    before = _children()
    process = PluginProcess(LAUNCH, who="x", plugin="p", log=logging.getLogger("x"))
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", scarce)
        with pytest.raises(ProcessFailedError, match="cannot be started: can't start new thread"):
            process.start()
    assert _children() == before
    with pytest.raises(ProcessFailedError):
        process.call(0, "describe")


def test_a_process_that_nobody_guards_is_ended_again(
    opened: list[PluginProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    started(opened)

    def unguarded(group: int) -> None:
        raise OSError(errno.EAGAIN, "no guardian")

    before = _children()
    monkeypatch.setattr(guardian, "begun", unguarded)
    process = PluginProcess(LAUNCH, who="x", plugin="p", log=logging.getLogger("x"))
    with pytest.raises(ProcessFailedError, match=r"cannot be started: .*no guardian"):
        process.start()
    assert _children() == before


def test_a_process_that_the_system_starts_late_is_given_up_and_ended_then(
    opened: list[PluginProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def late(self: PluginProcess, descriptor: int) -> Any:
        assert go_on.wait(30)
        return of_before(self, descriptor)

    of_before = PluginProcess._popen
    monkeypatch.setattr(PluginProcess, "_popen", late)
    monkeypatch.setattr(process_module, "START_S", 0.2)
    process = PluginProcess(LAUNCH, who="x", plugin="p", log=logging.getLogger("x"))
    with pytest.raises(ProcessFailedError, match=r"the system has not started it within 0\.2 s"):
        process.start()
    monkeypatch.setattr(PluginProcess, "_popen", of_before)
    monkeypatch.setattr(process_module, "START_S", 60.0)
    started(opened)  # nobody else waits for it
    go_on.set()
    assert process.wait(15)
    assert process.pid not in _children()


@pytest.mark.parametrize("what", ["protocol", "greeting"])
def test_a_process_that_does_not_take_the_greeting_is_ended(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    launch = LAUNCH
    if what == "protocol":
        monkeypatch.setattr(process_module.frames, "PROTOCOL", 99)
    else:
        launch = replace(LAUNCH, source=Source((), cast(Any, 7)))
    process = PluginProcess(launch, who="x", plugin="p", log=logging.getLogger("x"))
    with pytest.raises(PluginError):
        process.start()
    assert process.wait(15)


def test_a_limit_of_memory_beyond_all_memory_is_none(opened: list[PluginProcess]) -> None:
    process, _ = started(opened, replace(LAUNCH, memory_bytes=1 << 70))
    process.call(1, "start")


def test_a_close_while_a_process_is_being_started_ends_it(
    opened: list[PluginProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    process = PluginProcess(LAUNCH, who="x", plugin="p", log=logging.getLogger("x"))

    def closed_meanwhile(self: PluginProcess, descriptor: int) -> Any:
        self.close()
        return of_before(self, descriptor)

    of_before = PluginProcess._popen
    monkeypatch.setattr(PluginProcess, "_popen", closed_meanwhile)
    with pytest.raises(ProcessFailedError, match="was closed"):
        process.start()
    assert process.wait(15)


@pytest.mark.slow
def test_a_call_that_begins_while_the_process_is_closed_ends_with_a_word(opened: list[PluginProcess]) -> None:
    for delay_s in (0.0, 0.0002, 0.001, 0.003):
        process, _ = started(opened)
        process.call(1, "start")
        ended: list[str] = []
        threads = [threading.Thread(target=_call_until_it_ends, args=(process, ended)) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(delay_s)
        process.close()
        for thread in threads:
            thread.join(20)
        assert ended == ["the process of task x-0, CountSource was closed"] * 4


def _call_until_it_ends(process: PluginProcess, ended: list[str]) -> None:
    try:
        while True:
            process.call(1, "poll")
    except ProcessFailedError as error:
        ended.append(error.message)


def test_a_process_that_is_called_while_it_would_end_for_want_of_calls_stays(opened: list[PluginProcess]) -> None:
    process, _ = started(opened)
    number = process._expect(lambda kind, value: None, "poll", None)
    process.close(if_idle=True)
    assert process.is_alive
    process._waiting.pop(number)
    process.close(if_idle=True)
    assert process.wait(15)


def test_who_calls_a_process_that_nothing_ends_is_let_go(
    opened: list[PluginProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    process, _ = started(opened, how="block", at=0)
    process.call(1, "start")
    with monkeypatch.context() as patched:
        patched.setattr(process_module, "KILLED_S", 0.5)
        patched.setattr(PluginProcess, "_signal", lambda self, number: None)  # as one that waits in the kernel
        with pytest.raises(ProcessFailedError, match=r"within 0\.5 s; and it does not end, though it was killed"):
            process.call(1, "poll", limit_s=0.5)
        assert process.wait(15)
    process._signal(signal.SIGKILL)
    assert process._process is not None
    process._process.wait(10)


async def test_an_async_poll_that_is_cancelled_and_goes_on_is_ended_with_its_process(
    opened: list[PluginProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = tmp_path / "notes"
    monkeypatch.setattr(process_module, "LATE_S", 0.1)
    process, _ = await asyncio.to_thread(_patient, opened, notes, "stubborn")
    await asyncio.to_thread(process.call, 1, "start")
    assert (await process.poll(1, "poll"))[0].values == ["first"]
    waiting = asyncio.create_task(process.poll(1, "poll"))
    await until(lambda: ["waits"] in process_plugins.journal(notes))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(waiting, 15)
    assert await asyncio.to_thread(process.wait, 15)
    assert ["stop"] not in process_plugins.journal(notes)


def _children() -> set[int]:
    """The processes of plugins that this one has started and that have not ended."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            command = stat.with_name("cmdline").read_bytes()
        except OSError:
            continue
        if int(parent) == os.getpid() and state != "Z" and b"connect.runtime.processes.child" in command:
            found.add(int(stat.parent.name))
    return found
