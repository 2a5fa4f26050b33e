"""From the stream's bytes to batches: what a connector delivers of the changes, and what it notes of them for itself.

A table's shape is looked up, over the control connection, where the stream describes it: at its first change, and after
it was altered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from connect.api import Batch, ConfigError, Signal
from connect_postgres.cdc.catalog import Catalog
from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.pgoutput import Change, Decoded, Decoder, Relation
from connect_postgres.cdc.records import RecordMaker
from connect_postgres.cdc.shapes import Shape
from connect_postgres.cdc.signals import signal_of_message, signal_of_row
from connect_postgres.cdc.snapshot_state import KeyOrder, SnapshotState, without_read
from connect_postgres.cdc.tables import key_order
from connect_postgres.cdc.touched import Touched
from connect_postgres.connection import ended_when_silent
from connect_postgres.failures import explained
from connect_postgres.names import TableName

if TYPE_CHECKING:
    import asyncpg


class ChangeReader:
    """Of one stream. `read` is for a thread, all else for the event loop; one at a time.

    Attributes:
        decoder: Where the stream stands.
        snapshot: What of the first snapshot is delivered; None where that does not count any more.
        signals: What came since somebody took it; an error for one that makes no sense.
        transactions: How many have ended so far.
        commit_us: When the last of those that came was committed, µs since the epoch; 0 before the first.

    Args:
        tell: Called with each shape that the stream brings.
        warn: Called with what a person should know, on the thread of `read`.
    """

    def __init__(
        self,
        config: CdcConfig,
        decoder: Decoder,
        maker: RecordMaker,
        catalog: Catalog,
        touched: Touched,
        snapshot: SnapshotState | None,
        *,
        tell: Callable[[Shape], None],
        warn: Callable[[str], None],
    ) -> None:
        self.decoder = decoder
        self.snapshot = snapshot
        self.signals: list[Signal | ConfigError] = []
        self.transactions = self.commit_us = 0
        self._config = config
        self._maker = maker
        self._catalog = catalog
        self._touched = touched
        self._tell = tell
        self._warn = warn
        #: None: not delivered, and of interest all the same, as the table of signals may be.
        self._shapes: dict[Relation, Shape | None] = {}
        self._orders: dict[Relation, KeyOrder | None] = {}

    def read(self, data: bytes) -> list[Batch]:
        """Decode what came, up to max.batch.size changes, and make batches of it."""
        if data:
            self.decoder.feed(data)
        decoded = self.decoder.decode(self._config.max_batch_size)
        for notice in decoded.notices:
            self._warn(f"replication slot {self._config.slot_name}: the server says: {notice}")
        self._note(decoded)
        batches = []
        for relation, changes in decoded.changes.items():
            shape = self._shapes[relation]
            if shape is None:
                continue
            left: Sequence[Change] = changes
            if self.snapshot is not None and (parts := self.snapshot.tables.get(str(relation))):
                left = without_read(changes, parts, self.snapshot.runs, self._orders.get(relation))
            orders = decoded.orders.get(relation)
            if orders is not None and len(left) < len(changes):
                orders = None
            batches += self._maker.changes(shape, left, orders)
            for column in sorted(shape.unavailable):
                self._warn(_unavailable(shape, column))
            shape.unavailable.clear()
            if shape.held_keys is not None and shape.held_keys.is_unsure:
                self._warn(_unsure(shape))
        messages = [message for message in decoded.messages if self._config.selects_message(message.prefix)]
        if messages:
            batches.append(self._maker.messages(messages))
        if self._config.provide_transaction_metadata and decoded.boundaries:
            batches.append(self._maker.transactions(decoded.boundaries))
        return batches

    async def judge(self, control: Callable[[], Awaitable[asyncpg.Connection]]) -> None:
        """Say of the relation that `decoder` waits with whether it is wanted. `control`: the connection for looks."""
        relation = self.decoder.wanted
        assert relation is not None, "it waits"
        name, config = TableName(relation.name, relation.schema), self._config
        is_read = await asyncio.to_thread(config.selects, name)
        if is_read:
            connection = await control()
            with ended_when_silent(connection):
                async with explained(f"looking at table {name}", config.target):
                    types = [column.type_oid for column in relation.columns]
                    table = await self._catalog.describe(connection, relation.oid, types)
            self._orders[relation] = key_order(relation, table)
            shape = await asyncio.to_thread(Shape, relation, table, config)
            self._tell(shape)
            self._shapes[relation] = shape
        elif config.is_signal_table(name):
            self._shapes[relation] = None
        self.decoder.judge(relation, is_wanted=relation in self._shapes)

    def _note(self, decoded: Decoded) -> None:
        """Take note of what belongs to signals and incremental snapshots."""
        touched, config = self._touched, self._config
        for boundary in decoded.boundaries:
            self.commit_us = boundary.transaction.commit_us
            if boundary.is_end:
                self.transactions += 1
            else:
                touched.begin(boundary.transaction.xid)
        if not config.takes_signals:
            return
        noted = [(relation, [change]) for relation, change in decoded.noted]
        for relation, changes in (*decoded.changes.items(), *noted):
            name = str(relation)
            if name == touched.table:
                touched.add(relation, changes)
            if name == config.signal_data_collection:
                self._take_rows(relation, changes)
        for message in decoded.messages:
            if message.prefix == config.signal_prefix:
                self._take_signal(lambda content=message.content: signal_of_message(content, config))  # type: ignore[misc]

    def _take_rows(self, relation: Relation, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.operation == "c":
                self._take_signal(lambda change=change: signal_of_row(relation, change))  # type: ignore[misc]

    def _take_signal(self, read: Callable[[], Signal]) -> None:
        try:
            self.signals.append(read())
        except ConfigError as error:
            self.signals.append(error)


def _unavailable(shape: Shape, column: str) -> str:
    return (
        f"table {shape.name}, column {column}: the server does not send a large value that an update leaves as it was, "
        "and a number made of unavailable.value.placeholder stands for it, which the sink of PostgreSQL knows and "
        f"other consumers may not: run ALTER TABLE {shape.name.sql} REPLICA IDENTITY FULL, and all values are sent"
    )


def _unsure(shape: Shape) -> str:
    return (
        f"table {shape.name}: its primary key is DEFERRABLE, and within a transaction a row took a key and gave it up "
        "again; where another row had that key all along, its record is deleted with it, since the stream does not "
        "tell: make the key NOT DEFERRABLE, or read the table again with the signal execute-snapshot"
    )
