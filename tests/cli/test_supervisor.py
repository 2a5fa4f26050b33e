from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from connect.cli.supervisor import Supervisor
from tests.support.forks import ForkedWorker
from tests.support.logs import logged


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(30)
        yield listening


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
