from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.support.groups import Group
from tests.support.groups import group as made


@pytest_asyncio.fixture
async def group(tmp_path: Path) -> AsyncIterator[Group]:
    """A group without workers."""
    async with made(tmp_path) as without_workers:
        yield without_workers
