"""A source as one `async` function; see `sources.py`. Apart, as `async_flows.py` is."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from connect.api.functions.async_flows import TaskFlow
from connect.api.functions.source_tasks import FlowTask, FunctionSourceTask, listed
from connect.api.record import Batch


def form_of(function: Callable[..., Any]) -> type[FunctionSourceTask]:
    """Return the task class for an `async def` function, or for an async generator."""
    return _AsyncGeneratorTask if inspect.isasyncgenfunction(function) else _AwaitedTask


class _AwaitedTask(FunctionSourceTask):
    """An `async def` function."""

    async def poll_batch(self) -> list[Batch] | None:
        if pause_s := self.pause_s:
            await asyncio.sleep(pause_s)
            return None
        given = listed(await self.make())
        self.rest()
        return self.batches(given)


class _AsyncGeneratorTask(FlowTask):
    """An async generator."""

    async def poll_batch(self) -> list[Batch] | None:
        if idle_s := self.idle_s:
            await asyncio.sleep(idle_s)
            return None
        if self._flow is None:
            self._flow = TaskFlow(self.make, self.flow_name)
        try:
            items = await self._flow.take()
        except asyncio.CancelledError:
            raise  # it is the poll that was cancelled, and the generator goes on
        except BaseException:
            self._flow = None
            raise
        return self.taken(items)

    async def stop(self) -> None:
        if self._flow is not None:
            await self._flow.aclose()
