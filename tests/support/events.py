"""Reading streams of server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.support.plain import NO_TLS
from tests.support.worker import DEADLINE_S


class Events:
    """The events of one stream, and the rows as a page would have them.

    Attributes:
        rows: By name.
        names: Of all events that came, in their order.
    """

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.rows: dict[str, Any] = {}
        self.names: list[str] = []
        self._lines = answer.aiter_lines()

    async def next(self, *, deadline_s: float = DEADLINE_S) -> tuple[str, Any]:
        """Return the next event's name and data, and have the rows follow."""
        async with asyncio.timeout(deadline_s):
            name, data = await anext(self._lines), await anext(self._lines)
            assert await anext(self._lines) == ""
        name, value = name.removeprefix("event: "), json.loads(data.removeprefix("data: "))
        self.names.append(name)
        if name == "snapshot":
            self.rows.clear()
        for row in value.get("connectors", ()):
            self.rows[row["name"]] = row
        for gone in value.get("names", ()):
            self.rows.pop(gone, None)
        return name, value

    async def until(self, condition: Callable[[dict[str, Any]], Any], *, deadline_s: float = DEADLINE_S) -> Any:
        """Read on until the rows are as wanted; return what the condition returned."""
        async with asyncio.timeout(deadline_s):
            while not (found := condition(self.rows)):
                await self.next()
        return found


@asynccontextmanager
async def events_of(url: str, **options: Any) -> AsyncIterator[Events]:
    """Listen to a worker on a connection of one's own."""
    async with (
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=DEADLINE_S, verify=NO_TLS) as client,
        client.stream("GET", "/v1/events", **options) as answer,
    ):
        yield Events(answer)
