"""What axe-core and the width of a phone say of each view, in both themes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.page_answers import answer_all
from tests.support.pages import OpenPage, PageWorker

BAD = "/connectors/bad-sink"
PATHS = ["/", BAD, f"{BAD}/offsets", f"{BAD}/logs", f"{BAD}/metrics"]


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_each_view_is_accessible_and_fits(
    worker: PageWorker, open_page: Callable[..., OpenPage], theme: str, width: int
) -> None:
    worker.create("lines")
    worker.create_failing("bad-sink")
    opened = open_page(None, theme=theme, width=width)
    page = opened.page
    answer_all(page)
    for path in PATHS:
        opened.go(path)
        if path == BAD:
            page.locator(".stage").nth(1).click()
            page.locator(".record").first.wait_for()
        assert opened.axe() == [], path
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{path} is {wide} px wider than the screen"


def test_the_theme_is_switched_and_remembered(worker: PageWorker, open_page: Callable[..., OpenPage]) -> None:
    page = open_page("/", theme="light").page
    color = "getComputedStyle(document.body).backgroundColor"
    bright = page.evaluate(color)
    page.get_by_role("button", name="Theme: auto").click()
    page.get_by_role("button", name="Theme: light").click()
    page.get_by_role("button", name="Theme: dark").wait_for()
    dark = page.evaluate(color)
    assert dark != bright
    page.reload()
    page.get_by_role("button", name="Theme: dark").wait_for()
    assert page.evaluate(color) == dark
