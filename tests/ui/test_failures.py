"""A request that fails is an error on the page, with status, text and a way to try again, and never an empty list."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.page_answers import answer, answer_all
from tests.support.pages import OpenPage, PageWorker

MESSAGE = "it is broken on purpose"
BAD = "/connectors/bad-sink"
#: The other views' requests are failed one by one in test_config_editor.py.
VIEWS = ["/", BAD, f"{BAD}/offsets", f"{BAD}/logs", f"{BAD}/metrics", "/connectors/lines/offsets"]


@pytest.fixture
def two(worker: PageWorker) -> PageWorker:
    worker.create("lines")
    worker.create_failing("bad-sink")
    return worker


def asked_by(opened: OpenPage, path: str) -> list[str]:
    """Return the REST paths that a view asks for."""
    asked: list[str] = []

    def note(request: Any) -> None:
        rest = urlsplit(request.url).path
        if not rest.startswith("/ui/") and rest not in asked:
            asked.append(rest)

    opened.page.on("request", note)
    answer_all(opened.page)
    opened.go(path)
    opened.page.wait_for_timeout(1500)  # what a view asks for a moment later, too
    return asked


@pytest.mark.slow
@pytest.mark.parametrize("path", VIEWS)
def test_each_request_that_fails_once_is_an_error_on_the_page(
    two: PageWorker, open_page: Callable[..., OpenPage], path: str
) -> None:
    asked = asked_by(open_page(None), path)
    assert len(asked) >= 2
    for broken in asked:
        opened = open_page(None)
        opened.expect_errors(re.escape(broken), "Failed to load resource")
        answer_all(opened.page)
        body = {"error_code": 500, "message": MESSAGE}
        is_broken = re.compile(re.escape(broken) + r"(\?.*)?$")
        answer(opened.page, is_broken, body, 500)
        opened.page.goto(f"{two.url}/ui/#{path}")
        told = opened.page.locator(".error-box, .bad-text").filter(has_text=re.compile("HTTP 500"))
        told.first.wait_for()
        box = opened.page.locator(".error-box").filter(has_text="HTTP 500")
        if box.count():
            assert MESSAGE in box.first.inner_text(), broken


def test_what_failed_once_comes_by_trying_again(two: PageWorker, open_page: Callable[..., OpenPage]) -> None:
    opened = open_page(None)
    opened.expect_errors("Failed to load resource")
    answer_all(opened.page)
    page = opened.page
    answer(page, "**/connectors/bad-sink/topics", "<html>a proxy</html>", 503, times=1)
    page.goto(f"{two.url}/ui/#/connectors/bad-sink")
    box = page.locator(".error-box").filter(has_text="The topics could not be loaded")
    box.wait_for()
    assert "HTTP 503" in box.inner_text() and "<html>a proxy</html>" in box.inner_text()
    box.get_by_role("button", name="Try again").click()
    box.wait_for(state="detached")


def test_a_connector_that_there_is_not_is_told_so(worker: PageWorker, open_page: Callable[..., OpenPage]) -> None:
    opened = open_page(None)
    opened.expect_errors("404")
    opened.page.goto(f"{worker.url}/ui/#/connectors/nobody")
    opened.page.get_by_text("There is no such connector").wait_for()


def test_an_address_that_there_is_not_is_told_so(worker: PageWorker, open_page: Callable[..., OpenPage]) -> None:
    page = open_page("/nowhere").page
    page.get_by_text("There is nothing at this address").wait_for()
