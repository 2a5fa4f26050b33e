"""Fixtures for pytest, which finds them by its entry point: a test names one, and imports nothing.

Everything is imported with the first test that asks for it: pytest loads this module in every project that has Connect
installed. So it stands beside `connect.testing`, and not in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest


@pytest.fixture
def connect_source() -> Iterator[Callable[..., Any]]:
    """Start source tasks: `connect_source(ticks, {"topic": "t"})` is a `SourceHarness`, stopped behind the test."""
    from connect.testing import SourceHarness

    with ExitStack() as stack:
        yield lambda connector, config, **options: stack.enter_context(SourceHarness(connector, config, **options))


@pytest.fixture
def connect_sink() -> Iterator[Callable[..., Any]]:
    """Start sink tasks: `connect_sink(collect, {"out": "f"})` is a `SinkHarness`, which is flushed and stopped behind
    the test."""
    from connect.testing import SinkHarness

    with ExitStack() as stack:
        yield lambda connector, config, **options: stack.enter_context(SinkHarness(connector, config, **options))


@pytest.fixture
def connect_worker() -> Iterator[Callable[..., Any]]:
    """Start workers: `connect_worker(plugins=[my_module])` is a `Worker`, stopped behind the test."""
    from connect.testing import Worker

    with ExitStack() as stack:
        yield lambda *args, **options: stack.enter_context(Worker(*args, **options))


@pytest.fixture
def connect_transformed() -> Callable[..., list[Any]]:
    """Apply a transform: `connect_transformed(shout, {"mark": "?"}, "a")` is the list of records that come of it."""
    from connect.testing import transformed

    def apply(transform: Any, config: Mapping[str, str] | None, *items: Any) -> list[Any]:
        return list(transformed(transform, config, *items))

    return apply


@pytest.fixture
def connect_clock() -> Iterator[Any]:
    """A `Clock` that the test moves; name it in front of what is to see it."""
    from connect.testing import Clock

    with Clock() as clock:
        yield clock
