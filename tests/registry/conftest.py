from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connect.registry.registry import Registry
from tests.support.registries import registry_in


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[Registry]:
    async with registry_in(tmp_path / "data") as registry:
        yield registry
