"""A pytest plugin: `pytest -p tests.processes --processes 6` collects once, and runs the tests in so many processes.

Each is a fork of the one that collected, so that all have the same items, and none imports anything or looks for tests
again. Each begins with a stretch of the list; one that is done takes the latter half of the longest stretch that is
left, as xdist's worksteal does. A process that ends while it runs a test has that test fail, and another one goes on.

The first process runs no test: it tells of them, and knows what failed. Tests see the variables of xdist.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import multiprocessing
import os
import random
import signal
import threading
import time
import warnings
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, Final, TypeAlias

import pytest
from _pytest.capture import CaptureManager
from _pytest.terminal import TerminalReporter

#: What a process says of a test: its reports. A failure has its trace, which is no plain value, and is spelt out first.
_Report: TypeAlias = "pytest.TestReport | dict[str, Any]"
#: Of a warning: its text, category, file and line.
_Warning: TypeAlias = tuple[str, type[Warning], str, int]
_FORK: Final = multiprocessing.get_context("fork")
#: How long the tests that are under way have to end where a run is ended.
_END_S: Final = 60.0
#: How long threads that modules of tests began as they were imported have to end.
_THREADS_S: Final = 10.0
#: Plugins that tell of tests, or note what became of them: the first process alone does.
_TELLS: Final = ("terminalreporter", "lfplugin", "nfplugin", "stepwiseplugin")


def pytest_addoption(parser: pytest.Parser) -> None:
    told = "collect once and run the tests in so many forks"
    parser.getgroup("processes").addoption("--processes", type=int, default=1, metavar="COUNT", help=told)


def pytest_configure(config: pytest.Config) -> None:
    # What is collected is put in an order for so many: see tests/conftest.py.
    os.environ["PYTEST_XDIST_WORKER_COUNT"] = str(config.getoption("processes"))


def pytest_unconfigure() -> None:
    os.environ.pop("PYTEST_XDIST_WORKER_COUNT", None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run what was collected, unless it is run in the usual way."""
    count = session.config.getoption("processes")
    if count < 2 or session.config.option.collectonly or session.testsfailed:
        return None
    _see_that_nobody_runs()
    _Run(session, count).run()
    return True


def _see_that_nobody_runs() -> None:
    """A thread is not there in a fork, though what it holds and what it was to do is."""
    deadline = time.monotonic() + _THREADS_S
    while others := [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]:
        if time.monotonic() > deadline:
            raise pytest.UsageError(f"what was collected has left threads behind, which no fork has: {others}")
        time.sleep(0.05)


# -- the first process -------------------------------------------------------------------------------------------------


@dataclass
class _Worker:
    """A process that runs tests, and the first one's end of its pipe."""

    process: multiprocessing.process.BaseProcess
    link: Connection
    #: What it has been given, and has not told of: the test that it runs, and the one behind it.
    given: deque[int] = field(default_factory=deque)
    #: What it is to be given, unless another takes it.
    left: deque[int] = field(default_factory=deque)
    asked_to_end: bool = False


class _Run:
    def __init__(self, session: pytest.Session, count: int) -> None:
        self._session = session
        self._hook = session.config.hook
        self._made = 0
        total = len(session.items)
        bounds = [total * at // count for at in range(count + 1)]
        self._stretches = [deque(range(first, end)) for first, end in itertools.pairwise(bounds) if first < end]
        self._workers: list[_Worker] = []

    def run(self) -> None:
        if (reporter := self._session.config.pluginmanager.get_plugin("terminalreporter")) is not None:
            assert isinstance(reporter, TerminalReporter)
            reporter.showfspath = False  # tests of all files come in between each other
        self._session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined] # pytest's own, made once
        try:
            for stretch in self._stretches:
                self._start(stretch)
            while self._workers:
                links = {worker.link: worker for worker in self._workers}
                for link in wait(list(links)):
                    assert isinstance(link, Connection)
                    self._hear(links[link])
                self._stop_if_asked()
        finally:
            self._end()

    def _end(self) -> None:
        """Let those that still run end the test that they are at, and what was made for several; not for ever."""
        for worker in self._workers:
            worker.link.close()
        deadline = time.monotonic() + _END_S
        for worker in self._workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            worker.process.kill()
            worker.process.join()

    def _start(self, left: deque[int]) -> None:
        here, there = _FORK.Pipe()
        others = [here, *(worker.link for worker in self._workers)]
        process = _FORK.Process(target=_work, args=(self._session, there, f"gw{self._made}", others))
        process.start()
        there.close()
        self._made += 1
        worker = _Worker(process, here, left=left)
        self._workers.append(worker)
        self._give(worker)

    def _give(self, worker: _Worker) -> None:
        """Let a process have two tests, so that it knows which comes next, or know that there is none."""
        while len(worker.given) < 2 and not worker.asked_to_end:
            if not worker.left and not self._taken_from_another(worker):
                worker.asked_to_end = True
                self._send(worker, None)
                return
            at = worker.left.popleft()
            worker.given.append(at)
            self._send(worker, at)

    def _send(self, worker: _Worker, at: int | None) -> None:
        with contextlib.suppress(OSError):  # it has ended, and its end is heard
            worker.link.send(at)

    def _taken_from_another(self, worker: _Worker) -> bool:
        longest = max(self._workers, key=lambda other: len(other.left))
        count = (len(longest.left) + 1) // 2
        taken = [longest.left.pop() for _ in range(count)]
        worker.left.extend(reversed(taken))
        return count > 0

    def _hear(self, worker: _Worker) -> None:
        try:
            told = worker.link.recv()
        except (EOFError, OSError):
            self._bury(worker)
            return
        for warning in told["warnings"]:
            self._warn(*warning)
        at = worker.given.popleft()
        self._give(worker)  # before it is told of: the process waits for it
        self._tell(at, told["reports"])

    def _tell(self, at: int, reports: list[_Report]) -> None:
        item = self._session.items[at]
        self._hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in reports:
            if isinstance(report, dict):
                report = self._hook.pytest_report_from_serializable(config=self._session.config, data=report)
            self._hook.pytest_runtest_logreport(report=report)
        self._hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)

    def _warn(self, text: str, category: type[Warning], filename: str, line: int) -> None:
        recorded = warnings.WarningMessage(text, category, filename, line)
        self._hook.pytest_warning_recorded.call_historic(
            kwargs={"warning_message": recorded, "nodeid": "", "when": "runtest", "location": None}
        )

    def _bury(self, worker: _Worker) -> None:
        """Take a process that has ended out of the run. Another one goes on where it was in the middle of its tests."""
        self._workers.remove(worker)
        worker.link.close()
        worker.process.join()
        if not worker.given and not worker.left and worker.process.exitcode == 0:
            return
        if worker.given:
            at = worker.given.popleft()
            self._tell(at, [self._lost(at, f"the process of this test ended: {_ended(worker.process.exitcode)}")])
        left = worker.given + worker.left
        if left and not self._stops():
            self._start(left)

    def _lost(self, at: int, why: str) -> pytest.TestReport:
        item = self._session.items[at]
        return pytest.TestReport(item.nodeid, item.location, {}, "failed", why, "call")

    def _stops(self) -> str | bool:
        return self._session.shouldfail or self._session.shouldstop

    def _stop_if_asked(self) -> None:
        if self._session.shouldfail:
            raise self._session.Failed(self._session.shouldfail)
        if self._session.shouldstop:
            raise self._session.Interrupted(self._session.shouldstop)


def _ended(code: int | None) -> str:
    return f"by {signal.Signals(-code).name}" if code is not None and code < 0 else f"with exit code {code}"


# -- the processes that run tests --------------------------------------------------------------------------------------


def _work(session: pytest.Session, link: Connection, name: str, others: list[Connection]) -> None:
    """Run the tests whose numbers come, until None comes."""
    for other in others:  # so that each sees the end of the first process, and of no other
        other.close()
    _begin(session.config, name)
    telling = _Telling(session.config)
    session.config.pluginmanager.register(telling, "processes-telling")
    try:
        at = link.recv()
        while at is not None:
            following = link.recv()
            item = session.items[at]
            coming = session.items[following] if following is not None else None
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=coming)
            link.send(telling.taken())
            at = following
    except (EOFError, OSError):
        pass  # the first process wants no more
    finally:
        session._setupstate.teardown_exact(None)  # servers end, where a run is ended
        atexit._run_exitfuncs()


def _begin(config: pytest.Config, name: str) -> None:
    """Take leave of what the first process has, so that this one has its own."""
    atexit._clear()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the first process ends this one
    random.seed()
    os.environ["PYTEST_XDIST_WORKER"] = name
    factory = config._tmp_path_factory  # type: ignore[attr-defined] # pytest's own
    config.option.basetemp = str(factory.getbasetemp() / name)
    config._tmp_path_factory = type(factory).from_config(config, _ispytest=True)  # type: ignore[attr-defined]
    capture = config.pluginmanager.get_plugin("capturemanager")
    assert isinstance(capture, CaptureManager)
    # Its files are those of the first process, with one position for all.
    capture.stop_global_capturing()
    capture.start_global_capturing()
    capture.suspend_global_capture()
    for told in _TELLS:
        if (plugin := config.pluginmanager.get_plugin(told)) is not None:
            config.pluginmanager.unregister(plugin)


class _Telling:
    """Keeps what is to be told of one test."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._reports: list[_Report] = []
        self._warnings: list[_Warning] = []

    def taken(self) -> dict[str, Any]:
        told = {"reports": self._reports, "warnings": self._warnings}
        self._reports, self._warnings = [], []
        return told

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        plain = report.longrepr is None or isinstance(report.longrepr, (str, tuple))
        spell = self._config.hook.pytest_report_to_serializable
        self._reports.append(report if plain else spell(config=self._config, report=report))

    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        said = warning_message
        category = said.category if said.category.__module__ == "builtins" else Warning
        self._warnings.append((str(said.message), category, said.filename, said.lineno))
