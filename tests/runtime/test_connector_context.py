from __future__ import annotations

import asyncio

from connect.runtime.connector_context import connector_context


async def test_each_task_has_a_context_of_its_own_and_outside_there_is_none() -> None:
    async def inside(text: str) -> str:
        connector_context.set(text)
        await asyncio.sleep(0)
        return connector_context.get()

    assert await asyncio.gather(inside("[a|task-0] "), inside("[b|worker] ")) == ["[a|task-0] ", "[b|worker] "]
    assert connector_context.get() == ""
