from __future__ import annotations

import asyncio

import pytest

from connect.api import ConflictError
from connect.runtime.connector_locks import Turns


async def test_turns_come_in_order_of_arrival_and_leave_nothing_behind() -> None:
    turns, order = Turns(), []

    async def one(number: int) -> None:
        async with turns.take("c", "counting"):
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(one(n) for n in range(5)))
    assert order == [0, 1, 2, 3, 4]
    assert turns._turns == {}


async def test_connectors_do_not_wait_for_each_other() -> None:
    turns = Turns()
    async with turns.take("a", "waiting"), turns.take("b", "going on", timeout_s=1):
        pass


async def test_who_waits_too_long_is_told_for_what_and_the_turn_goes_on() -> None:
    turns = Turns()
    async with turns.take("c", "PUT stop"):
        with pytest.raises(ConflictError, match="PUT stop") as caught:
            async with turns.take("c", "DELETE", timeout_s=0.01):
                pass
        assert caught.value.code == "connector.busy"
    async with turns.take("c", "DELETE", timeout_s=1):
        pass
    assert turns._turns == {}


async def test_a_cancelled_wait_leaves_the_turn_to_the_next() -> None:
    turns = Turns()
    async with turns.take("c", "first"):
        waiting = asyncio.create_task(turns.take("c", "second").__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with turns.take("c", "third", timeout_s=1):
        pass
