from __future__ import annotations

import asyncio
import dataclasses
import importlib
import logging
import select
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from connect.api import EnvironmentFault
from connect.app import wiring as make_wiring
from connect.cli import supervisor
from connect.cli.supervisor import Supervisor
from connect.runtime.border.ending import Ending
from connect.runtime.host import Host
from connect.runtime.worker_config import WorkerConfig
from tests.support.forks import ForkedWorker
from tests.support.logs import logged

#: The module, and not the command, which the package has by the same name.
worker_module = importlib.import_module("connect.cli.worker")


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(30)
        yield listening


async def test_where_nobody_is_to_be_told_nothing_wakes_the_loop() -> None:
    before = asyncio.all_tasks()
    async with Supervisor({}).told():
        assert asyncio.all_tasks() == before


def test_systemd_is_told_when_the_worker_serves_that_it_lives_and_that_it_stops(
    tmp_path: Path, systemd: socket.socket
) -> None:
    variables = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "10000000"}
    with ForkedWorker(tmp_path / "data", **variables) as worker:
        told = systemd.recv(1000).decode()
        while told == "WATCHDOG=1":
            told = systemd.recv(1000).decode()
        assert told.startswith("READY=1\nSTATUS=REST on http://127.0.0.1:")
        assert systemd.recv(1000) == b"WATCHDOG=1"
        worker.process.terminate()
        deadline = time.monotonic() + 30
        while (told := systemd.recv(1000).decode()) == "WATCHDOG=1":
            assert time.monotonic() < deadline
        assert told.startswith("STOPPING=1")
        assert worker.process.wait(30) == 0


async def test_systemd_hears_that_the_loop_goes_on_while_brokers_are_away(
    tmp_path: Path, systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "EACH_S", 0.01)
    monkeypatch.setattr(Ending, "take_signals", lambda ending: None)  # pytest's are kept
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    heard = asyncio.Event()

    @asynccontextmanager
    async def open_host(config: WorkerConfig) -> AsyncIterator[Host]:
        await asyncio.wait_for(heard.wait(), 30)
        raise EnvironmentFault("no broker answers")
        yield

    wiring = dataclasses.replace(make_wiring(), open_host=open_host)
    config = WorkerConfig.parse({"data.dir": str(tmp_path)})
    serving = asyncio.create_task(worker_module._serve(wiring, config, [], on_terminal=False))
    told = await asyncio.to_thread(lambda: [systemd.recv(1000) for _ in range(3)])
    heard.set()
    with pytest.raises(EnvironmentFault):
        await serving
    assert told == [b"WATCHDOG=1"] * 3


def test_what_a_full_socket_does_not_take_is_told_later(
    tmp_path: Path, systemd: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    telling = Supervisor({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "60000000"})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other, suppress(BlockingIOError):
        other.setblocking(False)
        while True:
            other.sendto(b"x", str(tmp_path / "notify"))
    telling.ready("here")
    telling.alive()
    assert not logged(caplog, logging.WARNING)
    while systemd.recv(1000) == b"x" and not is_empty(systemd):
        pass
    telling.alive()
    assert [systemd.recv(1000) for _ in range(2)] == [b"READY=1\nSTATUS=here", b"WATCHDOG=1"]


def is_empty(listening: socket.socket) -> bool:
    return not select.select([listening], [], [], 0)[0]


def test_without_systemd_nothing_is_told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    opened: list[object] = []
    monkeypatch.setattr(socket, "socket", opened.append)
    supervisor = Supervisor({"WATCHDOG_USEC": "1"})
    supervisor.ready("x")
    supervisor.alive()
    supervisor.stopping()
    assert opened == [] and not caplog.records


def test_a_watchdog_that_was_not_asked_for_is_not_told(tmp_path: Path, systemd: socket.socket) -> None:
    supervisor = Supervisor({"NOTIFY_SOCKET": str(tmp_path / "notify")})
    supervisor.alive()
    supervisor.stopping()
    assert systemd.recv(1000).startswith(b"STOPPING=1")


def test_an_abstract_socket_is_told_too() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("")  # the kernel gives it an abstract name
        listening.settimeout(30)
        name = listening.getsockname()
        Supervisor({"NOTIFY_SOCKET": "@" + name[1:].decode()}).ready("here")
        assert listening.recv(1000) == b"READY=1\nSTATUS=here"


def test_a_socket_that_is_gone_is_warned_of_once_and_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = Supervisor({"NOTIFY_SOCKET": str(tmp_path / "none"), "WATCHDOG_USEC": "1"})
    for _ in range(3):
        supervisor.alive()
    assert len(logged(caplog, logging.WARNING)) == 1
