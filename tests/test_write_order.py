"""Memory that follows the writes and not the answers."""

from __future__ import annotations

import asyncio

import pytest

from connect.write_order import WriteOrder


async def test_the_last_write_stays_whatever_is_answered_first():
    memory: dict[str, int] = {}
    order = WriteOrder(memory.__setitem__)
    first_may_go = asyncio.Event()
    first = asyncio.ensure_future(order.write(first_may_go.wait(), {"a": 1, "b": 1}))
    await asyncio.sleep(0)
    await order.write(asyncio.sleep(0), {"a": 2})
    first_may_go.set()
    await first
    assert memory == {"a": 2, "b": 1}


async def test_a_write_that_fails_sets_nothing_and_its_error_is_raised():
    memory: dict[str, int] = {}
    order = WriteOrder(memory.__setitem__)

    async def fail() -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        await order.write(fail(), {"a": 1})
    await order.write(asyncio.sleep(0), {"a": 2})
    assert memory == {"a": 2}


async def test_a_cancelled_caller_s_write_is_set_all_the_same():
    memory: dict[str, int] = {}
    order = WriteOrder(memory.__setitem__)
    may_go = asyncio.Event()
    caller = asyncio.ensure_future(order.write(may_go.wait(), {"a": 1}))
    await asyncio.sleep(0)
    caller.cancel()
    may_go.set()
    await order.settled()
    assert memory == {"a": 1}
