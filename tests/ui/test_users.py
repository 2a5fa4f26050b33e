"""Who is asked for a user, what who may only read is shown, and what is said where nobody is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.doors import PASSWORD, make_users
from tests.support.pages import OpenPage, PageWorker, pages_of


@pytest.fixture
def worker(tmp_path: Path):
    users, _ = make_users(tmp_path)
    config = tmp_path / "worker.properties"
    config.write_text(f"rest.authentication.file={users}\n")
    with PageWorker(tmp_path, "--config", str(config)) as running:
        running.client.auth = ("ann", PASSWORD)
        yield running


def log_in(opened: OpenPage, user: str, password: str) -> None:
    opened.expect_errors("401", "429")
    opened.page.goto(f"{opened.url}/ui/")
    opened.page.get_by_label("User").fill(user)
    opened.page.get_by_label("Password").fill(password)
    opened.page.get_by_role("button", name="Log in").click()


def test_a_user_logs_in_and_a_wrong_password_is_told(worker: PageWorker, open_page: Callable[..., OpenPage]) -> None:
    worker.create("lines")
    opened = open_page(None)
    page = opened.page
    log_in(opened, "ann", "wrong")
    page.get_by_text("You are not logged in").wait_for()
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.locator("tbody tr[data-row]").wait_for()
    assert page.get_by_role("link", name="New connector").is_visible()
    # It stays for this tab, and no longer than it.
    page.reload()
    page.locator("tbody tr[data-row]").wait_for()
    assert page.evaluate("localStorage.getItem('connect.authorization')") is None
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("heading", name="Log in").wait_for()


def test_nothing_is_asked_for_and_nothing_lost_before_somebody_has_logged_in(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    opened = open_page(None)  # without an error that is expected: a 401 would be one
    opened.page.goto(f"{opened.url}/ui/")
    opened.page.get_by_label("User").wait_for()
    opened.page.wait_for_timeout(700)  # the first try anew would be then
    assert opened.page.get_by_text("connection lost").count() == 0
    assert opened.page.get_by_role("button", name="Log out").count() == 0


def test_who_may_only_read_sees_no_buttons(worker: PageWorker, open_page: Callable[..., OpenPage]) -> None:
    worker.create("lines")
    opened = open_page(None)
    page = opened.page
    log_in(opened, "bob", PASSWORD)
    page.locator("tbody tr[data-row]").wait_for()
    page.get_by_text("read only").wait_for()
    assert page.get_by_role("link", name="New connector").count() == 0
    assert page.get_by_role("checkbox").count() == 0
    for tab in ("", "/config", "/history", "/offsets", "/logs"):
        opened.go(f"/connectors/lines{tab}")
        page.wait_for_timeout(500)  # what is checked while one writes would be checked by now, and refused
        for label in ("Pause", "Stop", "Restart", "Delete", "Preview", "Form", "Back to this", "Set the offsets"):
            assert page.get_by_role("button", name=label, exact=True).count() == 0, label


def test_a_password_in_a_command_is_not_shown(worker: PageWorker, open_page: Callable[..., OpenPage]) -> None:
    worker.create("lines")
    opened = open_page(None)
    log_in(opened, "ann", PASSWORD)
    opened.page.locator("tbody tr[data-row]").wait_for()
    opened.go("/connectors/lines")
    opened.page.get_by_role("group", name="Actions").get_by_role("button", name="curl").click()
    text = opened.page.locator(".commands").inner_text()
    assert "-u 'ann'" in text
    assert PASSWORD not in opened.page.content()


def test_a_listener_that_others_reach_without_a_user_is_told(browser: Any, tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    with PageWorker(folder, "--listeners", "http://0.0.0.0:0") as running, pages_of(browser, running.url) as opening:
        page = opening("/").page
        page.get_by_text("Others can reach this worker").wait_for()
