"""Which rows of one table the stream's latest transactions have touched, so that rows that were read beside it know
their place.

Rows are read in a snapshot of the server's, and join the stream at a fence: a place between two transactions in front
of which lie all that the snapshot shows. What lies in front of it and does not show has touched some of these rows; the
stream has delivered newer ones, so they are dropped.

A transaction is in the stream a moment before snapshots show it: its commit is written first, and with a synchronous
standby that moment may be long. So transactions are remembered that came before their table was looked at; as long as
one of them does not show, nothing is known about what it touched, and the rows have to be read again.

A row is known by the columns of the replica identity, which is all that updates and deletes tell of the row before.
Inserts count for nothing: their rows are in no snapshot that does not show them. Nor do truncates: they wait for the
lock of whoever reads, so they lie in front of the snapshot or behind the fence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

from connect_postgres.cdc.pgoutput import UNCHANGED, Change, Relation, Row
from connect_postgres.cdc.snapshot_state import shows

#: How many transactions are remembered, at most, and how many rows of one.
TRANSACTIONS_MAX: Final = 1 << 17
ROWS_MAX: Final = 500_000
_PLAIN_BYTES: Final = 64


class Touched:
    """Of one stream; for whoever decodes it.

    Attributes:
        table: SCHEMA.TABLE of the table that is looked at; '' for none.
    """

    def __init__(self, *, is_standby: bool) -> None:
        """
        Args:
            is_standby: There a snapshot does not tell which transactions are open; but it shows all that the stream
                has brought, so nothing needs to be known of before.
        """
        self.table = ""
        self._is_standby = is_standby
        #: None: not known. Oldest first.
        self._by_xid: dict[int, set[bytes] | None] = {}
        self._identity: tuple[str, ...] | None = None

    def look_at(self, table: str) -> None:
        """Look at another table from now on."""
        if table == self.table:
            return
        self.table, self._identity = table, None
        if self._is_standby:
            self._by_xid.clear()
        else:
            self._by_xid = dict.fromkeys(self._by_xid)

    def begin(self, xid: int) -> None:
        """Take note of a transaction that begins in the stream."""
        by_xid = self._by_xid
        if not self.table:
            if self._is_standby:
                return
            by_xid[xid] = None
        else:
            by_xid.setdefault(xid, set())
        if len(by_xid) > TRANSACTIONS_MAX:
            del by_xid[next(iter(by_xid))]

    def add(self, relation: Relation, changes: Iterable[Change]) -> None:
        """Take note of changes of the table."""
        places = identity_places(relation)
        identity = tuple(relation.columns[place].name for place in places)
        if identity != self._identity:
            if self._identity is not None:
                self._by_xid = dict.fromkeys(self._by_xid)
            self._identity = identity
        for change in changes:
            if change.operation not in ("u", "d"):
                continue
            xid = change.transaction.xid
            known = self._by_xid.setdefault(xid, set())
            if known is None:
                continue
            row = change.old if change.old is not None else change.new
            key = None if row is None else row_key(row, places)
            if key is None or len(known) >= ROWS_MAX:
                self._by_xid[xid] = None
            else:
                known.add(key)

    def unseen(self, snapshot: str, identity: Sequence[str]) -> set[bytes] | None:
        """Return the keys of rows that were touched by what does not show in a snapshot; forget what shows.

        Args:
            identity: The columns that the rows of the snapshot are known by.

        Returns:
            None: that is not known; read them again.
        """
        by_xid = self._by_xid = {
            xid: keys for xid, keys in self._by_xid.items() if not shows(snapshot, xid, is_partial=self._is_standby)
        }
        if None in by_xid.values():
            return None
        found = set[bytes]().union(*(keys for keys in by_xid.values() if keys))
        if found and self._identity is not None and self._identity != tuple(identity):
            return None
        return found


def identity_places(relation: Relation) -> tuple[int, ...]:
    """Return which columns a row is known by: those of the replica identity."""
    return tuple(place for place, column in enumerate(relation.columns) if column.in_identity)


def row_key(row: Row, places: Sequence[int]) -> bytes | None:
    """Return what a row is known by; None where a value is not there. Long ones by their digest."""
    parts = []
    for place in places:
        text = row[place]
        if text is UNCHANGED:
            return None
        parts.append(b"-" if text is None else b"%d:%b" % (len(text), text))
    key = b"".join(parts)
    return key if len(key) <= _PLAIN_BYTES else hashlib.blake2b(key, digest_size=32).digest()
