"""The certificate of a source: right ones pass it, and each check finds the one that is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from connect.api import resume, source
from connect.testing.suites import SourceSuite


@source(exactly_once=True)
def ticks(topic: str, count: int = 10) -> Iterator[Any]:
    """Count up.

    Args:
        count: How many.
    """
    for n in range(resume(0), count):
        yield f"tick {n + 1}", n + 1


@source
async def async_ticks(topic: str, count: int = 10) -> AsyncIterator[Any]:
    """Count up.

    Args:
        count: How many.
    """
    for n in range(resume(0), count):
        await asyncio.sleep(0)
        yield f"tick {n + 1}", n + 1


class TestTicks(SourceSuite):
    connector = ticks
    config = {"topic": "t", "count": "50"}  # noqa: RUF012 - as an author writes it


class TestAsyncTicks(SourceSuite):
    connector = async_ticks
    config = {"topic": "t", "count": "50"}  # noqa: RUF012
    kills = 2
