"""The page behind a reverse proxy: below a prefix, where the proxy knows its users by itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.page_proxies import proxy_before
from tests.support.pages import OpenPage, PageWorker, pages_of

COOKIE = {"name": "sso", "value": "yes"}
#: bob:secret
BASIC = "Basic Ym9iOnNlY3JldA=="


def pause(opened: OpenPage, worker: PageWorker) -> None:
    """See the connector, and press a button."""
    opened.go("/connectors/lines")
    opened.page.get_by_text("live", exact=True).wait_for()
    opened.page.get_by_role("button", name="Pause").click()
    worker.until_state("lines", "PAUSED")


@pytest.mark.slow
def test_a_proxys_cookie_goes_along_and_its_new_login_is_told(browser: Any, worker: PageWorker) -> None:
    worker.create("lines")
    with (
        proxy_before(
            worker.url, lambda headers: "sso=yes" in headers.get("Cookie", ""), status="302", Location="/login"
        ) as url,
        pages_of(browser, url) as pages,
    ):
        opened = pages(None)
        opened.page.context.add_cookies([{**COOKIE, "url": url}])
        pause(opened, worker)
        opened.page.context.clear_cookies()
        opened.page.get_by_role("button", name="Resume").click()
        opened.page.get_by_text("wants a new login").first.wait_for()


@pytest.mark.slow
def test_a_proxys_password_is_asked_for_by_the_browser_alone(browser: Any, worker: PageWorker) -> None:
    worker.create("lines")
    with proxy_before(
        worker.url,
        lambda headers: headers.get("Authorization") == BASIC,
        status="401",
        WWW_Authenticate='Basic realm="proxy"',
    ) as url:
        context = browser.new_context(http_credentials={"username": "bob", "password": "secret"})
        try:
            opened = OpenPage(context.new_page(), url)
            opened.expect_errors("401")  # before the browser knows
            pause(opened, worker)
            assert opened.page.get_by_label("Password").count() == 0
            assert opened.errors() == []
        finally:
            context.close()
