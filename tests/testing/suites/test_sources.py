"""The certificate of a source: right ones pass it, and each check finds the one that is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from connect.api import resume, source
from connect.testing.suites import SourceSuite
from tests.testing.suites.faulty import caught, suite_of


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


@source
def rows(topic: str) -> Iterator[Any]:
    """Give rows from a time on: that of the last one is in it, since others may have the same.

    Args:
        topic: Where to.
    """
    for part in ("a", "b"):
        since = resume(0, part)
        for n in range(1, 16):
            if n >= since:
                yield f"{part} {n}", n, part


@source
def all_again(topic: str) -> Iterator[Any]:
    """Give rows, and begin anew whatever the offset.

    Args:
        topic: Where to.
    """
    for n in range(30):
        yield n, n


class TestRows(SourceSuite):
    connector = rows
    config = {"topic": "t"}  # noqa: RUF012
    repeats = 1
    kills = 2


@pytest.mark.parametrize(("connector", "repeats"), [(rows, 0), (all_again, 1)])
def test_what_comes_again_is_allowed_as_far_as_the_suite_says(tmp_path: Path, connector: Any, repeats: int) -> None:
    suite = suite_of(SourceSuite, connector=connector, config={"topic": "t"}, repeats=repeats)
    said = caught(suite, "offsets_resume_after_every_record", tmp_path)
    assert ("the suite says: repeats = 1" in said) == (not repeats)
