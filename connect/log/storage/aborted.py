"""A segment's transaction index: the aborted transactions whose marker lies in the segment.

Unlike the other indexes this one is not about speed: without it a reader cannot know what to leave out. So it is
written and synced before the segment after it is begun, and made again from the whole log where it is missing or
damaged.

Source: Kafka, TransactionIndex.java, AbortedTxn.java.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from connect.log.storage.files import Disk, disk_faults
from connect.records import AbortedTransaction

# All big-endian.
_ENTRY: Final = struct.Struct(
    ">"
    "h"  # 0   version: 0
    "q"  # 2   producer id
    "q"  # 10  first offset
    "q"  # 18  last offset: that of the marker
    "q"  # 26  last stable offset when the marker was written
)
assert _ENTRY.size == 34


def save_aborted(disk: Disk, path: Path, transactions: Sequence[AbortedTransaction]) -> None:
    """Write a segment's index. An empty file says that nothing was aborted."""
    assert all(0 <= t.first_offset <= t.last_offset for t in transactions), "a transaction ends behind its beginning"
    raw = b"".join(
        _ENTRY.pack(0, t.producer_id, t.first_offset, t.last_offset, t.last_stable_offset) for t in transactions
    )
    with disk_faults("write", path):
        if raw:
            disk.replace(path, raw)
        else:
            disk.write(path, b"")


def load_aborted(path: Path) -> list[AbortedTransaction] | None:
    """Read a segment's index; None where it is missing or cannot be right."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(raw) % _ENTRY.size:
        return None
    transactions = []
    for version, *fields in _ENTRY.iter_unpack(raw):
        transaction = AbortedTransaction(*fields)
        if version or not 0 <= transaction.first_offset <= transaction.last_offset:
            return None
        transactions.append(transaction)
    return transactions


def touching(
    indexes: Iterable[Sequence[AbortedTransaction]], from_offset: int, to_offset: int
) -> tuple[AbortedTransaction, ...]:
    """Return the aborted transactions that may have records in [from_offset, to_offset), by first offset.

    Args:
        indexes: Those of the segment that holds `from_offset` and of the ones after it, read as far as needed.
    """
    found: list[AbortedTransaction] = []
    for index in indexes:
        is_complete = False
        for transaction in index:
            if transaction.last_offset >= from_offset and transaction.first_offset < to_offset:
                found.append(transaction)
            # Whatever is aborted later begins behind this one's last stable offset.
            is_complete = is_complete or transaction.last_stable_offset >= to_offset
        if is_complete:
            break
    return tuple(sorted(found, key=lambda transaction: transaction.first_offset))
