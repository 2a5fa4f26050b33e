from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from connect.api import EnvironmentFault
from connect.stores.releasing import release_all


async def test_each_is_released_and_the_first_failure_is_raised(caplog: pytest.LogCaptureFixture) -> None:
    released: list[str] = []

    def release(name: str, error: BaseException | None = None) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            released.append(name)
            if error is not None:
                raise error

        return run

    broken, worse = EnvironmentFault("a broken disk"), EnvironmentFault("another broken disk")
    with pytest.raises(EnvironmentFault, match=r"^a broken disk") as raised:
        await release_all([release("a"), release("b", broken), release("c", worse), release("d")])
    assert raised.value is broken
    assert released == ["a", "b", "c", "d"]
    assert "releasing failed too: EnvironmentFault: another broken disk" in caplog.text


async def test_a_cancelled_caller_releases_what_is_left() -> None:
    began, released = asyncio.Event(), list[str]()

    async def hangs() -> None:
        began.set()
        await asyncio.Event().wait()

    async def goes() -> None:
        released.append("the other")

    releasing = asyncio.create_task(release_all([hangs, goes]))
    await began.wait()
    releasing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await releasing
    assert released == ["the other"]
