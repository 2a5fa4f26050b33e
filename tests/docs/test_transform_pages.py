"""The pages of the transforms say what the transforms do now."""

from __future__ import annotations

import pytest

from connect_transforms import connect_transforms
from tests.docs.transform_pages import INDEX, PAGE_LIST, PAGES, Page, classes_of, file_name, render, with_table

AGAIN = "run: python -m tests.docs.transform_pages"


@pytest.mark.parametrize("page", PAGE_LIST, ids=lambda page: page.name)
def test_a_page_is_what_would_be_written_now(page: Page) -> None:
    assert (PAGES / file_name(page)).read_text() == render(page), AGAIN


def test_the_index_lists_every_page() -> None:
    assert INDEX.read_text() == with_table(INDEX.read_text()), AGAIN
    assert {path.name for path in PAGES.glob("*.md")} == {file_name(page) for page in PAGE_LIST}


def test_every_transform_is_on_one_page_with_an_example() -> None:
    shown = [cls for page in PAGE_LIST for cls in classes_of(page)]
    assert sorted(shown, key=str) == sorted(connect_transforms(), key=str)
    assert all(page.examples for page in PAGE_LIST)
