"""Fixtures that every test may use."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Generator, Hashable

import hypothesis
import pytest

from tests.support.engines import broker, cluster, engine, kafka_cluster, name, own_broker, own_cluster, secured
from tests.support.lengths import examples
from tests.support.logs import begin_test
from tests.support.memory import have_temporary_files_in_memory
from tests.support.night import ALL_CASES, QUARTERS, leave_to_the_night, quarter
from tests.support.order import dealt
from tests.support.postgres import postgres_server, postgres_url
from tests.support.postgres_servers import postgres_servers
from tests.support.remembered import forget

__all__ = [
    "broker",
    "cluster",
    "engine",
    "kafka_cluster",
    "name",
    "own_broker",
    "own_cluster",
    "postgres_server",
    "postgres_servers",
    "postgres_url",
    "secured",
]

# The processes of tests and those that they start find byte code, as where the package was installed: compiling all
# anew is most of the time that a worker takes to start, and half of what collecting the tests takes.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

have_temporary_files_in_memory()

# Collecting thousands of tests makes no garbage to speak of, and the collector looks for it again and again: a tenth of
# the time that it takes. What is there behind it stays until the end, and is not looked through again.
gc.disable()

# A machine that is busy with other things is no failure.
hypothesis.settings.register_profile("connect", deadline=None, max_examples=examples())
hypothesis.settings.load_profile("connect")


#: Checks of the certificate that kill workers: inherited, and without our marks, since authors inherit them too. The
#: second one kills as the first does, and counts what came twice.
_CRASHES = {"test_crash_loses_nothing": "slow", "test_crash_doubles_nothing_where_that_is_promised": "night"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what is slow come first: the last test of a run is then a short one, and no process waits for another."""
    for item in items:
        if (mark := _CRASHES.get(item.name)) is not None:
            item.add_marker(mark)
    leave_to_the_night(items)
    slow = [(_common(item), item) for item in items if _is_slow(item)]
    quick = [item for item in items if not _is_slow(item)]
    items[:] = dealt(slow, quick, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def _is_slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None and item.get_closest_marker("skip") is None


def _common(item: pytest.Item) -> Hashable:
    """Return what a test has in common with others that one process had better run: a broker of its own, its file."""
    return "own_broker" if isinstance(item, pytest.Function) and "own_broker" in item.fixturenames else item.path


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()
    # A process of tests has a million objects that stay: to look through them all takes half a second, and young ones
    # are so many that it would be done hundreds of times.
    gc.set_threshold(20_000, 20, 50)


def pytest_report_header() -> str | None:
    if ALL_CASES:
        return None
    own = quarter()
    return f"slow tests: quarter {own} of {QUARTERS}, as of this day; CONNECT_QUARTER={own} runs the same again"


def pytest_runtest_setup() -> None:
    begin_test()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    done = yield
    if nextitem is None or nextitem.path != item.path:
        forget()
    return done


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let what tests printed and logged cross to the process that tells it: half a surrogate pair would end the run."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    if isinstance(report.longrepr, str):
        report.longrepr = report.longrepr.encode("utf-8", "backslashreplace").decode()
    return report
