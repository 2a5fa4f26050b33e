"""All connectors: whether there is something to worry about, the table, and what is done to many."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.pages import OpenPage, PageWorker


def test_a_worker_without_connectors_says_how_to_make_one(open_page: Callable[..., OpenPage]) -> None:
    page = open_page("/").page
    assert page.get_by_text("Nothing runs yet").is_visible()
    assert page.get_by_role("link", name="New connector").is_visible()


def test_it_is_quiet_where_all_run_and_red_where_one_failed(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    worker.create("lines")
    worker.until_state("lines", "RUNNING")
    page = open_page("/").page
    worry = page.get_by_role("region", name="Should I worry?")
    assert "The connector runs" in worry.inner_text()
    worker.create_failing("broken")
    worry.get_by_text("1 failed").wait_for()
    assert "Converting byte[] to Kafka Connect data failed" in worry.inner_text()
    assert page.locator("tbody tr[data-row]").first.get_by_role("link").inner_text() == "broken"
