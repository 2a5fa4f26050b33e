"""How far the tasks of all workers of a group have come: each worker tells of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from fastapi import Request

from connect.rest.connectors import herder_of, host_of
from connect.rest.forwarding import LeaderClient
from connect.runtime.host import Host
from connect.runtime.model import State, TaskId, TaskProgress

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

#: A worker that does not tell within so long is left out.
_TOLD_WITHIN_S: Final = 2.0


async def progress_of(request: Request) -> list[TaskProgress]:
    """Return how far every task has come, for the leader; of a worker that does not answer nothing is told.

    The others are asked as the user that asks here.
    """
    own = herder_of(request).progress()
    return [*own, *await told_by_others(host_of(request), request.app.state.leader, asking(request))]


def asking(request: Request) -> dict[str, str]:
    """Return the headers by which others are asked as the user that asks here."""
    given = request.headers.get("authorization")
    return {} if given is None else {"authorization": given}


async def told_by_others(host: Host, client: LeaderClient, headers: Mapping[str, str]) -> list[TaskProgress]:
    """Return how far the tasks of all other workers of the group have come; of one that does not answer nothing."""
    others = [view.url for view in host.workers() if view.url != host.base.url]
    if not others:
        return []
    told = await asyncio.gather(*(_told(client.get(), url, headers) for url in others))
    return [progress for each in told for progress in each]


async def _told(client: httpx.AsyncClient, url: str, headers: Mapping[str, str]) -> list[TaskProgress]:
    import httpx

    try:
        async with asyncio.timeout(_TOLD_WITHIN_S):
            answer = await client.get(f"{url}/v1/worker", headers=headers)
        answer.raise_for_status()
        return [_parsed(task) for task in answer.json()["tasks"]]
    except (httpx.HTTPError, TimeoutError, LookupError, TypeError, ValueError) as error:
        logger.warning("the tasks of worker %s are left out: %s: %s", url, type(error).__name__, error)
        return []


def _parsed(task: dict[str, Any]) -> TaskProgress:
    return TaskProgress(
        TaskId(task["connector"], task["task"]),
        State(task["state"]),
        task["records"],
        task["size_bytes"],
        task["skipped"],
        task["waiting_for"],
        task["throttled"],
        # Numbers by name of any worker; one of before this tells none.
        {str(name): float(value) for name, value in task.get("gauges", {}).items()},
    )
