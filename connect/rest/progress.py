"""How far the tasks of all workers of a group have come: each worker tells of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

from fastapi import Request

from connect.rest.connectors import herder_of, host_of
from connect.rest.forwarding import LeaderClient
from connect.runtime.host import Host
from connect.runtime.model import State, TaskId, TaskProgress

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

T = TypeVar("T")

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
    parts = await ask_others(host, client, headers, "/v1/worker", _all_parsed)
    return [progress for part in parts for progress in part]


async def ask_others(
    host: Host, client: LeaderClient, headers: Mapping[str, str], path: str, parse: Callable[[Any], T]
) -> list[T]:
    """Return what all other workers of the group answer at a path; one that does not answer is left out, and named."""
    others = [view.url for view in host.workers() if view.url != host.base.url]
    if not others:
        return []
    told = await asyncio.gather(*(_told(client.get(), url, path, headers, parse) for url in others))
    return [part for parts in told for part in parts]


async def ask_for_parts(request: Request, name: str, what: str, parse: Callable[[Any], T]) -> list[T]:
    """Return what the other workers of the group know of a connector, as the user that asks here.

    Args:
        what: The end of the path, with its query: `series?since_ms=0`.
    """
    path = f"/v1/worker/connectors/{quote(name, safe='')}/{what}"
    return await ask_others(host_of(request), request.app.state.leader, asking(request), path, parse)


async def _told(
    client: httpx.AsyncClient, url: str, path: str, headers: Mapping[str, str], parse: Callable[[Any], T]
) -> list[T]:
    import httpx

    try:
        async with asyncio.timeout(_TOLD_WITHIN_S):
            answer = await client.get(f"{url}{path}", headers=headers)
        answer.raise_for_status()
        return [parse(answer.json())]
    except (httpx.HTTPError, TimeoutError, LookupError, TypeError, ValueError) as error:
        logger.warning("the tasks of worker %s are left out: %s: %s", url, type(error).__name__, error)
        return []


def _all_parsed(told: dict[str, Any]) -> list[TaskProgress]:
    return [_parsed(task) for task in told["tasks"]]


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
        batch_ms_p99=task.get("batch_ms_p99"),
    )
