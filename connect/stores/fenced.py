"""Writing as the one who may: each append is a transaction of its own, under an id that the next one takes.

What a worker that led the group writes late, after a freeze or a cut connection, is refused by the brokers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from connect.api import ConflictError, ConnectError
from connect.api.error_codes import register_code
from connect.api.errors import ProducerFencedError
from connect.ports import Acks, Cluster, Producer
from connect.records import Appended, Columns

logger = logging.getLogger(__name__)

REBALANCING: Final = register_code(
    "worker.rebalancing",
    "No worker of the group leads just now, or the leader does not answer: one has joined, stopped or died.",
    "Send the request again in a few seconds.",
)

#: How long closing waits for an append that is under way.
_CLOSE_S: Final = 5.0


class FencedProducer:
    """Appends that count only as long as nobody else has taken the transactional id. For the event loop.

    Args:
        transactional_id: Of the one who may write; `open` takes it from whoever had it.
        on_fenced: Called when somebody else has taken it, or nothing can be written with it any more.
    """

    def __init__(self, cluster: Cluster, transactional_id: str, on_fenced: Callable[[], None]) -> None:
        self._cluster = cluster
        self._id = transactional_id
        self._on_fenced = on_fenced
        self._producer: Producer | None = None
        self._lock = asyncio.Lock()
        self._is_fenced = False

    async def open(self) -> None:
        """Take the id: from now on whoever had it is refused, and what that one left open is aborted."""
        self._producer = self._make()
        await self._producer.init_transactions()

    async def aclose(self) -> None:
        """Release, once the append that is under way has ended; safe to call twice, and without `open`."""
        if self._producer is None:
            return
        try:
            async with asyncio.timeout(_CLOSE_S), self._lock:
                await self._producer.aclose()
        except TimeoutError:
            await self._producer.aclose()

    async def append(self, topic: str, columns: Columns, *, acks: Acks = "durable") -> Appended | None:
        """Append records, all or none; see `Producer.append`. Calls are carried out in their order.

        Raises:
            ConflictError: worker.rebalancing: somebody else has the id; nothing was appended, and nothing ever will be.
        """
        async with self._lock:
            assert self._producer is not None, "it is open"
            if self._is_fenced:
                raise _refusal(topic)
            try:
                await self._producer.begin_transaction()
                try:
                    where = await self._producer.append(topic, columns, acks=acks)
                    await self._producer.commit_transaction()
                except ProducerFencedError:
                    raise
                except BaseException:
                    await self._end()
                    raise
            except ProducerFencedError as error:
                self._end_for_good()
                raise _refusal(topic) from error
            return where

    async def _end(self) -> None:
        """Leave nothing open behind a failure: what was appended is aborted, or was committed after all.

        Where that cannot be done, the id is not taken anew here: somebody else may have it by right.
        """
        assert self._producer is not None
        try:
            await self._producer.abort_transaction()
        except ProducerFencedError:
            raise
        except ConnectError as error:
            logger.error("a transaction of %s could not be ended: %s", self._id, error.message)
            self._end_for_good()

    def _end_for_good(self) -> None:
        self._is_fenced = True
        self._on_fenced()

    def _make(self) -> Producer:
        configs = {"transactional.id": self._id, "transaction.timeout.ms": "10000"}
        return self._cluster.producer(client_id=f"connect-{self._id}", configs=configs, internal=True)


def _refusal(topic: str) -> ConflictError:
    return ConflictError(
        f"nothing was written to {topic}: this worker does not lead its group any more", code=REBALANCING
    )
