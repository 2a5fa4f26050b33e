from __future__ import annotations

import asyncio

import pytest

from connect.api import ConflictError
from connect.runtime.connector_locks import ConnectorLocks


async def test_a_lock_is_given_in_order_of_arrival_and_leaves_nothing_behind() -> None:
    locks, order = ConnectorLocks(), []

    async def one(number: int) -> None:
        async with locks.take("c", "counting"):
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(one(n) for n in range(5)))
    assert order == [0, 1, 2, 3, 4]
    assert locks._locks == {}


async def test_connectors_do_not_wait_for_each_other() -> None:
    locks = ConnectorLocks()
    async with locks.take("a", "waiting"), locks.take("b", "going on", timeout_s=1):
        pass


async def test_who_waits_too_long_is_told_for_what_and_the_lock_goes_on() -> None:
    locks = ConnectorLocks()
    async with locks.take("c", "PUT stop"):
        with pytest.raises(ConflictError, match="PUT stop") as caught:
            async with locks.take("c", "DELETE", timeout_s=0.01):
                pass
        assert caught.value.code == "connector.busy"
    async with locks.take("c", "DELETE", timeout_s=1):
        pass
    assert locks._locks == {}


async def test_a_cancelled_wait_leaves_the_lock_to_the_next() -> None:
    locks = ConnectorLocks()
    async with locks.take("c", "first"):
        waiting = asyncio.create_task(locks.take("c", "second").__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with locks.take("c", "third", timeout_s=1):
        pass
