"""A connector's figures and log lines."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.page_answers import answer, series
from tests.support.pages import OpenPage, PageWorker, until

#: A browser takes a second for what is quick elsewhere.
pytestmark = pytest.mark.slow


def test_points_that_stand_alone_are_seen(worker: PageWorker, open_page: Callable[..., OpenPage]) -> None:
    worker.create("lines")
    opened = open_page(None)
    told = series()
    # A commit a minute is a point in six, with nothing known beside it.
    told["commit_ms"] = [3.0 if i % 6 == 0 else None for i in range(len(told["commit_ms"]))]
    answer(opened.page, "**/series?*", told)
    opened.go("/connectors/lines/metrics")
    chart = opened.page.locator("figure", has_text="A commit takes")
    parts = (chart.locator("path.line").get_attribute("d") or "").split("M")[1:]
    assert len(parts) == 15
    assert all("L" in part for part in parts), "a line of one point is drawn by no browser"


def test_a_level_that_could_not_be_set_is_told_and_can_be_tried_again(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    worker.create("lines")
    opened = open_page("/connectors/lines/logs")
    page = opened.page
    opened.expect_errors("500.*admin/loggers")
    answer(page, "**/admin/loggers/*", {"error_code": 500, "message": "not now"}, 500, times=1)
    level = page.locator(".log-bar label", has_text="DEBUG").locator("select")
    level.select_option("DEBUG")
    page.get_by_text("not now").wait_for()
    page.get_by_role("button", name="Try again").click()
    level.select_option("DEBUG")
    until(lambda: worker.client.get("/admin/loggers/connect.connector.lines").json().get("level") == "DEBUG")
    assert page.get_by_text("not now").count() == 0
