"""What is installed, with keys and promises, and what could not be loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.pages import OpenPage, PageWorker, pages_of

#: A browser takes a second for what is quick elsewhere.
pytestmark = pytest.mark.slow


def test_every_kind_is_listed_with_its_keys_and_promises(open_page: Callable[..., OpenPage]) -> None:
    opened = open_page("/plugins")
    page = opened.page
    for kind in ("Sources", "Sinks", "Transforms", "Predicates", "Converters", "Header converters", "Config providers"):
        assert page.get_by_role("heading", name=kind, exact=True).is_visible()
    one = page.locator(".plugins > li", has_text="FileStreamSourceConnector")
    assert "up to exactly-once" in one.inner_text()
    one.locator("summary").click()
    one.get_by_role("region", name="Keys").wait_for()
    assert "batch.size" in one.inner_text()
    one.get_by_role("link", name="New connector of it").click()
    page.locator("textarea").wait_for()
    assert "FileStreamSourceConnector" in page.get_by_label("Config", exact=True).input_value()


def test_a_plugin_is_found_by_what_it_says_of_itself(open_page: Callable[..., OpenPage]) -> None:
    page = open_page("/plugins?kind=transformation").page
    assert page.get_by_role("heading", name="Sources", exact=True).count() == 0
    page.get_by_label("Find a plugin").fill("regexrouter")
    assert page.locator(".plugins > li").count() == 1


def test_one_that_cannot_be_imported_is_told_with_its_error(tmp_path: Path, browser: Any) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "bad.py").write_text("import no_such_module_here\n")
    with PageWorker(tmp_path, CONNECT_PLUGIN_PATH=str(folder)) as worker, pages_of(browser, worker.url) as open_page:
        page = open_page("/plugins").page
        broken = page.get_by_role("region", name="Broken", exact=True)
        assert "no_such_module_here" in broken.inner_text()
        assert "bad" in broken.inner_text()
