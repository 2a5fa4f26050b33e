"""Connectors whose values hold for a time only: they are looked up again after it, and what changed is restarted.

One timer a connector, from its start to its end. A look that fails changes nothing: the connector runs on with the
values that it has, and the next look comes after the same time, or later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from connect.api import ConnectError
from connect.runtime.backoff import backoff_ms
from connect.runtime.connector_context import of_connector
from connect.runtime.providers.config_providers import ConfigProviders
from connect.runtime.providers.resolved import Resolved

logger = logging.getLogger(__name__)

#: A provider whose values hold for no time at all is not asked more often.
TTL_MS_MIN: Final = 1000
#: Longest wait after a look that failed; a longer time to live counts.
RETRY_MS_MAX: Final = 300_000
#: A wait that a timer can take; longer than any worker lives.
_TTL_MS_MAX: Final = 10 * 365 * 86_400_000


class Reloads:
    """Watches the values of connectors, on the event loop.

    Args:
        restart: Restarts a connector whose values have changed.
    """

    def __init__(self, providers: ConfigProviders, restart: Callable[[str], None]) -> None:
        self._providers = providers
        self._restart = restart
        self._watching: dict[str, asyncio.Task[None]] = {}

    def watch(self, name: str, resolved: Resolved) -> None:
        """Watch a connector that started with these values, in place of what was watched of it."""
        self.forget(name)
        if resolved.ttl_ms is not None:
            task = asyncio.create_task(self._watch(name, resolved), name=f"values of connector {name}")
            self._watching[name] = task
            task.add_done_callback(lambda done: self._ended(name, done))

    def forget(self, name: str) -> None:
        """Watch a connector no more."""
        if (task := self._watching.pop(name, None)) is not None:
            task.cancel()

    def close(self) -> None:
        """Watch nothing more."""
        for name in list(self._watching):
            self.forget(name)

    def watched(self) -> list[str]:
        """Return the connectors that are watched."""
        return sorted(self._watching)

    async def _watch(self, name: str, resolved: Resolved) -> None:
        ttl_ms, failed = resolved.ttl_ms, 0
        while ttl_ms is not None:
            wait_ms = min(max(ttl_ms, TTL_MS_MIN), _TTL_MS_MAX)
            if failed:
                wait_ms = max(wait_ms, backoff_ms(failed, first_ms=TTL_MS_MIN, max_ms=RETRY_MS_MAX))
            await asyncio.sleep(wait_ms / 1000)
            try:
                found = await self._providers.resolve(resolved.written)
            except ConnectError as error:
                failed += 1
                logger.warning(
                    "connector %s runs on with the values that it has, since they cannot be looked up again: %s",
                    name,
                    error.message,
                    extra=of_connector(name),
                )
                continue
            failed, ttl_ms = 0, found.ttl_ms
            if found.config != resolved.config:
                self._restart(name)
                return

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        if self._watching.get(name) is task:
            del self._watching[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error(
                "the values of connector %s are not watched any more", name, exc_info=error, extra=of_connector(name)
            )
