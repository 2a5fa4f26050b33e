"""A connector's history, the way back, and two connectors side by side."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.pages import OpenPage, PageWorker, until

#: A browser takes a second for what is quick elsewhere.
pytestmark = pytest.mark.slow


def test_any_two_versions_are_compared_and_one_is_brought_back(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    worker.create("lines")
    config = worker.client.get("/connectors/lines/config").json()
    worker.client.put("/connectors/lines/config", json={**config, "batch.size": "7"})
    page = open_page("/connectors/lines/history").page
    between = page.get_by_role("region", name="Between two versions")
    between.wait_for()
    assert "batch.size" in between.inner_text()
    assert "anonymous" in page.locator(".versions").inner_text()
    page.get_by_role("button", name="Back to this").click()
    dialog = page.get_by_role("dialog", name="Back to version 1?")
    assert "batch.size" in dialog.inner_text()
    dialog.get_by_role("button", name="Bring it back").click()
    until(lambda: "batch.size" not in worker.client.get("/connectors/lines/config").json())
    page.locator(".versions", has_text="rolled back to 1").wait_for()


def test_a_version_that_is_not_the_newest_any_more_is_not_brought_back_unseen(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    worker.create("lines")
    config = worker.client.get("/connectors/lines/config").json()
    worker.client.put("/connectors/lines/config", json={**config, "batch.size": "7"})
    opened = open_page("/connectors/lines/history")
    opened.expect_errors("412")
    opened.page.get_by_role("button", name="Back to this").click()
    worker.client.put("/connectors/lines/config", json={**config, "batch.size": "8"})
    opened.page.get_by_role("button", name="Bring it back").click()
    opened.page.get_by_role("dialog").get_by_text("It was not done").wait_for()
    assert worker.client.get("/connectors/lines/config").json()["batch.size"] == "8"


def test_two_connectors_are_compared_by_name(worker: PageWorker, open_page: Callable[..., OpenPage]) -> None:
    worker.create("one")
    worker.create("two")
    page = open_page("/compare?a=one").page
    page.get_by_label("with").fill("two")
    page.get_by_label("with").press("Tab")
    table = page.get_by_role("region", name="Differences")
    table.wait_for()
    assert "topic-two" in table.inner_text()
    assert "connector.class" not in table.inner_text()
