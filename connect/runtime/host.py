"""What a worker's process offers to its faces: a herder, its own or the group's leader's."""

from __future__ import annotations

import asyncio
from typing import Protocol

from connect.runtime.base import Base
from connect.runtime.herder import Herder
from connect.runtime.model import Health, WorkerView


class Host(Protocol):
    """A worker that is alone (`Herder`), or one of a group (`Node`). For the event loop."""

    @property
    def base(self) -> Base:
        """What the process stands on."""

    @property
    def herder(self) -> Herder | None:
        """The herder, where it is here."""

    @property
    def lost(self) -> asyncio.Event:
        """Set once this life of the worker is over, though it was not asked to stop."""

    @property
    def leader_url(self) -> str | None:
        """Where another worker of the group leads; None where this one does, or none is known."""

    def workers(self) -> list[WorkerView]:
        """Return the workers of the group, in the order of their URLs; this one is among them."""

    def leading(self) -> Herder:
        """Return the herder.

        Raises:
            ConflictError: worker.rebalancing: it is another worker's, or nobody's just now.
        """

    def health(self) -> Health:
        """Say whether this worker can serve."""

    async def join(self, url: str) -> None:
        """Begin to take part in the group, if there is one.

        Args:
            url: Where the other workers reach this one's REST.
        """

    def stop_soon(self) -> None:
        """Begin to stop, while REST and others close. Safe to call twice."""

    async def drain(self) -> None:
        """Stop connectors and tasks, and leave the group, while REST still answers; closing does what is left of that.

        Returns within the grace time and a little more. Goes on where its caller is cancelled.
        """

    def raise_failure(self) -> None:
        """Raise what this life ended by, if it ended by an error."""
