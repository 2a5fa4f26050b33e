"""The web page in a real Chromium, of a real worker.

    browser        one Chromium for the tests of a module; without one they are skipped, with the reason
    worker         a worker of the test's own, on a free port; `worker.create(...)` makes connectors
    open_page      opens an address of the page; what the console or the page says of errors fails the test

A request of the page that is meant to fail is told beforehand: `page.expect_errors(...)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.chromium import find_chromium
from tests.support.pages import OpenPage, PageWorker, browser_of, pages_of

__all__ = ["browser", "open_page", "worker"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test may have Chromium fetched, which takes minutes; the others of a run wait for it."""
    here = str(Path(__file__).parent)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.timeout(900), append=False)


# Not of the session: while it runs this thread has a running event loop, in which no asynchronous test could begin one.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    found = find_chromium()
    if isinstance(found, str):
        pytest.skip(f"the page is not tried: {found}")
    with browser_of(found) as running:
        yield running


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[PageWorker]:
    with PageWorker(tmp_path) as running:
        yield running


@pytest.fixture
def open_page(browser: Any, worker: PageWorker) -> Iterator[Callable[..., OpenPage]]:
    """Open `path` of the page (`/connectors/x`); `width`, `height`, `theme`, `init` (a script) as they are given."""
    with pages_of(browser, worker.url) as opening:
        yield opening
