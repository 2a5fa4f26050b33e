from __future__ import annotations

import logging
import os
import resource
import threading
import time
from pathlib import Path

import pytest

from connect.runtime import folder_watch, plugin_sources
from connect.runtime.folder_watch import FolderWatch
from tests.support.logs import logged
from tests.support.worker import DEADLINE_S


@pytest.fixture(params=[True, False], ids=["told by the kernel", "looked at"])
def changes(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A semaphore that each change lets through once. The looks alone are far apart where the kernel is to tell."""
    monkeypatch.setattr(folder_watch, "LOOK_S", 600.0)
    monkeypatch.setattr(folder_watch, "POLL_S", 0.05)
    heard = threading.Semaphore(0)
    watch = FolderWatch([tmp_path / "plugins"], heard.release, asks_kernel=request.param)
    watch.start()
    yield heard
    watch.close()
    assert not watch._thread.is_alive()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "plugins").mkdir()
    return tmp_path / "plugins"


def test_files_that_come_change_and_go_are_told_of(folder: Path, changes: threading.Semaphore) -> None:
    for change in (
        lambda: (folder / "one.py").write_text("1"),
        lambda: (folder / "one.py").write_text("22"),
        lambda: (folder / "one.py").unlink(),
        lambda: (folder / "package").mkdir(),
    ):
        change()
        if (folder / "package").exists():  # a folder alone is nothing; what comes into it is
            (folder / "package" / "__init__.py").write_text("")
        assert changes.acquire(timeout=DEADLINE_S)
    (folder / "package" / "__init__.py").write_text("333")
    assert changes.acquire(timeout=DEADLINE_S)


def test_a_copy_that_is_under_way_is_told_of_once(folder: Path, changes: threading.Semaphore) -> None:
    for number in range(20):
        (folder / f"part{number}.py").write_text("x" * number)
    assert changes.acquire(timeout=DEADLINE_S)
    assert not changes.acquire(timeout=3 * folder_watch.STILL_S)


def test_a_change_beside_thousands_of_other_plugins_files_is_told_of(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin_sources, "_FILES_MAX", 10)
    for number in range(5):
        (folder / f"plugin{number}").mkdir()
        for part in range(9):
            (folder / f"plugin{number}" / f"part{part}.py").write_text("")
    heard = threading.Event()
    watch = FolderWatch([folder], heard.set)
    watch.start()
    for number in range(5):
        (folder / f"plugin{number}" / "part8.py").write_text("1")
        assert heard.wait(DEADLINE_S)
        heard.clear()
    watch.close()


def test_a_watch_goes_on_where_files_have_high_numbers(folder: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(limits[0], 2048), limits[1]))
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        heard = threading.Event()
        watch = FolderWatch([folder], heard.set)
        watch.start()
        (folder / "one.py").write_text("1")
        assert heard.wait(DEADLINE_S)
        watch.close()
    finally:
        for number in held:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_watch_goes_on_where_who_is_told_fails(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(folder_watch, "LOOK_S", 0.05)
    told = threading.Semaphore(0)

    def failing() -> None:
        told.release()
        raise RuntimeError("not today")

    watch = FolderWatch([folder], failing, of="connectors.dir")
    watch.start()
    for text in ("1", "22"):
        (folder / "one.py").write_text(text)
        assert told.acquire(timeout=DEADLINE_S)
    watch.close()
    said = f"connectors.dir ({folder}) cannot be looked at; that is tried again"
    assert said in logged(caplog, logging.WARNING)


def test_a_folder_that_is_not_there_yet_is_seen_by_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_watch, "LOOK_S", 0.05)
    heard = threading.Event()
    watch = FolderWatch([tmp_path / "later"], heard.set)
    watch.start()
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "one.py").write_text("")
    assert heard.wait(DEADLINE_S)
    watch.close()


def test_a_watch_that_is_closed_at_once_ends(tmp_path: Path) -> None:
    for _ in range(200):
        watch = FolderWatch([tmp_path], lambda: None)
        watch.start()
        watch.close()
        assert not watch._thread.is_alive()


def test_a_folder_that_cannot_be_looked_into_holds_nothing_up(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is behind a path that is too long raises as what may not be looked at does, also for root."""
    monkeypatch.chdir(folder)
    length = len(os.path.realpath(folder))
    while length < 4085:
        name = "x" * min(200, 4086 - length)
        os.mkdir(name)  # noqa: PTH102 - such a path is no argument of a call
        os.chdir(name)
        length += 1 + len(name)
    monkeypatch.chdir(tmp_path)
    watch = FolderWatch([folder], lambda: None)
    watch.start()
    watch.close()
    assert not watch._thread.is_alive()


def test_a_folder_that_cannot_be_looked_at_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watch = FolderWatch([tmp_path / "connectors"], lambda: None)
    monkeypatch.setattr(watch, "_look", lambda: 1 / 0)
    watch.start()
    deadline = time.monotonic() + DEADLINE_S
    while not caplog.messages and time.monotonic() < deadline:
        time.sleep(0.005)
    watch.close()
    assert caplog.messages[0] == f"plugin.path ({tmp_path / 'connectors'}) cannot be looked at; that is tried again"
