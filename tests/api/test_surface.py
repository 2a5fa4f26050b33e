"""What plugins can name is what was meant: the committed listing says so, and a change of it is a change of the API."""

from __future__ import annotations

import difflib

from tests.api.surface import LISTING, MODULES, surface
from tests.house.test_public_api import PUBLIC


def test_the_surface_of_the_api_is_the_committed_one() -> None:
    before, now = LISTING.read_text().splitlines(), surface().splitlines()
    changes = "\n".join(difflib.unified_diff(before, now, "committed", "now", n=0, lineterm=""))
    assert not changes, (
        f"{changes}\n\nIf this is meant and docs/reference/api-stability.md allows it: python -m tests.api.surface"
    )


def test_the_listing_has_every_public_module() -> None:
    assert MODULES == PUBLIC


def test_the_listing_says_the_same_in_every_process() -> None:
    assert " at 0x" not in surface()
    assert surface() == surface()
