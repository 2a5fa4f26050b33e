from __future__ import annotations

import asyncio

import pytest

from connect.runtime.connector_context import connector_context, context_text, of_connector, parts_of


async def test_each_task_has_a_context_of_its_own_and_outside_there_is_none() -> None:
    async def inside(text: str) -> str:
        connector_context.set(text)
        await asyncio.sleep(0)
        return connector_context.get()

    assert await asyncio.gather(inside("[a|task-0] "), inside("[b|worker] ")) == ["[a|task-0] ", "[b|worker] "]
    assert connector_context.get() == ""


@pytest.mark.parametrize(
    ("name", "task"), [("orders", None), ("orders", 0), ("a|task-1] ", 12), ("", None), ("a\nb", 3)]
)
def test_a_context_says_the_connector_and_the_task_it_was_made_of(name: str, task: int | None) -> None:
    assert parts_of(context_text(name, task)) == (name, task)
    assert of_connector(name, task) == {"connector_context": context_text(name, task)}


def test_what_is_no_context_is_a_name() -> None:
    assert parts_of("somebody ") == ("somebody", None)
