"""The pages of the API say what the code is now."""

from __future__ import annotations

import importlib
import inspect

import pytest

from tests.api.surface import MODULES
from tests.docs.api_pages import INDEX, MORE, PAGES, Page, pages, render, render_index

AGAIN = "run: python -m tests.docs.api_pages"


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.home)
def test_a_page_is_what_would_be_written_now(page: Page) -> None:
    assert (PAGES / page.file_name).read_text() == render(page), AGAIN


def test_every_public_name_is_on_one_page_and_in_the_index() -> None:
    named = [(page.importing, name) for page in pages() for name in page.names]
    wanted = [(module, name) for module in (*MODULES, *MORE) for name in importlib.import_module(module).__all__]
    assert sorted(named) == sorted(wanted)
    assert INDEX.read_text() == render_index(), AGAIN
    files = [page.file_name for page in pages()]
    assert sorted([*files, INDEX.name]) == sorted(path.name for path in PAGES.glob("*.md"))


@pytest.mark.parametrize("module", [*MODULES, *MORE])
def test_every_public_class_function_and_method_says_what_it_does(module: str) -> None:
    without = []
    for name in importlib.import_module(module).__all__:
        thing = getattr(importlib.import_module(module), name)
        if inspect.isfunction(thing) or (isinstance(thing, type) and thing.__module__.startswith("connect.")):
            own = vars(thing).items() if isinstance(thing, type) else ()
            methods = [(f"{name}.{m}", f) for m, f in own if inspect.isfunction(f) and not m.startswith("_")]
            without += [
                what for what, it in [(name, thing), *methods] if not it.__doc__ and not _overrides(thing, what)
            ]
    assert without == []


def _overrides(cls: object, what: str) -> bool:
    """Whether a method is one of a base class, which says what it does."""
    member = what.rpartition(".")[2]
    return any(getattr(vars(base).get(member), "__doc__", None) for base in getattr(cls, "__mro__", ())[1:])
