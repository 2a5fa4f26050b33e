"""Keys that are deferrable: within a transaction two rows may have one key, until one of them gives it up.

Two rows that swap their keys come as: row A takes key 2, which row B still has; then B gives it up, and takes key 1.
Told record by record, B's deletion of key 2 would be the last word on it, and A would be lost. So of each transaction
it is remembered which rows have taken which keys, by their values: where a row gives a key up that another one has
taken already, its deletion is left out.

Values tell the rows apart, since the row before a change comes whole: a deferrable key is no replica identity. Where a
row that took a key gives it up again, that is taken for the end of the key, which it is unless another row, of which
nothing came in this transaction, had it all along, or has the very same values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from connect_postgres.cdc.pgoutput import UNCHANGED, Change, Transaction

#: Keys that are remembered of one transaction; beyond that a deletion of any key is passed on.
KEYS_MAX: Final = 500_000


class HeldKeys:
    """Of one table. One change after another, in their order.

    Attributes:
        is_unsure: Whether a row gave up a key that it had taken in the same transaction, by an update.
    """

    def __init__(self) -> None:
        self.is_unsure = False
        self._transaction: tuple[int, int] | None = None
        self._rows: dict[str, list[tuple[Any, ...]]] = {}

    def begin(self, transaction: Transaction) -> None:
        """Hear which transaction the next change is of."""
        at = (transaction.xid, transaction.final_lsn)
        if at != self._transaction:
            self._transaction = at
            self._rows.clear()

    def empty(self) -> None:
        """Hear that the table is emptied."""
        self._rows.clear()

    def take(self, key: Any, change: Change) -> None:
        """Hear that a row takes a key."""
        if len(self._rows) < KEYS_MAX:
            self._rows.setdefault(repr(key), []).append(_row(change))

    def give_up(self, key: Any, change: Change) -> bool:
        """Hear that a row gives a key up; return whether nobody has it then."""
        rows = self._rows.get(repr(key))
        if not rows:
            return True
        row = tuple(change.old or ())
        if row not in rows:
            return False
        rows.remove(row)
        self.is_unsure = self.is_unsure or change.operation == "u"
        return not rows

    def keep(self, key: Any, change: Change) -> bool:
        """Hear that a row changes under its key; return whether no other one has it."""
        rows = self._rows.get(repr(key))
        if not rows:
            return True
        row = tuple(change.old or ())
        if row not in rows:
            return False
        rows[rows.index(row)] = _row(change)
        return True


def _row(change: Change) -> tuple[Any, ...]:
    """Return the row after a change; what was not sent is what it was."""
    new: Sequence[Any] = change.new or ()
    if change.old is None:
        return tuple(new)
    return tuple(old if value is UNCHANGED else value for value, old in zip(new, change.old, strict=True))
