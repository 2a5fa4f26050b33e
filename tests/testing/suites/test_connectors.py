from __future__ import annotations

import asyncio
from typing import Any

import pytest

from connect.testing.harness.sources import SourceHarness
from connect.testing.suites.connectors import ConnectorSuite, cancelled_after
from tests.testing.suites.test_sources import ticks


@pytest.mark.parametrize(("turns", "given"), [(0, None), (1, None), (5, "done")])
async def test_what_is_done_before_it_is_cancelled_is_given_and_nothing_else(turns: int, given: str | None) -> None:
    async def wait() -> str:
        for _ in range(2):
            await asyncio.sleep(0)
        return "done"

    assert await cancelled_after(wait(), turns) == given


async def test_nothing_to_await_is_nothing() -> None:
    assert await cancelled_after(None, 0) is None


class TicksSuite(ConnectorSuite):
    deadline_s = 0.2

    def plugin_class(self) -> Any:
        return ticks

    def stop_of(self, harness: SourceHarness, call: Any) -> None:
        self._stops_within(harness, call, "a poll")


def test_a_call_that_does_not_end_with_a_stop_is_named() -> None:
    with SourceHarness(ticks, {"topic": "t"}) as harness:
        waits = harness.context.stopping.wait
        TicksSuite().stop_of(harness, lambda: waits(10))  # a stop ends it
    with (
        SourceHarness(ticks, {"topic": "t"}) as harness,
        pytest.raises(pytest.fail.Exception, match=r"a poll goes on for 0\.2 s behind a stop"),
    ):
        TicksSuite().stop_of(harness, lambda: asyncio.run(asyncio.sleep(1)))


def test_what_a_call_raises_as_it_is_stopped_is_no_fault() -> None:
    def fail() -> None:
        raise OSError("closed")

    with SourceHarness(ticks, {"topic": "t"}) as harness:
        TicksSuite().stop_of(harness, fail)
