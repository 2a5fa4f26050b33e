"""Releasing several things of which one may fail."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable

logger = logging.getLogger(__name__)


async def release_all(releases: Iterable[Callable[[], Awaitable[object]]]) -> None:
    """Await each in its order, whatever those before it raise: a cancellation of the caller, too.

    Raises:
        BaseException: What the first raised that failed; what others raise is logged.
    """
    first: BaseException | None = None
    for release in releases:
        try:
            await release()
        except BaseException as error:
            if first is not None:
                logger.error("releasing failed too: %s: %s", type(error).__name__, error)
            first = first or error
    if first is not None:
        raise first
