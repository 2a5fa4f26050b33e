"""The waits of a source that has nothing: how long they are, and what wakes it."""

from __future__ import annotations

import asyncio

import pytest

from connect.runtime.tasks.idling import IDLE_WAIT_MAX_S, IDLE_WAIT_MIN_S, POLL_WAIT_MAX_S, Idling


async def test_waits_grow_to_the_longest_one_and_faster_before_a_first_record() -> None:
    fresh, known = Idling(), Idling()
    known.brought()
    waits: dict[Idling, list[float]] = {fresh: [], known: []}
    for idling, found in waits.items():
        while not found or found[-1] < IDLE_WAIT_MAX_S:
            found.append(idling.wait_s(None))
            idling.waited()
    assert waits[fresh][:3] == [IDLE_WAIT_MIN_S, 2 * IDLE_WAIT_MIN_S, 4 * IDLE_WAIT_MIN_S]
    assert len(waits[fresh]) < len(waits[known]) / 2


async def test_a_record_or_a_wakeup_begins_the_waits_anew() -> None:
    idling = Idling()
    for begin_anew in (idling.brought, idling.was_woken):
        idling.waited()
        assert idling.wait_s(None) > IDLE_WAIT_MIN_S
        begin_anew()
        assert idling.wait_s(None) == IDLE_WAIT_MIN_S


@pytest.mark.parametrize(
    ("told", "waits"), [(0.2, 0.2), (1e-9, IDLE_WAIT_MIN_S), (1e9, POLL_WAIT_MAX_S), ("long", 0.005), (-1, 0.005)]
)
async def test_a_plugin_says_how_long_within_bounds(told: object, waits: float) -> None:
    assert Idling().wait_s(told) == waits


async def test_a_wakeup_from_another_thread_sets_the_event_once_for_each_poll() -> None:
    idling = Idling()
    await asyncio.to_thread(lambda: [idling.wakeup() for _ in range(1000)])
    async with asyncio.timeout(5):
        await idling.is_woken.wait()
    idling.is_woken.clear()
    await asyncio.to_thread(idling.wakeup)
    async with asyncio.timeout(5):
        await idling.is_woken.wait()


def test_a_wakeup_behind_the_end_of_the_loop_is_nobodys() -> None:
    async def make() -> Idling:
        return Idling()

    idling = asyncio.run(make())
    idling.wakeup()
    assert not idling.is_woken.is_set()
