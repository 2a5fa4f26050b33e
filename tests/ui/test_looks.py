"""What axe-core and the width of a phone say of each view, in both themes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.page_answers import answer, answer_all, samples
from tests.support.pages import OpenPage, PageWorker, pages_of, source
from tests.support.registries import avro_text

BAD = "/connectors/bad-sink"
PATHS = [
    "/", BAD, *(f"{BAD}/{tab}" for tab in ("config", "history", "letters", "offsets", "logs", "metrics")),
    "/connectors/lines/offsets", "/connectors/halted", "/new", "/compare?a=lines&b=bad-sink", "/topics",
    "/topics/topic-lines", "/letters", "/plugins", "/schemas",
]  # fmt: skip
#: Of a worker that has a schema registry.
SCHEMAS = ["/schemas?deleted=1", "/schemas/user", "/schemas/user?version=2&with=1", "/schemas/gone", "/new-schema"]


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_each_view_is_accessible_and_fits(
    worker: PageWorker, open_page: Callable[..., OpenPage], theme: str, width: int
) -> None:
    worker.create("lines")
    worker.create("halted", source("none.txt", "none"), state="STOPPED")
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
        assert too_wide(page) <= 0, path
    opened.go("/connectors/bad-sink/config")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("region", name="Preview").get_by_text("1 record in").wait_for()
    assert opened.axe() == [], "preview"
    assert too_wide(page) <= 0, "preview"
    # What a step changes of the topic is marked in a quiet line.
    changed = samples()
    changed["walks"][0]["steps"][1]["changed"] += [{"path": "topic", "kind": "changed"}]
    answer(page, "**/samples?*", changed)
    opened.go(BAD)
    page.locator(".stage").nth(1).click()
    page.locator(".record .quiet mark").first.wait_for()
    assert opened.axe() == [], "a mark"


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_views_of_schemas_are_accessible_and_fit(tmp_path: Path, browser: Any, theme: str, width: int) -> None:
    config = tmp_path / "worker.properties"
    config.write_text("registry.listeners=http://127.0.0.1:0\n")
    with PageWorker(tmp_path, "--config", str(config)) as worker, pages_of(browser, worker.url) as opening:
        names = ["base", "user", "user", "gone", "v" * 200, "<b>" * 30]
        texts = ['"int"', avro_text("x"), avro_text("x", "y?"), '"int"', '"int"', avro_text("z" * 300)]
        for name, text in zip(names, texts, strict=True):
            refers = [{"name": "B", "subject": "base", "version": 1}] if name == "user" else []
            path = f"/v1/registry/subjects/{quote(name, safe='')}/versions"
            body = {"schema": text, "references": refers}
            assert worker.client.post(path, json=body).status_code == 200
        worker.client.delete("/v1/registry/subjects/gone")
        opened = opening(None, theme=theme, width=width)
        for path in [*SCHEMAS, f"/schemas/{'v' * 200}", f"/schemas/{quote('<b>' * 30, safe='')}"]:
            opened.go(path)
            assert opened.axe() == [], path
            assert too_wide(opened.page) <= 0, path
        opened.go("/schemas/user")
        opened.page.get_by_role("button", name="Write it").click()
        opened.page.get_by_role("textbox", name="Schema", exact=True).fill(avro_text("other"))
        opened.page.get_by_role("button", name="Check").click()
        opened.page.locator(".fault").wait_for()
        opened.page.get_by_role("combobox", name="Level").select_option("NONE")
        assert opened.axe() == [], "a verdict"
        assert too_wide(opened.page) <= 0, "a verdict"


def too_wide(page: Any) -> int:
    """Return by how many pixels a page is wider than the screen."""
    found: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return found


@pytest.mark.slow
def test_the_tab_that_is_open_is_seen_and_a_lost_connection_fits_on_a_phone(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    worker.create("lines")
    opened = open_page("/connectors/lines/metrics", width=390, height=844)
    opened.expect_errors("ERR_", "net::")
    page = opened.page
    tab = page.get_by_role("link", name="Metrics", exact=True).bounding_box()
    assert tab["x"] >= 0 and tab["x"] + tab["width"] <= 390
    worker.stop()
    page.get_by_text("state of").wait_for()
    assert too_wide(page) <= 0


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
