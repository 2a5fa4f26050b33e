"""What of a snapshot is delivered, and which changes of the stream it holds already.

A snapshot is read in one or more runs: one in the best case, and another one for each time that it was broken off. All
tables of a run are read in one snapshot of the server's, by several connections; it shows what a transaction did or
does not show it, whatever table that touched. So for each table it is enough to know which run read which part of it,
in the order of its key:

    public.orders    up to key 70,000: run 0      to the end: run 1
    public.lines     to the end: run 0

Streaming begins where the slot was made, in front of the snapshot. A change is left out where the run that read its row
showed its transaction already, and delivered where it did not: so nothing is lost, and nothing comes twice, although
parts were read at different times. Where an update moves a row from one part to another, the two halves of it, a delete
and an insert, are judged each by its own part.

A transaction that is committed behind a run's end in the write-ahead log cannot show in it. Once the stream has passed
the last run's end, nothing needs to be remembered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from connect.api import ConfigError
from connect_postgres.cdc.pgoutput import UNCHANGED, Change, Row, Transaction

_SNAPSHOT: Final = re.compile(r"|\d+:\d+:(\d+(,\d+)*)?", re.ASCII)
#: A key's values in order, such that Python orders them as the server does.
Key = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """One run.

    Attributes:
        snapshot: As pg_current_snapshot() prints it: 'XMIN:XMAX:XIP,…'; '' where it shows exactly what was committed
            before `lsn`.
        lsn: An end of the write-ahead log at which the snapshot was taken already.
        replayed_lsn: Of a standby's, which does not list which transactions are open: how far it had come when the
            snapshot was not taken yet; None for a primary's.
    """

    snapshot: str
    lsn: int
    replayed_lsn: int | None = None

    def shows(self, transaction: Transaction) -> bool:
        """Return whether a committed transaction shows in it. One that a standby replayed while its snapshot was taken
        may show though this says no: what it did comes once more, and nothing is missed."""
        if transaction.final_lsn >= self.lsn:
            return False
        if self.replayed_lsn is not None:
            return transaction.final_lsn < self.replayed_lsn or shows(self.snapshot, transaction.xid, is_partial=True)
        return not self.snapshot or shows(self.snapshot, transaction.xid)

    def to_list(self) -> list[Any]:
        """Write it, for JSON."""
        return [self.snapshot, self.lsn, *([] if self.replayed_lsn is None else [self.replayed_lsn])]

    @classmethod
    def of_list(cls, written: Sequence[Any]) -> Run:
        """Read what `to_list` wrote. Raises `ValueError` or `TypeError` where it is none."""
        snapshot, lsn, *replayed = written
        if len(replayed) > 1:
            raise ValueError(f"a run of {len(written)} parts")
        return cls(str(snapshot), int(lsn), int(replayed[0]) if replayed else None)


@dataclass(slots=True)
class Part:
    """The part of a table that one run read: behind the part before it, up to a key; None: to the end."""

    run: int
    up_to: Key | None


@dataclass(slots=True)
class SnapshotState:
    """All of it. Goes through an offset as text.

    Attributes:
        tables: By SCHEMA.TABLE the parts in order. A table whose last part goes to the end is read.
        is_read: Whether all tables are read.
    """

    runs: list[Run] = field(default_factory=list)
    tables: dict[str, list[Part]] = field(default_factory=dict)
    is_read: bool = False

    def is_table_read(self, table: str) -> bool:
        """Return whether a table was read to its end."""
        parts = self.tables.get(table)
        return bool(parts) and parts[-1].up_to is None  # type: ignore[index] # it is not empty

    def reached(self, table: str) -> Key | None:
        """Return behind which key a table is to be read on; None: from the beginning."""
        parts = self.tables.get(table)
        return parts[-1].up_to if parts else None

    def note(self, table: str, run: int, up_to: Key | None) -> None:
        """Take note that a run has read a table up to a key, or to the end."""
        parts = self.tables.setdefault(table, [])
        if parts and parts[-1].run == run:
            parts[-1].up_to = up_to
        else:
            parts.append(Part(run, up_to))

    def _check(self) -> None:
        for run in self.runs:
            if _SNAPSHOT.fullmatch(run.snapshot) is None:
                raise ValueError(f"{run.snapshot!r} is no snapshot, such as 10:20:14,15")
        for name, parts in self.tables.items():
            for part in parts:
                if not 0 <= part.run < len(self.runs):
                    raise ValueError(f"table {name} has part of run {part.run}, and there are {len(self.runs)} runs")

    @property
    def end_lsn(self) -> int:
        """Behind which position in the write-ahead log no transaction shows in any run."""
        return max((run.lsn for run in self.runs), default=0)

    def dumps(self) -> str:
        """Write it."""
        return orjson.dumps(
            {
                "runs": [run.to_list() for run in self.runs],
                "tables": {
                    name: [[part.run, list(part.up_to) if part.up_to is not None else None] for part in parts]
                    for name, parts in self.tables.items()
                },
                "is_read": self.is_read,
            }
        ).decode()

    @classmethod
    def loads(cls, text: Any) -> SnapshotState:
        """Read what `dumps` wrote.

        Raises:
            ConfigError: It is nothing of that kind.
        """
        try:
            found: Mapping[str, Any] = orjson.loads(text)
            state = cls(
                [Run.of_list(run) for run in found["runs"]],
                {
                    name: [Part(int(run), tuple(up_to) if up_to is not None else None) for run, up_to in parts]
                    for name, parts in found["tables"].items()
                },
                bool(found["is_read"]),
            )
            state._check()
            return state
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigError(f"the offset's snapshot_state cannot be read: {error!r}") from error


#: Reads one value of a key: a whole number, or text that is ordered by its bytes.
KEY_READERS: Final[dict[str, Any]] = {
    "int2": int,
    "int4": int,
    "int8": int,
    "uuid": bytes.decode,
    "text": bytes.decode,
    "varchar": bytes.decode,
}


@dataclass(frozen=True, slots=True)
class KeyOrder:
    """How the key of a table's rows is read. `indexes`: places in a row; `readers`: of `KEY_READERS`."""

    indexes: tuple[int, ...]
    readers: tuple[Any, ...]

    def key(self, row: Row, before: Key | None = None) -> Key:
        """Return a row's key. `before`: the key before a change, for what the server did not send since it is large."""
        return tuple(
            before[place] if before is not None and row[index] is UNCHANGED else read(row[index])
            for place, (index, read) in enumerate(zip(self.indexes, self.readers, strict=True))
        )


def without_read(
    changes: Sequence[Change], parts: Sequence[Part], runs: Sequence[Run], order: KeyOrder | None
) -> list[Change]:
    """Return the changes of a table that the snapshot does not hold, in order.

    Args:
        parts: Of this table.
        order: None where the table has one part only.
    """
    if len(parts) == 1 or order is None:
        run = runs[parts[-1].run]
        return [change for change in changes if not run.shows(change.transaction)]
    found = []
    for change in changes:
        shown = {index for index, part in enumerate(parts) if runs[part.run].shows(change.transaction)}
        if not shown:
            found.append(change)
        elif len(shown) < len(parts) and (left := _left_of(change, parts, shown, order)) is not None:
            found.append(left)
    return found


def _left_of(change: Change, parts: Sequence[Part], shown: set[int], order: KeyOrder) -> Change | None:
    """Return what of a change is to be delivered that some of the runs show and others do not."""
    if change.operation == "t":
        return None  # the rows that were read later are all that is left of the table
    before = None
    if change.old is not None and all(change.old[index] not in (None, UNCHANGED) for index in order.indexes):
        before = order.key(change.old)
    new = None if change.new is None else _part_of(order.key(change.new, before), parts)
    old = new if before is None else _part_of(before, parts)
    if new is None:
        return None if old in shown else change
    if change.operation == "c" or old == new:
        return None if new in shown else change
    if old in shown and new in shown:
        return None
    if old in shown:
        return change._replace(operation="c", old=None, old_is_key=False)
    return change._replace(operation="d", new=None) if new in shown else change


def _part_of(key: Key, parts: Sequence[Part]) -> int:
    for index, part in enumerate(parts):
        if part.up_to is None or key <= part.up_to:
            return index
    return len(parts) - 1


def shows(snapshot: str, xid: int, *, is_partial: bool = False) -> bool:
    """Return whether a committed transaction shows in a snapshot.

    Args:
        snapshot: As pg_current_snapshot() prints it.
        xid: Of 32 bits.
        is_partial: The snapshot does not list which are open, as a standby's: those that might be do not count.
    """
    low, high, open_ = _parts(snapshot)
    wide = _widened(xid, high)
    return wide < low or (not is_partial and wide < high and wide not in open_)


def _parts(snapshot: str) -> tuple[int, int, frozenset[int]]:
    known = _known_parts.get(snapshot)
    if known is None:
        low, high, open_ = snapshot.split(":")
        known = int(low), int(high), frozenset(map(int, filter(None, open_.split(","))))
        _known_parts.clear()  # a stream meets one or two of them
        _known_parts[snapshot] = known
    return known


_known_parts: dict[str, tuple[int, int, frozenset[int]]] = {}


def _widened(xid: int, near: int) -> int:
    """Return a transaction id of 32 bits, as the stream has it, as one of 64 that is nearest to another."""
    wide = near & ~0xFFFFFFFF | xid
    if wide > near + 0x8000_0000:
        return wide - 0x1_0000_0000
    if wide < near - 0x8000_0000:
        return wide + 0x1_0000_0000
    return wide
