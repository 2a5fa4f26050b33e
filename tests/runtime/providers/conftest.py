"""What tests of providers share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.remembered import forgetting


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Let other tests show what these hide."""
    with forgetting():
        yield
