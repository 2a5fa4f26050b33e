"""What was written to a compacted topic inside somebody's transaction, from the append until its outcome is known.

A commit is answered to the one who asked for it, and that one may be gone by then: cancelled, left behind, or told of
a fault behind the decision. So the store keeps each such write until somebody says what became of it, or until the log
is asked: a reader of committed records finds the write's first record, or it does not, and a transaction is all or
nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from connect.api import EnvironmentFault
from connect.ports import Admin
from connect.records import Appended, TopicPartition

#: How long the outcome of a transaction may stay unknown: another producer's open one may lie before it.
SETTLED_WITHIN_S: Final = 30.0
_LOOK_AGAIN_S: Final = 0.02


class Written:
    """Entries that were appended within one transaction. `committed` or `aborted` is told once; what comes after the
    store has settled it by itself changes nothing.

    Attributes:
        owner: Whose they are.
        entries: Keys and values; None deletes.
    """

    def __init__(
        self, owner: str, entries: Mapping[bytes, bytes | None], where: Appended, apply: Callable[[Written], None]
    ) -> None:
        self.owner = owner
        self.entries = dict(entries)
        self._where = where
        self._apply = apply
        self.is_settled = False

    def committed(self) -> None:
        """The transaction is committed: the entries count."""
        if not self.is_settled:
            self.is_settled = True
            self._apply(self)

    def aborted(self) -> None:
        """The transaction was aborted, or never committed: the entries never count."""
        self.is_settled = True

    async def ask(self, admin: Admin, topic: str, within_s: float) -> None:
        """Find out in the log what became of it, once its producer cannot change that any more.

        Raises:
            EnvironmentFault: Its transaction, or one before it in the topic, stays open.
        """
        number, first, _ = self._where.pieces[0]
        at, loop = TopicPartition(topic, number), asyncio.get_running_loop()
        deadline = loop.time() + within_s
        while not self.is_settled:
            batches = await admin.fetch(at, first, isolation="read_committed")
            if self.is_settled:
                return
            if batches:
                found = next((batch for batch in batches if batch.next_offset > first), None)
                if found is not None and first in found.offsets:
                    self.committed()
                else:
                    self.aborted()
                return
            if loop.time() >= deadline:
                raise EnvironmentFault(
                    f"{at}: whether the record at offset {first} is committed was not to be known within "
                    f"{within_s:g} s: a transaction is open there",
                    hint="Start the task again once that transaction has ended.",
                )
            await asyncio.sleep(_LOOK_AGAIN_S)
