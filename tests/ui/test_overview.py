"""All connectors: whether there is something to worry about, the table, and what is done to many."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.page_answers import answer
from tests.support.pages import OpenPage, PageWorker, source, until

Opening = Callable[..., OpenPage]


def names(page: Any) -> list[str]:
    """Return the names in the table, from the top."""
    found: list[str] = page.locator("tbody tr[data-row] .c-name a").all_inner_texts()
    return found


@pytest.fixture
def three(worker: PageWorker) -> PageWorker:
    """A worker with three connectors: one runs, one is paused, one has failed."""
    worker.create("alpha")
    worker.create("beta", state="PAUSED")
    worker.create_failing("gamma")
    return worker


def test_a_worker_without_connectors_says_how_to_make_one(open_page: Opening) -> None:
    page = open_page("/").page
    assert page.get_by_text("Nothing runs yet").is_visible()
    assert page.get_by_role("link", name="New connector").is_visible()


def test_it_is_quiet_where_all_run_and_red_where_one_failed(worker: PageWorker, open_page: Opening) -> None:
    worker.create("lines")
    worker.until_state("lines", "RUNNING")
    page = open_page("/").page
    worry = page.get_by_role("region", name="Should I worry?")
    worry.get_by_text("The connector runs").wait_for()
    worker.create_failing("broken")
    worry.get_by_text("1 failed").wait_for()
    assert "Converting byte[] to Kafka Connect data failed" in worry.inner_text()
    assert "since" in worry.inner_text()
    until(lambda: names(page)[0] == "broken")


def test_what_waits_for_something_outside_is_told_with_what_it_waits_for(
    worker: PageWorker, open_page: Opening
) -> None:
    worker.create("lines")
    opened = open_page("/")
    worry = opened.page.get_by_role("region", name="Should I worry?")
    worry.get_by_text("The connector runs").wait_for()
    worker.create("early", source(str(worker.folder / "to-come.txt"), "early"))
    worry.get_by_text("1 waits").wait_for()
    assert "of 2 connectors, and none failed" in worry.inner_text()
    assert "to-come.txt' is not there" in worry.inner_text()
    assert opened.axe() == []
    worry.get_by_role("link", name="early").click()
    opened.page.get_by_role("region", name="What it waits for").get_by_text("to-come.txt").wait_for()
    (worker.folder / "to-come.txt").write_text("here\n")
    opened.go("/")
    worry.get_by_text("All 2 connectors run").wait_for()


def test_counts_are_links_and_filters_and_sorting_are_in_the_address(three: PageWorker, open_page: Opening) -> None:
    page = open_page("/").page
    until(lambda: names(page) == ["gamma", "alpha", "beta"])
    page.get_by_role("link", name="1 failed").click()
    until(lambda: names(page) == ["gamma"])
    assert page.url.endswith("#/?state=FAILED")
    page.get_by_role("link", name="All 3").click()
    page.get_by_role("button", name="Name").click()
    until(lambda: names(page) == ["alpha", "beta", "gamma"])
    page.get_by_role("button", name="Name").click()
    until(lambda: names(page) == ["gamma", "beta", "alpha"])
    assert page.get_by_role("columnheader", name="Name").get_attribute("aria-sort") == "descending"
    # Whoever is given the address sees the same.
    page.get_by_role("searchbox").fill("a")
    page.wait_for_url(re.compile("q=a"))
    copied = page.url
    assert "sort=name" in copied and "dir=desc" in copied and "q=a" in copied
    other = open_page(copied.partition("#")[2]).page
    until(lambda: names(other) == ["gamma", "beta", "alpha"])
    assert other.get_by_role("searchbox").input_value() == "a"


def test_what_fits_no_filter_is_told_and_not_an_empty_table(three: PageWorker, open_page: Opening) -> None:
    page = open_page("/?q=nothing-like-that").page
    page.get_by_text("No connector is like that").wait_for()
    page.get_by_role("link", name="Show all 3").click()
    until(lambda: len(names(page)) == 3)


def test_many_are_paused_at_once_and_each_result_is_listed(three: PageWorker, open_page: Opening) -> None:
    page = open_page("/").page
    page.get_by_role("checkbox", name="All that are shown").check()
    bulk = page.get_by_role("region", name="Selected connectors")
    assert "3 connectors selected" in bulk.inner_text()
    # One is paused already: it is not asked again.
    bulk.get_by_role("button", name="Pause 2").click()
    page.get_by_text("Pause: 2 of 2").wait_for()
    results = page.locator(".results li")
    assert sorted(one.split()[1] for one in results.all_inner_texts()) == ["alpha", "gamma"]
    assert three.status("alpha")["connector"]["state"] == "PAUSED"
    until(lambda: three.status("alpha")["tasks"] == [] or three.status("alpha")["tasks"][0]["state"] == "PAUSED")


def test_what_refuses_is_listed_with_why(three: PageWorker, open_page: Opening) -> None:
    opened = open_page("/")
    page = opened.page
    page.get_by_role("checkbox", name="Select alpha").check()
    page.get_by_role("checkbox", name="Select gamma").check()
    answer(page, "**/connectors/alpha/pause", {"error_code": 409, "message": "not now"}, 409)
    opened.expect_errors("409.*alpha")
    page.get_by_role("button", name="Pause 2").click()
    page.get_by_text("1 refused").first.wait_for()
    refused = page.locator(".results li").first.inner_text()
    assert "alpha" in refused and "not now" in refused


def test_an_action_shows_its_curl_and_what_the_worker_says_of_it(three: PageWorker, open_page: Opening) -> None:
    page = open_page("/connectors/alpha").page
    page.get_by_role("group", name="Actions").get_by_role("button", name="curl").click()
    assert page.get_by_text(f"curl -X PUT '{three.url}/connectors/alpha/pause'").is_visible()
    page.get_by_role("button", name="Pause").click()
    page.locator(".facts").get_by_text("paused").first.wait_for()
    assert three.status("alpha")["connector"]["state"] == "PAUSED"
    page.get_by_role("button", name="Resume").wait_for()


def test_the_keyboard_stays_among_the_actions_when_one_was_pressed(three: PageWorker, open_page: Opening) -> None:
    page = open_page("/connectors/alpha").page
    page.get_by_role("group", name="Actions").get_by_role("button", name="Pause").focus()
    page.keyboard.press("Enter")
    page.get_by_text("alpha was paused").wait_for()
    until(lambda: page.evaluate("document.activeElement.ariaLabel") == "Actions")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Resume"


def test_a_deletion_asks_first(three: PageWorker, open_page: Opening) -> None:
    page = open_page("/connectors/beta").page
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete beta?")
    dialog.get_by_role("button", name="Leave it").click()
    assert three.client.get("/connectors/beta").status_code == 200
    page.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/ui/#/")
    until(lambda: three.client.get("/connectors/beta").status_code == 404)


def test_the_table_is_gone_through_by_the_keyboard(three: PageWorker, open_page: Opening) -> None:
    page = open_page("/").page
    until(lambda: len(names(page)) == 3)
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.type") == "search"
    page.keyboard.type("amm")
    until(lambda: names(page) == ["gamma"])
    assert page.get_by_role("searchbox").input_value() == "amm"
    page.get_by_role("searchbox").fill("")
    until(lambda: len(names(page)) == 3)
    page.keyboard.press("Escape")
    page.locator("tbody tr[data-row='0']").focus()
    page.keyboard.press("ArrowDown")
    until(lambda: page.evaluate("document.activeElement.dataset.row") == "1")
    page.keyboard.press("Space")
    assert "1 connector selected" in page.get_by_role("region", name="Selected connectors").inner_text()
    page.keyboard.press("Enter")
    page.wait_for_url("**/ui/#/connectors/alpha")
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog", name="Keys").wait_for(state="detached")


def test_the_first_thing_that_tab_reaches_leads_to_the_content(worker: PageWorker, open_page: Opening) -> None:
    page = open_page("/").page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


@pytest.mark.slow
def test_a_lost_connection_is_seen_and_what_is_shown_is_told_as_old(worker: PageWorker, open_page: Opening) -> None:
    worker.create("lines")
    worker.until_state("lines", "RUNNING")
    opened = open_page("/")
    opened.expect_errors("ERR_CONNECTION", "ERR_INCOMPLETE", "ERR_EMPTY", "net::")
    page = opened.page
    until(lambda: names(page) == ["lines"])
    worker.stop()
    page.get_by_text("connection lost").wait_for()
    page.get_by_text("The connection to the worker is lost; what is below is old").wait_for()
    assert names(page) == ["lines"]
    page.locator("body.stale").wait_for()
    page.get_by_text("state of").wait_for()


@pytest.mark.slow
def test_what_failed_while_the_worker_was_away_comes_by_itself_when_it_is_back(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    worker.create("lines")
    worker.until_state("lines", "RUNNING")
    opened = open_page("/connectors/lines")
    opened.expect_errors("ERR_", "net::")
    page = opened.page
    page.route("**/v1/**", lambda route: route.abort())
    page.route("**/connectors/**", lambda route: route.abort())
    page.evaluate("import('./js/live.js').then((live) => live.reconnect())")
    page.get_by_text("The connection to the worker is lost").wait_for()
    opened.page.get_by_role("link", name="History").click()
    page.get_by_text("The history could not be loaded").wait_for()
    page.unroute_all()
    page.locator("main").get_by_role("button", name="Try again").first.click()
    page.get_by_text("The history could not be loaded").wait_for(state="detached")
    page.get_by_text("1 version").wait_for()
    assert page.locator(".error-box").count() == 0
